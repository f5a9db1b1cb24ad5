"""A ledger whose entries something keeps out: nothing lands without its receipt, and nothing ends unsaid."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved, requested
from ropeway.cli import wire
from ropeway.cli.rejected import rejects
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.request import Choice
from spots import Servers, Spot, spot

RULES = {
    "postgresql": "CREATE RULE mine AS ON {verb} TO ropeway.{table} DO INSTEAD NOTHING",
    "sqlite": "CREATE TRIGGER mine BEFORE {verb} ON {table} BEGIN SELECT RAISE(IGNORE); END",
}
ROWS = 6


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def known(engine: str, folder: Path, servers: Servers) -> tuple[Spot, Spot]:
    """A table in a target that has a ledger already."""
    source, target = spot("sqlite", folder, servers), spot(engine, folder, servers)
    for table in ("note", "other"):
        source.ask(f"CREATE TABLE {table} (id integer PRIMARY KEY, grade integer)")
        source.ask(f"INSERT INTO {table} VALUES {', '.join(f'({n}, {n})' for n in range(ROWS))}")
    target.ask("CREATE TABLE note (id integer PRIMARY KEY, grade integer CHECK (grade <> 3))")
    moved(source, target, choices=(Choice("other"),))
    return source, target


@pytest.mark.parametrize(
    ("engine", "verb", "table"),
    [("postgresql", "INSERT", "slice"), ("postgresql", "UPDATE", "slice"), ("postgresql", "INSERT", "reject"),
     ("postgresql", "UPDATE", "run"), ("sqlite", "INSERT", "slice"), ("sqlite", "UPDATE", "run")],
)  # fmt: skip
def test_nothing_lands_without_its_entries(
    engine: str, verb: str, table: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = known(engine, tmp_path, servers)
    request, secrets = requested(source, target, choices=(Choice("note"),), mode="truncate", max_rejects="1")
    if table == "reject":
        target.ask(TABLE_OF_REJECTS.format(schema="ropeway." if engine == "postgresql" else ""))
    target.ask(RULES[engine].format(verb=verb, table=f"ropeway_{table}"))
    with pytest.raises(EngineError, match=f"ledger's table .*ropeway_{table} has not taken"):
        wire.run(request, secrets)
    ((landed,),) = target.ask("SELECT count(*) FROM note")
    assert landed == (ROWS - 1 if (verb, table) == ("UPDATE", "run") else 0)
    if (verb, table) in (("INSERT", "slice"), ("UPDATE", "run")):
        target.ask("DROP RULE mine ON ropeway.ropeway_" + table if engine == "postgresql" else "DROP TRIGGER mine")
        wire.run(request, secrets, resume=True)
        assert target.ask("SELECT count(*) FROM note") == [(ROWS - 1,)]


TABLE_OF_REJECTS = """
CREATE TABLE {schema}ropeway_reject (run varchar(200) NOT NULL, hop bigint NOT NULL, slice bigint NOT NULL,
n_row bigint NOT NULL, hop_name text NOT NULL, stage text NOT NULL, reason text NOT NULL, column_name text NOT NULL,
row_key text NOT NULL, row_values text NOT NULL, row_bytes text NOT NULL, PRIMARY KEY (run, hop, slice, n_row))
"""


DAMAGE = {"emptied": "'{}'", "altered": "replace(plan, '\"truncate\"', '\"append\"')"}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_plan_that_is_not_what_was_written_is_named(how: str, tmp_path: Path, servers: Servers) -> None:
    source, target = known("sqlite", tmp_path, servers)
    request, secrets = requested(source, target, choices=(Choice("note"),), mode="truncate")
    source.ask("UPDATE note SET grade = 9 WHERE id = 3")
    planned = wire.plan(request, secrets)
    source.ask("UPDATE note SET grade = 3 WHERE id = 3")
    with pytest.raises(DataError):
        wire.run(planned, secrets)
    *_, (run,) = target.ask("SELECT run FROM ropeway_run ORDER BY started")
    ((before,),) = target.ask(f"SELECT plan FROM ropeway_run WHERE run = '{run}'")
    target.ask(f"UPDATE ropeway_run SET plan = {DAMAGE[how]} WHERE run = '{run}'")
    for work in (
        lambda: wire.run(request, secrets, resume=True),
        lambda: wire.clean(run, target.url),
        lambda: rejects(run, target.url),
    ):
        with pytest.raises(RequestError, match=f"plan of run {run} .* is damaged") as caught:
            work()
        assert f".ropeway/{run}/plan.json" in str(caught.value)
    source.ask("UPDATE note SET grade = 9 WHERE id = 3")
    target.ask(f"UPDATE ropeway_run SET plan = '{before.replace(chr(39), chr(39) * 2)}' WHERE run = '{run}'")
    wire.run(request, secrets, resume=True)
    assert target.ask("SELECT count(*) FROM note") == [(ROWS,)]
