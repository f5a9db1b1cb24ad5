"""The system's views that clients look at, made from the catalogue when a query names them.

They have the columns that are filled here and no others: a query for another one is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..spoken import Kind
from ..wire.types import SHAPES, size_of
from . import logins, modules, partitions, special, sysmodules, values
from .catalogue import Constraint, Numbers, Table, View, quoted
from .render import Typed
from .types import BIGINT, BIT, INT, LONG_TEXT, NAME, chars, collation_name
from .values import Moment

if TYPE_CHECKING:
    from .session import Session

_KINDS = {
    "T": NAME,
    "N": INT,
    "B": BIT,
    "L": LONG_TEXT,
    "G": BIGINT,
    "D": Kind("datetime", 8),
    "Y": Kind("tinyint", 1),
    "V": Kind("sql_variant", 8016),
}
_CREATED = Moment((dt.date(2024, 1, 1).toordinal() - 1) * values.DAY)
_OBJECT = (
    "name T, object_id N, schema_id N, parent_object_id N, type T, type_desc T, create_date D, modify_date D, "
    "is_ms_shipped B"
)
_VIEWS: dict[str, str] = {
    "sys.databases": "name T, database_id N, snapshot_isolation_state Y, is_read_committed_snapshot_on B, "
                     "recovery_model Y, "
                     "recovery_model_desc T, source_database_id N, collation_name T, is_read_only B, state Y, "
                     "state_desc T",
    "sys.schemas": "name T, schema_id N, principal_id N",
    "sys.objects": _OBJECT,
    "sys.tables": f"{_OBJECT}, temporal_type Y, is_memory_optimized B, is_external B, is_filetable B",
    "sys.views": _OBJECT,
    "sys.columns": "object_id N, name T, column_id N, system_type_id Y, user_type_id N, max_length N, precision Y, "
                   "scale Y, "
                   "collation_name T, is_nullable B, is_identity B, is_computed B, default_object_id N, is_hidden B, "
                   "is_rowguidcol B, is_sparse B, generated_always_type Y, "
                   "encryption_type N",
    "sys.types": "name T, system_type_id Y, user_type_id N, schema_id N, max_length N, is_user_defined B",
    "sys.identity_columns": "object_id N, name T, column_id N, seed_value G, increment_value G, last_value G",
    "sys.computed_columns": "object_id N, name T, column_id N, definition L, is_persisted B",
    "sys.default_constraints": "name T, object_id N, parent_object_id N, parent_column_id N, definition L, "
                               "is_system_named B",
    "sys.check_constraints": "name T, object_id N, schema_id N, parent_object_id N, parent_column_id N, definition L, "
                             "is_disabled B, is_not_trusted B, is_system_named B",
    "sys.key_constraints": "name T, object_id N, schema_id N, parent_object_id N, type T, type_desc T, unique_index_id "
                           "N, "
                           "is_system_named B",
    "sys.foreign_keys": "name T, object_id N, schema_id N, parent_object_id N, referenced_object_id N, is_disabled B, "
                        "is_not_trusted B, delete_referential_action Y, delete_referential_action_desc T, "
                        "update_referential_action Y, update_referential_action_desc T, is_system_named B",
    "sys.foreign_key_columns": "constraint_object_id N, constraint_column_id N, parent_object_id N, parent_column_id "
                               "N, "
                               "referenced_object_id N, referenced_column_id N",
    "sys.indexes": "object_id N, name T, index_id N, type Y, type_desc T, is_unique B, is_primary_key B, "
                   "is_unique_constraint B, is_disabled B, has_filter B, filter_definition L, is_hypothetical B, "
                   "data_space_id N",
    "sys.index_columns": "object_id N, index_id N, index_column_id N, column_id N, key_ordinal Y, is_descending_key B, "
                         "is_included_column B, partition_ordinal Y",
    "sys.sequences": f"{_OBJECT}, start_value G, increment G, minimum_value G, maximum_value G, "
                     "is_cycling B, current_value G, last_used_value G, "
                     "system_type_id Y, user_type_id N",
    "sys.extended_properties": "class Y, major_id N, minor_id N, name T, value L",
    "sys.partitions": "object_id N, index_id N, partition_number N, rows G, partition_id G, hobt_id G",
    "sys.allocation_units": "allocation_unit_id G, type Y, type_desc T, container_id G, total_pages G, used_pages G",
    "sys.database_permissions": "class Y, major_id N, minor_id N, grantee_principal_id N, permission_name T, state T",
    **sysmodules.VIEWS,
    "information_schema.tables": "TABLE_CATALOG T, TABLE_SCHEMA T, TABLE_NAME T, TABLE_TYPE T",
    "information_schema.columns": "TABLE_CATALOG T, TABLE_SCHEMA T, TABLE_NAME T, COLUMN_NAME T, ORDINAL_POSITION N, "
                                  "COLUMN_DEFAULT L, IS_NULLABLE T, DATA_TYPE T, CHARACTER_MAXIMUM_LENGTH N, "
                                  "NUMERIC_PRECISION Y, NUMERIC_SCALE N, DATETIME_PRECISION N",
}  # fmt: skip
Cells = Iterator[tuple[Any, ...]]


def columns(schema: str, name: str) -> tuple[Typed, ...] | None:
    """The columns of a view of the system, None if there is none of this name here."""
    text = _VIEWS.get(f"{schema}.{name}")
    if text is None:
        return None
    return tuple(Typed("", _KINDS[kind], column) for column, kind in (one.split() for one in text.split(", ")))


def fill(session: Session, schema: str, name: str) -> None:
    """Make the view's rows, as they are now, a table of this connection's own."""
    held, shown = f"temp.{quoted(f'{schema}.{name}')}", columns(schema, name)
    assert shown is not None
    rows = [tuple(values.held(_cell(one, column.kind), column.kind or INT) for one, column in zip(row, shown,
        strict=True))
            for row in _ROWS[f"{schema}.{name}"](session)]  # fmt: skip
    listed = ", ".join(
        quoted(one.name) + (" COLLATE ms_alike" if one.kind in (NAME, LONG_TEXT) else "") for one in shown
    )
    session.connection.execute(f"DROP TABLE IF EXISTS {held}")
    session.connection.execute(f"CREATE TEMP TABLE {held.removeprefix('temp.')} ({listed})")
    session.connection.executemany(f"INSERT INTO {held} VALUES ({', '.join('?' * len(shown))})", rows)


def _cell(value: Any, kind: Kind | None) -> Any:
    if kind and kind.name == special.VARIANT and value is not None:
        return None if value[1] is None else special.put(value[1], value[0])
    return int(value) if kind in (BIT, INT, BIGINT) and value is not None else value


def _databases(session: Session) -> Cells:
    for one in session.server.databases.values():
        yield (one.name, one.number, int(one.snapshots_allowed), False, {"FULL": 1,
            "BULK_LOGGED": 2}.get(one.recovery, 3),
               one.recovery, one.source.number if one.source else None, "SQL_Latin1_General_CP1_CI_AS",
               one.source is not None, 0, "ONLINE")  # fmt: skip


def _schemas(session: Session) -> Cells:
    for name, number in session.catalogue.schemas.values():
        yield name, number, 1


def _schema(session: Session, name: str) -> int:
    return session.catalogue.schemas.get(name.lower(), ("", 1))[1]


def _tables_of(session: Session) -> list[Table]:
    return [one for one in session.catalogue.tables.values() if logins.sees(session, one.number)]


def _object(session: Session, one: Table | View | Numbers) -> tuple[Any, ...]:
    kind, told = {Table: ("U ", "USER_TABLE"), View: ("V ", "VIEW"), Numbers: ("SO", "SEQUENCE_OBJECT")}[type(one)]
    return (one.name, one.number, _schema(session, one.schema), 0, kind, told, _CREATED, _CREATED, False)


def _objects(session: Session) -> Cells:
    found = session.catalogue
    known: tuple[Table | View | Numbers, ...] = (
        *found.tables.values(),
        *found.views.values(),
        *found.sequences.values(),
    )
    for one in known:
        if logins.sees(session, one.number):
            yield _object(session, one)
    for own in found.modules.values():
        yield (own.name, own.number, _schema(session, own.schema), own.parent, own.type.ljust(2),
               modules.TYPES[own.type], _CREATED, _CREATED, False)  # fmt: skip


def _tables(session: Session) -> Cells:
    for one in _tables_of(session):
        yield (*_object(session, one), 0, False, False, False)


def _views(session: Session) -> Cells:
    for one in session.catalogue.views.values():
        yield _object(session, one)


def described_kind(kind: Kind) -> tuple[int, int, int, int]:
    """Type, length, precision and scale, as sys.columns has them."""
    number = SHAPES[kind.name].number
    length = 16 if kind.name in ("text", "ntext", "image") else size_of(kind)
    scale = kind.scale or {"money": 4, "smallmoney": 4, "datetime": 3}.get(kind.name, 0)
    precision = kind.precision or {"bit": 1, "tinyint": 3, "smallint": 5, "int": 10, "bigint": 19, "real": 24,
        "float": 53,
                                   "money": 19, "smallmoney": 10, "date": 10, "datetime": 23,
                                   "smalldatetime": 16}.get(kind.name, 0)  # fmt: skip
    clock = {"time": 8, "datetime2": 19, "datetimeoffset": 26}.get(kind.name)
    if clock:
        precision = clock + (kind.scale + 1 if kind.scale else 0)
    return number, length, precision, scale


def _columns(session: Session) -> Cells:
    for table in _tables_of(session):
        for one in table.columns:
            number, length, precision, scale = described_kind(one.kind)
            own = one.alias or _own_type(one.kind, number)
            default = table.number + one.place if one.default else 0
            yield (table.number, one.name, one.place, number, own, length, precision, scale, collation_name(one.kind),
                   one.nullable, one.identity is not None, one.computed is not None, default, False, False, False,
                   0, None)  # fmt: skip
    for view in session.catalogue.views.values():
        for place, typed in enumerate(_view_columns(session, view), 1):
            number, length, precision, scale = described_kind(typed.kind or INT)
            yield (view.number, typed.name, place, number, number, length, precision, scale,
                   collation_name(typed.kind or INT), typed.nullable, False, False, 0, False, False, False,
                       0, None)  # fmt: skip


def _view_columns(session: Session, view: View) -> tuple[Typed, ...]:
    from . import render
    from .parse import parse

    writing = session.writing()
    writing.chained = True
    found = render.query(parse(view.text), writing)[1]
    if not view.columns:
        return tuple(found)
    return tuple(replace(one, name=name) for one, name in zip(found, view.columns, strict=True))


def _own_type(kind: Kind, number: int) -> int:
    """.NET's types share one number of a system's type."""
    return special.USER_TYPES.get(kind.name, number)


def _types(session: Session) -> Cells:
    for name, shape in SHAPES.items():
        if name != "rowversion":
            yield name, shape.number, special.USER_TYPES.get(name, shape.number), 4, shape.size, False
    yield "sysname", 231, 256, 4, 256, False
    for one in session.catalogue.aliases.values():
        number, length, _, _ = described_kind(one.kind)
        yield one.name, number, one.number, _schema(session, one.schema), length, True


def _identities(session: Session) -> Cells:
    for table in _tables_of(session):
        for one in table.columns:
            if one.identity:
                last = table.next_identity - one.identity[1] if table.next_identity != one.identity[0] else None
                yield table.number, one.name, one.place, one.identity[0], one.identity[1], last


def _computed(session: Session) -> Cells:
    for table in _tables_of(session):
        for one in table.columns:
            if one.computed is not None:
                yield table.number, one.name, one.place, one.computed, one.persisted


def _defaults(session: Session) -> Cells:
    for table in _tables_of(session):
        for one in table.columns:
            if one.default is not None:
                system = one.default_name.startswith("DF__")
                yield one.default_name, table.number + one.place, table.number, one.place, one.default, system


def _constraints(session: Session, *types: str) -> Iterator[tuple[Table, Constraint]]:
    for table in _tables_of(session):
        for one in table.constraints:
            if one.type in types:
                yield table, one


def _checks(session: Session) -> Cells:
    for table, one in _constraints(session, "C"):
        place = table.column(one.columns[0]).place if one.columns else 0
        yield (one.name, one.number, _schema(session, table.schema), table.number, place, one.text, not one.enabled,
               not one.trusted, one.system_named)  # fmt: skip


def _keys(session: Session) -> Cells:
    for table, one in _constraints(session, "PK", "UQ"):
        index = next(index.number for index in table.indexes if index.name == one.name)
        told = "PRIMARY_KEY_CONSTRAINT" if one.type == "PK" else "UNIQUE_CONSTRAINT"
        yield (
            one.name,
            one.number,
            _schema(session, table.schema),
            table.number,
            one.type,
            told,
            index,
            one.system_named,
        )


_ACTIONS = ("NO_ACTION", "CASCADE", "SET_NULL", "SET_DEFAULT")


def _foreign_keys(session: Session) -> Cells:
    for table, one in _constraints(session, "F"):
        parent = session.catalogue.table(*one.refers)
        yield (one.name, one.number, _schema(session, table.schema), table.number, parent.number, not one.enabled,
               not one.trusted, _ACTIONS.index(one.on_delete), one.on_delete, _ACTIONS.index(one.on_update),
                   one.on_update,
               one.system_named)  # fmt: skip


def _foreign_columns(session: Session) -> Cells:
    for table, one in _constraints(session, "F"):
        parent = session.catalogue.table(*one.refers)
        for place, (a, b) in enumerate(zip(one.columns, one.referred, strict=True), 1):
            yield one.number, place, table.number, table.column(a).place, parent.number, parent.column(b).place


def _indexes(session: Session) -> Cells:
    for table in _tables_of(session):
        if not any(one.clustered for one in table.indexes):
            yield table.number, None, 0, 0, "HEAP", False, False, False, False, False, None, False, table.space
        for one in table.indexes:
            yield (table.number, one.name, one.number, 1 if one.clustered else 2,
                   "CLUSTERED" if one.clustered else "NONCLUSTERED", one.unique, one.primary, one.constraint,
                   not one.enabled, one.filter is not None, one.filter, False, table.space)  # fmt: skip


def _index_columns(session: Session) -> Cells:
    for table in _tables_of(session):
        if table.spread and not any(one.clustered for one in table.indexes):
            yield table.number, 0, 1, table.column(table.spread).place, 0, False, False, 1
        for one in table.indexes:
            for place, (name, down) in enumerate(one.columns, 1):
                yield (
                    table.number,
                    one.number,
                    place,
                    table.column(name).place,
                    place,
                    down,
                    False,
                    _spread(table, name),
                )
            for place, name in enumerate(one.included, len(one.columns) + 1):
                yield table.number, one.number, place, table.column(name).place, 0, False, True, 0


def _spread(table: Table, name: str) -> int:
    """partition_ordinal."""
    return int(table.spread.lower() == name.lower())


def _sequences(session: Session) -> Cells:
    for one in session.catalogue.sequences.values():
        number = SHAPES[one.kind.name].number
        last = one.next - one.step if one.next != one.start else None
        current = one.start if last is None else last
        yield (*_object(session, one), one.start, one.step, one.least, one.most, one.cycle,
               current, last, number, number)  # fmt: skip


def _comments(session: Session) -> Cells:
    for (number, place, name), text in session.catalogue.comments.items():
        yield 1, number, place, name, text


def _partitions(session: Session) -> Cells:
    for table in _tables_of(session):
        number = 1 if any(one.clustered for one in table.indexes) else 0
        for place, rows in enumerate(partitions.counts(session, table), 1):
            unit = _UNIT + (table.number << 16) + place
            yield table.number, number, place, rows, unit, unit


_UNIT, _ON_A_PAGE = 1 << 56, 100  # rows, as if all were alike


def _allocation_units(session: Session) -> Cells:
    for _, _, _, rows, unit, _ in _partitions(session):
        pages = rows // _ON_A_PAGE + 1
        yield unit + (1 << 60), 1, "IN_ROW_DATA", unit, pages + 1, pages


def _schema_tables(session: Session) -> Cells:
    known: tuple[Table | View, ...] = (*session.catalogue.tables.values(), *session.catalogue.views.values())
    for one in known:
        yield session.database, one.schema, one.name, "BASE TABLE" if isinstance(one, Table) else "VIEW"


def _schema_columns(session: Session) -> Cells:
    for table in _tables_of(session):
        for one in table.columns:
            _, _, precision, scale = described_kind(one.kind)
            numeric, long = one.kind.name not in values.MOMENTS, chars(one.kind) if one.kind.name in (
                *values.TEXTS, *values.BINARIES) else None  # fmt: skip
            yield (session.database, table.schema, table.name, one.name, one.place, one.default,
                   "YES" if one.nullable else "NO", one.kind.name, long, precision if numeric and precision else None,
                   scale if numeric and precision else None, None if numeric else scale)  # fmt: skip


def _none(session: Session) -> Cells:
    del session
    return iter(())


_ROWS: dict[str, Callable[[Session], Cells]] = {
    "sys.databases": _databases, "sys.schemas": _schemas, "sys.objects": _objects, "sys.tables": _tables,
    "sys.views": _views, "sys.columns": _columns, "sys.types": _types, "sys.identity_columns": _identities,
    "sys.computed_columns": _computed, "sys.default_constraints": _defaults, "sys.check_constraints": _checks,
    "sys.key_constraints": _keys, "sys.foreign_keys": _foreign_keys, "sys.foreign_key_columns": _foreign_columns,
    "sys.indexes": _indexes, "sys.index_columns": _index_columns, "sys.sequences": _sequences,
    "sys.extended_properties": _comments, "sys.partitions": _partitions,
    "sys.allocation_units": _allocation_units, **sysmodules.ROWS,
    "sys.database_permissions": _none, "information_schema.tables": _schema_tables,
    "information_schema.columns": _schema_columns,
}  # fmt: skip
