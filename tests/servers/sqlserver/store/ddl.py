"""CREATE, ALTER, DROP, TRUNCATE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..spoken import Kind, Refused
from . import alter, dml, logins, modules, partitions, render, types, values
from .catalogue import Alias, Constraint, Index, Numbers, Shape, Table, View, numbered, quoted
from .parse import expression, parse
from .words import Words

if TYPE_CHECKING:
    from .session import Session

_ENDS = ("NOT", "NULL", "IDENTITY", "DEFAULT", "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "COLLATE",
    "FOREIGN",
         "ROWGUIDCOL", "SPARSE", "PERSISTED", "WITH", "INDEX", "MASKED")  # fmt: skip

# A filter compares columns with constants, joined by AND.
_UNFIT = re.compile(r"\bNOT\b(?!\s+NULL)|\b(?:OR|LIKE|BETWEEN)\b", re.IGNORECASE)


def carry_out(session: Session, text: str) -> None:
    words = Words(text)
    verb = words.next().upper()
    if verb == "TRUNCATE":
        words.expect("TABLE")
        _truncate(session, session.catalogue.table(*words.qualified()))
        return
    replacing = words.take("OR", "ALTER")
    what = words.next().upper()
    if what == "DATABASE":
        _database(session, verb, words)
        return
    if verb == "CREATE" and what in ("LOGIN", "USER"):
        logins.carry_out(session, Words(text.split(None, 1)[1]))
        return
    if what == "TABLE" and verb in ("CREATE", "DROP") and _temporary(session, verb, text, words):
        return
    with session.changing(shapes=True):
        if verb == "CREATE":
            if what in ("TABLE", "SCHEMA"):
                logins.may_create(session, what)
            _create(session, what, words, replacing=replacing)
        elif verb == "DROP":
            _drop(session, what, words)
        else:
            alter.carry_out(session, what, words)


def _temporary(session: Session, verb: str, text: str, words: Words) -> bool:
    """Whether a statement is about a global temporary table, and done."""
    name = next((one for one in words.text.split()[2:5] if one.strip("[").startswith("##")), "")
    if not name or session.kept is session.server.tempdb:
        return False
    name = Words(name).name().lower()
    carry_out(session.scratch, text)
    session.temporary.add(name) if verb == "CREATE" else session.temporary.discard(name)
    return True


def _database(session: Session, verb: str, words: Words) -> None:
    exists = words.take("IF", "EXISTS")
    name = words.name()
    if verb in ("CREATE", "DROP") and not logins.is_master(session):
        raise Refused(262, f"{verb} DATABASE permission denied in database 'master'.", severity=14)
    if verb == "CREATE":
        snapshot = re.search(r"AS\s+SNAPSHOT\s+OF\s+(\S+)", words.text, re.IGNORECASE)
        session.server.create(name, snapshot[1].strip("[];") if snapshot else "")
    elif verb == "DROP":
        if not exists or name.lower() in session.server.databases:
            session.server.drop(name)
    else:
        kept = session.kept if name.upper() == "CURRENT" else session.server.kept(name)
        if words.take("SET", "ALLOW_SNAPSHOT_ISOLATION"):
            kept.snapshots_allowed = words.take("ON")
        elif words.take("SET", "RECOVERY"):
            kept.recovery = words.name().upper()


def _create(session: Session, what: str, words: Words, *, replacing: bool) -> None:
    catalogue = session.catalogue
    if what == "TABLE":
        _create_table(session, words)
    elif what == "SCHEMA":
        name = words.name()
        if name.lower() in catalogue.schemas:
            raise Refused(2714, f"There is already an object named '{name}' in the database.", state=6)
        catalogue.schemas[name.lower()] = name, 5 + len(catalogue.schemas)
    elif what == "VIEW":
        schema, name = words.qualified()
        schema = schema or "dbo"
        if not (replacing and (schema.lower(), name.lower()) in catalogue.views):
            catalogue.free(schema, name)
        columns = words.names() if words.peek() == "(" else ()
        if words.take("WITH"):
            words.until("AS")
        words.expect("AS")
        text = re.sub(r"\s+WITH\s+CHECK\s+OPTION\s*$", "", words.rest().rstrip().rstrip(";"), flags=re.IGNORECASE)
        render.query(parse(text), session.writing())
        catalogue.views[schema.lower(), name.lower()] = View(
            schema, name, catalogue.number(), text, words.text, columns
        )
    elif what == "SEQUENCE":
        _create_sequence(session, words)
    elif what == "TYPE":
        _create_type(session, words)
    elif what == "SECURITY":
        modules.create_policy(session, words)
    elif what == "PARTITION":
        partitions.create(session, words)
    elif what in ("PROC", "PROCEDURE", "FUNCTION", "TRIGGER", "SYNONYM"):
        modules.create(session, what, words)
    else:
        _create_index(session, what, words)


def _create_sequence(session: Session, words: Words) -> None:
    schema, name = words.qualified()
    session.catalogue.free(schema or "dbo", name)
    kind = types.of_text(words.until("START", "INCREMENT", "MINVALUE", "MAXVALUE", "CYCLE", "NO",
        "CACHE")) if words.take(
        "AS") else types.BIGINT  # fmt: skip
    low, high = values.INTEGERS.get(kind.name, (-(2**63), 2**63 - 1))
    made = Numbers(schema or "dbo", name, session.catalogue.number(), kind, low, 1, low, high)
    started = False
    while not words.done:
        if words.take("START", "WITH"):
            made.start, started = words.integer(), True
        elif words.take("INCREMENT", "BY"):
            made.step = words.integer()
        elif words.take("MINVALUE"):
            made.least = words.integer()
        elif words.take("MAXVALUE"):
            made.most = words.integer()
        elif words.take("CYCLE"):
            made.cycle = True
        else:
            words.next()
    made.start = made.start if started else made.least if made.step > 0 else made.most
    made.next = made.start
    session.catalogue.sequences[made.schema.lower(), name.lower()] = made


def _create_type(session: Session, words: Words) -> None:
    schema, name = words.qualified()
    words.expect("FROM")
    kind = types.of_text(words.until("NULL", "NOT"))
    made = Alias(schema or "dbo", name, 257 + len(session.catalogue.aliases), kind, not words.take("NOT", "NULL"))
    session.catalogue.aliases[made.schema.lower(), name.lower()] = made


def _typed(session: Session, shape: Shape, spelt: str) -> None:
    """The column's kind, of a type of the server's or of a user's."""
    schema, name = Words(spelt).qualified()
    found = session.catalogue.aliases.get(((schema or "dbo").lower(), name.lower()))
    if found:
        shape.kind, shape.alias, shape.nullable = found.kind, found.number, found.nullable
        return
    shape.kind = types.of_text(spelt)
    if shape.kind.name == "timestamp":
        shape.nullable = False


