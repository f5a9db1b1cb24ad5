"""Views, sequences (MariaDB), routines, triggers and events of a MySQL or MariaDB database."""

from __future__ import annotations

from collections import defaultdict

from ...engine import Session
from ...schema.catalogue import Further, Grant, Listed, Numbers, Relation, View
from .session import qualified

_LISTED = (
    "SELECT LOWER(ROUTINE_TYPE), ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES "
    "WHERE ROUTINE_SCHEMA = {0} UNION ALL "
    "SELECT 'trigger', CONCAT(EVENT_OBJECT_TABLE, '.', TRIGGER_NAME), CONCAT('CREATE TRIGGER ', TRIGGER_NAME, ' ', "
    "ACTION_TIMING, ' ', EVENT_MANIPULATION, ' ON ', EVENT_OBJECT_TABLE, ' FOR EACH ROW ', ACTION_STATEMENT) "
    "FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {0} UNION ALL "
    "SELECT 'event', EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {0} "
    "ORDER BY 1, 2"
)


def further(session: Session, schema: str, literal: str) -> Further:
    """Of one database; `literal` is its name as SQL (or DATABASE())."""
    columns: dict[str, list[str]] = defaultdict(list)
    for table, column in session.ask(
        "SELECT c.TABLE_NAME, c.COLUMN_NAME FROM information_schema.COLUMNS c JOIN information_schema.VIEWS v "
        "ON v.TABLE_SCHEMA = c.TABLE_SCHEMA AND v.TABLE_NAME = c.TABLE_NAME "
        f"WHERE c.TABLE_SCHEMA = {literal} ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION"
    ):
        columns[str(table)].append(str(column))
    views = session.ask(
        f"SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {literal} ORDER BY 1"
    )
    return Further(
        tuple(View(Relation(schema, str(n)), _text(query), tuple(columns[str(n)])) for n, query in views),
        tuple(_numbers(session, schema, str(name)) for name in _sequences(session, literal)),
        tuple(
            Listed(_text(kind), Relation(schema, _text(name)), _text(text))
            for kind, name, text in session.ask(_LISTED.format(literal))
        ),
        str(session.ask(f"SELECT {literal}")[0][0]),
        tuple(
            Grant(Relation(schema, _text(name)), _text(privilege), account_name(_text(grantee)))
            for name, privilege, grantee in session.ask(
                "SELECT TABLE_NAME, PRIVILEGE_TYPE, GRANTEE FROM information_schema.TABLE_PRIVILEGES "
                f"WHERE TABLE_SCHEMA = {literal} ORDER BY 1, 3, 2"
            )
        ),
    )


def account_name(grantee: str) -> str:
    """The name of an account that the catalogue writes as 'app'@'%'."""
    return grantee.rpartition("@")[0].strip("'")


def _sequences(session: Session, literal: str) -> list[object]:
    rows = session.ask(
        "SELECT TABLE_NAME FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA = {literal} AND TABLE_TYPE = 'SEQUENCE' ORDER BY 1"
    )
    return [row[0] for row in rows]


def _numbers(session: Session, schema: str, name: str) -> Numbers:
    """The number that follows is one behind those that the server holds in its cache, some of which it gave."""
    (row,) = session.ask(
        "SELECT next_not_cached_value, increment, minimum_value, maximum_value, cycle_option "
        f"FROM {qualified(Relation(schema, name))}"
    )
    following, step, low, high, cycle = (int(str(value)) for value in row)
    return Numbers(Relation(schema, name), following, step, low, high, bool(cycle))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
