"""One checksum for each partition, where it is no table of its own and no folder: a wrong one is told by name."""

from __future__ import annotations

import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attacks import attack, equal_to_what_was_read, finished
from moves import moved, requested
from ropeway.cli import wire
from ropeway.partitioning.declared import call_of
from ropeway.transfer.engine import Claim, Receipt
from ropeway.transfer.engines import engine_of
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import from_json, to_json
from ropeway.transfer.request import Choice
from spots import MYSQL_FAMILY, Servers, Spot, spot

HOW = {"oracle": "computed by oracle in SQL", "sqlserver": "computed by sqlserver in SQL"}
DAY = {**dict.fromkeys(("mariadb", "mysql", "sqlserver"), "'2024-04-07'"), "oracle": "TIMESTAMP '2024-04-07 00:00:00'"}
DROP = dict.fromkeys(MYSQL_FAMILY, "ALTER TABLE orders DROP PARTITION p2024_03")
MONTHLY = {"by": "range", "column": "ordered_at", "every": "month"}


@pytest.fixture
def source(tmp_path: Path, servers: Servers) -> Spot:
    """Days of six months, the first and last instants of months among them, and two rows without any."""
    made = spot("duckdb", tmp_path, servers)
    made.ask("CREATE TABLE orders (id INTEGER, ordered_at TIMESTAMP, region INTEGER)")
    made.ask("INSERT INTO orders SELECT n, TIMESTAMP '2024-01-01' + to_days(n::INT), n % 3 FROM range(182) r(n)")
    made.ask("INSERT INTO orders SELECT 200 + n, TIMESTAMP '2024-01-31 23:59:59.999999' , 0 FROM range(3) r(n)")
    made.ask("INSERT INTO orders VALUES (300, NULL, 1), (301, NULL, NULL)")
    return made


def choice(**spec: Any) -> tuple[Choice, ...]:
    return (Choice("orders", partition=call_of(spec)),)


def said(outcome: wire.Outcome, source: Spot, target: Spot) -> tuple[str, int, int, str]:
    """What a verification says of the target as it is now."""
    report = wire.verify(outcome.plan, level="standard", secrets=requested(source, target)[1])
    (table,) = report.tables
    return table.claim, table.segments, table.differing_segments, table.reason.lower()  # of Oracle's names


