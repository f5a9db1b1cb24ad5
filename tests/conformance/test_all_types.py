"""Every type that DuckDB has, with its least and its greatest value and NULL: its own list of them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from ropeway.cli import wire
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from spots import SQL_ENGINES, Rows, Servers, Spot, spot
from type_tables import planned, rows_of

TYPES = {name: kind for name, kind, *_ in duckdb.execute("DESCRIBE FROM test_all_types()").fetchall()}
NESTED = {name for name, kind in TYPES.items() if re.search(r"\[\d*\]$|^(STRUCT|MAP|UNION|TUPLE)", kind)}
TARGETS = ("sqlite", "postgresql", "mariadb", "parquet", "arrow")
FAR = ("date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_tz")
FINE = ("timestamp_ns", "timestamp_tz_ns")
# What is refused, and how: by the plan or at the value, always by the column's name.
YEARS = "outside of the years 0 to 9999"
REFUSED: dict[str, dict[str, str]] = {
    "sqlite": {**dict.fromkeys(FAR, YEARS), "time": "a time that no day has"},
    "postgresql": {
        **dict.fromkeys(FAR, "outside PostgreSQL's range"), **dict.fromkeys(FINE, "cannot hold"), "varchar": r"U\+0000",
    },
    "mariadb": {**dict.fromkeys(FAR, "has no value in MySQL"), **dict.fromkeys(FINE, "cannot hold")},
    "parquet": {},
    "arrow": {},
}  # fmt: skip
# What no client shows as it is: MariaDB prints six digits of a float, psycopg knows no 24:00:00.
SHOWN = {("mariadb", "t_float"): "c + 0e0", ("postgresql", "t_time"): "c::text"}
ELSEWHERE = {("mariadb", "time")}  # 24:00:00 and beyond, whose tests are those of MariaDB's own types


def filled(source: Spot) -> None:
    """A table for each type: one that is refused stops no other."""
    with duckdb.connect(source.url.removeprefix("duckdb:///")) as connection:
        for name in TYPES:
            numbered = f'SELECT row_number() OVER () AS id, "{name}" AS c FROM test_all_types()'
            connection.execute(f'CREATE TABLE "t_{name}" AS {numbered}')


def moved(source: Spot, url: str, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(url)
    outcome = wire.run(Request(one, other, **options), wire.Secrets(one_secret, other_secret))
    assert outcome.report
    assert outcome.report.equal, outcome.report
    return outcome


def test_they_arrive_in_another_duckdb_as_they_were(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("duckdb", tmp_path, servers)
    filled(source)
    moved(source, target.url)
    with duckdb.connect(source.url.removeprefix("duckdb:///")) as connection:
        connection.execute(f"ATTACH '{target.url.removeprefix('duckdb:///')}' AS target")
        for name in TYPES:
            same = (
                "bool_and(typeof(a.c) = typeof(b.c) AND a.c IS NOT DISTINCT FROM b.c "
                "AND a.c::VARCHAR IS NOT DISTINCT FROM b.c::VARCHAR)"
            )
            pair = f'"t_{name}" AS a JOIN target.main."t_{name}" AS b USING (id)'
            assert connection.sql(f"SELECT count(*), {same} FROM {pair}").fetchall() == [(3, True)], name


@pytest.mark.parametrize("engine", TARGETS)
def test_they_arrive_elsewhere_or_are_refused(engine: str, tmp_path: Path, servers: Servers) -> None:
    source = spot("duckdb", tmp_path, servers)
    filled(source)
    url, ask = place(engine, tmp_path, servers)
    refused = REFUSED[engine]
    for name, pattern in refused.items():
        with pytest.raises((DataError, RequestError), match=rf"(?s)t_{name}\b.*\bc\b.*{pattern}"):
            moved(source, url, choices=(Choice(f"t_{name}"),))
    whole = [name for name in TYPES if name not in refused and (engine, name) not in ELSEWHERE]
    outcome = moved(source, url, choices=tuple(Choice(f"t_{name}") for name in whole))
    documented = {row.native: planned("duckdb", row, engine) for row in rows_of("duckdb")}
    for hop in outcome.plan.hops:
        assert documented[TYPES[hop.reads.table[2:]]] == (hop.columns[1].native, hop.columns[1].fidelity), hop.name
    for name in whole:
        texts = [text for (text,) in source.ask(f'SELECT {expected(name)} FROM "t_{name}" ORDER BY id')]
        values = [value for (value,) in ask(f"t_{name}")]
        assert [agree(name, *pair) for pair in zip(texts, values, strict=True)] == [True] * 3, (name, texts, values)


def place(engine: str, folder: Path, servers: Servers) -> tuple[str, Callable[[str], Rows]]:
    """A target, and its column c in the order of the ids."""
    if engine in SQL_ENGINES:
        target = spot(engine, folder, servers)
        return target.url, lambda table: target.ask(
            f"SELECT {SHOWN.get((engine, table), 'c')} FROM {target.quote(table)} ORDER BY id"
        )

    def column(table: str) -> Rows:
        (file,) = (folder / engine / table).glob("*.*")
        if engine == "parquet":
            found = pq.read_table(file, partitioning=None)
        else:
            with pa.ipc.open_file(str(file)) as opened:
                found = opened.read_all()
        values = found.sort_by("id").column("c").combine_chunks()
        if pa.types.is_temporal(values.type):
            values = values.view(pa.int32() if pa.types.is_date32(values.type) else pa.int64())
        return [(value,) for value in values.to_pylist()]

    return f"{engine}:///{folder / engine}", column


def expected(name: str) -> str:
    """SQL of what DuckDB itself says of a value."""
    if name in NESTED:
        return "CAST(to_json(c) AS VARCHAR)"
    return {"blob": "c", "geometry": "ST_AsWKB(c)"}.get(name, "CAST(c AS VARCHAR)")


def agree(name: str, text: Any, value: Any) -> bool:
    if text is None or value is None:
        return text is value
    if name in NESTED:
        return bool(json.loads(value if isinstance(value, str) else json.dumps(value)) == finite(json.loads(text)))
    if name in ("blob", "geometry"):
        return bool(bytes(value) == text)
    if name == "bool":
        return bool(int(value) == (text == "true"))
    if name in ("float", "double"):
        kind = pa.float32() if name == "float" else pa.float64()
        one, other = (pa.scalar(float(number), pa.float64()).cast(kind).as_py() for number in (value, text))
        return bool(one == other)
    if isinstance(value, int | float | Decimal) and not re.search("date|time", name):
        return Decimal(str(value)) == Decimal(text)
    if re.search("date|time", name):
        return bool(moment(name, value) == moment(name, text))
    return bool(str(value) == text)


def finite(value: Any) -> Any:
    """JSON without what JSON does not have."""
    if isinstance(value, list):
        return [finite(one) for one in value]
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    odd = isinstance(value, float) and not math.isfinite(value)
    return str(value) if odd else value


def moment(name: str, value: Any) -> Any:
    """A moment as DuckDB counts it, from its number or its text."""
    kind = TYPES[name]
    if isinstance(value, int):
        return value
    text = str(value).replace("T", " ")
    if kind in ("TIME WITH TIME ZONE", "TIME_NS"):
        return text
    unit = {"DATE": "date_diff('day', DATE '1970-01-01', {})", "TIME": "epoch_us({})"}.get(kind, "epoch_us({})")
    unit = "epoch_ns({})" if kind.endswith("_NS") else unit
    cast = kind if kind not in ("TIMESTAMP_S", "TIMESTAMP_MS") else "TIMESTAMP"
    literal = f"CAST('{text}' AS {cast})"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(f"SELECT {unit.format(literal)}").fetchall()[0][0]
