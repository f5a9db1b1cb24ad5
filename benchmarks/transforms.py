"""What transforms cost over a plain copy: `make bench PART=transforms ARGS="--scale 0.1"`.

Lineitem, with and without rename, cast, filter and mask, by turns (A B, A B); the median of the ratios counts. The
filter keeps all rows, so that both load as many.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from contextlib import closing
from pathlib import Path

import data
from places import Servers

import ropeway

TARGET = 1.15
TWIN = "benchmark_transforms"
STEPS: list[dict[str, object]] = [
    {"rename": {"l_comment": "remark", "l_shipmode": "mode"}},
    {"cast": {"l_quantity": {"type": "decimal(12,1)", "rounding": "half_even"}, "l_linenumber": "int64"}},
    {"filter": "l_orderkey > 0 AND remark IS NOT NULL"},
    {"mask": {"mode": {"as": "hash", "length": 16}}},
]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure transforms.")
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=data.DEFAULT)
    given = parser.parse_args()
    os.environ.setdefault("ROPEWAY_MASK_SALT", "benchmark")
    with closing(Servers(given.folder)) as servers:
        for here, there in (("mariadb", "postgresql"), ("postgresql", "mariadb")):
            source = data.source(servers, given.folder, here, "lineitem", given.scale)
            took = [(_run(source, there, servers, []), _run(source, there, servers, STEPS))
                    for _ in range(given.repetitions)]  # fmt: skip
            ratio = statistics.median(other / one for one, other in took)
            word = "met" if ratio <= TARGET else "MISSED"
            pairs = ", ".join(f"{one:.2f}/{other:.2f}" for one, other in took)
            print(
                f"{here} to {there}: {ratio:.2f} of a plain copy, at most {TARGET} {word}; seconds {pairs}", flush=True
            )


class _Planned(ropeway.Progress):
    """Notes when planning is done: what transforms add there is no matter of rows."""

    at = 0.0

    def planned(self, plan: object, receipts: object) -> None:
        del plan, receipts
        self.at = time.monotonic()


def _run(source: str, there: str, servers: Servers, steps: list[dict[str, object]]) -> float:
    server = servers.postgresql() if there == "postgresql" else servers.mariadb()
    server.drop(TWIN)
    server.make(TWIN)
    table = {"from": "lineitem", **({"transforms": steps} if steps else {})}
    job = ropeway.job(source=source, target=server.url(TWIN), tables=[table], verify="none")
    progress = _Planned()
    ropeway.run(job.request, job.secrets, limits=job.limits, progress=progress)
    took = time.monotonic() - progress.at
    server.drop(TWIN)
    return took


if __name__ == "__main__":
    main()
