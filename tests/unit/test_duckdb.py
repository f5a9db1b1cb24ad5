"""DuckDB's own: one process and one configuration for a file, its odd types, its keys and what they hinder."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ropeway.cli import wire
from ropeway.transfer.engine import Receipt
from ropeway.transfer.engines import memory
from ropeway.transfer.engines.duckdb import ENGINE
from ropeway.transfer.engines.exact import castable, exactly
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.job import Limits
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Choice, Request
from ropeway.transfer.schema.catalogue import Table

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.duckdb"


@pytest.fixture
def ask(file: Path) -> Ask:
    """Statements on the file, without Ropeway; the rows of the last."""

    def run(*statements: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(file)) as connection:
            return [connection.execute(sql).fetchall() for sql in statements][-1]

    return run


def request(source: str, target: str, **options: Any) -> Request:
    return Request(parse(source)[0], parse(target)[0], **{"slice_rows": 3, **options})


def move(source: str, target: str, progress: Progress | None = None, **options: Any) -> wire.Outcome:
    resume = options.pop("resume", False)
    outcome = wire.run(request(source, target, **options), progress=progress, resume=resume)
    assert outcome.report
    assert outcome.report.equal, outcome.report
    return outcome


def hold(name: str, **tables: pa.Table) -> str:
    """These tables, and no others, under memory://name."""
    memory.forget(name)
    for table, content in tables.items():
        memory.put(name, table, content)
    return f"memory://{name}"


def taken(url: str, table: str, **options: Any) -> list[dict[str, Any]]:
    memory.forget("taken")
    move(url, "memory://taken", choices=(Choice(table, to="t", **options),))
    found = memory.take("taken", "t")
    rows: list[dict[str, Any]] = found.sort_by(found.column_names[0]).to_pylist()
    return rows


def tables(file: Path) -> dict[str, Table]:
    return {table.name.table: table for table in wire.inspect(f"duckdb:///{file}")}


def apart(lines: str) -> subprocess.CompletedProcess[str]:
    code = [sys.executable, "-c", textwrap.dedent(lines)]
    return subprocess.run(code, capture_output=True, text=True, timeout=60, check=False)


NUMBERS = pa.table({"n": pa.array(range(20), pa.int64())})


def test_planning_changes_nothing(file: Path, ask: Ask) -> None:
    source = hold("source", t=NUMBERS)
    wire.plan(request(source, f"duckdb:///{file}"))
    assert not list(file.parent.iterdir())
    ask("CREATE TABLE other (n INTEGER)")
    before = file.stat().st_mtime_ns, file.read_bytes()
    wire.plan(request(source, f"duckdb:///{file}"))
    wire.plan(request(f"duckdb:///{file}", f"duckdb:///{file}", target_schema="copy"))
    assert (file.stat().st_mtime_ns, file.read_bytes()) == before
    assert list(file.parent.iterdir()) == [file]


ODD_TYPES = {
    "hugeint": ("-170141183460469231731687303715884105728", Decimal(-(2**127))),
    "bit": ("'0101'", "0101"),
    "bignum": ("'123456789012345678901234567890123456789012345'", "123456789012345678901234567890123456789012345"),
    "enum('a(1)', 'it''s')": ("'it''s'", "it's"),
    "time with time zone": ("'12:34:56+02'", "12:34:56+02"),
    "time_ns": ("'12:34:56.123456789'", "12:34:56.123456789"),
    "timestamp_s": ("'2024-02-29 12:00:01'", dt.datetime(2024, 2, 29, 12, 0, 1)),
    "timestamp_ms": ("'2024-02-29 12:00:00.001'", dt.datetime(2024, 2, 29, 12, 0, 0, 1000)),
    "uuid": ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "json": ("""'{"a" : 1}'""", '{"a" : 1}'),
    "interval": ("'1 day 00:00:01'", dt.timedelta(days=1, seconds=1)),
    "timestamptz": ("'2024-07-01 12:00:00+02'", dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)),
}


