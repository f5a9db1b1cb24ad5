"""What a file format must give, and the formats by their schemes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import pyarrow as pa

from ...errors import EngineError
from ...unfit import Unread
from ..exact import Field


class Piece(NamedTuple):
    """What to read of a file: these columns of the rows from `low` to before `high` (None: to the end)."""

    columns: Sequence[str]
    low: int = 0
    high: int | None = None


class Writer(Protocol):
    """A file being written; complete once it is closed."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Format:
    """A file format as functions of a path.

    `borders` gives the row numbers at which independently readable stretches begin, 0 first and the
    number of rows last; a format that has none gives an empty list. `batches` takes about how many
    bytes a batch may have. `verified` is there where whole files are taken as another engine wrote them: it
    gives the rows of one, or says by an EngineError in what it differs from the schema. `apart` is there where single
    rows may be unreadable: it gives the others as `batches` does, and tells of each of these, in bytes.
    """

    suffixes: tuple[str, ...]
    fields: Callable[[Path], list[Field]]
    borders: Callable[[Path], list[int]]
    rows: Callable[[Path], int]
    batches: Callable[[Path, Piece, int], Iterator[pa.RecordBatch]]
    writer: Callable[[Path, pa.Schema], Writer]
    typed: bool = True
    verified: Callable[[Path, pa.Schema], int] | None = None
    apart: Callable[[Path, Piece, int, Unread], Iterator[pa.RecordBatch]] | None = None

    def stem(self, name: str) -> str:
        """A file's name without the format's suffix; '' for a file of another format."""
        return next((name[: -len(end)] for end in self.suffixes if name.lower().endswith(end)), "")


def format_of(scheme: str) -> Format:
    """The format of a scheme."""
    from . import arrowfile, csvfile, parquetfile

    return {"parquet": parquetfile.FORMAT, "csv": csvfile.FORMAT, "arrow": arrowfile.FORMAT}[scheme]


def check_names(path: Path, names: Sequence[str]) -> None:
    """EngineError if two columns of a file have one name: which of them is meant could not be said."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise EngineError(f"{path} has more than one column called {twice[0]}.")


def within(batches: Iterator[pa.RecordBatch], low: int, high: int | None) -> Iterator[pa.RecordBatch]:
    """Batches without the rows before `low` and from `high` on."""
    seen = 0
    for batch in batches:
        first = max(low - seen, 0)
        last = batch.num_rows if high is None else min(batch.num_rows, high - seen)
        if last > first:
            yield batch.slice(first, last - first)
        seen += batch.num_rows
        if high is not None and seen >= high:
            return
