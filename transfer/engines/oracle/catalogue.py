"""The catalogue of an Oracle schema, by set-based queries over the ALL_ views."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import oracledb

from ...engine import Asked, Row, Session
from ...errors import RequestError
from ...schema.catalogue import Check, Column, ForeignKey, Index, Relation, Table
from ...schema.sql import double_quoted, text_literal
from .division import with_divisions
from .session import OracleSession, qualified, said

OWN = "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
USERS = "(SELECT username FROM all_users WHERE oracle_maintained = 'N')"
_NOT_NULL = re.compile(r'\s*"(?:[^"]|"")+"\s+IS\s+NOT\s+NULL\s*', re.IGNORECASE)
_A_NAME = re.compile(r'\s*"(?:[^"]|"")+"\s*')
_KEPT = "NOT LIKE 'ROPEWAY\\_%' ESCAPE '\\'"
Name = tuple[str, str]  # owner and table, or owner and constraint


def tables(session: Session, schema: str) -> list[Table]:
    """Tables and views of a schema or, where that is '', of all users' schemas that are seen; one's own is then ''."""
    home = str(session.ask(f"SELECT {OWN} FROM dual")[0][0])
    where = f"= {text_literal(schema)}" if schema else f"IN {USERS}"
    columns = _grouped(session.ask(
        "SELECT c.owner, c.table_name, c.column_name, c.data_type, c.data_length, c.char_length, c.char_used, "
        "c.data_precision, c.data_scale, c.nullable, c.data_default, c.virtual_column, c.hidden_column, m.comments, "
        "c.default_on_null "
        "FROM all_tab_cols c LEFT JOIN all_col_comments m ON m.owner = c.owner AND m.table_name = c.table_name "
        f"AND m.column_name = c.column_name WHERE c.owner {where} AND UPPER(c.table_name) {_KEPT} "
        "AND (c.user_generated = 'YES' OR c.column_name = 'ORA_ARCHIVE_STATE') "
        "ORDER BY c.owner, c.table_name, c.column_id, c.column_name"
    ))  # fmt: skip
    constraints = _grouped(session.ask(
        "SELECT owner, table_name, constraint_name, constraint_type, search_condition, r_owner, r_constraint_name, "
        "delete_rule, status, validated, generated, deferrable, deferred, index_name FROM all_constraints "
        f"WHERE owner {where} "
        f"AND UPPER(table_name) {_KEPT} AND constraint_type IN ('P', 'U', 'R', 'C') ORDER BY 1, 2, 3"
    ))  # fmt: skip
    indexes = _grouped(session.ask(
        "SELECT i.table_owner, i.table_name, i.index_name, i.uniqueness, i.index_type, c.column_name, c.descend, "
        "e.column_expression FROM all_indexes i JOIN all_ind_columns c ON c.index_owner = i.owner "
        "AND c.index_name = i.index_name LEFT JOIN all_ind_expressions e ON e.index_owner = c.index_owner "
        "AND e.index_name = c.index_name AND e.column_position = c.column_position "
        f"WHERE i.table_owner {where} AND UPPER(i.table_name) {_KEPT} ORDER BY 1, 2, 3, c.column_position"
    ))  # fmt: skip
    identities = {(str(r[0]), str(r[1]), str(r[2])): r for r in session.ask(
        "SELECT i.owner, i.table_name, i.column_name, i.generation_type, s.increment_by, s.last_number "
        "FROM all_tab_identity_cols i LEFT JOIN all_sequences s ON s.sequence_owner = i.owner "
        f"AND s.sequence_name = i.sequence_name WHERE i.owner {where}"
    )}  # fmt: skip
    keys = Keys("" if schema else home, _keyed(session, where))
    made: list[Table] = []
    names: dict[Name, int] = {}
    relations = _relations(session, where)
    for row in relations:
        owner, name = str(row[0]), str(row[1])
        fields = tuple(_column(one, identities.get((owner, name, str(one[2])))) for one in columns[owner, name])
        table = _table(keys, row, fields, constraints[owner, name], indexes[owner, name])
        names[owner, name] = len(made)
        made.append(_counted(session, table))
    return with_divisions(session, where, made, names) if any(row[6] == "YES" for row in relations) else made


def _relations(session: Session, where: str) -> list[Row]:
    """Owner, name, kind, rows, comment; whether temporary, partitioned, external; how an index holds it."""
    return session.ask(
        "SELECT t.owner, t.table_name, 'table', t.num_rows, m.comments, t.temporary, t.partitioned, t.external, "
        "t.iot_type "
        "FROM all_tables t LEFT JOIN all_tab_comments m "
        f"ON m.owner = t.owner AND m.table_name = t.table_name WHERE t.owner {where} AND UPPER(t.table_name) {_KEPT} "
        "AND t.nested = 'NO' AND t.secondary = 'N' AND t.dropped = 'NO' "
        "AND (t.iot_type IS NULL OR t.iot_type = 'IOT') "  # an overflow can be read through its table only
        "UNION ALL SELECT v.owner, v.view_name, 'view', NULL, m.comments, 'N', 'NO', 'NO', NULL "
        "FROM all_views v LEFT JOIN all_tab_comments m "
        f"ON m.owner = v.owner AND m.table_name = v.view_name WHERE v.owner {where} AND UPPER(v.view_name) {_KEPT} "
        "ORDER BY 1, 2"
    )


def external(session: Asked) -> frozenset[Relation]:
    """Tables that lie in files; of one's own schema they are there without it too."""
    rows = session.ask(f"SELECT owner, table_name, {OWN} FROM all_tables WHERE external = 'YES'")
    named = {Relation(str(owner), str(table)) for owner, table, _ in rows}
    return frozenset(named | {Relation("", str(table)) for owner, table, home in rows if owner == home})


