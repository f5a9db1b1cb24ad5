"""flow makes the rows of a slice, for loading and for verifying alike."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from queue import Empty, Queue
from typing import Any, Generic, TypeVar

import pyarrow as pa

from .calls import function_of
from .empties import nulled
from .engine import Reader, Receipt, Rejected
from .errors import DataError
from .extremes import Found, joined, noted
from .plan import Hop, Plan, Slice
from .schema.leaves import homes
from .shaping import hides, transformed, unseen
from .unfit import READ, TRANSFORM, Refuse, Unread, in_bytes, sifted
from .zones import as_read, converted

Item = TypeVar("Item")
_STAYS = "Here --max-rejects sets no such value aside: docs/rejects.md says where it does."


class Tally:
    """Counts what flows: rows, bytes and the checksum of what was read, as it leaves for the target.

    Where it is `watched`, its extremes too (extremes.py).
    """

    def __init__(self, hop: Hop, *, watched: bool = False) -> None:
        self.hop = hop
        self.watched = watched
        self.extremes: Found = {}
        self.read = 0
        self.rows = 0
        self.bytes = 0
        self._sum: Any = None
        self._parts: dict[int, Any] = {}
        self.server_sum = ""
        self.aside: list[Rejected] = []  # by rules that are asked on the way
        self.broken: dict[int, tuple[int, list[str]]] = {}

    def seen(self, rows: int) -> None:
        """So many rows were read, before any transform."""
        self.read += rows

    def counted(
        self,
        batches: Iterator[pa.RecordBatch],
        plan: Plan,
        progress: Callable[[str, int, int], None],
    ) -> Iterator[pa.RecordBatch]:
        """Pass batches on, adding them up; `progress` hears (hop, rows, bytes) of each batch."""
        for batch in batches:
            self._add(batch, plan)
            if self.watched:
                self.extremes = joined(self.extremes, noted(batch))
            self.rows += batch.num_rows
            self.bytes += batch.nbytes
            progress(self.hop.name, batch.num_rows, batch.nbytes)
            yield batch

    def _add(self, batch: pa.RecordBatch, plan: Plan) -> None:
        """Add a batch to the sums: to that of all rows, and to those of the partitions that they are for."""
        canons, leaves = tuple(column.canon for column in self.hop.columns), self.hop.leaves
        if plan.checksum is None:
            return
        if leaves and plan.parted:
            parts = function_of(plan.parted)(batch, canons, homes(leaves, batch))
            for home, one in parts.items():
                self._parts[home] = self._parts[home] + one if home in self._parts else one
        else:
            parts = {0: function_of(plan.checksum)(batch, canons)}
        for one in parts.values():
            self._sum = one if self._sum is None else self._sum + one

    def weighed(self, blocks: Iterator[bytes], moving: Callable[[str, int], None]) -> Iterator[bytes]:
        """Pass raw blocks on, adding up their bytes; their rows are known when they are loaded.

        `moving` hears (hop, bytes) of each block.
        """
        for block in blocks:
            self.bytes += len(block)
            moving(self.hop.name, len(block))
            yield block

    def receipt(self, part: int, attempt: str, instant: str, loaded: int) -> Receipt:
        """The receipt of what passed, once the target has taken it."""
        read = loaded if self.hop.raw else self.read
        checksum = self._sum.text() if self._sum else self.server_sum
        partitions = ",".join(f"{home}={one.text()}" for home, one in sorted(self._parts.items()))
        return Receipt(
            self.hop.name, part, attempt, instant, read=read, loaded=loaded, bytes=self.bytes,
            checksum=checksum, partitions=partitions,
            broken=json.dumps(self.broken) if self.broken else "",
        )  # fmt: skip


def flow(
    hop: Hop, part: Slice, reader: Reader, batch_bytes: int, seen: Callable[[int], None] | None = None,
    refuse: Refuse | None = None,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The rows of a slice as the target shall get them, at the reader's instant; `seen` hears how many are read.

    Of a hop whose rows are decided together, or follow such, the reader is one of gathering.py. Rows that cannot be
    read, or that a transform refuses, are an error, or are left out and told to `refuse`.
    """
    if hop.over:  # the stage has them so
        return reader.read(hop, part, batch_bytes)

    def unread(row: pa.RecordBatch, error: DataError) -> None:
        if seen:
            seen(row.num_rows)
        assert refuse  # noqa: S101 - else nobody asks
        refuse(READ, row, error)

    hidden = refuse and hop.transforms and hides(hop)  # what would be shown of a row may be what is to be masked
    batches = before_transforms(hop, part, reader, batch_bytes, unread if refuse and not hidden else None)
    return after_reading(hop, reader, _watched(batches, seen) if seen else batches, refuse)