def test_odd_types_are_read_exactly_and_kept_inside_duckdb(file: Path, ask: Ask) -> None:
    columns = ", ".join(f"c{n} {native}" for n, native in enumerate(ODD_TYPES))
    values = ", ".join(value for value, _ in ODD_TYPES.values())
    ask(f"CREATE TABLE odd ({columns})", f"INSERT INTO odd VALUES ({values})")
    (row,) = taken(f"duckdb:///{file}", "odd")
    assert row == {f"c{n}": meant for n, (_, meant) in enumerate(ODD_TYPES.values())}
    move(f"duckdb:///{file}", f"duckdb:///{file}.copy")
    natives = [column.native for column in tables(file)["odd"].columns]
    assert [column.native for column in tables(Path(f"{file}.copy"))["odd"].columns] == natives
    assert natives[3] == "ENUM('a(1)', 'it''s')"


@pytest.mark.parametrize(
    ("native", "value", "reason"),
    [
        ("date", "'infinity'", "holds infinity"),
        ("timestamp", "'-infinity'", "holds infinity"),
        ("timestamptz", "'infinity'", "holds infinity"),
        ("timestamp_s", "'infinity'", "holds infinity"),
        ("timestamp_ns", "'infinity'", "holds infinity"),
        ("timestamptz_ns", "'-infinity'", "holds infinity"),
        ("interval", "'1 month'", "has no fixed length"),
    ],
)
def test_what_comes_after_planning_stops_the_run(native: str, value: str, reason: str, file: Path, ask: Ask) -> None:
    """No other type holds these; what was there at planning, a policy or the profile decides about."""
    ask(f"CREATE TABLE t (n INTEGER, c {native})", "INSERT INTO t VALUES (1, NULL)")
    frozen = wire.plan(Request(parse(f"duckdb:///{file}")[0], parse("memory://late")[0]))
    ask(f"INSERT INTO t VALUES (2, {value})")
    memory.forget("late")
    with pytest.raises(DataError, match=reason):
        wire.run(frozen)
    assert taken(f"duckdb:///{file}", "t", types=(("c", "text"),))[1]["c"].strip("+0") == value.strip("'")
    if native == "interval":
        assert taken(f"duckdb:///{file}", "t")[1]["c"] == "1 month"
        return
    with pytest.raises(RequestError, match=r"t\.c .* holds 1 infinite dates or timestamps"):
        taken(f"duckdb:///{file}", "t")
    assert taken(f"duckdb:///{file}", "t", policies=(("infinity", "null"),))[1] == {"n": 2, "c": None}
    assert taken(f"duckdb:///{file}", "t", policies=(("infinity", "text"),))[1]["c"] == value.strip("'")
    move(f"duckdb:///{file}", f"duckdb:///{file}.copy")
    with duckdb.connect(f"{file}.copy") as connection:
        kept = connection.execute(f"SELECT c = CAST({value} AS {native}) FROM t WHERE n = 2").fetchall()
    assert kept == [(True,)]


def test_a_variant_is_refused_by_name(file: Path, ask: Ask) -> None:
    ask("CREATE TABLE t (n INTEGER, many VARIANT[])", "INSERT INTO t VALUES (1, ['a'])")
    with pytest.raises(RequestError, match=r"t\.many has the type VARIANT"):
        taken(f"duckdb:///{file}", "t")
    assert taken(f"duckdb:///{file}", "t", types=(("many", "text"),)) == [{"n": 1, "many": "[a]"}]


@pytest.mark.parametrize(
    ("values", "native"),
    [
        (pa.array([2**31 - 1], pa.date32()), "DATE"),
        (pa.array([2**63 - 1], pa.timestamp("us")), "TIMESTAMP"),
        (pa.array([-(2**63) + 1], pa.timestamp("us", "UTC")), "TIMESTAMP WITH TIME ZONE"),
    ],
)
def test_no_value_becomes_infinity(values: pa.Array[Any], native: str, file: Path) -> None:
    with pytest.raises(DataError, match=f"outside the range of DuckDB's {native}"):
        move(hold("source", t=pa.table({"c": values})), f"duckdb:///{file}")


@pytest.mark.parametrize(
    ("values", "native"),
    [
        (pa.array([Decimal("1.555")], pa.decimal128(10, 3)), "DECIMAL(10,2)"),
        (pa.array([0.1], pa.float64()), "FLOAT"),
        (pa.array([300], pa.int64()), "TINYINT"),
        (pa.array([5], pa.int64()), "BOOLEAN"),
        (pa.array([1_500_000], pa.timestamp("us")), "TIMESTAMP_S"),
    ],
)
def test_append_rounds_nothing(values: pa.Array[Any], native: str, file: Path, ask: Ask) -> None:
    ask(f"CREATE TABLE t (c {native})")
    source = hold("source", t=pa.table({"c": values}))
    with pytest.raises(DataError, match=r"main\.t\.c"):
        move(source, f"duckdb:///{file}", mode="append")
    assert ask("SELECT count(*) FROM t") == [(0,)]


