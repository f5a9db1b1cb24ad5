"""A store for tests of SQL Server's wire, and the drivers that speak to it.

The store is a parrot: what it is taught for a statement it answers, and what it hears it remembers.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import platform
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from servers.sqlserver.spoken import Column, Lost, Parameter, Refused, Result, Row
from servers.sqlserver.wire.apart import Apart
from servers.sqlserver.wire.packets import Cancelled

Answer = Result | tuple[int, str, int, int] | None  # a refusal: number, text, state, severity; None: Lost

PASSWORD, OTHER_PASSWORD = "geheim!", "ge{he}im;é€😀"


class Parrot:
    """The store and its only session."""

    version = (16, 0, 1000)
    number = 51
    wait: Callable[[float], None]

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.taught: dict[str, Sequence[Answer]] = {}
        self.forget()

    def forget(self) -> None:
        self.heard: list[tuple[str, tuple[Parameter, ...]]] = []
        self.loads: list[tuple[str, tuple[Column, ...], dict[str, object], list[Row]]] = []
        self.bounds: list[str] = []
        self.sessions = self.given_up = 0
        self.database, self.transaction = "db", False

    def teach(self, sql: str, *answers: Answer) -> None:
        self.taught[sql] = answers

    def teach_broken(self, sql: str, result: Result, refusal: Answer) -> None:
        """A result whose rows end in a refusal."""
        self.teach(sql, result, refusal)
        self.broken.add(sql)

    def remembered(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("heard", "loads", "bounds", "sessions", "given_up")}

    def password(self, user: str) -> str | None:
        return {"sa": PASSWORD, "Zoë": OTHER_PASSWORD}.get(user)

    def session(self, user: str, database: str) -> Parrot:
        if database not in {"", "db"}:
            raise Refused(4060, f'Cannot open database "{database}".', severity=11)
        self.sessions += 1
        return self

    def execute(self, sql: str, parameters: Sequence[Parameter] = ()) -> Iterator[Result]:
        self.heard.append((sql, tuple(parameters)))
        if sql.startswith("USE "):
            self.database = sql.removeprefix("USE ")
        if sql == "WAITFOR":
            self.wait(30.0)
        answers = self.taught.get(sql, (Result(),))
        if sql in self.broken and isinstance(answers[0], Result):
            yield Result(answers[0].columns, _until(answers[0].rows, answers[1]))
        for answer in answers:
            yield _told(answer)

    def describe(self, sql: str) -> tuple[Column, ...]:
        first = self.taught.get(sql, (Result(),))[0]
        return first.columns if isinstance(first, Result) else ()

    def bulk(self, table: str, columns: Sequence[Column], options: Mapping[str, object], rows: Iterator[Row]) -> int:
        loaded: list[Row] = []
        self.loads.append((table, tuple(columns), dict(options), loaded))
        try:
            for row in rows:
                loaded.append(row)
                if "refused" in table:
                    raise Refused(2627, "Violation of PRIMARY KEY", state=1, severity=14)
        except Cancelled:
            self.given_up += 1
            raise
        return len(loaded)

    def begin(self, isolation: str = "") -> None:
        self.bounds.append(f"begin {isolation}".rstrip())
        self.transaction = True

    def commit(self) -> None:
        self.bounds.append("commit")
        self.transaction = False

    def rollback(self) -> None:
        self.bounds.append("rollback")
        self.transaction = False

    def close(self) -> None:
        self.transaction = False


def _told(answer: Answer) -> Result:
    if answer is None:
        raise Lost
    if isinstance(answer, tuple):
        number, text, state, severity = answer
        raise Refused(number, text, state=state, severity=severity)
    return answer


def _until(rows: Iterable[Row], refusal: Answer) -> Iterator[Row]:
    yield from rows
    _told(refusal)


# Drivers and connections.


def microsoft() -> str:
    """The file of Microsoft's driver in its wheel."""
    spec = find_spec("mssql_python_odbc")
    folder = Path(*(spec.submodule_search_locations or ()) if spec else ())
    return str(next(folder.glob(f"libs/linux/debian_ubuntu/{platform.machine()}/lib/libmsodbcsql*"), ""))


