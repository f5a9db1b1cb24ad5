"""What an account must be allowed to do for a job: asked of the catalogue, never tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .plan import Finding, Grade, Grants


@dataclass(frozen=True)
class Right:
    """One thing that an account needs, where it needs it, and the statement that an administrator gives it by.

    `held` is what the catalogue says. `why` is added to the finding; `grant` is '' for what no SQL gives.
    """

    where: str
    need: str
    grant: str = ""
    held: bool = True
    why: str = ""
    grade: Grade = "blocker"


def missing(rights: Sequence[Right]) -> list[Finding]:
    """A finding for each right that is not held, with the statement that gives it."""
    return [
        Finding(
            one.grade, one.where, f"this account lacks {one.need}{f': {one.why}' if one.why else ''}", "privilege",
            one.grant or one.why,
        )
        for one in rights
        if not one.held
    ]  # fmt: skip


def grants(reading: Sequence[Right], writing: Sequence[Right]) -> Grants:
    """The least statements for both accounts, each once, whether they hold them already or not."""
    return Grants(_statements(reading), _statements(writing))


def _statements(rights: Sequence[Right]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.grant for one in rights if one.grant))
