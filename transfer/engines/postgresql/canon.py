"""The checksum in PostgreSQL's SQL, version 13 and later. docs/checksum.md says what each form prints.

Counts on the session's pins: DateStyle ISO, IntervalStyle iso_8601, standard_conforming_strings on, client_encoding
UTF8, in which textsend gives the octets of a text.

Measured on 15 and 18 (us of one core): a field of concat_ws 0.06, and 0.03 more where it is cast to text first;
bpchar::text 0.11, which counts letters, and 0.04 by way of name, which does not; to_char of a timestamp 0.35 but
::text with its fraction padded 0.18; upper() 0.25 but 0.05 in the C collation; SHA-256 0.75; two sums from bytea or
bit(128) 0.3, from left() and substr() of all 64 hex digits 0.6.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...canonical import Canon
from ...errors import RequestError
from ...rules import Native, split
from ...segments import Division, grouped, salted
from ...specimen import TEXT, Natives

_COLUMNS = 48  # of two fields at most: a function takes 100 arguments
_NAME = 64  # octets, one of them the last: a name takes what is shorter
_BYTES_TO_INTEGERS = 180000  # the first version that casts bytea to bigint

_INTEGER = "smallint|int2|integer|int|int4|bigint|int8|oid|smallserial|serial|bigserial"
_SHORT = "smallint|int2|integer|int|int4|smallserial|serial"
_NUMERIC = "numeric|decimal"
_FLOAT = "real|float4|double precision|float8"
_TEXT = "text|character varying|varchar"
_BLANKED = "character|char|bpchar"  # their cast to text drops the blanks, which mean nothing
_LOCAL = "timestamp( without time zone)?"
_ZONED = "timestamp with time zone|timestamptz"
_CLOCK = "time( without time zone)?"

SPECIMENS: Natives = {
    "integer": ("(-9007199254740993)::bigint", "bigint"),
    "decimal": ("(-1234567.80)::numeric(12,2)", "numeric(12,2)"),
    "number": ("1.50::numeric", "numeric"),
    "float": ("(-0.1)::float8", "double precision"),
    "boolean": ("true", "boolean"),
    "date": ("'2024-02-29'::date", "date"),
    "timestamp": ("'2024-02-29 07:20:00.12'::timestamp", "timestamp without time zone"),
    "instant": ("'2024-02-29 07:20:00.12+00'::timestamptz", "timestamp with time zone"),
    "time": ("'07:05:09.5'::time", "time without time zone"),
    "duration": ("'-25:01:01.000001'::interval", "interval"),
    "text": (f"'{TEXT}'::text", "text"),
    "padded": ("'a '::char(3)", "character(3)"),
    "binary": (r"'\x00ab'::bytea", "bytea"),
    "uuid": ("'6F9619FF-8B86-D011-B42D-00C04FC964FF'::uuid", "uuid"),
}  # fmt: skip


def checksum_sql(
    table: str,
    columns: Sequence[tuple[str, Canon, str]],
    where: str = "",
    *,
    division: Division | None = None,
    server_version: int = 130000,
    utf8: bool = True,
) -> str:
    """A query for (rows, sum of high words, sum of low words, rows without checksum: 0) of a table.

    `table` and the names in `columns` are quoted; each column brings its form and its native type.
    `where` is a condition without its keyword. `server_version` is libpq's number; `utf8` says that
    the database is encoded in UTF-8. The sums are to be reduced modulo 2^64. With a `division` there is a row
    for each segment, whose name comes first. RequestError if a native type has no canonical text in its form.
    """
    plain, cells = [], []
    for place, (name, canon, native) in enumerate(columns):
        plain.append(f"{_plain(name, canon, split(native))} AS c{place}")
        cells.append(_Cell(f"c{place}", _fields(name, f"c{place}", canon, split(native), utf8=utf8)))
    condition = f" WHERE {where}" if where else ""
    # OFFSET keeps a subquery, and so each cast and each SHA-256, from being written out wherever its value
    # is used. '0' is a bigint at once; 0 still needs a cast, for which the planner gives up parallel sums.
    rows = f"SELECT {', '.join(plain)} FROM {table}{condition} OFFSET '0'"
    words, high, low = _words(server_version)
    named = f", {_segment(cells, division)} AS g" if division else ""
    row = " || ".join(filter(None, (salted(division), _row(cells))))
    texts = f"SELECT {row} AS r{named} FROM ({rows}) AS p"
    checksums = f"SELECT {words} AS h{', g' if division else ''} FROM ({texts}) AS t OFFSET '0'"
    first, last = grouped(division)
    return f"SELECT {first}count(*), coalesce(sum({high}), 0), coalesce(sum({low}), 0), 0 FROM ({checksums}) AS s{last}"


@dataclass(frozen=True)
class _Cell:
    """A column's value, and the fields that it prints as where it is not NULL."""

    value: str
    fields: tuple[str, ...]

    @property
    def marked(self) -> tuple[str, ...]:
        """The fields of any value: concat_ws passes over those behind the mark of NULL."""
        first, *others = self.fields
        return f"coalesce(({first})::text, '~')", *others


