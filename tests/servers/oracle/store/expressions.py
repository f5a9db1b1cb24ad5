"""Oracle's expressions as SQLite's, each with its kind as far as it can be told without the values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from ..spoken import (
    BINARY_DOUBLE,
    BLOB,
    BOOLEAN,
    CHAR,
    CLOB,
    DATE,
    INTERVAL_DS,
    INTERVAL_YM,
    NUMBER,
    RAW,
    ROWID,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TIMESTAMP_TZ,
    VARCHAR,
    Kind,
    Refused,
)  # fmt: skip
from . import render, types
from .values import double, number

if TYPE_CHECKING:
    from .render import Typed, Writing

_COMPARED = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.Is: "IS"}
_REACHED: dict[type[exp.Expr], str] = {
    exp.Add: "add",
    exp.Sub: "subtract",
    exp.Mul: "multiply",
    exp.Div: "divide",
}
_TEXTS = (VARCHAR, CHAR, CLOB)
_MOMENTS = (DATE, TIMESTAMP, TIMESTAMP_TZ, TIMESTAMP_LTZ)
_INTEGER = Kind(NUMBER, 22, scale=-127)
_TEXT = Kind(VARCHAR, 4000, 4000)
_ZONED = Kind(TIMESTAMP_TZ, 13, scale=6)

# What a function gives; None: as its first argument. Those that are not here are unknown, ORA-00904.
FUNCTIONS: dict[str, Kind | None] = {
    **dict.fromkeys((
        "TO_NUMBER", "LENGTH", "LENGTHB", "LENGTHC", "INSTR", "MOD", "ABS", "SIGN", "CEIL", "FLOOR", "ASCII",
        "DBMS_LOB.GETLENGTH", "DBMS_LOB.COMPARE",
        "ORA_HASH", "MONTHS_BETWEEN", "POWER", "SQRT", "VSIZE", "TO_NUMBER_HEX", "BITAND",
        "DBMS_ROWID.ROWID_OBJECT", "DBMS_ROWID.ROWID_BLOCK_NUMBER", "DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER",
        "DBMS_UTILITY.GET_TIME", "REGEXP_INSTR", "REGEXP_COUNT", "REMAINDER",
    ), _INTEGER),
    **dict.fromkeys((
        "TO_CHAR", "UPPER", "LOWER", "INITCAP", "SUBSTR", "SUBSTRB", "LTRIM", "RTRIM", "LPAD", "RPAD", "REPLACE",
        "TRANSLATE", "CHR", "RAWTOHEX", "CONCAT", "ROWIDTOCHAR", "SYS_CONTEXT", "REGEXP_REPLACE", "REGEXP_SUBSTR",
        "DUMP", "TO_NCHAR", "TZ_OFFSET", "UNISTR",
    ), _TEXT),
    **dict.fromkeys(("XML_TEXT", "JSON_SERIALIZE", "TO_CLOB", "TO_LOB"), Kind(CLOB, 4000)),
    **dict.fromkeys(("ROUND", "TRUNC", "NVL", "COALESCE", "GREATEST", "LEAST", "NULLIF"), None),
    **dict.fromkeys(("TO_DATE", "ADD_MONTHS", "LAST_DAY", "NEXT_DAY"), Kind(DATE, 7)),
    **dict.fromkeys(("TO_TIMESTAMP", "SYS_EXTRACT_UTC", "SCN_TO_TIMESTAMP"), Kind(TIMESTAMP, 11, scale=9)),
    **dict.fromkeys(("TO_TIMESTAMP_TZ", "FROM_TZ"), Kind(TIMESTAMP_TZ, 13, scale=9)),
    **dict.fromkeys(("HEXTORAW", "STANDARD_HASH", "UTL_RAW.CAST_TO_RAW", "UTL_RAW.CAST_FROM_BINARY_DOUBLE", "SYS_GUID",
                     "DBMS_CRYPTO.HASH", "DBMS_LOB.SUBSTR", "UTL_RAW.SUBSTR",
                     "UTL_I18N.STRING_TO_RAW"), Kind(RAW, 2000)),
    **dict.fromkeys(("TO_BINARY_DOUBLE", "NANVL"), Kind(BINARY_DOUBLE, 8)),
    **dict.fromkeys(("CHARTOROWID", "DBMS_ROWID.ROWID_CREATE"), Kind(ROWID, 10)),
    "TO_BLOB": Kind(BLOB, 4000), "EMPTY_BLOB": Kind(BLOB, 4000), "EMPTY_CLOB": Kind(CLOB, 4000),
    **dict.fromkeys(("NUMTODSINTERVAL", "TO_DSINTERVAL"), Kind(INTERVAL_DS, 11, precision=9, scale=9)),
    **dict.fromkeys(("NUMTOYMINTERVAL", "TO_YMINTERVAL"), Kind(INTERVAL_YM, 5, precision=9)),
    "NVL2": None, "DECODE": None,
}  # fmt: skip
_ARGUMENTS = 100  # of a function in SQLite, at most
# Those of SQL that take no LOB, by how Oracle refuses one.
_NO_LOB = {"STANDARD_HASH": 902, "RAWTOHEX": 932, "LENGTHB": 22998}
_NUMBERED = ("COUNT", "ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE")  # SQLite's own, which count in its integers
_GATHERED = {"SUM": _INTEGER, "AVG": _INTEGER, "STDDEV": _INTEGER}
_OWN = ("MIN", "MAX", "FIRST_VALUE", "LAST_VALUE", "LAG", "LEAD")  # SQLite's own, which only compare or pass on


def named(name: str) -> Typed | None:
    """A function that is called without parentheses."""
    found = {
        "SYSDATE": ("ora_now('D')", Kind(DATE, 7)), "CURRENT_DATE": ("ora_now('D')", Kind(DATE, 7)),
        "SYSTIMESTAMP": ("ora_now('Z')", _ZONED), "CURRENT_TIMESTAMP": ("ora_now('Z')", _ZONED),
        "LOCALTIMESTAMP": ("ora_now('T')", Kind(TIMESTAMP, 11, scale=6)),
        "USER": ("ora_user()", _TEXT), "ROWNUM": ("ora_number(row_number() OVER ())", _INTEGER),
        "DBTIMEZONE": ("'+00:00'", _TEXT), "SESSIONTIMEZONE": ("ora_session('TIME_ZONE')", _TEXT),
        "DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER": ("ora_scn()", _INTEGER),
        "BINARY_DOUBLE_INFINITY": (f"X'{double(float('inf')).hex()}'", Kind(BINARY_DOUBLE, 8)),
        "BINARY_DOUBLE_NAN": (f"X'{double(float('nan')).hex()}'", Kind(BINARY_DOUBLE, 8)),
    }.get(name)  # fmt: skip
    return render.Typed(found[0], found[1]) if found else None


def write(tree: exp.Expression, writing: Writing) -> Typed:
    for kind, writer in _WRITERS.items():
        if isinstance(tree, kind):
            return writer(tree, writing)
    raise Refused(900, f"the test server does not know this expression: {tree.sql()[:200]} ({type(tree).__name__})")


def condition(tree: exp.Expression, writing: Writing) -> str:
    """A condition, which is no value in Oracle."""
    if isinstance(tree, exp.And | exp.Or):
        word = "AND" if isinstance(tree, exp.And) else "OR"
        return f"({condition(tree.this, writing)} {word} {condition(tree.expression, writing)})"
    if isinstance(tree, exp.Not):
        return f"(NOT {condition(tree.this, writing)})"
    if isinstance(tree, exp.Paren):
        return f"({condition(tree.this, writing)})"
    for kind, word in _COMPARED.items():
        if isinstance(tree, kind):
            return _comparison(tree, word, writing)
    for type_, writer in _CONDITIONS.items():
        if isinstance(tree, type_):
            return writer(tree, writing)
    raise Refused(920, f"invalid relational operator: {tree.sql()[:200]}")


# Conditions


def _comparison(tree: exp.Expression, word: str, writing: Writing) -> str:
    if isinstance(tree.this, exp.Tuple):
        pairs = zip(tree.this.expressions, tree.expression.expressions, strict=True)
        return "(" + " AND ".join(_compared(a, word, b, writing) for a, b in pairs) + ")"
    return _compared(tree.this, word, tree.expression, writing)


def _compared(one: exp.Expression, word: str, other: exp.Expression, writing: Writing) -> str:
    a, b = _alike(write(one, writing), write(other, writing))
    return f"({a} {word} {b})"


def _alike(one: Typed, other: Typed) -> tuple[str, str]:
    """Both of one type, as Oracle converts them: texts to numbers and moments, dates to timestamps."""
    codes = {typed.kind.code if typed.kind else 0 for typed in (one, other)}
    if codes <= {*_TEXTS}:
        padded = CHAR in codes and all(typed.kind and (typed.kind.code == CHAR or typed.sql.startswith("'"))
                                       for typed in (one, other))  # fmt: skip
        return (f"rtrim({one.sql}, ' ')", f"rtrim({other.sql}, ' ')") if padded else (one.sql, other.sql)
    if len(codes) == 1 and 0 not in codes and codes != {TIMESTAMP_TZ}:
        return one.sql, other.sql
    return f"ora_compared({one.sql}, {other.sql})", f"ora_compared({other.sql}, {one.sql})"


def _between(tree: exp.Between, writing: Writing) -> str:
    low = _compared(tree.this, ">=", tree.args["low"], writing)
    return f"({low} AND {_compared(tree.this, '<=', tree.args['high'], writing)})"


def _in(tree: exp.In, writing: Writing) -> str:
    if inner := tree.args.get("query"):
        items = tree.this.expressions if isinstance(tree.this, exp.Tuple) else [tree.this]
        left = ", ".join(write(item, writing).sql for item in items)
        return f"(({left}) IN ({render.query(inner, writing)[0]}))"
    return "(" + " OR ".join(_compared(tree.this, "=", one, writing) for one in tree.expressions) + ")"


def _like(tree: exp.Expression, writing: Writing) -> str:
    escape = "NULL"
    if isinstance(tree, exp.Escape):
        escape, tree = write(tree.expression, writing).sql, tree.this
    word = "NOT " if tree.args.get("negate") else ""
    return f"{word}ora_like({write(tree.this, writing).sql}, {write(tree.expression, writing).sql}, {escape})"


def _regular(tree: exp.Anonymous, writing: Writing) -> str:
    if tree.name.upper() != "REGEXP_LIKE":
        raise Refused(920, f"invalid relational operator: {tree.name}")
    return f"ora_regexp_like({', '.join(write(one, writing).sql for one in tree.expressions)})"


def _exists(tree: exp.Exists, writing: Writing) -> str:
    return f"EXISTS ({render.query(tree.this, writing)[0]})"


_CONDITIONS: dict[type[exp.Expression], Callable[..., str]] = {
    exp.Between: _between, exp.In: _in, exp.Escape: _like, exp.Like: _like, exp.Exists: _exists,
    exp.Anonymous: _regular,
}  # fmt: skip


# Values


def _column(tree: exp.Column, writing: Writing) -> Typed:
    return render.column(tree, writing)


def _literal(tree: exp.Literal, writing: Writing) -> Typed:
    del writing
    if not tree.is_string:
        return render.Typed(f"X'{number(Decimal(tree.this)).hex()}'", _INTEGER, nullable=False)
    text = str(tree.this)
    if not text:
        return render.Typed("NULL", Kind(CHAR, 1, 1))
    return render.Typed("'" + text.replace("'", "''") + "'", Kind(CHAR, len(text.encode()), len(text)), nullable=False)


def _boolean(tree: exp.Boolean, writing: Writing) -> Typed:
    del writing
    return render.Typed("X'0101'" if tree.this else "X'00'", Kind(BOOLEAN, 1), nullable=False)


def _null(tree: exp.Null, writing: Writing) -> Typed:
    del tree, writing
    return render.Typed("NULL", None)


def _bind(tree: exp.Placeholder, writing: Writing) -> Typed:
    place = int(str(tree.this)[1:])
    kind = writing.binds[place] if place < len(writing.binds) else None
    return render.Typed(f"?{place + 1}", kind)


def _paren(tree: exp.Paren, writing: Writing) -> Typed:
    return write(tree.this, writing)


def _negative(tree: exp.Neg, writing: Writing) -> Typed:
    inner = write(tree.this, writing)
    return render.Typed(f"ora_negative({inner.sql})", inner.kind)


def _reached(tree: exp.Binary, writing: Writing) -> Typed:
    word = _REACHED[type(tree)]
    if isinstance(tree, exp.Add):
        return _added([write(one, writing) for one in _chain(tree)])
    one, other = write(tree.this, writing), write(tree.expression, writing)
    return render.Typed(f"ora_{word}({one.sql}, {other.sql})", _reached_kind(word, one.kind, other.kind))


def _chain(tree: exp.Binary) -> list[exp.Expression]:
    """What one operator joins, from the left."""
    found = []
    while type(tree.this) is type(tree):
        found.append(tree.expression)
        tree = tree.this
    return [tree.this, tree.expression, *reversed(found)]


def _added(parts: list[Typed]) -> Typed:
    """All that is added up at once, from the left, for SQLite's parser does not go deep."""
    kind = parts[0].kind
    for part in parts[1:]:
        kind = _reached_kind("add", kind, part.kind)
    while len(parts) > 1:
        first, parts = parts[:_ARGUMENTS], parts[_ARGUMENTS:]
        parts.insert(0, render.Typed(f"ora_add({', '.join(part.sql for part in first)})", None))
    return render.Typed(parts[0].sql, kind)


