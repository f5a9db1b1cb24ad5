"""Sources at one instant: a database that is a snapshot, else snapshot transactions that begin together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import EngineError
from ...place import Address
from ...plan import Hop
from .reader import SqlServerReader
from .session import SqlServerSession, numbers, qualified, quoted

if TYPE_CHECKING:
    from . import SqlServer

_LOCK_TRIES = 3
_LOCK_MS = 5_000
_NOT_ALLOWED = (3952, 3953)


class SqlServerSource:
    """Readers opened together; the instant says how their equality was had."""

    survives = False

    def __init__(self, engine: SqlServer, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> None:
        self._address = address
        self._readers: list[SqlServerReader] = []
        try:
            for _ in range(count):
                self._readers.append(SqlServerReader(engine, address))
            how = self._align(hops) if consistency in ("run", "table") else f"without a snapshot ({consistency})"
            ((now,),) = self._readers[0].ask("SELECT CONVERT(varchar(30), SYSUTCDATETIME(), 121)")
        except BaseException:
            self.close()
            raise
        self.instant = f"sqlserver {how} at {now} UTC"

    def _align(self, hops: Sequence[Hop]) -> str:
        """Snapshots begin with their first look at a row; several do so while nobody can write."""
        tables = sorted({qualified(hop.reads) for hop in hops if not hop.query})
        first = f"SELECT COUNT(*) FROM (SELECT TOP (1) 1 AS one FROM {tables[0] if tables else 'sys.objects'}) AS q"
        try:
            if len(self._readers) == 1:
                self._readers[0].begin(first)
                return "snapshot"
            return self._under_locks(tables, first)
        except EngineError as error:
            if not set(_NOT_ALLOWED) & set(numbers(error.__cause__ or error)):
                raise
            raise EngineError(
                f"{self._address} allows no snapshots: {error.message}",
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
                    holder.ask(f"SELECT COUNT(*) FROM (SELECT TOP (1) 1 AS one FROM {table} "
                               "WITH (TABLOCK, HOLDLOCK)) AS q")  # fmt: skip
                for reader in self._readers:
                    reader.begin(first)
            except EngineError:
                raise
            except Exception as error:
                if 1222 not in numbers(error):
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

    def readers(self) -> Sequence[SqlServerReader]:
        return self._readers

    def mark(self) -> str:
        """A database that is read-only stays as it is; of another the server tells nothing that everybody may ask."""
        rows = self._readers[0].ask("SELECT is_read_only FROM sys.databases WHERE database_id = DB_ID()")
        return "read-only" if rows and rows[0][0] else ""

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
