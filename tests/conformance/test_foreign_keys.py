"""Foreign keys whose shape or whose equality is not the target's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from moves import moved, requested
from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.request import Choice
from ropeway.transfer.schema.catalogue import ForeignKey, Relation
from ropeway.transfer.schema.violations import Apart, orphans
from spots import MYSQL_FAMILY, PLACES, Servers, Spot, spot


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("here", ["sqlite", "postgresql"])
def test_columns_may_come_in_another_order_than_the_key(
    here: str, there: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (a integer, b integer, c integer NOT NULL, PRIMARY KEY (a, b), UNIQUE (c, a))")
    source.ask(
        "CREATE TABLE f (id integer PRIMARY KEY, x integer, y integer, z integer, "
        "CONSTRAINT to_key FOREIGN KEY (y, x) REFERENCES p (b, a), "
        "CONSTRAINT to_unique FOREIGN KEY (x, z) REFERENCES p (a, c))"
    )
    source.ask("INSERT INTO p VALUES (1, 2, 3)")
    source.ask("INSERT INTO f VALUES (1, 1, 2, 3), (2, NULL, 2, 3)")
    moved(source, target)
    (table,) = [table for table in wire.inspect(target.url) if table.name.table == target.kept("f")]
    named = [(map(str.lower, fk.columns), map(str.lower, fk.referenced)) for fk in table.foreign_keys]
    pairs = [set(zip(*one, strict=True)) for one in named]
    assert sorted(pairs, key=sorted) == [{("x", "a"), ("y", "b")}, {("x", "a"), ("z", "c")}]
    if there == "postgresql":  # which takes any order
        assert ("y", "x") in [fk.columns for fk in table.foreign_keys]


def test_orphans_are_found_where_the_order_changes(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE p (a INTEGER, b INTEGER, PRIMARY KEY (a, b))")
    source.ask("CREATE TABLE f (id INTEGER PRIMARY KEY, x INTEGER, y INTEGER, FOREIGN KEY (y, x) REFERENCES p (b, a))")
    source.ask("INSERT INTO p VALUES (1, 2)")
    source.ask("INSERT INTO f VALUES (1, 2, 1)")
    plan = wire.plan(*requested(source, target))
    (found,) = [finding for finding in plan.findings if finding.name == "orphans"]
    assert "1 reference breaks the foreign key on y, x to p, as (1, 2, 1)" in found.message


@pytest.mark.parametrize("there", [one for one in PLACES if one != "postgresql"])
def test_decimals_of_a_group_have_the_same_digits(there: str, tmp_path: Path, servers: Servers) -> None:
    """1.5, 1.50 and 1.500 are one key in PostgreSQL, and three texts in SQLite."""
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (n numeric PRIMARY KEY)")
    source.ask("CREATE TABLE c (id integer PRIMARY KEY, n numeric(9,3) REFERENCES p)")
    source.ask("CREATE TABLE d (id integer PRIMARY KEY, n numeric REFERENCES p)")
    source.ask("INSERT INTO p VALUES (1.50), (1234567.1)")
    source.ask("INSERT INTO c VALUES (1, 1.5), (2, 1.500)")
    source.ask("INSERT INTO d VALUES (1, 1.5), (2, 1234567.1)")
    moved(source, target)
    joined = (
        target.ask("SELECT c.id FROM c JOIN p ON p.n = c.n ORDER BY 1"),
        target.ask("SELECT d.id FROM d JOIN p ON p.n = d.n ORDER BY 1"),
    )
    assert joined == ([(1,), (2,)], [(1,), (2,)])
    keys = {table.name.table.lower(): table.foreign_keys for table in wire.inspect(target.url)}
    assert keys["c"]
    assert keys["d"]


@pytest.mark.parametrize(
    ("here", "there"),
    [("postgresql", "sqlite"), ("postgresql", "duckdb"), ("mariadb", "duckdb"), ("mysql", "sqlite"),
     ("mysql", "postgresql")],
)  # fmt: skip
def test_blanks_that_a_key_overlooks(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    """Of a char(n), each as many as it is long; of a varchar that refers to one, those that it has."""
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (code char(5) PRIMARY KEY)")
    source.ask("CREATE TABLE c (id integer PRIMARY KEY, code char(10), FOREIGN KEY (code) REFERENCES p (code))")
    source.ask("CREATE TABLE d (id integer PRIMARY KEY, code varchar(9), FOREIGN KEY (code) REFERENCES p (code))")
    source.ask("INSERT INTO p VALUES ('a'), (' b')")
    source.ask("INSERT INTO c VALUES (1, 'a'), (2, ' b')")
    source.ask("INSERT INTO d VALUES (1, 'a  '), (2, ' b')")
    plan = moved(source, target).plan
    joined = [target.ask(f"SELECT x.id FROM {name} x JOIN p ON p.code = x.code ORDER BY 1") for name in ("c", "d")]
    assert joined == [[(1,), (2,)], [(1,), (2,)]]
    natives = {hop.reads.table: next(c.native for c in hop.columns if c.source == "code") for hop in plan.hops}
    assert len(set(natives.values())) == 1
    said = [finding.where.rpartition(".")[0] for finding in plan.findings if finding.name == "normalised-type"]
    assert [where.rpartition(".")[2] for where in said] == ["d"]


def test_declarations_of_one_family_stay(tmp_path: Path, servers: Servers) -> None:
    """'a' and 'A' refer to one parent, and are two keys of their own."""
    source, target = spot("sqlite", tmp_path, servers), spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE p (code TEXT COLLATE NOCASE PRIMARY KEY)")
    source.ask("CREATE TABLE c (code VARCHAR(9) PRIMARY KEY REFERENCES p)")
    source.ask("INSERT INTO p VALUES ('a')")
    source.ask("INSERT INTO c VALUES ('a'), ('A')")
    moved(source, target)
    columns = {t.name.table: (t.columns[0].native, t.columns[0].collation) for t in wire.inspect(target.url)}
    assert columns == {"p": ("TEXT", "NOCASE"), "c": ("VARCHAR(9)", "")}


def folded(engine: str, tmp_path: Path, servers: Servers) -> Spot:
    """Children that are spelt as their parents are, and otherwise, where equality takes no notice of case."""
    source = spot(engine, tmp_path, servers)
    suffix = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
    source.ask(f"CREATE TABLE p (code varchar(9) NOT NULL, n integer NOT NULL, PRIMARY KEY (code, n)) {suffix}")
    source.ask(
        "CREATE TABLE c (id integer PRIMARY KEY, code varchar(9), n integer, "
        f"FOREIGN KEY (code, n) REFERENCES p (code, n)) {suffix}"
    )
    source.ask("INSERT INTO p VALUES ('a', 1), ('b', 1)")
    source.ask("INSERT INTO c VALUES (1, 'a', 1), (2, NULL, 1), (3, 'A', 1), (4, 'b', 1), (5, 'A', 1)")
    return source


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("here", MYSQL_FAMILY)
def test_references_that_are_spelt_otherwise(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = folded(here, tmp_path, servers), spot(there, tmp_path, servers)
    if there in MYSQL_FAMILY:
        moved(source, target)  # the collation comes along
        return
    plan = wire.plan(*requested(source, target))
    (found,) = [finding for finding in plan.findings if finding.name == "orphans"]
    assert found.grade == "blocker"
    assert "1 reference breaks the foreign key on code, n to " in found.message
    assert "(code takes texts for equal that the target does not), as ('A', 1, 2)" in found.message
    query = re.split(r"\. (?:Or --|\w+ refuses)", found.remedy.partition("lists them: ")[2])[0].rstrip(".")
    assert source.ask(query) == [("A", 1, 2)]
    with pytest.raises(RequestError, match="orphans at "):
        wire.run(*requested(source, target))
    source.ask("UPDATE c SET code = 'a' WHERE id IN (3, 5)")
    moved(source, target)


def test_postgresql_tells_texts_apart(tmp_path: Path, servers: Servers) -> None:
    """By the query alone: the wheel's server is built without ICU, and so has no collation that folds. citext does."""
    source, engine = spot("postgresql", tmp_path, servers), engine_of("postgresql")
    source.ask("CREATE EXTENSION citext")
    source.ask("CREATE TABLE p (code citext PRIMARY KEY)")
    source.ask("CREATE TABLE c (code citext REFERENCES p)")
    source.ask("INSERT INTO p VALUES ('a')")
    source.ask("INSERT INTO c VALUES ('a'), ('A'), (NULL)")
    key = ForeignKey("k", ("code",), Relation("public", "p"), ("code",))
    assert source.ask(orphans(engine, "c", key, "p")) == []
    exactly = engine.words(None).exactly
    apart = {"code": Apart(exactly.format("c.code"), exactly.format("p.code"), ("what it overlooks",))}
    assert source.ask(orphans(engine, "c", key, "p", apart)) == [("A", 1)]


