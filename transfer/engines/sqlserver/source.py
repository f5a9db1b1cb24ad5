"""Sources at one instant: a database that is a snapshot, else snapshot transactions that begin together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import pyodbc

from ...errors import EngineError
from ...place import Address
from ...plan import Hop
from ...schema.catalogue import Relation
from . import snapshots
from .options import may_snapshot
from .reader import SqlServerReader
from .session import SqlServerSession, numbers, qualified, quoted, said

if TYPE_CHECKING:
    from . import SqlServer

_LOCK_TRIES = 3
_LOCK_MS = 5_000
_WAITED = 1222  # for a lock
_NOT_ALLOWED = (3952, 3953)
_TABLES = (
    "SELECT s.name, t.name FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id ORDER BY s.name, t.name"
)
_NAMED = "sqlserver database snapshot "


class SqlServerSource:
    """Readers at one instant. A database snapshot outlives them, so a run that was interrupted goes on at it."""

    def __init__(self, engine: SqlServer, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> None:
        self._engine, self._address = engine, address
        self._control = SqlServerSession(address)
        self._readers: list[SqlServerReader] = []
        self._made = ""  # the snapshot that goes with this source
        self._why = ""  # no snapshot could be made
        try:
            for _ in range(count):
                self._readers.append(SqlServerReader(engine, address))
            self.instant = self._begun(hops, consistency)
            self.survives = self.instant.startswith(_NAMED)
        except BaseException:
            self.close()
            raise

    def _begun(self, hops: Sequence[Hop], consistency: str) -> str:
        """Let all readers read at one instant; its name."""
        if name := snapshots.own(self._control):
            return f"{_NAMED}{name}"
        if consistency not in ("run", "table"):
            how = f"without a snapshot ({consistency})"
        elif self._make():
            return f"{_NAMED}{self._made}"
        else:
            how = self._align(hops)
        ((now,),) = self._control.ask("SELECT CONVERT(varchar(30), SYSUTCDATETIME(), 121)")
        return f"sqlserver {how} at {now} UTC"

    def _make(self) -> bool:
        """Make a database snapshot, where the account may, and read there."""
        if not may_snapshot(self._address):
            return False
        try:
            self._made = snapshots.make(self._control)
        except pyodbc.Error as error:
            self._why = said(error)
            return False
        self._move(self._made)
        return True

    def _move(self, name: str) -> None:
        for reader in self._readers:
            reader.move(name)

    def _align(self, hops: Sequence[Hop]) -> str:
        """Snapshots begin with their first look at a row; several do so while nobody can write."""
        tables = sorted({qualified(hop.reads) for hop in hops if not hop.query})
        if any(hop.query for hop in hops):  # which may read any
            tables = [qualified(Relation(str(schema), str(name))) for schema, name in self._control.ask(_TABLES)]
        first = _touched(tables[0] if tables else "sys.objects")
        try:
            if len(self._readers) == 1:
                self._readers[0].begin(first)
                return "snapshot"
            return self._under_locks(tables, first)
        except EngineError as error:
            if not set(_NOT_ALLOWED) & set(numbers(error.__cause__ or error)):
                raise
            either = f", and makes no database snapshot either: {self._why}" if self._why else ""
            raise EngineError(
                f"{self._address} allows no snapshot isolation: {error.message}{either}",
                remedy=f"ALTER DATABASE {quoted(self._address.database)} SET ALLOW_SNAPSHOT_ISOLATION ON; or use "
                "--consistency none.",
            ) from error

    def _under_locks(self, tables: Sequence[str], first: str) -> str:
        refusal: BaseException | None = None
        for _ in range(_LOCK_TRIES):
            holder = SqlServerSession(self._address)
            try:
                holder.execute(f"SET LOCK_TIMEOUT {_LOCK_MS}")
                holder.begin()
                for table in tables:
                    holder.ask(_touched(f"{table} WITH (TABLOCK, HOLDLOCK)"))
                for reader in self._readers:
                    reader.begin(first)
            except pyodbc.Error as error:
                if _WAITED not in numbers(error):
                    raise
                refusal = error
            else:
                return "snapshots begun under table locks"
            finally:
                holder.close()
        raise EngineError(
            f"Somebody writes to tables of {self._address} for longer than {_LOCK_MS / 1000:.0f} s, so that "
            f"{len(self._readers)} readers found no common instant.",
            remedy="Try at another time, or use --workers 1, which takes no lock.",
        ) from refusal

    def return_to(self, instant: str, hops: Sequence[Hop]) -> bool:
        """Read in the database snapshot of an earlier process; False where it is gone."""
        del hops
        name = instant.removeprefix(_NAMED)
        if not instant.startswith(_NAMED) or instant == self.instant or not snapshots.is_there(self._control, name):
            return instant == self.instant
        self._move(name)
        if self._made:
            snapshots.remove(self._control, self._made)
        self._made, self.instant, self.survives = name, instant, True
        return True

    def renewed(self, reader: SqlServerReader) -> SqlServerReader | None:
        """A reader in the place of one whose connection was lost; a snapshot transaction is lost with it."""
        with suppress(pyodbc.Error, EngineError):
            if self.instant.startswith(_NAMED):
                made = SqlServerReader(self._engine, self._address)
                self._readers[self._readers.index(reader)] = made
                reader.close()
                made.move(self.instant.removeprefix(_NAMED))
                return made
        return None

    def keep(self) -> None:
        """The snapshot stays, for a run that goes on."""
        self._made = ""

    def readers(self) -> Sequence[SqlServerReader]:
        return self._readers

    def mark(self) -> str:
        """A database that is read-only stays as it is; of another the server tells nothing that everybody may ask."""
        rows = self._control.ask("SELECT is_read_only FROM sys.databases WHERE database_id = DB_ID()")
        return "read-only" if rows and rows[0][0] else ""

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        if self._made:
            with suppress(pyodbc.Error):
                snapshots.remove(self._control, self._made)
        self._control.close()


def _touched(table: str) -> str:
    """A query that looks at a row, and takes the locks that it asks for also where there is none."""
    return f"SELECT COUNT(*) FROM (SELECT TOP (1) 1 AS one FROM {table}) AS q"
