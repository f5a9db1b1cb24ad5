"""A DBA's edits on real servers: sealed, carried out as edited, verified, and undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ropeway
from ropeway.cli import written
from ropeway.transfer.clean import leftovers, remove
from ropeway.transfer.place import resolve
from shell import write
from spots import Servers, spot

# The plan's words and the DBA's; a query that says whether they were heeded.
EDITS = {
    "postgresql": (
        ("\n);\n", "\n) WITH (fillfactor=70) -- room; for updates\nTABLESPACE pg_default;\n"),
        ('"n" character varying(20)', '"n" text'),
        "SELECT c.reloptions::text || format_type(a.atttypid, a.atttypmod) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'n' WHERE c.relname = 'p'",
        "{fillfactor=70}text",
        'CREATE INDEX by_n ON public.p ("n")',
        "DROP INDEX public.by_n",
        "SELECT count(*) FROM pg_indexes WHERE indexname = 'by_n'",
    ),
    "mariadb": (
        (" ENGINE=InnoDB", " COMMENT='it\\'s; ours' ENGINE=InnoDB"),
        ("`n` varchar(20)", "`n` longtext"),
        "SELECT CONCAT(table_comment, data_type) FROM information_schema.tables JOIN information_schema.columns "
        "USING (table_schema, table_name) WHERE table_schema = database() AND table_name = 'p' AND column_name = 'n'",
        "it's; ourslongtext",
        "CREATE INDEX by_n ON p (n(5))",
        "DROP INDEX by_n ON p",
        "SELECT count(*) FROM information_schema.statistics WHERE table_schema = database() AND index_name = 'by_n'",
    ),
}


@pytest.mark.parametrize("engine", EDITS)
def test_edits_are_carried_out_and_undone(engine: str, tmp_path: Path, servers: Servers) -> None:
    clause, kind, query, heeded, index, drop, count = EDITS[engine]
    write(
        tmp_path / "in.sqlite",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, n VARCHAR(20) NOT NULL); INSERT INTO p VALUES (1, 'a'), (2, 'b')",
    )
    target, folder = spot(engine, tmp_path, servers), tmp_path / "plan"
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=target.url)
    written.write(ropeway.plan(job.request, job.secrets), folder)
    edit(folder / "before.sql", lambda text: text.replace(*clause, 1))
    edit(folder / "before.sql", lambda text: text.replace(*kind, 1))
    edit(folder / "after.sql", lambda text: f"{text}\n-- [+] create index by_n\n{index};\n")
    edit(
        folder / "down.sql", lambda text: text.replace("\n\n-- [", f"\n\n-- [+] create index by_n\n{drop};\n\n-- [", 1)
    )
    plan, edited = written.seal(folder)
    assert edited == ["after.sql", "before.sql", "down.sql"]
    outcome = ropeway.run(written.read(folder), job.secrets)
    assert outcome.report
    assert outcome.report.equal
    assert target.ask(query) == [(heeded,)]
    assert target.ask(count) == [(1,)]
    address = resolve(job.request.target, job.secrets.target)
    assert leftovers(plan.run, address, undo=True).statements[0].forward == drop
    remove(plan.run, address, undo=True)
    assert target.ask(count) == [(0,)]


WIDE = "CREATE TABLE w (id INTEGER PRIMARY KEY, n VARCHAR(9), d DECIMAL(9,2), ts TIMESTAMP, big BIGINT)"
LOSSY = ('"n" VARCHAR', '"n" INTEGER'), ("DECIMAL(9,2)", "DECIMAL(9,1)"), ("DECIMAL(9,2)", "DOUBLE"), (
    '"ts" TIMESTAMP', '"ts" DATE')  # fmt: skip


@pytest.mark.parametrize("change", LOSSY, ids=[new for _, new in LOSSY])
def test_a_type_that_would_change_values_is_refused(change: tuple[str, str], tmp_path: Path) -> None:
    write(tmp_path / "in.sqlite", f"{WIDE}; INSERT INTO w VALUES (1, '7', 1.25, '2024-02-29 12:34:56', 9)")
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=f"duckdb:///{tmp_path}/out.duckdb")
    written.write(ropeway.plan(job.request), tmp_path / "plan")
    edit(tmp_path / "plan" / "before.sql", lambda text: text.replace(*change, 1))
    with pytest.raises(ropeway.RequestError) as caught:
        written.seal(tmp_path / "plan")
    assert (caught.value.table, caught.value.column) == ("main.w", change[0].split('"')[1] if '"' in change[0] else "d")
    assert "plan the job again with types:" in caught.value.remedy


# A type that holds less, by the engine's words: what it holds arrives, and what it does not stops the run.
SMALLER = {
    "duckdb": ("BIGINT", "SMALLINT"), "postgresql": ("bigint", "int2"), "mariadb": ("bigint", "smallint"),
    "mysql": ("bigint", "smallint"),
}  # fmt: skip


@pytest.mark.parametrize("engine", SMALLER)
@pytest.mark.parametrize("value", [-32768, 32768])
def test_a_smaller_type_holds_the_values_or_stops_the_run(
    engine: str, value: int, tmp_path: Path, servers: Servers
) -> None:
    write(tmp_path / "in.sqlite", f"{WIDE}; INSERT INTO w (big) VALUES ({value})")
    target = spot(engine, tmp_path, servers)
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=target.url, verify="count")
    written.write(ropeway.plan(job.request, job.secrets), tmp_path / "plan")
    old, new = (f"{target.quote('big')} {kind}" for kind in SMALLER[engine])
    edit(tmp_path / "plan" / "before.sql", lambda text: text.replace(old, new, 1))
    plan, _ = written.seal(tmp_path / "plan")
    assert {c.target: c.fidelity for c in plan.hops[0].columns}["big"] == "constrained"
    if value == -32768:
        assert ropeway.run(plan, job.secrets).report
        assert target.ask("SELECT big FROM w") == [(value,)]
        return
    with pytest.raises(ropeway.DataError):
        ropeway.run(plan, job.secrets)
    assert target.ask("SELECT count(*) FROM w") == [(0,)]


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
