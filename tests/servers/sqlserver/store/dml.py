"""INSERT, UPDATE, DELETE and bulk loads; what must hold after them."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from ..spoken import Column, Kind, Refused, Result, Row
from . import expressions, logins, render, sites, values
from .catalogue import Catalogue, Constraint, Index, Shape, Table, View, quoted
from .convert import converted
from .parse import expression
from .render import Typed, Writing, column
from .types import chars

if TYPE_CHECKING:
    from .session import Session

_AT_ONCE = 500  # rows of a bulk load


@dataclass(frozen=True)
class Keep:
    """Makes of a value what a column holds; refuses what does not fit."""

    source: Kind | None
    kind: Kind
    nullable: bool
    table: str
    column: str

    def __call__(self, value: Any) -> Any:
        if value is None:
            if not self.nullable:
                raise Refused(515, f"Cannot insert the value NULL into column '{self.column}', table '{self.table}'; "
                                   f"column "
                                   "does not allow nulls. INSERT fails.", state=2)  # fmt: skip
            return None
        if self.source is None:
            return value
        if self.kind.name in values.TEXTS or self.kind.name in ("varbinary", "binary"):
            return self._fitted(value)
        return converted(value, self.source, self.kind)

    def _fitted(self, value: Any) -> Any:
        assert self.source is not None
        long = Kind({"char": "varchar", "nchar": "nvarchar", "binary": "varbinary"}.get(self.kind.name,
            self.kind.name), -1,
                    collation=self.kind.collation)  # fmt: skip
        found = converted(value, self.source, long)
        made = converted(found, long, self.kind)
        short = found.rstrip(" ") if isinstance(found, str) else found
        if chars(self.kind) > 0 and self.kind.name not in ("text", "ntext", "xml") and len(made) < len(short):
            raise Refused(2628, f"String or binary data would be truncated in table '{self.table}', column "
                                f"'{self.column}'. "
                                f"Truncated value: '{made if isinstance(made, str) else ''}'.")  # fmt: skip
        return made


def carry_out(session: Session, tree: exp.Expression) -> Result:
    writing = session.writing()
    render.named_queries(tree, writing)
    changes: dict[type[exp.Expr], Callable[..., Result]] = {
        exp.Insert: _insert, exp.Update: _update, exp.Delete: _delete}  # fmt: skip
    for kind, change in changes.items():
        if isinstance(tree, kind):
            found = change(session, tree, writing)
            session.rowcount = found.count or 0
            return found
    raise Refused(102, f"Incorrect syntax: the test server does not know {tree.sql()[:200]}", severity=15)


def _table(session: Session, tree: exp.Expression) -> Table:
    inner: Any = tree.this if isinstance(tree, exp.Schema) else tree
    found = session.catalogue.found(inner.db, inner.name)
    if isinstance(found, View):
        raise Refused(
            4406, f"Update or insert of view or function '{found.name}' failed: the test server changes tables only."
        )
    return session.catalogue.table(inner.db, inner.name)


def kept(session: Session, table: Table, shape: Shape, value: Typed) -> str:
    del session
    place = f"{table.schema}.{table.name}"
    made = Keep(value.kind, shape.kind, shape.nullable, place, shape.name)
    return sites.called(sites.Site(made, (value.kind,), shape.kind, strict=False), [value.sql])


def _without(session: Session, table: Table, shape: Shape, writing: Writing) -> Typed:
    """What a column gets that is given nothing."""
    if shape.identity is not None:
        made = sites.Site(Draw(table.schema, table.name), (), shape.kind, asks=True)
        return Typed(sites.called(made, []), shape.kind)
    if shape.kind.name == "timestamp":
        return Typed(sites.called(sites.Site(next_version, (), shape.kind, asks=True), []), shape.kind)
    if shape.default is not None:
        return expressions.write(expression(shape.default), writing)
    del session
    return Typed("NULL", None)


@dataclass(frozen=True)
class Draw:
    schema: str
    name: str

    def __call__(self, session: Any) -> int:
        table = session.catalogue.table(self.schema, self.name)
        step = next(one.identity[1] for one in table.columns if one.identity)
        session.last_identity, table.next_identity = table.next_identity, table.next_identity + step
        table.drawn_identity = True
        return int(session.last_identity)


def next_version(session: Any) -> bytes:
    session.kept.versions += 1
    return bytes(session.kept.versions.to_bytes(8, "big"))


def _targets(session: Session, table: Table, names: Sequence[str]) -> list[Shape]:
    if not names:
        plain = [one for one in table.columns if one.computed is None and one.kind.name != "timestamp"]
        return [one for one in plain if one.identity is None or session.identity_insert is table]
    found = [table.column(name) for name in names]
    for one in found:
        if one.computed is not None:
            raise Refused(271, f'The column "{one.name}" cannot be modified because it is either a computed column or '
                               f'is the '
                               "result of a UNION operator.")  # fmt: skip
        if one.kind.name == "timestamp":
            raise Refused(273, "Cannot insert an explicit value into a timestamp column.")
        if one.identity is not None and session.identity_insert is not table:
            raise Refused(544, f"Cannot insert explicit value for identity column in table '{table.name}' when "
                               "IDENTITY_INSERT is set to OFF.")  # fmt: skip
    return found


def _insert(session: Session, tree: exp.Insert, writing: Writing) -> Result:
    table = _table(session, tree.this)
    logins.may_write(session, table, "INSERT")
    names = [one.name for one in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
    source = tree.expression
    targets = [] if tree.args.get("default") else _targets(session, table, names)
    texts: list[str] = []
    if isinstance(source, exp.Values) or source is None:
        for row in source.expressions if source is not None else [exp.Tuple(expressions=[])]:
            items = row.expressions if isinstance(row, exp.Tuple) else [row]
            _as_many(len(items), len(targets))
            given = {one.name: _without(session, table, one, writing) if _is_default(item) else
                     expressions.write(item, writing) for one, item in zip(targets, items, strict=True)}  # fmt: skip
            texts.append("SELECT " + ", ".join(_row(session, table, given, writing)))
    else:
        text, columns = render.query(source, writing)
        _as_many(len(columns), len(targets))
        given = {one.name: column for one, column in zip(targets, columns, strict=True)}
        texts.append(f"SELECT {', '.join(_row(session, table, given, writing))} FROM ({text})")
    listed = ", ".join(quoted(one.name) for one in table.columns if one.computed is None)
    session.fill(writing)
    with session.changing(table):
        before = _last_row(session, table)
        count = sum(session.connection.execute(f"INSERT INTO {table.held} ({listed}) {text}", _used(text,
            writing)).rowcount
                    for text in texts)  # fmt: skip
        session.weigh(count)
        _follow_identity(session, table, targets)
        hold(session, table)
    return _output(session, tree, table, before) or Result(count=count)


def _used(text: str, writing: Writing) -> Sequence[values.Held]:
    most = max((int(number) for number in re.findall(r"\?(\d+)", text)), default=0)
    return writing.binds[: max(most, 0)]


def _last_row(session: Session, table: Table) -> int:
    found = session.connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table.held}").fetchone()
    return int(found[0])


def _output(session: Session, tree: exp.Expression, table: Table, before: int) -> Result | None:
    """OUTPUT INSERTED.x of an INSERT."""
    returning = tree.args.get("returning")
    if returning is None:
        return None
    writing = session.writing()
    inner = writing.alias()
    writing.sources.append([render.table_source(table, inner, "inserted", writing)])
    outputs = [one for item in returning.expressions for one in render._outputs(item, writing)]
    listed = ", ".join(one.sql for one in outputs)
    return session.rows(
        f"SELECT {listed} FROM {table.held} AS {inner} WHERE {inner}.rowid > {before}", outputs, writing
    )


def _is_default(item: exp.Expression) -> bool:
    return isinstance(item, exp.Var | exp.Column) and item.name.upper() == "DEFAULT"


def _as_many(given: int, wanted: int) -> None:
    if given < wanted:
        raise Refused(109, "There are more columns in the INSERT statement than values specified in the VALUES clause.",
                      severity=15)  # fmt: skip
    if given > wanted:
        raise Refused(110, "There are fewer columns in the INSERT statement than values specified in the VALUES "
                           "clause.",
                      severity=15)  # fmt: skip


def _row(session: Session, table: Table, given: Mapping[str, Typed], writing: Writing) -> Iterator[str]:
    for one in table.columns:
        if one.computed is None:
            yield kept(session, table, one, given.get(one.name) or _without(session, table, one, writing))


def _follow_identity(session: Session, table: Table, targets: Sequence[Shape]) -> None:
    """After values that were given to it, an identity goes on behind the last of them."""
    for one in targets:
        if one.identity is not None:
            word = "max" if one.identity[1] > 0 else "min"
            found = session.connection.execute(f"SELECT {word}({quoted(one.name)}) FROM {table.held}").fetchone()[0]
            found = None if found is None else int(values.worked(found, one.kind))
            if found is not None and (found - table.next_identity) * one.identity[1] >= 0:
                table.next_identity = found + one.identity[1]
                session.last_identity = found


def _sourced(session: Session, tree: exp.Expression, writing: Writing) -> tuple[Table, str, str]:
    """The table that an UPDATE or DELETE changes, the name its row has in SQLite's FROM, and that FROM."""
    clause = tree.args.get("from_")
    target = (tree.args.get("tables") or [tree.this])[0] if isinstance(tree, exp.Delete) else tree.this
    first = clause.this if clause else tree.this
    writing.sources.append([])
    text = render.source_text(first, writing)
    for join in [*(first.args.get("joins") or ()), *(tree.args.get("joins") or ())]:
        text += render.join_text(join, writing)
    for one in [first, *(join.this for join in first.args.get("joins") or ())]:
        if one.alias_or_name.lower() == target.alias_or_name.lower() and isinstance(one, exp.Table):
            table = _table(session, one)
            logins.may_write(session, table, type(tree).__name__.upper())
            found = re.search(rf"{re.escape(table.held)} AS (\w+)", text)
            assert found is not None
            return table, found[1], text
    raise Refused(208, f"Invalid object name '{target.name}'.")


