"""The checksum in DuckDB's SQL, version 2.0. docs/checksum.md says what each form prints.

Does not depend on the session's time zone. Measured on lineitem (us of one core a row): text 0.75 by
concat_ws and 1.3 by ||, SHA-256 0.65, two sums 0.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...canonical import Canon
from ...errors import RequestError
from ...rules import Native, split
from ...segments import Division, grouped, salted
from ...specimen import TEXT, Natives
from .nested import as_json, nested

_SHORT = "u?(tinyint|smallint|integer)"
_INTEGER = f"{_SHORT}|u?(bigint|hugeint)"
_LOCAL = "timestamp|timestamp_s|timestamp_ms|timestamp_ns|datetime"
_ZONED = "timestamp with time zone|timestamptz|timestamptz_ns"
_FINE = "timestamp_ns|timestamptz_ns"
_WIDEST = 38  # digits of a DECIMAL

SPECIMENS: Natives = {
    "integer": ("(-9007199254740993)::BIGINT", "BIGINT"),
    "decimal": ("(-1234567.80)::DECIMAL(12,2)", "DECIMAL(12,2)"),
    "number": ("1.50::DECIMAL(12,2)", "DECIMAL(12,2)"),
    "float": ("(-0.1)::DOUBLE", "DOUBLE"),
    "boolean": ("true", "BOOLEAN"),
    "date": ("'2024-02-29'::DATE", "DATE"),
    "timestamp": ("'2024-02-29 07:20:00.12'::TIMESTAMP", "TIMESTAMP"),
    "instant": ("'2024-02-29 07:20:00.12+00'::TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"),
    "time": ("'07:05:09.5'::TIME", "TIME"),
    "duration": ("to_microseconds(-90061000001)", "INTERVAL"),
    "text": (f"'{TEXT}'", "VARCHAR"),
    "padded": ("'a '", "VARCHAR"),
    "binary": ("unhex('00AB')", "BLOB"),
    "uuid": ("'6F9619FF-8B86-D011-B42D-00C04FC964FF'::UUID", "UUID"),
}  # fmt: skip


def checksum_sql(
    table: str, columns: Sequence[tuple[str, Canon, str]], where: str = "", division: Division | None = None
) -> str:
    """A query for (rows, sum of high words, sum of low words, rows without checksum) of a table.

    `table` and the names in `columns` are quoted; each column brings its form and its native type.
    `where` is a condition without its keyword. The sums are to be reduced modulo 2^64. With a `division` there is a
    row for each segment, whose name comes first. RequestError if a native type has no canonical text in its form.
    """
    cells = [_fields(name, canon, split(native)) for name, canon, native in columns]
    row = " || ".join(filter(None, (salted(division), _row(cells) if cells else "''")))
    condition = f" WHERE {where}" if where else ""
    high, low = (f"('0x' || substr(h, {start}, 16))::UBIGINT" for start in (1, 17))
    first, last = grouped(division)
    named = f", {_segment(columns, cells, division)} AS g" if division else ""
    return (
        f"SELECT {first}count(*), coalesce(sum({high}), 0), coalesce(sum({low}), 0), count(*) - count(h) "
        f"FROM (SELECT sha256({row}) AS h{named} FROM {table}{condition}) AS s{last}"
    )


def _segment(
    columns: Sequence[tuple[str, Canon, str]], cells: Sequence[tuple[str, ...]], division: Division
) -> str:  # fmt: skip
    if division.step:
        return f"({columns[division.places[0]][0]}::BIGINT - {division.low}) // {division.step}"
    if not division.digits:
        return "''"
    key = _row([cells[place] for place in division.places] if division.places else cells)
    return f"left(sha256({key}), {division.digits})"


def _row(cells: Sequence[tuple[str, ...]]) -> str:
    """The fields in a row; concat_ws passes over a text or bytes that are NULL, behind the mark of NULL."""
    marked = [field for first, *others in cells for field in (f"coalesce({first}, '~')", *others)]
    return f"concat_ws('|', {', '.join(marked)})"


def _is(native: Native, names: str) -> bool:
    return re.fullmatch(names, native.name) is not None


def _fields(name: str, canon: Canon, native: Native) -> tuple[str, ...]:
    """SQL of the fields that a column prints as, NULL for NULL."""
    text = ""
    if canon.form in ("text", "padded"):
        shape = nested(native.text)
        plain = name if _is(native, "varchar") else as_json(shape, name) if shape else f"{name}::VARCHAR"
        plain = f"rtrim({plain}, ' ')" if canon.form == "padded" else plain
        return f"strlen({plain})::VARCHAR", plain
    if canon.form == "binary" and _is(native, "blob|geometry"):
        octets = f"ST_AsWKB({name})" if _is(native, "geometry") else name
        return f"octet_length({octets})::VARCHAR", f"hex({octets})"
    if canon.form == "uuid" and _is(native, "uuid|varchar"):
        text = f"{name}::VARCHAR" if _is(native, "uuid") else _shaped(name)
    elif canon.form == "float" and _is(native, f"float|real|double|{_SHORT}"):
        # The sign of a NaN is kept in storage and comes with the bits.
        number = f"{name}::DOUBLE"
        text = f"CASE WHEN isnan({number}) THEN '7FF8000000000000' ELSE hex(({number} + 0)::BIT::BLOB) END"
    elif canon.form in ("integer", "decimal", "number", "boolean"):
        text = _number(name, canon.digits if canon.form == "decimal" else 0, native)
    elif canon.form in ("date", "timestamp", "instant", "time", "duration"):
        text = _moment(name, canon, native)
    if not text:
        raise RequestError(f"DuckDB's {native.text} has no one canonical text of the form {canon.form}", column=name)
    return (text,)


def _shaped(text: str) -> str:
    shaped = f"regexp_full_match({text}, '[0-9A-Fa-f-]{{36}}')"
    return f"CASE WHEN {shaped} THEN lower({text}) ELSE strlen({text}) || '|' || {text} END"


def _at_least(text: str, have: int, want: int) -> str:
    """Text with `have` decimals with `want`: zeros come and go, other digits stay."""
    if have <= want:
        return f"{text} || '{'' if have else '.'}{'0' * (want - have)}'" if have < want else text
    if not want:
        return f"rtrim(rtrim({text}, '0'), '.')"
    return f"left({text}, {want - have}) || rtrim(right({text}, {have - want}), '0')"


def _number(value: str, digits: int, native: Native) -> str:
    if _is(native, _INTEGER):
        return _at_least(f"{value}::VARCHAR", 0, digits)
    if _is(native, "boolean"):
        return _at_least(f"{value}::INTEGER::VARCHAR", 0, digits)
    if not _is(native, "decimal|numeric"):
        return ""
    precision, scale = native.argument(0, 18), native.argument(1, 3)
    text = f"{value}::VARCHAR"
    if precision == scale:  # prints .50
        text = f"replace({text}, '.', '0.')"
    return _at_least(text, scale, digits)


def _moment(value: str, canon: Canon, native: Native) -> str:
    if canon.form == "date":
        return _date(value, native)
    if canon.form == "time":
        return _time(f"{value}::VARCHAR", canon.digits) if _is(native, "time|time_ns") else ""
    if canon.form == "duration":
        return _microseconds(value, native)
    if _is(native, "date") and canon.form == "timestamp":
        return _timestamp(f"{value}::TIMESTAMP", canon.digits, 6)
    if _is(native, _ZONED):
        return _timestamp(f"timezone('UTC', {value})", canon.digits, 9 if _is(native, _FINE) else 6)
    if _is(native, "timestamp_s|timestamp_ms"):  # which strftime takes for nanoseconds
        return _timestamp(f"{value}::TIMESTAMP", canon.digits, 6)
    return _timestamp(value, canon.digits, 9 if _is(native, _FINE) else 6) if _is(native, _LOCAL) else ""


def _date(value: str, native: Native) -> str:
    if _is(native, "date"):
        return f"replace({value}::VARCHAR, ' (BC)', ' BC')"
    if not _is(native, _LOCAL):
        return ""
    value = f"{value}::TIMESTAMP" if _is(native, "timestamp_s|timestamp_ms") else value
    whole = _timestamp(value, 0, 9 if _is(native, "timestamp_ns") else 6)
    return f"regexp_replace({whole}, ' 00:00:00( BC)?$', '\\1')"


def _timestamp(value: str, digits: int, have: int) -> str:
    clock = f"-%m-%d %H:%M:%S.{'%n' if have > 6 else '%f'}"
    near = _at_least(f"strftime({value}, '%Y{clock}')", have, digits)
    # strftime counts the years before 1 downwards from 0
    rest = _at_least(f"strftime({value}, '{clock}')", have, digits)
    year = f"(1 - year({value}))::VARCHAR"
    before = f"lpad({year}, greatest(4, strlen({year}))::INTEGER, '0') || {rest}"  # lpad cuts what is longer
    return (
        f"CASE WHEN NOT isfinite({value}) THEN {value}::VARCHAR "
        f"WHEN year({value}) > 0 THEN {near} ELSE {before} || ' BC' END"
    )


def _time(text: str, digits: int) -> str:
    """DuckDB's text of a time, which ends at its last digit that is not zero, with `digits` at least."""
    if not digits:
        return text
    return (
        f"CASE WHEN strlen({text}) = 8 THEN {text} || '.{'0' * digits}' "
        f"ELSE {text} || repeat('0', greatest({9 + digits} - strlen({text}), 0)) END"
    )


def _microseconds(value: str, native: Native) -> str:
    if _is(native, _INTEGER):
        return f"{value}::VARCHAR"
    if not _is(native, "interval"):
        return ""
    # epoch_us takes a month for 30 days: a value with months prints as it is and is seen to differ.
    whole = f"datepart('year', {value}) = 0 AND datepart('month', {value}) = 0"
    return f"CASE WHEN {whole} THEN epoch_us({value})::VARCHAR ELSE {value}::VARCHAR END"
