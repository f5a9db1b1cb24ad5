"""The checksum in Oracle's SQL, version 12.2 and later. docs/checksum.md says what each form prints.

Written from Oracle's manual and run on the test server alone. A row's text is one concatenation: '' is NULL there, so
what is NULL adds nothing to it, and a field may be several pieces.

SQL's texts end at 4,000 octets. A row that may be longer is measured first. Up to there STANDARD_HASH takes it; above,
it is put together as a CLOB for DBMS_CRYPTO.HASH, which needs EXECUTE on that package. Without it such a row has no
checksum, and neither has one with a CLOB, NCLOB, NVARCHAR2 or NCHAR of more than 1,000 characters, as SQL does not tell
how many octets these take in UTF-8, or with a BLOB of more than 2,000 octets, which no function of SQL prints.

No checksum at all: LONG, LONG RAW, XMLTYPE, JSON; RAW of more than 2,000 octets; NUMBER that needs more than 62 digits;
texts where the database's character set is not AL32UTF8. An empty LOB is an empty text, as it is read; '' is NULL.

Counts on a session's pin: NLS_COMP = BINARY.
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
from .types import MICROSECONDS, PRINTED, UTC, digits_of

_LONGEST = 4000  # octets of a text in SQL
_CHARACTERS = 1000  # in UTF-8 these take up to four octets each
_OCTETS = 2000  # of a RAW in SQL
_COUNT = 6  # octets of a length and what stands behind it
_DIGITS = 62  # of a format model, at most
_UNBOUNDED = 1 << 20  # octets of what has no declared length
_AD = "DATE '0001-01-01'"

_NUMBER = "number|float"
_DOUBLE = "binary_float|binary_double"
_ZONED = "timestamp with( local)? time zone"
_NATIONAL = "nvarchar2|nchar"
_LOB = "clob|nclob"

SPECIMENS: Natives = {
    "integer": ("-9007199254740993", "number(16,0)"),
    "decimal": ("CAST(-1234567.80 AS NUMBER(12,2))", "number(12,2)"),
    "number": ("CAST(1.50 AS NUMBER)", "number"),
    "float": ("CAST(-0.1 AS BINARY_DOUBLE)", "binary_double"),
    "boolean": ("1", "number(1,0)"),
    "date": ("DATE '2024-02-29'", "date"),
    "timestamp": ("TIMESTAMP '2024-02-29 07:20:00.12'", "timestamp(6)"),
    "instant": ("TIMESTAMP '2024-02-29 09:20:00.12 +02:00'", "timestamp(6) with time zone"),
    "duration": ("INTERVAL '-1 01:01:01.000001' DAY TO SECOND", "interval day(2) to second(6)"),
    "text": (f"'{TEXT}'", "varchar2(9 char)"),
    "padded": ("CAST('a ' AS CHAR(3))", "char(3 byte)"),
    "binary": ("HEXTORAW('00AB')", "raw(2)"),
}  # without time and uuid, which none of its types is


@dataclass(frozen=True)
class _Cell:
    """A field as texts behind each other, none longer than SQL's texts may be where `large` is not true.

    `most` is how many octets it has by its declaration, `size` how many a value has; '' where that varies little.
    """

    pieces: tuple[str, ...]
    most: int
    size: str = ""
    large: str = ""


def specimen_table(canon: Canon) -> tuple[str, list[tuple[str, Canon, str]]]:
    """A form's specimen as a derived table, and its column."""
    expression, native = SPECIMENS[canon.form]
    return f"(SELECT {expression} AS c FROM dual) specimen", [("c", canon, native)]


def checksum_sql(
    table: str, columns: Sequence[tuple[str, Canon, str]], where: str = "", division: Division | None = None, *,
    utf8: bool = True, crypto: bool = False,
) -> str:  # fmt: skip
    """A query for (rows, sum of high words, sum of low words, rows without checksum) of a table.

    `table`, which may end in AS OF SCN, and the names in `columns` are quoted; each column brings its form and its
    native type. `where` is a condition without its keyword. `utf8` says that the database's character set is AL32UTF8,
    `crypto` that the account may call DBMS_CRYPTO. The sums are to be reduced modulo 2^64. With a `division` there is a
    row for each segment, whose name comes first: NULL for ''. RequestError if a native type has no canonical text in
    its form.
    """
    if not columns:
        raise RequestError("Oracle has no empty text, which a row without columns is.")
    cells = [_cell(name, canon, split(native), utf8=utf8) for name, canon, native in columns]
    condition = f" WHERE {where}" if where else ""
    high, low = (f"SUM(TO_NUMBER(SUBSTR(h, {start}, 16), '{'X' * 16}'))" for start in (1, 17))
    first, last = grouped(division)
    named = f", {_segment(columns, cells, division, crypto=crypto)} AS g" if division else ""
    # Merged into the query around it, the SHA-256 would be computed once for each use.
    rows = f"SELECT /*+ NO_MERGE */ {_hashed(cells, salted(division), crypto=crypto)} AS h{named} FROM {table}"
    return (
        f"SELECT {first}COUNT(*), NVL({high}, 0), NVL({low}, 0), COUNT(*) - COUNT(h) FROM ({rows}{condition}) s{last}"
    )


