"""The views of the system that clients look at, made from the catalogue when a query names them.

They have the columns that are filled here and no others: a query for another one is refused, as it would be by an older
version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from ..spoken import CHAR, DATE, LONG, NUMBER, VARCHAR, Kind, Refused
from . import values
from .catalogue import Constraint, Index, Shape, Source, Table, quoted
from .parse import parse
from .render import Typed

if TYPE_CHECKING:
    from .database import Database
    from .partitions import Division
    from .session import Session

Cell = str | int | bytes | None
_KINDS = {"T": Kind(VARCHAR, 128, 128), "N": Kind(NUMBER, 22, scale=-127), "D": Kind(DATE, 7), "L": Kind(LONG),
          "V": Kind(VARCHAR, 4000, 4000)}  # fmt: skip

# Of each view its columns, with T for text, N for number, D for date, L for LONG.
_VIEWS: dict[str, str] = {
    "TABLES": (
        "OWNER T, TABLE_NAME T, NUM_ROWS N, TEMPORARY T, PARTITIONED T, IOT_TYPE T, NESTED T, BLOCKS N, "
        "DROPPED T, EXTERNAL T, SECONDARY T"
    ),
    "TAB_COLS": (
        "OWNER T, TABLE_NAME T, COLUMN_NAME T, DATA_TYPE T, DATA_TYPE_OWNER T, DATA_LENGTH N, CHAR_LENGTH N, "
        "CHAR_USED T, DATA_PRECISION N, DATA_SCALE N, NULLABLE T, COLUMN_ID N, DATA_DEFAULT L, HIDDEN_COLUMN "
        "T, VIRTUAL_COLUMN T, IDENTITY_COLUMN T, DEFAULT_ON_NULL T, USER_GENERATED T, COLLATION T"
    ),
    "TAB_IDENTITY_COLS": (
        "OWNER T, TABLE_NAME T, COLUMN_NAME T, GENERATION_TYPE T, SEQUENCE_NAME T, IDENTITY_OPTIONS T"
    ),
    "CONSTRAINTS": (
        "OWNER T, CONSTRAINT_NAME T, CONSTRAINT_TYPE T, TABLE_NAME T, SEARCH_CONDITION L, SEARCH_CONDITION_VC "
        "V, R_OWNER T, R_CONSTRAINT_NAME T, DELETE_RULE T, STATUS T, DEFERRABLE T, DEFERRED T, VALIDATED T, "
        "GENERATED T, INDEX_NAME T"
    ),
    "CONS_COLUMNS": "OWNER T, CONSTRAINT_NAME T, TABLE_NAME T, COLUMN_NAME T, POSITION N",
    "INDEXES": (
        "OWNER T, INDEX_NAME T, INDEX_TYPE T, TABLE_OWNER T, TABLE_NAME T, UNIQUENESS T, STATUS T, VISIBILITY "
        "T, GENERATED T"
    ),
    "IND_COLUMNS": (
        "INDEX_OWNER T, INDEX_NAME T, TABLE_OWNER T, TABLE_NAME T, COLUMN_NAME T, COLUMN_POSITION N, DESCEND T"
    ),
    "IND_EXPRESSIONS": (
        "INDEX_OWNER T, INDEX_NAME T, TABLE_OWNER T, TABLE_NAME T, COLUMN_EXPRESSION L, COLUMN_POSITION N"
    ),
    "TAB_COMMENTS": "OWNER T, TABLE_NAME T, TABLE_TYPE T, COMMENTS V",
    "COL_COMMENTS": "OWNER T, TABLE_NAME T, COLUMN_NAME T, COMMENTS V",
    "VIEWS": "OWNER T, VIEW_NAME T, TEXT L, TEXT_VC V",
    "DEPENDENCIES": "OWNER T, NAME T, TYPE T, REFERENCED_OWNER T, REFERENCED_NAME T, REFERENCED_TYPE T",
    "SEQUENCES": (
        "SEQUENCE_OWNER T, SEQUENCE_NAME T, MIN_VALUE N, MAX_VALUE N, INCREMENT_BY N, CYCLE_FLAG T, "
        "ORDER_FLAG T, CACHE_SIZE N, LAST_NUMBER N"
    ),
    "OBJECTS": "OWNER T, OBJECT_NAME T, OBJECT_TYPE T, OBJECT_ID N, DATA_OBJECT_ID N, STATUS T",
    "USERS": "USERNAME T, CREATED D, ORACLE_MAINTAINED T",
    "POLICIES": "OBJECT_OWNER T, OBJECT_NAME T, POLICY_NAME T, SEL T, ENABLE T",
    "MVIEWS": "OWNER T, MVIEW_NAME T, QUERY L",
    "SYNONYMS": "OWNER T, SYNONYM_NAME T, TABLE_OWNER T, TABLE_NAME T",
    "TRIGGERS": (
        "OWNER T, TRIGGER_NAME T, TRIGGER_TYPE T, TABLE_OWNER T, TABLE_NAME T, STATUS T, TRIGGERING_EVENT T, "
        "TRIGGER_BODY L"
    ),
    "SOURCE": "OWNER T, NAME T, TYPE T, LINE N, TEXT V",
    "TAB_PRIVS": "GRANTEE T, TABLE_SCHEMA T, TABLE_NAME T, PRIVILEGE T, GRANTABLE T",
    "PART_TABLES": (
        "OWNER T, TABLE_NAME T, PARTITIONING_TYPE T, SUBPARTITIONING_TYPE T, PARTITION_COUNT N, INTERVAL T, "
        "AUTOLIST T, INTERVAL_SUBPARTITION T, AUTOLIST_SUBPARTITION T"
    ),
    "PART_INDEXES": "OWNER T, INDEX_NAME T, TABLE_NAME T, LOCALITY T",
    "PART_KEY_COLUMNS": "OWNER T, NAME T, OBJECT_TYPE T, COLUMN_NAME T, COLUMN_POSITION N",
    "SUBPART_KEY_COLUMNS": "OWNER T, NAME T, OBJECT_TYPE T, COLUMN_NAME T, COLUMN_POSITION N",
    "TAB_PARTITIONS": (
        "TABLE_OWNER T, TABLE_NAME T, COMPOSITE T, PARTITION_NAME T, SUBPARTITION_COUNT N, HIGH_VALUE L, "
        "PARTITION_POSITION N, INTERVAL T"
    ),
    "TAB_SUBPARTITIONS": (
        "TABLE_OWNER T, TABLE_NAME T, PARTITION_NAME T, SUBPARTITION_NAME T, HIGH_VALUE L, SUBPARTITION_POSITION N"
    ),
    "EXTENTS": (
        "OWNER T, SEGMENT_NAME T, PARTITION_NAME T, SEGMENT_TYPE T, RELATIVE_FNO N, BLOCK_ID N, BLOCKS N, BYTES N"
    ),
    "SEGMENTS": "OWNER T, SEGMENT_NAME T, PARTITION_NAME T, SEGMENT_TYPE T, BYTES N, BLOCKS N",
}
_SINGLE: dict[str, str] = {
    "V$DATABASE": "NAME T, DBID N, CON_DBID N, RESETLOGS_CHANGE# N, CURRENT_SCN N, LOG_MODE T, FLASHBACK_ON T",
    "V$INSTANCE": "INSTANCE_NAME T, HOST_NAME T, VERSION T, VERSION_FULL T",
    "PRODUCT_COMPONENT_VERSION": "PRODUCT T, VERSION T, VERSION_FULL T, STATUS T",
    "V$PARAMETER": "NAME T, VALUE T",
    "V$OPTION": "PARAMETER T, VALUE T",
    "REDACTION_POLICIES": "OBJECT_OWNER T, OBJECT_NAME T, POLICY_NAME T, EXPRESSION V, ENABLE T",
    "REDACTION_COLUMNS": "OBJECT_OWNER T, OBJECT_NAME T, COLUMN_NAME T, FUNCTION_TYPE T",
    "SESSION_PRIVS": "PRIVILEGE T",
    "SESSION_ROLES": "ROLE T",
    "NLS_DATABASE_PARAMETERS": "PARAMETER T, VALUE T",
    "DUAL": "DUMMY T",
}
_BLOCK = 8192
_EXTENT = 8  # blocks


class Dictionary:
    """ALL_ and DBA_ views of everything, and USER_ views of what one owns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def columns(self, name: str) -> tuple[Typed, ...] | None:
        """The columns of a view of the system, None if there is none of this name here."""
        text = _SINGLE.get(name) or _VIEWS.get(name.partition("_")[2] if name[:4] in ("ALL_", "DBA_", "USER") else "")
        if text is None:
            return None
        cells = [one.split() for one in text.split(", ")]
        return tuple(Typed("", _KINDS[kind], column) for column, kind in cells)

    def fill(self, session: Session, name: str) -> None:
        """Make the view's rows, as they are now, a table of this session's own."""
        held = f"temp.{quoted(f'SYS.{name}')}"
        columns = self.columns(name)
        assert columns is not None
        scope, _, view = name.partition("_")
        held_privileges = self._database.catalogue.privileges.get(session.user, set())
        granted = ("SELECT", "SYS", name.replace("V$", "V_$")) in self._database.catalogue.grants.get(
            session.user, set()
        )
        closed = scope == "DBA" or (name.startswith(("V$", "REDACTION_")) and name != "V$OPTION" and not granted)
        if closed and not held_privileges & {"ALL", "DBA", "SELECT ANY DICTIONARY"}:
            raise Refused(942, "table or view does not exist")
        rows = _ROWS[name](self._database, session) if name in _ROWS else _ROWS[view](self._database, session)
        mine = columns[0].name in ("OWNER", "TABLE_OWNER", "INDEX_OWNER", "SEQUENCE_OWNER")
        kept = [tuple(map(_cell, row)) for row in rows if scope != "USER" or not mine or row[0] == session.user]
        session.connection.execute(f"DROP TABLE IF EXISTS {held}")
        session.connection.execute(f"CREATE TABLE {held} ({', '.join(quoted(one.name) for one in columns)})")
        places = ", ".join("?" * len(columns))
        session.connection.executemany(f"INSERT INTO {held} VALUES ({places})", kept)


