"""T-SQL's expressions as SQLite's, each with its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from ..spoken import Kind, Refused
from ..wire.types import COLLATION
from . import partitions, render, special, types, values
from .arithmetic import Reached, like, negative
from .functions import FUNCTIONS, UNITED, VARIABLES, OfUnit, average_kind, reached, sum_kind, unit
from .sites import Conversion, Site, called, conversion, site
from .types import BIGINT, INT, LONG_TEXT, chars, is_exact, stronger

if TYPE_CHECKING:
    from .render import Typed, Writing

_COMPARED = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_REACHED: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%",
                                       exp.BitwiseAnd: "&", exp.BitwiseOr: "|", exp.BitwiseXor: "^"}  # fmt: skip
_COUNTED = {
    "COUNT": INT,
    "COUNT_BIG": BIGINT,
    "ROW_NUMBER": BIGINT,
    "RANK": BIGINT,
    "DENSE_RANK": BIGINT,
    "NTILE": BIGINT,
}
_FEW = 100  # of the 127 arguments that a function of SQLite's may have, one is the site


def write(tree: exp.Expression, writing: Writing) -> Typed:
    for kind, writer in _WRITERS.items():
        if isinstance(tree, kind):
            return writer(tree, writing)
    raise Refused(102, f"Incorrect syntax: the test server does not know {tree.sql()[:200]} ({type(tree).__name__})")


def condition(tree: exp.Expression, writing: Writing) -> str:
    """A condition, which is no value in T-SQL."""
    if isinstance(tree, exp.And | exp.Or):
        word = "AND" if isinstance(tree, exp.And) else "OR"
        return f"({condition(tree.this, writing)} {word} {condition(tree.expression, writing)})"
    if isinstance(tree, exp.Not):
        return f"(NOT {condition(tree.this, writing)})"
    if isinstance(tree, exp.Paren):
        return f"({condition(tree.this, writing)})"
    for kind, word in _COMPARED.items():
        if isinstance(tree, kind):
            return compared(tree.this, word, tree.expression, writing)
    for type_, writer in _CONDITIONS.items():
        if isinstance(tree, type_):
            return writer(tree, writing)
    raise Refused(4145, "An expression of non-boolean type specified in a context where a condition is expected, near "
                        f"'{tree.sql()[:100]}'.", severity=15)  # fmt: skip


# Conditions


def compared(one: exp.Expression, word: str, other: exp.Expression, writing: Writing) -> str:
    a, b = alike(write(one, writing), write(other, writing))
    return f"({a} {word} {b})"


def alike(one: Typed, other: Typed) -> tuple[str, str]:
    """Both as the stronger of their kinds, in the form that sorts."""
    kind = stronger(one.kind, other.kind)
    if kind is None:
        return one.sql, other.sql
    if kind.name in ("text", "ntext", "image", "xml"):
        raise Refused(402, f"The data types {one.kind and one.kind.name} and {other.kind and other.kind.name} are "
                           "incompatible in the equal to operator.")  # fmt: skip
    if kind.name in values.TEXTS:
        exact = next((typed.kind for typed in (one, other) if typed.kind and is_exact(typed.kind)), kind)
        return render.collated(_as_text(one), exact), render.collated(_as_text(other), exact)
    a, b = (_sorting(conversion(typed.sql, typed.kind, kind) if _differ(typed.kind, kind) else typed.sql, kind)
            for typed in (one, other))  # fmt: skip
    return a, b


def _as_text(typed: Typed) -> str:
    return typed.sql if typed.kind is None or typed.kind.name in values.TEXTS else conversion(
        typed.sql, typed.kind, LONG_TEXT)  # fmt: skip


def _differ(one: Kind | None, other: Kind) -> bool:
    """Whether values of the two are held otherwise."""
    if one is None or (one.name in values.INTEGERS and other.name in values.INTEGERS):
        return False
    if one.name in values.BINARIES and other.name in values.BINARIES:
        return False
    if one.name in values.DECIMALS and other.name in values.DECIMALS:
        return one.scale != other.scale
    return one.name != other.name


def _sorting(sql: str, kind: Kind) -> str:
    return f"substr({sql}, 1, 8)" if kind.name == "datetimeoffset" else sql


def _between(tree: exp.Between, writing: Writing) -> str:
    low = compared(tree.this, ">=", tree.args["low"], writing)
    return f"({low} AND {compared(tree.this, '<=', tree.args['high'], writing)})"


def _in(tree: exp.In, writing: Writing) -> str:
    if inner := tree.args.get("query"):
        text, columns = render.query(inner, writing)
        a, b = alike(write(tree.this, writing), columns[0])
        return f"({a} IN (SELECT {b} FROM ({text})))"
    return "(" + " OR ".join(compared(tree.this, "=", one, writing) for one in tree.expressions) + ")"


def _like(tree: exp.Expression, writing: Writing) -> str:
    escape = "NULL"
    if isinstance(tree, exp.Escape):
        escape, tree = write(tree.expression, writing).sql, tree.this
    one, other = write(tree.this, writing), write(tree.expression, writing)
    exact = any(typed.kind and is_exact(typed.kind) for typed in (one, other))
    made = Site(like, (LONG_TEXT, LONG_TEXT, LONG_TEXT, INT), INT, strict=False)
    word = "NOT " if tree.args.get("negate") else ""
    return f"({word}{called(made, [_as_text(one), _as_text(other), escape, str(int(exact))])})"


def _is(tree: exp.Is, writing: Writing) -> str:
    return f"({write(tree.this, writing).sql} IS NULL)"


def _exists(tree: exp.Exists, writing: Writing) -> str:
    return f"EXISTS ({render.query(tree.this, writing)[0]})"


_CONDITIONS: dict[type[exp.Expr], Callable[..., str]] = {
    exp.Between: _between, exp.In: _in, exp.Escape: _like, exp.Like: _like, exp.Exists: _exists, exp.Is: _is,
}  # fmt: skip


# Values


def _column(tree: exp.Column, writing: Writing) -> Typed:
    if tree.name == "0x":  # no octets at all, which sqlglot takes for a name
        return render.Typed("X''", Kind("varbinary", 1), nullable=False)
    if tree.table and tree.name in special.MEMBERS and not render.is_source(tree.table, writing):
        return _member(exp.column(tree.table), tree.name, writing)  # [column].STSrid
    return render.column(tree, writing)


def _dot(tree: exp.Dot, writing: Writing) -> Typed:
    """A method of a value: [column].AsTextZM()."""
    inner = tree.this
    if isinstance(inner, exp.Identifier) and str(inner.this).upper() == "$PARTITION":
        return _partition(tree.expression, writing)
    if isinstance(inner, exp.Identifier):
        inner = exp.column(inner)
    elif isinstance(inner, exp.Dot):
        inner = exp.column(inner.expression, inner.this)
    return _member(inner, str(tree.expression.this), writing)


def _partition(tree: exp.Expression, writing: Writing) -> Typed:
    """$PARTITION.f(value): the number of the partition that it is in."""
    name = str(tree.this.this if isinstance(tree.this, exp.Identifier) else tree.this)
    function = writing.catalogue.partitionings.get(name.lower())
    if function is None:
        raise Refused(7701, f"Invalid partition function name '{name}' specified.")
    value = write(tree.expressions[0], writing)
    sql = conversion(value.sql, value.kind, function.kind)
    return render.Typed(f"({partitions.number_of(writing.session, function, sql)})", INT, nullable=False)


def _member(tree: exp.Expression, name: str, writing: Writing) -> Typed:
    value = write(tree, writing)
    kinds, gives, call = special.MEMBERS.get(name, ((), INT, repr))
    if value.kind is None or value.kind.name not in kinds:
        raise Refused(6506, f"Could not find property or method '{name}' for type "
                            f"'{value.kind and value.kind.name}'.", state=10)  # fmt: skip
    return render.Typed(called(Site(call, (value.kind,), gives), [value.sql]), gives)


def text_literal(value: str, name: str) -> Typed:
    size = max(len(value.encode("utf-16-le")) if name == "nvarchar" else len(value.encode("cp1252", "replace")), 1)
    size = -1 if size > 8000 else size
    held = value if name == "nvarchar" else value.encode("cp1252", "replace").decode("cp1252")
    escaped = "'" + held.replace("'", "''") + "'"
    return render.Typed(escaped, Kind(name, size, collation=COLLATION), nullable=False)


def _literal(tree: exp.Literal, writing: Writing) -> Typed:
    text = str(tree.this)
    if tree.is_string:
        return text_literal(text, "varchar")
    if "e" in text.lower():
        return render.Typed(repr(float(text)), types.FLOAT, nullable=False)
    if text.isdecimal() and int(text) < 2**31:
        return render.Typed(str(int(text)), INT, nullable=False)
    scale = len(text.partition(".")[2])
    kind = Kind("numeric", 17, max(len(text.replace(".", "").lstrip("0")), scale, 1), scale)
    return render.Typed(writing.bind(values.held(Decimal(text), kind)), kind, nullable=False)


def _hex(tree: exp.HexString, writing: Writing) -> Typed:
    del writing
    digits = str(tree.this)
    digits = "0" + digits if len(digits) % 2 else digits
    return render.Typed(f"X'{digits}'", Kind("varbinary", max(len(digits) // 2, 1)), nullable=False)


def _parameter(tree: exp.Parameter, writing: Writing) -> Typed:
    if isinstance(tree.this, exp.Parameter):
        name = tree.this.name.upper()
        if name not in VARIABLES:
            raise Refused(137, f'Must declare the scalar variable "@@{name}".', severity=15)
        kind, ask = VARIABLES[name]
        return render.Typed(writing.bind(values.held(ask(writing.session), kind)), kind, nullable=False)
    name = "@" + tree.name.lower()
    if name not in writing.variables:
        raise Refused(137, f'Must declare the scalar variable "{name}".', severity=15)
    kind, value = writing.variables[name]
    return render.Typed(writing.bind(value), kind)


def _negative(tree: exp.Neg, writing: Writing) -> Typed:
    inner = write(tree.this, writing)
    if inner.kind is None:
        return inner
    return replace(inner, sql=called(Site(negative, (inner.kind,), inner.kind), [inner.sql]), name="")


def _reached(tree: exp.Binary, writing: Writing) -> Typed:
    word, one, other = _REACHED[type(tree)], write(tree.this, writing), write(tree.expression, writing)
    if one.kind is None or other.kind is None:
        return render.Typed("NULL", one.kind or other.kind or INT)
    names = {one.kind.name, other.kind.name}
    if word == "+" and (names <= {*values.TEXTS} or names <= {*values.BINARIES}):
        kind = _joined_kind(one.kind, other.kind)
    elif names & {*values.MOMENTS}:
        kind = next(typed.kind for typed in (one, other) if typed.kind and typed.kind.name in values.MOMENTS)
    else:
        a, b = (other.kind if typed.kind.name in values.TEXTS else typed.kind for typed, other in
                ((one, other), (other, one)) if typed.kind and other.kind)  # fmt: skip
        kind = reached(word, a, b)
    made = Site(Reached(word, one.kind, other.kind, kind), (one.kind, other.kind), kind)
    return render.Typed(called(made, [one.sql, other.sql]), kind, nullable=one.nullable or other.nullable)


def _joined_kind(one: Kind, other: Kind) -> Kind:
    found = stronger(one, other)
    assert found is not None
    name = {"char": "varchar", "nchar": "nvarchar", "binary": "varbinary"}.get(found.name, found.name)
    own = next((kind.collation for kind in (one, other) if kind.collation not in (b"", COLLATION)), found.collation)
    found = replace(found, collation=own)
    if -1 in (one.size, other.size):
        return replace(found, name=name, size=-1)
    size = (chars(one) + chars(other)) * (2 if name == "nvarchar" else 1)
    return replace(found, name=name, size=min(size, 8000))


def merged(parts: Sequence[Typed]) -> Kind | None:
    kind: Kind | None = None
    for one in parts:
        kind = stronger(kind, one.kind)
    return kind


def _made(typed: Typed, kind: Kind | None) -> str:
    return conversion(typed.sql, typed.kind, kind) if kind else typed.sql


def _case(tree: exp.Case, writing: Writing) -> Typed:
    whens, parts = [], []
    for branch in tree.args["ifs"]:
        whens.append(compared(tree.this, "=", branch.this, writing) if tree.this else condition(branch.this, writing))
        parts.append(write(branch.args["true"], writing))
    other = tree.args.get("default")
    if other is not None:
        parts.append(write(other, writing))
    kind = merged(parts)
    text = " ".join(f"WHEN {when} THEN {_made(then, kind)}" for when, then in zip(whens, parts, strict=False))
    otherwise = f" ELSE {_made(parts[-1], kind)}" if other is not None else ""
    return render.Typed(f"CASE {text}{otherwise} END", kind)


def _cast(tree: exp.Expression, writing: Writing) -> Typed:
    if isinstance(tree, exp.Convert):
        to, inner, style = tree.this, tree.expression, tree.args.get("style")
    else:
        to, inner, style = tree.args["to"], tree.this, None
    kind = _kind_of(to)
    value = write(inner, writing)
    if value.kind and value.kind.collation and kind.collation:
        kind = replace(kind, collation=value.kind.collation)
    number = int(style.name) if style is not None else None
    lenient = bool(tree.args.get("safe")) or isinstance(tree, exp.TryCast)
    return render.Typed(conversion(value.sql, value.kind, kind, number, lenient=lenient), kind,
                        nullable=value.nullable or lenient)  # fmt: skip


_SPELT = {"TIMESTAMPTZ": "datetimeoffset", "UUID": "uniqueidentifier", "UTINYINT": "tinyint", "BOOLEAN": "bit",
          "DOUBLE": "float", "ROWVERSION": "rowversion", "TIMESTAMP": "datetime2"}  # fmt: skip


def _kind_of(tree: exp.DataType) -> Kind:
    name = tree.this.value if tree.this.value != "USERDEFINED" else str(tree.args.get("kind"))
    given = ", ".join(one.name for one in tree.expressions)
    found = _SPELT.get(name, name.lower())
    if not given and found in ("varchar", "nvarchar", "char", "nchar", "varbinary", "binary"):
        given = "30"
    return types.of_text(f"{found}({given})" if given else found)


def _collate(tree: exp.Collate, writing: Writing) -> Typed:
    inner = write(tree.this, writing)
    assert inner.kind is not None
    return replace(inner, kind=replace(inner.kind, collation=types.collation_of(tree.expression.name)))


def _scalar(tree: exp.Subquery, writing: Writing) -> Typed:
    text, columns = render.query(tree.this, writing)
    return render.Typed(f"({text})", columns[0].kind)


def _zone(tree: exp.AtTimeZone, writing: Writing) -> Typed:
    if tree.args["zone"].name.upper() != "UTC":
        raise Refused(9820, "The test server knows no time zone but UTC.")
    inner = write(tree.this, writing)
    name = "SWITCHOFFSET" if inner.kind and inner.kind.name == "datetimeoffset" else "TODATETIMEOFFSET"
    return _called(name, [inner, text_literal("+00:00", "varchar")])


def _function(tree: exp.Anonymous, writing: Writing) -> Typed:
    name, given = str(tree.this).upper(), tree.expressions
    if name in _COUNTED or name in ("SUM", "AVG", "MIN", "MAX", "STRING_AGG"):
        return _aggregate(name, given, writing)
    if name in UNITED:
        call, kind, wants = UNITED[name]
        arguments = [write(one, writing) for one in given[1:]]
        kinds = tuple(one.kind for one in arguments)
        gives = kind or kinds[-1]
        if gives is None or gives.name in values.TEXTS:
            gives = Kind("datetime", 8)
        made, wanted = [], []
        for one, want in zip(arguments, wants, strict=True):
            textual = want == "." and (one.kind is None or one.kind.name in values.TEXTS)
            made.append(conversion(one.sql, one.kind, gives if gives.name in values.MOMENTS else Kind("datetime2",
                scale=7))
                        if textual else one.sql)  # fmt: skip
            wanted.append(
                (gives if gives.name in values.MOMENTS else Kind("datetime2", scale=7)) if textual else one.kind
            )
        return render.Typed(called(Site(OfUnit(call, unit(given[0].name)), tuple(wanted), gives, wants), made), gives)
    if name == "IIF":
        one, other = write(given[1], writing), write(given[2], writing)
        kind = stronger(one.kind, other.kind)
        held = condition(given[0], writing)
        return render.Typed(f"CASE WHEN {held} THEN {_made(one, kind)} ELSE {_made(other, kind)} END", kind)
    if name in ("ISNULL", "COALESCE"):
        parts = [write(one, writing) for one in given]
        kind = parts[0].kind or merged(parts) if name == "ISNULL" else merged(parts)
        nullable = all(one.nullable for one in parts)
        return render.Typed(f"coalesce({', '.join(_made(one, kind) for one in parts)})", kind, nullable=nullable)
    if name == "NULLIF":
        one, held = write(given[0], writing), compared(given[0], "=", given[1], writing)
        return render.Typed(f"CASE WHEN {held} THEN NULL ELSE {one.sql} END", one.kind)
    if name == "DATALENGTH":
        return _datalength(write(given[0], writing))
    return _called(name, [write(one, writing) for one in given])


def _called(name: str, arguments: Sequence[Typed]) -> Typed:
    found = FUNCTIONS.get(name)
    if found is None:
        raise Refused(195, f"'{name}' is not a recognized built-in function name.", severity=15)
    kinds = tuple(one.kind for one in arguments)
    gives = found.gives(kinds) if callable(found.gives) else found.gives
    texts = [one.sql for one in arguments]
    if name == "HASHBYTES":
        texts[1] = conversion(texts[1], kinds[1], Kind("varbinary", -1))
        kinds = (kinds[0], Kind("varbinary", -1))
    elif (gives.name in values.FLOATS and name in ("ABS", "FLOOR", "CEILING", "ROUND", "POWER")) or (
        name in ("SWITCHOFFSET", "TODATETIMEOFFSET") and kinds[0] and kinds[0].name not in values.MOMENTS
    ):
        texts[0] = conversion(texts[0], kinds[0], gives)
        kinds = (gives, *kinds[1:])
    made = Site(found.call, kinds, gives, found.wants, found.strict, found.asks)
    sql = _joined(made, texts) if name == "CONCAT" and len(texts) <= len(found.wants) else called(made, texts)
    if name == "CONCAT" and gives.size > 0:  # it cuts at 8,000 octets
        sql = called(Site(Conversion(gives, gives), (gives,), gives), [sql])
    return render.Typed(sql, gives)


def _joined(parts: Site, texts: Sequence[str]) -> str:
    """SQL of a concatenation, also of more texts than a function of SQLite's takes."""
    if len(texts) <= _FEW:
        return called(parts, texts)
    halves = len(texts) // 2
    one, other = replace(parts, takes=parts.takes[:halves]), replace(parts, takes=parts.takes[halves:])
    return f"({_joined(one, texts[:halves])} || {_joined(other, texts[halves:])})"


