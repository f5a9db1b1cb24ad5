"""The MySQL family: MySQL 5.6 and later, MariaDB. What differs between the two is data of an instance."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import pymysql

from ...canonical import Canon
from ...engine import Asked, Bounds, Build, Failure, Loader, Session, Source
from ...errors import RequestError
from ...place import Address
from ...plan import ColumnPlan, Cut, Finding, Hop, Statement, Swap
from ...rights import Right
from ...schema.aside import Aside
from ...schema.attached import Attached, Exchange
from ...schema.catalogue import Column, Further, Relation, Table
from ...schema.correction import Correction, CorrectWords, correction
from ...schema.partitioning import Partitioning, with_nulls
from ...schema.sql import MergeWords, merge, range_condition, shortened
from ...schema.wording import ALIKE, Wording
from ...segments import Division
from ...specimen import as_table
from . import aside, catalogue, cutover, cuts, ddl, exchange, further, parting, periods, pressure, rights, room
from .canon import SPECIMENS, checksum_sql
from .profile import profile
from .session import MySqlLoader, MySqlSession, literal, qualified, quoted, same
from .source import MySqlSource
from .types import READS, WRITES

_NAME_CHARACTERS = 64
_BLANKS, _LAST = " \t\n\v\f\r", 0xFFFF  # identifiers are three bytes of UTF-8 at most
_TRANSACTION_LIMITS = "'wsrep_max_ws_size', 'group_replication_transaction_size_limit'"

# Error numbers; research: online.md section 5. 1203 is of too many connections of an account, 1927 of a connection that
# was killed; 1020 rolls the transaction back as a deadlock does (MariaDB's innodb_snapshot_isolation, ON from 11.6.2).
# Of clusters: 1047 comes of a node that is not ready, 3101 of a transaction that met another's while it was committed.
_TRANSIENT = (1020, 1040, 1047, 1053, 1203, 1205, 1213, 1927, 2006, 2013, 2055, 3101, 4031)
# Those of which the number says too little. 1226 is also of what an account may do in an hour; with 5 a Galera cluster
# says that wsrep_max_ws_size was passed. Whether a commit happened that was answered by 1180, the receipt says.
_TEXTS: tuple[tuple[int, str, Failure], ...] = (
    (1226, "'max_user_connections'", "transient"),
    (1180, "error 5 ", "size"), (1180, "error 28 ", "space"), (1180, "", "transient"),
)  # fmt: skip
_CODES: dict[int, Failure] = {
    **dict.fromkeys(_TRANSIENT, "transient"),
    **dict.fromkeys((1062, 1264, 1265, 1292, 1366, 1406, 1452, 1048, 3819, 4025), "data"),
    **dict.fromkeys((1118, 1153, 1301), "data"),  # a row, or a value, that is too large by itself
    **dict.fromkeys((1021, 1114), "space"),
    **dict.fromkeys((1197, 1206), "size"),  # max_binlog_cache_size, InnoDB's table of locks
    **dict.fromkeys((1037, 1038, 1041), "memory"),
    **dict.fromkeys((1044, 1045, 1142, 1227), "login"),
    **dict.fromkeys((1054, 1146, 1412), "schema"),
}


class MySql:
    """One member of the family."""

    schemes: tuple[str, ...]
    family = "mysql"
    drivers: tuple[str, ...] = ("pymysql",)
    landing: Literal["transaction"] = "transaction"
    instant: Literal["together"] = "together"
    writers: Literal["many"] = "many"
    takes: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ("nan",)
    unlike: tuple[str, ...]
    density = 1.0
    logs = "undo and binary logs"
    busy = 1
    modes: tuple[str, ...] = ("create", "append", "replace", "truncate", "merge", "fill")
    atomic_ddl = False
    loose = False
    default_schema = ""
    parents_first = False
    proves_references = False
    index_names: Literal["table"] = "table"
    key_names: Literal["schema"] = "schema"
    folds_columns = True
    overlooks_orphans = True
    delimits = True
    within_database = True  # a table without a schema is of the URL's database, which is one
    keeps_writers: tuple[str, ...] = ("prove",)
    proves = 300_000  # rows in a second; 1,000,000 of 12 columns took 2.5 s on a busy machine
    keys_in_order = True
    never_less: Mapping[str, float] = {"running": 1.0}  # what asks for Threads_running runs, too
    reads = READS

    def __init__(self, name: str, collation: str, wording: Wording, unlike: tuple[str, ...] = ()) -> None:
        self.unlike = unlike
        self._words = wording
        self.name = name
        self.schemes = (name,)
        self.writes = WRITES[name]
        # The row format from which an index may hold 3,072 bytes a column; the default from 5.7 on.
        self._collation = collation
        self.table_suffix = f" ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE {collation}"

    def words(self, session: Session | None) -> Wording:
        """MySQL has generated columns from version 5.7 on."""
        if session is None:
            return self._words
        made = session.ask(
            "SELECT LOWER(ROUTINE_NAME) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"
        )
        collations = session.ask(
            "SELECT COLLATION_NAME FROM information_schema.COLLATIONS WHERE CHARACTER_SET_NAME = 'utf8mb4'"
        )
        grantees = session.ask("SELECT DISTINCT GRANTEE FROM information_schema.USER_PRIVILEGES")
        words = replace(
            self._words, routines=frozenset(str(row[0]) for row in made),
            collations=frozenset(str(row[0]) for row in collations),
            accounts={further.account_name(str(row[0])): str(row[0]) for row in grantees},
        )  # fmt: skip
        version = catalogue.version(session)
        if "mariadb" in version.lower():
            return words
        generated = self._words.generated if catalogue.has_generated(session) else ()
        return replace(words, generated=generated, common=int(version.split(".")[0]) >= 8)

    def quote(self, name: str) -> str:
        return quoted(name)

    def literal(self, value: object) -> str:
        return literal(value)

    def relation(self, relation: Relation) -> str:
        return qualified(relation)

    def name_of(self, name: str) -> str:
        return shortened(name, _NAME_CHARACTERS, "utf-32-le")

    def refuses_name(self, name: str, kind: str) -> str:
        del kind
        if not name or name != name.rstrip(_BLANKS):
            return "a name does not end with a blank there" if name else "a name has at least one character"
        beyond = next((letter for letter in name if ord(letter) > _LAST), "")
        return f"{beyond} is none of the characters up to U+FFFF that names have there" if beyond else ""

    def folds_tables(self, session: Session | None) -> bool:
        return not session or bool(session.ask("SELECT @@lower_case_table_names")[0][0])

    def limit_memory(self, size: int) -> None:
        del size

    def connect(self, address: Address, *, create: bool = False) -> Session:
        del create
        if not address.database:
            raise RequestError(f"{address} names no database.", remedy=f"{self.name}://user@host/DATABASE")
        return MySqlSession(address)

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        return catalogue.tables(session, schema, literal(schema) if schema else "DATABASE()")

    def further(self, session: Session) -> Further:
        return further.further(session, "", "DATABASE()")

    def describe(self, session: Session, query: str) -> Table:
        name = "ropeway_query"
        try:
            session.execute(f"CREATE TEMPORARY TABLE {name} AS SELECT * FROM ({query}) AS q LIMIT 0")
        except pymysql.Error as error:
            raise RequestError(f"{self.name} refuses the query: {error}") from error
        rows = session.ask(f"SHOW COLUMNS FROM {name}")
        session.execute(f"DROP TEMPORARY TABLE {name}")
        columns = tuple(
            Column(str(row[0]), native, row[2] == "YES", labels=catalogue.labels_of(native))
            for row in rows
            for native, _ in [catalogue.typed(row[1])]
        )
        return Table(Relation("", "query"), columns, kind="query")

    def create_schema(self, schema: str) -> str:
        """A schema is a database here; the URL's own is there."""
        return f"CREATE DATABASE IF NOT EXISTS {quoted(schema)}" if schema else ""

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        del where
        return cuts.cuts(session, table, wanted)

    def condition(self, cut: Cut) -> str:
        return "" if cut.kind in ("whole", "part") else range_condition(quoted(cut.column), cut, literal)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        return MySqlSource(self, address, hops, consistency, count)

    def locks(self, consistency: str, hops: Sequence[Hop]) -> tuple[str, ...]:
        names = ", ".join(str(hop.reads) for hop in hops)
        held: tuple[str, ...] = (f"shared metadata locks on {names} while they are read (stop DDL, not writers)",)
        if consistency in ("run", "table"):
            held += (
                "none while equal log positions can be had; else FLUSH TABLES WITH READ LOCK for some "
                "milliseconds, waiting at most 3 s, three times; else LOCK TABLES ... READ likewise",
            )
        return held

    def loader(self, address: Address) -> Loader:
        return MySqlLoader(address)

    def gives(self, columns: Sequence[tuple[Column, ColumnPlan]]) -> tuple[str, ...]:
        return ()

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        return profile(session, table, where, policies)

    def fitted(self, table: Table) -> dict[str, tuple[str, str]]:
        """Columns that need another native type beside the table's others, and why."""
        return room.fitted(table)

    def unnumbered(self, table: Table) -> dict[str, str]:
        """Identity columns that give no numbers here, and why."""
        return ddl.unnumbered(table)

    def revoke(self, privilege: str, on: Relation, account: str) -> str:
        """The way back of a grant."""
        return ddl.revoke(privilege, on, account)

    def overlooks(self, column: Column) -> tuple[str, ...]:
        """In what values of a column may differ that equality takes for one."""
        return catalogue.overlooks(column, self._collation)

    def divided(
        self, session: Session | None, table: Table, there: Partitioning, taken: Collection[str], linked: Sequence[str]
    ) -> Table:
        """The table partitioned as another kind of engine has it. MariaDB alone has DEFAULT in lists."""
        del taken
        defaults = session is not None and "mariadb" in catalogue.version(session).lower()
        clause = parting.clause(table, there, linked, self._collation, defaults=defaults)
        return replace(table, partitioned=clause, division=with_nulls(there, "first"))

    def lying(self, session: Session, hop: Hop) -> dict[int, tuple[Cut, ...]] | None:
        """A cut for each partition of a hop's table, by its number; None where these are not those of the plan."""
        return parting.lying(session, hop)

    def create(self, table: Table, into: Relation, *, bare: bool) -> str:
        return ddl.create(self, table, into, bare=bare)

    def finish(self, build: Build) -> list[Statement]:
        return [*ddl.indexes(self, build), *ddl.numbers(build), *ddl.foreign_keys(self, build)]

    def analyze(self, relation: Relation) -> str:
        """A few pages of each index, which InnoDB would look at by itself after a while."""
        return f"ANALYZE TABLE {qualified(relation)}"

    def aside(self, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
        return aside.aside(self, session, hops)

    def exists(self, relation: Relation) -> str:
        return ddl.exists(relation)

    def same(self, session: Session, other: Session) -> bool:
        """Whether both are on one server, whose databases are schemas."""
        return same(session, other)

    def referenced(self, relation: Relation) -> str:
        return ddl.referenced(relation)

    def empty(self, relation: Relation) -> str:
        # TRUNCATE would commit by itself; DELETE stays inside the transaction of its journal entry.
        return f"DELETE FROM {qualified(relation)}"

    def thin(self, relation: Relation, rows: int) -> str:
        """Delete so many rows, whichever."""
        return f"DELETE FROM {qualified(relation)} LIMIT {rows}"

    def swap(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        return ddl.swap(relation, shadow, kept)

    def swapped(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        """A query that sees whether a swap happened."""
        return cutover.swapped(relation, shadow, kept)

    def unsuited(self, session: Session) -> str:
        """Why no table of the server can be cleaned up in place; '' if one can."""
        return exchange.unsuited(session)

    def standing(self, asked: Asked, relation: Relation) -> str:
        """What stays equal as long as nobody writes to a table."""
        return exchange.standing(asked, relation)

    def hanging(self, asked: Asked, relation: Relation, among: Sequence[Relation]) -> str:
        """What a table is and what hangs on it, as one sum."""
        return exchange.hanging(asked, relation, among)

    def shut(self, relation: Relation) -> str:
        """Nothing for the session that renames: another one holds the lock, see `cut_over`."""
        del relation
        return ""

    def attached(self, session: Session, what: Exchange) -> Attached:
        """What hangs on a table, and goes over to the one that takes its place."""
        return exchange.attached(self, session, what)

    def exchange(self, what: Exchange, gone: Attached) -> tuple[str, str]:
        """The swap with what goes over, and its way back."""
        return exchange.swapping(self, what, gone)

    def cut_over(
        self, another: Callable[[], MySqlLoader], loader: MySqlLoader, swaps: Mapping[str, Swap],
        prove: Callable[[Asked, Sequence[Swap]], None], *, gated: bool,
    ) -> None:  # fmt: skip
        """Carry out swaps by several connections, once they are proven behind a lock."""
        cutover.cut_over(another, loader, swaps, prove, gated=gated)

    def unswapped(self, swap: Swap) -> str:
        """What sets right what a swap or its way back left that was killed."""
        return cutover.unswapped(swap)

    def merge(self, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
        return merge(self, hop, staging, preimages, MergeWords("NOT ({t} <=> {s})", _OCTETS, joined_update=True))

    def correct(self, hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
        return correction(self, hop, staging, columns, _CORRECT)

    def checksum(
        self, session: Asked, relation: Relation, columns: Sequence[tuple[str, Canon, str]], where: str,
        division: Division | None = None,
    ) -> str:  # fmt: skip
        """Segments alone: a whole table is read back in two thirds of the time that the server's SHA-256 takes."""
        if division is None:
            return ""
        try:
            return checksum_sql(qualified(relation), columns, where, division)
        except RequestError:
            return ""

    def version(self, session: Session) -> str:
        return str(session.ask("SELECT VERSION()")[0][0])

    def specimen(self, session: Asked, canon: Canon) -> str:
        del session
        return checksum_sql(*as_table(SPECIMENS, canon))

    def rights_to_read(
        self, session: Session, address: Address, tables: Sequence[Table], consistency: str, *, objects: bool
    ) -> list[Right]:
        del address
        named = [table.name for table in tables if table.kind != "query"]
        return rights.to_read(session, named, consistency, objects=objects)

    def shows_triggers(self, session: Session, relation: Relation) -> bool:
        return rights.shows_triggers(session, relation)

    def check_source(self, session: Session, tables: Sequence[Table]) -> list[Finding]:
        del tables
        return rights.unseen(session)

    def rights_to_write(
        self, session: Session | None, address: Address, hops: Sequence[Hop], statements: Sequence[Statement],
        there: Sequence[Relation],
    ) -> list[Right]:  # fmt: skip
        del address, there
        return rights.to_write(session, hops, statements) if session else []

    def bounds(self, session: Session | None) -> Bounds:
        packet = int(str(session.ask("SELECT @@max_allowed_packet")[0][0])) if session else 0
        return Bounds(value=packet, columns=1017)  # InnoDB's; what an index takes decides types, in room.py

    def size(self, column: Column) -> str:
        return f"OCTET_LENGTH({quoted(column.name)})"

    def free(self, session: Session | None, address: Address) -> int | None:
        """By MariaDB's plugin DISKS, in kB, where it is there and the account may see it."""
        del address
        if session is None:
            return None
        with suppress(pymysql.Error):
            rows = session.ask(
                "SELECT Available FROM information_schema.DISKS WHERE @@datadir LIKE CONCAT(Path, '%') "
                "ORDER BY LENGTH(Path) DESC LIMIT 1"
            )
            return int(str(rows[0][0])) << 10 if rows else None
        return None

    def has_schema(self, session: Session, schema: str) -> bool:
        return bool(session.ask(f"SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {literal(schema)}"))

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        """Settings and tables that stand in the way of loading."""
        findings = []
        if not session.ask("SELECT @@local_infile")[0][0]:
            findings.append(Finding(
                "warning", "target", "local_infile is off, so rows are loaded by multi-row INSERT, several times "
                "slower", "local-infile-off", "SET GLOBAL local_infile = 1 turns it on.",
            ))  # fmt: skip
        keyless = [str(hop.writes) for hop in hops if not hop.key and hop.mode == "create"]
        staged = [str(hop.writes) for hop in hops if hop.mode in ("append", "merge")]
        required = session.ask("SHOW VARIABLES LIKE 'sql_require_primary_key'")
        if required and str(required[0][1]) in ("ON", "1") and (keyless or staged):
            findings.append(Finding(
                "blocker", ", ".join(keyless or staged), "sql_require_primary_key is on, and tables without a key "
                "(or staging tables) would be made", "primary-key-required", "Turn it off for this user's sessions.",
            ))  # fmt: skip
        if any(value == "OFF" for _, value in session.ask("SHOW VARIABLES LIKE 'innodb_large_prefix'")):
            findings.append(Finding(
                "warning", "target", "innodb_large_prefix is off, so an index on more than 191 characters is refused",
                "short-index-prefix",
                "SET GLOBAL innodb_file_format = 'Barracuda', innodb_large_prefix = 1 allows 768.",
            ))  # fmt: skip
        return findings + self._odd_engines(session, hops) + self._limits(session)

    def _odd_engines(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        there = {t.name: t.physical.get("engine") for schema in {h.writes.schema for h in hops}
                 for t in self.tables(session, schema)}  # fmt: skip
        return [
            Finding("blocker", str(hop.writes), f"its engine is {there[hop.writes] or 'that of other tables'}: only "
                    "InnoDB can take rows and receipt in one transaction", "not-innodb",
                    "ALTER TABLE ... ENGINE = InnoDB mends it.")
            for hop in hops
            if there.get(hop.writes, "InnoDB") != "InnoDB"
        ]  # fmt: skip

    def _limits(self, session: Session) -> list[Finding]:
        packet = int(str(session.ask("SELECT @@max_allowed_packet")[0][0]))
        findings = [
            Finding(
                "note",
                "target",
                f"max_allowed_packet is {packet >> 20} MB: no longer value can be loaded",
                "value-limit",
                "SET GLOBAL max_allowed_packet raises it, up to 1 GB.",
            )
        ]
        # Clusters bound a transaction, which a slice is; 0 means no bound.
        for name, value in session.ask(f"SHOW VARIABLES WHERE Variable_name IN ({_TRANSACTION_LIMITS})"):
            if int(str(value)):
                size = int(str(value)) >> 20
                findings.append(Finding("warning", "target", f"{name} is {size} MB: a larger slice is refused",
                                        "transaction-limit", "--slice-rows makes slices smaller."))  # fmt: skip
        return findings

    def pressure(self, session: Session) -> dict[str, float]:
        return pressure.pressure(session)  # type: ignore[arg-type]  # our own

    def classify(self, error: BaseException) -> Failure:
        if isinstance(error, pymysql.Error) and error.args and isinstance(error.args[0], int):
            number, text = error.args[0], str(error.args[-1])
            found = next((kind for code, words, kind in _TEXTS if code == number and words in text), None)
            return found or _CODES.get(number, "other")
        return "transient" if isinstance(error, ConnectionError) else "other"


_NOW = "CURRENT_TIMESTAMP({digits})"
_OCTETS = "CAST(CONVERT({} USING utf8mb4) AS BINARY)"
_CORRECT = CorrectWords("{t} <=> {s}", _OCTETS, joined_update=True, heed="SET foreign_key_checks = 1")
_UNPADDED = "TRIM(TRAILING ' ' FROM {})"
_ALIKE = {**ALIKE, "accents": "(CONVERT({} USING utf8mb4) COLLATE utf8mb4_general_ci)"}
ENGINES = {
    # PAD SPACE collations take 'a' and 'a ' for equal keys; MariaDB has one that does not.
    # Before MySQL 8.0.13 a default is a constant or the moment, and long types have none.
    "mysql": MySql("mysql", "utf8mb4_bin", Wording(
        "mysql", {"timestamp": _NOW}, "1", "0", bare=("longtext", "longblob"), comments=True,
        generated=("STORED", "VIRTUAL"), exactly=_OCTETS, unpadded=_UNPADDED, alike=_ALIKE,
    ), unlike=("uuid", "inet[46]", "json")),  # MariaDB's json keeps its text, MySQL's reorders it
    "mariadb": MySql("mariadb", "utf8mb4_nopad_bin", Wording(
        "mysql", {"timestamp": _NOW, "instant": "(UTC_TIMESTAMP({digits}))", "today": "(CURRENT_DATE)",
                  "uuid": "(UUID())"}, "1", "0", comments=True,
        generated=("STORED", "VIRTUAL"), next="(NEXTVAL({name}))", versions=True, exactly=_OCTETS,
        extended=frozenset({periods.KNOWN, catalogue.HASH}), unpadded=_UNPADDED, alike=_ALIKE,
        words=("INVISIBLE", "WITHOUT SYSTEM VERSIONING", "COMPRESSED"),
        numbers="CREATE SEQUENCE {name} INCREMENT BY {step} MINVALUE {low} MAXVALUE {high} START WITH {first} {cycle}",
    )),
}  # fmt: skip