def test_append_converts_what_stays_the_same(file: Path, ask: Ask) -> None:
    ask("CREATE TABLE t (c DECIMAL(10,2), d TIMESTAMP_S, e FLOAT)")
    columns = {"c": [Decimal("1.5")], "d": pa.array([1], pa.date32()), "e": [0.5]}
    move(hold("source", t=pa.table(columns)), f"duckdb:///{file}", mode="append")
    assert ask("FROM t") == [(Decimal("1.50"), dt.datetime(1970, 1, 2), 0.5)]


def test_text_does_not_become_a_number(file: Path, ask: Ask) -> None:
    ask("CREATE TABLE t (c INTEGER)")
    for column in (["1"], [1.0]):
        with pytest.raises(RequestError, match=r"main\.t\.c is INTEGER in the target"):
            wire.plan(request(hold("source", t=pa.table({"c": column})), f"duckdb:///{file}", mode="append"))


SCHEMA = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY, code VARCHAR NOT NULL, CONSTRAINT code_key UNIQUE (code))",
    "CREATE SEQUENCE numbers START 5",
    "CREATE TABLE child (id BIGINT DEFAULT nextval('numbers'), parent INTEGER REFERENCES parent(id), "
    '"a b" INTEGER, twice INTEGER GENERATED ALWAYS AS ("a b" * 2), CHECK ("a b" > 0))',
    'CREATE INDEX by_ab ON child ("a b", parent)',
    "CREATE INDEX by_expression ON child ((parent + 1))",
    "CREATE VIEW seen AS SELECT id FROM child",
    "INSERT INTO parent VALUES (1, 'a'), (2, 'b')",
    'INSERT INTO child (parent, "a b") VALUES (1, 10), (2, 20)',
)


def test_catalogue(file: Path, ask: Ask) -> None:
    ask(*SCHEMA)
    found = tables(file)
    assert (found["parent"].key, found["parent"].rows) == (("id",), 2)
    (unique,) = found["parent"].indexes
    assert (unique.columns, unique.unique, unique.constraint) == (("code",), True, True)
    child = found["child"]
    (foreign,) = child.foreign_keys
    assert (foreign.columns, str(foreign.references), foreign.referenced) == (("parent",), "main.parent", ("id",))
    assert [(index.name, index.columns) for index in child.indexes] == [
        ("by_ab", ("a b", "parent")), ("by_expression", ()),
    ]  # fmt: skip
    assert [column.identity for column in child.columns] == [True, False, False, False]
    assert child.column("twice").generated
    assert [check.condition for check in child.checks] == ['("a b" > 0)']
    assert found["seen"].kind == "view"


def test_views_queries_and_conditions(file: Path, ask: Ask) -> None:
    ask(*SCHEMA)
    assert [row["id"] for row in taken(f"duckdb:///{file}", "seen")] == [5, 6]
    query = 'SELECT code, sum("a b") AS total FROM child JOIN parent ON parent.id = child.parent GROUP BY code'
    memory.forget("taken")
    move(f"duckdb:///{file}", "memory://taken", choices=(Choice(query=query, to="t"),))
    assert memory.take("taken", "t").sort_by("code").to_pylist() == [
        {"code": "a", "total": Decimal(10)}, {"code": "b", "total": Decimal(20)},
    ]  # fmt: skip
    assert taken(f"duckdb:///{file}", "child", where='"a b" > 10', columns=("id",)) == [{"id": 6}]


def test_schema_arrives(file: Path, ask: Ask, tmp_path: Path) -> None:
    ask(*SCHEMA)
    copy = tmp_path / "copy.duckdb"
    move(f"duckdb:///{file}", f"duckdb:///{copy}")
    found = tables(copy)
    assert found["child"].column("id").identity
    assert [index.columns for index in found["child"].indexes] == [("a b", "parent"), ()]
    assert len(found["child"].foreign_keys) == 1
    with duckdb.connect(str(copy)) as connection:
        new = connection.execute('INSERT INTO child (parent, "a b") VALUES (1, 30) RETURNING id, twice')
        assert new.fetchall() == [(7, 60)]
        with pytest.raises(duckdb.ConstraintException):
            connection.execute("INSERT INTO child (parent) VALUES (9)")


