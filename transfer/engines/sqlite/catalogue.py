"""SQLite's catalogue, by joins over its pragma functions: a few queries for any number of tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ...engine import Row, Session
from ...schema.catalogue import Check, Column, ForeignKey, Index, Relation, Table
from ...schema.sql import double_quoted, text_literal
from ..definition import Clause, Part, clauses, parts_of, pieces, said

_OURS = "ropeway_%"
_TABLES = (
    "SELECT l.name, l.type, l.wr, coalesce(s.sql, ''), l.strict FROM pragma_table_list l "
    "LEFT JOIN sqlite_schema s ON s.name = l.name AND s.type IN ('table', 'view') "
    "WHERE l.schema = 'main' AND l.type IN ('table', 'view') "
    f"AND l.name NOT LIKE 'sqlite_%' AND l.name NOT LIKE '{_OURS}' ORDER BY l.name"
)
_COLUMNS = (
    'SELECT l.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden '
    "FROM pragma_table_list l JOIN pragma_table_xinfo(l.name) c "
    "WHERE l.schema = 'main' ORDER BY l.name, c.cid"
)
_INDEXES = (
    'SELECT l.name, i.name, i."unique", i.origin, i.partial, x.name, x.coll, x.desc, s.sql '
    "FROM pragma_table_list l JOIN pragma_index_list(l.name) i JOIN pragma_index_xinfo(i.name) x "
    "LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = i.name "
    "WHERE l.schema = 'main' AND x.key = 1 ORDER BY l.name, i.seq DESC, x.seqno"
)
_FOREIGN_KEYS = (
    'SELECT l.name, f.id, f."table", f."from", f."to", f.on_delete, f.on_update '
    "FROM pragma_table_list l JOIN pragma_foreign_key_list(l.name) f "
    "WHERE l.schema = 'main' ORDER BY l.name, f.id DESC, f.seq"
)
_SIZE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
_ROW = 5  # bytes, and one more for each column: the least that a row takes by SQLite's file format
_LOOKED = 100_000  # rows whose numbers are looked at where they lie far apart: some milliseconds

STRICT, WITHOUT_ROWID = "STRICT", "WITHOUT ROWID"
_FOLDS = {"NOCASE": "case", "RTRIM": "blanks at the end"}  # by collation, of those that every SQLite has


def tables(session: Session) -> list[Table]:
    """Every table and view of the main schema."""
    columns = _grouped(session.ask(_COLUMNS))
    indexes = _grouped(session.ask(_INDEXES))
    foreign = _grouped(session.ask(_FOREIGN_KEYS))
    keys = {name: _key(rows) for name, rows in columns.items()}
    rows = session.ask(_TABLES)
    found = [_table(session, row, columns[str(row[0])], indexes[str(row[0])]) for row in rows]
    return [
        replace(table, foreign_keys=_foreign_keys(table.name.table, foreign[table.name.table], keys, str(row[3])))
        for table, row in zip(found, rows, strict=True)
    ]


def _grouped(rows: list[Row]) -> defaultdict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(row[0])].append(row)
    return groups


def _key(columns: list[Row]) -> tuple[str, ...]:
    members = sorted((int(str(row[5])), str(row[1])) for row in columns if row[5])
    return tuple(name for _, name in members)


def _table(session: Session, row: Row, columns: list[Row], indexes: list[Row]) -> Table:
    name, kind, without_rowid, sql = str(row[0]), str(row[1]), bool(row[2]), str(row[3])
    key = _key(columns)
    alias = len(key) == 1 and not without_rowid and kind == "table"
    last = _last(session, name) if "AUTOINCREMENT" in sql.upper() else 0
    told = clauses(sql) if kind == "table" else []
    computed = {clause.columns[0].lower(): clause.text for clause in told if clause.kind == "AS"}
    collations = _collations(told)
    made = tuple(
        Column(
            name=str(column),
            native=str(native),
            nullable=not notnull and not (pk and (without_rowid or str(native).upper() == "INTEGER")),
            identity=bool(alias and pk and str(native).upper() == "INTEGER"),
            default="" if default is None else str(default),
            generated=computed.get(str(column).lower(), "unreadable(") if hidden in (2, 3) else "",
            virtual=hidden == 2,
            last=last,
            collation=collations.get(str(column).lower(), ""),
            folds=_folds(collations.get(str(column).lower(), "")),
        )
        for _, column, native, notnull, default, pk, hidden in columns
        if hidden != 1
    )
    rowid = _rowid_name(made) if kind == "table" and not without_rowid else ""
    return Table(
        Relation("", name), made, key, _indexes(name, indexes, collations, told),
        rows=_rows(session, name, rowid, len(made)), kind=kind, checks=_checks(name, told), storage=_options(row),
        left_out=tuple(lost for clause in told if (lost := _conflict(clause))),
        physical={**({"rowid": rowid} if rowid else {}), **({"strict": 1} if row[4] else {})},
    )  # fmt: skip


def _options(row: Row) -> str:
    """What stands behind the columns of a CREATE TABLE."""
    return ", ".join(word for word, is_said in ((STRICT, row[4]), (WITHOUT_ROWID, row[2])) if is_said)


def _conflict(told: Clause) -> str:
    """What becomes of a row that breaks a constraint, in words; '' where it is refused as anywhere."""
    if told.conflict in ("", "ABORT"):
        return ""
    on = f" ({', '.join(told.columns)})" if told.columns else ""
    return f"ON CONFLICT {told.conflict} of {told.kind}{on}"


def _collations(told: Sequence[Clause]) -> dict[str, str]:
    """The collations of columns that are not the usual one, by the columns' names in lower case."""
    found = {clause.columns[0].lower(): clause.text for clause in told if clause.kind == "COLLATE"}
    found = {name: text.upper() if text.upper() in (*_FOLDS, "BINARY") else text for name, text in found.items()}
    return {name: text for name, text in found.items() if text != "BINARY"}


