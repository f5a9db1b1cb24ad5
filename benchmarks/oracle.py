"""Oracle to PostgreSQL on the Oracle test server: `make bench PART=oracle ARGS="--rows 300000"`.

Against the slower of its two halves, measured in the same run: the driver's own batches thrown away, and the same
batches from memory into PostgreSQL. The server is a process of its own and sends rows that lie ready, so it costs
hardly anything; no figure of it is one of Oracle's. What is compared takes turns; the median counts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
from places import KeptPostgresql

import ropeway
from ropeway.cli.wire import Secrets
from ropeway.transfer.engines import memory
from ropeway.transfer.engines.oracle.session import connect
from ropeway.transfer.place import parse, resolve
from servers.oracle.process import Oracle

TARGET = 0.8
_BATCH = 20_000
_TABLE = (
    "CREATE TABLE lineitem (l_id NUMBER(12) CONSTRAINT lineitem_pk PRIMARY KEY, l_part NUMBER(9), "
    "l_quantity NUMBER(12,2), l_price NUMBER(12,2), l_flag CHAR(1 CHAR), l_shipped DATE, "
    "l_seen TIMESTAMP(6), l_comment VARCHAR2(44 CHAR))"
)
_DATABASE = "benchmark_oracle"
_KEY = 'ALTER TABLE lineitem ADD PRIMARY KEY ("L_ID")'  # a table in memory has none
# What Ropeway asks of the driver for these columns.
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("L_ID", pa.int64()), ("L_PART", pa.int64()), ("L_QUANTITY", pa.decimal128(12, 2)),
    ("L_PRICE", pa.decimal128(12, 2)),
    ("L_FLAG", pa.string()), ("L_SHIPPED", pa.timestamp("us")), ("L_SEEN", pa.timestamp("us")),
    ("L_COMMENT", pa.string()),
]  # fmt: skip
_SCHEMA = pa.schema(_COLUMNS)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure Oracle to PostgreSQL on the test server.")
    parser.add_argument("--rows", type=int, default=800_000)
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    with closing(Oracle()) as oracle, tempfile.TemporaryDirectory() as folder:
        source = _filled(oracle, given.rows)
        with closing(KeptPostgresql(Path(folder))) as postgresql:
            works = _works(source, postgresql)
            took: dict[str, list[float]] = {name: [] for name in works}
            for number in range(given.repetitions + 1):
                for name, work in works.items():
                    seconds = work()
                    took[name] += [seconds] if number else []  # the first time makes the rows ready
    rates = {name: given.rows / statistics.median(seconds) for name, seconds in took.items()}
    for name, rate in rates.items():
        print(f"{name:44} {rate:12,.0f} rows/s   {', '.join(f'{one:.2f}' for one in took[name])} s")
    *halves, whole = rates.values()
    ratio = whole / min(halves)
    print(f"of the slower half: {ratio:.2f}, at least {TARGET} {'met' if ratio >= TARGET else 'MISSED'}")


def _filled(oracle: Oracle, rows: int) -> str:
    url = oracle.database()
    user = url.partition("://")[2].partition(":")[0]
    numbers = pa.array(range(rows), pa.int64())
    moments = pa.array([1_700_000_000_000_000 + n for n in range(rows)], pa.timestamp("us"))
    text = pa.array([f"comment number {n} of many" for n in range(rows)])
    table = pa.table({
        "L_ID": numbers, "L_PART": numbers, "L_QUANTITY": pa.array(range(rows), pa.int32()).cast(pa.decimal128(12, 2)),
        "L_PRICE": pa.array(range(rows), pa.int32()).cast(pa.decimal128(12, 2)), "L_FLAG": pa.array(["A"] * rows),
        "L_SHIPPED": moments.cast(pa.timestamp("s"), safe=False), "L_SEEN": moments, "L_COMMENT": text,
    })  # fmt: skip
    with oracle.connect(user) as connection, connection.cursor() as cursor:
        cursor.execute(_TABLE)
        connection.direct_path_load(user, "LINEITEM", table.column_names, table, batch_size=_BATCH)
        cursor.callproc("DBMS_STATS.GATHER_TABLE_STATS", [user, "LINEITEM"])
    oracle.tell("replay")
    return url


def _works(source: str, postgresql: KeptPostgresql) -> dict[str, Callable[[], float]]:
    """What takes how many seconds. Planning is left out: the test server's dictionary is no measure of Oracle's."""
    memory.put("benchmark", "lineitem", pa.Table.from_batches(list(_read(source))))
    return {
        "fetch_df_batches, thrown away": lambda: _seconds(lambda: [batch.num_rows for batch in _read(source)]),
        "the same batches from memory to PostgreSQL": lambda: _run("memory://benchmark", postgresql, _KEY),
        "Oracle to PostgreSQL": lambda: _run(source, postgresql),
    }


def _read(source: str) -> Iterator[pa.RecordBatch]:
    with closing(connect(resolve(*parse(source)))) as connection:
        ((scn,),) = connection.cursor().execute("SELECT DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER FROM dual").fetchall()
        query = f"SELECT {', '.join(_SCHEMA.names)} FROM lineitem AS OF SCN {scn}"
        for frame in connection.fetch_df_batches(query, size=_BATCH, requested_schema=_SCHEMA):
            yield from pa.table(frame).to_batches()


class _Planned(ropeway.Progress):
    """Notes when planning is done."""

    at = 0.0

    def planned(self, plan: object, receipts: object) -> None:
        del plan, receipts
        self.at = time.monotonic()


def _run(source: str, postgresql: KeptPostgresql, *after: str) -> float:
    postgresql.drop(_DATABASE)
    postgresql.make(_DATABASE)
    (one, secret), (other, other_secret) = parse(source), parse(postgresql.url(_DATABASE))
    wanted, progress = ropeway.Request(one, other, level="none", after=after), _Planned()
    ropeway.run(wanted, Secrets(secret, other_secret), limits=ropeway.Limits(2, 600 << 20), progress=progress)
    return time.monotonic() - progress.at


def _seconds(work: Callable[[], Any]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