def _segment(
    columns: Sequence[tuple[str, Canon, str]], cells: Sequence[_Cell], division: Division, *, crypto: bool
) -> str:
    if division.step:
        place = f"FLOOR(({columns[division.places[0]][0]} - ({division.low})) / {division.step})"
        return _printed(place)
    if not division.digits:
        return "''"
    key = [cells[place] for place in division.places] if division.places else cells
    return f"LOWER(SUBSTR({_hashed(key, '', crypto=crypto)}, 1, {division.digits}))"


def _hashed(cells: Sequence[_Cell], salt: str, *, crypto: bool) -> str:
    """The SHA-256 of a row's text in hexadecimal digits, NULL where SQL cannot make it."""
    pieces = [salt] if salt else []
    for place, cell in enumerate(cells):
        pieces += [*(["'|'"] if place else []), *cell.pieces]
    short = f"RAWTOHEX(STANDARD_HASH({' || '.join(pieces)}, 'SHA256'))"
    between = len(salt) + len(cells)
    if between + sum(cell.most for cell in cells) <= _LONGEST:
        return short
    large = " OR ".join(cell.large for cell in cells if cell.large)
    never = f"WHEN {large} THEN NULL " if large else ""
    known = between + sum(cell.most for cell in cells if not cell.size)
    sizes = " + ".join([str(known), *(cell.size for cell in cells if cell.size)])
    long = f"RAWTOHEX(DBMS_CRYPTO.HASH(TO_CLOB({' || '.join([f'{pieces[0]})', *pieces[1:]])}, 4))" if crypto else "NULL"
    return f"CASE {never}WHEN {sizes} <= {_LONGEST} THEN {short} ELSE {long} END"


def _is(native: Native, names: str) -> bool:
    return re.fullmatch(names, native.name) is not None


def _cell(name: str, canon: Canon, native: Native, *, utf8: bool) -> _Cell:
    cell: _Cell | None = None
    if canon.form in ("text", "padded"):
        cell = _text(name, native, utf8=utf8, cut=canon.form == "padded")
    elif canon.form == "binary":
        cell = _binary(name, native)
    elif canon.form == "float" and _is(native, _DOUBLE):
        # Adding 0 makes 0 of -0.
        bits = f"RAWTOHEX(UTL_RAW.CAST_FROM_BINARY_DOUBLE(TO_BINARY_DOUBLE({name} + 0), 1))"
        cell = _plain(name, f"CASE WHEN {name} = BINARY_DOUBLE_NAN THEN '7FF8000000000000' ELSE {bits} END", 16)
    elif canon.form in ("integer", "decimal", "number", "boolean") and _is(native, _NUMBER):
        cell = _number(name, canon.digits if canon.form == "decimal" else 0, native)
    elif canon.form in ("date", "timestamp", "instant"):
        cell = _moment(name, canon, native)
    elif canon.form == "duration" and _is(native, "interval day to second"):
        cell = _plain(name, _printed(MICROSECONDS.format(c=name)), 30)
    if not cell:
        raise RequestError(f"Oracle's {native.text} has no one canonical text of the form {canon.form}", column=name)
    return cell


def _plain(name: str, text: str, most: int, *, varies: bool = False) -> _Cell:
    """A field that is one short text."""
    piece = f"NVL2({name}, {text}, '~')"
    return _Cell((piece,), most, f"LENGTH({piece})" if varies else "")


def _text(name: str, native: Native, *, utf8: bool, cut: bool) -> _Cell | None:
    """The length is one piece and the text another: a text of 4,000 octets leaves no room for its length."""
    value, size, large = name, _declared(native), ""
    if _is(native, _NATIONAL):
        value, large = f"TO_CHAR({name})", f"LENGTH({name}) > {_CHARACTERS}" if size > _CHARACTERS else ""
        size *= 4
    elif _is(native, _LOB):
        value, size, large = f"TO_CHAR({name})", _UNBOUNDED, f"DBMS_LOB.GETLENGTH({name}) > {_CHARACTERS}"
    elif _is(native, "interval year to month"):
        value, size = f"TO_CHAR({name})", 16
    elif _is(native, "rowid|urowid"):
        value, size = f"ROWIDTOCHAR({name})", _LONGEST
    elif _is(native, _NUMBER):
        value, size = _printed(name), 64
    elif not _is(native, "varchar2|char"):
        return None
    if not utf8:
        return None
    kept = f"RTRIM({value}, ' ')" if cut else value
    length = f"NVL2({name}, NVL(LENGTHB({kept}), 0) || '|', '~')"  # of blanks, and of an empty LOB, nothing is kept
    return _Cell((length, kept), size + _COUNT, f"NVL(LENGTHB({kept}), 0) + {_COUNT}", large)


