"""Oracle 12.2 and later. What writing takes is in target.py."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Literal

import oracledb

from ...canonical import Canon
from ...engine import Asked, Bounds, Failure, Session, Source
from ...errors import RequestError
from ...overtime import Overtime
from ...place import Address
from ...plan import Bound, ColumnPlan, Cut, Finding, Hop
from ...rights import Right
from ...rules import split
from ...schema.catalogue import Column, Further, Relation, Table
from ...schema.sql import double_quoted, range_condition, text_literal
from ...schema.wording import Wording
from ...segments import Division
from . import catalogue, further, parting, rights
from .canon import SPECIMENS, checksum_sql, specimen_table
from .profile import profile
from .session import DATA, Means, OracleSession, qualified
from .source import CHANGED, TOO_OLD, OracleReader, OracleSource
from .target import NAME_BYTES, NUMBERS, OracleTarget
from .types import READS

_DIALECT = "oracle, normalization_strategy = lowercase"  # names are compared in small letters while they are translated
# https://docs.oracle.com/error-help/db/ has a page for each; DPY- numbers are the driver's own.
_CODES: dict[int, Failure] = {
    **dict.fromkeys((28, 1012, 1014, 1033, 1034, 1089, 1092, 3113, 3114, 3135, 12170, 25408), "transient"),
    **dict.fromkeys((12514, 12516, 12519, 12520, 12537, 12541), "transient"),  # the listener, which may start before
    **dict.fromkeys((51, 54, 60, 2049, 4021, 8177, 30006), "transient"),  # somebody else's locks
    **dict.fromkeys(DATA, "data"),
    **dict.fromkeys((904, 932, 942, 955, 4043), "schema"),
    **dict.fromkeys((1017, 1031, 1045, 1950, 28000, 28001), "login"),
    **dict.fromkeys((*TOO_OLD, CHANGED), "instant"),
    **dict.fromkeys((257, 1536, 1631, 1632, 1652, 1653, 1654, 1658, 1659, 1683, 1688, 1691, 1692), "space"),
    30036: "log",  # its undo
    **dict.fromkeys((12953, 65114), "space"),  # the limits of a free edition and of a pluggable database
}
_DRIVER_LOST = ("DPY-1001", "DPY-4011", "DPY-4024", "DPY-6005")
_NUMBERS = ("number", "float")
_QUANTILES = (
    "SELECT MIN(k) FROM (SELECT {k} k, NTILE({wanted}) OVER (ORDER BY {k}) g FROM {rows}) q GROUP BY g ORDER BY 1"
)
_SAMPLED, _SAMPLE_BELOW = 1_000, 25  # rows of a slice that are looked at; percent, from which on all are


class Oracle(OracleTarget):
    """Read at an SCN."""

    name = "oracle"
    family = "oracle"
    schemes = ("oracle",)
    drivers: tuple[str, ...] = ("oracledb",)
    landing: Literal["transaction"] = "transaction"
    instant: Literal["durable"] = "durable"
    writers: Literal["many"] = "many"
    takes: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    density = 1.0
    logs = ""
    busy = 1
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
    owned = True  # a schema is an account's
    capitals = True  # a name that nobody quoted is kept in capital letters
    reads = READS

    def words(self, session: Session | None) -> Wording:
        del session
        return Wording(
            _DIALECT, comments=True, view_comments=True, generated=("VIRTUAL",), deferrable=True, steps=True,
            always=True, expressions=True, hollow=True, numbers=NUMBERS, next="{name}.NEXTVAL", true="1", false="0",
            unproven=("NOVALIDATE",), moments={"date": "DATE '{}'", "timestamp": "TIMESTAMP '{}'"},
            calls={"today": "TRUNC(SYSDATE)", "timestamp": "LOCALTIMESTAMP({digits})", "instant": "SYSTIMESTAMP",
                   "uuid": "SYS_GUID()"},
        )  # fmt: skip

    def refuses_name(self, name: str, kind: str) -> str:
        if kind == "column" and name == "ROWID":
            return "each row has a ROWID of its own there"
        if not name or len(name.encode()) > NAME_BYTES:
            return f"a name has 1 to {NAME_BYTES} bytes there"
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

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        """Ranges of the first column of the key, if that is a number, else of ROWIDs, with as many rows each."""
        if wanted < 2 or table.kind != "table":
            return (Cut(),)
        clause = f" WHERE {where}" if where else ""
        if table.key and split(table.column(table.key[0]).native).name in _NUMBERS:
            name = table.key[0]
            firsts = session.ask(_QUANTILES.format(
                k=double_quoted(name), wanted=wanted, rows=f"{qualified(table.name)}{clause}"
            ))  # fmt: skip
            return _ranges("range", name, sorted({_bound(row[0]) for row in firsts}, key=Decimal)[1:])
        if "rowid" not in table.physical:
            return (Cut(),)
        share = 100 * wanted * _SAMPLED / max(table.rows, 1)
        sample = f" SAMPLE BLOCK ({share:.6f})" if share < _SAMPLE_BELOW else ""
        rows = f"{qualified(table.name)}{sample}{clause}"
        firsts = session.ask(_QUANTILES.format(k="ROWID", wanted=wanted, rows=rows))
        return _ranges("physical", "ROWID", [str(row[0]) for row in firsts][1:])

    def condition(self, cut: Cut) -> str:
        if cut.kind == "physical":
            return range_condition("ROWID", cut, lambda place: f"CHARTOROWID({text_literal(place)})")
        return "" if cut.kind == "whole" else range_condition(double_quoted(cut.column), cut, _spelt)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        return OracleSource(self, address, hops, consistency, count)

    def locks(self, consistency: str, hops: Sequence[Hop]) -> tuple[str, ...]:
        del consistency, hops
        return ("none: tables are read as of an SCN, which takes undo and no lock",)

    def gives(self, columns: Sequence[tuple[Column, ColumnPlan]]) -> tuple[str, ...]:
        return ()

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        return profile(session, table, where, policies)

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

    def checksums(
        self, session: Session, hop: Hop, columns: Sequence[tuple[str, Canon, str]]
    ) -> dict[int, str] | None:  # fmt: skip
        """The same of each partition of a hop's table, by its number; None where it has others, or there is none."""
        means, places = _means(session), parting.places(session, hop)
        try:
            return places and {
                number: checksum_sql(on, columns, utf8=means.utf8, crypto=means.crypto) for number, on in places.items()
            }
        except RequestError:
            return None

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
        unseen = [*rights.hidden(session, named), *rights.redacted(session, named)]
        return [*unseen, *_timeless(session, named), *rights.charset(session, tables), *rights.undo(session, tables)]

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

    def classify(self, error: BaseException) -> Failure:
        if isinstance(error, Overtime):
            return "other"
        cause = error if isinstance(error, oracledb.Error) else error.__cause__
        if not isinstance(cause, oracledb.Error):
            return "other"
        said = cause.args[0] if cause.args else None
        if str(getattr(said, "full_code", "")) in _DRIVER_LOST or getattr(said, "isrecoverable", False):
            return "transient"
        return _CODES.get(int(getattr(said, "code", 0) or 0), "other")


def _timeless(session: Session, tables: Sequence[Relation]) -> list[Finding]:
    said = "an external table: it is read as its files are when it is its turn, not at the run's instant"
    remedy = "Let nobody write its files during the run."
    outside = catalogue.external(session)
    return [Finding("warning", str(one), said, "no-instant", remedy) for one in tables if one in outside]


def _means(asked: Asked) -> Means:
    session = asked.session if isinstance(asked, OracleReader) else asked
    assert isinstance(session, OracleSession)  # noqa: S101 - it is this engine's own
    return session.means


def _ranges(kind: str, column: str, bounds: Sequence[Bound]) -> tuple[Cut, ...]:
    edges: list[Bound] = [None, *bounds, None]
    return tuple(Cut(kind, column, low, high) for low, high in pairwise(edges)) if bounds else (Cut(),)


def _bound(value: object) -> int | str:
    """A number as it is; one with decimals as its text."""
    return int(str(value)) if re.fullmatch(r"-?\d+", str(value)) else str(value)


def _spelt(value: object) -> str:
    return str(value)


ENGINE = Oracle()
