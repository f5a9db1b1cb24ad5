"""Faults put into loaded targets by plain SQL, and whether `verify` finds them at each of its levels."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from fault_classes import ANY, FAULTS, Cell, Copy, Drop, Edit, Fault, applied
from fault_rows import BY_NAME, COLUMNS, KEYS, TWINS, Row, created, family, given, rows
from moves import moved
from ropeway.cli import wire
from ropeway.transfer.place import parse
from ropeway.transfer.plan import Plan
from ropeway.verify.report import COUNTS_EQUAL, DIFFERENT, EQUALS_READ, EQUALS_SOURCE, Compared, TableReport
from spots import Servers, Spot, spot

Run = Callable[..., Any]  # (sql, parameters)
Change = tuple[str, str, str]  # kind, key, column
SEEDS = 5  # one for each kind of key
_MARKS = {"postgresql": "%s", "mariadb": "%s", "duckdb": "?", "sqlite": "?"}


@contextmanager
def driver(place: Spot, servers: Servers) -> Iterator[Run]:
    """One connection, in which one transaction is made, of a driver in which Ropeway has no hand."""
    file = place.url.partition(":///")[2]
    if place.engine == "sqlite":
        with closing(sqlite3.connect(file)) as lite, lite:
            yield lite.execute
    elif place.engine == "duckdb":
        with duckdb.connect(file) as duck:
            duck.begin()
            yield duck.execute
            duck.commit()
    elif place.engine == "postgresql":
        with psycopg.connect(place.url) as elephant:
            yield elephant.execute
    else:
        server = servers.family(place.engine)
        with server.connect(database=place.url.rpartition("/")[2]) as connection, connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
            yield cursor.execute
            connection.commit()


@dataclass(frozen=True)
class Pair:
    """A source, a target that was loaded from it, and the rows that both hold, table by table."""

    source: Spot
    target: Spot
    plan: Plan
    outcome: wire.Outcome
    secrets: wire.Secrets
    held: Mapping[str, list[Row]]
    servers: Servers


def loaded(source: str, target: str, folder: Path, servers: Servers, tables: Sequence[str] = tuple(KEYS)) -> Pair:
    """Fill a source by plain SQL, move it, and keep a copy of each table in the target, for repairs."""
    one, other = spot(source, folder, servers), spot(target, folder, servers)
    made = rows(source, target)
    held = {table: made if KEYS[table] else [*made, *made[:TWINS]] for table in tables}
    with driver(one, servers) as run:
        for table in tables:
            run(created(table, source))
            _insert(run, source, table, held[table])
    outcome = moved(one, other)
    with driver(other, servers) as run:
        for table in tables:
            run(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
    secrets = wire.Secrets(parse(one.url)[1], parse(other.url)[1])
    return Pair(one, other, outcome.plan, outcome, secrets, held, servers)


def _insert(run: Run, engine: str, table: str, held: Sequence[Row]) -> None:
    marks = f"({', '.join(_MARKS[engine] for _ in COLUMNS)})"
    for start in range(0, len(held), 100):
        some = held[start : start + 100]
        values = [given(engine, column.kind, row[column.name]) for row in some for column in COLUMNS]
        run(f"INSERT INTO {table} VALUES {', '.join([marks] * len(some))}", values)


def inject(pair: Pair, table: str, edits: Sequence[Edit]) -> None:
    engine = pair.target.engine
    mark = _MARKS[family(engine)]
    with driver(pair.target, pair.servers) as run:
        for edit in edits:
            if isinstance(edit, Cell):
                value = given(engine, BY_NAME[edit.column].kind, edit.value)
                run(f"UPDATE {table} SET {edit.column} = {mark} WHERE id = {edit.id}", [value])
            elif isinstance(edit, Drop):
                run(f"DELETE FROM {table} WHERE id = {edit.id}")
            elif isinstance(edit, Copy):
                names = [f"'{edit.new[c.name]}'" if c.name in edit.new else c.name for c in COLUMNS]
                run(f"INSERT INTO {table} SELECT {', '.join(names)} FROM kept_{table} WHERE id = {edit.id}")
            else:
                many = len({row["id"] for row in pair.held[table]})
                after = f"SELECT k.{edit.column} FROM kept_{table} k WHERE k.id = ({table}.id + 1) % {many} LIMIT 1"
                run(f"UPDATE {table} SET {edit.column} = ({after})")


def repair(pair: Pair, table: str) -> None:
    with driver(pair.target, pair.servers) as run:
        run(f"DELETE FROM {table}")
    with driver(pair.target, pair.servers) as run:  # DuckDB's indexes want the deletion committed first
        run(f"INSERT INTO {table} SELECT * FROM kept_{table}")


def verified(pair: Pair, table: str, level: str) -> TableReport:
    """What a level says of one table of the run."""
    (hop,) = (hop for hop in pair.plan.hops if hop.reads.table == table)
    report = wire.verify(replace(pair.plan, hops=(hop,)), pair.outcome.receipts, level, pair.secrets)
    return report.tables[0]


def expected(pair: Pair, table: str, edits: Sequence[Edit]) -> set[Change]:
    """What the edits make of the rows, by comparing lists in plain Python."""
    before, after = pair.held[table], applied(edits, pair.held[table])
    key = KEYS[table]
    if not key:
        return set()
    one, other = ({_key(row, key): row for row in some} for some in (before, after))
    found = {("missing", at, "") for at in one.keys() - other.keys()}
    found |= {("extra", at, "") for at in other.keys() - one.keys()}
    for at in one.keys() & other.keys():
        found |= {("changed", at, name) for name in BY_NAME if repr(one[at][name]) != repr(other[at][name])}
    return found


def _key(row: Row, key: Sequence[str]) -> str:
    return "/".join(str(row[name]) for name in key)


def told(found: Compared, table: str) -> set[Change]:
    return {(one.kind, "/".join(str(one.key[name]) for name in KEYS[table]), one.column) for one in found.first}


@dataclass(frozen=True)
class Tried:
    """What came of one fault in one pair: so many seeds, and what was wrong."""

    fault: Fault
    source: str
    target: str
    seeds: int
    wrong: tuple[str, ...]


def all_tried(pair: Pair, faults: Sequence[Fault] = FAULTS, seeds: int = SEEDS) -> list[Tried]:
    """Each fault that the pair can hold, at each seed, one after the other in the same tables."""
    source, target = pair.source.engine, pair.target.engine
    made = []
    for fault in faults:
        possible = range(0 if fault.inexpressible(source, target) else seeds)
        wrong = tuple(f"{fault.name}, seed {seed}: {text}" for seed in possible for text in tried(pair, fault, seed))
        made.append(Tried(fault, source, target, len(possible), wrong))
    assert all(verified(pair, table, "full").equal for table in pair.held)
    return made


def tried(pair: Pair, fault: Fault, seed: int) -> list[str]:
    """Put the fault of a seed into the target, verify at all levels, repair, verify again; what was wrong."""
    choose = random.Random(f"{fault.number} {fault.name} {seed}")
    tables = [table for table in fault.tables if table in pair.held]
    table = tables[seed % len(tables)]
    edits = fault.make(pair.held[table], choose, table)
    equal = bool(fault.equal(pair.source.engine, pair.target.engine))
    inject(pair, table, edits)
    try:
        wrong = [_levels(pair, table, edits, equal=equal)]
        report = verified(pair, table, "full")
    finally:
        repair(pair, table)
    wrong.append("" if verified(pair, table, "standard").equal else "it differs after the repair")
    if equal:
        wrong.append("" if report.equal else f"{edits} is told apart: {report.found}")
    elif report.claim != DIFFERENT:
        wrong.append(f"{edits} on {table}: {report.claim} {report.reason}")
    elif report.found:
        wrong += [_localised(pair, table, edits, report), _caused(fault, report)]
    else:
        wrong.append(_named(pair, table, edits, report.reason))
    return [text for text in wrong if text]


def _levels(pair: Pair, table: str, edits: Sequence[Edit], *, equal: bool) -> str:
    """Count sees that rows are more or fewer, and nothing else; standard sees all."""
    changed = len(applied(edits, pair.held[table])) != len(pair.held[table])
    counted, standard = (verified(pair, table, level).claim for level in ("count", "standard"))
    said = [] if counted == (DIFFERENT if changed else COUNTS_EQUAL) else [f"count says {counted}"]
    if standard not in ((EQUALS_READ, EQUALS_SOURCE) if equal else (DIFFERENT,)):
        said.append(f"standard says {standard}")
    return ", ".join(said)


def _localised(pair: Pair, table: str, edits: Sequence[Edit], report: TableReport) -> str:
    assert report.found
    if not KEYS[table]:
        return _localised_without_key(pair, table, edits, report.found)
    wanted, found = expected(pair, table, edits), told(report.found, table)
    if len(wanted) > len(report.found.first):  # of many the first are told
        wrong = sorted(found - wanted)
        numbers = Counter(column for _, _, column in wanted)
        if dict(report.found.columns) != dict(numbers):
            wrong.append(("columns", str(report.found.columns), str(numbers)))
        return f"{wrong} were told of {table}" if wrong else ""
    if report.differing_segments > len({key for _, key, _ in wanted}):
        return f"{report.differing_segments} segments differ for {sorted(wanted)}"
    return "" if found == wanted else f"{sorted(found)} for {sorted(wanted)} in {table}"


def _named(pair: Pair, table: str, edits: Sequence[Edit], reason: str) -> str:
    """The value that cannot be read is named with its column and its row."""
    wanted = {edit.column for edit in edits if isinstance(edit, Cell)}
    hit = [row for row in pair.held[table] for edit in edits if isinstance(edit, Cell) and row["id"] == edit.id]
    wanted |= {str(row[name]) for row in hit for name in KEYS[table]}
    return "" if all(word in reason for word in wanted) else f"{reason} for {wanted}"


def _localised_without_key(pair: Pair, table: str, edits: Sequence[Edit], found: Compared) -> str:
    """Whole rows are told: those that only one side has, which differ in the columns that were hit."""
    before, after = (Counter(map(repr, some)) for some in (pair.held[table], applied(edits, pair.held[table])))
    lost, new = before - after, after - before
    if (found.missing, found.extra) != (lost.total(), new.total()):
        return f"{found.missing} missing and {found.extra} extra for {lost.total()} and {new.total()}"
    sides = {kind: [one.key for one in found.first if one.kind == kind] for kind in ("missing", "extra")}
    hit = {(str(edit.id), edit.column) for edit in edits if isinstance(edit, Cell)}
    seen = {
        (str(a["id"]), name)
        for a in sides["missing"] for b in sides["extra"] if a["id"] == b["id"] for name in a if a[name] != b[name]
    }  # fmt: skip
    return "" if not hit or hit == seen else f"{seen} for {hit} in {table}"


def _caused(fault: Fault, report: TableReport) -> str:
    assert report.found
    wrong = []
    for one in report.found.first:
        word = fault.cause if isinstance(fault.cause, str) else fault.cause.get(one.column, ANY)
        if one.kind == "changed" and word not in (ANY, one.cause):
            wrong.append(f"{one.cause!r} for {word!r}: {one}")
    return "; ".join(wrong)
