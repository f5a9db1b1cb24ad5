"""CREATE, ALTER, DROP and their like: read word by word, and carried out in the catalogue and in SQLite."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..spoken import Refused
from . import indexes, partitions, types, values
from .catalogue import Constraint, Sequence, Shape, Source, Table, View, quoted
from .parse import expression
from .words import Words

if TYPE_CHECKING:
    from .session import Session

_ENDS = ("DEFAULT", "NOT", "NULL", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "GENERATED", "AS", "CONSTRAINT",
         "ENABLE", "DISABLE", "VISIBLE", "INVISIBLE", "COLLATE")  # fmt: skip

_STATES = ("ENABLE", "DISABLE", "VALIDATE", "NOVALIDATE", "RELY", "DEFERRABLE", "NOT DEFERRABLE", "INITIALLY DEFERRED",
           "INITIALLY IMMEDIATE")  # fmt: skip


def carry_out(session: Session, text: str) -> None:
    """A statement of DDL; the caller commits before and after."""
    words = Words(text)
    verb = words.next()
    if verb == "COMMENT":
        return _comment(session, words)
    if verb == "TRUNCATE":
        words.expect("TABLE")
        table = session.table(*words.qualified(session.schema))
        table.changed = session.next_scn
        return _truncate(session, table)
    if verb == "RENAME":
        old = words.qualified(session.schema)
        words.expect("TO")
        return rename(session, session.table(*old), words.name())
    if verb in ("GRANT", "REVOKE"):
        return _grant(session, verb, words)
    kinds = {"CREATE": _create, "DROP": _drop, "ALTER": _alter}
    if verb not in kinds:
        raise Refused(900, "invalid SQL statement")
    return kinds[verb](session, words)


def _create(session: Session, words: Words) -> None:
    replaced = words.take("OR", "REPLACE")
    for skipped in ("FORCE", "NOFORCE", "EDITIONABLE"):
        words.take(skipped)
    if words.take("GLOBAL", "TEMPORARY", "TABLE"):
        return _create_table(session, words, temporary=True)
    if words.take("TABLE"):
        return _create_table(session, words)
    if words.take("VIEW"):
        return _create_view(session, words, replaced=replaced)
    if words.take("SEQUENCE"):
        return _create_sequence(session, words)
    if words.take("USER"):
        return _create_user(session, words)
    if words.peek() in ("TRIGGER", "PROCEDURE", "FUNCTION", "PACKAGE", "SYNONYM", "MATERIALIZED"):
        return _create_source(session, words)
    unique, bitmap = words.take("UNIQUE"), words.take("BITMAP")
    words.expect("INDEX")
    return indexes.create(session, words, unique=unique, bitmap=bitmap)


# Tables


def _create_table(session: Session, words: Words, *, temporary: bool = False) -> None:
    owner, name = words.qualified(session.schema)
    session.catalogue.new(owner, name)
    table = Table(owner, name, session.catalogue.number(), [], temporary=temporary)
    table.changed = session.next_scn
    table.organized = "ORGANIZATION INDEX" in words.rest().upper()
    table.external = "ORGANIZATION EXTERNAL" in words.rest().upper()  # its files are ours: CREATE TABLE AS fills them
    if words.peek() == "(":
        _body(session, table, Words(words.inside()))
    while not words.done and words.peek() not in ("PARTITION", "AS"):
        words.next()
    if words.take("PARTITION", "BY"):
        session.check_partitioning()
        table.division = partitions.read(session, table, words)
        table.division.moves = words.take("ENABLE", "ROW", "MOVEMENT")
    query = words.rest().partition("AS ")[2] if " AS SELECT" in f" {words.rest().upper()}" else ""
    if query:
        described = session.describe(query)
        table.columns = [
            Shape(one.name, one.kind, types.declared("", one.kind) or "VARCHAR2", one.nullable) for one in described
        ]
    if not table.columns:
        raise Refused(904, "invalid identifier: a table has columns")
    session.catalogue.tables[owner, name] = table
    held = ", ".join(quoted(one.name) for one in table.columns if one.virtual is None)
    session.run(f"CREATE TABLE {table.held} ({held})")
    for constraint in table.constraints:
        indexes.support(session, table, constraint)
    if query:
        session.execute(f'INSERT INTO "{owner}"."{name}" {query}', (), ())


def _body(session: Session, table: Table, words: Words) -> None:
    while not words.done:
        if words.peek() in ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK") and words.peek(1) != ",":
            table.constraints.append(constraint(session, table, words))
        else:
            column(session, table, words)
        words.until()
        words.take(",")


def column(session: Session, table: Table, words: Words) -> Shape:
    """A column's definition, its own constraints among it."""
    name = words.name()
    if any(one.name == name for one in table.columns):
        raise Refused(957, f"duplicate column name: {name}")
    text = "" if words.peek() in ("AS", "GENERATED") and words.peek(2) != "DEFAULT" else words.until(*_ENDS)
    kind = types.of_text(text) if text else types.of_text("NUMBER")
    shape = Shape(name, kind, types.declared(text or "NUMBER", kind), by_chars=_by_chars(text))
    table.columns.append(shape)
    while words.peek() not in (",", ")", ""):
        _attribute(session, table, shape, words)
    return shape


