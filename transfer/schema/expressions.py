"""Defaults, conditions and generated columns from one SQL dialect to another, by sqlglot, fragment by fragment.

What is not known to mean the same in both dialects is refused with its reason: a constraint that means
something else is worse than one that is missing and said to be.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ..rules import split
from ..types import FLOATS, INTEGERS, Type
from .wording import Wording

_NUMBERS = (*INTEGERS, *FLOATS, "decimal")
_TEXTS = ("text", "uuid", "json")
_TRUE, _FALSE = ("1", "t", "true", "y", "yes", "on"), ("0", "f", "false", "n", "no", "off")
_ISO = {
    "date": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
    "time": r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?",
    "timestamp": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?",
}
# Nodes that mean the same in every dialect; division is not among them (1/2 is 0, 0.5 or 0.5000).
_PLAIN: tuple[type[exp.Expr], ...] = (
    exp.Paren, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In,
    exp.Is, exp.Null, exp.Boolean, exp.Literal, exp.Neg, exp.Column, exp.Identifier, exp.Add, exp.Sub, exp.Mul,
    exp.Mod, exp.Lower, exp.Upper, exp.Length, exp.Coalesce, exp.Abs, exp.Tuple, exp.Case, exp.If, exp.DPipe,
    exp.Nullif,
)  # fmt: skip
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_SUMS = (exp.Add, exp.Sub, exp.Mul, exp.Mod)
_JOINED = (exp.DPipe, exp.Concat)
# What may not be there even where the dialect is the same: functions of users, other tables.
_FOREIGN: tuple[type[exp.Expr], ...] = (exp.Anonymous, exp.Query, exp.Subquery, exp.Parameter, exp.Placeholder)
_COUNTING = {"nextval", "currval", "lastval", "setval"}  # whose sequence has another name, or is none of the target's
_LIKE_MINDS_CASE = ("postgres", "duckdb")
_HAVE_NAN = ("postgres", "duckdb")
_MOMENT = "%Y-%m-%d %H:%M:%S.%f"
_BITS = re.compile(r"bit\((\d+)\)")


class Untranslatable(Exception):
    """Why an expression has no counterpart; its text is the reason, in words for the plan."""


def default(text: str, source: Wording, target: Wording, meaning: Type, native: str, own: str = "") -> str:
    """A column's default in the target's words, '' for NULL. Untranslatable says what has no counterpart.

    Of a column whose type is its `own` there, the source's own words may hold where no others are known.
    """
    if not target.dialect:
        raise Untranslatable("nothing there has defaults")
    tree = _parsed(text, source.dialect)
    # MySQL and MariaDB have one dialect, and not the same in what a default may be.
    same = own == native and (source.dialect, source.calls) == (target.dialect, target.calls)
    try:
        return _worded(_unwrapped(tree), source, target, meaning, native)
    except Untranslatable:
        called = _calls(text)
        if not same or native in target.bare or called & _COUNTING:
            raise
        if meaning.kind == "binary" and isinstance(tree, exp.Literal) and not re.fullmatch("[ ->@-~]*", text):
            raise  # MariaDB prints a question mark for bytes that are no text
        _allow_own(tree, called, source, target, native)
    return text if isinstance(tree, exp.Paren | exp.Literal | exp.HexString | exp.BitString) else f"({text})"


def _worded(node: exp.Expr, source: Wording, target: Wording, meaning: Type, native: str) -> str:
    """A constant, or a call that has a counterpart."""
    if isinstance(node, exp.Null):
        return ""
    if native in target.bare:
        raise Untranslatable(f"{native} takes none there")
    called = _called(node, source, target, meaning)
    if called is not None:
        return called
    value = _value(node)
    if value is None:
        raise Untranslatable(f"{_named(node)} is not known to mean the same there")
    if meaning.kind == "text" and (isinstance(node, exp.BitString) or _BITS.fullmatch(meaning.native)):
        return _bits(node, target, meaning, native)
    if split(native).name == "bit" and re.fullmatch("[01]+", value):
        return exp.BitString(this=value).sql(dialect=target.dialect)
    return _literal(value, source, target, meaning)


def _allow_own(tree: exp.Expr, called: set[str], source: Wording, target: Wording, native: str) -> None:
    """Untranslatable for what another place of the same kind may not have: functions and types of users, columns."""
    for name in sorted(called & (source.routines or frozenset())):  # by name, as the tree takes some for others
        raise Untranslatable(f"{name}() is no function of the engine")
    _allow_calls(called, source, target)
    for node in tree.walk():
        _allow(node, source, target, same=True)
        if isinstance(node, exp.Column):
            raise Untranslatable(f"{node.name} is no constant")
        made = isinstance(node, exp.DataType) and node.this == exp.DType.USERDEFINED
        if made and not re.search(rf"(^|\W){re.escape(node.sql())}(\W|$)", native):
            raise Untranslatable(f"{node.sql()} is no type of the engine")


def _calls(text: str) -> set[str]:
    """What stands before a parenthesis: functions, among other words."""
    return {name.lower() for name in re.findall(r'(\w+)"?\s*\(', text)}


def _allow_calls(called: set[str], source: Wording, target: Wording) -> None:
    """Untranslatable for a function that the source's server brings, and an older one of the same kind does not."""
    newer = called & (source.functions - target.functions) if target.functions else set()
    if newer and source.dialect == target.dialect:
        raise Untranslatable(f"the server there knows no {' and no '.join(f'{name}()' for name in sorted(newer))}")