def _folds(collation: str) -> str:
    """What a collation overlooks; one that an application brought is known by its name only."""
    return _FOLDS.get(collation, f"what its collation {collation} overlooks") if collation else ""


def overlooks(column: Column) -> tuple[str, ...]:
    """In what values of a column may differ that equality takes for one."""
    words = {"NOCASE": "case", "RTRIM": "padding"}
    return (words.get(column.collation, "what its collation overlooks"),) if column.collation else ()


def _checks(table: str, told: Sequence[Clause]) -> tuple[Check, ...]:
    """The checks of a CREATE TABLE, which is all that SQLite keeps of them."""
    found = [clause for clause in told if clause.kind == "CHECK"]
    return tuple(Check(one.name or f"{table}_check{number}", one.text) for number, one in enumerate(found, start=1))


def _rowid_name(columns: tuple[Column, ...]) -> str:
    """The name by which the rowid can be reached; '' if columns took all three."""
    taken = {column.name.lower() for column in columns}
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), "")


def _rows(session: Session, table: str, rowid: str, columns: int) -> int:
    """By the first and the last rowid; where so many rows cannot be in the file, by how far the first ones reach."""
    if not rowid:
        return -1
    relation = double_quoted(table)
    ((low, high),) = session.ask(ends(rowid, relation))
    if high is None:
        return 0
    span = int(str(high)) - int(str(low)) + 1
    size = int(str(session.ask(_SIZE)[0][0]))
    if span <= size // (_ROW + columns):
        return span
    first = f"SELECT {rowid} AS n FROM {relation} ORDER BY 1 LIMIT {_LOOKED}"
    ((seen, last),) = session.ask(f"SELECT count(*), max(n) FROM ({first})")
    reached = int(str(last)) - int(str(low)) + 1
    return min(int(str(seen)) * span // reached, max(int(str(seen)), size // _ROW))


def _last(session: Session, table: str) -> int:
    """The highest number that AUTOINCREMENT gave, to rows that are gone, too."""
    rows = session.ask(f"SELECT seq FROM sqlite_sequence WHERE name = {text_literal(table)}")
    return int(str(rows[0][0])) if rows else 0


def ends(rowid: str, relation: str) -> str:
    """A query for the first and the last rowid: each by itself is a step in the index, both at once a full scan."""
    return f"SELECT (SELECT min({rowid}) FROM {relation}), (SELECT max({rowid}) FROM {relation})"


def _indexes(table: str, rows: list[Row], collations: dict[str, str], told: Sequence[Clause]) -> tuple[Index, ...]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(row[1])].append(row)
    kept = []
    for name, members in groups.items():
        origin, partial = members[0][3], members[0][4]
        if origin == "pk":
            continue
        tail = _tail(str(members[0][8])) if members[0][8] else ""
        if any(member[5] is None for member in members):
            kept.append(_over_expressions(name, members, tail))
            continue
        columns = tuple(str(member[5]) for member in members)
        descending = tuple(str(member[5]) for member in members if member[7])
        where = _condition(str(members[0][8])) if partial else ""
        own = {str(m[6]) for m in members if str(m[6]).upper() != collations.get(str(m[5]).lower(), "BINARY").upper()}
        folding = sorted(own - {"BINARY"})
        method = f"collation {', '.join(folding)}" if folding and members[0][2] else ""
        native = (tail or _collated(members)) if own else ""
        kept.append(Index(
            name, columns, bool(members[0][2]), origin == "u", descending, where, native=native, method=method
        ))  # fmt: skip
    return _named(table, kept, told)


