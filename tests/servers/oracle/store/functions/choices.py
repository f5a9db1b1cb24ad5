"""Rows' ids, choices among values, comparison, and what a session says of itself."""

from __future__ import annotations

from ...spoken import BINARY_DOUBLE, NUMBER, Kind
from .. import values
from ..convert import converted, near, whole
from ..values import Stored
from .registry import FUNCTIONS, Context, asking, plain

FUNCTIONS["rowid"] = lambda object_, row: None if row is None else values.rowid(object_, row)


@plain("chartorowid")
def _chartorowid(value: Stored) -> Stored:
    return values.rowid_of(value) if isinstance(value, str) else value


@plain("rowidtochar")
def _rowidtochar(value: Stored) -> Stored:
    assert isinstance(value, bytes)
    return values.rowid_text(value)


@plain("dbms_rowid_rowid_create")
def _rowid_create(_: Stored, object_: Stored, _file: Stored, block: Stored, row: Stored) -> Stored:
    return values.rowid(whole(object_), whole(block) * values.ROWS_A_BLOCK)[:-2] + whole(row).to_bytes(2, "big")


@plain("dbms_rowid_rowid_object")
def _rowid_object(value: Stored) -> Stored:
    assert isinstance(value, bytes)
    return values.number(values.row_of(value)[0])


@plain("dbms_rowid_rowid_block_number")
def _rowid_block(value: Stored) -> Stored:
    assert isinstance(value, bytes)
    return values.number(values.row_of(value)[1] // values.ROWS_A_BLOCK)


def _first_known(*given: Stored) -> Stored:
    known = [value for value in given if value is not None]
    return known[0] if known else None


FUNCTIONS["nvl"] = FUNCTIONS["coalesce"] = _first_known
FUNCTIONS["nvl2"] = lambda value, known, unknown: unknown if value is None else known
FUNCTIONS["nullif"] = lambda one, other: None if one == other else one
FUNCTIONS["greatest"] = lambda *given: None if None in given else max(given)
FUNCTIONS["least"] = lambda *given: None if None in given else min(given)
FUNCTIONS["nanvl"] = lambda one, other: other if one is not None and near(one) != near(one) else one


def _decode(value: Stored, *given: Stored) -> Stored:
    for at in range(0, len(given) - 1, 2):
        if given[at] == value:
            return given[at + 1]
    return given[-1] if len(given) % 2 else None


FUNCTIONS["decode"] = _decode


@asking("compared")
def _compared(session: Context, value: Stored, other: Stored) -> Stored:
    """A value as it is compared with another: texts become numbers and moments, dates timestamps, zones UTC."""
    if value is None or other is None:
        return value
    mine, theirs = (b"" if isinstance(one, str) else one[:1] for one in (value, other))
    if mine == theirs != b"Z":
        return value
    if b"N" in (mine, theirs) and b"" in (mine, theirs):
        return converted(value, Kind(NUMBER, scale=-127), session.nls)
    if mine in b"fdN" and theirs in b"fdN" and mine and theirs:
        return converted(value, Kind(BINARY_DOUBLE), session.nls)
    moments = (b"D", b"T", b"Z", b"L")
    if mine in moments or theirs in moments:
        letter = mine if not theirs else theirs if not mine else b"Z" if {mine, theirs} & {b"Z", b"L"} else b"T"
        code = values_code(b"T" if letter == b"D" else letter)
        made = converted(value, Kind(code, scale=9), session.nls)
        assert isinstance(made, bytes)
        return made[:12]  # a moment is the same in all zones
    if mine == b"I" or theirs == b"I":
        return value if mine == b"I" else values.rowid_of(str(value))
    return value


def values_code(letter: bytes) -> int:
    return values.CODES[letter]


@asking("cast")
def _cast(session: Context, value: Stored, code: int, size: int, chars: int, precision: int, scale: int) -> Stored:
    return converted(value, Kind(code, size, chars, precision, scale), session.nls)


@asking("user")
def _user(session: Context) -> Stored:
    return session.user


@asking("session")
def _session(session: Context, name: str) -> Stored:
    return session.settings.get(name)


@asking("sys_context")
def _sys_context(session: Context, _: str, name: str) -> Stored:
    known = {"CURRENT_SCHEMA": session.schema, "SESSION_USER": session.user, "CURRENT_USER": session.user,
             **dict.fromkeys(("DB_NAME", "DB_UNIQUE_NAME", "CON_NAME"), "TEST"),
             "LANGUAGE": "AMERICAN_AMERICA.AL32UTF8"}  # fmt: skip
    return known.get(name.upper())


@asking("scn", "dbms_flashback_get_system_change_number")
def _scn(session: Context) -> Stored:
    return values.number(session.scn())


@asking("scn_to_timestamp")
def _scn_to_timestamp(session: Context, scn: Stored) -> Stored:
    return values.timestamp(session.passed(whole(scn)))


@asking("nextval")
def _nextval(session: Context, owner: str, name: str) -> Stored:
    return values.number(session.drawn(owner, name))


@asking("currval")
def _currval(session: Context, owner: str, name: str) -> Stored:
    return values.number(session.current(owner, name))