def _segment(cells: Sequence[_Cell], division: Division) -> str:
    if division.step:
        return f"(c{division.places[0]}::bigint - {division.low}) / {division.step}"
    if not division.digits:
        return "''"
    key = _row([cells[place] for place in division.places] if division.places else cells)
    return f"left(encode(sha256(textsend({key})), 'hex'), {division.digits})"


def _words(server_version: int) -> tuple[str, str, str]:
    """SQL of a row's checksum, of its high and of its low word."""
    sha = "sha256(textsend(r))"
    if server_version >= _BYTES_TO_INTEGERS:
        return sha, "substr(h, 1, 8)::bigint", "substr(h, 9, 8)::bigint"
    bits = f"('x' || encode(substr({sha}, 1, 16), 'hex'))::bit(128)"
    return bits, "h::bit(64)::bigint", "(h << 64)::bit(64)::bigint"


def _row(cells: Sequence[_Cell]) -> str:
    if not cells:
        return "''"
    groups = [_group(cells[at : at + _COLUMNS]) for at in range(0, len(cells), _COLUMNS)]
    return groups[0] if len(groups) == 1 else f"concat_ws('|', {', '.join(groups)})"


def _group(cells: Sequence[_Cell]) -> str:
    """Where nothing is NULL the fields need no cast to text, which takes 15 % off the whole."""
    values = ", ".join(cell.value for cell in cells)
    known = ", ".join(field for cell in cells for field in cell.fields)
    marked = ", ".join(field for cell in cells for field in cell.marked)
    return f"CASE WHEN ROW({values}) IS NOT NULL THEN concat_ws('|', {known}) ELSE concat_ws('|', {marked}) END"


def _plain(name: str, canon: Canon, native: Native) -> str:
    """A column's value in the type that its form is made from."""
    if canon.form in ("timestamp", "instant"):
        return f"{name} AT TIME ZONE 'UTC'" if _is(native, _ZONED) else f"{name}::timestamp"
    if canon.form == "padded" and not _is(native, _BLANKED):
        return f"rtrim({name}::text, ' ')"
    if canon.form == "padded":
        short = f"{name}::name::text"
        fits = 0 < 4 * native.argument(0, 0) < _NAME  # a letter takes four octets at most
        return short if fits else f"CASE WHEN octet_length({name}) < {_NAME} THEN {short} ELSE {name}::text END"
    if canon.form in ("text", "padded", "uuid") and not _is(native, _TEXT):
        return f"{name}::text"
    return f"{name}::numeric" if _is(native, "money") else name


def _fields(name: str, value: str, canon: Canon, native: Native, *, utf8: bool) -> tuple[str, ...]:
    """SQL of the fields that a column prints as, none of them NULL but where `value` is, which `_plain` made."""
    text = ""
    if canon.form in ("text", "padded"):
        return _octets(value, utf8=utf8), value
    if canon.form == "binary" and _is(native, "bytea"):
        return f"octet_length({value})", _hex(value)
    if canon.form == "uuid" and _is(native, f"uuid|{_TEXT}|{_BLANKED}"):
        text = value if _is(native, "uuid") else _shaped(value, utf8=utf8)
    elif canon.form == "float" and _is(native, f"{_FLOAT}|{_SHORT}"):
        # Binary COPY stores whatever NaN it is given; all of them print alike.
        number = f"{value}::float8"
        text = f"CASE WHEN {number} = 'NaN' THEN '7FF8000000000000' ELSE {_hex(f'float8send({number} + 0)')} END"
    elif canon.form in ("integer", "decimal", "number", "boolean"):
        text = _number(value, canon.digits if canon.form == "decimal" else 0, native)
    elif canon.form in ("date", "timestamp", "instant", "time", "duration"):
        text = _moment(value, canon, native)
    if not text:
        raise RequestError(
            f"PostgreSQL's {native.text} has no one canonical text of the form {canon.form}", column=name
        )
    return (text,)


