"""T-SQL's queries as SQLite's: names found, kinds told, values under functions of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from ..spoken import Kind, Refused
from . import expressions, logins, values
from .catalogue import Catalogue, Table, View, quoted
from .parse import expression, parse
from .sites import conversion
from .types import INT, is_exact, stronger
from .values import Held


@dataclass(frozen=True)
class Typed:
    """SQL of SQLite for a value, with its kind, None of NULL."""

    sql: str
    kind: Kind | None
    name: str = ""
    nullable: bool = True
    identity: bool = False
    computed: bool = False


@dataclass(frozen=True)
class Source:
    """Something in FROM: how its columns are called outside."""

    name: str
    columns: tuple[Typed, ...]
    schema: str = ""


@dataclass
class Writing:
    """A statement under way: what it may name, and what was found out about it."""

    session: Any
    catalogue: Catalogue
    variables: dict[str, tuple[Kind, Held]]
    system: Callable[[str, str], tuple[Typed, ...] | None]  # the columns of one of the system's views
    binds: list[Held] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)  # of the system's views
    sources: list[list[Source]] = field(default_factory=list)  # the innermost last
    named: dict[str, tuple[exp.Expression, tuple[str, ...]]] = field(default_factory=dict)  # WITH
    chained: bool = False  # inside a view, whose owner's rights count
    _aliases: int = 0

    def alias(self) -> str:
        self._aliases += 1
        return f"q{self._aliases}"

    def bind(self, value: Held) -> str:
        self.binds.append(value)
        return f"?{len(self.binds)}"


Columns = tuple[Typed, ...]


def query(tree: exp.Expression, writing: Writing) -> tuple[str, Columns]:
    """SQL and columns of a SELECT, a union of some, or one in parentheses."""
    if isinstance(tree, exp.Subquery):
        return query(tree.this, writing)
    named = named_queries(tree, writing)
    try:
        if isinstance(tree, exp.SetOperation):
            return _union(tree, writing)
        if isinstance(tree, exp.Values):
            return _values(tree, writing)
        if not isinstance(tree, exp.Select):
            raise Refused(102, f"Incorrect syntax: the test server does not know this query: {tree.sql()[:200]}")
        writing.sources.append([])
        try:
            return _select(tree, writing)
        finally:
            writing.sources.pop()
    finally:
        for name in named:
            writing.named.pop(name, None)


def named_queries(tree: exp.Expression, writing: Writing) -> list[str]:
    """WITH: each is written out where it is named."""
    clause = tree.args.get("with_")
    names = []
    for one in clause.expressions if clause else ():
        alias = one.args["alias"]
        names.append(alias.name.lower())
        writing.named[names[-1]] = one.this, tuple(part.name for part in alias.args.get("columns") or ())
    return names


def _union(tree: exp.SetOperation, writing: Writing) -> tuple[str, Columns]:
    one, columns = query(tree.this, writing)
    other, others = query(tree.expression, writing)
    if len(columns) != len(others):
        raise Refused(205, "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number "
                           "of "
                           "expressions in their target lists.")  # fmt: skip
    word = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}[type(tree)]
    everything = " ALL" if word == "UNION" and not tree.args.get("distinct") else ""
    made = tuple(replace(a, kind=stronger(a.kind, b.kind), sql=quoted(f"c{place}"), nullable=a.nullable or b.nullable)
                 for place, (a, b) in enumerate(zip(columns, others, strict=True)))  # fmt: skip
    both = f"SELECT {_as(one, columns, made)} {word}{everything} SELECT {_as(other, others, made)}"
    writing.sources.append([Source("", made)])
    tail = _order(tree, made, writing) + _limit(tree, writing)
    writing.sources.pop()
    return (f"SELECT * FROM ({both}){tail}" if tail else both), made


def _as(text: str, columns: Columns, made: Columns) -> str:
    listed = (collated(conversion(a.sql, a.kind, b.kind), b.kind) + f" AS {b.sql}" if b.kind else f"{a.sql} AS {b.sql}"
              for a, b in zip(columns, made, strict=True))  # fmt: skip
    return f"{', '.join(listed)} FROM ({text})"


def _values(tree: exp.Values, writing: Writing) -> tuple[str, Columns]:
    rows = [[expressions.write(one, writing) for one in row.expressions] for row in tree.expressions]
    kinds: list[Kind | None] = [None] * len(rows[0])
    for row in rows:
        kinds = [stronger(kind, one.kind) for kind, one in zip(kinds, row, strict=True)]
    alias = tree.args.get("alias")
    names = [part.name for part in (alias.args.get("columns") or ()) if alias] if alias else []
    made = tuple(Typed(quoted(f"c{place}"), kind, names[place] if names else "") for place, kind in enumerate(kinds))
    texts = ["SELECT " + ", ".join(f"{conversion(one.sql, one.kind, kind) if kind else one.sql} AS "
                                   f"{quoted(f'c{place}')}"
                                   for place, (one, kind) in enumerate(zip(row, kinds, strict=True)))
             for row in rows]  # fmt: skip
    return " UNION ALL ".join(texts), made


def collated(sql: str, kind: Kind | None) -> str:
    """A value that is compared: texts by their collation, moments with an offset by what they are in UTC."""
    if kind is None:
        return sql
    if kind.name in values.TEXTS:
        return f"({sql} COLLATE {'ms_exact' if is_exact(kind) else 'ms_alike'})"
    return sql


def _select(tree: exp.Select, writing: Writing) -> tuple[str, Columns]:
    sources = _from(tree, writing)
    clause = tree.args.get("where")
    where = f" WHERE {expressions.condition(clause.this, writing)}" if clause else ""
    outputs = [one for item in tree.expressions for one in _outputs(item, writing)]
    group = tree.args.get("group")
    grouped = ""
    if group and group.expressions:
        parts = (expressions.write(one, writing) for one in group.expressions)
        grouped = " GROUP BY " + ", ".join(collated(one.sql, one.kind) for one in parts)
    having = tree.args.get("having")
    kept = f" HAVING {expressions.condition(having.this, writing)}" if having else ""
    distinct = "DISTINCT " if tree.args.get("distinct") else ""
    listed = ", ".join(f"{collated(one.sql, one.kind) if distinct else one.sql} AS {quoted(f'c{place}')}"
                       for place, one in enumerate(outputs))  # fmt: skip
    columns = tuple(replace(one, sql=quoted(f"c{place}")) for place, one in enumerate(outputs))
    tail = _order(tree, tuple(outputs), writing) + _limit(tree, writing)
    return f"SELECT {distinct}{listed}{sources}{where}{grouped}{kept}{tail}", columns


def _outputs(item: exp.Expression, writing: Writing) -> Iterator[Typed]:
    if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
        wanted = "" if isinstance(item, exp.Star) else item.table.lower()
        for source in writing.sources[-1]:
            if not wanted or source.name.lower() == wanted:
                yield from source.columns
        return
    plain = item.this if isinstance(item, exp.Alias) else item
    name = item.args["alias"].name if isinstance(item, exp.Alias) else ""
    written = expressions.write(plain, writing)
    yield replace(written, name=name or (written.name if isinstance(plain, exp.Column) else ""))


# FROM


def _from(tree: exp.Expression, writing: Writing) -> str:
    clause = tree.args.get("from_")
    if clause is None:
        return ""
    text = " FROM " + source_text(clause.this, writing)
    for join in [*(clause.this.args.get("joins") or ()), *(tree.args.get("joins") or ())]:
        text += join_text(join, writing)
    return text


def join_text(join: exp.Join, writing: Writing) -> str:
    side, kind = join.side.upper(), join.kind.upper()
    if kind == "APPLY" or isinstance(join.this, exp.Lateral):
        raise Refused(102, "Incorrect syntax: the test server knows no APPLY")
    text = source_text(join.this, writing)
    on = join.args.get("on")
    if on is None:
        return f" CROSS JOIN {text}"
    return f" {side} JOIN {text} ON {expressions.condition(on, writing)}"


def source_text(item: exp.Expression, writing: Writing) -> str:
    text, source = _relation(item, writing)
    writing.sources[-1].append(source)
    return text


def _relation(item: exp.Expression, writing: Writing) -> tuple[str, Source]:
    alias = item.args["alias"].name if item.args.get("alias") else ""
    if isinstance(item, exp.Subquery | exp.Values):
        listed = (
            tuple(one.name for one in item.args["alias"].args.get("columns") or ()) if item.args.get("alias") else ()
        )
        return _derived(item if isinstance(item, exp.Values) else item.this, alias, writing, listed)
    if not isinstance(item, exp.Table) or not isinstance(item.this, exp.Identifier):
        raise Refused(102, f"Incorrect syntax: the test server does not know this in FROM: {item.sql()[:200]}")
    name, schema, database = item.name, item.db, item.catalog
    if not schema and name.lower() in writing.named:
        tree, columns = writing.named[name.lower()]
        return _derived(tree, alias or name, writing, columns)
    if database and database.lower() != writing.session.database.lower():
        raise Refused(208, f"Invalid object name '{database}.{schema}.{name}'.")
    return named(schema, ("#" if item.this.args.get("temporary") else "") + name, alias, writing)


def _derived(tree: exp.Expression, alias: str, writing: Writing, listed: tuple[str, ...] = ()) -> tuple[str, Source]:
    outer, writing.sources = writing.sources, [*writing.sources[:-1]]
    try:
        text, columns = query(tree, writing)
    finally:
        writing.sources = outer
    inner = writing.alias()
    names = listed or tuple(one.name for one in columns)
    known = tuple(replace(one, sql=f"{inner}.{one.sql}", name=name) for one, name in zip(columns, names, strict=True))
    return f"({text}) AS {inner}", Source(alias, known)


def table_source(table: Table, inner: str, alias: str, writing: Writing) -> Source:
    """A table's columns; computed ones are written out."""
    plain = [Typed(f"{inner}.{quoted(one.name)}", one.kind, one.name, one.nullable, one.identity is not None)
             for one in table.columns if one.computed is None]  # fmt: skip
    found: list[Typed] = []
    for one in table.columns:
        if one.computed is None:
            found.append(next(typed for typed in plain if typed.name == one.name))
            continue
        outer, writing.sources = writing.sources, [[Source(alias or table.name, tuple(plain))]]
        made = expressions.write(expression(one.computed), writing)
        writing.sources = outer
        found.append(replace(made, name=one.name, computed=True, nullable=one.nullable))
    return Source(alias or table.name, tuple(found))


