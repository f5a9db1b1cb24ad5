"""SQL files of a plan: written, read back to the same statements, and what an edit may not do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ropeway
from ropeway.transfer.engine import Engine
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.plan import Plan, Statement, from_json, to_json
from ropeway.transfer.schema.created import created, same_type
from ropeway.transfer.schema.scripts import AFTER, BEFORE, DOWN, FILES, cut, parts_of, pieces, written
from ropeway.transfer.schema.sealing import sealed
from shell import write

PLAIN, BACKSLASH = engine_of("postgresql"), engine_of("mariadb")


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("SELECT 1;\nSELECT 2;\n", ("SELECT 1", "SELECT 2")),
        ("SELECT 'a;\nb';\nSELECT 2", ("SELECT 'a;\nb'", "SELECT 2")),
        ("-- it's;\nSELECT 1;", ("-- it's;\nSELECT 1",)),
        ("/* it's;\n */ SELECT 1;\n/* the end;\n */", ("/* it's;\n */ SELECT 1",)),
        ("CREATE f AS $b$ BEGIN;\n 'x; $b$;\nSELECT 1", ("CREATE f AS $b$ BEGIN;\n 'x; $b$", "SELECT 1")),
        ('SELECT "a;\n"" b";\nSELECT 2;', ('SELECT "a;\n"" b"', "SELECT 2")),
        ("BEGIN SELECT 1; SELECT 2; END;\nSELECT 3", ("BEGIN SELECT 1; SELECT 2; END", "SELECT 3")),
        ("SELECT 1;  \nSELECT 2; -- why\nSELECT 3", ("SELECT 1", "SELECT 2", "-- why\nSELECT 3")),
        ("SELECT E'it\\'s;\n';\nSELECT 2", ("SELECT E'it\\'s;\n'", "SELECT 2")),
        ("-- nothing\n;\n", ()),
    ],
)  # fmt: skip
def test_a_text_is_cut_into_statements(sql: str, parts: tuple[str, ...]) -> None:
    assert cut(sql, escaping=False) == parts


def test_a_backslash_escapes_where_the_engine_says_so() -> None:
    sql = "SELECT 'it\\';\n';\nSELECT 2"
    assert cut(sql, escaping=True) == ("SELECT 'it\\';\n'", "SELECT 2")
    assert cut(sql, escaping=False) == ("SELECT 'it\\'", "'", "SELECT 2")
    assert cut("SELECT 1--'1;\n'", escaping=True) == ("SELECT 1--'1;\n'",)
    assert cut("SELECT 1--'1\n;\nSELECT 2", escaping=False) == ("SELECT 1--'1", "SELECT 2")


def planned(engine: Engine, *statements: Statement) -> Plan:
    place = parse(f"{engine.schemes[0]}://h/d")[0]
    return Plan(place, place, (), statements, run="r")


TEXTS = st.text(st.sampled_from("ab'\"`;\n -[]3+:$\\/*"), max_size=12)


@pytest.mark.parametrize("engine", [PLAIN, BACKSLASH], ids=["plain", "backslash"])
@given(texts=st.lists(TEXTS, min_size=1, max_size=3), name=TEXTS)
def test_whatever_a_text_holds_a_file_is_read_back(engine: Engine, texts: list[str], name: str) -> None:
    """Values of strings, names and comments of the user's own hold marks, semicolons and quotes."""
    statements = []
    for number, text in enumerate(texts, start=1):
        comment = text.replace("*/", "")
        column = engine.quote(text.replace("\n", " ") or "x")
        sql = f"SELECT {engine.literal(text)} AS {column}\n/*{comment}*/\n-- [1] x"
        statements.append(Statement(f"{number} {name}", "before", f"{sql}\n, 1;\nSELECT 2;", back=sql))
    plan = planned(engine, *statements)
    found = pieces(written(plan, BEFORE, engine), BEFORE, engine)
    assert [piece.number for piece in found] == list(range(1, len(texts) + 1))
    assert [piece.parts for piece in found] == [parts_of(s.forward, engine) for s in statements]
    crlf = {name: written(plan, name, engine).replace("\n", "\r\n") for name in FILES}
    assert sealed(plan, crlf, engine, "me", "now") is plan


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ('CREATE TABLE "s"."t" (\n  "a""b" numeric(12, 2) NOT NULL,\n  c double precision DEFAULT (1 + 2)\n) '
         "WITH (fillfactor=70) TABLESPACE fast", {'a"b': "numeric(12, 2)", "c": "double precision"}),
        ("CREATE TABLE `t` (`a` bigint unsigned COMMENT 'x, y)', KEY (`a`), `e` enum('a,b','c)') CHARACTER SET x) X=1",
         {"a": "bigint unsigned", "e": "enum('a,b','c)')"}),
        ('CREATE TABLE t (a timestamp with time zone, -- b int,\n "b" text[] STORAGE EXTERNAL, PRIMARY KEY (a, "b"))',
         {"a": "timestamp with time zone", "b": "text[]"}),
        ("CREATE TABLE t (a character varying(5) COLLATE x, b)", {"a": "character varying(5)", "b": ""}),
    ],
)  # fmt: skip
def test_columns_are_read_from_a_create_table(sql: str, columns: dict[str, str]) -> None:
    assert created(sql, escaping=False)[1] == columns