def _update(session: Session, tree: exp.Update, writing: Writing) -> Result:
    table, inner, sources = _sourced(session, tree, writing)
    sets = {}
    for one in tree.expressions:
        shape = _targets(session, table, [one.this.name])[0]
        default = _is_default(one.expression)
        value = _without(session, table, shape, writing) if default else expressions.write(one.expression, writing)
        sets[shape.name] = kept(session, table, shape, value)
    for shape in table.columns:
        if shape.kind.name == "timestamp":
            sets[shape.name] = kept(session, table, shape, _without(session, table, shape, writing))
    where = tree.args.get("where")
    kept_rows = f" WHERE {expressions.condition(where.this, writing)}" if where else ""
    listed = ", ".join(f"{text} AS {quoted(name)}" for name, text in sets.items())
    assigned = ", ".join(f"{quoted(name)} = made.{quoted(name)}" for name in sets)
    session.fill(writing)
    with session.changing(table):
        session.connection.execute("DROP TABLE IF EXISTS temp.made")
        session.connection.execute(f"CREATE TEMP TABLE made AS SELECT {inner}.rowid AS place, {listed} FROM {sources}"
                                   f"{kept_rows}", writing.binds)  # fmt: skip
        count = session.connection.execute(f"UPDATE {table.held} SET {assigned} FROM temp.made AS made "
                                           f"WHERE {table.held}.rowid = made.place").rowcount  # fmt: skip
        session.weigh(count)
        hold(session, table)
        _hold_children(session, table)
    return Result(count=count)


