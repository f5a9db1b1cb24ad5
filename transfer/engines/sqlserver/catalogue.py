"""The catalogue of a database, by set-based queries over its sys views."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import pyodbc

from ...engine import Row, Session
from ...errors import RequestError
from ...rules import Native, split
from ...schema.catalogue import Check, Column, ForeignKey, Index, Relation, Table
from .division import with_divisions
from .session import literal, said

KEPT = "o.is_ms_shipped = 0 AND o.name NOT LIKE N'ropeway[_]%'"
_WIDE = ("nvarchar", "nchar")
_SIZED = ("varchar", "char", "varbinary", "binary", *_WIDE)
_SCALED = ("time", "datetime2", "datetimeoffset")
_UNREFERRED = ("NO_ACTION", "")
_NEXT = re.compile(r"NEXT VALUE FOR \[((?:[^\]]|\]\])*)\]\.\[((?:[^\]]|\]\])*)\]", re.IGNORECASE)
_PAGE = 8192
_LONG = 18  # digits of which any number fits 64 bits
Number = int  # of an object


def tables(session: Session, schema: str = "") -> list[Table]:
    """Tables and views of a schema or, where that is '', of all of the database."""
    where = f"{KEPT} AND s.name = {literal(schema)}" if schema else KEPT
    rows = session.ask(
        "SELECT o.object_id, s.name, o.name, o.type, CAST(e.value AS nvarchar(4000)), t.temporal_type, "
        "t.is_memory_optimized, t.is_external FROM sys.objects o "
        "JOIN sys.schemas s ON s.schema_id = o.schema_id LEFT JOIN sys.tables t ON t.object_id = o.object_id "
        "LEFT JOIN sys.extended_properties e ON e.class = 1 "
        "AND e.major_id = o.object_id AND e.minor_id = 0 AND e.name = N'MS_Description' "
        f"WHERE o.type IN ('U', 'V') AND {where} ORDER BY s.name, o.name"
    )
    names = {_number(row): Relation(str(row[1]), str(row[2])) for row in rows}
    columns, counted = _columns(session, where), _counted(session)
    (indexes, left), keys, checks, foreign = _indexes(session), _keys(session), _checks(session), _foreign(session)
    made = [
        _table(
            row, names[_number(row)], columns[_number(row)], indexes[_number(row)], keys.get(_number(row), {}),
            checks[_number(row)], foreign[_number(row)], counted.get(_number(row), (-1, -1)),
            (*_traits(row), *left[_number(row)]),
        )
        for row in rows
    ]  # fmt: skip
    return with_divisions(session, made, {_number(row): place for place, row in enumerate(rows)})


def _number(row: Row) -> Number:
    return int(str(row[0]))


def _grouped(rows: Iterable[Row]) -> defaultdict[Number, list[Row]]:
    found: defaultdict[Number, list[Row]] = defaultdict(list)
    for row in rows:
        found[_number(row)].append(row)
    return found


def _counted(session: Session) -> dict[Number, tuple[int, int]]:
    """Rows and bytes of tables, without their further indexes."""
    rows = session.ask("SELECT p.object_id, SUM(p.rows) FROM sys.partitions p WHERE p.index_id IN (0, 1) "
                       "GROUP BY p.object_id")  # fmt: skip
    pages = session.ask(
        "SELECT p.object_id, SUM(a.used_pages) FROM sys.partitions p JOIN sys.allocation_units a "
        "ON a.container_id = p.hobt_id AND a.type IN (1, 3) OR a.container_id = p.partition_id AND a.type = 2 "
        "WHERE p.index_id IN (0, 1) GROUP BY p.object_id"
    )
    bytes_ = {_number(row): int(str(row[1])) * _PAGE for row in pages}
    return {_number(row): (int(str(row[1])), bytes_.get(_number(row), -1)) for row in rows}


# Columns


def _columns(session: Session, where: str) -> defaultdict[Number, list[Column]]:
    rows = session.ask(
        "SELECT c.object_id, c.name, t.name, c.max_length, c.precision, c.scale, c.is_nullable, c.collation_name, "
        "c.is_identity, d.definition, k.definition, k.is_persisted, CAST(e.value AS nvarchar(4000)), "
        "CAST(i.increment_value AS decimal(38,0)), CAST(i.last_value AS decimal(38,0)), "
        "CAST(i.seed_value AS decimal(38,0)), c.encryption_type "
        "FROM sys.columns c JOIN sys.objects o ON o.object_id = c.object_id "
        "JOIN sys.schemas s ON s.schema_id = o.schema_id "
        "JOIN sys.types t ON t.user_type_id = c.system_type_id OR (c.system_type_id = 240 "
        "AND t.user_type_id = c.user_type_id) "
        "LEFT JOIN sys.default_constraints d ON d.object_id = c.default_object_id "
        "LEFT JOIN sys.computed_columns k ON k.object_id = c.object_id AND k.column_id = c.column_id "
        "LEFT JOIN sys.identity_columns i ON i.object_id = c.object_id AND i.column_id = c.column_id "
        "LEFT JOIN sys.extended_properties e ON e.class = 1 AND e.major_id = c.object_id "
        "AND e.minor_id = c.column_id AND e.name = N'MS_Description' "
        f"WHERE o.type IN ('U', 'V') AND {where} ORDER BY c.object_id, c.column_id"
    )
    found: defaultdict[Number, list[Column]] = defaultdict(list)
    for row in rows:
        found[_number(row)].append(_column(row))
    return found


def _column(row: Row) -> Column:
    name, kind = str(row[1]), native(str(row[2]), *(int(str(one)) for one in row[3:6]))
    if row[16] is not None:
        kind = f"encrypted {kind}"  # Always Encrypted: the server knows octets alone
    identity, step = bool(row[8]), int(str(row[13])) if row[13] is not None else 1
    default = bare(str(row[9] or ""))
    return Column(
        name, kind, bool(row[6]), identity=identity, default=default, always=identity, numbers=_sequence(default),
        base="bigint" if identity and _fits(split(kind)) else "",  # elsewhere no decimal is an identity
        generated=bare(str(row[10] or "")), virtual=row[11] is not None and not row[11], comment=str(row[12] or ""),
        collation=str(row[7] or ""), folds=_folds(str(row[7] or "")), step=step,
        last=int(str(row[14])) if row[14] is not None else int(str(row[15] or 0)) - step,
    )  # fmt: skip


def _fits(native: Native) -> bool:
    """Whether a decimal's values are integers of 64 bits."""
    return native.name in ("decimal", "numeric") and not native.argument(1, 0) and native.argument(0, 18) <= _LONG