def _reached_kind(word: str, one: Kind | None, other: Kind | None) -> Kind | None:
    if one is None or other is None:
        return None
    codes = {one.code, other.code}
    if BINARY_DOUBLE in codes:
        return Kind(BINARY_DOUBLE, 8)
    if word == "subtract" and codes <= {*_MOMENTS}:
        return _INTEGER if codes == {DATE} else Kind(INTERVAL_DS, 11, precision=9, scale=9)
    moment = next((kind for kind in (one, other) if kind.code in _MOMENTS), None)
    if moment is None:
        return _INTEGER if codes <= {NUMBER, *_TEXTS} else None
    return Kind(DATE, 7) if NUMBER in codes else moment


def _joined(tree: exp.DPipe, writing: Writing) -> Typed:
    """All texts that are joined at once: SQLite's parser does not go as deep as a row of many columns."""
    parts = [write(one, writing) for one in _chain(tree)]
    codes = [part.kind.code if part.kind else 0 for part in parts]
    name = "ora_joined" if CLOB in codes or 0 in codes else "ora_joined_in_sql"
    while len(parts) > 1:
        groups = [parts[at : at + _ARGUMENTS] for at in range(0, len(parts), _ARGUMENTS)]
        parts = [render.Typed(f"{name}({', '.join(part.sql for part in group)})", None) for group in groups]
    return render.Typed(parts[0].sql, Kind(CLOB, 4000) if CLOB in codes else _TEXT)


