"""A Django site in one file: `python django_site.py DATABASE_JSON FOLDER migrate|use`. Prints what it saw as JSON.

The migrations are written by `makemigrations` into FOLDER, and `migrate` makes the schema.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import django
from django.conf import settings

MODELS = """
from django.db import models


class Artist(models.Model):
    artist_id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=120, null=True, db_index=True)


class Album(models.Model):
    album_id = models.AutoField(primary_key=True)
    title = models.CharField(max_length=160)
    artist = models.ForeignKey(Artist, models.CASCADE, related_name="albums")


class Employee(models.Model):
    employee_id = models.AutoField(primary_key=True)
    last_name = models.CharField(max_length=20)
    first_name = models.CharField(max_length=20)
    boss = models.ForeignKey("self", models.SET_NULL, null=True, db_column="reports_to")

    class Meta:
        unique_together = [("last_name", "first_name")]


class Track(models.Model):
    track_id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=200)
    album = models.ForeignKey(Album, models.PROTECT, null=True)
    media_type_id = models.IntegerField()
    genre_id = models.PositiveIntegerField(null=True)
    composer = models.CharField(max_length=220, null=True)
    milliseconds = models.BigIntegerField()
    bytes = models.BigIntegerField(null=True)
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        indexes = [models.Index(fields=["genre_id", "-milliseconds"], name="by_genre")]
        constraints = [models.CheckConstraint(condition=models.Q(unit_price__gte=0), name="price")]


class Playlist(models.Model):
    playlist_id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=120, null=True)
    tracks = models.ManyToManyField(Track, related_name="playlists")
"""


def configured(database: dict[str, Any], folder: Path) -> None:
    if database["ENGINE"].endswith("mysql"):
        import pymysql

        pymysql.version_info = (2, 2, 7, "final", 0)  # Django asks for a mysqlclient of that version
        pymysql.install_as_MySQLdb()
    package = folder / "shop"
    if not package.exists():
        (package / "migrations").mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "migrations" / "__init__.py").write_text("")
        (package / "models.py").write_text(MODELS)
    sys.path.insert(0, str(folder))
    settings.configure(
        DATABASES={"default": database}, INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "shop"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True,
    )  # fmt: skip
    django.setup()


def told(command: str, *arguments: object, **options: object) -> int:
    """Whether a command that checks something found something."""
    from django.core.management import call_command

    try:
        with redirect_stdout(io.StringIO()):
            call_command(command, *arguments, **options)
    except SystemExit as end:
        return int(str(end.code or 0))
    return 0


def migrate() -> dict[str, object]:
    told("makemigrations", "shop", verbosity=0)
    told("migrate", verbosity=0)
    return {"unapplied": told("migrate", check_unapplied=True)}


def use() -> dict[str, object]:
    from django.db import connection
    from shop.models import Album, Artist, Employee, Playlist, Track

    acdc = Artist.objects.get(name="AC/DC")
    seen: dict[str, object] = {
        "tracks": Track.objects.count(), "albums": sorted(album.title for album in acdc.albums.all()),
        "price": str(Track.objects.get(pk=1).unit_price), "on_playlist": Playlist.objects.get(pk=1).tracks.count(),
        "boss": Employee.objects.get(pk=2).boss.last_name,
    }  # fmt: skip
    new = Track.objects.create(name="new", media_type_id=1, milliseconds=1, unit_price="1.50", album_id=1)
    seen["new_track"] = new.pk
    seen["new_artist"] = Artist.objects.create(name="new").pk
    Playlist.objects.get(pk=2).tracks.add(new)
    seen["double"] = refused(lambda: Employee.objects.create(last_name="Adams", first_name="Andrew"))

    def orphan() -> None:
        Album.objects.create(title="nobody's", artist_id=9999)
        connection.check_constraints()

    seen["orphan"] = refused(orphan)
    seen["unapplied"] = told("migrate", check_unapplied=True)
    seen["undetected"] = told("makemigrations", check_changes=True, dry_run=True)
    return seen


def refused(act: Callable[[], object]) -> str:
    from django.db import IntegrityError, transaction

    try:
        with transaction.atomic():
            act()
    except IntegrityError:
        return "refused"
    return "taken"


def main() -> None:
    configured(json.loads(sys.argv[1]), Path(sys.argv[2]))
    seen = {"migrate": migrate, "use": use}[sys.argv[3]]()
    print(json.dumps(seen))  # noqa: T201


if __name__ == "__main__":
    main()
