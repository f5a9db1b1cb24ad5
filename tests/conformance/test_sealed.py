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


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
