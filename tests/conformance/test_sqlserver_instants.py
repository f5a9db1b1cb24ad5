"""The instant that SQL Server is read at, and what an account may do and see there."""

from __future__ import annotations

import threading
import time as clock
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from moves import accounts, moved, planned, requested
from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RopewayError
from ropeway.transfer.job import Limits
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.request import Choice
from ropeway.transfer.steps import TRIES
from servers.sqlserver.process import Databases, SqlServer
from spots import Servers, Spot, database, spot


@pytest.fixture
def ends(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("sqlserver", tmp_path, servers), spot("postgresql", tmp_path, servers)


# Instants


def isolated(source: Spot) -> Spot:
    """Without database snapshots."""
    return replace(source, url=f"{source.url}&snapshot=no")


@pytest.mark.parametrize("snapshot", ["database snapshot", "snapshots begun under table locks"])
def test_all_slices_are_of_one_instant(snapshot: str, ends: tuple[Spot, Spot], sqlserver: Databases) -> None:
    """Somebody moves amounts between rows all the time; what arrives adds up."""
    source, target = ends
    accounts(source, 300)
    stop = threading.Event()
    moves: list[int] = []

    def writes() -> None:
        with closing(sqlserver.connect(database(source))) as connection:
            while not stop.is_set():
                one = len(moves) % 299
                connection.execute(
                    f"BEGIN TRANSACTION; UPDATE account SET amount = amount - 7 WHERE id = {one + 1}; "
                    f"UPDATE account SET amount = amount + 7 WHERE id = {300 - one}; COMMIT TRANSACTION"
                )
                moves.append(one)

    if isinstance(sqlserver, SqlServer):
        sqlserver.behave(delay=0.004)  # so that others write between two readers' beginnings
    writer = threading.Thread(target=writes)
    writer.start()
    try:
        while not moves:
            clock.sleep(0.01)
        read = source if snapshot.startswith("database") else isolated(source)
        outcome = wire.run(*requested(read, target, slice_rows=20), limits=Limits(workers=4))
    finally:
        stop.set()
        writer.join()
        if isinstance(sqlserver, SqlServer):
            sqlserver.behave(delay=0.0)
    assert target.ask("SELECT sum(amount), count(*) FROM account") == [(30_000, 300)]
    assert len({receipt.slice for receipt in outcome.receipts if receipt.slice}) > 5
    (instant,) = {receipt.instant for receipt in outcome.receipts if receipt.slice}
    assert instant.startswith(f"sqlserver {snapshot}")
    assert source.ask("SELECT count(*) FROM account WHERE amount <> 100")[0][0] > 0
    assert source.ask("SELECT name FROM sys.databases WHERE source_database_id = DB_ID()") == []


def test_a_resumed_run_goes_back_to_its_snapshot(ends: tuple[Spot, Spot], sqlserver: Databases) -> None:
    source, target = ends
    accounts(source, 100)
    sqlserver.tell("trouble", r"AS \[amount\] FROM \[dbo\].\[account\] WHERE \[id\]", 0, "", TRIES, 3)
    request, secrets = requested(source, target, slice_rows=10)
    with pytest.raises(RopewayError, match="--resume"):
        wire.run(request, secrets, limits=Limits(workers=1))
    landed = target.ask("SELECT count(*) FROM account")[0][0]
    assert 0 < landed < 100
    source.ask("UPDATE account SET amount = 0")
    outcome = wire.run(request, secrets, resume=True)
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), sum(amount) FROM account") == [(100, 10_000)]
    assert len({receipt.instant for receipt in outcome.receipts if receipt.slice}) == 1
    assert source.ask("SELECT name FROM sys.databases WHERE source_database_id = DB_ID()") == []


@pytest.mark.parametrize("changed", [False, True])
def test_a_resumed_run_without_its_snapshot_proves_what_has_landed(
    changed: bool, ends: tuple[Spot, Spot], sqlserver: Databases
) -> None:
    """A snapshot transaction is gone with its process; finished slices stand if the source's are unchanged."""
    source, target = isolated(ends[0]), ends[1]
    accounts(source, 100)
    sqlserver.tell("trouble", r"AS \[amount\] FROM \[dbo\].\[account\] WHERE \[id\]", 0, "", 1, 3)
    request, secrets = requested(source, target, slice_rows=10)
    with pytest.raises(RopewayError, match="--resume"):
        wire.run(request, secrets, limits=Limits(workers=1))
    landed = target.ask("SELECT count(*) FROM account")[0][0]
    assert 0 < landed < 100
    source.ask(f"UPDATE account SET amount = 0 WHERE id = {5 if changed else 95}")
    outcome = wire.run(request, secrets, resume=True)
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), sum(amount) FROM account") == [(100, 9_900)]
    assert len({receipt.instant for receipt in outcome.receipts if receipt.slice}) == (1 if changed else 2)


def test_an_error_that_ends_a_snapshot_is_not_read_past(ends: tuple[Spot, Spot], sqlserver: Databases) -> None:
    """What a session reads behind a lost transaction would be of another instant."""
    source, target = isolated(ends[0]), ends[1]
    accounts(source, 10)
    plan = planned(source, target)
    (hop,), engine = plan.hops, engine_of("sqlserver")
    sqlserver.tell("trouble", r"AS \[amount\] FROM \[dbo\].\[account\]", 1205, "chosen as the deadlock victim")
    with closing(engine.open(resolve(plan.source, parse(source.url)[1]), plan.hops, "run", 1)) as opened:
        (reader,) = opened.readers()
        with pytest.raises(RopewayError, match=r"deadlock victim \(1205\)") as caught:
            list(reader.read(hop, hop.slices[0], 1 << 20))
        assert engine.classify(caught.value) == "transient"
        for again in (lambda: list(reader.read(hop, hop.slices[0], 1 << 20)), lambda: reader.count(hop)):
            with pytest.raises(RopewayError, match="has ended with an error of the server"):
                again()