# Tables


def _create_table(session: Session, words: Words) -> None:
    schema, name = words.qualified()
    schema = schema or "dbo"
    session.catalogue.free(schema, name)
    table = Table(schema, name, session.catalogue.number())
    words.expect("(")
    while True:
        if words.peek() in ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"):
            constraint(session, table, words, ())
        else:
            column(session, table, words)
        if not words.take(","):
            break
    words.expect(")")
    partitions.place(session, table, words)
    numbered(table.columns)
    listed = ", ".join(declared(one) for one in table.columns if one.computed is None)
    session.run(f"CREATE TABLE {table.held} ({listed})")
    session.catalogue.tables[schema.lower(), name.lower()] = table
    for index in table.indexes:
        build(session, table, index)


def declared(shape: Shape) -> str:
    collation = ""
    if shape.kind.name in values.TEXTS:
        collation = " COLLATE " + ("ms_exact" if types.is_exact(shape.kind) else "ms_alike")
    return quoted(shape.name) + collation


def column(session: Session, table: Table, words: Words) -> Shape:
    name = words.name()
    shape = Shape(name, types.INT, place=max((one.place for one in table.columns), default=0) + 1)
    if any(one.name.lower() == name.lower() for one in table.columns):
        raise Refused(2705, f"Column names in each table must be unique. Column name '{name}' in table '{table.name}' "
                            f"is "
                            "specified more than once.", state=3)  # fmt: skip
    table.columns.append(shape)
    if words.take("AS"):
        shape.computed = words.until(*_ENDS)
    else:
        spelt = words.until(*_ENDS)
        _typed(session, shape, spelt)
        if spelt.lower() == "sysname":
            shape.alias, shape.nullable = 256, False
    while words.peek() not in (",", ")", ""):
        _detail(session, table, shape, words)
    if shape.computed is not None:
        writing = session.writing()
        writing.sources.append([render.table_source(Table("", "", 0, [one
            for one in table.columns if one.computed is None]),
                                                    "q", "", writing)])  # fmt: skip
        from . import expressions

        shape.kind = expressions.write(expression(shape.computed), writing).kind or types.INT
    return shape


