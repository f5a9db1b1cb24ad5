"""A schema that Alembic's `upgrade head` made is filled, and is still what Alembic and SQLAlchemy take it for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from ropeway.cli import wire
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from spots import Servers, spot

ENV = """
from alembic import context
connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=context.config.attributes["metadata"], render_as_batch=True,
    compare_type=True, include_name=lambda name, kind, _: kind != "table" or not name.startswith("ropeway_"),
)
with context.begin_transaction():
    context.run_migrations()
"""
FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "0001", None, None, None

def upgrade():
    op.create_table(
        "artist", sa.Column("artist_id", sa.Integer, primary_key=True), sa.Column("name", sa.String(120)),
    )
    op.create_table(
        "album", sa.Column("album_id", sa.Integer, primary_key=True),
        sa.Column("title", sa.String(160), nullable=False),
        sa.Column("artist_id", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["artist_id"], ["artist.artist_id"], name="fk_album_artist", ondelete="CASCADE"),
    )
    op.create_index("ix_album_artist", "album", ["artist_id"])
    op.create_table(
        "employee", sa.Column("employee_id", sa.Integer, primary_key=True),
        sa.Column("last_name", sa.String(20), nullable=False), sa.Column("first_name", sa.String(20), nullable=False),
        sa.Column("reports_to", sa.Integer),
        sa.ForeignKeyConstraint(["reports_to"], ["employee.employee_id"], name="fk_employee_boss", initially="DEFERRED",
                                deferrable=True),
        sa.UniqueConstraint("last_name", "first_name", name="uq_employee"),
    )

def downgrade():
    raise NotImplementedError
"""
SECOND = '''
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None

def upgrade():
    op.create_table(
        "track", sa.Column("track_id", sa.Integer, primary_key=True), sa.Column("name", sa.String(200), nullable=False),
        sa.Column("album_id", sa.Integer),
        sa.Column("unit_price", sa.Numeric(10, 2), nullable=False),
        sa.Column("state", sa.Enum("offered", "gone", name="track_state"), nullable=False, server_default="offered"),
        sa.ForeignKeyConstraint(["album_id"], ["album.album_id"], name="fk_track_album"),
        sa.CheckConstraint("unit_price >= 0", name="ck_track_price"),
    )
    op.create_index("ix_track_name", "track", ["name"], postgresql_using="hash")
    op.create_index(
        "uq_track_album", "track", ["album_id", "track_id"], unique=True, postgresql_where=sa.text("album_id > 0"),
        sqlite_where=sa.text("album_id > 0"),
    )

def downgrade():
    raise NotImplementedError
'''  # fmt: skip


class Base(DeclarativeBase):
    pass


class Artist(Base):
    __tablename__ = "artist"
    artist_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(sa.String(120))
    albums: Mapped[list[Album]] = relationship(back_populates="artist")


class Album(Base):
    __tablename__ = "album"
    album_id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(160))
    artist_id: Mapped[int] = mapped_column(
        sa.ForeignKey("artist.artist_id", name="fk_album_artist", ondelete="CASCADE")
    )
    artist: Mapped[Artist] = relationship(back_populates="albums")
    __table_args__ = (sa.Index("ix_album_artist", "artist_id"),)


class Employee(Base):
    __tablename__ = "employee"
    employee_id: Mapped[int] = mapped_column(primary_key=True)
    last_name: Mapped[str] = mapped_column(sa.String(20))
    first_name: Mapped[str] = mapped_column(sa.String(20))
    reports_to: Mapped[int | None] = mapped_column(
        sa.ForeignKey("employee.employee_id", name="fk_employee_boss", deferrable=True, initially="DEFERRED")
    )
    __table_args__ = (sa.UniqueConstraint("last_name", "first_name", name="uq_employee"),)


class Track(Base):
    __tablename__ = "track"
    track_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    album_id: Mapped[int | None] = mapped_column(sa.ForeignKey("album.album_id", name="fk_track_album"))
    unit_price: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2))
    state: Mapped[str] = mapped_column(sa.Enum("offered", "gone", name="track_state"), server_default="offered")
    __table_args__ = (
        sa.CheckConstraint("unit_price >= 0", name="ck_track_price"),
        sa.Index("ix_track_name", "name", postgresql_using="hash"),
        sa.Index(
            "uq_track_album", "album_id", "track_id", unique=True, postgresql_where=sa.text("album_id > 0"),
            sqlite_where=sa.text("album_id > 0"),
        ),
    )  # fmt: skip


