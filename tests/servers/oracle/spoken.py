"""What passes between the wire and the store: kinds, values as octets, results, refusals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

# Oracle's numbers of its types, as they stand in a description of a column or of a bind.
VARCHAR, NUMBER, LONG, ROWID, DATE, RAW, LONG_RAW, CHAR = 1, 2, 8, 11, 12, 23, 24, 96
BINARY_FLOAT, BINARY_DOUBLE, XMLTYPE, CLOB, BLOB, BFILE, JSON = 100, 101, 109, 112, 113, 114, 119
TIMESTAMP, TIMESTAMP_TZ, INTERVAL_YM, INTERVAL_DS, UROWID, TIMESTAMP_LTZ, BOOLEAN = 180, 181, 182, 183, 208, 231, 252

# A value is the octets that Oracle sends between its length and the next value, None for NULL. Text is UTF-8, and
# UTF-16BE where its kind is national; a ROWID is its 18 letters. Of a CLOB it is the whole text, of a BLOB all octets.
# A client sends a TIMESTAMP that has no fraction as the 7 octets of a DATE, and a text of no characters as NULL.
Value = bytes | None
Row = Sequence[Value]


@dataclass(frozen=True)
class Kind:
    """A type as it is described: `size` in octets, `chars` in characters, both as Oracle would say them.

    Only VARCHAR, CHAR and RAW have to say a size: 0 means that a column of theirs is NULL in every row. A NUMBER
    without precision has the scale -127. Of a TIMESTAMP `scale` is the digits of its fraction.
    """

    code: int
    size: int = 0
    chars: int = 0
    precision: int = 0
    scale: int = 0
    national: bool = False


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind
    nullable: bool = True


@dataclass(frozen=True)
class Encoded:
    """So many rows as they are sent, from wire.encoded. A fetch may ask for fewer, which is refused."""

    octets: bytes
    count: int


@dataclass(frozen=True)
class Result:
    """Of a query its columns and rows, which come as they are asked for; of anything else how many rows it touched."""

    columns: tuple[Column, ...] = ()
    rows: Iterable[Row | Encoded] = ()
    count: int = 0
    outs: Row = ()  # of a PL/SQL block or RETURNING: what its binds hold now


class Refused(Exception):
    """An error of the server: ORA-`number`: `text`, at a place in the statement where that is known.

    `done` says how many rows of a batch were touched before, and stay so.
    """

    def __init__(self, number: int, text: str, offset: int = 0, done: int = 0) -> None:
        super().__init__(f"ORA-{number:05}: {text}")
        self.number = number
        self.offset = offset
        self.done = done


class Lost(Exception):
    """The store wants this connection dropped, without a word."""


class Session(Protocol):
    """What a connection may do. Everything raises Refused; Lost ends the connection."""

    schema: str
    number: int  # the session's id

    def describe(self, sql: str) -> tuple[Column, ...]:
        """A query's columns, before it runs; () for anything else."""

    def execute(self, sql: str, kinds: Sequence[Kind], rows: Sequence[Row]) -> Result:
        """A statement with its binds, in their order of appearance: of a query one row of them, else any.

        Without binds there is a row without values for each time that it shall run. Binds that RETURNING fills are
        None in their place. Drivers begin each session with ALTER SESSION SET TIME_ZONE.
        """

    def target(self, schema: str, table: str, columns: Sequence[str]) -> tuple[Column, ...]:
        """A direct path load begins: the columns it fills."""

    def load(self, rows: Sequence[Row]) -> None:
        """Rows of a direct path load. A CLOB is UTF-16BE here, as the client sends it."""

    def finish(self, *, keep: bool) -> None:
        """A direct path load ends: committed if `keep`, else forgotten."""

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None:
        """The connection is gone; what was not committed is rolled back."""


class Store(Protocol):
    """The database behind the wire."""

    version: tuple[int, ...]  # such as (19, 3, 0, 0, 0)
    service: str

    def password(self, user: str) -> str | None:
        """The password of an account, None if there is none: names are upper case."""

    def session(self, user: str) -> Session: ...