def _sequence(default: str) -> Relation | None:
    """The sequence that a default asks, as the server prints it: NEXT VALUE FOR [dbo].[counted]."""
    found = _NEXT.fullmatch(default)
    if not found:
        return None
    schema, name = (part.replace("]]", "]") for part in found.groups())
    return Relation(schema, name)


def _folds(collation: str) -> str:
    """What equality takes no notice of; sorting by code points, it heeds all."""
    if not collation or "_BIN" in collation:
        return ""
    ways = {"case": "_CI" in collation, "accents": "_AI" in collation}
    return " and ".join(way for way, holds in ways.items() if holds)


def native(name: str, length: int, precision: int, scale: int) -> str:
    """A column's type in full: `nvarchar(20)`, `varbinary(max)`, `decimal(10,2)`, `datetime2(7)`."""
    kind = "rowversion" if name == "timestamp" else name
    if kind in _SIZED:
        size = "max" if length < 0 else str(length // 2 if kind in _WIDE else length)
        return f"{kind}({size})"
    if kind in ("decimal", "numeric"):
        return f"{kind}({precision},{scale})"
    return f"{kind}({scale})" if kind in _SCALED else kind


def bare(definition: str) -> str:
    """An expression without the parentheses around all of it, which the server puts there."""
    text = definition.strip()
    while text.startswith("(") and text.endswith(")") and _is_one(text):
        text = text[1:-1].strip()
    return text


def _is_one(text: str) -> bool:
    """Whether the first parenthesis is the last one's; texts and quoted names may hold others."""
    depth, inside = 0, ""
    for place, sign in enumerate(text):
        if inside:
            inside = "" if sign == inside else inside
        elif sign in "'[\"":
            inside = "]" if sign == "[" else sign
        else:
            depth += (sign == "(") - (sign == ")")
            if not depth:
                return place == len(text) - 1
    return False


# Tables


def _table(
    row: Row, name: Relation, columns: Sequence[Column], indexes: Sequence[Index], keys: dict[str, str],
    checks: Sequence[Check], foreign: Sequence[ForeignKey], counted: tuple[int, int],
    left: tuple[str, ...],
) -> Table:  # fmt: skip
    """`keys` say of the names of keys whether a user gave them."""
    primary = [one for one in indexes if one.native == "primary"]
    return Table(
        name, tuple(columns), key=primary[0].columns if primary else (),
        indexes=tuple(one for one in indexes if one.native != "primary"), foreign_keys=tuple(foreign),
        checks=tuple(checks), comment=str(row[4] or ""), rows=counted[0], bytes=counted[1],
        kind="table" if str(row[3]).strip() == "U" else "view",
        left_out=left, key_name=primary[0].name if primary and keys.get(primary[0].name) == "user" else "",
    )  # fmt: skip


def _traits(row: Row) -> list[str]:
    said = []
    if row[5] in (1, 2):
        said.append("that it is the history of another" if row[5] == 1 else "that it keeps a history of its rows")
    return said + (["that it is in memory"] if row[6] else []) + (["that it is external"] if row[7] else [])


def _indexes(session: Session) -> tuple[defaultdict[Number, list[Index]], defaultdict[Number, list[str]]]:
    """Indexes, and in words what is none elsewhere, or not as firm."""
    rows = session.ask(
        "SELECT i.object_id, i.name, i.is_unique, i.is_primary_key, i.is_unique_constraint, i.filter_definition, "
        "i.type_desc, c.name, x.is_descending_key, x.is_included_column, i.is_disabled, c.is_nullable "
        "FROM sys.indexes i "
        "JOIN sys.index_columns x ON x.object_id = i.object_id AND x.index_id = i.index_id "
        "JOIN sys.columns c ON c.object_id = x.object_id AND c.column_id = x.column_id "
        "JOIN sys.objects o ON o.object_id = i.object_id "
        f"WHERE i.is_hypothetical = 0 AND i.type > 0 AND o.type = 'U' AND {KEPT} "
        "ORDER BY i.object_id, i.index_id, x.is_included_column, x.key_ordinal, x.index_column_id"
    )
    found: defaultdict[Number, list[Index]] = defaultdict(list)
    left: defaultdict[Number, list[str]] = defaultdict(list)
    for number, own in _grouped(rows).items():
        for name, some in _named(own).items():
            kind = str(some[0][6])
            if some[0][10]:
                left[number].append(f"index {name}, which is disabled")
            elif kind not in ("CLUSTERED", "NONCLUSTERED"):
                left[number].append(f"index {name} ({kind.lower()})")
            else:
                found[number].append(_index(name, some))
    return found, left


def _named(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row[1]), []).append(row)
    return found