CHOICES = (
    Choice("Artist"), Choice("Album"), Choice("Employee", columns=("EmployeeId", "LastName", "FirstName", "ReportsTo")),
    Choice("Track", columns=("TrackId", "Name", "AlbumId", "UnitPrice")),
)  # fmt: skip


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    versions = tmp_path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (versions.parent / "env.py").write_text(ENV)
    (versions.parent / "script.py.mako").write_text("")
    (versions / "0001_music.py").write_text(FIRST)
    (versions / "0002_tracks.py").write_text(SECOND)
    return versions.parent


@contextmanager
def engine_of(url: str) -> Iterator[sa.Engine]:
    # The role is called as the ledger's schema, which its search_path would name first.
    arguments = {"options": "-csearch_path=public"} if url.startswith("postgresql") else {}
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), connect_args=arguments)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def configured(url: str, scripts: Path) -> Iterator[Config]:
    with engine_of(url) as engine, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(scripts))
        config.set_main_option("path_separator", "os")
        config.attributes.update(connection=connection, metadata=Base.metadata)
        yield config


def unchanged(url: str, scripts: Path) -> bool:
    """Whether `alembic current` is at head and `alembic check` sees no difference between models and database."""
    with configured(url, scripts) as config:
        current = MigrationContext.configure(config.attributes["connection"]).get_current_heads()
        command.check(config)  # raises for any difference
        return current == ("0002",)


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_alembic_schema(kind: str, chinook: Path, scripts: Path, tmp_path: Path, servers: Servers) -> None:
    target = spot(kind, tmp_path, servers)
    with configured(target.url, scripts) as config:
        command.upgrade(config, "head")
    assert unchanged(target.url, scripts)
    source = f"sqlite:///{chinook / 'Chinook_Sqlite.sqlite'}"
    (one, _), (other, secret) = parse(source), parse(target.url)
    request = Request(one, other, choices=CHOICES, mode="fill", slice_rows=700)
    outcome = wire.run(request, wire.Secrets("", secret))
    assert outcome.report
    assert {table.claim for table in outcome.report.tables} == {"target equals what was read"}
    assert unchanged(target.url, scripts)
    with engine_of(target.url) as engine, Session(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Track)) == 3503
        acdc = session.scalars(sa.select(Artist).where(Artist.name == "AC/DC")).one()
        assert sorted(album.title for album in acdc.albums) == [
            "For Those About To Rock We Salute You", "Let There Be Rock",
        ]  # fmt: skip
        assert session.get_one(Track, 1).unit_price == Decimal("0.99")
        assert session.get_one(Track, 1).state == "offered"
        assert session.get_one(Employee, 2).reports_to == 1
        session.add(Track(name="new", album_id=1, unit_price=Decimal("1.50"), state="gone"))
        session.add(Artist(name="new"))
        session.commit()
        assert session.scalars(sa.select(Track).where(Track.name == "new")).one().track_id == 3504
        assert session.scalars(sa.select(Artist).where(Artist.name == "new")).one().artist_id == 276
    with pytest.raises(RequestError, match="holds rows"):
        wire.plan(request, wire.Secrets("", secret))


def test_a_glob_leaves_the_version_alone(scripts: Path, tmp_path: Path, servers: Servers) -> None:
    """A source that Alembic made too: its revision is not the target's."""
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    for place in (source, target):
        with configured(place.url, scripts) as config:
            command.upgrade(config, "head")
    with closing(sqlite3.connect(source.url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'other'")
        connection.execute("INSERT INTO artist (name) VALUES ('one')")
    (one, _), (other, secret) = parse(source.url), parse(target.url)
    outcome = wire.run(Request(one, other, mode="fill"), wire.Secrets("", secret))
    said = [f"{finding.where}: {finding.message}" for finding in outcome.plan.findings]
    assert any("alembic_version: is left alone: Alembic keeps" in one for one in said), said
    assert unchanged(target.url, scripts)
    named = Request(one, other, (Choice("alembic_version"),), mode="append")
    assert [hop.writes.table for hop in wire.plan(named, wire.Secrets("", secret)).hops] == ["alembic_version"]