def _by_chars(text: str) -> bool:
    return "CHAR)" in text.upper().replace(" ", "") or text.upper().startswith("N")


def _attribute(session: Session, table: Table, shape: Shape, words: Words) -> None:
    if words.take("DEFAULT"):
        on_null = words.take("ON", "NULL")
        shape.default_text = words.next() if words.peek() == "NULL" else words.until(*_ENDS)
        shape.default = expression(shape.default_text)
        shape.on_null = on_null
        shape.nullable = shape.nullable and not on_null
    elif words.take("NOT", "NULL"):
        _not_null(session, table, shape, "")
    elif words.take("NULL") or words.take("ENABLE") or words.take("VISIBLE"):
        pass
    elif words.take("INVISIBLE"):
        shape.invisible = True
    elif words.take("GENERATED", "ALWAYS", "AS", "IDENTITY"):
        _identity(session, table, shape, words, always=True)
    elif words.take("GENERATED", "BY", "DEFAULT"):
        words.take("ON", "NULL")
        words.expect("AS", "IDENTITY")
        _identity(session, table, shape, words, always=False)
    elif words.take("GENERATED", "ALWAYS") or words.peek() == "AS":
        words.expect("AS")
        shape.default_text = words.inside()
        shape.virtual = expression(shape.default_text)
        words.take("VIRTUAL")
    elif words.peek() in ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES"):
        table.constraints.append(constraint(session, table, words, shape.name))
    else:
        raise Refused(907, f"missing right parenthesis: {words.rest()[:60]!r}")


def _not_null(session: Session, table: Table, shape: Shape, name: str) -> None:
    shape.nullable = False
    table.constraints.append(
        Constraint(
            name or session.system_name(), "C", (shape.name,), None, f'"{shape.name}" IS NOT NULL', generated=not name
        )
    )


def _identity(session: Session, table: Table, shape: Shape, words: Words, *, always: bool) -> None:
    if any(one.identity and one is not shape for one in table.columns):
        raise Refused(30669, "table can have only one identity column")
    sequence = Sequence(table.owner, f"ISEQ$$_{table.number}", session.catalogue.number())
    if words.peek() == "(":
        _sequence_options(sequence, Words(words.inside()))
    session.catalogue.sequences[table.owner, sequence.name] = sequence
    shape.identity, shape.always = sequence.name, always
    shape.default_text = f'"{table.owner}"."{sequence.name}".nextval'
    shape.default = expression(shape.default_text)
    if shape.nullable:
        _not_null(session, table, shape, "")


def constraint(session: Session, table: Table, words: Words, own: str = "") -> Constraint:
    """A constraint of a table, or of its column `own`."""
    name = words.name() if words.take("CONSTRAINT") else ""
    made = Constraint(name or session.system_name(), "C", (own,) if own else (), generated=not name)
    if own and words.take("NOT", "NULL"):
        table.column(own).nullable = False
        made.text = f'"{own}" IS NOT NULL'
    elif words.take("CHECK"):
        made.text = words.inside()
        made.condition = expression(f"CASE WHEN {made.text} THEN 1 END").args["ifs"][0].this
    else:
        _key(made, table, words, own)
    _state(made, words)
    if words.take("USING", "INDEX"):
        if words.peek() == "(":
            words.inside()
        elif words.take("LOCAL"):
            made.local = True
        elif words.peek() not in (",", ")", "", "ENABLE"):
            made.index = words.qualified("")[1]
        _state(made, words)
    if made.type == "P" and made.enabled:
        for column in made.columns:
            table.column(column).nullable = False
    return made