def _index(name: str, rows: Sequence[Row]) -> Index:
    first = rows[0]
    searched = [row for row in rows if not row[9]]
    where = bare(str(first[5] or ""))
    null = [str(row[7]) for row in searched if row[11] and f"[{str(row[7]).lower()}] is not null" not in where.lower()]
    strict = bool(first[2]) and bool(null)  # a NULL is one value there
    return Index(
        name, tuple(str(row[7]) for row in searched), bool(first[2]), constraint=bool(first[4]),
        descending=tuple(str(row[7]) for row in searched if row[8]), where=where,
        include=tuple(str(row[7]) for row in rows if row[9]), native="primary" if first[3] else "",
        strict="NULLS NOT DISTINCT" if strict else "",
    )  # fmt: skip


def _keys(session: Session) -> dict[Number, dict[str, str]]:
    rows = session.ask("SELECT k.parent_object_id, k.name, k.is_system_named FROM sys.key_constraints k")
    found: dict[Number, dict[str, str]] = {}
    for row in rows:
        found.setdefault(_number(row), {})[str(row[1])] = "server" if row[2] else "user"
    return found


def _checks(session: Session) -> defaultdict[Number, list[Check]]:
    rows = session.ask(
        "SELECT k.parent_object_id, k.name, k.definition, k.is_disabled, k.is_not_trusted FROM sys.check_constraints k "
        "ORDER BY k.parent_object_id, k.name"
    )
    found: defaultdict[Number, list[Check]] = defaultdict(list)
    for row in rows:
        found[_number(row)].append(Check(str(row[1]), bare(str(row[2])), _state(row[3], row[4])))
    return found


