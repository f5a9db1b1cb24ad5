"""What a run left behind: its rejected rows, to be listed, written to files and loaded once more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from ..transfer.engine import Loader, Rejected
from ..transfer.engines import engine_of
from ..transfer.errors import RequestError
from ..transfer.intact import intact
from ..transfer.place import parse
from ..transfer.plan import Plan
from ..transfer.rejects import row_of
from ..transfer.replay import Replayed
from ..transfer.replay import rejected as _rejected
from ..transfer.replay import replay as _replay
from ..transfer.unfit import READ
from .wire import located

Made = TypeVar("Made")


def rejects(run: str, url: str) -> list[Rejected]:
    """The rejected rows of a run, in the order of tables and slices. `url` is where the run went."""
    return _with(run, url, _rejected)


def replay(run: str, url: str) -> list[Replayed]:
    """Load the rejected rows of a run once more; what is refused again stays, with what is said of it now."""
    engine = engine_of(parse(url)[0].scheme)
    return _with(run, url, lambda plan, loader: _replay(plan, engine, loader))


def write(rows: list[Rejected], folder: Path) -> list[Path]:
    """The rows as Parquet files, for each table and stage one; which."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for hop, stage in sorted({(one.hop, one.stage) for one in rows}):
        mine = [one for one in rows if (one.hop, one.stage) == (hop, stage)]
        table = pa.Table.from_batches([row_of(one) for one in mine])
        table = _worded(table) if stage == READ else table
        number, _, names = hop.partition(" ")
        name = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in names.partition(" -> ")[2])
        short = name.encode()[:160].decode(errors="ignore")  # a file's name has 255 bytes
        files.append(folder / f"{number}-{short}-{stage}.parquet")
        pq.write_table(table, files[-1])
    return files


def _worded(table: pa.Table) -> pa.Table:
    """A table with its texts as such: what could not be read is kept in bytes."""
    for place, field in enumerate(table.schema):
        if pa.types.is_binary(field.type):
            with suppress(pa.ArrowInvalid):  # it is none
                table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table


def _with(run: str, url: str, work: Callable[[Plan, Loader], Made]) -> Made:
    place, _ = parse(url)
    with closing(engine_of(place.scheme).loader(located(url))) as loader:
        if not any(row[0] == run for row in loader.ledger.runs()):
            raise RequestError(f"{place} knows no run {run}.", remedy="'ropeway status --target URL' lists its runs.")
        return work(intact(run, loader), loader)
