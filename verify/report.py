"""The report of a verification: what was compared, how, what came out, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass

COUNTS_EQUAL = "counts equal"
EQUALS_READ = "target equals what was read"
EQUALS_SOURCE = "target equals source"
DIFFERENT = "different"
NOT_VERIFIED = "not verified"


@dataclass(frozen=True)
class TableReport:
    """One table's claim. `how` says who computed the target's side; rows are -1 where not counted."""

    source: str
    target: str
    level: str
    claim: str
    reason: str = ""
    how: str = ""
    rows_source: int = -1
    rows_target: int = -1
    checksum_source: str = ""
    checksum_target: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether what was compared was equal; a table that was not verified is not equal."""
        return self.claim in (COUNTS_EQUAL, EQUALS_READ, EQUALS_SOURCE)


@dataclass(frozen=True)
class Report:
    """All tables of a plan."""

    level: str
    tables: tuple[TableReport, ...]

    @property
    def equal(self) -> bool:
        """False as soon as one table differs; tables without a claim do not make it so."""
        return not any(table.claim == DIFFERENT for table in self.tables)
