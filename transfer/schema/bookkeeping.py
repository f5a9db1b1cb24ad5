"""Tables in which migration tools and frameworks keep what they have done. They belong to the place they are in."""

from __future__ import annotations

from collections.abc import Sequence

from ..plan import Finding
from .catalogue import Relation, Table

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
    "__efmigrationslock": "Entity Framework",
    "__migrationhistory": "Entity Framework",
    "sequelizemeta": "Sequelize",
    "sequelizedata": "Sequelize",
    "knex_migrations": "Knex",
    "knex_migrations_lock": "Knex",
    "_prisma_migrations": "Prisma",
    "typeorm_metadata": "TypeORM",
    "goose_db_version": "goose",
    "atlas_schema_revisions": "Atlas",
}
# Django's migrate fills these with ids of its own, to which other tables refer.
NUMBERED = ("django_content_type", "auth_permission")


# Names that are anybody's, with a column that tells whose a table is.
_TOLD_BY = {"schema_version": ("installed_rank", "Flyway")}  # before version 5


def keeper(table: Table) -> str:
    """Whose bookkeeping a table is; '' for any other table."""
    name = table.name.table.lower()
    column, owner = _TOLD_BY.get(name, ("", ""))
    if column and any(one.name.lower() == column for one in table.columns):
        return owner
    return BOOKKEEPING.get(name, "")


def left_alone(tables: Sequence[Table]) -> list[Finding]:
    """What the plan says of tables that a glob would have taken."""
    return [
        Finding("note", str(table.name), f"is left alone: {keeper(table)} keeps in it what it has done here",
                "left-alone", "Naming it exactly moves it.")
        for table in tables
    ]  # fmt: skip


def clashes(name: Relation, mode: str) -> list[Finding]:
    """A warning for tables whose ids the target's own migrations have given out."""
    if name.table.lower() not in NUMBERED or mode in ("create", "replace"):
        return []
    said = "Django's migrate writes its rows, with ids of its own: the source's ids mean other rows"
    remedy = f"Leave it out with --exclude {name.table}, and map what refers to it."
    return [Finding("warning", str(name), said, "ids-clash", remedy)]