def _counted(session: Session, table: Table) -> Table:
    """With its rows counted where nobody has gathered statistics, as of a table that was filled since last night."""
    if table.rows >= 0 or table.kind != "table":
        return table
    try:
        ((rows,),) = session.ask(f"SELECT COUNT(*) FROM {qualified(table.name)}")
    except oracledb.Error:  # a table that is seen may still be closed to this account
        return table
    return replace(table, rows=int(str(rows)))


def _grouped(rows: Iterable[Row]) -> defaultdict[Name, list[Row]]:
    found: defaultdict[Name, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row[0]), str(row[1])].append(row)
    return found


def _keyed(session: Session, where: str) -> dict[Name, tuple[str, tuple[str, ...]]]:
    """Of each constraint its table and columns: of these schemas, and of keys elsewhere that they refer to."""
    rows = session.ask(
        "SELECT c.owner, c.constraint_name, c.table_name, c.column_name FROM all_cons_columns c "
        f"WHERE c.owner {where} OR (c.owner, c.constraint_name) IN (SELECT r.r_owner, r.r_constraint_name "
        f"FROM all_constraints r WHERE r.owner {where} AND r.constraint_type = 'R') "
        "ORDER BY c.owner, c.constraint_name, c.position"
    )
    found: dict[Name, tuple[str, tuple[str, ...]]] = {}
    for owner, name, table, column in rows:
        key = str(owner), str(name)
        found[key] = (str(table), (*found.get(key, ("", ()))[1], str(column)))
    return found


# Columns


def _column(row: Row, identity: Row | None) -> Column:
    default = str(row[10]).strip() if row[10] is not None else ""
    virtual, words = row[11] == "YES", (("INVISIBLE", row[12]), ("DEFAULT ON NULL", row[14]))
    counted = identity is not None and identity[4] is not None  # others' sequences are not seen by all
    step = int(str(identity[4])) if identity and counted else 1
    return Column(
        str(row[2]), native(row[3:9]), row[9] == "Y", comment=str(row[13] or ""),
        default="" if virtual or identity or default.upper() == "NULL" else default,
        generated=default if virtual else "", virtual=virtual,
        identity=identity is not None, always=identity is not None and identity[3] == "ALWAYS", step=step,
        last=int(str(identity[5])) - step if identity and counted else 0,  # what is cached counts as given
        words=tuple(word for word, said in words if said == "YES"),
    )  # fmt: skip


