"""Opening DuckDB files: each at most once in this process, shared by all who need it, and bounded in memory.

A file is attached under one fixed name to an instance of its own. Opened directly, its catalogue would be
called after the file, and `shop.orders` in shop.duckdb would be ambiguous between catalogue and schema.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ...engine import Row
from ...errors import EngineError, RequestError
from ...place import Address
from ...schema.sql import double_quoted

CATALOGUE = "ropeway_file"
# What one file may use unless its URL says otherwise. Loading holds the indexes of keys. A scan of narrow
# rows is as fast in 30 MB as in 200, but the texts and bytes of 2,048 rows must fit.
MEMORY = "200MB"
READING = "128MB"
THREADS = 2
_OPTIONS = ("memory_limit", "threads", "temp_directory")


@dataclass
class _Instance:
    """A file that is open in this process. `root` keeps it open; everyone works on cursors of it."""

    root: duckdb.DuckDBPyConnection
    writable: bool
    users: int = 0
    spoiled: duckdb.Error | None = None


_instances: dict[str, _Instance] = {}
_held: dict[str, int] = {}
_guard = threading.RLock()
_limit = {True: MEMORY, False: READING}


def limit_memory(size: int) -> None:
    """Bound what each file opened from now on may use, in bytes, where its URL does not say."""
    megabytes = size // 1_000_000
    _limit[True], _limit[False] = f"{max(megabytes, 64)}MB", f"{max(megabytes, 128)}MB"


def qualified(schema: str, name: str = "") -> str:
    """A schema's name, or that of something in it, in quotes."""
    # A schema called like a catalogue is ambiguous unless the catalogue is named too.
    first = [CATALOGUE] if schema.lower() in (CATALOGUE, "memory", "temp", "system") else []
    return ".".join(double_quoted(part) for part in (*first, schema, name) if part)


def identity(path: str) -> str:
    """One text for one file, however it is spelled."""
    return os.path.realpath(path)


class Use:
    """A share in an open file (or in an empty database that no file is behind). Close it."""

    def __init__(self, address: Address, *, writable: bool, empty: bool = False, threads: int = THREADS) -> None:
        self._closed = False
        self._key = "" if empty else identity(address.database)
        with _guard:
            known = None if empty else _instances.get(self._key)
            if known and writable and not known.writable:
                raise EngineError(
                    f"{address.database} is open for reading in this process, so it cannot be written to.",
                    remedy="Let the reading end first; DuckDB opens a file once in a process.",
                )
            self._instance = known or _Instance(_open(address, threads, writable=writable, empty=empty), writable)
            self._instance.users += 1
            if not empty:
                _instances[self._key] = self._instance

    @property
    def shared_with_writer(self) -> bool:
        """Whether somebody in this process may write to the file meanwhile."""
        return self._instance.writable

    @property
    def spoiled(self) -> duckdb.Error | None:
        """Why nothing may be written to the file before it was opened anew; None if it may."""
        return self._instance.spoiled

    def spoil(self, error: duckdb.Error) -> None:
        """Keep what the memory holds of the file out of it.

        A commit that runs out of memory leaves keys of its rows in the indexes (DuckDB 2.0.0). The checkpoint
        at closing would write them, and the same rows would then be duplicates for ever. The log has no trace
        of that commit, and the next opening reads the log.
        """
        self._instance.spoiled = error
        self._instance.root.execute("PRAGMA disable_checkpoint_on_shutdown")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, with this engine's pins."""
        cursor = self._instance.root.cursor()
        cursor.execute(f"USE {CATALOGUE}")
        cursor.execute("SET TimeZone = 'UTC'")
        return cursor

    def close(self) -> None:
        """Give the share back; the last one closes the file, which writes its log into it."""
        with _guard:
            if self._closed:
                return
            self._closed = True
            self._instance.users -= 1
            if not self._instance.users:
                _instances.pop(self._key, None)
                self._instance.root.close()


def _open(address: Address, threads: int, *, writable: bool, empty: bool) -> duckdb.DuckDBPyConnection:
    unknown = sorted(set(address.options) - set(_OPTIONS))
    if unknown:
        raise RequestError(f"duckdb:// has no option {unknown[0]}.", remedy=f"It has {', '.join(_OPTIONS)}.")
    path = ":memory:" if empty else address.database
    root = duckdb.connect(":memory:")
    try:
        for name, value in _settings(address, threads, beside=writable and not empty).items():
            root.execute(f"SET GLOBAL {name} = {_text(value)}")
        mode = "" if writable or empty else " (READ_ONLY)"
        root.execute(f"ATTACH {_text(path)} AS {CATALOGUE}{mode}")
    except duckdb.Error as error:
        root.close()
        raise _unopened(address.database, error) from error
    return root


