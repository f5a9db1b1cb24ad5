"""When planning looks through a table, and when it leaves that to the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ropeway.cli import wire
from ropeway.transfer import policies
from ropeway.transfer.errors import RequestError, RopewayError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Request
from spots import Servers, Spot, spot

ODD = {"mariadb": ("zero_date", "0000-00-00"), "postgresql": ("infinity", "infinity")}


def ends(source: Spot, target: Spot, **options: Any) -> tuple[Request, wire.Secrets]:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    return Request(one, other, **options), wire.Secrets(one_secret, other_secret)


def made(place: Spot) -> None:
    place.ask("CREATE TABLE t (id integer PRIMARY KEY, day date)")
    if place.engine == "mariadb":
        place.ask("SET STATEMENT sql_mode = '' FOR INSERT INTO t VALUES (1, '2024-01-01'), (2, '0000-00-00')")
        place.ask("ANALYZE TABLE t")
    else:
        place.ask("INSERT INTO t VALUES (1, '2024-01-01'), (2, 'infinity')")
        place.ask("ANALYZE t")


@pytest.mark.parametrize("here", list(ODD))
def test_large_tables_are_looked_through_where_something_depends_on_it(
    here: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = spot(here, tmp_path, servers), spot("duckdb", tmp_path, servers)
    made(source)
    policy, _ = ODD[here]
    with pytest.raises(RequestError, match=r"t\.day \(date\) holds 1 "):
        wire.plan(*ends(source, target))
    monkeypatch.setattr(policies, "LARGE", 1)
    plan = wire.plan(*ends(source, target))
    (note,) = [finding for finding in plan.findings if finding.name == "not-profiled"]
    assert "day: nobody looked for" in note.message
    with pytest.raises(RopewayError, match="day"):  # the first such value stops the run, by name
        wire.run(*ends(source, target))
    other = spot("duckdb", tmp_path, servers)
    outcome = wire.run(*ends(source, other, policies=((policy, "text"),)))
    assert outcome.report
    assert outcome.report.equal
    assert other.ask("SELECT day FROM t WHERE id = 2") == [(ODD[here][1],)]


def test_bytes_that_pass_undecoded_are_not_looked_through(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    made(source)
    source.ask("ALTER TABLE t ADD n numeric")
    source.ask("UPDATE t SET n = 'NaN' WHERE id = 2")
    source.ask("SELECT pg_stat_force_next_flush()")
    before = source.ask("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 't'")
    plan = wire.plan(*ends(source, target))
    source.ask("SELECT pg_stat_force_next_flush()")
    assert plan.hops[0].raw
    assert source.ask("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 't'") == before
    wire.run(*ends(source, target))
    assert target.ask("SELECT day::text, n::text FROM t WHERE id = 2") == [("infinity", "NaN")]