def _detail(session: Session, table: Table, shape: Shape, words: Words) -> None:
    if words.take("NOT", "NULL"):
        shape.nullable = False
    elif words.take("NULL"):
        shape.nullable = True
    elif words.take("ROWGUIDCOL") or words.take("SPARSE"):
        pass
    elif words.take("MASKED", "WITH"):
        shape.mask = words.inside()
    elif words.take("PERSISTED"):
        shape.persisted = True
    elif words.take("COLLATE"):
        shape.kind = Kind(shape.kind.name, shape.kind.size, collation=types.collation_of(words.name()))
    elif words.take("IDENTITY"):
        seed, step = (int(one) for one in words.inside().split(",")) if words.peek() == "(" else (1, 1)
        shape.identity, shape.nullable, table.next_identity = (seed, step), False, seed
    elif words.take("DEFAULT"):
        shape.default = in_parentheses(words.until(*_ENDS))
        shape.default_name = f"DF__{table.name[:9]}__{shape.name[:5]}__{session.catalogue.number():X}"
    elif words.peek() == "CONSTRAINT" and words.peek(2) == "DEFAULT":
        words.next()
        name = words.name()
        words.expect("DEFAULT")
        shape.default, shape.default_name = in_parentheses(words.until(*_ENDS)), name
    else:
        constraint(session, table, words, (shape.name,))


def in_parentheses(text: str) -> str:
    return text if text.startswith("(") and text.endswith(")") else f"({text})"


def constraint(session: Session, table: Table, words: Words, columns: tuple[str, ...]) -> Constraint:
    named = words.name() if words.take("CONSTRAINT") else ""
    number = session.catalogue.number()

    def name(prefix: str) -> str:
        return named or f"{prefix}__{table.name[:9]}__{number:08X}"

    primary = words.take("PRIMARY", "KEY")
    if primary or words.take("UNIQUE"):
        clustered = words.take("CLUSTERED") or (not words.take("NONCLUSTERED") and primary)
        listed = words.ordered_names() if words.peek() == "(" else tuple((one, False) for one in columns)
        if words.take("WITH"):
            words.inside()
        apart = _apart(words)
        listed = tuple((table.column(one).name, down) for one, down in listed)
        made = Constraint(name("PK" if primary else "UQ"), "PK" if primary else "UQ", tuple(one for one, _ in listed))
        for one in made.columns if primary else ():
            table.column(one).nullable = False
        table.indexes.append(Index(made.name, listed, unique=True, primary=primary, constraint=not primary,
                                   clustered=clustered, apart=apart, number=len(table.indexes) + (1 if clustered
                                       else 2)))  # fmt: skip
    elif words.take("CHECK"):
        made = Constraint(name("CK"), "C", columns, f"({words.inside()})")
    else:
        if words.take("FOREIGN", "KEY"):
            columns = tuple(table.column(one).name for one in words.names())
        words.expect("REFERENCES")
        made = _foreign(session, table, words, columns, name("FK"))
    made.number, made.system_named = number, not named
    table.constraints.append(made)
    return made