def _case(tree: exp.Case, writing: Writing) -> Typed:
    kinds, parts = [], []
    for branch in tree.args["ifs"]:
        when = branch.this
        held = _compared(tree.this, "=", when, writing) if tree.this else condition(when, writing)
        then = write(branch.args["true"], writing)
        kinds.append(then.kind)
        parts.append(f"WHEN {held} THEN {then.sql}")
    other = tree.args.get("default")
    if other is not None:
        otherwise = write(other, writing)
        kinds.append(otherwise.kind)
        parts.append(f"ELSE {otherwise.sql}")
    known = [kind for kind in kinds if kind]
    kind = known[0] if known else None
    if kind and kind.code in (CHAR, VARCHAR):
        kind = Kind(VARCHAR, max(one.size for one in known), max(one.chars for one in known))
    return render.Typed(f"CASE {' '.join(parts)} END", _unscaled(kind))


def _unscaled(kind: Kind | None) -> Kind | None:
    return _INTEGER if kind and kind.code == NUMBER else kind


def _cast(tree: exp.Cast, writing: Writing) -> Typed:
    kind = types.of_tree(tree.args["to"])
    inner = write(tree.this, writing).sql
    return render.Typed(
        f"ora_cast({inner}, {kind.code}, {kind.size}, {kind.chars}, {kind.precision}, {kind.scale})", kind
    )


