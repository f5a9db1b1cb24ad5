"""The checksum in T-SQL. docs/checksum.md says what each form prints.

Written from SQL Server's manual and run on the test server alone. Texts are made UTF-8 by a collation that SQL Server
has from 2019 on; before, a row with texts has no checksum in the server.

What is joined by + ends at 8,000 octets unless one side is of a (max) type, and CONCAT does so too: so a row begins
with an empty text of that type, and a field that may be longer is of it.

Counts on a session's pins: the ANSI options are on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...canonical import Canon
from ...errors import RequestError
from ...rules import Native, read_rule, split
from ...segments import Division, grouped, salted
from ...specimen import TEXT, Natives
from .types import READS, UTC

_UTF8 = "COLLATE Latin1_General_100_BIN2_UTF8"
_LONGEST = 8000  # octets of a text that is not (max)
_COUNT = 12  # octets of a length and what stands behind it
_ARGUMENTS = 200  # of CONCAT, which takes 254

_INTEGER = "bit|tinyint|smallint|int|bigint"
_NUMBER = f"{_INTEGER}|decimal|numeric|money|smallmoney"
_TEXTS = "varchar|nvarchar|char|nchar|text|ntext"
_BINARIES = "binary|varbinary|image|rowversion"

SPECIMENS: Natives = {
    "integer": ("CAST(-9007199254740993 AS bigint)", "bigint"),
    "decimal": ("CAST(-1234567.80 AS decimal(12,2))", "decimal(12,2)"),
    "number": ("CAST(1.50 AS decimal(12,2))", "decimal(12,2)"),
    "float": ("CAST(-0.1e0 AS float)", "float"),
    "boolean": ("CAST(1 AS bit)", "bit"),
    "date": ("CAST('2024-02-29' AS date)", "date"),
    "timestamp": ("CAST('2024-02-29T07:20:00.12' AS datetime2(7))", "datetime2(7)"),
    "instant": ("CAST('2024-02-29T09:20:00.12+02:00' AS datetimeoffset(7))", "datetimeoffset(7)"),
    "time": ("CAST('07:05:09.5' AS time(7))", "time(7)"),
    "text": (f"N'{TEXT}'", "nvarchar(9)"),
    "padded": ("CAST(N'a ' AS nchar(3))", "nchar(3)"),
    "binary": ("0x00AB", "varbinary(2)"),
    "uuid": ("CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)", "uniqueidentifier"),
}  # without duration, which none of its types is


def checksum_sql(
    table: str, columns: Sequence[tuple[str, Canon, str]], where: str = "", division: Division | None = None, *,
    utf8: bool = True,
) -> str:  # fmt: skip
    """A query for (rows, sum of high words, sum of low words, rows without checksum) of a table.

    `table` and the names in `columns` are quoted; each column brings its form and its native type. `where` is a
    condition without its keyword. `utf8` says that the server has collations in UTF-8. The sums are to be reduced
    modulo 2^64. With a `division` there is a row for each segment, whose name comes first. RequestError if a native
    type has no canonical text in its form.
    """
    fields = [_field(name, canon, split(native), utf8=utf8) for name, canon, native in columns]
    salt = salted(division)
    hashed = _hashed(_row([*([salt] if salt else []), *_separated(fields)]))
    condition = f" WHERE {where}" if where else ""
    high, low = (f"ISNULL(SUM(CAST(CAST(SUBSTRING(h, {start}, 8) AS bigint) AS decimal(38,0))), 0)" for start in (1, 9))
    first, last = grouped(division)
    rows = f"SELECT {hashed} AS h FROM {table}{condition}"
    if division and division.digits and not division.places and not salt:
        rows = f"SELECT h, {_shown('h', division.digits)} AS g FROM ({rows}) AS r"  # hashed once
    elif division:
        rows = f"SELECT {hashed} AS h, {_segment(columns, fields, division)} AS g FROM {table}{condition}"
    return f"SELECT {first}COUNT_BIG(*), {high}, {low}, COUNT_BIG(*) - COUNT_BIG(h) FROM ({rows}) AS s{last}"


def _segment(columns: Sequence[tuple[str, Canon, str]], fields: Sequence[str], division: Division) -> str:
    if division.step:
        # % and / take the sign of what they divide, and / of decimals rounds: so what is over goes first.
        away = f"(CAST({columns[division.places[0]][0]} AS decimal(38,0)) - ({division.low}))"
        over = f"((({away} % {division.step}) + {division.step}) % {division.step})"
        return f"CAST(({away} - {over}) / {division.step} AS bigint)"
    if not division.digits:
        return "''"
    key = [fields[place] for place in division.places] if division.places else list(fields)
    return _shown(_hashed(_row(_separated(key))), division.digits)


def _shown(octets: str, digits: int) -> str:
    return f"LOWER(LEFT(CONVERT(varchar(64), {octets}, 2), {digits}))"


def _separated(fields: Sequence[str]) -> list[str]:
    return [part for field in fields for part in ("'|'", field)][1:]


def _row(parts: Sequence[str]) -> str:
    """The parts behind each other, of any length."""
    first = f"CAST('' AS varchar(max)) {_UTF8}"
    if not parts:
        return first
    if len(parts) <= _ARGUMENTS:
        return f"CONCAT({first}, {', '.join(parts)})"
    return _row([_row(parts[first : first + _ARGUMENTS]) for first in range(0, len(parts), _ARGUMENTS)])


def _hashed(text: str) -> str:
    return f"HASHBYTES('SHA2_256', {text})"


def _is(native: Native, names: str) -> bool:
    return re.fullmatch(names, native.name) is not None


def _field(name: str, canon: Canon, native: Native, *, utf8: bool) -> str:
    """SQL of a column's canonical text, '~' for NULL."""
    text = ""
    if canon.form in ("text", "padded"):
        text = _counted(_text(name, native, cut=canon.form == "padded", utf8=utf8))
    elif canon.form == "uuid":
        text = _uuid(name, native, utf8=utf8)
    elif canon.form == "binary" and _is(native, _BINARIES):
        text = _binary(name, native)
    elif canon.form == "float" and _is(native, "float|real"):
        # Adding 0 makes 0 of -0.
        text = f"CONVERT(varchar(16), CAST(CAST({name} AS float) + 0e0 AS binary(8)), 2)"
    elif canon.form in ("integer", "decimal", "number", "boolean") and _is(native, _NUMBER):
        text = _number(name, canon.digits if canon.form == "decimal" else 0, native)
    elif canon.form in ("date", "timestamp", "instant", "time"):
        text = _moment(name, canon, native)
    if not text:
        raise RequestError(
            f"SQL Server's {native.text} has no one canonical text of the form {canon.form}", column=name
        )
    return f"ISNULL({text}, '~')"


