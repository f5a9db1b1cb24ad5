"""A schema that Django's `migrate` made is filled; Django reads the rows, adds its own, and finds all applied."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from ropeway.cli import wire
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from spots import Rows, Servers, Spot, spot

SITE = Path(__file__).with_name("django_site.py")
ENGINES = {"postgresql": "postgresql", "mariadb": "mysql", "sqlite": "sqlite3"}
CHOICES = (
    Choice("Artist", to="shop_artist"), Choice("Album", to="shop_album"), Choice("Playlist", to="shop_playlist"),
    Choice("Track", to="shop_track"),
    Choice("PlaylistTrack", to="shop_playlist_tracks"),
    Choice("Employee", to="shop_employee", columns=("EmployeeId", "LastName", "FirstName", "ReportsTo")),
)  # fmt: skip


def settings(place: Spot) -> dict[str, Any]:
    """Django's DATABASES entry for a place."""
    parts = urlsplit(place.url)
    if place.engine == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": place.url.removeprefix("sqlite:///")}
    made: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{ENGINES[place.engine]}", "NAME": parts.path[1:], "HOST": parts.hostname,
        "PORT": parts.port, "USER": unquote(parts.username or ""), "PASSWORD": unquote(parts.password or ""),
    }  # fmt: skip
    if place.engine == "postgresql":
        # The role is called as the ledger's schema, which its search_path would name first.
        made["OPTIONS"] = {"options": "-csearch_path=public"}
    return made


def django(place: Spot, folder: Path, what: str) -> Any:
    """Carry out a step of django_site.py in a process of its own; what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, str(SITE), json.dumps(settings(place)), str(folder), what],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def applied(place: Spot) -> Rows:
    return place.ask("SELECT app, name FROM django_migrations ORDER BY id")


@pytest.mark.parametrize("kind", ENGINES)
def test_django_schema(kind: str, chinook: Path, tmp_path: Path, servers: Servers) -> None:
    target = spot(kind, tmp_path, servers)
    assert django(target, tmp_path, "migrate") == {"unapplied": 0}
    migrations, permissions = applied(target), target.ask("SELECT count(*) FROM auth_permission")
    (one, _), (other, secret) = parse(f"sqlite:///{chinook / 'Chinook_Sqlite.sqlite'}"), parse(target.url)
    request = Request(one, other, choices=CHOICES, mode="fill", slice_rows=2000)
    outcome = wire.run(request, wire.Secrets("", secret))
    assert outcome.report
    assert {table.claim for table in outcome.report.tables} == {"target equals what was read"}
    # The numbers that Django gives are behind Chinook's highest ones; the models equal the migrations and the tables.
    assert django(target, tmp_path, "use") == {
        "tracks": 3503, "albums": ["For Those About To Rock We Salute You", "Let There Be Rock"], "price": "0.99",
        "on_playlist": 3290, "boss": "Adams", "new_track": 3504, "new_artist": 276, "double": "refused",
        "orphan": "refused", "unapplied": 0, "undetected": 0,
    }  # fmt: skip
    assert applied(target) == migrations
    assert target.ask("SELECT count(*) FROM auth_permission") == permissions


def test_what_django_numbers_itself_is_refused(tmp_path: Path, servers: Servers) -> None:
    """From one Django site into another: its bookkeeping stays, and ids that mean other rows do not pass."""
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    for place in (source, target):
        django(place, tmp_path, "migrate")
    (one, _), (other, secret) = parse(source.url), parse(target.url)
    with pytest.raises(RequestError, match=r"(auth_permission|django_content_type) holds rows") as caught:
        wire.plan(Request(one, other, mode="fill"), wire.Secrets("", secret))
    assert "--exclude" in str(caught.value.remedy)
    choices = (
        Choice("*", exclude=("auth_permission", "django_content_type")),
        # A time without a zone is no instant, unless somebody says so.
        Choice("auth_user", types=(("last_login", "timestamptz"), ("date_joined", "timestamptz"))),
    )
    plan = wire.plan(Request(one, other, choices, mode="fill"), wire.Secrets("", secret))
    assert "django_migrations" not in {hop.writes.table for hop in plan.hops}
    assert any("django_migrations" in f.where and "left alone" in f.message for f in plan.findings)
    warned = wire.plan(Request(one, other, (Choice("auth_permission"),), mode="merge"), wire.Secrets("", secret))
    assert any("ids of its own" in f.message for f in warned.findings if f.grade == "warning")
