"""Oracle's queries as SQLite's: names found, kinds told, values under functions of ours."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ..spoken import BLOB, CHAR, CLOB, DATE, NUMBER, ROWID, TIMESTAMP, VARCHAR, Kind, Refused
from . import expressions, partitions
from .catalogue import Catalogue, Table, View, quoted
from .parse import parse
from .values import ROWS_A_BLOCK

ANY_NUMBER = Kind(NUMBER, 22, scale=-127)
TEXT = Kind(VARCHAR, 4000, 4000)


@dataclass(frozen=True)
class Typed:
    """SQL of SQLite for a value, with its kind, None where only the value will tell."""

    sql: str
    kind: Kind | None
    name: str = ""
    nullable: bool = True


@dataclass(frozen=True)
class Source:
    """Something in FROM: how its columns are called outside, and its rows' ids if it is a table."""

    name: str
    columns: tuple[Typed, ...]
    rowid: str = ""


@dataclass
class Writing:
    """A statement under way: what it may name, its binds' kinds, and what was found out about it."""

    catalogue: Catalogue
    schema: str
    user: str
    binds: Sequence[Kind | None]
    dictionary: Callable[[str], tuple[Typed, ...] | None]  # the columns of one of the system's views
    seen: set[str] = field(default_factory=set)  # of these views
    scn: exp.Expression | None = None
    past: bool = False  # what is being named is read AS OF
    read: list[Table] = field(default_factory=list)
    sources: list[list[Source]] = field(default_factory=list)  # the innermost last
    _aliases: int = 0

    def alias(self) -> str:
        self._aliases += 1
        return f"q{self._aliases}"


def query(tree: exp.Expression, writing: Writing) -> tuple[str, tuple[Typed, ...]]:
    """SQL and columns of a SELECT, a union of some, or one in parentheses."""
    if isinstance(tree, exp.Subquery):
        return query(tree.this, writing)
    if isinstance(tree, exp.SetOperation):
        return _union(tree, writing)
    if not isinstance(tree, exp.Select):
        raise Refused(900, f"the test server does not know this query: {tree.sql()[:200]}")
    named = _named_queries(tree, writing)
    writing.sources.append([])
    try:
        return _select(tree, writing)
    finally:
        writing.sources.pop()
        for name in named:
            del _queries(writing)[name]


def _queries(writing: Writing) -> dict[str, exp.Expression]:
    found: dict[str, exp.Expression] = writing.__dict__.setdefault("_named", {})
    return found


def _named_queries(tree: exp.Expression, writing: Writing) -> list[str]:
    """WITH: each is written out where it is named."""
    clause = tree.args.get("with_") or tree.args.get("with")
    names = []
    for one in clause.expressions if clause else ():
        names.append(_folded(one.args["alias"].this))
        _queries(writing)[names[-1]] = one.this
    return names


def _union(tree: exp.SetOperation, writing: Writing) -> tuple[str, tuple[Typed, ...]]:
    named = _named_queries(tree, writing)
    one, columns = query(tree.this, writing)
    other, others = query(tree.expression, writing)
    if len(columns) != len(others):
        raise Refused(1789, "query block has incorrect number of result columns")
    word = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}[type(tree)]
    everything = " ALL" if word == "UNION" and not tree.args.get("distinct") else ""
    both = f"SELECT * FROM ({one}) {word}{everything} SELECT * FROM ({other})"
    columns = tuple(replace(a, kind=a.kind or b.kind, sql=quoted(a.name)) for a, b in zip(columns, others, strict=True))
    for name in named:
        del _queries(writing)[name]
    if not tree.args.get("order") and not tree.args.get("limit"):
        return both, columns
    writing.sources.append([Source("", columns)])
    tail = _order(tree, columns, writing) + _limit(tree, writing)
    writing.sources.pop()
    return f"SELECT * FROM ({both}){tail}", columns