def _state(made: Constraint, words: Words) -> None:
    while word := next((one for one in _STATES if words.take(*one.split())), ""):
        made.enabled = made.enabled and word != "DISABLE"
        made.validated = made.validated and word not in ("DISABLE", "NOVALIDATE")
        made.deferrable = made.deferrable or word == "DEFERRABLE"
        made.deferred = made.deferred or word == "INITIALLY DEFERRED"


def _key(made: Constraint, table: Table, words: Words, own: str) -> None:
    if words.take("PRIMARY", "KEY"):
        made.type = "P"
    elif words.take("UNIQUE"):
        made.type = "U"
    else:
        made.type = "R"
        if not own:
            words.expect("FOREIGN", "KEY")
    if not own:
        made.columns = words.names()
    if made.type == "R":
        words.expect("REFERENCES")
        made.refers = words.qualified(table.owner)
        made.referred = words.names() if words.peek() == "(" else ()
        if words.take("ON", "DELETE"):
            made.on_delete = "CASCADE" if words.take("CASCADE") else "SET NULL"
            words.take("SET", "NULL")


def _create_view(session: Session, words: Words, *, replaced: bool) -> None:
    owner, name = words.qualified(session.schema)
    if not (replaced and (owner, name) in session.catalogue.views):
        session.catalogue.new(owner, name)
    columns = words.names() if words.peek() == "(" else ()
    words.expect("AS")
    text = words.rest().removesuffix(";")
    for tail in ("WITH READ ONLY", "WITH CHECK OPTION"):
        text = text.removesuffix(tail).rstrip()
    session.describe(text)
    session.catalogue.views[owner, name] = View(owner, name, session.catalogue.number(), text, columns)


def _create_sequence(session: Session, words: Words) -> None:
    owner, name = words.qualified(session.schema)
    session.catalogue.new(owner, name)
    made = Sequence(owner, name, session.catalogue.number())
    _sequence_options(made, words)
    session.catalogue.sequences[owner, name] = made


def _sequence_options(made: Sequence, words: Words) -> None:
    started = False
    while not words.done:
        if words.take("START", "WITH"):
            made.next, started = words.integer(), True
        elif words.take("INCREMENT", "BY"):
            made.step = words.integer()
        elif words.take("MINVALUE"):
            made.least = words.integer()
        elif words.take("MAXVALUE"):
            made.most = words.integer()
        elif words.take("CACHE"):
            made.cache = words.integer()
        elif words.take("CYCLE"):
            made.cycles = True
        else:
            made.cache = 0 if words.next() == "NOCACHE" else made.cache
    made.next = made.next if started else made.least if made.step > 0 else made.most


def _create_source(session: Session, words: Words) -> None:
    """Kept as text: nothing of it ever runs."""
    kind = words.next()
    kind += " VIEW" if words.take("VIEW") else " BODY" if words.take("BODY") else ""
    owner, name = words.qualified(session.schema)
    made = Source(owner, name, kind, words.rest())
    if kind == "SYNONYM":
        words.expect("FOR")
        made.on = words.qualified(session.schema)
    elif kind == "MATERIALIZED VIEW":
        made.text = words.rest().partition("AS ")[2]
    elif kind == "TRIGGER":
        made.type = words.next()
        made.event = words.until("ON").upper()
        words.expect("ON")
        made.on = words.qualified(session.schema)
        made.type += " EACH ROW" if words.take("FOR", "EACH", "ROW") else " STATEMENT"
        made.text = words.rest()
    else:
        made.text = f"{kind} {name} {words.rest()}"
    session.catalogue.sources[owner, kind, name] = made


def _create_user(session: Session, words: Words) -> None:
    name = words.name()
    words.expect("IDENTIFIED", "BY")
    session.catalogue.users[name] = words.name()
    session.catalogue.made[name] = values.date(datetime.now())


# What is there already