def _delete(session: Session, tree: exp.Delete, writing: Writing) -> Result:
    table, inner, sources = _sourced(session, tree, writing)
    where = tree.args.get("where")
    kept_rows = f" WHERE {expressions.condition(where.this, writing)}" if where else ""
    most = tree.args.get("limit")
    kept_rows += f" LIMIT {most.expression.name}" if most else ""
    session.fill(writing)
    with session.changing(table):
        count = session.connection.execute(f"DELETE FROM {table.held} WHERE rowid IN (SELECT {inner}.rowid FROM "
                                           f"{sources}"
                                           f"{kept_rows})", writing.binds).rowcount  # fmt: skip
        session.weigh(count)
        _follow(session, table)
        _hold_children(session, table)
    return Result(count=count)


def _follow(session: Session, table: Table) -> None:
    """ON DELETE CASCADE and SET NULL, after rows of a table are gone."""
    for other in session.catalogue.tables.values():
        for one in other.constraints:
            refers = one.enabled and one.type == "F" and one.refers == (table.schema.lower(), table.name.lower())
            if not refers or one.on_delete == "NO_ACTION":
                continue
            lost = _lost(session, one)
            if one.on_delete == "CASCADE":
                if session.connection.execute(f"DELETE FROM {other.held} AS c WHERE {lost}").rowcount:
                    _follow(session, other)
                    _hold_children(session, other)
            elif one.on_delete == "SET_NULL":
                nulls = ", ".join(f"{quoted(name)} = NULL" for name in one.columns)
                session.connection.execute(f"UPDATE {other.held} AS c SET {nulls} WHERE {lost}")
            else:
                raise Refused(102, "Incorrect syntax: the test server knows no ON DELETE SET DEFAULT", severity=15)


