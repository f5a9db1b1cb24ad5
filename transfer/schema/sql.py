"""SQL that several engines share, in terms of how each one quotes. Engine facts stay with the engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ..errors import RequestError
from ..plan import Cut, Hop, Slice
from .catalogue import Column, ForeignKey, Index, Relation, Table


class Quoting(Protocol):
    """The part of an engine that spells names and values."""

    def quote(self, name: str) -> str: ...

    def literal(self, value: object) -> str: ...

    def relation(self, relation: Relation) -> str: ...

    def condition(self, cut: Cut) -> str: ...


def names(engine: Quoting, columns: Sequence[str]) -> str:
    """A quoted column list without parentheses."""
    return ", ".join(engine.quote(column) for column in columns)


def text_literal(value: object) -> str:
    """A literal in standard SQL, where a backslash is an ordinary character."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + sayable(str(value), "a value").replace("'", "''") + "'"


def sayable(text: str, what: str, *, unless: str = "") -> str:
    """The text, if a statement can hold it. RequestError if it has what ends a statement early, or is no character."""
    found = unsayable(text.replace(unless, "") if unless else text)
    if found:
        raise RequestError(f"{what} has {found}, which no statement of SQL can say: {text!r:.120}.")
    return text


def unsayable(text: str) -> str:
    """What of a text no statement can say, by its number: U+0000, which drivers written in C take for the end, or half
    of a pair of UTF-16; '' if there is nothing.
    """
    odd = next((letter for letter in text if letter == "\0" or "\ud800" <= letter <= "\udfff"), "")
    return f"U+{ord(odd):04X}" if odd else ""


def shortened(name: str, most: int, encoding: str = "utf-8") -> str:
    """A name of at most so many of an encoding's units; a longer one ends in a hash, so that none collide."""
    unit, octets = len("_".encode(encoding)), name.encode(encoding)
    if len(octets) <= most * unit:
        return name
    head = octets[: (most - 9) * unit].decode(encoding, errors="ignore")
    return f"{head}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def double_quoted(name: str) -> str:
    """A name in standard SQL quotes."""
    return '"' + sayable(name, "a name").replace('"', '""') + '"'


def counted(engine: object) -> str:
    """The number of rows, in 64 bits; SQL Server's count(*) has 32 and stops above that."""
    return str(getattr(engine, "counted", "count(*)"))


def nothing(engine: object) -> str:
    """A query that asks for nothing."""
    return str(getattr(engine, "nothing", "SELECT 1"))


def dropping(engine: Quoting, kind: str, relation: Relation) -> str:
    """DROP for what may be gone; an engine may have words of its own for it."""
    own = getattr(engine, "dropping", None)
    return str(own(kind, relation)) if own else f"DROP {kind} IF EXISTS {engine.relation(relation)}"


def range_condition(column: str, cut: Cut, literal: Callable[[object], str]) -> str:
    """A half-open range over SQL `column`; open ends leave their comparison out."""
    if cut.kind == "nulls":
        return f"{column} IS NULL"
    parts = []
    if cut.lower is not None:
        parts.append(f"{column} >= {literal(cut.lower)}")
    if cut.upper is not None:
        parts.append(f"{column} < {literal(cut.upper)}")
    # Both ends open is still a range of a key: NULL keys belong to their own slice.
    return " AND ".join(parts) or (f"{column} IS NOT NULL" if cut.kind == "range" else "")


def source_of(engine: Quoting, hop: Hop) -> str:
    """What a hop reads from: its relation, or its query as a derived table."""
    return f"({hop.query}) AS q" if hop.query else engine.relation(hop.reads)


def where_of(engine: Quoting, hop: Hop, part: Slice) -> str:
    """The WHERE clause of a slice, with a leading blank, or ''."""
    conditions = [f"({hop.where})"] if hop.where else []
    cut = engine.condition(part.cut)
    if cut:
        conditions.append(cut)
    return " WHERE " + " AND ".join(conditions) if conditions else ""


def first(engine: object, query: str, count: int = 1) -> str:
    """The first rows of a query that begins with SELECT, in the engine's words where LIMIT is none of them."""
    own = getattr(engine, "first", None)
    return str(own(query, count)) if own else f"{query} LIMIT {count}"


