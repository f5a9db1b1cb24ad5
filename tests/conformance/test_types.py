"""Every type with its edges, into every engine and out again, in slices and small batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from cases import CASES, ENGINES, Case, No
from ropeway.cli import wire
from ropeway.transfer.engines import memory
from ropeway.transfer.engines.alphabet import field_of, word_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.job import Limits
from ropeway.transfer.place import parse
from ropeway.transfer.request import Request
from spots import PLACES, Servers, spot

_numbers = itertools.count()


def place_of(engine: str, folder: Path, servers: Servers) -> str:
    if engine in PLACES:
        return spot(engine, folder, servers).url
    return f"{engine}:///{folder / engine}"


def table_of(cases: list[Case]) -> pa.Table:
    """One column a case, all as long as the longest, beginning with a key."""
    rows = max(len(case.values) for case in cases)
    columns: dict[str, pa.Array[Any]] = {"k": pa.array(range(rows), pa.int64())}
    fields = [pa.field("k", pa.int64(), nullable=False)]
    for number, case in enumerate(cases):
        kind = field_of(f"c{number}", case.word)
        values = [case.values[n % len(case.values)] for n in range(rows)]
        columns[f"c{number}"] = pa.array(values, kind.type)
        fields.append(kind)
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def moved(source: str, target: str, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source), parse(target)
    limits = Limits(workers=2, memory=400 << 20)
    return wire.run(Request(one, other, slice_rows=3, **options), wire.Secrets(one_secret, other_secret), limits=limits)


@pytest.mark.parametrize("engine", ENGINES)
def test_round_trip(engine: str, tmp_path: Path, servers: Servers) -> None:
    cases = [case for case in CASES if not isinstance(case.at(engine), No)]
    there, back = f"there{next(_numbers)}", f"back{next(_numbers)}"
    sent = table_of(cases)
    memory.put(there, "t", sent)
    place = place_of(engine, tmp_path, servers)
    for source, target in ((f"memory://{there}", place), (place, f"memory://{back}")):
        outcome = moved(source, target, **({"policies": (("empty_string", "null"),)} if engine == "oracle" else {}))
        assert outcome.report
        assert outcome.report.equal, outcome.report
    arrived = memory.take(back, "t").sort_by("k")
    assert arrived.num_rows == sent.num_rows
    for number, case in enumerate(cases):
        name = f"c{number}"
        expected = case.word if case.at(engine) == "=" else str(case.at(engine))
        assert word_of(arrived.schema.field(name)) == expected, case.word
        one, other = sent.column(name), arrived.column(name)
        kept = in_oracle(plain(one, case), case) if engine == "oracle" else plain(one, case)
        assert kept == plain(other, case), case.word


def in_oracle(values: list[Any], case: Case) -> list[object]:
    """Values as Oracle has them: '' is NULL, a day begins at midnight, a time is what has passed since then."""
    made: dict[str, Callable[[Any], object]] = {
        "uuid": lambda value: UUID(value).bytes,
        "date": lambda value: datetime.combine(value, time()),
        "time": lambda value: datetime.combine(date.min, value) - datetime.combine(date.min, time()),
    }
    if case.word in ("text", "text(300)", "binary"):
        return [value or None for value in values]
    change = made.get(case.word)
    return [change(value) if change and value is not None else value for value in values]


def plain(column: pa.ChunkedArray[Any], case: Case) -> list[object]:
    """Values that compare across widened types: 1 and Decimal(1) are equal, padding means nothing."""
    values = column.to_pylist()
    if case.word.startswith("padded"):
        return [value if value is None else str(value).rstrip(" ") for value in values]
    if case.word == "bool":
        return [value if value is None else int(value) for value in values]
    if case.word == "instant":
        return [value if value is None else value.replace(tzinfo=None) for value in values]
    return list(values)


@pytest.mark.parametrize(
    ("case", "engine"), [(c, e) for c in CASES for e in ENGINES if isinstance(c.at(e), No)], ids=str
)
def test_what_cannot_be_held_is_refused(case: Case, engine: str, tmp_path: Path, servers: Servers) -> None:
    there = f"there{next(_numbers)}"
    memory.put(there, "t", table_of([case]))
    with pytest.raises(RequestError, match=r"t\.c0"):
        moved(f"memory://{there}", place_of(engine, tmp_path, servers))