@pytest.mark.parametrize("sql", ["DROP TABLE t", "CREATE TABLE t AS SELECT 1", "CREATE TABLE t (a int"])
def test_what_is_no_list_of_columns_is_refused(sql: str) -> None:
    with pytest.raises(RequestError):
        created(sql, escaping=False)


def test_types_differ_by_more_than_blanks() -> None:
    assert same_type("NUMERIC (12,2)", "numeric(12, 2)")
    assert not same_type("timestamp", "timestamp with time zone")


# Sealing


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("sealing")
    write(
        folder / "in.sqlite",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, n VARCHAR(20) NOT NULL);"
        "CREATE TABLE t (id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p (id)); CREATE INDEX t_p ON t (p_id)",
    )
    job = ropeway.job(source=f"sqlite:///{folder}/in.sqlite", target=f"duckdb:///{folder}/out.duckdb")
    return ropeway.plan(job.request)


def edited(plan: Plan, **edits: Callable[[str], str]) -> Plan:
    engine = engine_of(plan.target.scheme)
    texts = {name: written(plan, name, engine) for name in FILES}
    for word, edit in edits.items():
        name = f"{word}.sql"
        before, texts[name] = texts[name], edit(texts[name])
        assert before != texts[name]
    made = sealed(plan, texts, engine, "me@here", "now")
    assert from_json(to_json(made)) == made
    return made


def block(text: str, number: int) -> str:
    """A marked statement with its SQL."""
    found = text[text.index(f"-- [{number}] ") :]
    return found[: found.find("\n\n") + 2] if "\n\n" in found else found


def test_an_edited_table_is_taken(plan: Plan) -> None:
    made = edited(
        plan, before=lambda text: text.replace('"n" VARCHAR', '"n" /* long */ TEXT').replace("BIGINT,", "HUGEINT,")
    )
    (seal,) = made.sealed
    assert (seal.by, len(seal.changed), seal.added, seal.removed) == ("me@here", 2, (), ())
    natives = {c.target: c.native for hop in made.hops for c in hop.columns}
    assert natives == {"id": "BIGINT", "n": "TEXT", "p_id": "HUGEINT"}
    assert {c.name: c.native for t in made.tables for c in t.columns}["p_id"] == "HUGEINT"


def test_an_added_statement_is_done_where_it_stands(plan: Plan) -> None:
    sql = '-- [+] create index p_n\nCREATE INDEX p_n ON "main"."p" ("n");\n\n'
    down = "-- [+] create index p_n\nDROP INDEX main.p_n;\n\n"
    made = edited(
        plan,
        after=lambda text: text.replace("-- [5]", f"{sql}-- [5]"),
        down=lambda text: text.replace("-- [5]", f"{down}-- [5]"),
    )
    names = [s.name for s in made.statements]
    assert names.index("8 create index p_n") < names.index("5 create index t_p")
    new = made.statements[names.index("8 create index p_n")]
    assert (new.forward, new.back, new.phase) == (
        'CREATE INDEX p_n ON "main"."p" ("n")',
        "DROP INDEX main.p_n",
        "after",
    )
    assert made.sealed[0].added == ("8 create index p_n",)
    again = edited(made, after=lambda text: text.replace('("n")', '("n", "id")'))
    assert [len(seal.changed) for seal in again.sealed] == [0, 1]


