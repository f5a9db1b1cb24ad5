"""What deciding takes beside the best single DuckDB statement: `make bench PART=dedup ARGS="--rows 20000000"`.

Rows with 20 % duplicates in Parquet, as a stage has them; both under the same limit of memory, by turns. All of them
bring the rows that stay: the statements into Parquet, ours into memory, batch by batch, as a run loads them. Ours
breaks ties by a digest, and lists each removed row with the one that stays.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from ropeway.transfer.canonical import canon_of
from ropeway.transfer.gathering import loaded_fields
from ropeway.transfer.plan import ColumnPlan, Cut, Hop, Slice
from ropeway.transfer.schema.catalogue import Relation
from ropeway.transfer.stage import Stage
from ropeway.transfer.types import Fidelity, Type
from ropeway.transforms.dedup import dedup

TARGET, MEMORY, PARTS = 1.2, 1 << 30, 10
TYPES = {"id": Type("int64"), "mail": Type("text"), "name": Type("text"), "seen": Type("timestamp"), "n": Type("int32")}
SPEC = json.dumps({"key": "mail", "keep": "latest", "by": "seen"})
STATEMENTS = {
    "a window": "SELECT * FROM staged QUALIFY row_number() OVER (PARTITION BY c1 ORDER BY c3 DESC) = 1",
    "DISTINCT ON": "SELECT DISTINCT ON (c1) * FROM staged ORDER BY c1, c3 DESC",
    "an aggregate and a semi-join": "SELECT * FROM staged WHERE row_number IN "
    "(SELECT arg_max(row_number, c3) FROM staged GROUP BY c1)",
    "an aggregate of all columns": "SELECT c1, arg_max(c0, c3), arg_max(c2, c3), arg_max(c4, c3), max(c3) "
    "FROM staged GROUP BY c1",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure deduplication.")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stage = _filled(Path(folder), given.rows)
        took: dict[str, list[float]] = {name: [] for name in ("ours", *STATEMENTS)}
        for _ in range(given.repetitions):
            for name, seconds in took.items():
                seconds.append(_seconds(stage, name))
    medians = {name: statistics.median(seconds) for name, seconds in took.items()}
    for name, seconds in took.items():
        print(f"{name:32} {medians[name]:8.2f} s   {', '.join(f'{one:.2f}' for one in seconds)}")
    best = min(median for name, median in medians.items() if name != "ours")
    ratio = medians["ours"] / best
    print(f"ours over the best statement: {ratio:.2f}, at most {TARGET} {'met' if ratio <= TARGET else 'MISSED'}")


def _filled(folder: Path, rows: int) -> Stage:
    columns = tuple(
        ColumnPlan(name, name, name, kind, str(kind), Fidelity.EXACT, "", canon_of(kind))
        for name, kind in TYPES.items()
    )
    there = Relation("", "t")
    parts = tuple(Slice(number, Cut()) for number in range(1, PARTS + 1))
    stage = Stage(folder, Hop("1 t -> t", there, there, there, columns, parts, key=("id",)))
    stage.folder.mkdir(parents=True)
    each = rows // PARTS
    with duckdb.connect() as connection:
        for part in parts:
            first = (part.number - 1) * each
            moment = f"INTERVAL (hash({first} + i) % 10000000) SECOND"
            mail = f"'user' || ({first} + i) * 7919 % {rows * 4 // 5} || '@example.com'"
            connection.execute(
                f"COPY (SELECT {first} + i AS c0, {mail} AS c1, 'name ' || i % 1000 AS c2, "
                f"TIMESTAMP '2020-01-01' + {moment} AS c3, (i % 100)::INT AS c4, {part.number << 32} + i AS "
                f"row_number FROM range({each}) r(i)) TO '{stage.file(part)}' (FORMAT parquet)"
            )
    return stage


def _seconds(stage: Stage, name: str) -> float:
    started = time.monotonic()
    if name == "ours":
        dedup(loaded_fields(stage.hop), SPEC, stage.hop.key).decide(stage, MEMORY, 2)
        decided = time.monotonic()
        with ThreadPoolExecutor(2) as pool:  # as a run has workers
            list(pool.map(lambda part: sum(batch.num_rows for batch in stage.batches(part)), stage.hop.slices))
        print(f"  decided in {decided - started:.2f} s, read in {time.monotonic() - decided:.2f} s")
    else:
        with stage.database(MEMORY, 2) as connection:
            connection.execute(f"COPY ({STATEMENTS[name]}) TO '{stage.folder / 'out.parquet'}' (FORMAT parquet)")
    return time.monotonic() - started


if __name__ == "__main__":
    main()
