"""How a job has its tables kept: what the target's own catalogue, or its files, say of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import ropeway
from ropeway.transfer.errors import RequestError
from spots import Servers, Spot, spot

MONTHS = {"by": "range", "column": "day", "every": "month", "within": {"by": "hash", "column": "id", "parts": 2}}


@pytest.fixture
def source(tmp_path: Path, servers: Servers) -> Spot:
    made = spot("duckdb", tmp_path, servers)
    made.ask("CREATE TABLE orders AS SELECT n::INTEGER AS id, DATE '2024-01-01' + (n // 100)::INTEGER AS day "
             "FROM range(5000) r(n)")  # fmt: skip
    return made


def run(source: Spot, target: str, **table: Any) -> None:
    job = ropeway.job(source=source.url, target=target, tables=[{"from": "orders", **table}], verify="full")
    outcome = ropeway.run(job.request, job.secrets, limits=job.limits)
    assert outcome.report
    assert outcome.report.equal


@pytest.mark.parametrize("mode", ["create", "replace"])
def test_postgresql(mode: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    for _ in range(2 if mode == "replace" else 1):
        run(source, target.url, mode=mode, storage={"fillfactor": 70, "brin": ["day"]})
    assert target.ask("SELECT reloptions FROM pg_class WHERE oid = 'orders'::regclass") == [(["fillfactor=70"],)]
    brin = "SELECT count(*) FROM pg_indexes WHERE tablename = 'orders' AND indexdef LIKE '%USING brin (day)'"
    assert target.ask(brin) == [(1,)]


def test_partitions_of_postgresql(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    run(source, target.url, partition=MONTHS, storage={"fillfactor": 70, "brin": ["day"]})
    leaves = "FROM pg_partition_tree('orders') t JOIN pg_class c ON c.oid = t.relid"
    options = f"SELECT DISTINCT t.isleaf, c.reloptions::text {leaves} ORDER BY 1"
    assert target.ask(options) == [(False, None), (True, "{fillfactor=70}")]
    indexed = f"SELECT count(*) {leaves} JOIN pg_indexes i ON i.tablename = c.relname AND i.indexdef LIKE '%brin%'"
    assert target.ask(indexed) == target.ask(f"SELECT count(*) {leaves}")


@pytest.mark.parametrize("spec", [None, {"by": "range", "column": "day", "every": "month"}])
def test_parquet(spec: dict[str, Any] | None, source: Spot, tmp_path: Path) -> None:
    more = {"partition": spec} if spec else {}
    run(source, f"parquet:///{tmp_path / 'out'}", storage={"compression": "gzip", "row_group_rows": 700}, **more)
    files = [pq.ParquetFile(file) for file in (tmp_path / "out" / "orders").rglob("*.parquet")]
    groups = [file.metadata.row_group(n) for file in files for n in range(file.num_row_groups)]
    assert {group.column(0).compression for group in groups} == {"GZIP"}
    assert max(group.num_rows for group in groups) == 700


@pytest.mark.parametrize(
    ("target", "storage", "why"),
    [
        ("postgresql", {"compression": "gzip"}, "postgresql targets have no storage option compression"),
        ("postgresql", {"brin": ["month"]}, "has no such column"),
        ("parquet", {"fillfactor": 70}, "parquet targets have no storage option fillfactor"),
        ("parquet", {"compression": "zip"}, "no compression zip"),
        ("csv", {"compression": "gzip"}, "csv targets take no `storage`"),
    ],
)
def test_refused(
    target: str, storage: dict[str, Any], why: str, source: Spot, tmp_path: Path, servers: Servers
) -> None:  # fmt: skip
    files = target in ("parquet", "csv")
    url = f"{target}:///{tmp_path / 'out'}" if files else spot(target, tmp_path, servers).url
    with pytest.raises(RequestError, match=why):
        run(source, url, storage=storage)
