"""The checksum in the SQL of MariaDB and MySQL. docs/checksum.md says what each form prints.

Counts on the session's pins: time_zone +00:00, NAMES utf8mb4, sql_mode without PAD_CHAR_TO_FULL_LENGTH.
Run on MariaDB 10.11; for MySQL written from its manual.

Measured on lineitem (us of one core a row): text 1.1, or 1.9 where each value is cast or converted
although nothing asks for it, SHA-256 0.6, two sums 0.6.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...canonical import Canon
from ...errors import RequestError
from ...rules import Native, split
from ...segments import Division, grouped, salted
from ...specimen import TEXT, Natives

_NUMBERED = "( unsigned)?( zerofill)?"
_SHORT = f"(tinyint|smallint|mediumint|int|integer){_NUMBERED}"
_INTEGER = f"{_SHORT}|bigint{_NUMBERED}|boolean|bool|bit|year"
_DECIMAL = f"(decimal|numeric|dec|fixed){_NUMBERED}"
_FLOAT = f"(float|double|double precision|real){_NUMBERED}"
_BLANKED = "char|character"
_TEXT = r"varchar|tinytext|text|mediumtext|longtext|(enum|set)\b.*"
_BINARY = "binary|varbinary|tinyblob|blob|mediumblob|longblob"
_STAMP = "datetime|timestamp"

SPECIMENS: Natives = {
    "integer": ("-9007199254740993", "bigint"),
    "decimal": ("cast('-1234567.80' AS decimal(12,2))", "decimal(12,2)"),
    "number": ("cast('1.50' AS decimal(12,2))", "decimal(12,2)"),
    "float": ("-0.1e0", "double"),
    "boolean": ("true", "tinyint(1)"),
    "date": ("cast('2024-02-29' AS date)", "date"),
    "timestamp": ("cast('2024-02-29 07:20:00.12' AS datetime(6))", "datetime(6)"),
    "instant": ("cast(from_unixtime(1709191200.12) AS datetime(6))", "datetime(6)"),  # in the session's time zone
    "time": ("cast('07:05:09.5' AS time(6))", "time(6)"),
    "duration": ("cast('-25:01:01.000001' AS time(6))", "time(6)"),
    "text": (f"'{TEXT}'", "varchar(9)"),
    "padded": ("'a '", "varchar(9)"),
    "binary": ("cast(X'00AB' AS binary)", "varbinary(2)"),
    "uuid": ("'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "varchar(36)"),
}  # fmt: skip


def checksum_sql(
    table: str, columns: Sequence[tuple[str, Canon, str]], where: str = "", division: Division | None = None, *,
    utf8: bool = False,
) -> str:  # fmt: skip
    """A query for (rows, sum of high words, sum of low words, rows without checksum) of a table.

    `table` and the names in `columns` are quoted; each column brings its form and its native type, as
    COLUMN_TYPE has it. `where` is a condition without its keyword. `utf8` says that all text columns
    have the character set utf8mb4, which saves 0.05 us a value. The sums are to be reduced modulo 2^64.
    A row whose text is longer than max_allowed_packet has no checksum. With a `division` there is a row for each
    segment, whose name comes first. RequestError if a native type has no canonical text in its form.
    """
    fields = [_field(name, canon, split(native), utf8=utf8) for name, canon, native in columns]
    row = _joined(fields) if fields else "''"
    row = f"concat({salted(division)}, {row})" if salted(division) else row
    condition = f" WHERE {where}" if where else ""
    # Without the cast a sum of conv() is one of doubles.
    high, low = (f"cast(conv(substr(h, {start}, 16), 16, 10) AS unsigned)" for start in (1, 17))
    # Without a limit the derived table is merged, and SHA-256 computed once for each use.
    first, last = grouped(division)
    named = f", {_segment(columns, fields, division)} AS g" if division else ""
    return (
        f"SELECT {first}count(*), coalesce(sum({high}), 0), coalesce(sum({low}), 0), count(*) - count(h) "
        f"FROM (SELECT sha2({row}, 256) AS h{named} FROM {table}{condition} LIMIT 18446744073709551615) AS s{last}"
    )


def _segment(columns: Sequence[tuple[str, Canon, str]], fields: Sequence[str], division: Division) -> str:
    if division.step:
        return f"(cast({columns[division.places[0]][0]} AS signed) - {division.low}) DIV {division.step}"
    if not division.digits:
        return "''"
    key = _joined([fields[place] for place in division.places] if division.places else fields)
    return f"left(sha2({key}, 256), {division.digits})"


def _joined(fields: Sequence[str]) -> str:
    """Not by concat_ws, which skips NULL: a field above max_allowed_packet is NULL, and so its row is to be."""
    separated = ", '|', ".join(fields)
    return f"concat({separated})"


def _is(native: Native, names: str) -> bool:
    return re.fullmatch(names, native.name, re.DOTALL) is not None


def _field(name: str, canon: Canon, native: Native, *, utf8: bool) -> str:
    """SQL of a column's canonical text, '~' for NULL."""
    text = ""
    if canon.form in ("text", "padded"):
        text = _counted(_text(name, canon, native, utf8=utf8))
    elif canon.form == "uuid" and _is(native, f"uuid|{_BLANKED}|{_TEXT}"):
        # coalesce(uuid, '~') is a uuid again: NULL, which concat_ws skips
        text = f"cast({name} AS char)" if _is(native, "uuid") else _shaped(_text(name, canon, native, utf8=utf8))
    elif canon.form == "binary" and _is(native, _BINARY):
        text = f"concat(length({name}), '|', hex({name}))"
    elif canon.form == "float" and _is(native, f"{_FLOAT}|{_SHORT}"):
        # SQL shows no bits of a double, but a point holds two: its well-known binary form is the byte
        # order (little), four bytes that say "point", x and y.
        text = f"hex(reverse(substr(st_asbinary(point({name} + 0e0, 0)), 6, 8)))"
    elif canon.form in ("integer", "decimal", "number", "boolean"):
        text = _number(name, canon.digits if canon.form == "decimal" else 0, native)
    elif canon.form in ("date", "timestamp", "instant", "time", "duration"):
        text = _moment(name, canon, native)
    if not text:
        raise RequestError(f"the type {native.text} has no one canonical text of the form {canon.form}", column=name)
    # What may be above max_allowed_packet is then NULL, and no NULL of the table's.
    long = canon.form in ("text", "padded", "binary", "uuid")
    return f"if({name} IS NULL, '~', {text})" if long else f"coalesce({text}, '~')"