def inserting(engine: Quoting, on: Relation, columns: Sequence[str], insert: str) -> str:
    """An INSERT that gives these columns their values, also what the engine would number by itself."""
    own = getattr(engine, "inserting", None)
    return str(own(on, columns, insert)) if own else insert


def select(engine: Quoting, hop: Hop, part: Slice) -> str:
    """The query that reads a slice, each column by its projection under its target name."""
    columns = ", ".join(f"{c.project} AS {engine.quote(c.target)}" for c in hop.columns)
    limit = f" LIMIT {hop.limit}" if hop.limit else ""
    return f"SELECT {columns} FROM {source_of(engine, hop)}{where_of(engine, hop, part)}{limit}"


def with_texts(engine: Quoting, hop: Hop) -> Hop:
    """The hop with each of its columns a second time, behind all, as the source shows it."""
    shown = [
        replace(column, target=f"text {place}", project=f"CAST({engine.quote(column.source)} AS varchar)")
        for place, column in enumerate(hop.columns)
    ]
    return replace(hop, columns=(*hop.columns, *shown))


def count(engine: Quoting, hop: Hop) -> str:
    """The query that counts what all slices of a hop must add up to."""
    clause = f" WHERE ({hop.where})" if hop.where else ""
    source = source_of(engine, hop)
    if hop.limit:
        return f"SELECT {counted(engine)} FROM (SELECT 1 AS one FROM {source}{clause} LIMIT {hop.limit}) AS l"
    return f"SELECT {counted(engine)} FROM {source}{clause}"


def column_clause(engine: Quoting, column: Column, identity: str = "") -> str:
    """A column of CREATE TABLE."""
    null = "" if column.nullable else " NOT NULL"
    native = f"{column.native} COLLATE {column.collation}" if column.collation else column.native
    if column.generated:
        kind = "VIRTUAL" if column.virtual else "STORED"
        return f"{engine.quote(column.name)} {native} GENERATED ALWAYS AS ({column.generated}) {kind}{null}"
    default = f" DEFAULT {column.default}" if column.default and not column.identity else ""
    return f"{engine.quote(column.name)} {native}{identity if column.identity else ''}{null}{default}"


def create_table(engine: Quoting, name: Relation, clauses: Sequence[str], suffix: str = "") -> str:
    """CREATE TABLE with the given column and constraint clauses."""
    inside = ",\n  ".join(clauses)
    return f"CREATE TABLE {engine.relation(name)} (\n  {inside}\n){suffix}"


def key_clause(engine: Quoting, table: Table) -> list[str]:
    """PRIMARY KEY as a table constraint, or nothing."""
    return [f"PRIMARY KEY ({names(engine, table.key)})"] if table.key else []


def unique_clause(engine: Quoting, index: Index) -> str:
    """UNIQUE as a table constraint."""
    return f"CONSTRAINT {engine.quote(index.name)} UNIQUE ({names(engine, index.columns)})"


def check_clauses(engine: Quoting, table: Table) -> list[str]:
    """CHECK table constraints."""
    return [f"CONSTRAINT {engine.quote(check.name)} CHECK ({check.condition})" for check in table.checks]


def comments(engine: Quoting, table: Table, on: Relation) -> list[tuple[str, str, str]]:
    """COMMENT ON statements: what they are on, forward, and back."""
    where = [("table", f"TABLE {engine.relation(on)}", table.comment)]
    for column in table.columns:
        place = f"COLUMN {engine.relation(on)}.{engine.quote(column.name)}"
        where.append((f"column {column.name} of", place, column.comment))
    return [
        (f"comment on {what} {on}", f"COMMENT ON {place} IS {text_literal(text)}", f"COMMENT ON {place} IS NULL")
        for what, place, text in where
        if text
    ]


def foreign_key_clauses(engine: Quoting, table: Table) -> list[str]:
    """FOREIGN KEY table constraints with their actions."""
    return [_foreign_key_clause(engine, fk) for fk in table.foreign_keys]


def _foreign_key_clause(engine: Quoting, fk: ForeignKey) -> str:
    """How it matches stands before the actions, when it is checked behind them."""
    words = (
        f"CONSTRAINT {engine.quote(fk.name)} FOREIGN KEY ({names(engine, fk.columns)}) "
        f"REFERENCES {engine.relation(fk.references)} ({names(engine, fk.referenced)})",
        "MATCH FULL" if fk.options.startswith("MATCH FULL") else "",
        f"ON DELETE {fk.on_delete}" if fk.on_delete else "",
        f"ON UPDATE {fk.on_update}" if fk.on_update else "",
        fk.options.removeprefix("MATCH FULL").strip(),
    )
    return " ".join(filter(None, words))