def _settings(address: Address, threads: int, *, beside: bool) -> dict[str, str]:
    spill = address.database + ".tmp" if beside else str(Path(tempfile.gettempdir()) / f"ropeway-duckdb-{os.getpid()}")
    return {
        "memory_limit": address.options.get("memory_limit", _limit[beside]),
        "threads": address.options.get("threads", str(threads)),
        "temp_directory": address.options.get("temp_directory", spill),
        # Nothing is fetched from the net for a type or a function that the file names.
        "autoinstall_known_extensions": "false",
    }


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _unopened(path: str, error: duckdb.Error) -> EngineError:
    text = str(error)
    holder = re.search(r"\(PID (\d+)\)", text)
    if "Could not set lock" in text or "Conflicting lock" in text:
        who = f"process {holder[1]}" if holder else "another process"
        return EngineError(
            f"{path} is open in {who}; DuckDB lets one process at a time write to a file.",
            remedy="Close it there, or wait for that process to end.",
        )
    if "already attached" in text or "different configuration" in text:
        return EngineError(
            f"{path} is open in this process, outside of Ropeway.", remedy="Close that connection first."
        )
    return EngineError(f"DuckDB cannot open {path}: {text.partition(chr(10))[0]}")


def short_of_memory(address: Address) -> EngineError:
    """What to say when DuckDB reached its limit."""
    return EngineError(
        f"{address.database} needs more memory than DuckDB may use here: its keys, indexes and large values must fit.",
        remedy="Go on with --resume and a larger --max-memory, or name the limit in its URL, as ?memory_limit=2GB.",
    )


def is_short_of_memory(error: BaseException) -> bool:
    """Whether DuckDB reached its limit; a commit that does says so in another class of error."""
    text = str(error)
    return (
        "Out of Memory" in text
        or "failed to allocate data" in text
        or "could not allocate block" in text
        or "failed to pin block" in text
    )


def hold(address: Address, owner: object) -> bool:
    """Take the file for one run in this process; the file's own lock keeps other processes out."""
    with _guard:
        return _held.setdefault(identity(address.database), id(owner)) == id(owner)


def release(address: Address, owner: object) -> None:
    """Give back what `hold` took; harmless for others."""
    with _guard:
        if _held.get(identity(address.database)) == id(owner):
            del _held[identity(address.database)]


class DuckSession:
    """A control connection. It reads until its first statement: then it opens the file for writing.

    A file that is not there is an empty database, and is made by that first statement.
    """

    def __init__(self, address: Address, *, create: bool = False) -> None:
        if not Path(address.database).absolute().parent.is_dir():
            raise EngineError(f"There is no folder {Path(address.database).absolute().parent} for the DuckDB file.")
        there = Path(address.database).exists()
        if not there and not create:
            raise EngineError(f"There is no DuckDB file {address.database}.")
        self.address = address
        self._use = Use(address, writable=False, empty=not there)
        self._cursor = self._use.cursor()
        self._inside = False

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The connection as it is now."""
        return self._cursor

    def writing(self) -> duckdb.DuckDBPyConnection:
        """The connection, open for writing from now on."""
        if not self._use.shared_with_writer:
            self._cursor.close()
            self._use.close()
            self._use = Use(self.address, writable=True)
            self._cursor = self._use.cursor()
        return self._cursor

    def ask(self, sql: str) -> list[Row]:
        try:
            return self._cursor.execute(sql).fetchall()
        except duckdb.Error as error:
            raise (short_of_memory(self.address) if is_short_of_memory(error) else self._refused(error)) from error

    def execute(self, sql: str) -> int:
        try:
            return self.changed(sql)
        except duckdb.Error as error:
            raise self._refused(error) from error

    def changed(self, sql: str) -> int:
        """As `execute`, with DuckDB's own errors, except where it is short of memory."""
        cursor = self.writing()
        if self._use.spoiled:
            raise short_of_memory(self.address) from self._use.spoiled
        try:
            rows = cursor.execute(sql).fetchall()
        except duckdb.Error as error:
            if not is_short_of_memory(error):
                raise
            if isinstance(error, duckdb.TransactionException):
                self._use.spoil(error)
            raise short_of_memory(self.address) from error
        return rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 and isinstance(rows[0][0], int) else -1

    def _refused(self, error: duckdb.Error) -> EngineError:
        return EngineError(f"DuckDB file {self.address.database}: {error}")

    def begin(self) -> None:
        self.execute("BEGIN TRANSACTION")
        self._inside = True

    def commit(self) -> None:
        self.execute("COMMIT")
        self._inside = False

    def rollback(self) -> None:
        if self._inside:
            self._inside = False
            self.execute("ROLLBACK")

    def close(self) -> None:
        self._cursor.close()
        self._use.close()