def after_reading(
    hop: Hop, reader: Reader, batches: Iterator[pa.RecordBatch], refuse: Refuse | None = None
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """What becomes of batches on their way, row by row."""
    batches = transformed(hop, batches, partial(refuse, TRANSFORM) if refuse else None) if hop.transforms else batches
    batches = nulled(hop, batches) if any(column.nulled for column in hop.columns) else batches
    return reader.followed(hop, batches) if hop.follows else batches  # type: ignore[attr-defined]  # see above


def before_transforms(
    hop: Hop, part: Slice, reader: Reader, batch_bytes: int, unread: Unread | None = None
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The rows of a slice as its transforms get them; of a hop without any, as they were read."""
    asked = replace(hop, columns=hop.reading) if hop.transforms else hop
    read = as_read(asked)
    batches = _readable(reader, read, part, batch_bytes, unread) if unread else reader.read(read, part, batch_bytes)
    if read is not asked:
        batches = _zoned(asked, batches, unread) if unread else converted(asked, batches)
    return unseen(hop, batches) if hop.transforms else batches


def _zoned(hop: Hop, batches: Iterator[pa.RecordBatch], unread: Unread) -> Iterator[pa.RecordBatch]:
    """The batches with the instants of zoned columns, without rows whose wall time is none or is two."""
    names = [column.target for column in hop.columns]

    def made(batch: pa.RecordBatch) -> pa.RecordBatch:
        (one,) = converted(hop, (each for each in [batch]))
        return one

    for batch in batches:
        yield from sifted(batch, made, lambda row, error: unread(in_bytes(row, names), error))


def _readable(reader: Reader, hop: Hop, part: Slice, batch_bytes: int, unread: Unread) -> Iterator[pa.RecordBatch]:
    """The rows that can be read. A rehearsal takes the first rows that come, and knows of no others; a table that goes
    into itself is not to lose a row of which only texts would be kept.
    """
    sift = None if hop.limit or hop.upon else getattr(reader, "readable", None)
    ours: list[DataError] = []  # of whoever hears of the rows

    def heard(row: pa.RecordBatch, error: DataError) -> None:
        try:
            unread(row, error)
        except DataError as too_many:
            ours.append(too_many)
            raise

    try:
        yield from sift(hop, part, batch_bytes, heard) if sift else reader.read(hop, part, batch_bytes)
    except DataError as error:
        if error not in ours:
            error.remedy = "\n".join(filter(None, (error.remedy, _STAYS)))
        raise


def _watched(batches: Iterator[pa.RecordBatch], seen: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    with closing(batches):  # type: ignore[type-var]  # readers give generators
        for batch in batches:
            seen(batch.num_rows)
            yield batch


class Ahead(Generic[Item]):
    """Reads ahead of its consumer in one thread, never by more than `limit` bytes.

    A batch larger than the limit passes alone. Close it, or exhaust it: only then has the reader's
    thread ended and the reader may be used again. `failure` is what the items raised, whatever its consumer made of it.
    """

    failure: Exception | None = None

    def __init__(self, items: Iterator[Item], weigh: Callable[[Item], int], limit: int) -> None:
        self._items = items
        self._weigh = weigh
        self._limit = limit
        self._held = 0
        self._room = threading.Condition()
        self._stop = False
        self._queue: Queue[Item | BaseException | None] = Queue()
        self._thread = threading.Thread(target=self._fill, name="ropeway-reader", daemon=True)
        self._thread.start()

    def _fill(self) -> None:
        try:
            for item in self._items:
                if not self._admit(self._weigh(item)):
                    return
                self._queue.put(item)
            self._queue.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, panics too
            self._queue.put(error)
        finally:
            close = getattr(self._items, "close", None)
            if close:
                close()

    def _admit(self, weight: int) -> bool:
        with self._room:
            while not self._stop and self._held and self._held + weight > self._limit:
                self._room.wait()
            self._held += weight
            return not self._stop

    def __iter__(self) -> Iterator[Item]:
        while True:
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                self.failure = item if isinstance(item, Exception) else None
                raise item
            with self._room:
                self._held -= self._weigh(item)
                self._room.notify()
            yield item

    def close(self) -> None:
        """Stop reading and wait for the reader's thread."""
        with self._room:
            self._stop = True
            self._room.notify()
        self._thread.join()
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            return