TAKEN_TOO: dict[str, tuple[str, Callable[[str], str]]] = {
    "a column that may be empty": ("before", lambda t: t.replace('"n" VARCHAR', '"z" INTEGER,\n  "n" VARCHAR')),
    "a column with a default": (
        "before", lambda t: t.replace('"n" VARCHAR', '"z" INT NOT NULL DEFAULT 1,\n  "n" VARCHAR'),
    ),
    "another table's end": ("after", lambda text: f"{text}\n-- [+] x\nDROP TABLE old.q, other;\n"),
    "a column's name": ("after", lambda text: f'{text}\n-- [+] x\nALTER TABLE "q" RENAME TO "main";\n'),
    "a key that nothing needs": ("before", lambda t: t[:t.index("-- [2]")] + t[t.index("-- [2]"):].replace(
        ',\n  PRIMARY KEY ("id")', "", 1)),
    "a key without its foreign key": ("before", lambda t: t.replace(',\n  PRIMARY KEY ("id")', "", 1).replace(
        ',\n  CONSTRAINT "t_p_id_fkey" FOREIGN KEY ("p_id") REFERENCES "main"."p" ("id")', "", 1)),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN_TOO)
def test_what_the_rows_do_not_need_may_change(plan: Plan, case: str) -> None:
    file, edit = TAKEN_TOO[case]
    assert edited(plan, **{file: edit}).sealed


def test_what_an_edit_does_to_values_is_said_anew(plan: Plan) -> None:
    made = edited(plan, before=lambda text: text.replace('"p_id" BIGINT', '"p_id" SMALLINT'))
    (column,) = [c for hop in made.hops for c in hop.columns if c.target == "p_id"]
    assert (column.fidelity, column.type.kind) == ("constrained", "int64")
    found = [one for one in made.findings if one.where == "t.p_id"]
    assert [(one.name, one.grade) for one in found] == [("constrained-type", "note")]
    assert "SMALLINT (constrained)" in found[0].message


def test_statements_can_be_removed_and_undone_otherwise(plan: Plan) -> None:
    made = edited(plan, after=lambda text: text.replace(block(text, 5), ""), down=lambda t: t.replace(block(t, 5), ""))
    assert made.sealed[0].removed == ("5 create index t_p",)
    made = edited(plan, down=lambda text: text.replace("DROP TABLE", "DROP TABLE IF EXISTS"))
    assert len(made.sealed[0].undone_otherwise) == 2


