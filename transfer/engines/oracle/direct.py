"""Direct path load: rows go past SQL into a table of their own, for it commits by itself.

From there INSERT ... SELECT takes them into the target, in one transaction with their claim and receipt. The staging
table's name says whose rows it holds and of which slice; one run at a time loads a table, so whatever is there under
that name was left by one that died.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import oracledb
import pyarrow as pa

from ...errors import EngineError
from ...place import Address
from ...plan import Hop, Slice
from ...rules import split
from ...schema.sql import double_quoted, text_literal
from .session import OracleSession, qualified, said, timed

# What the driver writes as these types; others are bound. python-oracledb 26.1 refuses Arrow's intervals (DPY-3039).
_TYPES = ("number", "binary_float", "binary_double", "varchar2", "char", "clob", "raw", "blob", "date", "timestamp",
          "timestamp with time zone")  # fmt: skip
_ROWS = 50_000  # of a message, whose rows the driver makes as a list first


@dataclass(frozen=True)
class Staged:
    """Rows of a slice that lie in a table of their own."""

    hop: str
    slice: int
    table: str
    rows: int


class DirectPath:
    """A connection of its own, whose commits are nobody else's."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._session = OracleSession(address)
        ((user,),) = self._session.ask("SELECT USER FROM dual")
        self._user = str(user)
        self._made: set[str] = set()

    def stage(
        self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch], bound: Callable[[pa.RecordBatch, Hop], pa.Table]
    ) -> Staged:
        """Load all batches of a slice; what an earlier try left is gone before."""
        table, loaded = staging(str(hop.writes), part.number), 0
        if not self._session.connection.is_healthy():  # the loader's own is replaced by who holds it
            self._session = OracleSession(self._address)
        self._drop(table)
        columns = [f"C{place} {column.native}" for place, column in enumerate(hop.columns, 1)]
        self._session.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        self._made.add(table)
        places = [f"C{place}" for place, _ in enumerate(hop.columns, 1)]
        for batch in batches:
            if not batch.num_rows:
                continue
            given = bound(batch, hop)
            try:
                with timed(self._session.connection):
                    self._session.connection.direct_path_load(self._user, table, places, given, batch_size=_ROWS)
            except oracledb.Error as error:
                raise EngineError(
                    f"Oracle refused rows of {hop.reads} by direct path: {said(error)}", table=str(hop.writes),
                    remedy="Without ?load=direct rows are bound, and the one that is refused is named.",
                ) from error  # fmt: skip
            loaded += batch.num_rows
        return Staged(hop.name, part.number, table, loaded)

    def forget(self, name: str) -> None:
        """Drop what runs left that died while they loaded this table, which is held now."""
        pattern = text_literal(staging(name, 0).removesuffix("0").replace("_", "\\_") + "%")
        found = self._session.ask(
            f"SELECT table_name FROM all_tables WHERE owner = USER AND table_name LIKE {pattern} ESCAPE '\\'"
        )
        for (table,) in found:
            self._drop(str(table))

    def _drop(self, table: str) -> None:
        if self._session.ask(f"SELECT 1 FROM all_tables WHERE owner = USER AND table_name = {text_literal(table)}"):
            self._session.execute(f"DROP TABLE {table} PURGE")
        self._made.discard(table)

    def close(self) -> None:
        with suppress(oracledb.Error):
            for table in sorted(self._made):
                self._drop(table)
        self._session.close()


def staging(name: str, part: int) -> str:
    """The table for the rows of a slice on their way to a target."""
    return f"ROPEWAY_LOAD_{hashlib.sha256(name.encode()).hexdigest()[:16].upper()}_{part}"


def takes(hop: Hop) -> bool:
    """Whether all columns can go this way."""
    return all(split(column.native).name in _TYPES for column in hop.columns)


def publish(hop: Hop, staged: Staged) -> str:
    """The INSERT that takes a slice's rows into the target."""
    listed = ", ".join(double_quoted(column.target) for column in hop.columns)
    places = ", ".join(f"C{place}" for place, _ in enumerate(hop.columns, 1))
    return f"INSERT INTO {qualified(hop.into)} ({listed}) SELECT {places} FROM {staged.table}"