def named(schema: str, name: str, alias: str, writing: Writing) -> tuple[str, Source]:
    inner = writing.alias()
    found = writing.catalogue.found(schema, name)
    if isinstance(found, Table | View) and not writing.chained:
        logins.may_read(writing.session, found)
    if isinstance(found, Table):
        return f"{found.held} AS {inner}", table_source(found, inner, alias, writing)
    if isinstance(found, View):  # what it reads, its owner may
        before, writing.chained = writing.chained, True
        try:
            return _derived(parse(found.text), alias or name, writing, found.columns)
        finally:
            writing.chained = before
    known = writing.system(schema.lower(), name.lower())
    if known is None:
        raise Refused(208, f"Invalid object name '{schema + '.' if schema else ''}{name}'.")
    writing.seen.add((schema.lower(), name.lower()))
    columns = tuple(replace(one, sql=f"{inner}.{quoted(one.name)}") for one in known)
    return f"temp.{quoted(f'{schema}.{name}'.lower())} AS {inner}", Source(alias or name, columns)


# ORDER BY, TOP, OFFSET


def _order(tree: exp.Expression, outputs: Columns, writing: Writing) -> str:
    order = tree.args.get("order")
    return " ORDER BY " + ", ".join(ordered(one, outputs, writing) for one in order.expressions) if order else ""


