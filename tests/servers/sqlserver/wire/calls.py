"""What a request says: SQL batches, calls (RPC), transactions.

Each begins with ALL_HEADERS: u32 length of all, itself counted, then headers that are of no use here.

    batch         the statements as UTF-16LE
    call          u16 length and name, or 65535 and u16 number of a procedure; u16 options; parameters, each B_VARCHAR
                  name, octet status (1 output, 2 default), TYPE_INFO, value. 255 where a name's length would be begins
                  the next call of the same message.
    transaction   u16 what: 5 begin (octet isolation, B_VARCHAR name), 7 commit and 8 roll back (B_VARCHAR name, octet:
                  bit 0, begin another, then as 5)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from ..spoken import Parameter
from .octets import more, short_text, take, text, u8, u16, u32
from .types import read_type_info, unframe

NUMBERED = {
    10: "sp_executesql",
    11: "sp_prepare",
    12: "sp_execute",
    13: "sp_prepexec",
    14: "sp_prepexecrpc",
    15: "sp_unprepare",
}
BEGIN, COMMIT, ROLLBACK = 5, 7, 8
_NEXT, _NEXT_SILENT, _NEXT_OLD = 0xFF, 0xFE, 0x80
_ISOLATIONS = ("", "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "SNAPSHOT")


@dataclass(frozen=True)
class Call:
    procedure: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True)
class Bound:
    """Of a transaction request: what it ends, and whether it begins one."""

    ends: int = 0  # COMMIT or ROLLBACK
    begins: bool = False
    isolation: str = ""


def headless(data: bytes) -> BytesIO:
    stream = BytesIO(data)
    take(stream, u32(stream) - 4)
    return stream


def batch(data: bytes) -> str:
    stream = headless(data)
    return stream.read().decode("utf-16-le", "surrogatepass")


def calls(data: bytes) -> Iterator[Call]:
    stream = headless(data)
    while more(stream):
        length = u16(stream)
        name = NUMBERED.get(number := u16(stream), f"#{number}") if length == 0xFFFF else text(stream, length)
        u16(stream)
        yield Call(name, tuple(_parameters(stream)))


def _parameters(stream: BytesIO) -> Iterator[Parameter]:
    while more(stream):
        length = u8(stream)
        if length in {_NEXT, _NEXT_SILENT, _NEXT_OLD}:
            return
        name = text(stream, length)
        u8(stream)
        kind, fixed = read_type_info(stream)
        value, end = unframe(kind, fixed=fixed, call=True)(stream.getvalue(), stream.tell())
        stream.seek(end)
        yield Parameter(name, kind, value)


def bound(data: bytes) -> Bound:
    stream = headless(data)
    what = u16(stream)
    if what == BEGIN:
        return Bound(begins=True, isolation=_ISOLATIONS[u8(stream)])
    if what not in {COMMIT, ROLLBACK}:
        raise ValueError(f"transaction request {what} is not spoken here")
    short_text(stream)
    if more(stream) and u8(stream) & 1:
        return Bound(ends=what, begins=True, isolation=_ISOLATIONS[u8(stream)])
    return Bound(ends=what)


def said(parameter: Parameter) -> str:
    """The text that a parameter of characters holds."""
    value = parameter.value or b""
    national = parameter.kind.name in {"nvarchar", "nchar", "ntext"}
    return value.decode("utf-16-le", "surrogatepass") if national else value.decode()


def declared(names: str) -> list[str]:
    """The names that a declaration such as `@P1 int,@P2 decimal(10,2) OUTPUT` makes, in order."""
    return re.findall(r"(?:^|,)\s*(@\w+)", names)


def named(given: tuple[Parameter, ...], names: list[str]) -> tuple[Parameter, ...]:
    """The values of a call with the names that their statement knows them by."""
    return tuple(
        parameter if parameter.name else Parameter(names[place], parameter.kind, parameter.value)
        for place, parameter in enumerate(given)
    )
