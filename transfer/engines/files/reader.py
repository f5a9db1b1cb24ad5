"""Reading the files of a folder as they were when the source was opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pyarrow as pa

from ...engine import Reader, Row
from ...errors import DataError, EngineError
from ...place import Address
from ...plan import Cut, Hop, Slice
from ...unfit import Unread, in_bytes, sifted
from ..alphabet import carried
from ..without_sql import chosen, counted_table
from .fitting import ROW
from .folder import Listing, listing, size_and_time
from .format import Piece


def _made(batch: pa.RecordBatch, hop: Hop, schema: pa.Schema) -> pa.RecordBatch:
    try:
        arrays = [carried(batch.column(c.source), c.type.arrow, c.source) for c in hop.columns]
    except DataError as error:
        alone = batch.num_rows == 1 and ROW in batch.schema.names
        row = f", row {batch.column(ROW)[0].as_py()}" if alone else ""
        raise DataError(
            f"{hop.reads}.{error.message}{row}", table=str(hop.reads), column=error.column,
            remedy="Mend the value, or name another type for the column: types: {column: text}.",
        ) from error  # fmt: skip
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _raised(row: pa.RecordBatch, error: DataError) -> None:
    raise error


class FileReader:
    """Reads part after part; each must be, before and after, the file that it was."""

    def __init__(self, found: Listing, states: dict[str, str]) -> None:
        self._found = found
        self._states = states
        self._stop = False

    def read(
        self, hop: Hop, part: Slice, batch_bytes: int, unread: Unread | None = None
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        self._stop = False
        schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])

        def tell(row: pa.RecordBatch, error: DataError) -> None:
            assert unread  # noqa: S101 - else nothing is told
            unread(in_bytes(row.select([column.source for column in hop.columns]), schema.names), error)

        apart = tell if unread else None
        for batch in chosen(self._batches(hop, part.cut, batch_bytes, apart), hop):
            yield from sifted(batch, partial(_made, hop=hop, schema=schema), apart or _raised)

    readable = read

    def _batches(self, hop: Hop, cut: Cut, batch_bytes: int, unread: Unread | None) -> Iterator[pa.RecordBatch]:
        low, high = int(cut.lower or 0), None if cut.upper is None else int(cut.upper)
        form, sources = self._found.form, _sources(hop)
        for part in [cut.part] if cut.part else self._found.parts(hop.reads.table):
            path = self._found.root / part
            self._check(part)
            # A condition may ask for columns that are not moved.
            asked = [one.name for one in form.fields(path)] if hop.where else []
            piece = Piece(list(dict.fromkeys((*sources, *asked))), low, high)
            try:
                made = form.apart(path, piece, batch_bytes, unread) if unread and form.apart else None
                for batch in made or form.batches(path, piece, batch_bytes):
                    if self._stop:
                        return
                    yield batch
            except DataError as error:
                error.table = error.table or str(hop.reads)
                raise
            except (pa.ArrowException, OSError, KeyError) as error:
                raise EngineError(f"{path} cannot be read: {error}", table=str(hop.reads)) from error
            self._check(part)

    def _check(self, part: str) -> None:
        if size_and_time(self._found.root / part) != self._states.get(part):
            raise EngineError(
                f"{self._found.root / part} changed while it was read, or is not of this instant.",
                remedy="Let nobody write to the folder meanwhile, and go on with --resume.",
            )

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        raise EngineError("Files have no raw form.")

    def ask(self, sql: str) -> list[Row]:
        return [(self._found.rows(counted_table(sql)),)]

    def count(self, hop: Hop) -> int:
        """Counted in the files, not by receipts."""
        form, root = self._found.form, self._found.root
        if hop.where:
            apart: list[DataError] = []  # rows of which the condition is not known; a run counts them as read
            found = self._batches(hop, Cut(), 4 << 20, lambda _, error: apart.append(error))
            return sum(batch.num_rows for batch in chosen(found, hop)) + len(apart)
        rows = sum(form.rows(root / part) for part in self._found.parts(hop.reads.table))
        return min(rows, hop.limit) if hop.limit else rows

    def cancel(self) -> None:
        self._stop = True

    def close(self) -> None:
        """Files are open only while they are read."""


def _sources(hop: Hop) -> list[str]:
    return list(dict.fromkeys(column.source for column in hop.columns))


class FileSource:
    """The parts of some tables at an instant that files themselves keep: the same files, the same instant."""

    survives = True

    def __init__(self, address: Address, hops: Sequence[Hop], count: int) -> None:
        self._address = address
        self._tables = sorted({hop.reads.table for hop in hops})
        found = listing(address)
        self.instant = f"files {found.state(self._tables)}"
        parts = [part for table in self._tables for part in found.parts(table)]
        states = {part: size_and_time(found.root / part) for part in parts}
        self._readers = [FileReader(found, states) for _ in range(count)]

    def readers(self) -> Sequence[Reader]:
        return self._readers

    def mark(self) -> str:
        return listing(self._address).state(self._tables)

    def close(self) -> None:
        """Nothing is open."""
