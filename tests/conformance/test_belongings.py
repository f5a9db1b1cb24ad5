"""Partitions, owners, grants and collations: kept where the target has the same, and said where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ropeway.cli import wire
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.plan import Plan
from ropeway.transfer.request import Request
from spots import MYSQL_FAMILY, Servers, Spot, spot


def ends(source: Spot, target: Spot, **options: Any) -> tuple[Request, wire.Secrets]:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    return Request(one, other, **options), wire.Secrets(one_secret, other_secret)


def moved(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    outcome = wire.run(*ends(source, target, **options))
    assert outcome.report
    assert outcome.report.equal
    return outcome


def said(plan: Plan, name: str) -> list[str]:
    return [finding.message for finding in plan.findings if finding.name == name]


PARTED = (
    "CREATE TABLE sale (id integer NOT NULL, day date NOT NULL, region text, PRIMARY KEY (id, day)) "
    "PARTITION BY RANGE (day)",
    "CREATE TABLE sale_2023 PARTITION OF sale FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')",
    "CREATE TABLE \"sale 2024\" PARTITION OF sale FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') "
    "PARTITION BY LIST (id)",
    'CREATE TABLE sale_2024_few PARTITION OF "sale 2024" FOR VALUES IN (300, 301)',
    'CREATE TABLE sale_2024_other PARTITION OF "sale 2024" DEFAULT',
    "CREATE INDEX by_region ON sale (region)",
    "CREATE TABLE line (id integer PRIMARY KEY, sale integer, day date, FOREIGN KEY (sale, day) REFERENCES sale)",
    "INSERT INTO sale SELECT n, date '2023-06-01' + n, CASE n % 3 WHEN 0 THEN 'eu' WHEN 1 THEN 'us' END "
    "FROM generate_series(1, 500) n",
    "INSERT INTO line SELECT id, id, day FROM sale",
)
COUNTS = "SELECT tableoid::regclass::text, count(*) FROM sale GROUP BY 1 ORDER BY 1"


@pytest.mark.parametrize("raw", [True, False])
def test_postgresql_partitions_stay(raw: bool, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    for sql in PARTED:
        source.ask(sql)
    source.ask("ANALYZE")
    outcome = moved(source, target, slice_rows=100, raw=raw)
    assert len(outcome.plan.hop(next(h.name for h in outcome.plan.hops if "sale" in h.name)).slices) > 3
    assert target.ask(COUNTS) == source.ask(COUNTS)
    bounds = "SELECT relname::text, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition ORDER BY 1"
    tables = bounds.replace("relispartition", "relispartition AND relkind IN ('r', 'p')")
    assert target.ask(tables) == source.ask(tables)
    assert target.ask("SELECT conname FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND convalidated")


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "duckdb"])
def test_postgresql_partitions_are_flattened(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    for sql in PARTED:
        source.ask(sql)
    outcome = moved(source, target, partitions="flatten")
    assert said(outcome.plan, "partitions-lost") == [
        "it is partitioned in the source (PARTITION BY RANGE (day)) and becomes a plain table"
    ]
    assert target.ask("SELECT count(*) FROM sale") == [(500,)]


@pytest.mark.parametrize("here", MYSQL_FAMILY)
def test_mysql_partitions_stay(here: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask(
        "CREATE TABLE sale (id integer NOT NULL, day date NOT NULL, PRIMARY KEY (id, day)) "
        "PARTITION BY RANGE COLUMNS(day) (PARTITION p1 VALUES LESS THAN ('2024-01-01'), "
        "PARTITION p2 VALUES LESS THAN (MAXVALUE))"
    )
    source.ask("INSERT INTO sale VALUES (1, '2023-01-01'), (2, '2024-01-01'), (3, '2025-01-01')")
    outcome = moved(source, target)
    assert not said(outcome.plan, "partitions-lost")
    listed = (
        "SELECT PARTITION_NAME, PARTITION_METHOD, TABLE_ROWS FROM information_schema.PARTITIONS "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'sale' ORDER BY 1"
    )
    target.ask("ANALYZE TABLE sale")
    assert target.ask(listed) == [("p1", "RANGE COLUMNS", 1), ("p2", "RANGE COLUMNS", 2)]


def test_owner_and_grants(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    for role in ("belongs_owner", "belongs_reader"):
        if not source.ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
            source.ask(f"CREATE ROLE {role}")
    source.ask("CREATE TABLE t (id integer PRIMARY KEY)")
    source.ask("CREATE VIEW v AS SELECT id FROM t")
    source.ask("GRANT SELECT, INSERT ON t TO belongs_reader")
    source.ask("GRANT SELECT ON v TO PUBLIC")
    moved(source, target, target_owner="belongs_owner")
    found = target.ask(
        "SELECT relname::text, relowner::regrole::text FROM pg_class WHERE relname IN ('t', 'v') ORDER BY 1"
    )
    assert found == [("t", "belongs_owner"), ("v", "belongs_owner")]
    assert target.ask("SELECT has_table_privilege('belongs_reader', 't', 'INSERT')") == [(True,)]
    assert target.ask("SELECT has_table_privilege('belongs_reader', 't', 'DELETE')") == [(False,)]
    assert target.ask("SELECT has_table_privilege('belongs_reader', 'v', 'SELECT')") == [(True,)]
    other = spot("mariadb", tmp_path, servers)
    lost = said(wire.plan(*ends(source, other)), "grants-lost")
    assert len(lost) == 1
    assert "INSERT on public.t to belongs_reader" in lost[0]
    with pytest.raises(RequestError, match="no role nobody_here"):
        wire.plan(*ends(source, spot("postgresql", tmp_path, servers), target_owner="nobody_here"))
    with pytest.raises(RequestError, match="knows no owners"):
        wire.plan(*ends(source, other, target_owner="belongs_owner"))


def test_collations_that_fold_case(tmp_path: Path, servers: Servers) -> None:
    source = spot("mariadb", tmp_path, servers)
    source.ask(
        "CREATE TABLE t (id integer PRIMARY KEY, code varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, "
        "old varchar(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci, UNIQUE (code))"
    )
    source.ask("INSERT INTO t VALUES (1, 'a', 'é')")
    same, other = spot("mariadb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    outcome = moved(source, same)
    assert not said(outcome.plan, "collation")
    with pytest.raises(Exception, match="Duplicate"):
        same.ask("INSERT INTO t VALUES (2, 'A', 'x')")
    assert same.ask("SELECT count(*) FROM t WHERE old = 'É'") == [(1,)]
    outcome = moved(source, other)
    (warned,) = [finding for finding in outcome.plan.findings if finding.name == "collation"]
    assert warned.grade == "warning"
    assert "equality of code, old ignores accents and case in the source" in warned.message
    assert "what code forbids there is allowed here" in warned.message


def test_postgresql_collations_stay(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask('CREATE TABLE t (id integer PRIMARY KEY, word text COLLATE "POSIX")')
    moved(source, target)
    asked = (
        "SELECT collname::text FROM pg_attribute a JOIN pg_collation c ON c.oid = attcollation WHERE attname = 'word'"
    )
    assert target.ask(asked) == [("POSIX",)]


RICH = (
    "CREATE TABLE p (id integer PRIMARY KEY, word text, CONSTRAINT one UNIQUE NULLS NOT DISTINCT (word) "
    "DEFERRABLE) WITH (fillfactor=70)",
    "CREATE TABLE c (id integer GENERATED ALWAYS AS IDENTITY (INCREMENT BY 5) PRIMARY KEY, p integer, r int4range, "
    "CONSTRAINT to_p FOREIGN KEY (p) REFERENCES p MATCH FULL ON DELETE CASCADE DEFERRABLE "
    "INITIALLY DEFERRED, "
    "CONSTRAINT apart EXCLUDE USING gist (r WITH &&))",
    "INSERT INTO p VALUES (1, 'a'), (2, NULL)",
    "INSERT INTO c (p, r) VALUES (1, '[1,3)'), (2, '[3,9)')",
)


def test_postgresql_keeps_what_its_constraints_say(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    for sql in RICH:
        source.ask(sql)
    outcome = moved(source, target)
    assert not [finding for finding in outcome.plan.findings if finding.grade == "warning"]
    asked = (
        "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype <> 'n' "
        "AND connamespace = 'public'::regnamespace ORDER BY 1"
    )
    assert target.ask(asked) == source.ask(asked)
    for asked in (
        "SELECT reloptions FROM pg_class WHERE relname = 'p'",
        "SELECT attidentity::text FROM pg_attribute WHERE attrelid = 'c'::regclass AND attname = 'id'",
    ):
        assert target.ask(asked) == source.ask(asked)
    assert target.ask("INSERT INTO c (p) VALUES (NULL) RETURNING id") == [(11,)]
    other = spot("mariadb", tmp_path, servers)
    findings = moved(source, other).plan.findings
    assert {finding.message for finding in findings} >= {
        "its identity counts in steps of 5 in the source, of 1 in the target",
        "its identity is ALWAYS given in the source; the target takes other numbers, too",
    }
    told = {finding.name for finding in findings}
    assert {"foreign-key-changed", "constraint-lost", "index-changed", "identity-changed"} <= told


@pytest.mark.parametrize("there", ["mariadb", "postgresql"])
def test_moments_that_an_update_refreshes(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mysql", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask(
        "CREATE TABLE t (id integer PRIMARY KEY, n integer, "
        "at datetime(3) NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(3))"
    )
    source.ask("INSERT INTO t VALUES (1, 1, NULL)")
    outcome = moved(source, target)
    assert bool(said(outcome.plan, "refresh-lost")) == (there == "postgresql")
    target.ask("UPDATE t SET n = 2")
    assert (target.ask("SELECT at FROM t") == [(None,)]) == (there == "postgresql")