# What must hold


def doubled(session: Session, table: Table, index: Index) -> str:
    """A key that several rows have, among those of the index; a NULL is one value."""
    writing = session.writing()
    inner = writing.alias()
    writing.sources.append([render.table_source(table, inner, "", writing)])
    where = f" WHERE {expressions.condition(_condition(index.filter), writing)}" if index.filter else ""
    parts = [column(exp.column(exp.to_identifier(name, quoted=True)), writing) for name, _ in index.columns]
    keys = ", ".join(render.collated(one.sql, one.kind) for one in parts)
    text = f"SELECT {keys} FROM {table.held} AS {inner}{where} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"
    found = session.one(text, writing.binds)
    return ", ".join("<NULL>" if one is None else str(one) for one in found) if found else ""


def hold(session: Session, table: Table) -> None:
    for index in table.indexes:
        if index.unique and index.filter and index.enabled and doubled(session, table, index):
            raise Refused(2601, f"Cannot insert duplicate key row in object '{table.schema}.{table.name}' with unique "
                                f"index '{index.name}'.", severity=14)  # fmt: skip
    for one in table.constraints:
        if one.enabled and one.type == "C" and _breaks(session, table, one):
            raise Refused(547, f'The INSERT statement conflicted with the CHECK constraint "{one.name}". The conflict '
                               f'occurred '
                               f'in database "{session.database}", table "{table.schema}.{table.name}".',
                                   state=0)  # fmt: skip
        if one.enabled and one.type == "F" and orphaned(session, table, one):
            raise Refused(547, f'The INSERT statement conflicted with the FOREIGN KEY constraint "{one.name}". The '
                               f'conflict '
                               f'occurred in database "{session.database}".', state=0)  # fmt: skip


def _hold_children(session: Session, table: Table) -> None:
    for other in session.catalogue.tables.values():
        for one in other.constraints:
            refers = one.enabled and one.type == "F" and one.refers == (table.schema.lower(), table.name.lower())
            if refers and orphaned(session, other, one):
                raise Refused(547, f'The DELETE statement conflicted with the REFERENCE constraint "{one.name}". The '
                                   f'conflict occurred in database "{session.database}".', state=0)  # fmt: skip


def _breaks(session: Session, table: Table, made: Constraint) -> bool:
    writing = session.writing()
    inner = writing.alias()
    writing.sources.append([render.table_source(table, inner, "", writing)])
    where = expressions.condition(_condition(made.text), writing)
    return session.one(f"SELECT 1 FROM {table.held} AS {inner} WHERE NOT {where} LIMIT 1", writing.binds) is not None