def _bits(node: exp.Expr, target: Wording, meaning: Type, native: str) -> str:
    """Zeros and ones, all that the column has: servers leave out those that lead, and PostgreSQL casts numbers."""
    found = _BITS.fullmatch(meaning.native)
    length = int(found[1]) if found else 0
    text = node.name if isinstance(node, exp.BitString) else _value(node) or ""
    if isinstance(node, exp.Literal) and not node.is_string and text.isdigit():
        text = f"{int(text) % 2**length:b}"
    text = text.zfill(length)
    if not re.fullmatch("[01]*", text):
        raise Untranslatable(f"{_named(node)} is no plain row of bits")
    made = exp.BitString(this=text) if _BITS.fullmatch(native) else exp.Literal.string(text)
    return made.sql(dialect=target.dialect)


def _parsed(text: str, dialect: str) -> exp.Expr:
    try:
        return sqlglot.parse_one(text, read=dialect)
    except SqlglotError as error:
        raise Untranslatable("it cannot be read") from error


def _unwrapped(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren | exp.Cast) or _is_cast(node) or _is_moment(node):
        node = node.expression if isinstance(node, exp.Convert) else node.this
    return node


def _is_cast(node: exp.Expr) -> bool:
    """CONVERT(type, value), as SQL Server prints casts; with a style it says how a value is spelt."""
    return isinstance(node, exp.Convert) and not node.args.get("style")


def _is_moment(node: exp.Expr) -> bool:
    """DATE '...' and TIMESTAMP '...', as sqlglot reads Oracle's; a format of one's own is none of theirs."""
    plain = isinstance(node, exp.StrToTime) and node.args["format"].name == _MOMENT
    return (isinstance(node, exp.DateStrToDate) or plain) and isinstance(node.this, exp.Literal)


def _as_elsewhere(tree: exp.Expr, source: Wording, known: Known) -> exp.Expr:
    """What only the source spells so, as others do: N'text', casts, constants in parentheses, texts joined by +."""
    for node in reversed(list(tree.walk())):  # what is inside comes first
        spelt = _spelt(node, source, known)
        if node is tree:
            tree = spelt
        elif spelt is not node:
            node.replace(spelt)
    return tree


def _spelt(node: exp.Expr, source: Wording, known: Known) -> exp.Expr:
    if isinstance(node, exp.National):
        return exp.Literal.string(node.name)
    if isinstance(node, exp.Paren) and isinstance(node.this, exp.Literal | exp.Neg):
        return node.this.copy()
    if _is_moment(node):
        return exp.Literal.string(node.this.name)
    if _is_cast(node):
        return exp.Cast(this=node.expression.copy(), to=node.this.copy())
    if isinstance(node, exp.Add) and source.joins and (_is_text(node.this, known) or _is_text(node.expression, known)):
        return exp.DPipe(this=node.this.copy(), expression=node.expression.copy())
    if isinstance(node, exp.Length) and source.trims:
        return exp.Length(this=exp.Trim(this=node.this.copy(), position="TRAILING"))
    return node


def _filled(node: exp.Expr) -> exp.Expr:
    """What a hollow dialect spells, in others: '' is NULL, and a NULL that is joined to a text is no text."""
    if isinstance(node, exp.Literal) and node.is_string and not node.name:
        return exp.Null()
    if not isinstance(node, _JOINED) or isinstance(node.parent, _JOINED):
        return node
    parts = [one for one in _parts(node) if not (isinstance(one, exp.Literal) and not one.name)]
    solid = any(isinstance(one, exp.Literal) for one in parts)
    empty = exp.Literal.string("")
    made: list[exp.Expr] = [
        one.copy() if isinstance(one, exp.Literal) else exp.Coalesce(this=one.copy(), expressions=[empty.copy()])
        for one in parts
    ]
    joined = functools.reduce(lambda one, other: exp.DPipe(this=one, expression=other), made)
    return joined if solid else exp.Nullif(this=joined, expression=empty)


