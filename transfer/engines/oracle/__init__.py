"""Oracle 12.2 and later, as a source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Literal, NoReturn

import oracledb

from ...canonical import Canon
from ...engine import Asked, Bounds, Build, Failure, Loader, Session, Source
from ...errors import RequestError
from ...place import Address
from ...plan import Bound, ColumnPlan, Cut, Finding, Hop, Statement
from ...rights import Right
from ...rules import Write, split
from ...schema.aside import Aside
from ...schema.catalogue import Column, Further, Relation, Table
from ...schema.correction import Correction
from ...schema.sql import double_quoted, range_condition, text_literal
from ...schema.wording import Wording
from ...segments import Division
from . import catalogue, further, rights
from .canon import SPECIMENS, checksum_sql, specimen_table
from .profile import profile
from .session import Means, OracleSession, qualified
from .source import TOO_OLD, OracleReader, OracleSource
from .types import READS

_NAME_BYTES = 128
_DIALECT = "oracle, normalization_strategy = lowercase"  # names are compared in small letters while they are translated
# https://docs.oracle.com/error-help/db/ has a page for each; DPY- numbers are the driver's own.
_CODES: dict[int, Failure] = {
    **dict.fromkeys((28, 1012, 1014, 1033, 1034, 1089, 1092, 3113, 3114, 3135, 12170, 25408), "transient"),
    **dict.fromkeys((12514, 12516, 12519, 12520, 12537, 12541), "transient"),  # the listener, which may start before
    **dict.fromkeys((51, 54, 60, 2049, 4021, 8177, 30006), "transient"),  # somebody else's locks
    **dict.fromkeys((1, 1400, 1407, 1426, 1438, 1465, 1722, 1839, 1843, 1861, 12899, 14400, 22835), "data"),
    **dict.fromkeys((1452, 2290, 2291, 2292, 2293, 2296, 2298, 2299, 2437), "data"),  # also of what is added afterwards
    **dict.fromkeys((904, 932, 942, 955, 1466, 4043), "schema"),
    **dict.fromkeys((1017, 1031, 1045, 1950, 28000, 28001), "login"),
    **dict.fromkeys(TOO_OLD, "instant"),
    **dict.fromkeys((257, 1536, 1631, 1652, 1653, 1654, 1658, 1659, 1683, 1688, 1691, 1692, 30036), "space"),
    **dict.fromkeys((12953, 65114), "space"),  # the limits of a free edition and of a pluggable database
}
_DRIVER_LOST = ("DPY-1001", "DPY-4011", "DPY-4024", "DPY-6005")
_NUMBERS = ("number", "float")


class Oracle:
    """Read at an SCN; as a target it is still to come."""

    name = "oracle"
    family = "oracle"
    schemes = ("oracle",)
    drivers: tuple[str, ...] = ("oracledb",)
    landing: Literal["transaction"] = "transaction"
    instant: Literal["durable"] = "durable"
    writers: Literal["many"] = "many"
    takes: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    density = 1.0
    logs = ""
    busy = 1
    modes: tuple[str, ...] = ()
    atomic_ddl = False
    loose = False
    default_schema = ""
    parents_first = False
    proves_references = False
    index_names: Literal["schema"] = "schema"
    key_names: Literal["schema"] = "schema"
    folds_columns = False
    overlooks_orphans = False
    delimits = True
    keys_in_order = True
    capitals = True  # a name that nobody quoted is kept in capital letters
    reads = READS
    writes: Sequence[Write] = ()

    def words(self, session: Session | None) -> Wording:
        del session
        return Wording(
            _DIALECT, comments=True, view_comments=True, generated=("VIRTUAL",), deferrable=True, steps=True,
            always=True,
            calls={"today": "TRUNC(SYSDATE)", "timestamp": "LOCALTIMESTAMP({digits})",
                   "instant": "SYSTIMESTAMP({digits})"},
        )  # fmt: skip

    def quote(self, name: str) -> str:
        return double_quoted(name)

    def literal(self, value: object) -> str:
        return text_literal(value)

    def relation(self, relation: Relation) -> str:
        return qualified(relation)

    def name_of(self, name: str) -> str:
        return name

    def refuses_name(self, name: str, kind: str) -> str:
        del kind
        if not name or len(name.encode()) > _NAME_BYTES:
            return f"a name has 1 to {_NAME_BYTES} bytes there"
        return "a name has no quotation marks and no U+0000 there" if '"' in name or "\0" in name else ""

    def folds_tables(self, session: Session | None) -> bool:
        del session
        return False

    def limit_memory(self, size: int) -> None:
        del size

    def connect(self, address: Address, *, create: bool = False) -> Session:
        del create
        return OracleSession(address)

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        return further.numbered(session, catalogue.tables(session, schema), schema)

    def further(self, session: Session) -> Further:
        return further.further(session)

    def describe(self, session: Session, query: str) -> Table:
        assert isinstance(session, OracleSession)  # noqa: S101 - it is this engine's own
        return catalogue.describe(session, query)

    def create_schema(self, schema: str) -> str:
        return _target(schema)

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        """Ranges of the first column of the key, with as many rows each."""
        if wanted < 2 or not table.key or table.kind != "table":
            return (Cut(),)
        key = table.column(table.key[0])
        if split(key.native).name not in _NUMBERS:
            return (Cut(),)
        quoted, clause = double_quoted(key.name), f" WHERE {where}" if where else ""
        rows = session.ask(
            f"SELECT MIN(k) FROM (SELECT {quoted} k, NTILE({wanted}) OVER (ORDER BY {quoted}) g "
            f"FROM {qualified(table.name)}{clause}) q GROUP BY g ORDER BY 1"
        )
        bounds = sorted({_bound(row[0]) for row in rows}, key=Decimal)[1:]
        edges: list[Bound] = [None, *bounds, None]
        if len(edges) == 2:
            return (Cut(),)
        return tuple(Cut("range", key.name, low, high) for low, high in pairwise(edges))

    def condition(self, cut: Cut) -> str:
        return "" if cut.kind == "whole" else range_condition(double_quoted(cut.column), cut, _spelt)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        return OracleSource(self, address, hops, consistency, count)

    def locks(self, consistency: str, hops: Sequence[Hop]) -> tuple[str, ...]:
        del consistency, hops
        return ("none: tables are read as of an SCN, which takes undo and no lock",)

    def loader(self, address: Address) -> Loader:
        return _target(address)

    def gives(self, columns: Sequence[tuple[Column, ColumnPlan]]) -> tuple[str, ...]:
        return ()

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        return profile(session, table, where, policies)

    def create(self, table: Table, into: Relation, *, bare: bool) -> str:
        return _target(into)

    def finish(self, build: Build) -> list[Statement]:
        return _target(build)

    def aside(self, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
        return _target(hops)

    def exists(self, relation: Relation) -> str:
        return _target(relation)

    def referenced(self, relation: Relation) -> str:
        return _target(relation)

    def empty(self, relation: Relation) -> str:
        return _target(relation)

    def swap(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        return _target(relation)

    def merge(self, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
        return _target(hop)

    def correct(self, hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
        return _target(hop)

    def checksum(
        self, session: Asked, relation: Relation, columns: Sequence[tuple[str, Canon, str]], where: str,
        division: Division | None = None,
    ) -> str:  # fmt: skip
        """At the SCN of a reader."""
        on = session.at(relation) if isinstance(session, OracleReader) else qualified(relation)
        means = _means(session)
        try:
            return checksum_sql(on, columns, where, division, utf8=means.utf8, crypto=means.crypto)
        except RequestError:
            return ""  # canon.py names the columns of which SQL makes no text

    def version(self, session: Session) -> str:
        assert isinstance(session, OracleSession)  # noqa: S101 - it is this engine's own
        return str(session.connection.version)

    def specimen(self, session: Asked, canon: Canon) -> str:
        means = _means(session)
        if canon.form not in SPECIMENS or (canon.form in ("text", "padded") and not means.utf8):
            return ""
        return checksum_sql(*specimen_table(canon), utf8=means.utf8)

    def rights_to_read(
        self, session: Session, address: Address, tables: Sequence[Table], consistency: str, *, objects: bool
    ) -> list[Right]:
        del address, objects
        return rights.to_read(session, [table.name for table in tables if table.kind != "query"], consistency)

    def check_source(self, session: Session, tables: Sequence[Table]) -> list[Finding]:
        named = [table.name for table in tables if table.kind != "query"]
        return [*rights.hidden(session, named), *rights.undo(session, tables)]

    def rights_to_write(
        self, session: Session | None, address: Address, hops: Sequence[Hop], statements: Sequence[Statement],
        there: Sequence[Relation],
    ) -> list[Right]:  # fmt: skip
        return _target(hops)

    def bounds(self, session: Session | None) -> Bounds:
        del session
        return Bounds(columns=1000)

    def size(self, column: Column) -> str:
        long = split(column.native).name in ("clob", "nclob", "blob")
        name = double_quoted(column.name)
        return f"DBMS_LOB.GETLENGTH({name})" if long else f"LENGTHB({name})" if "char" in column.native else ""

    def free(self, session: Session | None, address: Address) -> int | None:
        del session, address
        return None

    def has_schema(self, session: Session, schema: str) -> bool:
        return bool(session.ask(f"SELECT 1 FROM all_users WHERE username = {text_literal(schema)}"))

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        return _target(hops)

    def classify(self, error: BaseException) -> Failure:
        cause = error if isinstance(error, oracledb.Error) else error.__cause__
        if not isinstance(cause, oracledb.Error):
            return "other"
        said = cause.args[0] if cause.args else None
        if str(getattr(said, "full_code", "")) in _DRIVER_LOST or getattr(said, "isrecoverable", False):
            return "transient"
        return _CODES.get(int(getattr(said, "code", 0) or 0), "other")


def _means(asked: Asked) -> Means:
    session = asked.session if isinstance(asked, OracleReader) else asked
    assert isinstance(session, OracleSession)  # noqa: S101 - it is this engine's own
    return session.means


def _target(_: object) -> NoReturn:
    raise RequestError(
        "Oracle is a source so far: Ropeway does not write there yet.",
        remedy="Name a target of another engine.",
    )


def _bound(value: object) -> int | str:
    """A number as it is; one with decimals as its text."""
    return int(str(value)) if re.fullmatch(r"-?\d+", str(value)) else str(value)


def _spelt(value: object) -> str:
    return str(value)


ENGINE = Oracle()