def _apart(words: Words) -> bool:
    """ON a file group, or on a partition scheme, which here is always the table's."""
    if not words.take("ON"):
        return False
    words.name()
    if words.peek() != "(":
        return True
    words.names()
    return False


def _foreign(session: Session, table: Table, words: Words, columns: tuple[str, ...], name: str) -> Constraint:
    schema, other = words.qualified()
    parent = table if other.lower() == table.name.lower() else session.catalogue.table(schema, other)
    referred = words.names() if words.peek() == "(" else next(
        one.columns for one in parent.constraints if one.type == "PK")  # fmt: skip
    made = Constraint(name, "F", columns, refers=(parent.schema.lower(), parent.name.lower()),
                      referred=tuple(parent.column(one).name for one in referred))  # fmt: skip
    _may_refer(table, parent, made)
    while words.take("ON"):
        event = words.next().upper()
        action = "_".join(words.next().upper() for _ in range(2 if words.peek() in ("NO", "SET") else 1))
        setattr(made, f"on_{event.lower()}", action)
    return made


def _may_refer(table: Table, parent: Table, made: Constraint) -> None:
    """Refused where the columns are of other types or lengths, or have no key over them that has no condition."""
    for mine, theirs in zip(made.columns, made.referred, strict=True):
        one, other = table.column(mine).kind, parent.column(theirs).kind
        said = (f"Column '{parent.name}.{theirs}' is not the same {{}} as referencing column '{table.name}.{mine}' in "
                f"foreign key '{made.name}'.")  # fmt: skip
        if one.name.replace("numeric", "decimal") != other.name.replace("numeric", "decimal"):
            raise Refused(1778, said.format("data type"))
        if (one.size, one.precision, one.scale) != (other.size, other.precision, other.scale):
            raise Refused(1753, said.format("length or scale"))
    keys = [{name for name, _ in one.columns} for one in parent.indexes if one.unique and not one.filter]
    if set(made.referred) not in keys:
        raise Refused(1776, f"There are no primary or candidate keys in the referenced table '{parent.name}' that "
                            f"match the referencing column list in the foreign key '{made.name}'.")  # fmt: skip


# Indexes


def _create_index(session: Session, what: str, words: Words) -> None:
    unique = what == "UNIQUE"
    if unique:
        what = words.next().upper()
    clustered = what == "CLUSTERED"
    if what in ("CLUSTERED", "NONCLUSTERED"):
        what = words.next().upper()
    if what != "INDEX":
        raise Refused(102, f"Incorrect syntax: the test server creates no {what}", severity=15)
    name = words.name()
    words.expect("ON")
    table = session.catalogue.table(*words.qualified())
    columns = tuple((table.column(one).name, down) for one, down in words.ordered_names())
    included = words.names() if words.take("INCLUDE") else ()
    where = words.until("WITH", "ON") if words.take("WHERE") else None
    if where and _UNFIT.search(where):
        raise Refused(
            10735, f"Incorrect WHERE clause for filtered index '{name}' on table '{table.name}'.", severity=15
        )
    if words.take("WITH"):
        words.inside()
    number = 1 if clustered else len(table.indexes) + 2
    made = Index(
        name, columns, unique=unique, clustered=clustered, included=included, filter=where, number=number,
        apart=_apart(words),
    )  # fmt: skip
    if any(one.name.lower() == name.lower() for one in table.indexes):
        raise Refused(1913, f"The operation failed because an index or statistics with name '{name}' already exists on "
                            f"table "
                            f"'{table.schema}.{table.name}'.")  # fmt: skip
    build(session, table, made)
    table.indexes.append(made)