def _parts(node: exp.Expr) -> list[exp.Expr]:
    """What is joined, one behind the other."""
    if isinstance(node, exp.Paren) and isinstance(node.this, _JOINED):
        return _parts(node.this)
    if isinstance(node, exp.DPipe):
        return [*_parts(node.this), *_parts(node.expression)]
    return [part for one in node.expressions for part in _parts(one)] if isinstance(node, exp.Concat) else [node]


def _is_text(node: exp.Expr, known: Known) -> bool:
    inside = _unwrapped(node)
    place = _place(inside, known)
    return isinstance(inside, exp.DPipe) or bool(inside.is_string) or bool(place and place[1].kind == "text")


def _called(node: exp.Expr, source: Wording, target: Wording, meaning: Type) -> str | None:
    """The target's call for the current moment, the current day or a new uuid; None for anything else."""
    moments = exp.CurrentTimestamp | exp.CurrentDatetime | exp.CurrentTimestampLTZ
    now = isinstance(node, moments) or node.sql().upper() == "LOCALTIMESTAMP"
    own = source.means.get(node.name.lower(), "") if isinstance(node, exp.Anonymous) else ""
    if own == "utc" and meaning.kind in ("timestamp", "instant"):
        word = "utc" if meaning.kind == "timestamp" else "instant"
    elif own == "uuid" and meaning.kind == "uuid":
        word = own
    elif now and meaning.kind in ("timestamp", "instant"):
        word = meaning.kind
    elif isinstance(node, exp.CurrentDate) or (now and meaning.kind == "date"):
        word = "today"
    elif isinstance(node, exp.Uuid) and meaning.kind in ("uuid", "text"):
        word = "uuid"
    else:
        return None
    if word not in target.calls:
        raise Untranslatable(f"{_named(node)} has no counterpart as a default there")
    return target.calls[word].format(digits=min(meaning.digits, 6))


def _value(node: exp.Expr) -> str | None:
    """A constant as text, None for anything that has to be computed."""
    if isinstance(node, exp.Neg):
        inside = _value(_unwrapped(node.this))
        return None if inside is None else f"-{inside}"
    if isinstance(node, exp.Boolean):
        return "true" if node.this else "false"
    if isinstance(node, exp.BitString):
        return str(int(node.name, 2))
    return node.name if isinstance(node, exp.Literal | exp.National) else None


def _literal(value: str, source: Wording, target: Wording, meaning: Type) -> str:
    if meaning.kind == "bool" and value.lower() in (*_TRUE, *_FALSE):
        return target.true if value.lower() in _TRUE else target.false
    if meaning.kind in _NUMBERS:
        with suppress(InvalidOperation):
            number = Decimal(value)
            if number.is_finite():
                return f"{number:f}"
            if meaning.kind in FLOATS and {source.dialect, target.dialect} <= set(_HAVE_NAN):
                return exp.Literal.string(value).sql(dialect=target.dialect)  # bare, it would be a column's name
    pattern = _ISO.get(meaning.kind)
    if meaning.kind in _TEXTS and not value and target.hollow != source.hollow:
        if source.hollow:
            return ""
        raise Untranslatable("a text of no length is NULL there")
    if meaning.kind in _TEXTS:
        return target.texts.format(exp.Literal.string(value).sql(dialect=target.dialect))
    if pattern and re.fullmatch(pattern, value) and meaning.kind in target.moments:
        return _moment(value, meaning.kind, target)
    if pattern and re.fullmatch(pattern, value):
        return exp.Literal.string(value).sql(dialect=target.dialect)
    raise Untranslatable(f"{value!r} is no plain {meaning.kind}")


def _moment(value: str, kind: str, target: Wording) -> str:
    """A date or timestamp as a literal of its own, with a time of day where it has one."""
    date, _, time = value.replace("T", " ").partition(" ")
    if kind == "date":
        return target.moments[kind].format(date)
    time = f"{time or '00:00'}:00" if time.count(":") < 2 else time
    return target.moments[kind].format(f"{date} {time}")


Known = Mapping[str, tuple[str, Type]]


