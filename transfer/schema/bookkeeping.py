"""Tables in which migration tools and frameworks keep what they have done. They belong to the place they are in."""

from __future__ import annotations

from collections.abc import Sequence

from ..plan import Finding
from .catalogue import Relation

# By their default names, in lower case. TypeORM's and Laravel's `migrations` may be anybody's table.
BOOKKEEPING = {
    "alembic_version": "Alembic",
    "flyway_schema_history": "Flyway",
    "databasechangelog": "Liquibase",
    "databasechangeloglock": "Liquibase",
    "django_migrations": "Django",
    "schema_migrations": "Rails",
    "ar_internal_metadata": "Rails",
    "__efmigrationshistory": "Entity Framework",
    "sequelizemeta": "Sequelize",
    "knex_migrations": "Knex",
    "knex_migrations_lock": "Knex",
    "_prisma_migrations": "Prisma",
    "typeorm_metadata": "TypeORM",
    "goose_db_version": "goose",
    "atlas_schema_revisions": "Atlas",
}
# Django's migrate fills these with ids of its own, to which other tables refer.
NUMBERED = ("django_content_type", "auth_permission")


def keeper(name: Relation) -> str:
    """Whose bookkeeping a table is; '' for any other table."""
    return BOOKKEEPING.get(name.table.lower(), "")


def left_alone(names: Sequence[Relation]) -> list[Finding]:
    """What the plan says of tables that a glob would have taken."""
    return [
        Finding("note", str(name), f"is left alone: {keeper(name)} keeps in it what it has done here", "left-alone",
                "Naming it exactly moves it.")
        for name in names
    ]  # fmt: skip


def clashes(name: Relation, mode: str) -> list[Finding]:
    """A warning for tables whose ids the target's own migrations have given out."""
    if name.table.lower() not in NUMBERED or mode in ("create", "replace"):
        return []
    said = "Django's migrate writes its rows, with ids of its own: the source's ids mean other rows"
    remedy = f"Leave it out with --exclude {name.table}, and map what refers to it."
    return [Finding("warning", str(name), said, "ids-clash", remedy)]