REFUSED: dict[str, tuple[str, Callable[[str], str], str]] = {
    "a removed table": ("before", lambda text: text.replace(block(text, 1), ""), "removed, and the rows of p need it"),
    "an emptied table": ("before", lambda t: t.replace(block(t, 1), "-- [1] create table main.p\n"), "need it"),
    "a renamed table": ("before", lambda text: text.replace('TABLE "main"."p"', 'TABLE "main"."q"'), "another table"),
    "a temporary table": ("before", lambda text: text.replace("CREATE TABLE", "CREATE TEMP TABLE", 1), "another table"),
    "a removed column": ("before", lambda text: text.replace('  "n" VARCHAR NOT NULL,\n', ""), "no column n any more"),
    "an unknown type": ("before", lambda text: text.replace('"n" VARCHAR', '"n" UNION(a INT)'), "no rule"),
    "another meaning": ("before", lambda text: text.replace('"n" VARCHAR', '"n" INTEGER'), "means int32"),
    "a column without values": (
        "before", lambda text: text.replace('"n" VARCHAR', '"z" INTEGER NOT NULL,\n  "n" VARCHAR'), "adds the column z",
    ),
    "a generated column": (
        "before", lambda text: text.replace('"n" VARCHAR', "\"n\" VARCHAR AS ('x')"), "generates n, into which",
    ),
    "a key that is referred to": (
        "before", lambda text: text.replace(',\n  PRIMARY KEY ("id")', "", 1), "The key (id) of main.p is gone",
    ),
    "a query's": ("before", lambda t: t.replace(block(t, 1), "-- [1] x\nCREATE TABLE p AS SELECT 1;\n\n"), "list"),
    "a child before its parent": (
        "before",
        lambda text: text.replace(block(text, 1), "").replace("-- Then", f"{block(text, 1)}-- Then"),
        "[2] create table main.t stands before [1] create table main.p",
    ),
    "a mark of its own": ("after", lambda text: text.replace("-- [5]", "-- [77]"), "the plan has no statement [77]"),
    "a mark twice": ("after", lambda text: f"{text}\n{block(text, 5)}", "stands in after.sql"),
    "another file's": ("after", lambda text: f"{text}\n-- [1] x\nSELECT 1;", "belongs before the rows"),
    "two in one": ("after", lambda text: f"{text}\nSELECT 1;\n", "holds 2 statements where the plan has 1"),
    "no mark": ("after", lambda text: f"SELECT 1;\n{text}", "begins with SQL"),
    "no name": ("after", lambda text: f"{text}\n-- [+]\nSELECT 1;", "no name"),
    "no SQL": ("after", lambda text: f"{text}\n-- [+] something\n", "no SQL"),
    "a dropped table": ("after", lambda text: f"{text}\n-- [+] x\nDROP TABLE IF EXISTS main.P;\n", "takes main.p away"),
    "a renamed one": ("before", lambda text: text.replace("-- Then", '-- [+] x\nALTER TABLE "t" RENAME TO u;\n-- Then'),
        "takes main.t away"),
    "a dropped schema": ("after", lambda text: f"{text}\n-- [+] x\nDROP SCHEMA main CASCADE;\n", "takes main.p away"),
    "a way back of nothing": ("down", lambda text: f"-- [+] x\nSELECT 1;\n{text}", "in none of the other files"),
    "ways back in another order": (
        "down",
        lambda text: f"{text.replace(block(text, 5), '')}\n{block(text, 5)}",
        "reversed",
    ),
    "a name that the way back misses": (
        "after", lambda text: text.replace('INDEX "t_p"', 'INDEX "t_q"'), 'still names "t_p"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_an_edit_that_breaks_the_plan_is_refused(plan: Plan, case: str) -> None:
    file, edit, said = REFUSED[case]
    with pytest.raises(RequestError) as caught:
        edited(plan, **{file: edit})
    assert said in str(caught.value)
    assert f"{file}.sql" in str(caught.value) or file == "after" or case == "a key that is referred to"


def test_how_rows_arrive_cannot_be_edited(tmp_path: Path) -> None:
    for name in ("in", "out"):
        write(tmp_path / f"{name}.sqlite", "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    for mode, file in (("append", AFTER), ("replace", AFTER), ("truncate", BEFORE)):
        job = ropeway.job(
            source=f"sqlite:///{tmp_path}/in.sqlite", target=f"sqlite:///{tmp_path}/out.sqlite", mode=mode
        )
        made = ropeway.plan(job.request)
        verb = {"append": "SELECT", "replace": "RENAME", "truncate": "DELETE FROM"}[mode]
        with pytest.raises(RequestError, match="how rows arrive"):
            edited(
                made, **{file.removesuffix(".sql"): lambda text, verb=verb: text.replace(verb, f"/* x */ {verb}", 1)}
            )
        assert DOWN in FILES


def test_a_starred_statement_comes_last(plan: Plan) -> None:
    late = Statement("9 add foreign key", "after", "SELECT 9", after=("*",), hop=plan.hops[0].name)
    whole = dataclasses.replace(plan, statements=(*plan.statements, late))
    with pytest.raises(RequestError, match=r"\[9\] add foreign key stands before \[3\]"):
        edited(
            whole, after=lambda text: text.replace(block(text, 9), "").replace("-- [3]", f"{block(text, 9)}\n-- [3]")
        )
