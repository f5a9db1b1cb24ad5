"""The walk-through of docs/sqlserver.md, as it stands there."""

from __future__ import annotations

import os
import re
import shlex
from decimal import Decimal
from pathlib import Path

from ropeway.transfer.place import parse
from servers import Postgresql
from servers.sqlserver.process import Databases
from shell import Shell
from spots import Servers, spot

PAGE = Path(__file__).parents[2] / "docs" / "sqlserver.md"


def test_the_walk_through(
    tmp_path: Path, servers: Servers, sqlserver: Databases, postgresql: Postgresql, chinook: Path
) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("postgresql", tmp_path, servers)
    script = (chinook / "Chinook_SqlServer.sql").read_text(encoding="utf-8-sig")
    for batch in re.split(r"^GO\s*$", script, flags=re.MULTILINE):
        plain = re.sub(r"/\*.*?\*/", "", batch, flags=re.DOTALL).strip()
        if plain and not re.match(r"(IF|USE|CREATE DATABASE|ALTER DATABASE|DROP DATABASE)\b", plain, re.IGNORECASE):
            source.ask(plain)
    (old, old_secret), (new, new_secret) = parse(source.url), parse(target.url)
    text = PAGE.read_text(encoding="utf-8").partition("step by step\n")[2].partition("\n## ")[0]
    given = dict(re.findall(r"(OLD|NEW)='([^']*)'", text))
    assert set(given) == {"OLD", "NEW"}
    places = {
        "OLD": str(old).replace(f"{old.username}:***@", f"{old.username}:${{OLD_PASSWORD}}@"),
        "NEW": str(new).replace(f"{new.username}:***@", f"{new.username}:${{NEW_PASSWORD}}@"),
    }
    environment = {**os.environ, "OLD_PASSWORD": old_secret, "NEW_PASSWORD": new_secret}
    shell, said = Shell(tmp_path), {}
    for line in re.findall(r"^    ropeway (.*)$", text, re.MULTILINE):
        words = [places.get(word.removeprefix("$"), word) for word in shlex.split(line)]
        said[words[0]] = shell(*words, environment=environment).stdout
    assert list(said) == ["inspect", "plan", "run", "verify"]
    assert re.search(r"dbo\.PlaylistTrack +table +8[.,]?715 ", said["inspect"])
    assert said["verify"].count("target equals source") == 11
    assert target.ask("SELECT count(*), count(DISTINCT conrelid) FROM pg_constraint WHERE contype = 'f'") == [(11, 7)]
    assert target.ask("SELECT name FROM artist WHERE artist_id = 6") == [("Antônio Carlos Jobim",)]
    assert target.ask("SELECT sum(total), max(invoice_date)::text FROM invoice") == [
        (Decimal("2328.60"), "2025-12-22 00:00:00")
    ]
    assert (tmp_path / "chinook" / "risks.md").is_file()
    for secret in (old_secret, new_secret):
        assert not any(secret in file.read_text(errors="replace") for file in tmp_path.rglob("chinook/**/*.*")
                       if file.is_file())  # fmt: skip