def _select(tree: exp.Select, writing: Writing) -> tuple[str, tuple[Typed, ...]]:
    sources = _from(tree, writing)
    kept_rows, most = where(tree, writing)
    outputs = [one for item in tree.expressions for one in _outputs(item, writing)]
    if not outputs:
        raise Refused(936, "missing expression")
    group = tree.args.get("group")
    grouped = ""
    if group and group.expressions:
        keys = [expressions.write(one, writing) for one in group.expressions]
        if any(one.kind and one.kind.code in (CLOB, BLOB) for one in keys):
            raise Refused(932, "inconsistent datatypes: expected - got CLOB or BLOB")
        grouped = " GROUP BY " + ", ".join(one.sql for one in keys)
    having = tree.args.get("having")
    kept = f" HAVING {expressions.condition(having.this, writing)}" if having else ""
    distinct = "DISTINCT " if tree.args.get("distinct") else ""
    listed = ", ".join(f"{one.sql} AS {quoted(one.name)}" for one in outputs)
    columns = tuple(replace(one, sql=quoted(one.name)) for one in outputs)
    order = _order(tree, tuple(outputs), writing)
    limit = _limit(tree, writing) or most
    return f"SELECT {distinct}{listed} FROM {sources}{kept_rows}{grouped}{kept}{order}{limit}", columns


def _outputs(item: exp.Expression, writing: Writing) -> Iterator[Typed]:
    if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
        wanted = "" if isinstance(item, exp.Star) else _folded(item.args["table"])
        for source in writing.sources[-1]:
            if not wanted or source.name == wanted:
                yield from source.columns
        return
    plain = item.this if isinstance(item, exp.Alias) else item
    name = _folded(item.args["alias"]) if isinstance(item, exp.Alias) else _heading(plain)
    yield replace(expressions.write(plain, writing), name=name)


def _heading(item: exp.Expression) -> str:
    """What Oracle calls a column that was given no name: its text, without blanks and in capitals."""
    if isinstance(item, exp.Column):
        return _folded(item.this)
    return item.sql(dialect="oracle").replace(" ", "").upper()


# FROM


def _from(tree: exp.Select, writing: Writing) -> str:
    clause = tree.args.get("from_") or tree.args.get("from")
    if clause is None:
        raise Refused(923, "FROM keyword not found where expected")
    text = _source(clause.this, writing)
    for join in tree.args.get("joins") or ():
        text += _join(join, writing)
    return text


def _join(join: exp.Join, writing: Writing) -> str:
    side, kind = join.side.upper(), join.kind.upper()
    text = _source(join.this, writing)
    if join.args.get("using"):
        names = [_folded(one if isinstance(one, exp.Identifier) else one.this) for one in join.args["using"]]
        return f" {side} JOIN {text} USING ({', '.join(map(quoted, names))})"
    on = join.args.get("on")
    if on is None:
        return f" CROSS JOIN {text}" if kind == "CROSS" else f", {text}"
    return f" {side} JOIN {text} ON {expressions.condition(on, writing)}"


def _source(item: exp.Expression, writing: Writing) -> str:
    text, source = _relation(item, writing)
    writing.sources[-1].append(source)
    return text


def _relation(item: exp.Expression, writing: Writing) -> tuple[str, Source]:
    alias = _folded(item.args["alias"].this) if item.args.get("alias") and item.args["alias"].this else ""
    if isinstance(item, exp.Subquery):
        return _derived(item.this, alias, writing)
    if not isinstance(item, exp.Table) or not isinstance(item.this, exp.Identifier):
        raise Refused(900, f"the test server does not know this in FROM: {item.sql()[:200]}")
    name, schema = _folded(item.this), _folded(item.args["db"]) if item.args.get("db") else ""
    if not schema and name in _queries(writing):
        return _derived(_queries(writing)[name], alias or name, writing)
    before = writing.past
    if version := item.args.get("version"):
        writing.scn, writing.past = version.expression, True
    try:
        text, source = _named(schema, name, alias, writing)
    finally:
        writing.past = before
    if part := item.args.get("partition"):
        text = _part(text, part, writing.read[-1])
    sample = item.args.get("sample")
    return (_sampled(text, sample), source) if sample else (text, source)