def _drop(session: Session, words: Words) -> None:
    kind = words.next()
    if kind == "INDEX":
        return indexes.drop(session, *words.qualified(session.schema))
    if kind == "USER":
        return _drop_user(session, words.name(), cascade=words.take("CASCADE"))
    if kind not in ("TABLE", "VIEW", "SEQUENCE"):
        raise Refused(950, "invalid DROP option")
    owner, name = words.qualified(session.schema)
    if kind == "TABLE":
        return drop_table(session, session.table(owner, name), cascade="CASCADE" in words.rest().upper())
    held: dict[tuple[str, str], object] = getattr(session.catalogue, f"{kind.lower()}s")
    if held.pop((owner, name), None) is None:
        raise Refused(942 if kind == "VIEW" else 2289, f"{kind.lower()} does not exist")
    return None


def drop_table(session: Session, table: Table, *, cascade: bool) -> None:
    referring = [(other, one) for other, one in session.catalogue.referring(table) if other is not table]
    if referring and not cascade:
        raise Refused(2449, "unique/primary keys in table referenced by foreign keys")
    for other, one in referring:
        other.constraints.remove(one)
    for shape in table.columns:
        if shape.identity:
            session.catalogue.sequences.pop((table.owner, shape.identity), None)
    session.run(f"DROP TABLE {table.held}")
    del session.catalogue.tables[table.owner, table.name]


def _drop_user(session: Session, name: str, *, cascade: bool) -> None:
    catalogue = session.catalogue
    if name not in catalogue.users:
        raise Refused(1918, f"user '{name}' does not exist")
    owned = [one for one in catalogue.tables.values() if one.owner == name]
    kinds: tuple[dict[Any, Any], ...] = (catalogue.views, catalogue.sequences, catalogue.sources)
    if not cascade and (owned or any(key[0] == name for kind in kinds for key in kind)):
        raise Refused(1922, f"CASCADE must be specified to drop '{name}'")
    for table in owned:
        drop_table(session, table, cascade=True)
    for kind in kinds:
        for key in [key for key in kind if key[0] == name]:
            del kind[key]
    for held in (catalogue.users, catalogue.made, catalogue.privileges, catalogue.grants):
        held.pop(name, None)


def rename(session: Session, table: Table, name: str) -> None:
    session.catalogue.new(table.owner, name)
    referring = list(session.catalogue.referring(table))
    old = table.held
    del session.catalogue.tables[table.owner, table.name]
    table.name = name
    session.catalogue.tables[table.owner, name] = table
    session.run(f"ALTER TABLE {old} RENAME TO {table.held}")
    for _, one in referring:
        one.refers = (table.owner, name)


def _truncate(session: Session, table: Table) -> None:
    if any(one.enabled and other is not table for other, one in session.catalogue.referring(table)):
        raise Refused(2266, "unique/primary keys in table referenced by enabled foreign keys")
    session.run(f"DELETE FROM {table.held}")


def _alter(session: Session, words: Words) -> None:
    kind = words.next()
    if kind == "INDEX":
        words.qualified(session.schema)
        return
    if kind == "SEQUENCE":
        _sequence_options(session.sequence(*words.qualified(session.schema)), words)
        return
    if kind == "TRIGGER":
        _alter_trigger(session, words)
        return
    if kind != "TABLE":
        raise Refused(940, "invalid ALTER command")
    table = session.table(*words.qualified(session.schema))
    table.changed = session.next_scn
    while not words.done:
        _change(session, table, words)


def _alter_trigger(session: Session, words: Words) -> None:
    owner, name = words.qualified(session.schema)
    found = [
        one for one in session.catalogue.sources.values() if (one.kind, one.owner, one.name) == ("TRIGGER", owner, name)
    ]
    if not found:
        raise Refused(4080, f"trigger '{name}' does not exist")
    if words.peek() in ("ENABLE", "DISABLE"):
        found[0].enabled = words.next() == "ENABLE"


def _change(session: Session, table: Table, words: Words) -> None:
    if words.take("RENAME", "TO"):
        rename(session, table, words.name())
    elif words.take("RENAME", "CONSTRAINT"):
        found = indexes.constraint(table, words.name())
        words.expect("TO")
        found.name = words.name()
    elif words.take("RENAME", "COLUMN"):
        shape = table.column(words.name())
        words.expect("TO")
        old, shape.name = shape.name, words.name()
        session.run(f"ALTER TABLE {table.held} RENAME COLUMN {quoted(old)} TO {quoted(shape.name)}")
    elif words.take("ADD"):
        _add(session, table, words)
    elif words.take("MODIFY"):
        _modify(session, table, words)
    elif words.take("DROP"):
        _drop_part(session, table, words)
    elif table.division and words.peek(1) == "ROW":
        table.division.moves = words.next() == "ENABLE"
        words.expect("ROW", "MOVEMENT")
    elif words.peek() in ("ENABLE", "DISABLE"):
        _switch(session, table, words)
    else:  # storage and the like: LOGGING, NOPARALLEL, MOVE
        words.next()


