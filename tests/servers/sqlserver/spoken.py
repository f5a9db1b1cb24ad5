"""What passes between the wire and the store: kinds, values as octets, results, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

# A value is the octets that TDS sends between its length and the next value, None for NULL: integers and floats as they
# lie there (little endian, of their own width), decimal with its sign's octet and its magnitude, nvarchar as UTF-16LE,
# datetime2 as ticks and days. Of a (max) type it is the whole value.
Value = bytes | None
Row = Sequence[Value]


@dataclass(frozen=True)
class Kind:
    """A type by its T-SQL name: `size` is octets (characters twice for n-types), -1 for max."""

    name: str  # int, bigint, bit, decimal, money, float, real, nvarchar, varchar, varbinary, datetime2, xml, ...
    size: int = 0
    precision: int = 0
    scale: int = 0
    collation: bytes = b""  # five octets, of text


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind
    nullable: bool = True
    identity: bool = False
    computed: bool = False


@dataclass(frozen=True)
class Result:
    """Of a query its columns and rows, which come as they are asked for; of anything else how many rows it touched."""

    columns: tuple[Column, ...] = ()
    rows: Iterable[Row] = ()
    count: int | None = None  # None: SET NOCOUNT ON, or a statement that counts nothing


@dataclass(frozen=True)
class Parameter:
    name: str  # with its @, '' where the call gave none
    kind: Kind
    value: Value


class Refused(Exception):
    """An error of the server: its number, state and severity (from 11 on), and its text."""

    def __init__(self, number: int, text: str, *, state: int = 1, severity: int = 16) -> None:
        super().__init__(text)
        self.number, self.state, self.severity = number, state, severity


class Lost(Exception):
    """The store wants this connection dropped, without a word."""


class Session(Protocol):
    """What a connection may do. Everything raises Refused; Lost ends the connection."""

    database: str
    number: int  # @@SPID
    transaction: bool  # whether one is open, by whatever began it
    # The wire's gift: waits so many seconds, for a lock or WAITFOR, and raises what is to go through when the client
    # gives the request up meanwhile.
    wait: Callable[[float], None]

    def execute(self, sql: str, parameters: Sequence[Parameter] = ()) -> Iterator[Result]:
        """A batch of statements, each with its result as it is carried out; parameters stand in it by name."""

    def describe(self, sql: str) -> tuple[Column, ...]:
        """A query's columns without running it (SET FMTONLY ON, sp_describe_first_result_set); () for anything else."""

    def bulk(self, table: str, columns: Sequence[Column], options: Mapping[str, object], rows: Iterator[Row]) -> int:
        """INSERT BULK: the rows as they come; how many. Committed at once where no transaction is open.

        What the rows raise, because the client has given the load up or is gone, goes through, and none of them stays.
        """

    def begin(self, isolation: str = "") -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None:
        """The connection is gone; what was not committed is rolled back."""


class Store(Protocol):
    """The database server behind the wire."""

    version: tuple[int, ...]  # such as (16, 0, 1000)

    def password(self, user: str) -> str | None:
        """The password of an account, None if there is none."""

    def session(self, user: str, database: str) -> Session:
        """Refused 4060 if there is no such database."""