def _part(text: str, part: exp.Expression, table: Table) -> str:
    """The rows of one partition."""
    held, _, inner = text.rpartition(" AS ")
    if table.division is None:
        raise Refused(14501, "object is not partitioned")
    where = partitions.condition(table.division, _folded(part.expressions[0].this), sub=bool(part.args["subpartition"]))
    return f"(SELECT rowid, * FROM {held} WHERE {where}) AS {inner}"


def _sampled(text: str, sample: exp.Expression) -> str:
    """Some rows of a table, or all rows of some of its blocks, by chance, but spread evenly (by the golden ratio)."""
    percent = float(sample.args["percent"].this)
    if not 0.000001 <= percent < 100:
        raise Refused(30562, "SAMPLE percentage must be in the range [0.000001,100)")
    table, _, inner = text.rpartition(" AS ")
    place = f"rowid / {ROWS_A_BLOCK}" if sample.args.get("method") else "rowid"
    chance = f"({place} * 618034 + {random.randrange(1_000_000)}) % 1000000"
    return f"(SELECT rowid, * FROM {table} WHERE {chance} < {int(percent * 10_000)}) AS {inner}"


def _derived(tree: exp.Expression, alias: str, writing: Writing) -> tuple[str, Source]:
    outer, writing.sources = writing.sources, [*writing.sources[:-1]]
    try:
        text, columns = query(tree, writing)
    finally:
        writing.sources = outer
    inner = writing.alias()
    # With a limit SQLite does not merge it into what is around it, and computes its columns once, as NO_MERGE asks.
    return f"(SELECT * FROM ({text}) LIMIT -1) AS {inner}", _seen_as(alias, inner, columns)


def _seen_as(name: str, inner: str, columns: Sequence[Typed], rowid: str = "") -> Source:
    known = tuple(replace(one, sql=f"{inner}.{quoted(one.name)}") for one in columns)
    return Source(name, known, rowid)


def _computed(table: Table, seen: Source, writing: Writing) -> Source:
    """A table's virtual columns are what their expressions give, of the columns that it holds."""
    if all(one.virtual is None for one in table.columns):
        return seen
    outer, writing.sources = writing.sources, [[seen]]
    known = tuple(
        one if shape.virtual is None else replace(one, sql=expressions.write(shape.virtual, writing).sql)
        for one, shape in zip(seen.columns, table.columns, strict=True)
    )
    writing.sources = outer
    return replace(seen, columns=known)


def _named(schema: str, name: str, alias: str, writing: Writing) -> tuple[str, Source]:
    inner = writing.alias()
    if name == "DUAL":
        return f"(SELECT 'X' AS DUMMY) AS {inner}", _seen_as(alias or name, inner, [Typed("", TEXT, "DUMMY")])
    owner = schema or writing.schema
    found: Table | View | None = writing.catalogue.tables.get((owner, name))
    if isinstance(found, Table):
        if found.external and writing.past:
            raise Refused(30657, "operation not supported on external organized table")
        writing.read.append(found)
        columns = [Typed("", one.kind, one.name, one.nullable) for one in found.columns]
        rowid = f"ora_rowid({found.number}, {inner}.rowid)"
        seen = _seen_as(alias or name, inner, columns, rowid)
        return f"{found.held} AS {inner}", _computed(found, seen, writing)
    view = writing.catalogue.views.get((owner, name))
    if view is not None:
        return _view(view, alias or name, writing)
    known = writing.dictionary(name) if schema in ("", "SYS") else None
    if known is None:
        raise Refused(942, "table or view does not exist")
    writing.seen.add(name)
    return f"temp.{quoted(f'SYS.{name}')} AS {inner}", _seen_as(alias or name, inner, known)


def _view(view: View, name: str, writing: Writing) -> tuple[str, Source]:
    tree = parse(view.text).tree
    assert tree is not None
    schema, writing.schema = writing.schema, view.owner
    text, source = _derived(tree, name, writing)
    writing.schema = schema
    if view.columns:
        named = [replace(one, name=name) for one, name in zip(source.columns, view.columns, strict=True)]
        return text, Source(source.name, tuple(named))
    return text, source


# WHERE, ORDER BY, FETCH FIRST