def _extract(tree: exp.Extract, writing: Writing) -> Typed:
    return render.Typed(f"ora_extract('{tree.this.name.upper()}', {write(tree.expression, writing).sql})", _INTEGER)


def _day(tree: exp.DateStrToDate, writing: Writing) -> Typed:
    return render.Typed(f"ora_literal('D', {write(tree.this, writing).sql})", Kind(DATE, 7))


def _moment(tree: exp.StrToTime, writing: Writing) -> Typed:
    zoned = any(letter in tree.this.name[10:] for letter in "+-Z")
    kind = Kind(TIMESTAMP_TZ, 13, scale=9) if zoned else Kind(TIMESTAMP, 11, scale=9)
    return render.Typed(f"ora_literal('{'Z' if zoned else 'T'}', {write(tree.this, writing).sql})", kind)


def _interval(tree: exp.Interval, writing: Writing) -> Typed:
    unit = tree.args["unit"].sql().upper()
    months = unit.startswith(("YEAR", "MONTH"))
    kind = Kind(INTERVAL_YM, 5, precision=9) if months else Kind(INTERVAL_DS, 11, precision=9, scale=9)
    return render.Typed(f"ora_interval({write(tree.this, writing).sql}, '{unit}')", kind)


def _zone(tree: exp.AtTimeZone, writing: Writing) -> Typed:
    return render.Typed(
        f"ora_at_zone({write(tree.this, writing).sql}, {write(tree.args['zone'], writing).sql})", _ZONED
    )


