"""Partitions in folders by Hive's layout: as DuckDB reads them, as Ropeway reads them back, and after a kill."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attacks import attack, equal_to_what_was_read, finished
from moves import moved, planned, refusal, requested
from ropeway.cli import wire
from ropeway.partitioning.declared import call_of
from ropeway.transfer.errors import DataError, EngineError
from ropeway.transfer.request import Choice
from spots import Servers, Spot, spot

REGION = "SELECT id, region FROM orders ORDER BY id"
DAYS = ("'2023-12-31'", "'2024-01-01'", "'2024-01-31'", "'2024-02-29'", "'2024-04-01'", "NULL")
REGIONS = ("'DE'", "'FR'", "'a/b=c d'", "NULL", "'DE'", "'01'")


def choice(**spec: Any) -> tuple[Choice, ...]:
    return (Choice("orders", partition=call_of(spec)),)


@pytest.fixture
def source(tmp_path: Path, servers: Servers) -> Spot:
    made = spot("duckdb", tmp_path, servers)
    made.ask("CREATE TABLE orders (id INTEGER NOT NULL, day DATE, region VARCHAR, moment TIMESTAMPTZ)")
    for number, (day, region) in enumerate(zip(DAYS, REGIONS, strict=True)):
        at = "NULL" if day == "NULL" else f"TIMESTAMPTZ '{day[1:-1]} 22:30:00+00'"
        made.ask(f"INSERT INTO orders VALUES ({number}, {day}, {region}, {at})")
    return made


def folder(path: Path, name: str = "folder") -> Spot:
    """A target; asked, it is what DuckDB makes of its files by Hive's layout."""

    def ask(sql: str) -> list[tuple[Any, ...]]:
        files = f"read_parquet('{path / name}/orders/**/*.parquet', hive_partitioning = true)"
        with duckdb.connect() as connection:
            return connection.execute(sql.replace("orders", files)).fetchall()

    return Spot("parquet", f"parquet:///{path / name}", ask)


def lying(path: Path, name: str = "folder") -> dict[str, list[Any]]:
    """The ids of each folder."""
    found: dict[str, list[Any]] = {}
    for file in (path / name / "orders").rglob("*.parquet"):
        ids = pq.ParquetFile(file).read(["id"]).column(0).to_pylist()
        below = str(file.parent.relative_to(path / name / "orders"))
        found[below] = sorted(found.get(below, []) + ids)
    return found


MONTHS = {
    "day_from=2023-12-01": [0], "day_from=2024-01-01": [1, 2], "day_from=2024-02-01": [3], "day_from=2024-04-01": [4],
    "day_from=__HIVE_DEFAULT_PARTITION__": [5],
}  # fmt: skip


