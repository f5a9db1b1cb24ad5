"""Names and values that mean harm, said to real servers: each comes back as it went, or is refused before that."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hostile import UNSAYABLE, texts
from moves import moved, refusal, requested
from ropeway.cli import wire
from ropeway.cli.back import rollback
from ropeway.transfer.engine import Engine, Session
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Plan
from ropeway.transfer.schema.catalogue import Relation
from ropeway.transfer.schema.names import refused
from spots import PLACES, Servers, Spot, database, spot

COUNT = 1000
NULS = {"mariadb", "mysql"}  # whose literals can say U+0000
WIDTH = {"oracle": "number(9)"}


def opened(there: str, folder: Path, servers: Servers) -> tuple[Engine, Session]:
    place, secret = parse(spot(there, folder, servers).url)
    engine = engine_of(place.scheme)
    return engine, engine.connect(resolve(place, secret), create=True)


def batched(all_of: list[Any], size: int) -> Iterator[list[Any]]:
    return (all_of[at : at + size] for at in range(0, len(all_of), size))


def is_unsayable(text: str) -> bool:
    return any(one in text for one in UNSAYABLE)


@pytest.mark.parametrize("there", PLACES)
def test_values(there: str, tmp_path: Path, servers: Servers) -> None:
    engine, session = opened(there, tmp_path, servers)
    said: list[tuple[str, str]] = []
    for value in texts(COUNT, 1, unsayable=True):
        if is_unsayable(value.replace("\0", "") if there in NULS else value):
            with pytest.raises(RequestError, match="U\\+"):
                engine.literal(value)
        else:
            said.append((value, engine.literal(value)))
    assert len(said) > COUNT * 0.7
    rest = " FROM dual" if there == "oracle" else ""
    with closing(session):
        for batch in batched(said, 50):
            ((*found,),) = session.ask(f"SELECT {', '.join(one for _, one in batch)}{rest}")
            assert list(map(ascii, found)) == [ascii(value) for value, _ in batch]


def columns_of(engine: Engine) -> Iterator[str]:
    """What of the hostile names the engine can have, as Ropeway would spell it there; what it cannot is refused."""
    seen = set[str]()
    for name in texts(COUNT * 2, 2, unsayable=True):
        made = engine.name_of(name) if not is_unsayable(name) else name
        if is_unsayable(name):
            assert "U+" in refused(name, "column", engine)
            with pytest.raises(RequestError, match="U\\+"):
                engine.quote(name)
        elif not refused(made, "column", engine) and made.casefold() not in seen:
            seen.add(made.casefold())
            yield made


@pytest.mark.parametrize("there", PLACES)
def test_names(there: str, tmp_path: Path, servers: Servers) -> None:
    """As columns and as tables, read back from the catalogue."""
    engine, session = opened(there, tmp_path, servers)
    names = list(itertools.islice(columns_of(engine), COUNT))
    assert len(names) == COUNT
    wanted: dict[str, list[str]] = {}
    with closing(session):
        for at, batch in enumerate(batched(names, 100)):
            table = engine.name_of(f"{batch[7]} {at}")
            wanted[table] = batch
            columns = ", ".join(f"{engine.quote(one)} {WIDTH.get(there, 'int')}" for one in batch)
            session.execute(f"CREATE TABLE {engine.relation(Relation('', table))} ({columns})")
        found = {one.name.table: [column.name for column in one.columns] for one in engine.tables(session)}
    assert {name: found.get(name) for name in wanted} == wanted  # Oracle's accounts see those of others, too


NAMES = (
    "it's", 'say "x"', "tick`s", "a]b[c", "; DROP TABLE t; --", "/* a */ -- b", "back\\slash\\", "two\nlines\tand",
    "$1 $$ %s ?:x @y", "{fn now()}{{ 7 }}", "\u202egnp.exe\u200f", "<script>alert(1)</script>", "../../x", "a.b.c",
    " a", "a;\nb", "ä" * 31, "\x1b[2J\x07",
)  # fmt: skip


def filled(source: Spot, engine: Engine, names: Sequence[str], *, linked: bool) -> None:
    """Tables, columns, defaults, checks, keys, indexes, comments, rows, all of hostile names and values."""
    q, said = engine.quote, engine.literal
    for before, (name, inner) in zip(("", *names[::2]), zip(names[::2], names[1::2], strict=False), strict=False):
        one, other = q(inner), q(f"{inner}2")
        parts = [
            f"{q('id')} int PRIMARY KEY", f"{one} varchar(99) DEFAULT {said(inner)} NOT NULL", f"{other} int",
            f"CONSTRAINT {q('c' + name)} CHECK ({one} <> {said(inner + '!')})",
        ]  # fmt: skip
        if before and linked:
            parts.append(f"CONSTRAINT {q('f' + name)} FOREIGN KEY ({other}) REFERENCES {q(before)} ({q('id')})")
        source.ask(f"CREATE TABLE {q(name)} ({', '.join(parts)})")
        source.ask(f"CREATE INDEX {q('i' + name)} ON {q(name)} ({other})")
        if source.engine == "postgresql":
            source.ask(f"COMMENT ON TABLE {q(name)} IS {said(name)}")
            source.ask(f"COMMENT ON COLUMN {q(name)}.{one} IS {said(inner)}")
        values = ", ".join(f"({n}, {said(one)}, 1)" for n, one in enumerate(NAMES, 1))
        source.ask(f"INSERT INTO {q(name)} VALUES {values}")


ROUTES = [
    *(("postgresql", there, "create") for there in PLACES), ("mariadb", "postgresql", "create"),
    ("sqlite", "duckdb", "create"), ("duckdb", "sqlite", "create"), ("mariadb", "mariadb", "replace"),
    *(("postgresql", there, "replace") for there in ("postgresql", "sqlite", "duckdb")),
]  # fmt: skip


@pytest.mark.parametrize(("here", "there", "mode"), ROUTES)
def test_a_whole_run(here: str, there: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    reads, writes = (engine_of(parse(one.url)[0].scheme) for one in (source, target))
    ends = (reads, writes)
    names = [one for one in NAMES if not any(refused(f"{one}2", "table", end) for end in ends)]
    assert len(names) >= len(NAMES) - 2
    filled(source, reads, names, linked=mode == "create")
    outcome = moved(source, target, slice_rows=5)
    assert len(outcome.plan.hops) == len(names) // 2
    assert {tuple(rows) for rows in held(target, writes, outcome.plan)} == {NAMES}
    assert wire.verify(outcome.plan, secrets=requested(source, target)[1]).equal
    if mode == "replace":
        if there == "duckdb":  # it renames no table that has indexes
            for (index,) in target.ask("SELECT index_name FROM duckdb_indexes()"):
                target.ask(f"DROP INDEX {writes.quote(index)}")
        again = moved(source, target, mode="replace", slice_rows=5)
        if there in ("postgresql", "sqlite"):
            rollback(again.plan.run, target.url)
        wire.clean(again.plan.run, target.url)
        assert {tuple(rows) for rows in held(target, writes, outcome.plan)} == {NAMES}
    wire.clean(outcome.plan.run, target.url, undo=True)
    assert not wire.inspect(target.url)


def held(target: Spot, engine: Engine, plan: Plan) -> Iterator[list[str]]:
    """The texts of each table; a row that leaves its text to the default says the table's name."""
    for hop in plan.hops:
        number, text, _ = (engine.quote(column.target) for column in hop.columns)
        rows = target.ask(f"SELECT {text} FROM {engine.relation(hop.writes)} ORDER BY {number}")
        yield [row[0] for row in rows]


