"""SQL that sets rows of a target right, by rows that lie in a staging table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..plan import Hop
from .catalogue import Relation
from .sql import Quoting, counted, text_literal


@dataclass(frozen=True)
class CorrectWords:
    """How an engine tells two values from each other octet by octet, rows from each other, and heeds foreign keys.

    `octets` is what a text is compared by, whatever its collation; `row` names a row, with {t} for its table, where a
    DELETE takes no LIMIT; `heed` makes the connection look at foreign keys and unique ones. `own` is true of the rows
    that are a table's own, with its name as a text for {name}: those of tables that inherit from it are theirs.
    """

    same: str = "{t} IS NOT DISTINCT FROM {s}"
    octets: str = "{}"
    row: str = ""
    joined_update: bool = False
    aliased_update: bool = False
    heed: str = ""
    own: str = ""


@dataclass(frozen=True)
class Correction:
    """The statements that set a target right by the rows of a staging table.

    `heed` comes before the transaction, '' for nothing. `matched` counts the rows that `update` is for; this gives
    rows of the same key the staging's values,
    `delete` deletes them. Without a key `surplus` deletes {rows} of the rows that equal the only one of the staging.
    """

    heed: str
    matched: str
    update: str
    delete: str
    surplus: str


def correction(engine: Quoting, hop: Hop, staging: Relation, columns: Sequence[str], words: CorrectWords) -> Correction:
    """What sets a hop's target right; an update changes no other than these columns."""
    target, stage = engine.relation(hop.writes), engine.relation(staging)
    quoted = [engine.quote(name) for name in columns]
    join = _same_key(engine, hop, words, "t")
    if words.joined_update:
        sets = ", ".join(f"t.{name} = s.{name}" for name in quoted)
        update = f"UPDATE {target} AS t JOIN {stage} AS s ON {join} SET {sets}"
    elif words.aliased_update:
        sets = ", ".join(f"{name} = s.{name}" for name in quoted)
        update = f"UPDATE t SET {sets} FROM {target} AS t JOIN {stage} AS s ON {join}"
    else:
        sets = ", ".join(f"{name} = s.{name}" for name in quoted)
        update = f"UPDATE {target} AS t SET {sets} FROM {stage} AS s WHERE {join}"
    matched = f"SELECT {counted(engine)} FROM {target} AS t JOIN {stage} AS s ON {join}"
    # By its full name: MariaDB before 11.6 and MySQL before 8.0.16 take no alias in a DELETE of one table.
    same = _same_key(engine, hop, words, target)
    delete = f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {stage} AS s WHERE {same})"
    if words.row:  # SQLite scans the staging table for each row of EXISTS; 100,000 took minutes
        inside = " AND ".join([f"({_key(engine, hop, words, target)}) IN (SELECT {_key(engine, hop, words, 's')} "
                               f"FROM {stage} AS s)", *_own(engine, hop, words, target)])  # fmt: skip
        delete = f"DELETE FROM {target} WHERE {inside}"
    return Correction(words.heed, matched, update, delete, _surplus(engine, hop, target, stage, words))


def _key(engine: Quoting, hop: Hop, words: CorrectWords, on: str) -> str:
    """The values that `_same_key` compares, of one side."""
    key = [column for column in hop.columns if column.target in hop.key]
    plain = [f"{on}.{engine.quote(column.target)}" for column in key]
    texts = [one for one, column in zip(plain, key, strict=True) if column.canon.form in ("text", "padded")]
    return ", ".join([*plain, *map(words.octets.format, texts)])


def _same_key(engine: Quoting, hop: Hop, words: CorrectWords, on: str) -> str:
    """By what an index finds, and octet by octet: where its collation folds and no key is unique, 'a' is also 'A'."""
    found = []
    for column in hop.columns:
        if column.target in hop.key:
            t, s = (f"{side}.{engine.quote(column.target)}" for side in (on, "s"))
            found.append(f"{t} = {s}")
            if column.canon.form in ("text", "padded"):
                found.append(f"{words.octets.format(t)} = {words.octets.format(s)}")
    return " AND ".join([*found, *_own(engine, hop, words, on)])


def _own(engine: Quoting, hop: Hop, words: CorrectWords, on: str) -> list[str]:
    return [words.own.format(t=on, name=text_literal(engine.relation(hop.writes)))] if words.own else []


def _surplus(engine: Quoting, hop: Hop, target: str, stage: str, words: CorrectWords) -> str:
    def same(on: str) -> str:
        found = []
        for column in hop.sent.columns:
            sides = {side: f"{name}.{engine.quote(column.target)}" for side, name in (("t", on), ("s", "s"))}
            if column.canon.form in ("text", "padded", "uuid", "json"):
                sides = {side: words.octets.format(value) for side, value in sides.items()}
            found.append(words.same.format(**sides))
        return " AND ".join([*found, *_own(engine, hop, words, on)])

    if not words.row:
        sql, end = f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {stage} AS s WHERE {same(target)}) LIMIT ", ""
    else:
        row, mine = words.row.format(t="t"), words.row.format(t=target)
        inner = f"SELECT {row} FROM {target} AS t JOIN {stage} AS s ON {same('t')} LIMIT "
        sql, end = f"DELETE FROM {target} WHERE ({mine}) IN ({inner}", ")"
    # Names may have braces, and the number of rows is put in later.
    return sql.replace("{", "{{").replace("}", "}}") + "{rows}" + end
