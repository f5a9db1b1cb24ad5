"""A source whose schema moves after planning stops the run before anything changes, on every engine."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ropeway
from ropeway.cli import wire
from ropeway.transfer.engines import memory
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.plan import from_json, to_json
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Request
from spots import MYSQL_FAMILY, PLACES, Servers, Spot, spot

TABLES = (
    "CREATE TABLE p (id integer NOT NULL PRIMARY KEY, n varchar(9))",
    "CREATE TABLE t (id integer NOT NULL, a varchar(9), b integer NOT NULL, p_id integer)",
    "INSERT INTO p VALUES (1, 'x')",
    "INSERT INTO t VALUES (1, 'x', 2, 1)",
)
# The statements for most engines, those for the MySQL family and for SQLite where they differ; what is said. OWN has
# those of two more.
MOVES = {
    "added": (["ALTER TABLE t ADD COLUMN c integer"], None, None, "column c "),
    "gone": (["ALTER TABLE t DROP COLUMN a"], None, None, "column a is gone"),
    "retyped": (
        ["ALTER TABLE t ALTER COLUMN b TYPE bigint"],
        ["ALTER TABLE t MODIFY b bigint NOT NULL"],
        ["DROP TABLE t", "CREATE TABLE t (id integer NOT NULL, a varchar(9), b bigint NOT NULL, p_id integer)"],
        "column b was ",
    ),
    "nullable": (
        ["ALTER TABLE t ALTER COLUMN b DROP NOT NULL"],
        ["ALTER TABLE t MODIFY b integer"],
        ["DROP TABLE t", "CREATE TABLE t (id integer NOT NULL, a varchar(9), b integer, p_id integer)"],
        "column b was ",
    ),
    "keyed": (["CREATE UNIQUE INDEX u ON t (id)"], None, None, "UNIQUE (id) is new"),
    "table": (["DROP TABLE t"], None, None, "it is gone"),
}
OWN = {
    "oracle": {
        "added": ["ALTER TABLE t ADD (c integer)"], "retyped": ["ALTER TABLE t MODIFY (b number(19))"],
        "nullable": ["ALTER TABLE t MODIFY (b NULL)"],
    },
    "sqlserver": {
        "added": ["ALTER TABLE t ADD c integer"], "retyped": ["ALTER TABLE t ALTER COLUMN b bigint NOT NULL"],
        "nullable": ["ALTER TABLE t ALTER COLUMN b integer NULL"],
    },
}  # fmt: skip


def job(url: str, folder: Path, **keys: object) -> Request:
    made = ropeway.job(source=url, target=f"sqlite:///{folder}/out.sqlite", slice_rows=1, **keys)
    return made.request


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("engine", PLACES)
def test_a_moved_schema_stops_the_run(engine: str, move: str, tmp_path: Path, servers: Servers) -> None:
    source = spot(engine, tmp_path, servers)
    for sql in TABLES:
        source.ask(sql)
    secrets = wire.Secrets(parse(source.url)[1])
    plan = from_json(to_json(ropeway.plan(job(source.url, tmp_path), secrets)))
    source.ask("INSERT INTO p VALUES (2, 'y')")  # rows may come and go
    ordinary, family, sqlite, said = MOVES[move]
    other = {"sqlite": sqlite}.get(engine, family if engine in MYSQL_FAMILY else ordinary) or ordinary
    for sql in OWN.get(engine, {}).get(move, other):
        source.ask(sql)
    with pytest.raises(RequestError) as caught:
        ropeway.run(plan, secrets)
    assert said.lower() in caught.value.message.lower()
    assert caught.value.table.endswith(source.kept("t"))
    assert "Plan the job again" in caught.value.remedy
    assert not (tmp_path / "out.sqlite").exists()


CHECKED = ("postgresql", "mariadb", "oracle", "sqlserver")
INDEXED = ("sqlite", "duckdb", "postgresql", "oracle")  # whose DROP INDEX names no table
# What a target's table is made from beside columns and keys: the engines, the statements before planning and after it,
# and what is said. The table is `t`, as above.
RESHAPED = {
    "default": (
        ("postgresql", "duckdb", "mariadb", "mysql"), (), ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 'y'",),
        "the default of column a is new",
    ),
    "another default": (
        ("postgresql", "mariadb", "mysql"), ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 'x'",),
        ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 'y'",), "the default of column a has changed",
    ),
    "check": (
        CHECKED, (), ("ALTER TABLE t ADD CONSTRAINT few CHECK (b < 9)",), "constraint few is new",
    ),
    "another check": (
        CHECKED, ("ALTER TABLE t ADD CONSTRAINT few CHECK (b < 9)",),
        ("ALTER TABLE t DROP CONSTRAINT few", "ALTER TABLE t ADD CONSTRAINT few CHECK (b < 8)"),
        "constraint few has changed",
    ),
    "index": (PLACES, (), ("CREATE INDEX t_b ON t (b)",), "index t_b is new"),
    "another index": (
        INDEXED, ("CREATE INDEX t_b ON t (b)",),
        ("DROP INDEX t_b", "CREATE INDEX t_b ON t (b, a)"), "index t_b has changed",
    ),
    "no index": (
        INDEXED, ("CREATE INDEX t_b ON t (b)",), ("DROP INDEX t_b",), "index t_b is gone",
    ),
    "generated": (
        ("postgresql", "mariadb"), ("ALTER TABLE t ADD COLUMN g integer GENERATED ALWAYS AS (b + 1) STORED",),
        ("ALTER TABLE t DROP COLUMN g", "ALTER TABLE t ADD COLUMN g integer GENERATED ALWAYS AS (b + 2) STORED"),
        "the generating expression of column g has changed",
    ),
    "collation": (
        ("postgresql",), (), ('ALTER TABLE t ALTER COLUMN a TYPE varchar(9) COLLATE "C"',),
        "the collation of column a is new",
    ),
    "labels": (
        ("postgresql",), ("CREATE TYPE mood AS ENUM ('sad', 'ok')", "ALTER TABLE t ADD COLUMN m mood"),
        ("ALTER TYPE mood ADD VALUE 'glad'",), "the list of labels of column m has changed",
    ),
    "domain": (
        ("postgresql",), ("CREATE DOMAIN small AS integer CHECK (VALUE < 9)", "ALTER TABLE t ADD COLUMN m small"),
        ("ALTER DOMAIN small ADD CONSTRAINT more CHECK (VALUE > 0)",), "type public.small has changed",
    ),
    "view": (
        PLACES, ("CREATE VIEW v AS SELECT id FROM t",),
        ("DROP VIEW v", "CREATE VIEW v AS SELECT id FROM t WHERE b > 1"), "v has changed",
    ),
    "no view": (PLACES, ("CREATE VIEW v AS SELECT id FROM t",), ("DROP VIEW v",), "v is gone"),
    "sequence": (
        ("postgresql",), ("CREATE SEQUENCE s",), ("ALTER SEQUENCE s INCREMENT BY 2",), "sequence public.s has changed",
    ),
    "table": (PLACES, (), ("CREATE TABLE n (id integer)",), "though '*' means it"),
}  # fmt: skip
# The same in the words of two more.
RESHAPED |= {
    "default in Oracle": (("oracle",), (), ("ALTER TABLE t MODIFY (a DEFAULT 'y')",), "the default of column A is new"),
    "another default in Oracle": (
        ("oracle",), ("ALTER TABLE t MODIFY (a DEFAULT 'x')",), ("ALTER TABLE t MODIFY (a DEFAULT 'y')",),
        "the default of column A has changed",
    ),
    "generated in Oracle": (
        ("oracle",), ("ALTER TABLE t ADD (g integer GENERATED ALWAYS AS (b + 1) VIRTUAL)",),
        ("ALTER TABLE t DROP COLUMN g", "ALTER TABLE t ADD (g integer GENERATED ALWAYS AS (b + 2) VIRTUAL)"),
        "the generating expression of column G has changed",
    ),
    "sequence in Oracle": (
        ("oracle",), ("CREATE SEQUENCE s",), ("DROP SEQUENCE s", "CREATE SEQUENCE s INCREMENT BY 2"),
        "sequence S has changed",
    ),
    "default in SQL Server": (
        ("sqlserver",), (), ("ALTER TABLE t ADD CONSTRAINT d DEFAULT 'y' FOR a",), "the default of column a is new",
    ),
    "another default in SQL Server": (
        ("sqlserver",), ("ALTER TABLE t ADD CONSTRAINT d DEFAULT 'x' FOR a",),
        ("ALTER TABLE t DROP CONSTRAINT d", "ALTER TABLE t ADD CONSTRAINT d DEFAULT 'y' FOR a"),
        "the default of column a has changed",
    ),
    "another index in SQL Server": (
        ("sqlserver",), ("CREATE INDEX t_b ON t (b)",), ("DROP INDEX t_b ON t", "CREATE INDEX t_b ON t (b, a)"),
        "index t_b has changed",
    ),
    "no index in SQL Server": (
        ("sqlserver",), ("CREATE INDEX t_b ON t (b)",), ("DROP INDEX t_b ON t",), "index t_b is gone",
    ),
    "generated in SQL Server": (
        ("sqlserver",), ("ALTER TABLE t ADD g AS (b + 1)",),
        ("ALTER TABLE t DROP COLUMN g", "ALTER TABLE t ADD g AS (b + 2)"),
        "the generating expression of column g has changed",
    ),
    "sequence in SQL Server": (
        ("sqlserver",), ("CREATE SEQUENCE s",), ("DROP SEQUENCE s", "CREATE SEQUENCE s INCREMENT BY 2"),
        "sequence dbo.s has changed",
    ),
}  # fmt: skip
CASES = [(engine, case) for case, (engines, *_) in RESHAPED.items() for engine in engines]


@pytest.mark.parametrize(("engine", "case"), CASES)
def test_what_a_table_is_made_from_stops_the_run_too(engine: str, case: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), f"duckdb:///{tmp_path}/out.duckdb"
    _, first, then, said = RESHAPED[case]
    for sql in (*TABLES, *first):
        source.ask(sql)
    made = ropeway.job(source=source.url, target=target)
    plan = from_json(to_json(ropeway.plan(made.request, made.secrets)))
    for sql in then:
        source.ask(sql)
    with pytest.raises(RequestError) as caught:
        ropeway.run(plan, made.secrets)
    assert said.lower() in caught.value.message.lower()
    assert "Plan the job again" in caught.value.remedy
    assert not (tmp_path / "out.duckdb").exists()


def test_a_partition_that_is_new_stops_the_run_where_the_target_has_them(tmp_path: Path, servers: Servers) -> None:
    source = spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id integer NOT NULL) PARTITION BY RANGE (id)")
    source.ask("CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10)")
    plans = []
    for target in (spot("postgresql", tmp_path, servers), spot("sqlite", tmp_path, servers)):
        made = ropeway.job(source=source.url, target=target.url)
        plans.append((ropeway.plan(made.request, made.secrets), made.secrets))
    source.ask("CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10) TO (20)")
    with pytest.raises(RequestError, match=r"partition public\.t_2 is new"):
        ropeway.run(*plans[0])
    assert ropeway.run(*plans[1]).report


@pytest.mark.parametrize("engine", PLACES)
def test_what_changes_by_itself_does_not_stop_it(engine: str, tmp_path: Path, servers: Servers) -> None:
    """Rows, the numbers that were given out, sizes; and of a table whose target is there, what that has of its own."""
    source, target = spot(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    numbered = {
        "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT", "postgresql": "bigserial PRIMARY KEY",
        "mariadb": "bigint AUTO_INCREMENT PRIMARY KEY", "mysql": "bigint AUTO_INCREMENT PRIMARY KEY",
        "oracle": "NUMBER(18) GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "sqlserver": "bigint IDENTITY PRIMARY KEY",
    }.get(engine, "bigint PRIMARY KEY DEFAULT nextval('s')")  # fmt: skip
    if engine in ("duckdb", "postgresql"):
        source.ask("CREATE SEQUENCE s")
    for sql in (*TABLES, f"CREATE TABLE i (id {numbered}, a integer)", "CREATE VIEW v AS SELECT id FROM i"):
        source.ask(sql)
    target.ask("CREATE TABLE p (id integer PRIMARY KEY, n varchar(9))")
    made = ropeway.job(
        source=source.url, target=target.url, tables=[{"from": "*"}, {"from": source.kept("p"), "mode": "append"}]
    )
    plan = from_json(to_json(ropeway.plan(made.request, made.secrets)))
    for number in range(40):
        source.ask(f"INSERT INTO i (a) VALUES ({number})")
    source.ask("CREATE INDEX p_n ON p (n)")
    if engine in ("duckdb", "postgresql"):
        source.ask("SELECT nextval('s')")
    if engine in ("sqlite", "postgresql"):
        source.ask("ANALYZE")
    assert ropeway.run(plan, made.secrets).report


def test_a_new_table_is_named_when_a_run_is_taken_up_again(tmp_path: Path, servers: Servers) -> None:
    """What its plan has is as good as before, so the run goes on."""
    source = spot("sqlite", tmp_path, servers)
    for sql in TABLES:
        source.ask(sql)
    request = job(source.url, tmp_path, after=["SELECT nothing"])
    with pytest.raises(ropeway.EngineError):
        ropeway.run(request)
    source.ask("CREATE TABLE n (id integer)")
    said: list[str] = []

    class Listening(Progress):
        def said(self, message: str) -> None:
            said.append(message)

    with pytest.raises(ropeway.EngineError):
        ropeway.run(request, resume=True, progress=Listening())
    assert [one for one in said if one.startswith("n in the source is new since the plan was made")]


def test_rows_alone_do_not_stop_it(tmp_path: Path, servers: Servers) -> None:
    source = spot("sqlite", tmp_path, servers)
    for sql in TABLES:
        source.ask(sql)
    plan = ropeway.plan(job(source.url, tmp_path))
    source.ask("INSERT INTO p VALUES (2, 'y')")
    assert {r.hop: r.loaded for r in ropeway.run(plan).receipts if r.slice}


def test_columns_that_are_left_out_may_change(tmp_path: Path, servers: Servers) -> None:
    source = spot("sqlite", tmp_path, servers)
    for sql in TABLES:
        source.ask(sql)
    plan = ropeway.plan(job(source.url, tmp_path, tables=[{"from": "t", "columns": ["id", "b"]}]))
    for sql in MOVES["added"][0] + MOVES["gone"][0]:
        source.ask(sql)
    assert ropeway.run(plan).report


def test_a_query_is_looked_at_too(tmp_path: Path, servers: Servers) -> None:
    source = spot("sqlite", tmp_path, servers)
    for sql in TABLES:
        source.ask(sql)
    plan = ropeway.plan(job(source.url, tmp_path, tables=[{"query": "SELECT * FROM t", "to": "q"}]))
    source.ask("ALTER TABLE t ADD COLUMN c integer")
    with pytest.raises(RequestError, match=r"column c .* is new"):
        ropeway.run(plan)


def test_a_run_is_not_taken_up_again_on_a_moved_schema(tmp_path: Path, servers: Servers) -> None:
    source = spot("sqlite", tmp_path, servers)
    for sql in TABLES:
        source.ask(sql)
    request = job(source.url, tmp_path, after=["SELECT nothing"])
    with pytest.raises(ropeway.EngineError):
        ropeway.run(request)
    source.ask("ALTER TABLE t ADD COLUMN c integer")
    with pytest.raises(RequestError, match=r"column c .* is new"):
        ropeway.run(request, resume=True)


def test_files_and_memory(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for url in (f"parquet:///{folder}", "memory://moved"):
        for kind in (pa.int32(), pa.int64()):
            table = pa.table({"id": pa.array([1, 2], kind)})
            pq.write_table(table, folder / "t.parquet")
            memory.put("moved", "t", table)
            if kind == pa.int32():
                plan = ropeway.plan(job(url, tmp_path))
        with pytest.raises(RequestError, match="column id was int32 and is int64"):
            ropeway.run(plan)


def test_names_that_changed_are_kept(tmp_path: Path, servers: Servers) -> None:
    source: Spot = spot("sqlite", tmp_path, servers)
    long = "x" * 70
    source.ask(f'CREATE TABLE t (id integer PRIMARY KEY, "{long}" integer)')
    source.ask(f'CREATE INDEX "{long}i" ON t ("{long}")')
    target = spot("postgresql", tmp_path, servers)
    made = ropeway.job(source=source.url, target=target.url, tables=[{"from": "t", "to": "u"}])
    plan = ropeway.plan(made.request, made.secrets)
    kinds = {rename.kind: rename for rename in plan.renames}
    assert (kinds["table"].source, kinds["table"].target) == ("t", "public.u")
    assert kinds["column of public.u"].source == long
    assert kinds["index of public.u"].source == f"{long}i"
    assert all(len(rename.target) <= 63 for rename in plan.renames)
    assert plan.tables[0].indexes[0].columns == (kinds["column of public.u"].target,)
