"""The catalogue of a MySQL or MariaDB database, by set-based queries over information_schema."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ...engine import Row, Session
from ...rules import split
from ...schema.catalogue import Check, Column, ForeignKey, Index, Relation, Table
from .division import partitions, with_division
from .periods import with_periods
from .session import BEHIND, qualified, quoted
from .session import literal as quoted_text
from .unlisted import with_unlisted

COMPRESSED, HASH = "COMPRESSED", "HASH"
# What says nothing that a table would not have by itself, or that its partitions do not say.
_USUAL = re.compile(r"(?i)\bpartitioned\b|\brow_format=dynamic\b|`encrypted`='no'")
_WORDS = ("INVISIBLE", "WITHOUT SYSTEM VERSIONING")
_MOMENTS = ("ROW START", "ROW END")
_ACTIONS = {"CASCADE": "CASCADE", "SET NULL": "SET NULL", "SET DEFAULT": "SET DEFAULT"}


def tables(session: Session, schema: str, literal: str) -> list[Table]:
    """Base tables and views of one database; `literal` is its name as SQL (or DATABASE())."""
    where = f"TABLE_SCHEMA = {literal} AND TABLE_NAME NOT LIKE 'ropeway\\_%' AND TABLE_NAME NOT LIKE '{BEHIND}%'"
    expression = "GENERATION_EXPRESSION" if has_generated(session) else "''"
    columns = _grouped(session.ask(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, "
        f"{expression}, COLUMN_COMMENT, COLLATION_NAME FROM information_schema.COLUMNS WHERE {where} "
        "ORDER BY TABLE_NAME, ORDINAL_POSITION"
    ))  # fmt: skip
    indexes = _grouped(session.ask(
        "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, INDEX_TYPE, COLLATION, INDEX_COMMENT, "
        f"{_unused(session)} FROM information_schema.STATISTICS WHERE {where} "
        "ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
    ))  # fmt: skip
    foreign = foreign_keys(session, schema, literal)
    mariadb = "mariadb" in version(session).lower()
    conditions = _checks(session, literal, mariadb=mariadb)
    documents = {(str(table), str(name)) for table, name, c, _ in conditions if str(c) == f"json_valid(`{name}`)"}
    checks = _grouped(conditions)
    triggers = _grouped(session.ask(
        "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS "
        f"WHERE TRIGGER_SCHEMA = {literal}"
    ))  # fmt: skip
    found = session.ask(
        "SELECT TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH, ENGINE, TABLE_COMMENT, AUTO_INCREMENT, CREATE_OPTIONS "
        "FROM information_schema.TABLES "
        f"WHERE {where} AND TABLE_TYPE <> 'SEQUENCE' ORDER BY TABLE_NAME"
    )
    parts = partitions(session, literal)
    divided = {name: _division(session, schema, name) for name in parts}
    made = []
    for row in found:
        name = str(row[0])
        rows = _documented(columns[name], documents)
        left = [f"trigger {trigger[1]}" for trigger in triggers[name]]
        kept = [c for c in checks[name] if (name, str(c[1])) not in documents]
        # An account with SHOW VIEW alone sees a table, its indexes, and none of its columns.
        seen = (indexes[name], foreign[name]) if rows else ([], [])
        table = _table(schema, row, rows, *seen, left)
        fields = tuple(
            replace(
                c,
                default=_default(r, mariadb=mariadb),
                generated=_generated(c, mariadb=mariadb),
                numbers=_asked(r, schema),
            )
            for c, r in zip(table.columns, rows, strict=True)
        )
        kept_checks = tuple(Check(str(n), str(c), str(state)) for _, n, c, state in kept)
        table = replace(table, columns=fields, checks=kept_checks, partitioned=divided.get(name, ""))
        table = with_unlisted(session, table, mariadb=mariadb)
        table = _versioned(with_periods(session, table) if mariadb else table, str(row[1]), rows)
        padded = {str(r[1]) for r in rows if r[8] and "padding" in ways(str(r[8]))}
        made.append(with_division(table, parts.get(name, ()), padded))
    return made


def _versioned(table: Table, kind: str, rows: list[Row]) -> Table:
    """A table of MariaDB's that keeps its rows' history; that may have partitions of its own.

    A column for the end of a row is part of each key there, for the sake of the rows that have ended.
    """
    if "VERSIONED" not in kind:
        return table
    division = table.partitioned if table.partitioned.upper().startswith("PARTITION BY SYSTEM_TIME") else ""
    moments = {str(row[1]): _text(row[6]) for row in rows if _text(row[6] or "").upper() in _MOMENTS}

    def without(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if moments.get(name, "").upper() != "ROW END")

    return replace(
        table, versioned="\n".join(filter(None, ("WITH SYSTEM VERSIONING", division))),
        partitioned="" if division else table.partitioned, key=without(table.key),
        columns=tuple(replace(c, words=()) if c.name in moments else c for c in table.columns),
        indexes=tuple(replace(i, columns=without(i.columns)) if i.unique else i for i in table.indexes),
        left_out=(*table.left_out, *(f"that {name} is {word}" for name, word in moments.items())),
    )  # fmt: skip


def _division(session: Session, schema: str, table: str) -> str:
    """The PARTITION BY of a table. MySQL wraps it into a comment for versions that know none."""
    ((_, sql),) = session.ask(f"SHOW CREATE TABLE {qualified(Relation(schema, table))}")
    found = re.search(r"(?:/\*!\d+ )?(PARTITION BY .*?)(?: ?\*/)?$", str(sql), re.DOTALL)
    return found[1] if found else ""


def version(session: Session) -> str:
    """As 10.11.19-MariaDB-log or 8.4.3."""
    return str(session.ask("SELECT VERSION()")[0][0])


def _default(row: Row, *, mariadb: bool) -> str:
    """A default as SQL. MariaDB prints it so; MySQL prints a constant as its bare value."""
    _, _, native, _, default, extra, *_ = row
    if default is None or "auto_increment" in str(extra).lower():
        return ""
    text = str(default)
    moment = re.match(r"(?i)current_timestamp\b", text) and re.match(r"(?i)(timestamp|datetime)", _text(native))
    if mariadb or moment or "DEFAULT_GENERATED" in str(extra):
        return "" if text == "NULL" else text
    return text if re.fullmatch(r"b'[01]*'", text) else quoted_text(text)


def _asked(row: Row, schema: str) -> Relation | None:
    """The sequence that a default asks for its next number."""
    found = re.fullmatch(r"nextval\(`((?:[^`]|``)+)`\.`((?:[^`]|``)+)`\)", str(row[4]))
    return Relation(schema, found[2].replace("``", "`")) if found else None


def _generated(column: Column, *, mariadb: bool) -> str:
    """MySQL prints the quotes around an expression's texts with backslashes, MariaDB does not."""
    if column.generated.upper() in _MOMENTS:
        return ""
    return column.generated if mariadb else column.generated.replace("\\'", "'")