def test_foreign_keys_that_cannot_be_made_are_said(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        connection.executescript("""
            CREATE TABLE parent (id INTEGER PRIMARY KEY, up INTEGER REFERENCES parent(id));
            CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent(id) ON DELETE CASCADE);
            INSERT INTO parent VALUES (1, NULL), (2, 3), (3, 1);
            INSERT INTO child VALUES (1, 2);
        """)
    connection.close()
    asked = request(f"sqlite:///{tmp_path}/shop.sqlite", f"duckdb:///{tmp_path}/shop.duckdb")
    said = [finding.message for finding in wire.plan(asked).findings if finding.grade == "warning"]
    assert any("cannot refer to itself" in message for message in said)
    assert any("without ON DELETE CASCADE" in message for message in said)
    wire.run(asked)
    assert len(tables(tmp_path / "shop.duckdb")["child"].foreign_keys) == 1


def test_replace_swaps_and_keeps_the_old_table(file: Path, ask: Ask, tmp_path: Path) -> None:
    source = tmp_path / "source.duckdb"
    with duckdb.connect(str(source)) as connection:
        connection.execute("CREATE TABLE t (n BIGINT PRIMARY KEY, word VARCHAR UNIQUE, more INTEGER)")
        connection.execute("CREATE INDEX by_more ON t (more)")
        connection.execute("INSERT INTO t SELECT range, 'w' || range, range % 3 FROM range(10)")
    ask("CREATE TABLE t (n BIGINT PRIMARY KEY)", "INSERT INTO t VALUES (77)", "CREATE VIEW v AS SELECT n FROM t")
    outcome = move(f"duckdb:///{source}", f"duckdb:///{file}", mode="replace")
    assert ask("SELECT count(*), max(n) FROM v") == [(10, 9)]
    assert tables(file)["t"].key == ("n",)
    assert [index.columns for index in tables(file)["t"].indexes if not index.constraint] == [("more",)]
    ((kept,),) = ask("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%_old'")
    assert ask(f"FROM {kept}") == [(77,)]
    with pytest.raises(RequestError, match="renames no table that has indexes, and it has t_by_more"):
        move(f"duckdb:///{source}", f"duckdb:///{file}", mode="replace")
    wire.clean(outcome.plan.run, f"duckdb:///{file}")
    assert not ask("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%_old'")


def test_merge_warns_of_what_duckdb_cannot_update(file: Path, ask: Ask) -> None:
    ask(*SCHEMA)
    changed = pa.table({"id": pa.array([1, 2, 3], pa.int32()), "code": ["a", "x", "y"]})
    asked = request(hold("source", parent=changed), f"duckdb:///{file}", mode="merge", level="none")
    (warning,) = [finding.message for finding in wire.plan(asked).findings if finding.grade == "warning"]
    assert "parent_code_key" in warning
    with pytest.raises(DataError, match="still referenced by a foreign key"):
        wire.run(asked)
    assert ask("SELECT code FROM parent ORDER BY id") == [("a",), ("b",)]
    ask("DELETE FROM child")
    (receipt,) = (r for r in wire.run(asked, resume=True).receipts if r.slice)
    assert (receipt.inserted, receipt.updated, receipt.unchanged) == (1, 1, 1)
    assert ask("SELECT code FROM parent ORDER BY id") == [("a",), ("x",), ("y",)]


def test_replace_refuses_what_others_refer_to(file: Path, ask: Ask) -> None:
    ask(*SCHEMA)
    source = hold("source", parent=pa.table({"id": pa.array([1], pa.int32()), "code": ["x"]}))
    with pytest.raises(RequestError, match="cannot be replaced: child refer"):
        move(source, f"duckdb:///{file}", mode="replace")


def test_a_schema_may_be_called_like_its_file(file: Path, ask: Ask) -> None:
    for schema in ("shop", "memory", "temp"):
        move(hold("source", t=NUMBERS), f"duckdb:///{file}", target_schema=schema)
        assert ask(f'SELECT sum(n) FROM "shop"."{schema}"."t"') == [(190,)]
        assert len(taken(f"duckdb:///{file}", f"{schema}.t")) == 20


def test_source_and_target_may_be_one_file(file: Path, ask: Ask) -> None:
    ask("CREATE TABLE t AS SELECT range AS n FROM range(20)")
    move(f"duckdb:///{file}", f"duckdb:///{file}", target_schema="copy")
    assert ask("SELECT count(*), sum(n) FROM copy.t") == [(20, 190)]


def test_cuts_follow_row_groups(file: Path, ask: Ask) -> None:
    ask("CREATE TABLE t AS SELECT range AS n FROM range(500000)", 'CREATE TABLE hidden AS SELECT 1 AS "RowId"')
    session = ENGINE.connect(resolve(parse(f"duckdb:///{file}")[0]))
    found = tables(file)
    cuts = ENGINE.cuts(session, found["t"], "", 3)
    assert [(cut.lower, cut.upper) for cut in cuts] == [
        (None, 122_880), (122_880, 245_760), (245_760, 368_640), (368_640, 491_520), (491_520, None),
    ]  # fmt: skip
    assert len(ENGINE.cuts(session, found["hidden"], "", 3)) == 1
    session.close()
    assert (
        sum(r.read for r in wire.run(request(f"duckdb:///{file}", "discard:///", slice_rows=200_000)).receipts)
        == 500_001
    )


class At(Progress):
    """Does something when the nth slice has landed."""

    def __init__(self, nth: int, act: Callable[[], None]) -> None:
        self.left, self.act = nth, act

    def landed(self, receipt: Receipt) -> None:
        self.left -= 1
        if not self.left:
            self.act()


def test_a_second_process_is_told_who_has_the_file(file: Path) -> None:
    lines = f"""
        from ropeway.cli import wire
        from ropeway.transfer.errors import EngineError
        try:
            wire.inspect("duckdb:///{file}")
        except EngineError as error:
            print(error)
    """
    seen: list[str] = []
    move(hold("source", t=NUMBERS), f"duckdb:///{file}", At(1, lambda: seen.append(apart(lines).stdout)))
    assert "is open in process" in seen[0]


def test_a_file_that_others_opened_here(file: Path) -> None:
    with duckdb.connect(str(file)), pytest.raises(EngineError, match="outside of Ropeway"):
        wire.inspect(f"duckdb:///{file}")


def test_options(file: Path, ask: Ask) -> None:
    ask("CREATE TABLE t (n INTEGER)")
    session = ENGINE.connect(resolve(parse(f"duckdb:///{file}?memory_limit=333MB&threads=1")[0]))
    settings = "SELECT name, value FROM duckdb_settings() WHERE name IN ('memory_limit', 'threads') ORDER BY 1"
    assert session.ask(settings) == [("memory_limit", "317.5 MiB"), ("threads", "1")]
    session.close()
    with pytest.raises(RequestError, match="no option speed"):
        wire.inspect(f"duckdb:///{file}?speed=9")
    with pytest.raises(EngineError, match="There is no DuckDB file"):
        wire.inspect(f"duckdb:///{file}.other")
    Path(f"{file}.text").write_text("not a database" * 100)
    with pytest.raises(EngineError, match="DuckDB cannot open"):
        wire.inspect(f"duckdb:///{file}.text")


def test_the_memory_limit_is_kept(file: Path, tmp_path: Path) -> None:
    """Rows pass through little memory; a key that does not fit says so, and the run goes on with more."""
    source = tmp_path / "source.duckdb"
    with duckdb.connect(str(source)) as connection:
        connection.execute("CREATE TABLE t AS SELECT hash(range) AS a, range AS b FROM range(2000000)")
    outcome = wire.run(request(f"duckdb:///{source}", f"duckdb:///{file}", slice_rows=400_000, level="count"))
    assert sum(receipt.loaded for receipt in outcome.receipts) == 2_000_000
    with duckdb.connect(str(source)) as connection:
        connection.execute("ALTER TABLE t ADD PRIMARY KEY (a, b)")
    asked = request(f"duckdb:///{source}", f"duckdb:///{file}.keyed", slice_rows=400_000, level="count")
    with pytest.raises(EngineError, match="larger --max-memory") as refusal:
        wire.run(asked, limits=Limits(memory=384 << 20))
    assert ENGINE.classify(refusal.value) == "memory"
    outcome = wire.run(asked, limits=Limits(memory=2 << 30), resume=True)
    assert sum(receipt.loaded for receipt in outcome.receipts) == 2_000_000


@pytest.mark.parametrize("hook", ["landed", "moving", "stepped"])
def test_killed_and_resumed(hook: str, file: Path, ask: Ask) -> None:
    ask("CREATE TABLE t AS SELECT range AS n FROM range(20)", "CREATE UNIQUE INDEX x ON t (n)")
    nth = 1 if hook == "stepped" else 4
    lines = f"""
        import os, signal
        from ropeway.cli import wire
        from ropeway.transfer.place import parse
        from ropeway.transfer.progress import Progress
        from ropeway.transfer.request import Request
        calls = []
        class Deadly(Progress):
            def {hook}(self, *arguments):
                calls.append(1)
                if len(calls) == {nth}:
                    os.kill(os.getpid(), signal.SIGKILL)
        asked = Request(parse("duckdb:///{file}")[0], parse("duckdb:///{file}.copy")[0], slice_rows=3)
        wire.run(asked, progress=Deadly())
    """
    assert apart(lines).returncode == -signal.SIGKILL
    outcome = move(f"duckdb:///{file}", f"duckdb:///{file}.copy", resume=True)
    assert len(outcome.receipts) == 7
    assert len({receipt.instant for receipt in outcome.receipts}) == 1
    assert [row["n"] for row in taken(f"duckdb:///{file}.copy", "t")] == list(range(20))


def test_a_run_that_failed_is_resumed(file: Path) -> None:
    def stop() -> None:
        raise OSError("the light went out")

    source = hold("source", t=NUMBERS)
    with pytest.raises(OSError, match="the light went out"):
        move(source, f"duckdb:///{file}", At(3, stop))
    with pytest.raises(RequestError, match="did not end"):
        move(source, f"duckdb:///{file}")
    move(source, f"duckdb:///{file}", resume=True)
    assert len(taken(f"duckdb:///{file}", "t")) == 20


@pytest.mark.parametrize(
    ("value", "source", "target"),
    [
        (0.1, pa.float64(), pa.decimal128(10, 1)), (float("nan"), pa.float64(), pa.float32()),
        (True, pa.bool_(), pa.decimal128(3, 1)), (Decimal("1.0"), pa.decimal128(3, 1), pa.bool_()),
        (2**64 - 1, pa.uint64(), pa.decimal128(20, 0)), ("12:00:00.5", pa.string(), pa.time64("us")),
        ("7", pa.string(), pa.duration("us")), (Decimal(5), pa.decimal256(50, 0), pa.int8()),
        (2**53, pa.int64(), pa.float64()),
    ],
)  # fmt: skip
def test_exact_casts(value: object, source: pa.DataType, target: pa.DataType) -> None:
    made = exactly(pa.array([None, value], source), target, "c")
    assert made.type == target
    assert made[0].as_py() is None


@pytest.mark.parametrize(
    ("value", "source", "target"),
    [
        (0.15, pa.float64(), pa.decimal128(10, 1)), (0.1, pa.float64(), pa.float32()),
        (5, pa.int8(), pa.bool_()), (Decimal("0.12345678901234567890"), pa.decimal128(20, 20), pa.float64()),
        (2**53 + 1, pa.int64(), pa.float64()), ("12:00:00.5x", pa.string(), pa.time64("us")),
        (float("nan"), pa.float64(), pa.int32()), (1, pa.timestamp("us"), pa.timestamp("ms")),
        ("24:00:00", pa.string(), pa.time64("us")),
    ],
)  # fmt: skip
def test_casts_that_would_change_a_value(value: object, source: pa.DataType, target: pa.DataType) -> None:
    with pytest.raises(DataError, match="c holds a value"):
        exactly(pa.array([None, value], source), target, "c")


def test_castable_families() -> None:
    assert castable(pa.date32(), pa.timestamp("us"))
    assert not castable(pa.timestamp("us"), pa.timestamp("us", "UTC"))
    assert not castable(pa.string(), pa.binary())
    assert not castable(pa.float64(), pa.decimal128(10, 2))


def test_batches_are_bounded(file: Path, ask: Ask) -> None:
    ask("CREATE TABLE t AS SELECT range AS n, repeat('x', 20000) AS long FROM range(5000)")
    source = ENGINE.open(resolve(parse(f"duckdb:///{file}")[0]), [], "run", 1)
    planned = wire.plan(request(f"duckdb:///{file}", "discard:///", slice_rows=0))
    hop = planned.hops[0]
    batches = list(source.readers()[0].read(hop, hop.slices[0], 1 << 20))
    source.close()
    assert sum(batch.num_rows for batch in batches) == 5000
    assert max(batch.nbytes for batch in batches) < 2 << 20
