"""INSERT, UPDATE, DELETE and MERGE as SQLite's; every value passes through its column first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from ..spoken import Refused
from . import expressions, render
from .catalogue import Shape, Table, quoted
from .render import Source, Typed, Writing

if TYPE_CHECKING:
    from .session import Session


def statement(session: Session, tree: exp.Expression, writing: Writing) -> tuple[Table, list[str]]:
    """The table that is changed, and the statements of SQLite for it, one after another."""
    if isinstance(tree, exp.Insert):
        return _insert(session, tree, writing)
    if isinstance(tree, exp.Update):
        return _update(session, tree, writing)
    if isinstance(tree, exp.Delete):
        return _delete(session, tree, writing)
    if isinstance(tree, exp.Merge):
        return _merge(session, tree, writing)
    raise Refused(900, f"the test server does not know this statement: {tree.sql()[:200]}")


def _named(session: Session, tree: exp.Expression) -> Table:
    schema = tree.args.get("db")
    return session.table(_name(schema) if schema else session.schema, _name(tree.this))


def _name(tree: exp.Expression) -> str:
    if isinstance(tree, exp.Column):
        tree = tree.this
    return str(tree.this) if tree.args.get("quoted") else str(tree.this).upper()


def _opened(session: Session, tree: exp.Expression, writing: Writing) -> tuple[Table, str]:
    """A table as the one whose columns are meant, and its name in SQLite."""
    table = _named(session, tree)
    alias = tree.args.get("alias")
    name = _name(alias.this) if alias and alias.this else table.name
    inner = writing.alias()
    columns = tuple(Typed(f"{inner}.{quoted(one.name)}", one.kind, one.name, one.nullable) for one in table.columns)
    writing.sources.append([Source(name, columns, f"ora_rowid({table.number}, {inner}.rowid)")])
    return table, f"{table.held} AS {inner}"


def _insert(session: Session, tree: exp.Insert, writing: Writing) -> tuple[Table, list[str]]:
    schema = isinstance(tree.this, exp.Schema)
    table = _named(session, tree.this.this if schema else tree.this)
    stored = [one for one in table.columns if one.virtual is None]
    named = [table.column(_name(one)) for one in tree.this.expressions] if schema else stored
    source = tree.expression
    if isinstance(source, exp.Values):  # of several rows since version 23
        rows = []
        for row in source.expressions:
            given = [expressions.write(one, writing).sql for one in row.expressions]
            _as_many(named, given)
            values_ = kept(session, table, dict(zip([one.name for one in named], given, strict=True)), writing)
            rows.append(f"({', '.join(values_)})")
        return table, [f"INSERT INTO {table.held} ({_listed(stored)}) VALUES {', '.join(rows)}"]
    text, columns = render.query(source, writing)
    _as_many(named, columns)
    inner = writing.alias()
    values = {shape.name: f"{inner}.c{n}" for n, shape in enumerate(named)}
    values_ = kept(session, table, values, writing)
    numbered = ", ".join(f"c{n}" for n in range(len(named)))
    query = f"WITH {inner}({numbered}) AS ({text}) SELECT {', '.join(values_)} FROM {inner}"
    return table, [f"INSERT INTO {table.held} ({_listed(stored)}) {query}"]


def _as_many(named: Sequence[object], given: Sequence[object]) -> None:
    if len(given) < len(named):
        raise Refused(947, "not enough values")
    if len(given) > len(named):
        raise Refused(913, "too many values")


def _listed(shapes: Sequence[Shape]) -> str:
    return ", ".join(quoted(one.name) for one in shapes)


def kept(session: Session, table: Table, values: dict[str, str], writing: Writing) -> list[str]:
    """What each stored column gets: the value that is given, or its default."""
    made = []
    for shape in table.columns:
        if shape.virtual is not None:
            continue
        if shape.always and shape.name in values:
            raise Refused(32795, "cannot insert into a generated always identity column")
        default = expressions.write(shape.default, writing).sql if shape.default is not None else "NULL"
        made.append(_through(session, table, shape, values.get(shape.name, default)))
    return made


def _through(session: Session, table: Table, shape: Shape, value: str, *, changing: bool = False) -> str:
    return f"ora_keep({session.kept(table, shape, changing=changing)}, {value})"


def _update(session: Session, tree: exp.Update, writing: Writing) -> tuple[Table, list[str]]:
    table, held = _opened(session, tree.this, writing)
    changes = []
    for one in tree.expressions:
        if isinstance(one.this, exp.Tuple):
            raise Refused(900, "the test server does not know UPDATE of several columns by one query")
        shape = table.column(_name(one.this))
        value = expressions.write(one.expression, writing).sql
        changes.append(f"{quoted(shape.name)} = {_through(session, table, shape, value, changing=True)}")
    where = tree.args.get("where")
    condition = f" WHERE {expressions.condition(where.this, writing)}" if where else ""
    writing.sources.pop()
    return table, [f"UPDATE {held} SET {', '.join(changes)}{condition}"]


def _delete(session: Session, tree: exp.Delete, writing: Writing) -> tuple[Table, list[str]]:
    table, held = _opened(session, tree.this, writing)
    where, most = render.where(tree, writing)
    writing.sources.pop()
    if most:  # ROWNUM, for which SQLite has no word here
        inner = held.rpartition(" ")[2]
        return table, [f"DELETE FROM {table.held} WHERE rowid IN (SELECT {inner}.rowid FROM {held}{where}{most})"]
    return table, [f"DELETE FROM {held}{where}"]


def _merge(session: Session, tree: exp.Merge, writing: Writing) -> tuple[Table, list[str]]:
    table, held = _opened(session, tree.this, writing)
    text, source = render._relation(tree.args["using"], writing)
    writing.sources[-1].append(source)
    on = expressions.condition(tree.args["on"], writing)
    statements = []
    whens = tree.args["whens"].expressions
    # Oracle changes no column that rows are found by (ORA-38104), so what was updated is still no new row.
    for when in sorted(whens, key=lambda one: not one.args.get("matched")):
        then = when.args["then"]
        if isinstance(then, exp.Insert):
            names = [table.column(_name(one)) for one in then.this.expressions]
            given = [expressions.write(one, writing).sql for one in then.expression.expressions]
            values_ = kept(session, table, dict(zip([one.name for one in names], given, strict=True)), writing)
            stored = [one for one in table.columns if one.virtual is None]
            missing = f"NOT EXISTS (SELECT 1 FROM {held} WHERE {on})"
            statements.append(
                f"INSERT INTO {table.held} ({_listed(stored)}) SELECT {', '.join(values_)} FROM {text} WHERE {missing}"
            )
        else:
            changes = []
            for one in then.expressions:
                shape = table.column(_name(one.this))
                value = expressions.write(one.expression, writing).sql
                changes.append(f"{quoted(shape.name)} = {_through(session, table, shape, value, changing=True)}")
            where = then.args.get("where")
            only = f" AND {expressions.condition(where.this, writing)}" if where else ""
            statements.append(f"UPDATE {held} SET {', '.join(changes)} FROM {text} WHERE {on}{only}")
    writing.sources.pop()
    return table, statements
