"""What another verifier finds of the faults of docs/verification.md: reladiff, by SQL and bisection.

`pip install -e '.[bench]'`, then `python benchmarks/verifiers.py`. It is given a table with an integer key and asked
for all columns that it can compare. It finds a fault if it tells other rows than before it. Its settings are its own,
but for two. It shall not sort what it tells, which is an error where one of two values is NULL. And it shall take 50
rows for its 16,384, below which it reads all rows and makes no checksum.
"""

from __future__ import annotations

import logging
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import reladiff
from reladiff import TableSegment

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fault_classes import FAULTS, Fault
from fault_matrix import SEEDS, Pair, inject, loaded, repair
from fault_rows import COLUMNS
from servers import Mariadb, Postgresql
from spots import Servers, Spot

TABLE = "by_number"
AS_IF_LARGE: dict[str, Any] = {"bisection_factor": 5, "bisection_threshold": 50}
PAIRS = (("postgresql", "postgresql"), ("postgresql", "mariadb"))


def connected(place: Spot) -> Any:
    parts = urlsplit(place.url)
    driver = "mysql" if place.engine == "mariadb" else place.engine
    where: dict[str, Any] = {
        "driver": driver, "host": parts.hostname, "port": parts.port, "user": parts.username,
        "password": unquote(parts.password or ""), "database" if driver == "mysql" else "dbname": parts.path[1:],
    }  # fmt: skip
    return reladiff.connect(where)


def differences(pair: Pair, columns: Sequence[str]) -> set[Any]:
    """The rows that it tells, on connections of its own: after an error it cannot use one again."""
    others = tuple(name for name in columns if name != "id")
    with closing(connected(pair.source)) as one, closing(connected(pair.target)) as other:
        sides = [TableSegment(side, (TABLE,), ("id",), extra_columns=others) for side in (one, other)]
        return set(reladiff.diff_tables(*sides, skip_sort_results=True, **AS_IF_LARGE))


def comparable(pair: Pair) -> list[str]:
    """The columns that it can compare; what it says of the others, and where it tells rows that are the same."""
    kept = []
    for column in COLUMNS:
        try:
            alarms = {key for _, (key, *_) in differences(pair, [column.name])}
        except Exception as error:  # noqa: BLE001 - whatever driver it has
            print(f"  cannot compare {column.name}: {str(error).splitlines()[0]}")
            continue
        kept.append(column.name)
        if alarms:
            print(f"  false alarms in {column.name}: {len(alarms)} of {len(pair.held[TABLE])} rows")
    return kept


def seen(pair: Pair, fault: Fault, columns: Sequence[str], before: set[Any]) -> Counter[str]:
    """Of a fault's seeds: how many are found, missed, hit what it cannot compare, or end it with an error."""
    counted: Counter[str] = Counter()
    if TABLE not in fault.tables or fault.inexpressible(pair.source.engine, pair.target.engine):
        return counted
    for seed in range(SEEDS):
        edits = fault.make(pair.held[TABLE], random.Random(f"{fault.number} {fault.name} {seed}"), TABLE)
        inject(pair, TABLE, edits)
        names = {getattr(edit, "column", "id") for edit in edits}
        try:
            told = differences(pair, columns) != before
            counted["found" if told else "missed" if names & set(columns) else "not compared"] += 1
        except Exception:  # noqa: BLE001 - as above
            counted["error"] += 1
        repair(pair, TABLE)
    return counted


@contextmanager
def servers() -> Iterator[Servers]:
    started: dict[str, Postgresql | Mariadb] = {"postgresql": Postgresql(), "mariadb": Mariadb()}
    try:
        yield Servers(started.__getitem__)
    finally:
        for server in started.values():
            server.close()


def main() -> None:
    """Print what is missed, pair by pair."""
    logging.disable(logging.WARNING)
    print("reladiff", version("reladiff"))
    with servers() as running:
        for source, target in PAIRS:
            with TemporaryDirectory() as folder:
                pair = loaded(source, target, Path(folder), running, [TABLE])
                print(source, "to", target)
                columns = comparable(pair)
                before = differences(pair, columns)
                for fault in FAULTS:
                    counted = seen(pair, fault, columns, before)
                    if counted["found"] < counted.total():
                        print(f"  {fault.number} {fault.name}: {dict(counted)}", flush=True)


if __name__ == "__main__":
    main()