def _trim(tree: exp.Trim, writing: Writing) -> Typed:
    side = str(tree.args.get("position") or "BOTH").upper()
    what = write(tree.expression, writing).sql if tree.expression else "' '"
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(side, "trim")
    return render.Typed(f"nullif({name}({write(tree.this, writing).sql}, {what}), '')", _TEXT)


def _scalar(tree: exp.Subquery, writing: Writing) -> Typed:
    text, columns = render.query(tree.this, writing)
    return render.Typed(f"({text})", columns[0].kind)


def _listed(tree: exp.GroupConcat, writing: Writing) -> Typed:
    inner = tree.this
    order = ""
    if isinstance(inner, exp.Order):
        order = " ORDER BY " + ", ".join(render.ordered(one, (), writing) for one in inner.expressions)
        inner = inner.this
    separator = tree.args.get("separator")
    between = write(separator, writing).sql if separator else "''"
    return render.Typed(f"group_concat(ora_to_char({write(inner, writing).sql}), {between}{order})", _TEXT)


def _dotted(tree: exp.Dot, writing: Writing) -> Typed:
    """A function of a package: DBMS_LOB.GETLENGTH(x)."""
    *packages, last = tree.flatten()
    name = ".".join([one.name for one in packages] + [last.name]).upper().removeprefix("SYS.")
    if not isinstance(last, exp.Anonymous | exp.Func):
        raise Refused(904, f'"{name}": invalid identifier')
    return _called(name, list(last.expressions), writing)


def _function(tree: exp.Anonymous, writing: Writing) -> Typed:
    name = str(tree.this).upper()
    if name in ("LOCALTIMESTAMP", "CURRENT_TIMESTAMP") and (moment := named(name)):
        return moment  # how many digits it is asked for, what takes it decides here
    if name in _NUMBERED:
        return _counted(name, tree, writing)
    if name in _GATHERED:
        distinct = [one for one in tree.expressions if isinstance(one, exp.Distinct)]
        arguments = distinct[0].expressions if distinct else tree.expressions
        inner = ", ".join(write(one, writing).sql for one in arguments)
        return render.Typed(f"ora_{name.lower()}({'DISTINCT ' * bool(distinct)}{inner})", _GATHERED[name])
    if name in _OWN:
        parts = [write(one, writing) for one in tree.expressions]
        places = [parts[0].sql, *(f"CAST(ora_integer({one.sql}) AS INTEGER)" for one in parts[1:])]
        return render.Typed(f"{name.lower()}({', '.join(places)})", parts[0].kind)
    return _called(name, tree.expressions, writing)