def test_months(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = folder(tmp_path)
    moved(source, target, choices=choice(by="range", column="day", every="month"), level="full")
    assert lying(tmp_path) == MONTHS
    assert target.ask("SELECT id, day_from::text FROM orders WHERE day_from >= DATE '2024-02-01' ORDER BY id") == [
        (3, "2024-02-01"), (4, "2024-04-01"),
    ]  # fmt: skip
    rows = "SELECT id, day, region, moment::text FROM orders ORDER BY id"
    assert target.ask(rows) == source.ask(rows)
    back = spot("duckdb", tmp_path, servers)
    moved(target, back, level="full")
    assert back.ask(rows) == source.ask(rows)
    assert "lies in folders of partitions" in refusal(source, target, mode="append")


def test_each_folder_has_a_checksum(source: Spot, tmp_path: Path, servers: Servers) -> None:
    """A changed value is told by its folder, a row that lies in another one by both; so of a folder within another."""
    target, inner = folder(tmp_path), {"by": "list", "column": "region", "values": {"de": ["DE"]}}
    outcome = moved(source, target, choices=choice(by="range", column="day", bounds=["2024-02-01"], within=inner))
    assert outcome.report
    (table,) = outcome.report.tables
    assert (table.claim, table.segments, table.differing_segments) == ("target equals what was read", 4, 0)
    assert "reading parquet back" in table.how

    def said() -> tuple[str, int, str]:
        (table,) = wire.verify(outcome.plan, level="standard", secrets=requested(source, target)[1]).tables
        return table.claim, table.differing_segments, table.reason

    (first,) = (tmp_path / "folder" / "orders" / "day_from=-infinity" / "region_list=de").glob("*.parquet")
    kept = first.read_bytes()
    rows = pq.ParquetFile(first).read()
    changed = rows.set_column(0, rows.schema.field(0), pa.array([7], pa.int32()))
    pq.write_table(changed, first)
    assert said() == ("different", 1, "partitions that differ: orders/day_from=-infinity/region_list=de")
    (other,) = (tmp_path / "folder" / "orders" / "day_from=__HIVE_DEFAULT_PARTITION__" / "region_list=de").glob(
        "*.parquet"
    )
    first.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    assert said()[:2] == ("different", 2)
    first.write_bytes(kept)
    other.unlink()
    with pytest.raises(EngineError, match="is gone"):
        said()


def test_the_midnights_of_a_zone(source: Spot, tmp_path: Path) -> None:
    spec = {"by": "range", "column": "moment", "every": "year", "zone": "Asia/Kolkata"}
    moved(source, folder(tmp_path), choices=choice(**spec), level="full")
    assert lying(tmp_path) == {
        "moment_from=2023-12-31T18%3A30%3A00Z": [0, 1, 2, 3, 4], "moment_from=__HIVE_DEFAULT_PARTITION__": [5],
    }  # fmt: skip


def test_values(source: Spot, tmp_path: Path) -> None:
    """A folder is called as the column where it says what that does, and no reader takes it for something else."""
    values = {"de": ["DE"], "fr": ["FR"]}
    source.ask("UPDATE orders SET region = 'FR' WHERE region IN ('01', 'a/b=c d')")
    plain = choice(by="list", column="region", values={**values, "none": [None]}, outside="refuse")
    target = folder(tmp_path, "plain")
    moved(source, target, choices=plain, level="full")
    assert lying(tmp_path, "plain") == {
        "region=DE": [0, 4], "region=FR": [1, 2, 5], "region=__HIVE_DEFAULT_PARTITION__": [3],
    }  # fmt: skip
    assert target.ask(REGION) == source.ask(REGION)


def test_values_that_a_reader_could_mistake(source: Spot, tmp_path: Path) -> None:
    odd = choice(by="list", column="region", values={"de": ["DE"], "odd": ["01", "a/b=c d"]})
    target = folder(tmp_path)
    moved(source, target, choices=odd, level="full")
    assert lying(tmp_path) == {
        "region_list=de": [0, 4], "region_list=odd": [2, 5], "region_list=__HIVE_DEFAULT_PARTITION__": [1, 3],
    }  # fmt: skip
    assert target.ask(REGION) == source.ask(REGION)


def test_nested_and_escaped(source: Spot, tmp_path: Path) -> None:
    source.ask('ALTER TABLE orders RENAME region TO "re=gion"')
    source.ask("ALTER TABLE orders ADD day_from INTEGER")
    inner = {"by": "list", "column": "re=gion", "values": {"de": ["DE"]}}
    spec = {"by": "range", "column": "day", "bounds": ["2024-02-01"], "within": inner}
    moved(source, folder(tmp_path), choices=choice(**spec), level="full")
    rest = "re%3Dgion_list=__HIVE_DEFAULT_PARTITION__"
    assert lying(tmp_path) == {
        "day_from_=-infinity/re%3Dgion_list=de": [0], f"day_from_=-infinity/{rest}": [1, 2],
        f"day_from_=__HIVE_DEFAULT_PARTITION__/{rest}": [3, 5],
        "day_from_=__HIVE_DEFAULT_PARTITION__/re%3Dgion_list=de": [4],
    }  # fmt: skip


def test_an_empty_table_shows_its_columns(source: Spot, tmp_path: Path) -> None:
    source.ask("DELETE FROM orders")
    target = folder(tmp_path)
    moved(source, target, choices=choice(by="range", column="id", bounds=[10]))
    assert lying(tmp_path) == {"id_from=-infinity": []}
    assert target.ask("SELECT count(*) FROM orders") == [(0,)]


def test_what_has_no_folder_stops_the_run(source: Spot, tmp_path: Path) -> None:
    target = folder(tmp_path)
    spec = choice(by="range", column="id", every=2, outside="refuse")
    plan = planned(source, target, choices=spec)
    source.ask("INSERT INTO orders VALUES (100, NULL, NULL, NULL)")
    with pytest.raises(DataError, match="has no partition for a row: id is 100"):
        wire.run(plan, requested(source, target)[1])
    assert lying(tmp_path) == {}
    assert wire.clean(plan.run, target.url).stuck == ()
    assert not (tmp_path / "folder" / "orders").exists()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"by": "hash", "column": "id", "parts": 2}, "hashes have none"),
        ({"by": "range", "column": "region", "bounds": ["m"]}, "folders are for ranges of whole numbers"),
        ({"by": "list", "column": "region", "values": {"x" * 250: ["DE"]}}, "too long"),
    ],
)
def test_what_folders_cannot_be_for(spec: dict[str, Any], why: str, source: Spot, tmp_path: Path) -> None:
    plan = planned(source, folder(tmp_path), choices=choice(**spec))
    (blocker,) = (one for one in plan.findings if one.grade == "blocker")
    assert blocker.name == "partition-impossible"
    assert why in blocker.message