def check(text: str, source: Wording, target: Wording, columns: Known) -> str:
    """A check's condition in the target's words. `columns` gives each name's new name and Type."""
    if not target.dialect:
        raise Untranslatable("nothing there has constraints")
    _allow_calls(_calls(text), source, target)
    return translated(_parsed(text, source.dialect), source, target, columns)


def generated(text: str, source: Wording, target: Wording, columns: Known) -> str:
    """What a generated column is computed by, in the target's words."""
    _allow_calls(_calls(text), source, target)
    tree = _parsed(text, source.dialect)
    # DuckDB prints the cast to the column's own type, which each engine does by itself.
    return translated(_unwrapped(tree) if source.dialect != target.dialect else tree, source, target, columns)


def translated(
    tree: exp.Expr, source: Wording, target: Wording, columns: Known, more: tuple[type[exp.Expr], ...] = ()
) -> str:
    """A tree in the target's words, its columns under their names there; `more` are further nodes that are allowed."""
    known = {**{name.lower(): there for name, there in columns.items()}, **columns}
    if source.dialect != target.dialect:
        tree = _as_elsewhere(tree.copy(), source, known)
    if source.hollow and not target.hollow:
        tree = tree.transform(_filled)
    tree = tree.transform(_without_arrays)
    tree = tree.transform(lambda node: _without_cast(node, known)).transform(lambda node: _truth(node, known))
    same = source.dialect == target.dialect
    if target.moments and not same:
        tree = tree.transform(lambda node: _dated(node, target, known))
    for node in tree.walk():
        if not isinstance(node, more):
            _allow(node, source, target, same=same)
        if not same:
            _compare_kinds(node, source, target, known)
        if isinstance(node, exp.Column):
            place = _place(node, known)
            if place is None and node.table and not any(name.startswith(f"{node.table.lower()}.") for name in known):
                continue  # a column of a derived table
            if place is None:
                raise Untranslatable(f"column {node.name} is not moved")
            node.set("this", exp.to_identifier(place[0], quoted=True))
    return tree.sql(dialect=target.dialect)


def _place(node: exp.Expr, known: Known) -> tuple[str, Type] | None:
    """What a column is called in the target and what it means; names in conditions ignore case where they can."""
    inside = _unwrapped(node)
    if not isinstance(inside, exp.Column):
        return None
    name = f"{inside.table}.{inside.name}" if inside.table else inside.name
    return known.get(name) or known.get(name.lower())


def _allow(node: exp.Expr, source: Wording, target: Wording, *, same: bool) -> None:
    if same and not isinstance(node, _FOREIGN):
        return
    if same and isinstance(node, exp.Anonymous) and source.routines is not None:
        if node.name.lower() in source.routines:
            raise Untranslatable(f"{node.name}() is no function of the engine")
        return
    if isinstance(node, exp.Like) and ({source.dialect, target.dialect} <= set(_LIKE_MINDS_CASE)):
        return
    plain = isinstance(node, _PLAIN) and not (isinstance(node, exp.Length) and node.args.get("binary"))
    if isinstance(node, exp.Concat):
        plain = not node.args.get("coalesce")  # else NULL is an empty text, which not every engine has a word for
    if isinstance(node, exp.Trim):
        plain = node.args.get("position") == "TRAILING" and not node.expression
    if isinstance(node, exp.Length) and target.trims and not source.trims:
        plain = False
    if isinstance(node, exp.Lower | exp.Upper):
        plain = source.folds == target.folds
    if target.hollow and not source.hollow:
        plain = plain and not _is_hollow(node)
    if not plain:
        raise Untranslatable(f"{_named(node)} is not known to mean the same there")


def _is_hollow(node: exp.Expr) -> bool:
    """Whether a node is or makes a text that may have no length, or joins what may be NULL."""
    return isinstance(node, (*_JOINED, exp.Trim)) or (
        isinstance(node, exp.Literal) and node.is_string and not node.name
    )


def _compare_kinds(node: exp.Expr, source: Wording, target: Wording, known: Known) -> None:
    """Sums of decimals are floats in some engines; what is joined to a text is printed in as many ways."""
    kinds = {place[1].kind for column in node.find_all(exp.Column) if (place := _place(column, known))}
    if isinstance(node, _SUMS) and "decimal" in kinds and source.exact != target.exact:
        raise Untranslatable(f"{_named(node)} would be computed by floats on one side only")
    if isinstance(node, _JOINED) and kinds - {"text"}:
        raise Untranslatable(f"{_named(node)} joins what is no text")