def _text(name: str, canon: Canon, native: Native, *, utf8: bool) -> str:
    """A value as UTF-8; other types than text print in the session's character set, which is that."""
    plain = name
    if _is(native, "bit"):
        plain = f"lpad(bin({name} + 0), {native.argument(0, 1)}, '0')"
    elif not _is(native, f"{_BLANKED}|{_TEXT}"):
        plain = f"cast({name} AS char)"
    elif not utf8:
        plain = f"convert({name} USING utf8mb4)"
    cut = canon.form == "padded" and not _is(native, _BLANKED)
    return f"trim(TRAILING ' ' FROM {plain})" if cut else plain


def _counted(text: str) -> str:
    return f"concat(length({text}), '|', {text})"


def _shaped(text: str) -> str:
    # not '^[..]{36}$': that matches a line's end before the text's
    shaped = f"length({text}) = 36 AND {text} NOT REGEXP '[^0-9A-Fa-f-]'"
    return f"CASE WHEN {shaped} THEN lower({text}) ELSE {_counted(text)} END"


def _at_least(text: str, have: int, want: int) -> str:
    """Text with `have` decimals with `want`: zeros come and go, other digits stay."""
    if have == want:
        return text
    if have < want:
        return f"concat({text}, '{'' if have else '.'}{'0' * (want - have)}')"
    more = have - want
    if not want:
        return f"trim(TRAILING '.' FROM trim(TRAILING '0' FROM {text}))"
    kept = f"left({text}, char_length({text}) - {more})"
    return f"concat({kept}, trim(TRAILING '0' FROM right({text}, {more})))"


def _number(value: str, digits: int, native: Native) -> str:
    if native.name.endswith("zerofill") or _is(native, "bit|year"):
        value = f"({value} + 0)"
    if _is(native, _INTEGER):
        return _at_least(value, 0, digits)
    return _at_least(value, native.argument(1, 0), digits) if _is(native, _DECIMAL) else ""


def _moment(value: str, canon: Canon, native: Native) -> str:
    """Dates with zeros for months or days print as they are stored."""
    if canon.form == "date":
        whole = _at_least(value, native.argument(0, 0), 0)
        midnight = f"if(right({whole}, 9) = ' 00:00:00', left({whole}, 10), {whole})"
        return value if _is(native, "date") else midnight if _is(native, "datetime") else ""
    if canon.form == "time":
        return _at_least(value, native.argument(0, 0), canon.digits) if _is(native, "time") else ""
    if canon.form == "duration":
        return _microseconds(value, native)
    if _is(native, "date") and canon.form == "timestamp":
        return _at_least(f"concat({value}, ' 00:00:00')", 0, canon.digits)
    return _at_least(value, native.argument(0, 0), canon.digits) if _is(native, _STAMP) else ""


def _microseconds(value: str, native: Native) -> str:
    if not _is(native, "time"):
        return value if _is(native, f"{_SHORT}|bigint{_NUMBERED}") else ""
    seconds = f"hour({value}) * 3600 + minute({value}) * 60 + second({value})"
    return f"if({value} < TIME'00:00:00', -1, 1) * (({seconds}) * 1000000 + microsecond({value}))"
