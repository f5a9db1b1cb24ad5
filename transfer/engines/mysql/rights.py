"""What an account needs, against what SHOW GRANTS says of it, its active roles included."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase

import pymysql

from ...commit import parts
from ...engine import Session
from ...plan import Finding, Hop, Statement
from ...rights import Right
from ...schema.catalogue import Relation
from .catalogue import version
from .session import quoted

_NAME = r"\*|`(?:[^`]|``)*`"
_GRANT = re.compile(rf"(GRANT|REVOKE) (.+?) ON (?:TABLE )?({_NAME})\.({_NAME}) (?:TO|FROM) ", re.DOTALL)
_WORD = re.compile(r"\s*([A-Z][A-Z ]*[A-Z])\s*(\([^)]*\))?\s*,?")

# The ledger's tables are made, written and taken rows out of; tables beside the target's likewise.
_LEDGER = ("CREATE", "SELECT", "INSERT", "UPDATE", "DELETE")
_DOES = {
    "create": ("CREATE", "SELECT", "INSERT"), "append": ("CREATE", "SELECT", "INSERT"),
    "replace": ("CREATE", "SELECT", "INSERT", "ALTER", "DROP"), "truncate": ("SELECT", "INSERT", "DELETE"),
    "merge": ("CREATE", "SELECT", "INSERT", "UPDATE", "DELETE"),
    "fill": ("SELECT", "INSERT", "ALTER", "CREATE", "INDEX", "DROP", "TRIGGER", "REFERENCES"),
}  # fmt: skip
# What a statement begins with, and what it takes beside; ALTER TABLE asks for CREATE and INSERT too.
_OPENING = ("SHOW VIEW", "TRIGGER", "REFERENCES", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX")
_TAKES = (
    (r"ALTER TABLE", ("ALTER", "CREATE", "INSERT")), (r"(?s:ALTER TABLE .* ADD .*INDEX )", ("INDEX",)),
    (r"(?s:.*FOREIGN KEY )", ("REFERENCES",)), (r"CREATE (OR REPLACE )?VIEW", ("CREATE VIEW", "SHOW VIEW")),
    (r"RENAME TABLE", ("ALTER", "DROP", "CREATE", "INSERT")), (r"DROP TABLE", ("DROP",)),
    (r"(?s:(DELIMITER.*)?CREATE TRIGGER)", ("TRIGGER",)), (r"CREATE SEQUENCE", ("CREATE", "ALTER")),
)  # fmt: skip


class Held:
    """What SHOW GRANTS of this session says, by database and table; '*' stands for all."""

    def __init__(self, session: Session) -> None:
        self._given: list[tuple[str, str, frozenset[str]]] = []
        self._revoked: list[tuple[str, frozenset[str]]] = []
        for (line,) in session.ask("SHOW GRANTS"):
            self._take(str(line))
        ((user, database),) = session.ask("SELECT CURRENT_USER(), DATABASE()")
        name, _, host = str(user).rpartition("@")
        self.account = f"{_literal(name)}@{_literal(host)}"
        self.database = str(database)

    def _take(self, line: str) -> None:
        found = _GRANT.match(line)
        if not found:
            return  # a role, a proxy, a routine
        verb, words, schema, table = found.groups()
        # A privilege on some columns is none on the table.
        whole = frozenset(word for word, columns in _WORD.findall(words) if not columns)
        if verb == "REVOKE":  # a partial one of MySQL 8
            self._revoked.append((_plain(schema), whole))
        else:
            self._given.append((_plain(schema), _plain(table), whole))

    def has(self, word: str, schema: str = "*", table: str = "*") -> bool:
        """Whether a privilege is held on a table, a database, or (without either) everywhere."""
        if any(of == schema and word in words for of, words in self._revoked):
            return False
        return any(
            words & {word, "ALL PRIVILEGES"}
            and (of == "*" or (schema != "*" and _matches(schema, of)))
            and on in ("*", table)
            for of, on, words in self._given
        )


def _plain(name: str) -> str:
    return name if name == "*" else name[1:-1].replace("``", "`")


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _matches(schema: str, pattern: str) -> bool:
    r"""Whether a database is meant by a grant: `_` and `%` are wildcards there, `\_` is none."""
    glob, escaped = "", False
    for letter in pattern:
        if letter == "\\" and not escaped:
            escaped = True
            continue
        wild = {"_": "?", "%": "*"}.get(letter) if not escaped else None
        glob += wild or (f"[{letter}]" if letter in "*?[" else letter)
        escaped = False
    return schema == pattern or fnmatchcase(schema, glob)


def _pattern(schema: str) -> str:
    r"""A database in a GRANT; without the backslash a_b would mean aXb too."""
    return quoted(schema.replace("_", r"\_").replace("%", r"\%"))


def to_read(session: Session, tables: Sequence[Relation], consistency: str, *, objects: bool) -> list[Right]:
    """SELECT on the tables; where the log does not give all readers one instant, a lock.

    MariaDB shows the rules of foreign keys (REFERENTIAL_CONSTRAINTS, without which they cannot be read) only to who has
    more than SELECT on the whole database: 11.8 was seen not to look at privileges on tables. SHOW VIEW is the weakest.
    """
    held = Held(session)
    rights = []
    for one in tables:
        schema = one.schema or held.database
        grant = f"GRANT SELECT ON {quoted(schema)}.{quoted(one.table)} TO {held.account};"
        rights.append(Right(str(one), f"SELECT on {one}", grant, held.has("SELECT", schema, one.table)))
    schemas = sorted({one.schema or held.database for one in tables})
    if objects and "mariadb" in version(session).lower():
        rights += [
            Right(schema, f"SHOW VIEW on {schema}", f"GRANT SHOW VIEW ON {_pattern(schema)}.* TO {held.account};",
                  any(held.has(word, schema) for word in _OPENING), "its foreign keys are not shown")
            for schema in schemas
        ]  # fmt: skip
    if consistency in ("run", "table") and not _has_positions(session):
        rights += _locks(held, schemas)
    if consistency == "frozen":
        rights += _log(session, held)
    return rights


def shows_triggers(session: Session, relation: Relation) -> bool:
    """Whether this account is shown a table's triggers: both servers list them for who may make them, and no others."""
    held = Held(session)
    return held.has("TRIGGER", relation.schema or held.database, relation.table)