def _state(disabled: object, untrusted: object) -> str:
    """In the words of others: rows that were there may break it, or any."""
    return "NOT ENFORCED" if disabled else "NOT VALID" if untrusted else ""


def _foreign(session: Session) -> defaultdict[Number, list[ForeignKey]]:
    rows = session.ask(
        "SELECT f.parent_object_id, f.name, c.name, s.name, o.name, r.name, f.delete_referential_action_desc, "
        "f.update_referential_action_desc, f.is_disabled, f.is_not_trusted FROM sys.foreign_keys f "
        "JOIN sys.foreign_key_columns x ON x.constraint_object_id = f.object_id "
        "JOIN sys.columns c ON c.object_id = x.parent_object_id AND c.column_id = x.parent_column_id "
        "JOIN sys.columns r ON r.object_id = x.referenced_object_id AND r.column_id = x.referenced_column_id "
        "JOIN sys.objects o ON o.object_id = f.referenced_object_id JOIN sys.schemas s ON s.schema_id = o.schema_id "
        "ORDER BY f.parent_object_id, f.name, x.constraint_column_id"
    )
    found: defaultdict[Number, list[ForeignKey]] = defaultdict(list)
    for number, own in _grouped(rows).items():
        found[number] = [_reference(name, some) for name, some in _named(own).items()]
    return found


def _reference(name: str, rows: Sequence[Row]) -> ForeignKey:
    first = rows[0]
    on_delete, on_update = ("" if one in _UNREFERRED else str(one).replace("_", " ") for one in first[6:8])
    return ForeignKey(
        name, tuple(str(row[2]) for row in rows), Relation(str(first[3]), str(first[4])),
        tuple(str(row[5]) for row in rows), on_delete, on_update, state=_state(first[8], first[9]),
    )  # fmt: skip


# A query


def describe(session: Session, query: str) -> Table:
    """The columns of a query, by the server. RequestError if it is refused."""
    try:
        # As it will be read: there an ORDER BY or a WITH is refused.
        rows = session.ask(f"EXEC sp_describe_first_result_set {literal(f'SELECT * FROM ({query}) AS q')}")
    except pyodbc.Error as error:
        raise RequestError(f"SQL Server refuses the query: {said(error)}") from error
    if not rows:
        raise RequestError("SQL Server refuses the query: it gives no columns")
    # is_hidden, column_ordinal, name, is_nullable, system_type_id, system_type_name, ...; of .NET's user_type_name
    shown = [row for row in rows if not row[0]]
    nameless = [str(row[1]) for row in shown if not row[2]]
    if nameless:
        raise RequestError(
            f"Column {', '.join(nameless)} of the query has no name.", remedy="Give it one: SELECT ... AS name"
        )
    columns = tuple(Column(str(row[2]), _worded(str(row[5] or row[13])), bool(row[3])) for row in shown)
    return Table(Relation("", "query"), columns, kind="query")


def _worded(name: str) -> str:
    return "rowversion" if name == "timestamp" else name