@pytest.mark.parametrize(
    ("there", "mode"),
    [("mariadb", "create"), ("mariadb", "replace"), ("mysql", "create"), ("oracle", "create"), ("sqlserver", "create")],
)
def test_a_wrong_partition_is_named(there: str, mode: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot(there, tmp_path, servers)
    outcome = moved(source, target, choices=choice(**MONTHLY), mode=mode, slice_rows=100)
    assert from_json(to_json(outcome.plan)) == outcome.plan
    assert outcome.report
    (table,) = outcome.report.tables
    # Six months, what is before them, and what is behind; with NULL in the first, or in Oracle in the last.
    assert (table.claim, table.segments, table.differing_segments) == ("target equals what was read", 8, 0)
    assert table.how == HOW.get(there, f"by reading {there} back through Ropeway's driver")
    equal = said(outcome, source, target)
    assert equal == ("target equals what was read", 8, 0, "")
    for change, back, names in (
        ("region = 7 WHERE id = 31", "region = 1 WHERE id = 31", ["p2024_02"]),
        ("region = 5 WHERE id = 301", "region = NULL WHERE id = 301", ["pdefault" if there == "oracle" else "pbefore"]),
        (f"ordered_at = {DAY[there]} WHERE id = 31", "", ["p2024_02", "p2024_04"]),
    ):
        target.ask(f"UPDATE orders SET {change}")
        claim, *numbers, reason = said(outcome, source, target)
        assert (claim, numbers) == ("different", [8, len(names)])
        assert reason == f"partitions that differ: {', '.join(names)}"
        if back:
            target.ask(f"UPDATE orders SET {back}")
            assert said(outcome, source, target) == equal
    if there in DROP:
        target.ask(DROP[there])
        assert said(outcome, source, target)[:3] == ("different", -1, -1)


def test_other_bounds_are_no_other_rows(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("mariadb", tmp_path, servers)
    outcome = moved(source, target, choices=choice(**MONTHLY))
    target.ask(
        "ALTER TABLE orders REORGANIZE PARTITION p2024_02, p2024_03 INTO (PARTITION p2024_02 VALUES LESS THAN "
        "('2024-03-10'), PARTITION p2024_03 VALUES LESS THAN ('2024-04-01'))"
    )
    assert said(outcome, source, target) == ("target equals what was read", -1, -1, "")
    target.ask("UPDATE orders SET region = 7 WHERE id = 31")
    assert said(outcome, source, target)[0] == "different"


@pytest.mark.parametrize("there", ["mariadb", "oracle"])
def test_lists_with_hashes_inside(there: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    """A partition counts as one, whatever it is divided into."""
    target = spot(there, tmp_path, servers)
    inner = {"by": "hash", "column": "id", "parts": 2}
    values = {"even": [0, 2], "none": [None]}
    outcome = moved(source, target, choices=choice(by="list", column="region", values=values, within=inner))
    assert said(outcome, source, target) == ("target equals what was read", 3, 0, "")
    target.ask("DELETE FROM orders WHERE region IS NULL")
    assert said(outcome, source, target) == ("different", 3, 1, "partitions that differ: none")


def test_partitions_in_partitions(source: Spot, tmp_path: Path, servers: Servers) -> None:
    """Those inside are told apart, where the engine has their rows by name and they are no hashes."""
    target = spot("oracle", tmp_path, servers)
    inner = {"by": "list", "column": "region", "values": {"even": [0, 2]}}
    outcome = moved(source, target, choices=choice(**MONTHLY, within=inner))
    assert said(outcome, source, target) == ("target equals what was read", 16, 0, "")
    target.ask("UPDATE orders SET region = 2 WHERE id = 30")
    assert said(outcome, source, target) == ("different", 16, 1, "partitions that differ: p2024_01_even")
    target.ask("UPDATE orders SET region = 1 WHERE id = 30")
    (_, *numbers, _) = said(outcome, source, target)
    assert numbers == [16, 2]


@pytest.mark.parametrize("point", ["settled", "landed"])
def test_a_killed_run_has_them_too(point: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("mariadb", tmp_path, servers)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "slice_rows": 50, "point": point, "nth": 2, "tables": [],
        "partition": {"orders": MONTHLY},
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    answer = finished(settings)
    equal_to_what_was_read(answer)
    assert answer["report"]["tables"][0]["segments"] == 8
    assert target.ask("SELECT count(*) FROM orders") == [(187,)]


def test_what_has_no_room_lies_beside_its_receipt(tmp_path: Path, servers: Servers) -> None:
    """Written again it is the new one, of a slice that landed in parts it goes with the parts, and with the receipt."""
    place, secret = parse(spot("mariadb", tmp_path, servers).url)
    with closing(engine_of("mariadb").loader(resolve(place, secret))) as loader:
        ledger: Any = loader.ledger
        ledger.prepare()
        ledger.open("run", "hash", "{}", "job", "me")
        long, longer = (",".join(f"{n}=1:{n:032x}" for n in range(most)) for most in (9, 12))
        receipt = Receipt("1 a -> a", 3, "try", "now", read=9, loaded=4, checksum=f"9:{1:032x}", partitions=long)
        assert ledger.part("run", receipt, None)
        assert [(one.slice, one.partitions) for one in ledger.parts("run")] == [(3, long)]
        assert ledger.receipts("run") == []
        assert ledger.claim(Claim("run", "1 a -> a", 3, "try", "now"))
        ledger.settle("run", receipt)
        ledger.whole("run", receipt, receipt)
        assert ledger.parts("run") == []
        assert [one.partitions for one in ledger.receipts("run")] == [long]
        (kept,) = ledger.receipts("run")
        ledger.settle("run", replace(kept, partitions=longer))
        assert [(one.instant, one.partitions) for one in ledger.receipts("run")] == [("now", longer)]
        ledger.revoke("run", "1 a -> a")
        assert loader.ask("SELECT count(*) FROM ropeway_slice") == [(0,)]