def create_index(engine: Quoting, index: Index, on: Relation, name: str = "") -> str:
    """CREATE INDEX; `name` replaces the index's name, already quoted and qualified."""
    unique = "UNIQUE " if index.unique else ""
    named = name or engine.quote(index.name)
    include = f" INCLUDE ({names(engine, index.include)})" if index.include else ""
    where = f" WHERE {index.where}" if index.where else ""
    if index.native:
        return f"CREATE {unique}INDEX {named} ON {engine.relation(on)} {index.native}"
    strict = f" {index.strict}" if index.strict else ""
    columns = index_columns(engine, index)
    return f"CREATE {unique}INDEX {named} ON {engine.relation(on)} ({columns}){include}{strict}{where}"


def index_columns(engine: Quoting, index: Index) -> str:
    """The columns of an index, each in its direction, or its expressions."""
    if index.keys:
        return ", ".join(f"({key})" for key in index.keys)
    return ", ".join(engine.quote(c) + (" DESC" if c in index.descending else "") for c in index.columns)


@dataclass(frozen=True)
class MergeWords:
    """How an engine says that two values differ, and how it updates from another table.

    It may join the two (`joined_update`), or name its own table behind FROM (`aliased_update`).

    `octets` is what a text is compared by, whatever its collation: where 'a' is also 'A' and 'a ', these are changes.
    """

    differs: str = "{t} IS DISTINCT FROM {s}"
    octets: str = "{}"
    joined_update: bool = False
    aliased_update: bool = False


def _changed(engine: Quoting, hop: Hop, words: MergeWords) -> str:
    """The condition that a value beside the key is another one."""
    found = []
    for column in hop.columns:
        if column.target not in hop.key:
            value = words.octets if column.canon.form in ("text", "padded", "uuid") else "{}"
            one, other = (value.format(f"{side}.{engine.quote(column.target)}") for side in ("t", "s"))
            found.append(words.differs.format(t=one, s=other))
    return f"({' OR '.join(found)})" if found else "1 = 0"


def merge(engine: Quoting, hop: Hop, staging: Relation, preimages: Relation, words: MergeWords) -> tuple[str, ...]:
    """The statements of one merged slice: empty, twins, keep, count matched, count changed, update, insert."""
    target, stage = engine.relation(hop.writes), engine.relation(staging)
    columns = [column.target for column in hop.columns]
    others = [name for name in columns if name not in hop.key]
    join = " AND ".join(f"t.{engine.quote(k)} = s.{engine.quote(k)}" for k in hop.key)
    changed = _changed(engine, hop, words)
    keys, every = names(engine, hop.key), names(engine, columns)
    sets = ", ".join(
        f"{'t.' if words.joined_update else ''}{engine.quote(c)} = s.{engine.quote(c)}" for c in others or hop.key
    )
    if words.joined_update:
        update = f"UPDATE {target} AS t JOIN {stage} AS s ON {join} SET {sets} WHERE {changed}"
    elif words.aliased_update:
        update = f"UPDATE t SET {sets} FROM {target} AS t JOIN {stage} AS s ON {join} WHERE {changed}"
    else:
        update = f"UPDATE {target} AS t SET {sets} FROM {stage} AS s WHERE {join} AND {changed}"
    old = ", ".join(f"t.{engine.quote(c)}" for c in columns)
    new = ", ".join(f"s.{engine.quote(c)}" for c in columns)
    missing = f"NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {join})"
    both = f"FROM {target} AS t JOIN {stage} AS s ON {join}"
    return (
        f"DELETE FROM {stage}",
        first(engine, f"SELECT 1 FROM {stage} GROUP BY {keys} HAVING count(*) > 1", 1),
        f"INSERT INTO {engine.relation(preimages)} ({every}) SELECT {old} {both} WHERE {changed}",
        f"SELECT {counted(engine)} {both}",
        f"SELECT {counted(engine)} {both} WHERE {changed}",
        update,
        inserting(
            engine,
            hop.writes,
            columns,
            f"INSERT INTO {target} ({every}) SELECT {new} FROM {stage} AS s WHERE {missing}",
        ),
    )