def _add(session: Session, table: Table, words: Words) -> None:
    if words.peek() in ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
        made = constraint(session, table, words)
        indexes.add(session, table, made)
        return
    inside = Words(words.inside()) if words.peek() == "(" else words
    while not inside.done:
        if inside.peek() in ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
            indexes.add(session, table, constraint(session, table, inside))
        else:
            shape = column(session, table, inside)
            if shape.virtual is None:
                session.run(f"ALTER TABLE {table.held} ADD COLUMN {quoted(shape.name)}")
        inside.take(",")


def _modify(session: Session, table: Table, words: Words) -> None:
    if words.take("CONSTRAINT"):
        made = indexes.constraint(table, words.name())
        if words.take("VALIDATE"):
            indexes.validate(session, table, made)
            made.validated = True
        return
    inside = Words(words.inside()) if words.peek() == "(" else words
    while not inside.done:
        shape = table.column(inside.name())
        if inside.peek() not in (*_ENDS, ",", ""):
            text = inside.until(*_ENDS)
            shape.kind = types.of_text(text)
            shape.declared, shape.by_chars = types.declared(text, shape.kind), _by_chars(text)
        if inside.take("NULL"):
            shape.nullable = True
        while inside.peek() not in (",", ""):
            _attribute(session, table, shape, inside)
        if not shape.nullable and session.one(f"SELECT 1 FROM {table.held} WHERE {quoted(shape.name)} IS NULL"):
            shape.nullable = True
            raise Refused(2296, f"cannot enable ({table.owner}.) - null values found")
        inside.take(",")


def _drop_part(session: Session, table: Table, words: Words) -> None:
    if words.take("CONSTRAINT"):
        indexes.drop_constraint(session, table, indexes.constraint(table, words.name()))
    elif words.take("PRIMARY", "KEY"):
        (key,) = [one for one in table.constraints if one.type == "P"]
        indexes.drop_constraint(session, table, key)
    else:
        words.expect("COLUMN")
        shape = table.column(words.name())
        table.columns.remove(shape)
        if shape.virtual is None:
            session.run(f"ALTER TABLE {table.held} DROP COLUMN {quoted(shape.name)}")
    words.until()


def _switch(session: Session, table: Table, words: Words) -> None:
    enabled = words.next() == "ENABLE"
    novalidate = words.take("NOVALIDATE")
    words.take("VALIDATE")
    if words.take("CONSTRAINT"):
        found = indexes.constraint(table, words.name())
        if enabled and not novalidate:
            indexes.validate(session, table, found)
        found.enabled, found.validated = enabled, enabled and not novalidate


def _comment(session: Session, words: Words) -> None:
    words.expect("ON")
    kind = words.next()
    first = words.name()
    parts = [first]
    while words.take("."):
        parts.append(words.name())
    words.expect("IS")
    text = words.next()[1:-1].replace("''", "'")
    if kind == "COLUMN":
        *owner, name, column_ = parts
        session.table(owner[0] if owner else session.schema, name).column(column_).comment = text
        return
    owner_, name = (parts[0], parts[1]) if len(parts) == 2 else (session.schema, parts[0])
    found = session.catalogue.views.get((owner_, name)) or session.table(owner_, name)
    found.comment = text


def _grant(session: Session, verb: str, words: Words) -> None:
    privileges = [words.until("ON", "TO", "FROM").upper()]
    while words.take(","):
        privileges.append(words.until("ON", "TO", "FROM").upper())
    on = words.qualified(session.schema) if words.take("ON") else None
    words.expect("TO" if verb == "GRANT" else "FROM")
    user = words.name()
    for privilege in privileges:
        held = session.catalogue.privileges.setdefault(user, set())
        given = session.catalogue.grants.setdefault(user, set())
        change = "add" if verb == "GRANT" else "discard"
        if on:
            getattr(given, change)((privilege, *on))
        else:
            getattr(held, change)(privilege)