def native(row: Row) -> str:
    """A column's type in full, in small letters: `varchar2(10 char)`, `timestamp(6) with time zone`."""
    kind, length, chars, unit, precision, scale = str(row[0]).lower(), *row[1:6]
    if kind in ("varchar2", "char"):
        return f"{kind}({chars} char)" if unit == "C" else f"{kind}({length} byte)"
    if kind in ("nvarchar2", "nchar"):
        return f"{kind}({chars})"
    if kind in ("raw", "urowid"):
        return f"{kind}({length})"
    if kind == "float":
        return f"float({precision})"
    if kind == "number" and precision is None:
        return "number" if scale is None else f"number(38,{scale})"
    return f"number({precision},{scale})" if kind == "number" else kind


# Tables


@dataclass(frozen=True)
class Keys:
    """The constraints' columns, by owner and name, with their tables; the schema `home` is called ''."""

    home: str
    known: dict[Name, tuple[str, tuple[str, ...]]]

    def columns(self, owner: str, name: str) -> tuple[str, ...]:
        return self.known.get((owner, name), ("", ()))[1]

    def relation(self, owner: str, table: str) -> Relation:
        return Relation("" if owner == self.home else owner, table)

    def referred(self, owner: str, name: str) -> tuple[Relation, tuple[str, ...]]:
        table, columns = self.known.get((owner, name), ("", ()))
        return self.relation(owner, table), columns


def _table(
    keys: Keys, row: Row, fields: tuple[Column, ...], constraints: Sequence[Row], indexes: Sequence[Row]
) -> Table:
    owner = str(row[0])
    firm = [one for one in constraints if str(one[3]) in "PU" and _is_firm(one)]
    primary = [one for one in firm if one[3] == "P"]
    key = str(primary[0][2]) if primary else ""
    found, left = _indexes(indexes, {(str(one[13]), keys.columns(owner, str(one[2]))) for one in firm})
    unique = tuple(
        Index(str(one[2]), keys.columns(owner, str(one[2])), unique=True, constraint=True)
        for one in firm if one[3] == "U"
    )  # fmt: skip
    checks = [one for one in constraints if one[3] == "C" and not _NOT_NULL.fullmatch(str(one[4] or ""))]
    foreign = [_foreign(one, keys) for one in constraints if one[3] == "R"]
    unseen = [f"foreign key {one.name} to a table that is not seen" for one in foreign if not one.referenced]
    lost = (*_traits(row), *left, *_loose(constraints), *unseen)
    return Table(
        keys.relation(owner, str(row[1])), fields, key=keys.columns(owner, key) if key else (),
        indexes=(*unique, *found), foreign_keys=tuple(one for one in foreign if one.referenced),
        checks=tuple(_check(one) for one in checks), comment=str(row[4] or ""),
        rows=int(str(row[3])) if row[3] is not None else -1, kind=str(row[2]), left_out=lost,
        key_name=key if key and primary[0][10] == "USER NAME" else "",
        physical={"rowid": "ROWID"} if (row[2], row[5], row[7], row[8]) == ("table", "N", "NO", None) else {},
    )  # fmt: skip


def _is_firm(row: Row) -> bool:
    """Whether all rows hold to a constraint, so that its columns tell them apart."""
    return row[8] == "ENABLED" and row[9] == "VALIDATED"


def _traits(row: Row) -> list[str]:
    said = {5: "that it is temporary, with rows of each session's own", 7: "that it is external"}
    return [word for place, word in said.items() if row[place] in ("Y", "YES")]


def _loose(constraints: Sequence[Row]) -> list[str]:
    """What is not as firm in the source as its like would be in the target, or checked at another time."""
    kinds = {"P": "primary key", "U": "unique constraint"}
    found = []
    for row in constraints:
        state = f"{row[8]} {row[9]}".lower()
        if str(row[3]) in "PU" and not _is_firm(row):
            found.append(f"{kinds[str(row[3])]} {row[2]}, which is {state}")
        elif row[3] == "C" and not _is_firm(row) and _NOT_NULL.fullmatch(str(row[4] or "")):
            found.append(f"check {row[2]}: {str(row[4]).strip()}, which is {state}")
        elif row[3] != "R" and row[11] == "DEFERRABLE":
            found.append(f"that {row[2]} is deferrable")
    return found


