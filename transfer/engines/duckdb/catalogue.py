"""DuckDB's catalogue: four queries for any number of tables."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from ...engine import Row, Session
from ...schema.catalogue import Check, Column, ForeignKey, Index, Relation, Table
from ..definition import clauses

LEDGER = "ropeway"
_HERE = f"database_name = current_database() AND schema_name <> '{LEDGER}'"
_TABLES = (
    "SELECT schema_name, table_name, 'table', estimated_size, coalesce(comment, ''), sql FROM duckdb_tables() "
    f"WHERE {_HERE} AND NOT internal AND NOT temporary AND NOT starts_with(table_name, 'ropeway_') UNION ALL "
    "SELECT schema_name, view_name, 'view', -1, '', '' FROM duckdb_views() "
    f"WHERE {_HERE} AND NOT internal AND NOT temporary ORDER BY ALL"
)
_COLUMNS = (
    "SELECT schema_name, table_name, column_name, data_type, is_nullable, coalesce(column_default, ''), "
    f"is_generated, coalesce(comment, '') FROM duckdb_columns() WHERE {_HERE} AND NOT internal "
    "ORDER BY schema_name, table_name, column_index"
)
_CONSTRAINTS = (
    "SELECT schema_name, table_name, constraint_type, constraint_column_names, constraint_name, "
    "referenced_table, referenced_column_names, expression "
    f"FROM duckdb_constraints() WHERE {_HERE} ORDER BY schema_name, table_name, constraint_index"
)
_INDEXES = (
    "SELECT schema_name, table_name, index_name, CAST(expressions AS VARCHAR[]), is_unique "
    f"FROM duckdb_indexes() WHERE {_HERE} AND NOT is_primary ORDER BY schema_name, table_name, index_oid"
)


# Where none has been given yet, the number before the first one.
_COUNTS = (
    "SELECT schema_name, sequence_name, coalesce(last_value, greatest(start_value - increment_by, 0)), increment_by "
    "FROM duckdb_sequences() WHERE database_name = current_database() "
    "AND increment_by > 0 AND NOT cycle AND (max_value = 9223372036854775807 OR last_value > max_value - increment_by)"
)

_OVERLOOKED = {"nocase": "case", "noaccent": "accents"}


class _Parts(NamedTuple):
    """A table's constraints and indexes on their way into it."""

    key: tuple[str, ...]
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]
    checks: tuple[Check, ...]
    left_out: tuple[str, ...]


def tables(session: Session, schema: str) -> list[Table]:
    """Every table and view of a schema, or of all schemas but the ledger's."""
    columns, constraints, indexes = (_grouped(session.ask(sql)) for sql in (_COLUMNS, _CONSTRAINTS, _INDEXES))
    own = own_sequences(session)
    counts = _counts(session)
    found = []
    for name, table, kind, rows, comment, sql in session.ask(_TABLES):
        if schema and name != schema:
            continue
        place = str(name), str(table)
        parts = _parts(place[0], constraints[place], indexes[place])
        made = _table(place, str(kind), int(str(rows)), columns[place], parts, own, counts)
        found.append(replace(_collated(made, str(sql)), checks=parts.checks, comment=str(comment)))
    return found


def _collated(table: Table, sql: str) -> Table:
    """The table with its columns' collations, which only the text of its CREATE TABLE has."""
    found = {c.columns[0].lower(): c.text.lower() for c in clauses(sql) if c.kind == "COLLATE"} if sql else {}
    made = tuple(
        replace(column, collation=name, folds=_folds(name)) if (name := found.get(column.name.lower())) else column
        for column in table.columns
    )
    return replace(table, columns=made)


def _folds(collation: str) -> str:
    """What equality overlooks by a collation; those of languages order only."""
    return " and ".join(word for part in collation.split(".") if (word := _OVERLOOKED.get(part)))


def _grouped(rows: Iterable[Row]) -> defaultdict[tuple[str, str], list[Row]]:
    groups: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for schema, table, *rest in rows:
        groups[str(schema), str(table)].append(tuple(rest))
    return groups


class _Count(NamedTuple):
    """Where a sequence is, and how it goes on."""

    last: int
    step: int


def _counts(session: Session) -> dict[Relation, _Count]:
    """The sequences that count up, and whose end is not to come: there is none, or it is reached."""
    rows = session.ask(_COUNTS)
    return {Relation(str(s), str(n)): _Count(int(str(last)), int(str(step))) for s, n, last, step in rows}