def test_a_database_that_allows_no_snapshots(ends: tuple[Spot, Spot], tmp_path: Path, servers: Servers) -> None:
    source, target = isolated(ends[0]), ends[1]
    accounts(source, 3)
    request, secrets = requested(source, target)
    plan = wire.plan(request, secrets)
    source.ask(f"ALTER DATABASE {database(source)} SET ALLOW_SNAPSHOT_ISOLATION OFF")
    with pytest.raises(RopewayError, match=r"allows no snapshot isolation: .*\(3952\)") as caught:
        wire.run(plan, secrets)
    assert "SET ALLOW_SNAPSHOT_ISOLATION ON" in str(caught.value)
    moved(source, spot("postgresql", tmp_path, servers), consistency="none")


def test_somebody_who_writes_for_long(ends: tuple[Spot, Spot], sqlserver: Databases, monkeypatch: Any) -> None:
    source, target = isolated(ends[0]), ends[1]
    accounts(source, 100)
    monkeypatch.setattr("ropeway.transfer.engines.sqlserver.source._LOCK_MS", 50)
    request, secrets = requested(source, target, slice_rows=10)
    with closing(sqlserver.connect(database(source))) as writer:
        writer.execute("BEGIN TRANSACTION; UPDATE account SET amount = 1 WHERE id = 1")
        with pytest.raises(RopewayError, match="so that 2 readers found no common instant") as caught:
            wire.run(request, secrets, limits=Limits(workers=2))
        assert "--workers 1" in str(caught.value)
        outcome = wire.run(request, secrets, resume=True, limits=Limits(workers=1))
    assert target.ask("SELECT sum(amount) FROM account") == [(10_000,)]
    assert {one.instant.partition(" at ")[0] for one in outcome.receipts if one.slice} == {"sqlserver snapshot"}


# What an account may do and see


def test_what_an_account_lacks(ends: tuple[Spot, Spot], sqlserver: Databases) -> None:
    source, target = ends
    accounts(source, 3)
    source.ask("CREATE TABLE other (id int)")
    source.ask(f"ALTER DATABASE {database(source)} SET ALLOW_SNAPSHOT_ISOLATION OFF")
    url = sqlserver.account(database(source), "SELECT ON account", "VIEW DEFINITION ON other")
    reader = replace(source, url=url)
    findings = planned(reader, target).findings
    lacking = {one.message.removeprefix("this account lacks ") for one in findings if one.name == "privilege"}
    assert {one.partition(":")[0] for one in lacking} == {
        "SELECT on dbo.other", "VIEW DEFINITION", "a snapshot to read (or CREATE ANY DATABASE for one)",
    }  # fmt: skip
    remedies = " ".join(one.remedy for one in findings)
    user = parse(reader.url)[0].username
    assert f"GRANT SELECT ON [dbo].[other] TO [{user}];" in remedies
    source.ask(f"ALTER DATABASE {database(source)} SET ALLOW_SNAPSHOT_ISOLATION ON")
    source.ask(f"GRANT VIEW DEFINITION TO {user}")
    outcome = moved(reader, target, choices=(Choice("account"),))  # it makes no database snapshot
    assert {one.instant.partition(" at ")[0] for one in outcome.receipts if one.slice} <= {
        "sqlserver snapshot", "sqlserver snapshots begun under table locks",
    }  # fmt: skip


def test_what_an_account_would_not_see(ends: tuple[Spot, Spot], sqlserver: Databases) -> None:
    source, target = ends
    source.ask("CREATE TABLE account (id int PRIMARY KEY, owner int, mail varchar(40) MASKED WITH (FUNCTION = "
               "'email()'))")  # fmt: skip
    source.ask("CREATE FUNCTION dbo.mine (@owner int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS ok WHERE "
               "@owner = 1")  # fmt: skip
    source.ask("CREATE SECURITY POLICY own ADD FILTER PREDICATE dbo.mine(owner) ON dbo.account WITH (STATE = ON)")
    reader = replace(source, url=sqlserver.account(database(source), "SELECT", "VIEW DEFINITION"))
    found = [
        (one.grade, one.where, one.remedy) for one in planned(reader, target).findings if one.name == "hidden-rows"
    ]
    user = parse(reader.url)[0].username
    assert found == [
        ("blocker", "dbo.account", "For the time of the run: ALTER SECURITY POLICY [own] WITH (STATE = OFF);"),
        ("blocker", "dbo.account.mail", f"GRANT UNMASK TO [{user}];"),
    ]
    assert [one.where for one in planned(source, target).findings if one.name == "hidden-rows"] == ["dbo.account"]


def test_a_snapshot_that_a_run_has_left_is_said(ends: tuple[Spot, Spot], sqlserver: Databases) -> None:
    source, target = ends
    accounts(source, 30)
    sqlserver.tell("trouble", r"AS \[amount\] FROM \[dbo\].\[account\]", 0, "", TRIES)
    request, secrets = requested(source, target)
    with pytest.raises(RopewayError):
        wire.run(request, secrets)
    (left,) = [name for (name,) in source.ask("SELECT name FROM sys.databases WHERE source_database_id = DB_ID()")]
    (found,) = [one for one in planned(source, target, mode="append").findings if one.name == "snapshot-left"]
    assert left in found.message
    assert f"DROP DATABASE [{left}]" in found.remedy