def has_generated(session: Session) -> bool:
    """Whether information_schema has a column for the expression of a generated column; 5.6 has neither."""
    known = session.ask(
        "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema' "
        "AND TABLE_NAME = 'COLUMNS' AND COLUMN_NAME = 'GENERATION_EXPRESSION'"
    )
    return bool(known)


def _checks(session: Session, literal: str, *, mariadb: bool) -> list[Row]:
    """(table, name, condition, state) of each; MySQL has some from 8.0.16 on. MariaDB's json is longtext with one."""
    known = session.ask(
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'information_schema' "
        "AND TABLE_NAME = 'CHECK_CONSTRAINTS'"
    )
    if not known:
        return []
    joined = "" if mariadb else (
        " JOIN information_schema.TABLE_CONSTRAINTS t ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA "
        "AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME AND t.CONSTRAINT_TYPE = 'CHECK'"
    )  # fmt: skip
    state = "''" if mariadb else "IF(t.ENFORCED = 'NO', 'NOT ENFORCED', '')"
    return session.ask(
        f"SELECT TABLE_NAME, c.CONSTRAINT_NAME, CHECK_CLAUSE, {state} "
        f"FROM information_schema.CHECK_CONSTRAINTS c{joined} "
        f"WHERE c.CONSTRAINT_SCHEMA = {literal} ORDER BY TABLE_NAME, c.CONSTRAINT_NAME"
    )


