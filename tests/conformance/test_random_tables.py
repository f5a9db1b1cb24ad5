"""Random tables through each pair of engines: what comes out is what went in."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import Phase, given, note, seed, settings

from random_tables import EXAMPLES, QUIET, lacking, padded, rows_of, tables
from ropeway.cli import wire
from ropeway.transfer.engines import engine_of, memory
from ropeway.transfer.job import Limits
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from spots import PAIRS as CROSSED
from spots import PLACES, SQL_ENGINES, Servers, spot

EMBEDDED = ("sqlite", "duckdb", "parquet", "csv", "arrow")
SERVERS = ("postgresql", "mariadb", "mysql")
PAIRS = list(itertools.product(EMBEDDED, EMBEDDED))
_ENDS = (*SQL_ENGINES, "parquet")
SERVED = [pair for pair in itertools.product(_ENDS, _ENDS) if set(pair) & set(SERVERS)] + [
    pair for pair in CROSSED if set(pair) & {"oracle", "sqlserver"}
]
KEYS = ("", "k", "k, twin")
_numbers = itertools.count()
Place = Callable[[str, int], str]


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The URL of an engine's first or second place; all tables of the module lie in it, under names of their own."""
    folder, servers = tmp_path_factory.mktemp("places"), Servers(request.getfixturevalue)

    @functools.cache
    def made(engine: str, number: int) -> str:
        if engine in PLACES:
            return spot(engine, folder, servers).url
        return f"{engine}:///{folder / f'{engine}{number}'}"

    return made


def through(pair: tuple[str, str], sent: pa.Table, key: str, place: Place) -> pa.Table:
    """What is left of a table after its way into one engine, from there into another, and out again."""
    number = next(_numbers)
    name = f"group by {number}"
    memory.put(f"sent{number}", name, sent)
    engine = engine_of(pair[0])
    own = (f"ALTER TABLE {engine.quote(name)} ADD PRIMARY KEY ({key})",) if key else ()
    way = [f"memory://sent{number}", place(pair[0], 1), place(pair[1], 2), f"memory://back{number}"]
    called = [name, *(name.upper() if one == "oracle" else name for one in pair)]
    for hop, (source, target) in enumerate(itertools.pairwise(way)):
        (one, one_secret), (other, other_secret) = parse(source), parse(target)
        request = Request(one, other, (Choice(called[hop], after=() if hop else own),), slice_rows=5)
        limits = Limits(workers=1, memory=400 << 20)
        outcome = wire.run(request, wire.Secrets(one_secret, other_secret), limits=limits)
        assert outcome.report
        assert outcome.report.equal, outcome.report
    found = memory.take(f"back{number}", name)
    for store in (f"sent{number}", f"back{number}"):
        memory.forget(store)
    return found


def check(pair: tuple[str, str], sent: pa.Table, key: str, place: Place) -> None:
    note(str(sent.schema))
    if "twin" in key:
        twin = pa.field("twin", pa.int64(), nullable=False)
        sent = sent.add_column(1, twin, sent.column("k"))
    found = through(pair, sent, key if pair[0] in (*SERVERS, "duckdb") else "", place)
    if "oracle" in pair:  # where NULL and null are one name, as a rule
        found = found.rename_columns([name.lower() for name in found.column_names])
        sent = sent.rename_columns([name.lower() for name in sent.column_names])
    assert found.column_names == sent.column_names
    assert rows_of(found, padded(sent)) == rows_of(sent, padded(sent))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_random_tables(pair: tuple[str, str], place: Place) -> None:
    @settings(max_examples=2, deadline=None, suppress_health_check=QUIET, database=None)
    @given(tables(lacking(pair)))
    def moved(sent: pa.Table) -> None:
        check(pair, sent, "", place)

    moved()


@pytest.mark.parametrize("pair", SERVED, ids="-".join)
def test_random_tables_through_servers(pair: tuple[str, str], place: Place) -> None:
    number = SERVED.index(pair)

    @seed(number)
    @settings(max_examples=2, deadline=None, suppress_health_check=QUIET, database=None, phases=(Phase.generate,))
    @given(tables(lacking(pair)))
    def moved(sent: pa.Table) -> None:
        if sent.num_rows:  # the first one that is made has none
            check(pair, sent, KEYS[number % len(KEYS)], place)

    moved()


@pytest.mark.faults
@pytest.mark.parametrize("pair", [*PAIRS, *SERVED], ids="-".join)
def test_many_random_tables(pair: tuple[str, str], place: Place) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=QUIET)
    @given(tables(lacking(pair), rows=40))
    def moved(sent: pa.Table) -> None:
        check(pair, sent, KEYS[sent.num_columns % len(KEYS)], place)

    moved()