def build(session: Session, table: Table, index: Index) -> None:
    """SQLite's own for what is unique. A NULL is one value there: two of them are duplicates."""
    partitions.check_aligned(table, index)
    if index.unique and (key := dml.doubled(session, table, index)):
        raise Refused(1505, f"The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the "
                            f"object name '{table.schema}.{table.name}' and the index name '{index.name}'. The "
                            f"duplicate key value is ({key}).")  # fmt: skip
    if not index.unique or index.filter:
        return
    parts = []
    for name, _ in index.columns:
        shape = table.column(name)
        parts.append(quoted(shape.name) if not shape.nullable else f"ifnull({quoted(shape.name)}, 0)"
                     + declared(shape).removeprefix(quoted(shape.name)))  # fmt: skip
        if shape.nullable:
            parts.append(f"{quoted(shape.name)} IS NULL")
    session.connection.execute(
        f"CREATE UNIQUE INDEX {quoted(_held(table, index))} ON {table.held} ({', '.join(parts)})"
    )


def _held(table: Table, index: Index) -> str:
    return f"i_{table.number}_{index.name}"


def _drop(session: Session, what: str, words: Words) -> None:
    if what == "PARTITION":
        partitions.drop(session, words)
        return
    exists = words.take("IF", "EXISTS")
    catalogue = session.catalogue
    if what == "INDEX":
        name = words.name()
        words.expect("ON")
        table = catalogue.table(*words.qualified())
        if not exists or any(one.name.lower() == name.lower() for one in table.indexes):
            drop_index(session, table, name)
        return
    if what in ("PROC", "PROCEDURE", "FUNCTION", "TRIGGER", "SYNONYM"):
        modules.drop(session, words, what, exists=exists)
        return
    while True:
        schema, name = words.qualified() if what != "SCHEMA" else ("", words.name())
        kinds: dict[str, dict[tuple[str, str], Any]] = {
            "TABLE": catalogue.tables,
            "VIEW": catalogue.views,
            "SEQUENCE": catalogue.sequences,
        }
        key = (schema or "dbo").lower(), name.lower()
        if what == "SCHEMA":
            catalogue.schemas.pop(name.lower(), None)
        elif what not in kinds:
            raise Refused(102, f"Incorrect syntax: the test server drops no {what}", severity=15)
        elif key not in kinds[what]:
            if not exists:
                raise Refused(3701, f"Cannot drop the {what.lower()} '{name}', because it does not exist or you do not "
                                    f"have "
                                    "permission.", state=5, severity=11)  # fmt: skip
        else:
            if what == "TABLE":
                _drop_table(session, catalogue.tables[key])
            del kinds[what][key]
        if not words.take(","):
            break


def _referred(session: Session, table: Table) -> bool:
    return any(one.type == "F" and one.refers == (table.schema.lower(), table.name.lower()) and other is not table
               for other in session.catalogue.tables.values() for one in other.constraints)  # fmt: skip


def _drop_table(session: Session, table: Table) -> None:
    if _referred(session, table):
        raise Refused(
            3726, f"Could not drop object '{table.name}' because it is referenced by a FOREIGN KEY constraint."
        )
    session.run(f"DROP TABLE {table.held}")


def drop_index(session: Session, table: Table, name: str) -> None:
    found = next((one for one in table.indexes if one.name.lower() == name.lower()), None)
    if found is None:
        raise Refused(3701, f"Cannot drop the index '{table.name}.{name}', because it does not exist or you do not "
                            f"have "
                            "permission.", severity=11)  # fmt: skip
    session.run(f"DROP INDEX IF EXISTS {quoted(_held(table, found))}")
    table.indexes.remove(found)


def _truncate(session: Session, table: Table) -> None:
    if _referred(session, table):
        raise Refused(
            4712, f"Cannot truncate table '{table.name}' because it is being referenced by a FOREIGN KEY constraint."
        )
    with session.changing(table):
        session.run(f"DELETE FROM {table.held}")
    for one in table.columns:
        if one.identity:
            table.next_identity = one.identity[0]
