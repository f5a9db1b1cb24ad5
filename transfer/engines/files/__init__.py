"""Folders of Parquet, CSV or Arrow files: a file is a table, and so is a folder of files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any, Literal

import pyarrow as pa

from ...engine import Failure, Loader, Session, Source
from ...errors import DataError, RequestError
from ...place import Address
from ...plan import Cut, Finding, Hop, Statement
from ...rights import Right
from ...schema.catalogue import Relation, Table
from ...schema.partitioning import Partitioning
from ...schema.storing import check_known
from .. import permissions
from ..without_sql import WithoutSql
from . import hive
from .folder import Listing, flattened, table_of, untyped
from .format import format_of
from .loader import FileLoader, FileSession
from .parquetfile import COMPRESSIONS
from .reader import FileSource

_LONGEST_NAME = 200  # bytes; file systems take 255, of which a name's suffixes need some
_FEW = 64 << 10
_DENSITY = {"parquet": 0.25, "csv": 0.95, "arrow": 1.0}


class Files(WithoutSql):
    """One file format; the formats differ in what they know of types and borders."""

    family = "files"
    drivers: tuple[str, ...] = ()
    landing: Literal["files"] = "files"
    instant: Literal["durable"] = "durable"
    writers: Literal["many"] = "many"

    def __init__(self, scheme: str) -> None:
        self.name = scheme
        self.schemes = (scheme,)
        self.density = _DENSITY[scheme]
        self.takes = (scheme,) if format_of(scheme).verified else ()

    def name_of(self, name: str) -> str:
        """A name that a file may have: no slash, no dot in front, not too long."""
        safe = re.sub(r"[/\0]", "_", name)
        safe = f"_{safe}" if safe.startswith(".") else safe
        if len(safe.encode()) > _LONGEST_NAME:
            kept = safe.encode()[: _LONGEST_NAME - 9].decode(errors="ignore")
            return f"{kept}_{sha256(name.encode()).hexdigest()[:8]}"
        return safe

    def refuses_name(self, name: str, kind: str) -> str:
        """A table's name is a file's or a folder's, and none leads out of the target."""
        if kind != "table" or name == self.name_of(name):
            return "" if name else "a file has a name"
        return f"a file's name there has no slash, no dot in front and at most {_LONGEST_NAME} bytes"

    def connect(self, address: Address, *, create: bool = False) -> Session:
        return FileSession(address, create=create)

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        found = _found(session)
        return [table_of(found, name) for name in found.tables]

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        """A slice for each file, and several for a large one, along its row groups where it has enough of them."""
        found = _found(session)
        step = max(1, -(-table.rows // max(wanted, 1)))
        cuts: list[Cut] = []
        for part in found.parts(table.name.table):
            edges = _edges(found.form.borders(found.root / part), step)
            ranges = [Cut("physical", "", low, high, part) for low, high in pairwise(edges)]
            cuts += ranges or [Cut("part", part=part)]
        return tuple(cuts)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        return FileSource(address, hops, count)

    def loader(self, address: Address) -> Loader:
        return FileLoader(address)

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        found, name = _found(session), table.name.table
        return {}, untyped(found, name) + flattened(found, name)

    def rights_to_read(
        self, session: Session, address: Address, tables: Sequence[Table], consistency: str, *, objects: bool
    ) -> list[Right]:
        del session, tables, consistency, objects
        return permissions.to_read(permissions.path_of(address))

    def rights_to_write(
        self, session: Session | None, address: Address, hops: Sequence[Hop], statements: Sequence[Statement],
        there: Sequence[Relation],
    ) -> list[Right]:  # fmt: skip
        del session, hops, statements, there
        return permissions.to_write(permissions.path_of(address))

    def free(self, session: Session | None, address: Address) -> int | None:
        del session
        return permissions.free(permissions.path_of(address))

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        found = _found(session)
        for hop in hops:
            single = [part for part in found.tables.get(hop.writes.table, ()) if "/" not in part]
            if single:
                raise RequestError(
                    f"{hop.writes} is the single file {single[0]}, to which no parts can be added.",
                    table=str(hop.writes),
                    remedy=f"Move it into a folder {hop.writes.table}, or write to another folder.",
                )
            if not hop.leaves and any(part.count("/") > 1 for part in found.tables.get(hop.writes.table, ())):
                raise RequestError(
                    f"{hop.writes} lies in folders of partitions, to which no rows are added.",
                    table=str(hop.writes), remedy="Write to another folder.",
                )  # fmt: skip
        return super().check_target(session, hops)

    def classify(self, error: BaseException) -> Failure:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and cause.errno in (28, 122):  # no space, quota
            return "space"
        return "data" if isinstance(error, DataError | pa.ArrowInvalid) else "other"


def _found(session: Session) -> Listing:
    assert isinstance(session, FileSession)  # noqa: S101 - made by connect()
    return session.found()


def _edges(borders: list[int], step: int) -> list[int | None]:
    """Where to cut a file, its ends open; empty to read it whole.

    Reading from inside a row group decodes what lies before it, so only small steps cut there.
    """
    rows = borders[-1] if borders else 0
    if rows <= step:
        return []
    if step < _FEW and len(borders) <= rows // step:
        return [None, *range(step, rows, step), None]
    inner: list[int] = []
    for border in borders[1:-1]:
        if border - (inner[-1] if inner else 0) >= step * 3 // 4:
            inner.append(border)
    return [None, *inner, None] if inner else []


class ParquetFiles(Files):
    """Parquet, whose readers know folders of partitions."""

    bounded = "both"  # see schema/declaring.py
    asked_only = True  # as for partitions that the source has; files are as good without

    def divided(
        self, session: Session | None, table: Table, there: Partitioning, taken: Collection[str], linked: Sequence[str]
    ) -> Table:  # fmt: skip
        """The table with a folder for each partition. There are no keys in files, nor links that stand in the way."""
        del session, taken, linked
        return hive.divided(table, there)

    def lying(self, session: Session, hop: Hop) -> dict[int, tuple[Cut, ...]] | None:
        """The files of each partition of a hop's table, by its number; None where one lies in no folder of the plan."""
        assert hop.leaves  # noqa: S101 - asked of such tables alone
        numbers = {one.table: number for number, one in enumerate(hop.leaves.tables)}
        found: dict[int, tuple[Cut, ...]] = dict.fromkeys(hop.leaves.held, ())
        for part in _found(session).parts(hop.writes.table):
            number = numbers.get(part.rpartition("/")[0], -1)
            if number not in found:
                return None
            found[number] += (Cut("part", part=part),)
        return found

    def stored(self, table: Table, options: dict[str, Any]) -> Table:
        """The table; its hop says the same to whoever writes its files."""
        check_known(self.name, options, ("compression", "row_group_rows"))
        compression = options.get("compression", COMPRESSIONS[0])
        if compression not in COMPRESSIONS:
            raise RequestError(
                f"Parquet files have no compression {compression}.", table=str(table.name),
                remedy=f"Choose one of {', '.join(COMPRESSIONS)}.",
            )  # fmt: skip
        return table


ENGINES = {"parquet": ParquetFiles("parquet"), "csv": Files("csv"), "arrow": Files("arrow")}
