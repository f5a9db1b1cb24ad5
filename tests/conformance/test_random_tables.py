"""Random tables through each pair of embedded engines: what comes out is what went in."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, note, settings

from random_tables import NAN, WIDE, rows_of, tables
from ropeway.cli import wire
from ropeway.transfer.engines import memory
from ropeway.transfer.place import parse
from ropeway.transfer.request import Request
from ropeway.transfer.run import Limits

EMBEDDED = ("sqlite", "duckdb", "parquet", "csv", "arrow")
LACKS = {"sqlite": {NAN}, "duckdb": {WIDE}}
PAIRS = list(itertools.product(EMBEDDED, EMBEDDED))
_numbers = itertools.count()
_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def through(pair: tuple[str, str], sent: pa.Table) -> pa.Table:
    """What is left of a table after its way into one engine, from there into another, and out again."""
    number = next(_numbers)
    memory.put(f"sent{number}", "t", sent)
    with tempfile.TemporaryDirectory() as folder:
        places = [f"{engine}:///{Path(folder) / f'place{place}'}" for place, engine in enumerate(pair)]
        way = [f"memory://sent{number}", *places, f"memory://back{number}"]
        for source, target in itertools.pairwise(way):
            request = Request(parse(source)[0], parse(target)[0], slice_rows=5)
            outcome = wire.run(request, limits=Limits(workers=1, memory=400 << 20))
            assert outcome.report
            assert outcome.report.equal, outcome.report
    found = memory.take(f"back{number}", "t")
    for name in (f"sent{number}", f"back{number}"):
        memory.forget(name)
    return found


def lacking(pair: tuple[str, str]) -> frozenset[str]:
    return frozenset().union(*(LACKS.get(engine, set()) for engine in pair))


def check(pair: tuple[str, str], sent: pa.Table) -> None:
    note(str(sent.schema))
    found = through(pair, sent)
    assert found.column_names == sent.column_names
    assert rows_of(found) == rows_of(sent)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_random_tables(pair: tuple[str, str]) -> None:
    @settings(max_examples=2, deadline=None, suppress_health_check=_QUIET, database=None)
    @given(tables(lacking(pair)))
    def moved(sent: pa.Table) -> None:
        check(pair, sent)

    moved()


@pytest.mark.faults
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_many_random_tables(pair: tuple[str, str]) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=_QUIET)
    @given(tables(lacking(pair), rows=40))
    def moved(sent: pa.Table) -> None:
        check(pair, sent)

    moved()