def _datalength(value: Typed) -> Typed:
    kind = value.kind or INT
    made = Site(lambda found, kind=kind: len(values.sent(values.held(found, kind), kind) or b""), (kind,), INT)
    return render.Typed(called(made, [value.sql]), BIGINT if kind.size == -1 else INT)


def _aggregate(name: str, given: Sequence[exp.Expression], writing: Writing) -> Typed:
    distinct = isinstance(given[0], exp.Distinct) if given else False
    word = "DISTINCT " if distinct else ""
    inner = given[0].expressions[0] if distinct else given[0] if given else None
    if isinstance(inner, exp.Star) or inner is None:
        return render.Typed(
            f"{'count(*)' if name.startswith('COUNT') else name + '()'}", _COUNTED[name], nullable=False
        )
    value = write(inner, writing)
    if name in _COUNTED:
        own = {"COUNT_BIG": "count"}.get(name, name.lower())
        return render.Typed(f"{own}({word}{render.collated(value.sql, value.kind)})", _COUNTED[name], nullable=False)
    kind = value.kind or INT
    if name == "STRING_AGG":
        return render.Typed(f"group_concat({_as_text(value)}, {write(given[1], writing).sql})", LONG_TEXT)
    if name in ("MIN", "MAX"):
        return render.Typed(f"{name.lower()}({render.collated(value.sql, kind)})", kind)
    if kind.name in (*values.TEXTS, *values.MOMENTS, *values.BINARIES, "bit", "uniqueidentifier"):
        raise Refused(8117, f"Operand data type {kind.name} is invalid for {name.lower()} operator.")
    gives = sum_kind(kind) if name == "SUM" else average_kind(kind)
    made = site(Site(max, (kind,), gives, name))  # read by the aggregate, not called
    writing.session.gathering(made)
    return render.Typed(f"ms_gather_{made}({word}{value.sql})", gives)


