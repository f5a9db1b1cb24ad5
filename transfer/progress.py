"""What a run tells while it goes on. A Progress shows it; this one shows nothing."""

from __future__ import annotations

from collections.abc import Sequence

from .engine import Receipt
from .plan import Plan, Statement


class Progress:
    """Heard from several threads at once; a subclass that draws must not block."""

    def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        """The run begins; `receipts` landed in an earlier process."""

    def moving(self, hop: str, rows: int, size: int) -> None:
        """A batch left its source: rows and bytes on their way, not yet durable."""

    def landed(self, receipt: Receipt) -> None:
        """A slice is durable in the target."""

    def failed(self, hop: str, part: int, message: str) -> None:
        """A try of a slice failed and will be repeated."""

    def stepping(self, statement: Statement) -> None:
        """A statement begins."""

    def stepped(self, statement: Statement) -> None:
        """A statement is done."""

    def said(self, message: str) -> None:
        """A sentence for a person."""

    def ended(self) -> None:
        """Nothing more will be told."""