def _has_positions(session: Session) -> bool:
    """Whether a snapshot knows its place in the binary log, which needs no privilege (MariaDB, its log on)."""
    return any(value for _, value in session.ask("SHOW STATUS LIKE 'binlog_snapshot_file'"))


def _locks(held: Held, schemas: Sequence[str]) -> Iterator[Right]:
    """LOCK TABLES does it for the tables at hand, RELOAD (FLUSH TABLES WITH READ LOCK) for all."""
    every = held.has("RELOAD")
    for schema in schemas:
        yield Right(
            schema, f"LOCK TABLES on {schema} (or RELOAD)",
            f"GRANT LOCK TABLES ON {_pattern(schema)}.* TO {held.account};",
            every or held.has("LOCK TABLES", schema), "several readers begin at one instant under a lock",
        )  # fmt: skip


def _log(session: Session, held: Held) -> Iterator[Right]:
    """MariaDB says its position to everybody, MySQL its set of transactions, while there is one."""
    for question in ("SELECT @@gtid_binlog_pos", "SELECT 1 FROM dual WHERE @@gtid_mode = 'ON'"):
        with suppress(pymysql.Error):
            if session.ask(question):
                return
    able = held.has("REPLICATION CLIENT") or held.has("SUPER")
    yield Right("source", "REPLICATION CLIENT", f"GRANT REPLICATION CLIENT ON *.* TO {held.account};", able,
                "frozen is proven by the position of the binary log")  # fmt: skip


def unseen(session: Session) -> list[Finding]:
    """An account sees what it may use: tables that nobody granted to it are not listed at all."""
    held = Held(session)
    found = []
    if not held.has("TRIGGER", held.database):
        said = f"this account does not see the triggers of {held.database}, so the plan cannot list them"
        found.append(Finding("note", "source", said, "unseen-objects",
                             f"GRANT TRIGGER ON {_pattern(held.database)}.* TO {held.account};"))  # fmt: skip
    if held.has("SELECT", held.database):
        return found
    said = f"this account has SELECT on single tables of {held.database}: others that may be there are not seen"
    remedy = f"GRANT SELECT ON {_pattern(held.database)}.* TO {held.account};"
    return [*found, Finding("note", "source", said, "unseen-tables", remedy)]


def to_write(session: Session, hops: Sequence[Hop], statements: Sequence[Statement]) -> list[Right]:
    """By database: what the ledger, the modes and the plan's own statements take, and DROP for the way back."""
    held = Held(session)
    wanted: dict[str, dict[str, str]] = {held.database: dict.fromkeys(_LEDGER, "the ledger's tables")}
    homes = {hop.name: hop.writes.schema or held.database for hop in hops}
    for hop in hops:
        for word in _DOES[hop.mode]:
            wanted.setdefault(homes[hop.name], {}).setdefault(word, f"mode {hop.mode}")
    for statement in statements:
        known = [homes[statement.hop]] if statement.hop in homes else sorted(set(homes.values()))
        for word, why in _taken(statement):
            for schema in known:
                wanted[schema].setdefault(word, why)
    return [right for schema, words in wanted.items() for right in _on_schema(held, schema, words)]


def _taken(statement: Statement) -> Iterator[tuple[str, str]]:
    swap, name = statement.swap, statement.name.split(" ", 1)[-1]
    for text in parts(statement.forward) if swap and swap.proven else [statement.forward]:
        for begin, words in _TAKES:
            if re.match(begin, text):
                yield from ((word, name) for word in words)
    if swap and swap.proven:
        yield "LOCK TABLES", "the proof that nobody writes"
        yield from ((word, "what hangs on a table to be seen") for word in ("TRIGGER", "SHOW VIEW"))
        yield from ((word, "foreign keys to it") for word in ("REFERENCES", "INDEX") if "FOREIGN KEY" in swap.mend)


def _on_schema(held: Held, schema: str, words: dict[str, str]) -> Iterator[Right]:
    on, where = f"{_pattern(schema)}.*", schema
    if "mode replace" in words.values() and "LOCK TABLES" not in words:
        lock = held.has("LOCK TABLES", schema)
        yield Right(where, f"LOCK TABLES on {schema}", f"GRANT LOCK TABLES ON {on} TO {held.account};", lock,
                    "what is replaced could not be put back by 'ropeway rollback'", "warning")  # fmt: skip
    for word, why in words.items():
        yield Right(where, f"{word} on {schema}", f"GRANT {word} ON {on} TO {held.account};",
                    held.has(word, schema), f"for {why}")  # fmt: skip
    if "DROP" not in words:
        yield Right(where, f"DROP on {schema}", f"GRANT DROP ON {on} TO {held.account};", held.has("DROP", schema),
                    "what the run made could not be removed again", "warning")  # fmt: skip