def _window(tree: exp.Window, writing: Writing) -> Typed:
    inner = write(tree.this, writing)
    parts = [write(one, writing) for one in tree.args.get("partition_by") or ()]
    text = "PARTITION BY " + ", ".join(render.collated(one.sql, one.kind) for one in parts) if parts else ""
    if order := tree.args.get("order"):
        text += " ORDER BY " + ", ".join(render.ordered(one, (), writing) for one in order.expressions)
    return replace(inner, sql=f"{inner.sql} OVER ({text})")


def _within(tree: exp.WithinGroup, writing: Writing) -> Typed:
    inner = write(tree.this, writing)
    order = ", ".join(render.ordered(one, (), writing) for one in tree.expression.expressions)
    return replace(inner, sql=f"{inner.sql[:-1]} ORDER BY {order})")


_WRITERS: dict[type[exp.Expr], Callable[..., Typed]] = {
    exp.Column: _column,
    exp.Dot: _dot,
    exp.Literal: _literal,
    exp.National: lambda tree, writing: text_literal(str(tree.this), "nvarchar"),
    exp.HexString: _hex,
    exp.Null: lambda tree, writing: render.Typed("NULL", None),
    exp.Parameter: _parameter,
    exp.Paren: lambda tree, writing: write(tree.this, writing),
    exp.Neg: _negative,
    exp.Case: _case,
    exp.Convert: _cast,
    exp.Cast: _cast,
    exp.Collate: _collate,
    exp.Subquery: _scalar,
    exp.AtTimeZone: _zone,
    exp.Window: _window,
    exp.WithinGroup: _within,
    exp.CurrentTimestamp: lambda tree, writing: _called("GETDATE", []),
    exp.Anonymous: _function,
    **dict.fromkeys(_REACHED, _reached),
}