def _named(table: str, indexes: Sequence[Index], told: Sequence[Clause]) -> tuple[Index, ...]:
    """Unique constraints by names of their own: SQLite numbers the indexes that it makes of them."""
    own = {tuple(map(str.lower, one.columns)): one.name for one in told if one.kind == "UNIQUE" and one.name}
    taken = {index.name.lower() for index in indexes if not index.constraint}
    made = []
    for index in indexes:
        plain = f"{table}_{'_'.join(index.columns)}_key"
        wanted = [own.get(tuple(map(str.lower, index.columns)), plain), plain, *(f"{plain}{k}" for k in range(2, 1000))]
        name = next(name for name in wanted if name.lower() not in taken) if index.constraint else index.name
        taken.add(name.lower())
        made.append(replace(index, name=name))
    return tuple(made)


def _collated(members: list[Row]) -> str:
    """The columns of a unique constraint, which has no text of its own, each with its collation."""
    return "({})".format(", ".join(f"{double_quoted(str(m[5]))} COLLATE {double_quoted(str(m[6]))}" for m in members))


def _tail(sql: str) -> str:
    """What follows the table's name in a CREATE INDEX."""
    parts = parts_of(sql)
    first = next((at for at, part in enumerate(parts) if part.kind == "group"), len(parts))
    return said(parts[first:])


def _over_expressions(name: str, members: list[Row], tail: str) -> Index:
    group = next((part for part in parts_of(tail) if part.kind == "group"), None)
    keys = tuple(_undirected(piece) for piece in pieces(group.inside)) if group else ()
    where = _condition(tail) if members[0][4] else ""
    return Index(name, (), bool(members[0][2]), where=where, keys=keys or ("unreadable(",), native=tail)


def _undirected(piece: Sequence[Part]) -> str:
    """A key of an index without its direction."""
    parts = [part for part in piece if part.kind != "blank"]
    last = parts[-1] if parts else None
    return said(piece[: piece.index(last)] if last and last.word in ("ASC", "DESC") else piece)


def _condition(sql: str) -> str:
    """The condition of a CREATE INDEX, which is all that SQLite keeps of it."""
    parts = parts_of(sql)
    where = next((at for at, part in enumerate(parts) if part.word == "WHERE"), None)
    return "unreadable(" if where is None else said(parts[where + 1 :])


def _foreign_keys(table: str, rows: list[Row], keys: dict[str, tuple[str, ...]], sql: str) -> tuple[ForeignKey, ...]:
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        groups[int(str(row[1]))].append(row)
    told = [clause.options for clause in clauses(sql) if clause.kind == "FOREIGN KEY"] if groups else []
    made = []
    for place, members in enumerate(groups.values()):
        columns = tuple(str(member[3]) for member in members)
        written = str(members[0][2]).casefold()  # a reference need not have its parent's case
        parent = next((name for name in keys if name.casefold() == written), str(members[0][2]))
        # A reference without columns means the parent's primary key.
        referenced = keys.get(parent, ()) if members[0][4] is None else tuple(str(m[4]) for m in members)
        made.append(ForeignKey(
            f"{table}_{'_'.join(columns)}_fkey", columns, Relation("", parent), referenced, _action(members[0][5]),
            _action(members[0][6]), told[place] if len(told) == len(groups) else "",
        ))  # fmt: skip
    return tuple(made)


def _action(action: object) -> str:
    return "" if str(action).upper() in ("NO ACTION", "NONE", "") else str(action).upper()