def _without_arrays(node: exp.Expr) -> exp.Expr:
    """PostgreSQL prints `c IN (...)` as `c = ANY (ARRAY[...])`, and NOT IN as `<> ALL`."""
    if isinstance(node, exp.EQ) and isinstance(node.expression, exp.Any):
        array = _unwrapped(node.expression.this)
    elif isinstance(node, exp.NEQ) and node.expression.name.upper() == "ALL" and node.expression.expressions:
        array = _unwrapped(node.expression.expressions[0])
    else:
        return node
    if not isinstance(array, exp.Array):
        return node
    found = exp.In(this=node.this, expressions=[_unwrapped(one) for one in array.expressions])
    return exp.Not(this=found) if isinstance(node, exp.NEQ) else found


def _without_cast(node: exp.Expr, known: Known) -> exp.Expr:
    """Casts that change nothing: of a constant, of a text to text, of an integer to a decimal without limits.

    And MySQL's `_utf8mb4` before a text.
    """
    if isinstance(node, exp.Introducer):
        return exp.Literal.string(node.expression.name)
    if not isinstance(node, exp.Cast):
        return node
    inside = _unwrapped(node)
    if _value(inside) is not None:
        number = node.to.this in exp.DataType.NUMERIC_TYPES
        return exp.Literal.number(inside.name) if number and isinstance(inside, exp.Literal) else inside
    place = _place(inside, known)
    if place and place[1].kind in INTEGERS and node.to.this == exp.DType.DECIMAL and not node.to.expressions:
        return inside  # PostgreSQL prints price * n as price * (n)::numeric
    return inside if place and place[1].kind == "text" and node.to.this in exp.DataType.TEXT_TYPES else node


def _truth(node: exp.Expr, known: Known) -> exp.Expr:
    """A boolean that is compared with 0 or 1 is compared with false or true."""
    if not isinstance(node, exp.EQ | exp.NEQ | exp.In):
        return node
    place = _place(node.this, known)
    if not place or place[1].kind != "bool":
        return node
    for one in [*node.expressions, node.args.get("expression")]:
        if isinstance(one, exp.Literal) and one.name in ("0", "1"):
            one.replace(exp.Boolean(this=one.name == "1"))
    return node


def _dated(node: exp.Expr, target: Wording, known: Known) -> exp.Expr:
    """Texts that a date or timestamp is compared with, as the literals that the target has for them."""
    if not isinstance(node, (*_COMPARISONS, exp.In, exp.Between)):
        return node
    sides = [node.this, *node.expressions, *(node.args.get(name) for name in ("expression", "low", "high"))]
    kinds = {place[1].kind for one in sides if one is not None and (place := _place(one, known))}
    if len(kinds) != 1 or not kinds <= set(target.moments):
        return node
    kind = kinds.pop()
    for one in sides:
        if isinstance(one, exp.Literal) and one.is_string:
            if not re.fullmatch(_ISO[kind], one.name):
                raise Untranslatable(f"{one.name!r} is no plain {kind}")
            one.replace(exp.Identifier(this=_moment(one.name, kind, target), quoted=False))  # printed as it is
    return node


def compared(condition: str, target: Wording) -> str:
    """A condition of columns beside constants, joined by AND. Untranslatable for any other."""
    return " AND ".join(_beside_constants(one, target) for one in _conjuncts(_parsed(condition, target.dialect)))


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.And):
        return [*_conjuncts(node.this), *_conjuncts(node.expression)]
    return _conjuncts(node.this) if isinstance(node, exp.Paren) else [node]


def _beside_constants(node: exp.Expr, target: Wording) -> str:
    inside = node.this if isinstance(node, exp.Not) else node
    while isinstance(inside, exp.Paren):
        inside = inside.this
    column = inside.this.sql(dialect=target.dialect) if isinstance(inside.this, exp.Column) else ""
    others = [*inside.expressions] if isinstance(inside, exp.In) else [inside.args.get("expression")]
    if column and isinstance(inside, exp.Is) and isinstance(others[0], exp.Null):
        return f"{column} IS {'NOT ' if isinstance(node, exp.Not) else ''}NULL"
    constants = all(isinstance(one, exp.Literal | exp.National | exp.Neg) for one in others)
    if not column or node is not inside or not constants or not isinstance(inside, (*_COMPARISONS, exp.In)):
        raise Untranslatable(f"conditions of indexes there compare columns with constants only, not {_named(node)}")
    return inside.sql(dialect=target.dialect)


def _named(node: exp.Expr) -> str:
    """A node in words of its own: a function by its name, anything else by its beginning."""
    if isinstance(node, exp.Anonymous):
        return f"{node.name}()"
    text = node.sql()
    return text if len(text) <= 40 else f"{text[:40]}..."