def ordered(item: exp.Expression, outputs: Columns, writing: Writing) -> str:
    """One of ORDER BY: an output by its name or place, or an expression."""
    inner = item.this if isinstance(item, exp.Ordered) else item
    found = None
    if isinstance(inner, exp.Literal) and not inner.is_string and outputs:
        found = outputs[int(inner.name) - 1]
    elif isinstance(inner, exp.Column) and not inner.table:
        found = next((one for one in outputs if one.name.lower() == inner.name.lower()), None)
    found = found or expressions.write(inner, writing)
    return collated(found.sql, found.kind) + (" DESC" if item.args.get("desc") else "")


def _limit(tree: exp.Expression, writing: Writing) -> str:
    limit, offset = tree.args.get("limit"), tree.args.get("offset")
    if limit is None and offset is None:
        return ""
    count = "-1"
    if limit is not None:
        inner: Any = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
        count = expressions.write(inner, writing).sql
    skipped = f" OFFSET {expressions.write(offset.expression, writing).sql}" if offset else ""
    return f" LIMIT {count}{skipped}"


def column(tree: exp.Column, writing: Writing) -> Typed:
    """A column by its name, from the innermost source outwards."""
    wanted, table = tree.name.lower(), tree.table.lower()
    for sources in reversed(writing.sources):
        found = [one for source in sources if not table or source.name.lower() == table
                 for one in source.columns if one.name.lower() == wanted]  # fmt: skip
        if len(found) > 1:
            raise Refused(209, f"Ambiguous column name '{tree.name}'.")
        if found:
            return found[0]
    if table:
        raise Refused(4104, f'The multi-part identifier "{tree.table}.{tree.name}" could not be bound.')
    raise Refused(207, f"Invalid column name '{tree.name}'.")


def is_source(name: str, writing: Writing) -> bool:
    return any(source.name.lower() == name.lower() for sources in writing.sources for source in sources)


def integer(sql: str) -> Typed:
    return Typed(sql, INT, nullable=False)