def _counted(name: str, tree: exp.Anonymous, writing: Writing) -> Typed:
    def argument(one: exp.Expression) -> str:
        if isinstance(one, exp.Star):
            return "*"
        if isinstance(one, exp.Distinct):
            return "DISTINCT " + ", ".join(write(each, writing).sql for each in one.expressions)
        return (
            f"CAST(ora_integer({write(one, writing).sql}) AS INTEGER)" if name == "NTILE" else write(one, writing).sql
        )

    inside = ", ".join(argument(one) for one in tree.expressions)
    over = getattr(writing, "over", "")
    return render.Typed(f"ora_number({name.lower()}({inside}){over})", _INTEGER, nullable=False)


def _called(name: str, arguments: list[exp.Expression], writing: Writing) -> Typed:
    if name not in FUNCTIONS:
        raise Refused(904, f'"{name}": invalid identifier')
    parts = [write(one, writing) for one in arguments]
    kind = FUNCTIONS[name]
    if name == "DECODE":
        kind = _unscaled(parts[2].kind)
    elif kind is None:
        known = [part.kind for part in (parts[1:] if name == "NVL2" else parts) if part.kind]
        kind = _unscaled(known[0]) if known else None
        if kind and kind.code == CHAR:
            kind = Kind(VARCHAR, kind.size, kind.chars)
    code = parts[0].kind.code if parts and parts[0].kind else 0
    if code in (CLOB, BLOB) and name in _NO_LOB:
        raise Refused(_NO_LOB[name], f"{name} takes no LOB")
    if name in ("SUBSTR", "REPLACE") and code == CLOB:
        kind = parts[0].kind
    if name == "DBMS_LOB.SUBSTR" and code == CLOB:
        kind = _TEXT
    if name == "TO_CHAR" and code == CLOB:
        name = "TO_CHAR_OF_CLOB"
    return render.Typed(f"ora_{name.lower().replace('.', '_')}({', '.join(part.sql for part in parts)})", kind)


def _windowed(tree: exp.Window, writing: Writing) -> Typed:
    partition = ", ".join(write(one, writing).sql for one in tree.args.get("partition_by") or ())
    order = tree.args.get("order")
    sorts = ", ".join(render.ordered(one, (), writing) for one in order.expressions) if order else ""
    over = f" OVER ({f'PARTITION BY {partition} ' * bool(partition)}{f'ORDER BY {sorts}' * bool(sorts)})"
    writing.over = over  # type: ignore[attr-defined]
    try:
        inner = write(tree.this, writing)
    finally:
        del writing.over  # type: ignore[attr-defined]
    if over in inner.sql:
        return inner
    return render.Typed(f"{inner.sql}{over}", inner.kind)


def _now(letter: str, kind: Kind) -> Callable[..., Typed]:
    return lambda _tree, _writing: render.Typed(f"ora_now('{letter}')", kind, nullable=False)


_WRITERS: dict[type[exp.Expression], Callable[..., Typed]] = {
    exp.Column: _column, exp.Literal: _literal, exp.Boolean: _boolean, exp.Null: _null,
    exp.Placeholder: _bind, exp.Paren: _paren,
    exp.Neg: _negative, exp.Add: _reached, exp.Sub: _reached, exp.Mul: _reached, exp.Div: _reached, exp.DPipe: _joined,
    exp.Case: _case, exp.Cast: _cast, exp.Extract: _extract, exp.DateStrToDate: _day,
    exp.StrToTime: _moment, exp.Interval: _interval, exp.AtTimeZone: _zone, exp.Trim: _trim, exp.Subquery: _scalar,
    exp.GroupConcat: _listed, exp.Dot: _dotted, exp.Window: _windowed, exp.Anonymous: _function,
    exp.Systimestamp: _now("Z", _ZONED), exp.CurrentTimestamp: _now("D", Kind(DATE, 7)),
    exp.CurrentDate: _now("D", Kind(DATE, 7)), exp.Localtimestamp: _now("T", Kind(TIMESTAMP, 11, scale=6)),
}  # fmt: skip