def own_sequences(session: Session) -> set[Relation]:
    """Sequences that the default of one column alone asks, and that count as an identity does: they are the column's.

    One that counts down, ends or begins again stays a sequence, for only that says so.
    """
    counts = _counts(session)
    asked = Counter(
        name for schema, _, _, _, _, default, *_ in session.ask(_COLUMNS) if (name := _asked(str(default), str(schema)))
    )
    return {name for name, columns in asked.items() if columns == 1 and name in counts}


def _asked(default: str, schema: str) -> Relation | None:
    """The sequence of a default such as nextval('"shop"."order seq"')."""
    found = re.fullmatch(r"nextval\('((?:[^']|'')+)'\)", default)
    if not found:
        return None
    names = [
        quoted[1:-1].replace('""', '"') if quoted[0] == '"' else quoted
        for quoted in re.findall(r'"(?:[^"]|"")*"|[^."]+', found[1].replace("''", "'"))
    ]
    return Relation(names[-2] if len(names) > 1 else schema, names[-1])


def _table(
    place: tuple[str, str], kind: str, rows: int, columns: list[Row], parts: _Parts, own: set[Relation],
    counts: dict[Relation, _Count],
) -> Table:  # fmt: skip
    made = tuple(_column(row, place[0], own, counts) for row in columns)
    physical: dict[str, int | str] = {}
    # A column called rowid hides the real one.
    if kind == "table" and all(column.name.lower() != "rowid" for column in made):
        physical["rowid"] = "rowid"
    return Table(
        Relation(*place), made, parts.key, parts.indexes, parts.foreign_keys, rows=rows, kind=kind,
        left_out=parts.left_out, physical=physical,
    )  # fmt: skip


def _column(row: Row, schema: str, own: set[Relation], counts: dict[Relation, _Count]) -> Column:
    name, native, nullable, default, generated, comment = row
    asked = _asked(str(default), schema)
    identity = asked in own
    count = counts[asked] if asked and identity else _Count(0, 1)
    return Column(
        str(name), str(native), bool(nullable), identity,
        default="" if identity or generated else str(default), generated=str(default) if generated else "",
        comment=str(comment), virtual=bool(generated),
        numbers=None if identity else asked, last=count.last, step=count.step,
        labels=labels_of(str(native)),
    )  # fmt: skip


def labels_of(native: str) -> tuple[str, ...]:
    """The labels of ENUM('a', 'b'), as DuckDB prints the type whatever its name is."""
    if not re.fullmatch(r"(?s)ENUM\(.*\)", native):
        return ()
    return tuple(label[1:-1].replace("''", "'") for label in re.findall(r"(?s)'(?:[^']|'')*'", native))


def _parts(schema: str, constraints: list[Row], indexes: list[Row]) -> _Parts:
    key: tuple[str, ...] = ()
    made: list[Index] = []
    foreign: list[ForeignKey] = []
    checks: list[Check] = []
    left: list[str] = []
    for kind, members, name, parent, referenced, text in constraints:
        columns = _names(members)
        if kind == "PRIMARY KEY":
            key = columns
        elif kind == "UNIQUE":
            made.append(Index(str(name), columns, unique=True, constraint=True))
        elif kind == "FOREIGN KEY":
            # DuckDB's foreign keys stay inside a schema.
            foreign.append(ForeignKey(str(name), columns, Relation(schema, str(parent)), _names(referenced)))
        elif kind == "CHECK":
            checks.append(Check(str(name), str(text)))
    for name, expressions, unique in indexes:
        names = [_plain(str(one)) for one in expressions]  # type: ignore[attr-defined]  # a list of text
        keys = () if all(names) else tuple(str(one) for one in expressions)  # type: ignore[attr-defined]
        made.append(Index(str(name), () if keys else tuple(names), bool(unique), keys=keys))
    return _Parts(key, tuple(made), tuple(foreign), tuple(checks), tuple(left))


def _names(members: object) -> tuple[str, ...]:
    return tuple(str(one) for one in members)  # type: ignore[attr-defined]  # a list of text


def _plain(expression: str) -> str:
    """An index's expression as a column's name; '' if it is more than that."""
    quoted = re.fullmatch(r'"((?:[^"]|"")*)"', expression)
    if quoted:
        return quoted[1].replace('""', '"')
    return expression if re.fullmatch(r"[^\W\d]\w*", expression) else ""