def _condition(text: str) -> exp.Expression:
    from .parse import parse

    found: exp.Expression = parse(f"SELECT 1 WHERE {text}").args["where"].this
    return found


def orphaned(session: Session, table: Table, made: Constraint) -> bool:
    return session.one(f"SELECT 1 FROM {table.held} AS c WHERE {_lost(session, made)} LIMIT 1") is not None


def _lost(session: Session, made: Constraint) -> str:
    """SQL that is true of rows, under the name c, whose parent is not there."""
    parent = session.catalogue.table(*made.refers)
    pairs = " AND ".join(f"p.{quoted(b)} = c.{quoted(a)}" for a, b in zip(made.columns, made.referred, strict=True))
    there = " AND ".join(f"c.{quoted(one)} IS NOT NULL" for one in made.columns)
    return f"{there} AND NOT EXISTS (SELECT 1 FROM {parent.held} AS p WHERE {pairs})"


def duplicate(error: sqlite3.IntegrityError, catalogue: Catalogue, table: Table | None) -> Refused:
    """2627 by a constraint, 2601 by an index, with its name."""
    text = str(error)
    found = re.search(r"index '(?:\w+?)_(\d+)_(.*)'", text)
    columns = tuple(re.findall(r"t\d+\.([^,]+)", text))
    for one in table.indexes if table else ():
        listed = tuple(name for name, _ in one.columns)
        if table and one.unique and ((found and found[2] == one.name) or listed == columns):
            place = f"{table.schema}.{table.name}"
            if one.constraint or one.primary:
                word = "PRIMARY" if one.primary else "UNIQUE"
                return Refused(2627, f"Violation of {word} KEY constraint '{one.name}'. Cannot insert duplicate key in "
                                     f"object "
                                     f"'{place}'.", severity=14)  # fmt: skip
            return Refused(2601, f"Cannot insert duplicate key row in object '{place}' with unique index '{one.name}'.",
                           severity=14)  # fmt: skip
    del catalogue
    return Refused(2601, f"Cannot insert duplicate key row: {text}", severity=14)


# Bulk loads


def bulk(
    session: Session, table: Table, columns: Sequence[Column], options: Mapping[str, object], rows: Iterator[Row]
) -> int:
    given = [table.column(one.name) for one in columns]
    writing = session.writing()
    parts = []
    for shape in table.columns:
        if shape.computed is not None:
            continue
        place = next((place for place, one in enumerate(given) if one is shape), None)
        if place is None or (shape.identity is not None and not columns[place].identity):
            parts.append(kept(session, table, shape, _without(session, table, shape, writing)))
            continue
        value = Typed(f"?{place + 1}", columns[place].kind)
        if shape.default is not None and "KEEP_NULLS" not in options:
            default = _without(session, table, shape, writing)
            value = Typed(f"coalesce({sites.conversion(value.sql, value.kind, shape.kind)}, "
                          f"{sites.conversion(default.sql, default.kind, shape.kind)})", shape.kind)  # fmt: skip
        parts.append(kept(session, table, shape, value))
    if writing.binds:
        raise Refused(102, "The test server cannot load beside a default of this kind.")
    listed = ", ".join(quoted(one.name) for one in table.columns if one.computed is None)
    text, count = f"INSERT INTO {table.held} ({listed}) VALUES ({', '.join(parts)})", 0
    while some := list(itertools.islice(rows, _AT_ONCE)):
        held = [[_held(value, one.kind) for value, one in zip(row, columns, strict=True)] for row in some]
        session.connection.executemany(text, held)
        count += len(some)
    _follow_identity(session, table, [one for one, column in zip(given, columns, strict=True) if column.identity])
    if "CHECK_CONSTRAINTS" in options:
        hold(session, table)
    else:
        for one in table.constraints:
            one.trusted = one.trusted and one.type not in ("C", "F")
    session.rowcount = count
    return count


def _held(value: bytes | None, kind: Kind) -> values.Held:
    return values.held(values.received(value, kind), kind)