def _is(native: Native, names: str) -> bool:
    return re.fullmatch(names, native.name) is not None


def _hex(octets: str) -> str:
    return f"upper(encode({octets}, 'hex') COLLATE \"C\")"


def _octets(text: str, *, utf8: bool) -> str:
    return f"octet_length({text if utf8 else f'textsend({text})'})"


def _shaped(text: str, *, utf8: bool) -> str:
    counted = f"{_octets(text, utf8=utf8)} || '|' || {text}"
    return f"CASE WHEN {text} ~ '^[0-9A-Fa-f-]{{36}}$' THEN lower({text}) ELSE {counted} END"


def _number(value: str, digits: int, native: Native) -> str:
    """At least `digits` decimals; more where a value has more, so that nothing is rounded away."""
    zeros = f"::text || '.{'0' * digits}'" if digits else ""
    if _is(native, _INTEGER) or (_is(native, "bit") and native.argument(0, 1) == 1):
        return f"{value}{zeros}"
    if _is(native, "boolean|bool"):
        return f"{value}::int{zeros}"
    if not _is(native, f"{_NUMERIC}|money"):
        return ""
    scale = 2 if _is(native, "money") else native.argument(1, 0)
    known = bool(native.arguments) or _is(native, "money")
    if known and max(scale, 0) == digits:
        return value
    if known and scale < digits:
        return f"round({value}, {digits})"
    # min_scale is NULL for NaN and infinities, which greatest ignores
    return f"round({value}, greatest({digits}, min_scale({value})))"


def _moment(value: str, canon: Canon, native: Native) -> str:
    if canon.form == "date":
        midnight = f"regexp_replace({value}::text, ' 00:00:00( BC)?$', '\\1')"
        return value if _is(native, "date") else midnight if _is(native, _LOCAL) else ""
    if canon.form == "time":
        return _fraction(f"{value}::text", 8, canon.digits) if _is(native, _CLOCK) else ""
    if canon.form == "duration":
        return _microseconds(value, native)
    day = "|date" if canon.form == "timestamp" else ""
    return _timestamp(value, canon.digits) if _is(native, f"{_LOCAL}|{_ZONED}{day}") else ""


def _fraction(text: str, whole: int, digits: int) -> str:
    """PostgreSQL's text of a time, which ends at its last digit that is not zero, with `digits` at least."""
    if not digits:
        return text
    return (
        f"CASE WHEN octet_length({text}) = {whole} THEN {text} || '.{'0' * digits}' "
        f"WHEN octet_length({text}) > {whole + digits} THEN {text} "
        f"ELSE rpad({text}, {whole + 1 + digits}, '0') END"
    )


def _timestamp(value: str, digits: int) -> str:
    if not digits:
        return value
    # Years before 1 and after 9999 are longer, by an era or by a digit; infinities have no fraction.
    far = (
        f"CASE WHEN isfinite({value}) THEN to_char({value}, 'YYYY-MM-DD HH24:MI:SS.') "
        f"|| left(to_char({value}, 'US'), {digits}) || rtrim(substr(to_char({value}, 'US'), {digits + 1}), '0') "
        f"|| '{'0' * (digits - 6)}' "
        f"|| CASE WHEN {value} < '0001-01-01' THEN ' BC' ELSE '' END ELSE {value}::text END"
    )
    near = _fraction(f"{value}::text", 19, digits)
    return f"CASE WHEN {value} >= '0001-01-01' AND {value} < '10000-01-01' THEN {near} ELSE {far} END"


def _microseconds(value: str, native: Native) -> str:
    if _is(native, _INTEGER):
        return value
    if not _is(native, "interval.*"):
        return ""
    # By parts, as the epoch of an interval is a double before version 14. A day is 24 hours; a month is
    # no number of hours, so a value with months prints as it is and is seen to differ.
    units = (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000), ("microseconds", 1))
    total = " + ".join(f"extract({unit} FROM {value})::bigint * {size}" for unit, size in units)
    return (
        f"CASE WHEN extract(year FROM {value}) = 0 AND extract(month FROM {value}) = 0 "
        f"THEN ({total})::text ELSE {value}::text END"
    )