def where(tree: exp.Select | exp.Delete, writing: Writing) -> tuple[str, str]:
    """The condition, and ROWNUM in it as a limit."""
    clause = tree.args.get("where")
    kept, most = [], ""
    for one in _parts(clause.this) if clause else ():
        if _is_rownum(one):
            limit = _integer(one.expression, writing)
            most = f" LIMIT {limit}{' - 1' if isinstance(one, exp.LT) else ''}"
        else:
            kept.append(expressions.condition(one, writing))
    return (f" WHERE {' AND '.join(kept)}" if kept else ""), most


def _parts(condition: exp.Expression) -> Iterator[exp.Expression]:
    if isinstance(condition, exp.And):
        yield from _parts(condition.this)
        yield from _parts(condition.expression)
    else:
        yield condition


def _is_rownum(one: exp.Expression) -> bool:
    return isinstance(one, exp.LT | exp.LTE) and isinstance(one.this, exp.Column) and one.this.name.upper() == "ROWNUM"


def _order(tree: exp.Expression, columns: Sequence[Typed], writing: Writing) -> str:
    clause = tree.args.get("order")
    if not clause:
        return ""
    return " ORDER BY " + ", ".join(ordered(one, columns, writing) for one in clause.expressions)


def ordered(one: exp.Expression, columns: Sequence[Typed], writing: Writing) -> str:
    """NULLs come last in Oracle, and first where the order is turned, unless it is said."""
    item = one.this if isinstance(one, exp.Ordered) else one
    if isinstance(item, exp.Literal) and not item.is_string and columns:
        text = columns[int(item.this) - 1].sql
    else:
        named = [c.sql for c in columns if isinstance(item, exp.Column) and not item.args.get("table")
                 and c.name == _folded(item.this)]  # fmt: skip
        text = named[0] if named else expressions.write(item, writing).sql
    down = isinstance(one, exp.Ordered) and bool(one.args.get("desc"))
    first = bool(one.args.get("nulls_first")) if isinstance(one, exp.Ordered) else False
    return f"{text}{' DESC' if down else ''} NULLS {'FIRST' if first else 'LAST'}"


def _limit(tree: exp.Expression, writing: Writing) -> str:
    limit, offset = tree.args.get("limit"), tree.args.get("offset")
    text = ""
    if isinstance(limit, exp.Fetch):
        count = limit.args.get("count")
        text = f" LIMIT {_integer(count, writing) if count is not None else 1}"
    if offset:
        text = (text or " LIMIT -1") + f" OFFSET {_integer(offset.expression, writing)}"
    return text


def _integer(tree: exp.Expression, writing: Writing) -> str:
    return f"CAST(ora_integer({expressions.write(tree, writing).sql}) AS INTEGER)"


# Names


def _folded(name: exp.Expression) -> str:
    assert isinstance(name, exp.Identifier), repr(name)
    return str(name.this) if name.args.get("quoted") else str(name.this).upper()


def column(tree: exp.Column, writing: Writing) -> Typed:
    """A column, or one of the names that Oracle has beside columns."""
    name = _folded(tree.this)
    table = _folded(tree.args["table"]) if tree.args.get("table") else ""
    for level in reversed(writing.sources):
        for source in level:
            if table and source.name != table:
                continue
            for one in source.columns:
                if one.name == name:
                    return one
            if name == "ROWID" and source.rowid:
                return Typed(source.rowid, Kind(ROWID, 10), nullable=False)
    if name in ("NEXTVAL", "CURRVAL"):
        owner = _folded(tree.args["db"]) if tree.args.get("db") else writing.schema
        return Typed(f"ora_{name.lower()}('{owner}', '{table}')", ANY_NUMBER)
    special = expressions.named(f"{table}.{name}" if table else name)
    if special is None:
        where = f'"{table}"."{name}"' if table else f'"{name}"'
        raise Refused(904, f"{where}: invalid identifier")
    return special


__all__ = ["ANY_NUMBER", "CHAR", "DATE", "TEXT", "TIMESTAMP", "Typed", "Writing", "column", "ordered", "query"]