def _declared(native: Native) -> int:
    """The octets that a text may have, or the characters of a national one."""
    found = re.search(r"\((\d+)( char)?", native.text)
    if not found:
        return _UNBOUNDED
    return int(found[1]) * (4 if found[2] else 1)


def _binary(name: str, native: Native) -> _Cell | None:
    if _is(native, "raw") and native.argument(0, _OCTETS) <= _OCTETS:
        digits = f"RAWTOHEX({name})"
        size = f"NVL(LENGTH({digits}), 0) + {_COUNT}"
        counted = f"NVL2({name}, (LENGTH({digits}) / 2) || '|', '~')"
        return _Cell((counted, digits), 2 * native.argument(0, _OCTETS) + _COUNT, size)
    if not _is(native, "blob"):
        return None
    length = f"NVL(DBMS_LOB.GETLENGTH({name}), 0)"
    counted = f"NVL2({name}, {length} || '|', '~')"
    digits = f"RAWTOHEX(DBMS_LOB.SUBSTR({name}, {_OCTETS}, 1))"
    return _Cell((counted, digits), _UNBOUNDED, f"2 * {length} + {_COUNT}", f"{length} > {_OCTETS}")


def _printed(number: str) -> str:
    return PRINTED.format(c=number)


def _number(name: str, digits: int, native: Native) -> _Cell | None:
    """At least `digits` decimals; more where a value has more, so that nothing is rounded away."""
    if not native.arguments or _is(native, "float"):
        return _plain(name, _any_number(name, digits), 140, varies=True)
    have, scale = digits_of(native)
    if have > _DIGITS:
        return None
    if scale > digits or have - scale + digits > _DIGITS:
        return _plain(name, _any_number(name, digits), 140, varies=True)
    if not digits:
        return _plain(name, _printed(name), have + 1, varies=True)
    model = f"FM{'9' * (have - scale - 1)}0.{'0' * digits}"
    text = f"TO_CHAR({name}, '{model}', 'NLS_NUMERIC_CHARACTERS=''.,''')"
    return _plain(name, text, len(model) + 1, varies=True)


def _any_number(name: str, digits: int) -> str:
    """Of a number that may have any decimals; what it has is printed as .5, and 0 where it has none."""
    decimals = f"SUBSTR({_printed(f'ABS({name}) - TRUNC(ABS({name}))')}, 2)"
    tail = f"NVL2({decimals}, '.' || {decimals}, '')"
    if digits:
        kept = f"NVL({decimals}, '0')"
        tail = f"'.' || RPAD({kept}, GREATEST({digits}, LENGTH({kept})), '0')"
    return f"CASE WHEN {name} < 0 THEN '-' END || {_printed(f'TRUNC(ABS({name}))')} || {tail}"


def _moment(name: str, canon: Canon, native: Native) -> _Cell | None:
    """YYYY is a year without its sign."""
    zoned = _is(native, _ZONED)
    if zoned != (canon.form == "instant") or not (zoned or _is(native, "date|timestamp")):
        return None
    value = UTC.format(c=name) if zoned else name
    era = f"CASE WHEN {value} < {_AD} THEN ' BC' END"
    if canon.form == "date":
        clock = f"CASE WHEN {name} <> TRUNC({name}) THEN TO_CHAR({name}, ' HH24:MI:SS') END"
        return _plain(name, f"TO_CHAR({name}, 'YYYY-MM-DD') || {clock} || {era}", 24) if _is(native, "date") else None
    second = "YYYY-MM-DD HH24:MI:SS"
    have = 0 if _is(native, "date") else native.argument(0, 6)
    if not have:
        text = f"TO_CHAR({value}, '{second}')" + (f" || '.{'0' * canon.digits}'" if canon.digits else "")
    elif have <= canon.digits:
        text = f"TO_CHAR({value}, '{second}.FF{canon.digits}')"
    elif not canon.digits:
        text = f"RTRIM(RTRIM(TO_CHAR({value}, '{second}.FF9'), '0'), '.')"
    else:
        finer = f"RTRIM(SUBSTR(TO_CHAR({value}, 'FF9'), {canon.digits + 1}), '0')"
        text = f"TO_CHAR({value}, '{second}.FF{canon.digits}') || {finer}"
    return _plain(name, f"{text} || {era}", 34)