def _unused(session: Session) -> str:
    """SQL for the word by which no query uses an index: MariaDB's from 10.6 on, or MySQL's from 8.0 on."""
    rows = session.ask(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema' "
        "AND TABLE_NAME = 'STATISTICS' AND COLUMN_NAME IN ('IGNORED', 'IS_VISIBLE')"
    )
    known = {str(row[0]) for row in rows}
    if "IGNORED" in known:
        return "IF(IGNORED = 'YES', 'IGNORED', '')"
    return "IF(IS_VISIBLE = 'NO', 'INVISIBLE', '')" if known else "''"


def _documented(columns: list[Row], documents: set[tuple[str, str]]) -> list[Row]:
    return [(*row[:2], "json", *row[3:]) if (str(row[0]), str(row[1])) in documents else row for row in columns]


def _grouped(rows: Sequence[Row]) -> defaultdict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(row[0])].append(row)
    return groups


def _table(
    schema: str, row: Row, columns: list[Row], indexes: list[Row], foreign: list[ForeignKey], left: list[str]
) -> Table:
    name, kind, rows, size, engine, comment, following, options = row
    made = tuple(_column(c, int(str(following or 1)) - 1) for c in columns)
    key, kept = _indexes(indexes, {fk.name for fk in foreign}, left)
    view = "VIEW" in str(kind)
    if told := _USUAL.sub("", _text(options or "")).strip():
        left.append(f"options of the table: {told}")
    if not view and engine != "InnoDB":
        left.append(f"engine {engine}: its rows are outside of snapshots")
    return Table(
        Relation(schema, str(name)), made, key, kept, tuple(foreign), rows=int(str(rows)) if rows is not None else -1,
        bytes=int(str(size or 0)), kind="view" if view else "table", left_out=tuple(left),
        comment="" if view else str(comment), physical={"engine": str(engine or "")},
    )  # fmt: skip


def _column(row: Row, last: int) -> Column:
    _, name, declared, nullable, _, extra, generated, comment, collation = row
    native, packed = typed(declared)
    identity = "auto_increment" in str(extra).lower()
    return Column(
        str(name), native, nullable == "YES", identity, generated=_text(generated or ""),
        comment=str(comment), virtual="VIRTUAL" in str(extra).upper(),
        last=last if identity else 0, collation=str(collation or ""),
        refreshed=_refreshed(str(extra)), folds=_folds(str(collation or "")),
        labels=labels_of(native), words=packed + tuple(word for word in _WORDS if word in str(extra).upper()),
    )  # fmt: skip


def _folds(collation: str) -> str:
    return " and ".join(way for way in ways(collation) if way != "padding")


def typed(declared: object) -> tuple[str, tuple[str, ...]]:
    """A type without the comment by which MariaDB says that it is compressed, and that word."""
    native, _, comment = _text(declared).partition(" /*M!")
    return native, (COMPRESSED,) if COMPRESSED in comment else ()


def labels_of(native: str) -> tuple[str, ...]:
    """The labels of an enum, as its COLUMN_TYPE prints them; () for any other type."""
    if not native.lower().startswith("enum("):
        return ()
    found = re.findall(r"'((?:[^'\\]|''|\\.)*)'", native, re.DOTALL)
    return tuple(re.sub(r"''|\\(.)", _unescaped, label, flags=re.DOTALL) for label in found)


def _unescaped(found: re.Match[str]) -> str:
    """Servers print quotes doubled, and a backslash before what is special in a literal."""
    sign = found[1]
    return "'" if sign is None else {"n": "\n", "r": "\r", "0": "\0", "Z": "\x1a"}.get(sign, sign)


def _text(native: object) -> str:
    return native.decode() if isinstance(native, bytes) else str(native)


