"""The report of a verification: what was compared, how, what came out, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

COUNTS_EQUAL = "counts equal"
EQUALS_READ = "target equals what was read"
EQUALS_SOURCE = "target equals source"
DIFFERENT = "different"
NOT_VERIFIED = "not verified"


Kind = Literal["missing", "extra", "changed"]


@dataclass(frozen=True)
class Difference:
    """A row that one side lacks, or a cell that is another one. Values are as people read them, NULL is None.

    A row is `missing` or `extra` in the target; `column` and the values are then empty. Where a table has no key, `key`
    is the whole row.
    """

    kind: Kind
    key: Mapping[str, str | None]
    column: str = ""
    source: str | None = None
    target: str | None = None
    cause: str = ""


@dataclass(frozen=True)
class Compared:
    """What a comparison of rows found: how many of each kind, in which columns, and the first of them."""

    missing: int = 0
    extra: int = 0
    changed: int = 0
    rows: int = 0
    columns: tuple[tuple[str, int], ...] = ()
    first: tuple[Difference, ...] = ()

    @property
    def count(self) -> int:
        """Rows that differ in any way."""
        return self.missing + self.extra + self.changed


@dataclass(frozen=True)
class Stretch:
    """Neighbouring segments of which some differ: how many, and the rows that those have on both sides.

    `place` is that of the first one among the table's segments, and `where` says which rows lie in the stretch.
    """

    place: int
    segments: int
    differing: int
    rows_source: int
    rows_target: int
    where: str


@dataclass(frozen=True)
class TableReport:
    """One table's claim. `how` says who computed the target's side; rows are -1 where not counted.

    `asked` says of which slices of a run the source's own server computed the checksums too, or why of none.

    Where segments were compared, `stretches` says which differ, and `found` what the rows of `looked_at` ones showed.
    Of the source's rows that cannot come the run `rejected` so many, and of as many as are `refused` it knows nothing.
    """

    source: str
    target: str
    level: str
    claim: str
    reason: str = ""
    how: str = ""
    asked: str = ""
    rows_source: int = -1
    rows_target: int = -1
    checksum_source: str = ""
    checksum_target: str = ""
    left_out: tuple[str, ...] = ()
    segments: int = -1
    differing_segments: int = -1
    stretches: tuple[Stretch, ...] = ()
    looked_at: int = 0
    found: Compared | None = None
    rejected: int = 0
    refused: int = 0

    @property
    def equal(self) -> bool:
        """Whether what was compared was equal; a table that was not verified is not equal."""
        return self.claim in (COUNTS_EQUAL, EQUALS_READ, EQUALS_SOURCE)


@dataclass(frozen=True)
class Report:
    """All tables of a plan, and the places that were compared; `run` is empty where no run loaded the target.

    `versions` are those of both places' engines, with their names, where both were looked at.
    """

    level: str
    tables: tuple[TableReport, ...]
    source: str = ""
    target: str = ""
    run: str = ""
    versions: tuple[str, str] = ("", "")

    @property
    def equal(self) -> bool:
        """False as soon as one table differs; tables without a claim do not make it so."""
        return not any(table.claim == DIFFERENT for table in self.tables)