def _cell(value: Cell) -> str | bytes | None:
    return values.number(value) if isinstance(value, int) else value or None


def _tables(database: Database) -> list[Table]:
    return sorted(database.catalogue.tables.values(), key=lambda one: (one.owner, one.name))


def _all_tables(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    for one in _tables(database):
        blocks = _rows_in(session, one) // values.ROWS_A_BLOCK + 1
        yield (one.owner, one.name, one.statistics, "Y" if one.temporary else "N", "YES" if one.division else "NO",
               "IOT" if one.organized else None, "NO", blocks, "NO", "YES" if one.external else "NO", "N")  # fmt: skip


def _rows_in(session: Session, table: Table) -> int:
    found = session.one(f"SELECT coalesce(max(rowid), 0) FROM {table.held}")
    return int(found[0]) if found else 0


def _tab_cols(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    for table in _tables(database):
        for place, one in enumerate(table.columns, 1):
            yield _tab_col(table.owner, table.name, place, one)
    for view in sorted(database.catalogue.views.values(), key=lambda one: (one.owner, one.name)):
        for place, column in enumerate(session.describe(f'SELECT * FROM "{view.owner}"."{view.name}"'), 1):
            shape = Shape(column.name, column.kind, _native(column.kind), column.nullable)
            yield _tab_col(view.owner, view.name, place, shape)


def _native(kind: Kind) -> str:
    from .types import declared

    named = {
        112: "NCLOB" if kind.national else "CLOB", 113: "BLOB", 12: "DATE", 100: "BINARY_FLOAT", 101: "BINARY_DOUBLE",
        8: "LONG", 24: "LONG RAW", 11: "ROWID",
    }  # fmt: skip
    return declared(named.get(kind.code, ""), kind)


def _tab_col(owner: str, name: str, place: int, one: Shape) -> tuple[Cell, ...]:
    kind = one.kind
    texts = kind.code in (VARCHAR, CHAR)
    precision = kind.precision if kind.code == NUMBER and kind.precision and not _whole(one) else None
    scaled = kind.scale != -127 if kind.code == NUMBER else one.declared.startswith(("TIMESTAMP", "INTERVAL"))
    scale = kind.scale if scaled else None
    return (
        owner, name, one.name, one.declared, "SYS" if one.declared == "XMLTYPE" else None, kind.size or 4000,
        kind.chars if texts else 0, ("C" if one.by_chars or kind.national else "B") if texts else None,
        precision, scale, "Y" if one.nullable else "N", None if one.invisible else place, one.default_text,
        "YES" if one.invisible else "NO", "YES" if one.virtual is not None else "NO", "YES" if one.identity else "NO",
        "YES" if one.on_null else "NO", "YES",
        "USING_NLS_COMP" if texts else None,
    )  # fmt: skip


def _whole(one: Shape) -> bool:
    """INTEGER and NUMBER(*,0) have no precision in the dictionary."""
    return one.kind.precision == 38 and one.kind.scale == 0 and one.declared == "NUMBER"


def _identities(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for table in _tables(database):
        for one in table.columns:
            if one.identity:
                made = database.catalogue.sequences[table.owner, one.identity]
                options = (
                    f"START WITH: {made.next}, INCREMENT BY: {made.step}, MAX_VALUE: {made.most}, "
                    f"MIN_VALUE: {made.least}, CYCLE_FLAG: {'Y' if made.cycles else 'N'}, "
                    f"CACHE_SIZE: {made.cache}, ORDER_FLAG: N"
                )
                given = "ALWAYS" if one.always else "BY DEFAULT"
                yield table.owner, table.name, one.name, given, one.identity, options


def _constraints(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for table in _tables(database):
        for one in table.constraints:
            owner, key = _referred(database, one)
            yield (
                table.owner, one.name, one.type, table.name, one.text, one.text, owner, key,
                one.on_delete if one.type == "R" else None, "ENABLED" if one.enabled else "DISABLED",
                "DEFERRABLE" if one.deferrable else "NOT DEFERRABLE", "DEFERRED" if one.deferred else "IMMEDIATE",
                "VALIDATED" if one.validated else "NOT VALIDATED", "GENERATED NAME" if one.generated else "USER NAME",
                (one.index or one.name) if one.type in "PU" and one.enabled else None,
            )  # fmt: skip


def _referred(database: Database, one: Constraint) -> tuple[str | None, str | None]:
    if one.type != "R":
        return None, None
    parent = database.catalogue.table(*one.refers)
    (key,) = [other.name for other in parent.constraints if other.type in "PU" and other.columns == one.referred]
    return parent.owner, key


def _cons_columns(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for table in _tables(database):
        for one in table.constraints:
            for place, column in enumerate(one.columns, 1):
                yield table.owner, one.name, table.name, column, place if one.type != "C" else None


def _indexes(database: Database) -> Iterator[tuple[Table, Index]]:
    for table in _tables(database):
        for one in table.indexes:
            yield table, one


def _all_indexes(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for table, one in _indexes(database):
        kind = ("FUNCTION-BASED " if any(one.expressions) or any(one.descending) else "") + (
            "BITMAP" if one.bitmap else "NORMAL"
        )
        generated = any(made.name == one.name and made.generated for made in table.constraints)
        yield (table.owner, one.name, kind, table.owner, table.name, "UNIQUE" if one.unique else "NONUNIQUE", "VALID",
               "VISIBLE", "Y" if generated else "N")  # fmt: skip


def _ind_columns(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for table, one in _indexes(database):
        for place, (column, made, down) in enumerate(zip(one.columns, one.expressions, one.descending, strict=True), 1):
            name = f"SYS_NC{place:05}$" if made or down else column
            yield table.owner, one.name, table.owner, table.name, name, place, "DESC" if down else "ASC"


def _ind_expressions(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for table, one in _indexes(database):
        for place, (column, made, down) in enumerate(zip(one.columns, one.expressions, one.descending, strict=True), 1):
            if made or down:
                yield table.owner, one.name, table.owner, table.name, column if made else quoted(column), place


def _tab_comments(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for one in _tables(database):
        yield one.owner, one.name, "TABLE", one.comment
    for view in database.catalogue.views.values():
        yield view.owner, view.name, "VIEW", view.comment


def _col_comments(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for table in _tables(database):
        for one in table.columns:
            yield table.owner, table.name, one.name, one.comment


def _views(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for one in sorted(database.catalogue.views.values(), key=lambda each: (each.owner, each.name)):
        yield one.owner, one.name, one.text, one.text


def _dependencies(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    """Of views alone."""
    del session
    for one in database.catalogue.views.values():
        for schema, name in sorted(_read_by(one.text)):
            owner = schema or one.owner
            kind = "TABLE" if (owner, name) in database.catalogue.tables else "VIEW"
            yield one.owner, one.name, "VIEW", owner, name, kind


def _read_by(query: str) -> set[tuple[str, str]]:
    """The tables that a query names, with their schemas where it says these."""

    def folded(name: exp.Expression | None) -> str:
        return "" if name is None else str(name.this) if name.args.get("quoted") else str(name.this).upper()

    tree = parse(query).tree
    return {(folded(one.args.get("db")), folded(one.this)) for one in tree.find_all(exp.Table)} if tree else set()


def _sequences(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for (owner, name), one in sorted(database.catalogue.sequences.items()):
        yield (owner, name, one.least, one.most, one.step, "Y" if one.cycles else "N", "N", one.cache, one.next)


_SYSTEM = (("EXECUTE", "DBMS_FLASHBACK", "PACKAGE"), ("EXECUTE", "DBMS_CRYPTO", "PACKAGE"),
           ("EXECUTE", "DBMS_LOCK", "PACKAGE"),
           ("SELECT", "V_$DATABASE", "VIEW"))  # fmt: skip


def _objects(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    held = database.catalogue
    grants = held.grants.get(session.user, set())
    everything = "ALL" in held.privileges.get(session.user, set())
    for privilege, name, kind in _SYSTEM:
        if everything or (privilege, "SYS", name) in grants:
            yield "SYS", name, kind, 1, None, "VALID"
    for kind, found in (("TABLE", held.tables), ("VIEW", held.views), ("SEQUENCE", held.sequences)):
        for (owner, name), one in found.items():
            yield owner, name, kind, one.number, one.number if kind == "TABLE" else None, "VALID"


def _users(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    first = values.date(datetime(2019, 4, 17))
    for name in ("SYS", "SYSTEM"):
        yield name, first, "Y"
    for name in database.catalogue.users:
        yield name, database.catalogue.made.get(name, first), "N"


def _sources(database: Database, *kinds: str) -> list[Source]:
    return sorted((one for one in database.catalogue.sources.values() if one.kind in kinds), key=lambda one: one.name)


def _mviews(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for one in _sources(database, "MATERIALIZED VIEW"):
        yield one.owner, one.name, one.text


def _synonyms(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for one in _sources(database, "SYNONYM"):
        yield one.owner, one.name, *one.on


def _triggers(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for one in _sources(database, "TRIGGER"):
        yield one.owner, one.name, one.type, *one.on, "ENABLED" if one.enabled else "DISABLED", one.event, one.text


def _source(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for one in _sources(database, "PROCEDURE", "FUNCTION", "PACKAGE", "PACKAGE BODY"):
        for number, line in enumerate(one.text.splitlines(keepends=True), 1):
            yield one.owner, one.name, one.kind, number, line


def _tab_privs(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for user, grants in database.catalogue.grants.items():
        for privilege, owner, name in sorted(grants):
            yield user, owner, name, privilege, "NO"


def _roles(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    for user, role in database.catalogue.roles:
        if user == session.user:
            yield (role,)


def _policies(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for owner, table, name in database.catalogue.policies:
        yield owner, table, name, "YES", "YES"


def _redactions(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for owner, table, policy in sorted({one[:3] for one in database.catalogue.redactions}):
        yield owner, table, policy, "1=1", "YES"


def _redacted(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for owner, table, _, column in database.catalogue.redactions:
        yield owner, table, column, "FULL REDACTION"


def _divided(database: Database) -> Iterator[tuple[Table, Division]]:
    for one in _tables(database):
        if one.division:
            yield one, one.division


def _part_tables(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for one, division in _divided(database):
        count = 1048575 if division.level.interval else len(division.pieces)
        yield (one.owner, one.name, division.level.kind, division.inner.kind if division.inner else "NONE", count,
               division.level.interval, "YES" if division.level.automatic else "NO",
               division.inner.interval if division.inner else None, "NO")  # fmt: skip


def _key_columns(database: Database, *, inner: bool) -> Iterator[tuple[Cell, ...]]:
    for one, division in _divided(database):
        level = division.inner if inner else division.level
        for place, column in enumerate(level.columns if level and level.kind != "REFERENCE" else (), 1):
            yield one.owner, one.name, "TABLE", column, place


def _part_indexes(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for table, one in _indexes(database):
        if one.local:
            yield table.owner, one.name, table.name, "LOCAL"


def _tab_partitions(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for one, division in _divided(database):
        for place, piece in enumerate(division.pieces, 1):
            yield (one.owner, one.name, "YES" if division.inner else "NO", piece.name, len(piece.inner), piece.high,
                   place, "YES" if piece.made else "NO")  # fmt: skip


def _tab_subpartitions(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    for one, division in _divided(database):
        for piece in division.pieces:
            for place, inner in enumerate(piece.inner, 1):
                yield one.owner, one.name, piece.name, inner.name, inner.high, place


def _extents(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    for one in _tables(database):
        blocks = _rows_in(session, one) // values.ROWS_A_BLOCK + 1
        for first in range(0, blocks, _EXTENT):
            yield one.owner, one.name, None, "TABLE", 1, first, _EXTENT, _EXTENT * _BLOCK


def _segments(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    for one in _tables(database):
        blocks = _rows_in(session, one) // values.ROWS_A_BLOCK + 1
        yield one.owner, one.name, None, "TABLE", blocks * _BLOCK, blocks


def _database(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    yield database.service, database.dbid, database.dbid, database.reset_at, session.scn(), "ARCHIVELOG", "NO"


def _version(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    said = ".".join(map(str, database.version))
    yield "Oracle Database 19c Test Server", f"{database.version[0]}.0.0.0.0", said, "Production"


def _instance(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    said = ".".join(map(str, database.version))
    yield database.service, "localhost", f"{database.version[0]}.0.0.0.0", said


def _parameters(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    yield "undo_retention", str(database.undo_retention)
    yield "compatible", "19.0.0"


def _options(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    yield "Partitioning", "TRUE" if database.partitioning else "FALSE"


def _privileges(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    held = database.catalogue.privileges.get(session.user, set())
    everything = {"CREATE SESSION", "CREATE TABLE", "CREATE VIEW", "CREATE SEQUENCE", "SELECT ANY TABLE",
                  "SELECT ANY DICTIONARY", "FLASHBACK ANY TABLE", "UNLIMITED TABLESPACE"}  # fmt: skip
    for one in sorted(everything if "ALL" in held else held):
        yield (one,)


def _nls(database: Database, session: Session) -> Iterator[tuple[Cell, ...]]:
    del session
    yield "NLS_CHARACTERSET", database.charset
    yield "NLS_NCHAR_CHARACTERSET", "AL16UTF16"


_ROWS: dict[str, Callable[[Database, Session], Iterator[tuple[Cell, ...]]]] = {
    "TABLES": _all_tables, "TAB_COLS": _tab_cols, "TAB_IDENTITY_COLS": _identities, "CONSTRAINTS": _constraints,
    "CONS_COLUMNS": _cons_columns, "INDEXES": _all_indexes, "IND_COLUMNS": _ind_columns,
    "IND_EXPRESSIONS": _ind_expressions, "TAB_COMMENTS": _tab_comments, "COL_COMMENTS": _col_comments, "VIEWS": _views,
    "DEPENDENCIES": _dependencies,
    "SEQUENCES": _sequences, "OBJECTS": _objects, "USERS": _users, "MVIEWS": _mviews, "SYNONYMS": _synonyms,
    "TRIGGERS": _triggers, "SOURCE": _source, "TAB_PRIVS": _tab_privs, "EXTENTS": _extents, "SEGMENTS": _segments,
    "PART_INDEXES": _part_indexes,
    "PART_TABLES": _part_tables, "TAB_PARTITIONS": _tab_partitions, "TAB_SUBPARTITIONS": _tab_subpartitions,
    "PART_KEY_COLUMNS": lambda database, _: _key_columns(database, inner=False),
    "SUBPART_KEY_COLUMNS": lambda database, _: _key_columns(database, inner=True),
    "V$DATABASE": _database,
    "V$INSTANCE": _instance, "PRODUCT_COMPONENT_VERSION": _version, "V$PARAMETER": _parameters,
    "V$OPTION": _options,
    "POLICIES": _policies, "REDACTION_POLICIES": _redactions, "REDACTION_COLUMNS": _redacted,
    "SESSION_ROLES": _roles, "SESSION_PRIVS": _privileges, "NLS_DATABASE_PARAMETERS": _nls,
}  # fmt: skip