def freetds() -> str:
    return str(next(Path("/usr/lib").glob("*/odbc/libtdsodbc.so"), ""))


def absent_drivers() -> str:
    """What cannot be loaded of the drivers, and why; '' if nothing."""
    try:
        import arrow_odbc  # noqa: F401
        import mssql_python  # noqa: F401
        import pyodbc  # noqa: F401
    except ImportError as error:
        return str(error)
    if not microsoft():
        return "Microsoft's driver is not in its wheel: pip install mssql-python-odbc"
    return "" if freetds() else "no driver of FreeTDS: apt-get install tdsodbc"


def serving() -> Iterator[Apart]:
    """A server with a parrot."""
    server = Apart("parrot:Parrot")
    yield server
    server.close()


def fresh(server: Apart) -> Iterator[Apart]:
    """The server as if it were new, for one test."""
    server.store("forget")
    server.behave(delay=0.0, slow_rows=0.0, drop_after=None, trips=0, octets_in=0, octets_out=0)
    yield server
    # One that is closed when it is collected, in the middle of another test, would be counted there.
    server.behave(delay=0.0, slow_rows=0.0, drop_after=None)
    while OPENED:
        with contextlib.suppress(Exception):  # it may be broken
            OPENED.pop().close()


OPENED: list[Any] = []


def kept(connection: Any) -> Any:
    OPENED.append(connection)
    return connection


def target(server: Apart, user: str = "sa", password: str = PASSWORD, database: str = "db") -> str:
    return f"Server=127.0.0.1,{server.port};Database={database};UID={user};PWD={password};Encrypt=no"


def by_microsoft(server: Apart, **login: str) -> str:
    return f"Driver={microsoft()};{target(server, **login)}"


def by_freetds(server: Apart, **login: str) -> str:
    plain = target(server, **login).replace(f",{server.port};", f";Port={server.port};").removesuffix("Encrypt=no")
    return f"Driver={freetds()};{plain}Encryption=off;TDS_Version=7.4;ClientCharset=UTF-8"


def mssql(server: Apart, **login: str) -> Any:
    import mssql_python

    mssql_python.pooling(enabled=False)  # a pool's own requests would be counted
    return kept(mssql_python.connect(target(server, **login)))


def pyodbc_microsoft(server: Apart, **login: str) -> Any:
    import pyodbc

    connection = pyodbc.connect(by_microsoft(server, **login))
    connection.add_output_converter(-155, _instant)
    return kept(connection)


def pyodbc_freetds(server: Apart, **login: str) -> Any:
    import pyodbc

    connection = pyodbc.connect(by_freetds(server, **login))
    connection.add_output_converter(-155, _instant)
    return kept(connection)


def _instant(told: bytes) -> dt.datetime:
    year, month, day, hour, minute, second, nanos, hours, minutes = struct.unpack("<hHHHHHIhh", told)
    zone = dt.timezone(dt.timedelta(hours=hours, minutes=minutes))
    return dt.datetime(year, month, day, hour, minute, second, nanos // 1000, zone)


def arrow_microsoft(server: Apart) -> Any:
    import arrow_odbc

    return arrow_odbc.connect(by_microsoft(server))


def arrow_freetds(server: Apart) -> Any:
    import arrow_odbc

    return arrow_odbc.connect(by_freetds(server))


CONNECT: dict[str, Callable[..., Any]] = {
    "mssql-python": mssql,
    "pyodbc-microsoft": pyodbc_microsoft,
    "pyodbc-freetds": pyodbc_freetds,
}


def fetched(connection: Any, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.cursor().execute(sql, *parameters).fetchall()]