def test_what_nobody_can_say_is_refused(tmp_path: Path, servers: Servers) -> None:
    """A Parquet file's column may have any name."""
    pq.write_table(pa.table({"id": [1], "a\0b": [2]}), tmp_path / "t.parquet")
    source, target = Spot("parquet", f"parquet:///{tmp_path}", lambda sql: []), spot("postgresql", tmp_path, servers)
    assert "U+0000" in refusal(source, target)


@pytest.mark.parametrize("there", ["mariadb", "postgresql"])
def test_settings_that_turn_quotes_and_backslashes(there: str, tmp_path: Path, servers: Servers) -> None:
    """Each session pins what its text relies on, whatever the server's, the database's or the role's own is."""
    source, target = spot(there, tmp_path, servers), spot(there, tmp_path, servers)
    engine = engine_of(there)
    filled(source, engine, NAMES[:7], linked=True)
    if there == "postgresql":
        for one in (source, target):
            one.ask(f"ALTER DATABASE {database(one)} SET standard_conforming_strings = off")
            one.ask(f"ALTER DATABASE {database(one)} SET backslash_quote = on")
        outcome = moved(source, target, slice_rows=5)
    else:
        ((before,),) = source.ask("SELECT @@GLOBAL.sql_mode")
        source.ask("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH'")
        try:
            outcome = moved(source, target, slice_rows=5)
        finally:
            source.ask(f"SET GLOBAL sql_mode = '{before}'")
    assert {tuple(rows) for rows in held(target, engine, outcome.plan)} == {NAMES}
    place, secret = parse(source.url)
    with closing(engine.connect(resolve(place, secret))) as session:
        for value in texts(200, 3):
            assert session.ask(f"SELECT {engine.literal(value)}") == [(value,)]