@pytest.mark.parametrize("here", ["postgresql", "sqlite"])
def test_columns_that_ignore_case(here: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot("duckdb", tmp_path, servers)
    kind = "TEXT COLLATE NOCASE"
    if here == "postgresql":
        source.ask("CREATE EXTENSION citext")
        kind = "citext"
    source.ask(f"CREATE TABLE p (code {kind} PRIMARY KEY)")
    source.ask(f"CREATE TABLE c (id integer PRIMARY KEY, code {kind} REFERENCES p)")
    source.ask("INSERT INTO p VALUES ('a'), ('b')")
    source.ask("INSERT INTO c VALUES (1, 'a'), (2, 'A'), (3, 'b'), (4, NULL)")
    findings = {finding.name: finding for finding in wire.plan(*requested(source, target)).findings}
    assert "equality of code ignores case in the source and not in the target" in findings["collation"].message
    assert findings["orphans"].message.endswith("(code takes texts for equal that the target does not), as ('A', 1)")
    source.ask("UPDATE c SET code = 'a' WHERE id = 2")
    moved(source, target)
    same = spot(here, tmp_path, servers)
    if here == "postgresql":
        same.ask("CREATE EXTENSION citext")
    source.ask("UPDATE c SET code = 'A' WHERE id = 2")
    plan = moved(source, same).plan
    assert {finding.name for finding in plan.findings} & {"collation", "orphans"} == set()


@pytest.mark.parametrize("here", MYSQL_FAMILY)
def test_blanks_that_only_the_source_overlooks(here: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot("postgresql", tmp_path, servers)
    suffix = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    source.ask(f"CREATE TABLE p (code varchar(9) PRIMARY KEY) {suffix}")
    source.ask(f"CREATE TABLE c (id int PRIMARY KEY, code varchar(9), FOREIGN KEY (code) REFERENCES p (code)) {suffix}")
    source.ask("INSERT INTO p VALUES ('a')")
    source.ask("INSERT INTO c VALUES (1, 'a'), (2, 'a ')")
    (found,) = [one for one in wire.plan(*requested(source, target)).findings if one.name == "orphans"]
    assert found.message.endswith("as ('a ', 1)")


def test_a_key_of_a_column_that_is_left_out(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY, code VARCHAR(9) UNIQUE)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, code VARCHAR(9) REFERENCES p (code))")
    plan = moved(source, target, choices=(Choice("*"), Choice("p", columns=("id",)))).plan
    (found,) = [finding for finding in plan.findings if finding.name == "foreign-key-lost"]
    assert found.message == "its foreign key on code to main.p: code is not moved"
