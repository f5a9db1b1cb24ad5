"""What the tests of the Oracle wire share: a store of canned answers behind it, and values as Oracle's octets."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import oracledb

from servers.oracle import spoken
from servers.oracle.spoken import Column, Encoded, Kind, Result, Row
from servers.oracle.wire import Server

QUERY = "SELECT * FROM t"
USER, PASSWORD, SERVICE = "SCOTT", "tiger & cub", "ORCLTEST"
MIDDLE = 0x80000000
Answer = Result | Exception | Callable[[Sequence[Kind], Sequence[Row]], Result]


def number(text: str) -> bytes:
    """An exponent to the base 100, then digit pairs plus 1; of a negative number 101 minus the pair, then 102."""
    value = Decimal(text)
    if not value:
        return b"\x80"
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    plain = "".join(map(str, digits)) + "0" * (exponent % 2)
    plain = plain.zfill(len(plain) + len(plain) % 2)
    pairs = [int(plain[place : place + 2]) for place in range(0, len(plain), 2)]
    power = 192 + (exponent - exponent % 2) // 2 + len(pairs)
    while pairs[-1] == 0:
        pairs.pop()
    if not sign:
        return bytes((power, *(pair + 1 for pair in pairs)))
    return bytes((~power & 0xFF, *(101 - pair for pair in pairs))) + (b"\x66" if len(pairs) < 20 else b"")


def date(text: str) -> bytes:
    at = dt.datetime.fromisoformat(text)
    century, year = divmod(at.year, 100)
    return bytes((century + 100, year + 100, at.month, at.day, at.hour + 1, at.minute + 1, at.second + 1))


def timestamp(text: str, nanoseconds: int = 0) -> bytes:
    return date(text) + nanoseconds.to_bytes(4, "big")


def double(value: float, form: str = ">d") -> bytes:
    octets = struct.pack(form, value)
    return bytes((octets[0] | 0x80, *octets[1:])) if not octets[0] & 0x80 else bytes(~octet & 0xFF for octet in octets)


def days(count: int, hours: int = 0, minutes: int = 0, seconds: int = 0, nanoseconds: int = 0) -> bytes:
    """INTERVAL DAY TO SECOND: days and nanoseconds from 0x80000000 on, the others from 60."""
    return struct.pack(">IBBBI", MIDDLE + count, 60 + hours, 60 + minutes, 60 + seconds, MIDDLE + nanoseconds)


def years(count: int, months: int) -> bytes:
    return struct.pack(">IB", MIDDLE + count, 60 + months)


VARCHAR = Kind(spoken.VARCHAR, 400, 100)
NVARCHAR = Kind(spoken.VARCHAR, 400, 200, national=True)
INTEGER = Kind(spoken.NUMBER, precision=18)
NUMBER = Kind(spoken.NUMBER, scale=-127)
CLOB, NCLOB, BLOB = Kind(spoken.CLOB), Kind(spoken.CLOB, national=True), Kind(spoken.BLOB)


@dataclass
class Canned:
    """A store and its only session: what each statement gives, and what it was asked."""

    version: tuple[int, ...] = (19, 3, 0, 0, 0)
    service: str = SERVICE
    schema: str = USER
    number: int = 77
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, list[Kind], list[list[spoken.Value]]]] = field(default_factory=list)
    columns: tuple[Column, ...] = ()
    loaded: list[list[spoken.Value]] = field(default_factory=list)
    loads: int = 0
    events: list[str] = field(default_factory=list)

    def password(self, user: str) -> str | None:
        return PASSWORD if user == USER else None

    def session(self, user: str) -> Canned:
        return self

    def describe(self, sql: str) -> tuple[Column, ...]:
        answer = self.answers[sql]
        assert isinstance(answer, Result)
        return answer.columns

    def execute(self, sql: str, kinds: Sequence[Kind], rows: Sequence[Row]) -> Result:
        if sql.startswith("ALTER SESSION SET TIME_ZONE"):
            return Result()
        self.asked.append((sql, list(kinds), [list(row) for row in rows]))
        answer = self.answers.get(sql, Result(count=len(rows)))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Result) else answer(kinds, rows)

    def target(self, schema: str, table: str, columns: Sequence[str]) -> tuple[Column, ...]:
        self.events.append(f"target {schema}.{table} {','.join(columns)}")
        return self.columns

    def load(self, rows: Sequence[Row]) -> None:
        self.loads += 1
        self.loaded += [list(row) for row in rows]

    def finish(self, *, keep: bool) -> None:
        self.events.append(f"finish {keep}")

    def commit(self) -> None:
        self.events.append("commit")

    def rollback(self) -> None:
        self.events.append("rollback")

    def close(self) -> None:
        self.events.append("close")

    def query(self, columns: Sequence[Column], rows: Iterable[Row | Encoded], sql: str = QUERY) -> None:
        self.answers[sql] = Result(tuple(columns), rows)


ROWID, LOGICAL = b"AAAR3sAAEAAAACXAAA", b"*BAFABsLBAkHBBf4AAAA"
TEXT, OCTETS = "né€😀" * 20_000, bytes(range(256)) * 300


def connect(server: Server, **more: Any) -> oracledb.Connection:
    arguments = {"user": USER, "password": PASSWORD, "host": "127.0.0.1", "port": server.port, "service_name": SERVICE}
    return oracledb.connect(**{**arguments, **more})
