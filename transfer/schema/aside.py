"""What is put aside from a table that is somebody else's while rows come in, and put back exactly as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..plan import Constraint, Statement


@dataclass(frozen=True)
class Aside:
    """A foreign key, an index or a trigger: the SQL that takes it `away` and the engine's own that makes it `again`.

    `late` is what waits until all tables are loaded. `present` and `absent` are queries that see it and miss it,
    where statements commit by themselves. `constraint` is what rows may break. `first` is `again` in the form that a
    table with rows takes, `then` what follows; `off` undoes it where `away` took more.
    """

    hop: str
    what: str
    away: str
    again: str
    late: bool = False
    present: str = ""
    absent: str = ""
    guard: str = ""
    constraint: Constraint | None = None
    lock: str = ""
    first: str = ""
    off: str = ""
    then: tuple[tuple[str, str, str], ...] = ()


def taken(asides: Sequence[Aside], *, atomic: bool) -> list[Statement]:
    """The statements before the rows."""
    return [
        Statement(
            name=f"put aside {one.what}", phase="before", forward=one.away, check=one.absent, back=one.again,
            hop=one.hop, atomic=atomic, lock=one.lock,
        )
        for one in asides
    ]  # fmt: skip


def returned(asides: Sequence[Aside], *, atomic: bool) -> list[Statement]:
    """The statements after the rows. Each names the one that it takes back, so that undoing it undoes both."""
    made = []
    for one in asides:
        wait = "*" if one.late else one.hop
        made.append(Statement(
            name=f"put back {one.what}", phase="after", forward=one.first or one.again, check=one.present,
            back=one.off or one.away, guard=one.guard, constraint=None if one.then else one.constraint, hop=one.hop,
            after=(wait, f"put aside {one.what}"), atomic=atomic, lock=one.lock,
        ))  # fmt: skip
        proven = replace(one.constraint, takes_back=f"put back {one.what}") if one.constraint else None
        made += [
            Statement(name=name, phase="after", forward=sql, hop=one.hop, after=(wait,), atomic=atomic, lock=lock,
                      constraint=proven)
            for name, sql, lock in one.then
        ]  # fmt: skip
    return made
