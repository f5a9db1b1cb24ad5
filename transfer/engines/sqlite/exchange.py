"""A table of a file that another takes the place of. What others say of it is said by its name, and stays true.

Triggers go with a table that is renamed, and are made anew on the new one. The file has no sum of a table's rows, and
its own change counter counts our loading too: so all values are read, once at the instant and once under the lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from ...commit import parts, script
from ...engine import Asked, Session
from ...schema.attached import Attached, Child, Exchange, using
from ...schema.catalogue import Relation
from ...schema.sql import double_quoted, text_literal
from .ddl import aliases

if TYPE_CHECKING:
    from . import Sqlite

_COLUMNS = 100  # of one text, for an expression may not be nested deeper than 1,000


class Streams(Protocol):
    """A reader or the loader: both have batches of a query."""

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]: ...


def same(session: Session, other: Session) -> bool:
    """Whether both are one file, whatever its paths."""
    paths = [
        str(one.ask("SELECT file FROM pragma_database_list WHERE name = 'main'")[0][0]) for one in (session, other)
    ]
    return all(paths) and Path(paths[0]).samefile(paths[1])


def unsuited(session: Session) -> str:
    """Readers that stay open keep a file without a write-ahead log from being written."""
    if str(session.ask("PRAGMA journal_mode")[0][0]) == "wal":
        return ""
    return (
        "without a write-ahead log nobody can write to the file while it is read. Turn it on: PRAGMA journal_mode = WAL"
    )


def standing(asked: Streams, relation: Relation) -> str:
    """How many rows there are, and a sum over what is in each, in any order."""
    name = text_literal(relation.table)
    names = [str(text) for batch in asked.stream(f"SELECT name FROM pragma_table_xinfo({name}) WHERE hidden <> 1")
             for text in batch.column(0).to_pylist()]  # fmt: skip
    parts = [names[n : n + _COLUMNS] for n in range(0, len(names), _COLUMNS)]
    texts = ", ".join(" || ',' || ".join(map(_exactly, part)) for part in parts)
    rows = total = 0
    for batch in asked.stream(f"SELECT {texts} FROM {double_quoted(relation.table)}"):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            total += int.from_bytes(blake2b("\n".join(row).encode(), digest_size=16).digest(), "big")
        rows += batch.num_rows
    return f"{rows} {total % (1 << 128):032x}"


def _exactly(name: str) -> str:
    """A value as a text that no other value has."""
    column = double_quoted(name)
    return (
        f"CASE typeof({column}) WHEN 'text' THEN 't' || hex({column}) WHEN 'blob' THEN 'b' || hex({column}) "
        f"ELSE quote({column}) END"
    )


def hanging(asked: Asked, relation: Relation, among: Sequence[Relation]) -> str:
    """What a table is, what hangs on it, and who refers to it, but for those that change places, too."""
    name, others = text_literal(relation.table), {one.table.lower() for one in among}
    texts = asked.ask(f"SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = {name} COLLATE NOCASE ORDER BY 1, 2")
    referring = [row for row in asked.ask(_REFERRING.format(name=name)) if str(row[0]).lower() not in others]
    return blake2b(repr(([tuple(row) for row in texts], [tuple(row) for row in referring])).encode()).hexdigest()[:32]


def lock(relation: Relation) -> str:
    """Nobody else writes to the file until the transaction ends."""
    return f"DELETE FROM {double_quoted(relation.table)} WHERE 0"


_REFERRING = (
    'SELECT l.name, f.id, f."from", f."to", f.on_delete FROM pragma_table_list l, pragma_foreign_key_list(l.name) f '
    "WHERE l.schema = 'main' AND f.\"table\" = {name} COLLATE NOCASE AND l.name NOT LIKE 'ropeway#_%' ESCAPE '#' "
    "ORDER BY l.name, f.id, f.seq"
)
_REFERRED = 'SELECT DISTINCT f."table" FROM pragma_foreign_key_list({name}) f ORDER BY 1'


def attached(session: Session, what: Exchange) -> Attached:
    """Its triggers and its number; what its rows refer to and the tables that refer to it stay as they are."""
    name = text_literal(what.relation.table)
    among = {one.table.lower() for one in what.among}
    parents = [str(row[0]) for row in session.ask(_REFERRED.format(name=name))]
    refused = [f"its foreign key to {one}, which is not in the job" for one in parents if one.lower() not in among]
    refused += _using(session, what)
    told = [f"rows of {what.kept} go on to refer to {one} until it is dropped" for one in parents]
    told += [
        f"index {index.name} is called {index.name}{what.suffix}, for names of indexes are the file's"
        for index in what.table.indexes
        if not index.constraint
    ]
    if numbers := [one.name for one in aliases(what.table) if not _counts(session, name)]:
        told.append(f"{numbers[0]} becomes AUTOINCREMENT: the number of a row that is gone is not given again")
    again = [
        sql
        for trigger, text in session.ask(
            f"SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = {name} COLLATE NOCASE"
        )
        for sql in (f"DROP TRIGGER {double_quoted(str(trigger))}", str(text))
    ]
    numbered = [
        f"UPDATE sqlite_sequence SET seq = max(seq, coalesce((SELECT seq FROM sqlite_sequence WHERE name = "
        f"{text_literal(what.kept.table)}), 0)) WHERE name = {name}"
    ] if aliases(what.table) else []  # fmt: skip
    return Attached(
        then=(*numbered, *again), back_then=tuple(again), children=_children(session, what, among),
        refused=tuple(refused), told=tuple(told),
    )  # fmt: skip


def _using(session: Session, what: Exchange) -> list[str]:
    """Views and triggers that say a column which goes. The file takes a swap that breaks them, and says so later on."""
    rows = session.ask(f"SELECT name FROM pragma_table_xinfo({text_literal(what.relation.table)})")
    texts = session.ask("SELECT type, name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger')")
    return using(what, [str(name) for (name,) in rows], [(str(k), str(n), str(sql)) for k, n, sql in texts])


def _counts(session: Session, name: str) -> bool:
    """Whether the table says AUTOINCREMENT."""
    rows = session.ask(f"SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = {name} COLLATE NOCASE")
    return "AUTOINCREMENT" in str(rows[0][0]).upper()


def _children(session: Session, what: Exchange, among: set[str]) -> tuple[Child, ...]:
    found: dict[tuple[str, int], Child] = {}
    for table, number, here, there, does in session.ask(_REFERRING.format(name=text_literal(what.relation.table))):
        if str(table).lower() in among:
            continue
        key, known = (str(table), int(str(number))), found.get((str(table), int(str(number))))
        place = len(known.columns) if known else 0
        referenced = str(there) if there is not None else what.table.key[place]
        word = {"CASCADE": "delete them", "SET NULL": "set them to NULL"}.get(str(does), "")
        child = known or Child(f"foreign key {number}", Relation("", str(table)), (), (), word)
        found[key] = Child(
            child.name, child.table, (*child.columns, str(here)), (*child.referenced, referenced), child.does
        )
    return tuple(found.values())


def swapping(engine: Sqlite, what: Exchange, gone: Attached) -> tuple[str, str]:
    """Both renames amid what goes over, and the way back; triggers have semicolons of their own."""
    forward = parts(engine.swap(what.relation, what.shadow, what.kept))
    back = parts(engine.swap(what.relation, what.kept, what.shadow))
    return script([*forward, *gone.then]), script([*back, *gone.back_then])