def _indexes(rows: list[Row], foreign: set[str], left: list[str]) -> tuple[tuple[str, ...], tuple[Index, ...]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(row[1])].append(row)
    key: tuple[str, ...] = ()
    kept = []
    for name, members in groups.items():
        columns = tuple(str(member[3]) for member in members)
        unique = int(str(members[0][2])) == 0
        left += [f"comment on index {name}: {_text(members[0][7])}"] if members[0][7] else []
        left += [f"that index {name} is {members[0][8]}"] if members[0][8] else []
        if name == "PRIMARY":
            key = columns
        elif any(member[3] is None for member in members):
            left.append(f"index {name}: over an expression")
        elif unique and members[0][5] == HASH:  # which MariaDB makes by itself of a unique one that is long
            kept.append(Index(name, columns, unique=True, needs=(HASH,)))
        elif members[0][5] != "BTREE":
            kept.append(Index(name, columns, native=_members(members), method=str(members[0][5])))
        elif any(member[4] for member in members):
            method = "uniqueness of prefixes" if unique else ""
            kept.append(Index(name, columns, unique, native=_members(members), method=method))
        # The server makes an index for each foreign key by itself, under the constraint's name.
        elif name not in foreign:
            descending = tuple(str(member[3]) for member in members if member[6] == "D")
            kept.append(Index(name, columns, unique, descending=descending))
    return key, tuple(kept)


def _refreshed(extra: str) -> str:
    found = re.search(r"(?i)on update (current_timestamp(?:\(\d*\))?)", extra)
    return found[1] if found else ""


def _members(rows: list[Row]) -> str:
    """The columns of an index as they stand in its definition, with the lengths of prefixes."""
    whole = rows[0][5] != "BTREE"  # a FULLTEXT or SPATIAL index has no prefixes, whatever the catalogue says
    parts = [
        f"{quoted(str(row[3]))}{f'({row[4]})' if row[4] and not whole else ''}{' DESC' if row[6] == 'D' else ''}"
        for row in rows
    ]
    return f"({', '.join(parts)})"


def foreign_keys(session: Session, schema: str, literal: str) -> defaultdict[str, list[ForeignKey]]:
    rows = session.ask(
        "SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, "
        "k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE, "
        f"k.REFERENCED_TABLE_SCHEMA = {literal} "
        "FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r "
        "ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
        "AND r.TABLE_NAME = k.TABLE_NAME "
        f"WHERE k.TABLE_SCHEMA = {literal} AND k.REFERENCED_TABLE_NAME IS NOT NULL "
        "ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
    )
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(row[0]), str(row[1])].append(row)
    made: defaultdict[str, list[ForeignKey]] = defaultdict(list)
    for (table, name), members in groups.items():
        first = members[0]
        parent = Relation(schema if first[8] else str(first[3]), str(first[4]))
        made[table].append(ForeignKey(
            name, tuple(str(m[2]) for m in members), parent, tuple(str(m[5]) for m in members),
            _ACTIONS.get(str(first[6]), ""), _ACTIONS.get(str(first[7]), ""),
        ))  # fmt: skip
    return made


# Those of a language tell some letters apart and not others; latin1_general_ci tells all.
_ANY_LETTER = re.compile(r"(?!latin1)\w+_(general|unicode(_520)?|0900|uca1400)(_nopad)?(_ai)?_ci")
_TEXTS = ("char", "varchar", "text", "tinytext", "mediumtext", "longtext", "enum", "set")


def overlooks(column: Column, usual: str) -> tuple[str, ...]:
    """In what values of a column may differ that equality takes for one; `usual` is the collation of new tables."""
    name = split(column.native).name
    if name == "uuid":
        return ("case",)
    return ways(column.collation or usual) if name.startswith(_TEXTS) else ()


def ways(collation: str) -> tuple[str, ...]:
    """What a collation overlooks. Those of Unicode 9 (MySQL 8) and `nopad` ones do not pad."""
    found = {
        "case": "_ci" in collation,
        "accents": _ANY_LETTER.fullmatch(collation),
        "padding": collation != "binary" and "nopad" not in collation and "_0900_" not in collation,
    }
    return tuple(way for way, holds in found.items() if holds)