@pytest.mark.parametrize(("point", "nth"), [("landed", 2), ("syncing", 2), ("syncing", 5)])
def test_a_killed_run_is_resumed(point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    """Between renaming and the receipt files of several folders may lie there: a resumed run counts none twice."""
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE orders (id INTEGER PRIMARY KEY, size INTEGER)")
    for first in range(0, 4000, 500):
        source.ask(f"INSERT INTO orders VALUES {', '.join(f'({n}, {n % 7})' for n in range(first, first + 500))}")
    settings: dict[str, Any] = {
        "source": source.url, "target": folder(tmp_path).url, "slice_rows": 300, "point": point, "nth": nth,
        "tables": [], "partition": {"orders": {"by": "list", "column": "size", "values": {"low": [0, 1, 2]}}},
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    left = _files(tmp_path) - _named(tmp_path)
    assert left or point == "landed"  # then another worker's slice may be half written, or not
    for one in left:  # as a try leaves them that made more files
        file = tmp_path / "folder" / one
        shutil.copy(file, file.with_name(file.name.replace("-000", "-009")))
    equal_to_what_was_read(finished(settings))
    assert lying(tmp_path) == {
        "size_list=low": [n for n in range(4000) if n % 7 < 3],
        "size_list=__HIVE_DEFAULT_PARTITION__": [n for n in range(4000) if n % 7 > 2],
    }  # fmt: skip
    assert _files(tmp_path) == _named(tmp_path)


def _files(path: Path) -> set[str]:
    return {str(one.relative_to(path / "folder")) for one in (path / "folder").rglob("*.parquet")}


def _named(path: Path) -> set[str]:
    """The files that receipts name."""
    receipts = (path / "folder" / ".ropeway").rglob("receipts/*.json")
    return {part for file in receipts for part in json.loads(file.read_text())["files"]}


def test_an_append_whose_source_changed_starts_over(tmp_path: Path, servers: Servers) -> None:
    """Without the files that were there before."""
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE orders (id INTEGER PRIMARY KEY, size INTEGER)")
    source.ask(f"INSERT INTO orders VALUES {', '.join(f'({n}, {n % 7})' for n in range(1000))}")
    settings: dict[str, Any] = {"source": source.url, "target": folder(tmp_path).url, "slice_rows": 300}
    assert attack(**settings).returncode == 0
    settings |= {"mode": "append", "point": "landed", "nth": 2}
    assert attack(**settings).returncode == -signal.SIGKILL
    source.ask("UPDATE orders SET size = 9")
    equal_to_what_was_read(finished(settings))
    assert lying(tmp_path) == {".": sorted([*range(1000), *range(1000)])}
    assert _files(tmp_path) == _named(tmp_path)