def _state(row: Row) -> str:
    """In the words of others: rows that were there may break it, or any."""
    return "" if _is_firm(row) else "NOT VALID" if row[8] == "ENABLED" else "NOT ENFORCED"


def _check(row: Row) -> Check:
    return Check(str(row[2]), str(row[4]), _state(row))


def _foreign(row: Row, keys: Keys) -> ForeignKey:
    references, referenced = keys.referred(str(row[5]), str(row[6]))
    action = str(row[7] or "").replace("NO ACTION", "")
    later = " INITIALLY DEFERRED" if row[12] == "DEFERRED" else ""
    options = f"DEFERRABLE{later}" if row[11] == "DEFERRABLE" else ""
    columns = keys.columns(str(row[0]), str(row[2]))
    return ForeignKey(str(row[2]), columns, references, referenced, action, options=options, state=_state(row))


def _indexes(rows: Sequence[Row], served: set[tuple[str, tuple[str, ...]]]) -> tuple[tuple[Index, ...], list[str]]:
    """Indexes in key order but those that serve a key; what they are made of where it is no column, in words."""
    found, left = [], []
    for name, parts in _named(rows).items():
        kind = str(parts[0][4])
        if (name, tuple(str(part[5]) for part in parts)) in served:
            continue
        if "NORMAL" not in kind and "BITMAP" not in kind:
            left.append(f"index {name} ({kind.lower()})")
            continue
        down = tuple(_plain(str(part[7] or part[5])) for part in parts if part[6] == "DESC")
        if "BITMAP" in kind:
            left.append(f"that index {name} is a bitmap")
        if any(part[7] is not None and not _A_NAME.fullmatch(str(part[7])) for part in parts):
            over = tuple(str(part[7] or double_quoted(str(part[5]))) for part in parts)
            found.append(Index(name, (), str(parts[0][3]) == "UNIQUE", keys=over))
            continue
        columns = tuple(_plain(str(part[7])) if part[7] is not None else str(part[5]) for part in parts)
        found.append(Index(name, columns, str(parts[0][3]) == "UNIQUE", descending=down))
    return tuple(found), left


def _plain(expression: str) -> str:
    """A descending column is an expression in the dictionary: its quoted name."""
    return expression.strip().strip('"').replace('""', '"')


def _named(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row[2]), []).append(row)
    return found


# A query


def describe(session: OracleSession, query: str) -> Table:
    """The columns of a query. RequestError if it is refused."""
    with session.connection.cursor() as cursor:
        try:
            cursor.execute(f"SELECT * FROM ({query}) q WHERE 1 = 0")  # parse() would carry out DDL
        except oracledb.Error as error:
            raise RequestError(f"Oracle refuses the query: {said(error)}") from error
        columns = tuple(_of_query(one) for one in cursor.description)
    return Table(Relation("", "query"), columns, kind="query")


def _of_query(one: oracledb.FetchInfo) -> Column:
    kind = str(one.type_code.name).removeprefix("DB_TYPE_").lower()
    words = {
        "varchar": "varchar2({size} char)", "nvarchar": "nvarchar2({size})", "char": "char({size} char)",
        "nchar": "nchar({size})", "raw": "raw({size})", "timestamp": "timestamp({scale})",
        "timestamp_tz": "timestamp({scale}) with time zone", "timestamp_ltz": "timestamp({scale}) with local time zone",
        "interval_ds": "interval day(9) to second({scale})", "interval_ym": "interval year(9) to month",
        "long_raw": "long raw",
    }  # fmt: skip
    if kind == "number":
        native = f"number({one.precision},{one.scale})" if one.precision and one.scale != -127 else "number"
    else:
        native = words.get(kind, kind).format(size=one.display_size, scale=one.scale)
    return Column(str(one.name), native, bool(one.null_ok))