def _text(name: str, native: Native, *, cut: bool, utf8: bool) -> str:
    """A value in UTF-8."""
    if not utf8:
        raise RequestError("SQL Server has no UTF-8 before 2019", column=name)
    size = native.argument(0, 0)
    if _is(native, _TEXTS):
        wide = f"CAST({name} AS {_sized('nvarchar', size, _LONGEST // 2)})"
    else:
        rule = read_rule(READS, native.text)
        if not rule or rule.type(native).kind not in ("text", "json"):
            raise RequestError(f"SQL Server's {native.text} has no one canonical text", column=name)
        wide, size = f"CAST({rule.projected(native.text, name)} AS nvarchar(max))", 0
    most = 3 * size  # a unit of UTF-16 takes three octets at most; two that are one character take four
    made = f"RTRIM({wide})" if cut else wide
    return f"CAST({made} {_UTF8} AS {_sized('varchar', most, _LONGEST - _COUNT)})"


def _sized(name: str, size: int, most: int) -> str:
    return f"{name}({size})" if 0 < size <= most else f"{name}(max)"


def _counted(text: str) -> str:
    return f"CAST(DATALENGTH({text}) AS varchar(11)) + '|' + {text}"


def _uuid(name: str, native: Native, *, utf8: bool) -> str:
    if _is(native, "uniqueidentifier"):
        return f"LOWER(CONVERT(varchar(36), {name}))"
    if not _is(native, _TEXTS):
        return ""
    text = _text(name, native, cut=_is(native, "char|nchar"), utf8=utf8)
    shaped = f"DATALENGTH({text}) = 36 AND {text} NOT LIKE '%[^0-9A-Fa-f-]%'"
    return f"CASE WHEN {shaped} THEN LOWER({text}) ELSE {_counted(text)} END"


def _binary(name: str, native: Native) -> str:
    size = 8 if _is(native, "rowversion") else native.argument(0, 0)
    octets = f"CAST({name} AS {_sized('varbinary', size, _LONGEST)})"
    digits = f"CONVERT({_sized('varchar', 2 * size, _LONGEST - _COUNT)}, {octets}, 2)"
    return f"CAST(DATALENGTH({octets}) AS varchar(11)) + '|' + {digits}"


def _number(name: str, digits: int, native: Native) -> str:
    """At least `digits` decimals; more where a value has more, so that nothing is rounded away."""
    if _is(native, _INTEGER):
        return _at_least(f"CAST({name} AS varchar(20))", 0, digits)
    if _is(native, "money|smallmoney"):
        return _at_least(f"CAST(CAST({name} AS decimal(19,4)) AS varchar(41))", 4, digits)
    return _at_least(f"CAST({name} AS varchar(41))", native.argument(1, 0), digits)


def _at_least(text: str, have: int, want: int) -> str:
    """Text with `have` decimals with `want`: zeros come and go, other digits stay."""
    if have == want:
        return text
    if have < want:
        return f"{text} + '{'' if have else '.'}{'0' * (want - have)}'"
    more = have - want
    tail = f"REPLACE(RTRIM(REPLACE(RIGHT({text}, {more}), '0', ' ')), ' ', '0')"
    if want:
        return f"LEFT({text}, LEN({text}) - {more}) + {tail}"
    # The point goes with the last decimal.
    return f"LEFT({text}, LEN({text}) - {more + 1}) + CASE {tail} WHEN '' THEN '' ELSE '.' + {tail} END"


def _moment(name: str, canon: Canon, native: Native) -> str:
    have = native.argument(0, 7)
    if canon.form == "date":
        return f"CONVERT(varchar(10), {name}, 23)" if _is(native, "date") else ""
    if canon.form == "time":
        return _at_least(f"CONVERT(varchar(16), {name}, 121)", have, canon.digits) if _is(native, "time") else ""
    if canon.form == "instant":
        if not _is(native, "datetimeoffset(, as nanoseconds)?"):
            return ""
        return _at_least(
            f"CONVERT(varchar(27), CAST({UTC.format(c=name)} AS datetime2({have})), 121)", have, canon.digits
        )
    if _is(native, "datetime2(, as nanoseconds)?"):
        return _at_least(f"CONVERT(varchar(27), {name}, 121)", have, canon.digits)
    if _is(native, "datetime"):
        return _at_least(f"CONVERT(varchar(23), {name}, 121)", 3, canon.digits)
    return _at_least(f"CONVERT(varchar(19), {name}, 120)", 0, canon.digits) if _is(native, "smalldatetime") else ""
