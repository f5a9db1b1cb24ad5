"""Swapping a table for the one that was made of it: proven, under a lock, that nobody wrote since its rows were read.

What the table was at that instant is noted in the journal before the first row lands, and asked again once the lock is
there. How the new table is at the swap is noted, too: by that its way back knows whether somebody wrote to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from typing import Any

from .commit import parts, together
from .engine import Asked, Engine, Loader, Reader
from .engines import engine_of
from .errors import DataError, EngineError, RequestError
from .gathering import decided
from .job import Job
from .ledger import now
from .place import Address
from .plan import Hop, Plan, Statement, Swap
from .schema.catalogue import Relation

_SWAPPED, _READ = 3_000_000, 4_000_000  # the journal's entries of these are numbered apart from all others


def as_read(hop: Hop) -> str:
    """The journal's entry on what a hop's source was when its rows were read."""
    number, _, rest = hop.name.partition(" ")
    return f"{-_READ - int(number)} {rest} as it was read"


def as_swapped(statement: Statement) -> str:
    """The journal's entry on what a table was when it was swapped in by a statement, and when that was."""
    number, _, rest = statement.name.partition(" ")
    return f"{-_SWAPPED - int(number)} what was there after: {rest}"


def standing(engine: Engine, asked: Asked, relation: Relation) -> str:
    """What stays equal as long as nobody writes to a table, whatever that writer does; '' where nothing says so."""
    own = getattr(engine, "standing", None)
    return str(own(asked, relation)) if own else ""


class Keepers:
    """Who keeps writers out of tables that go into themselves, from before they are read until they are swapped."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._held: dict[str, Loader] = {}

    def hold(self, hops: Sequence[Hop]) -> None:
        """Stop the writers of those of the hops that have them wait. Their locks go with this process."""
        for hop in hops:
            if hop.upon and self._job.mix_instants:
                raise RequestError(
                    f"{hop.writes} is its own source: rows of several instants would lose what was written between.",
                    table=str(hop.writes), remedy="Leave out --mix-instants.",
                )  # fmt: skip
            if hop.upon and hop.upon.writes == "block" and hop.name not in self._held:
                keeper = self._job.target.loader(self._job.target_address)
                self._held[hop.name] = keeper
                self._stop(hop, keeper)

    def _stop(self, hop: Hop, keeper: Loader) -> None:
        try:
            keeper.begin()
            keeper.execute(self._job.target.holding(hop.writes))  # type: ignore[attr-defined]  # it offers block
        except Exception as error:
            raise EngineError(
                f"The writers of {hop.writes} could not be stopped: {error}",
                table=str(hop.writes),
                remedy="Nothing was read. Somebody's transaction holds the table: go on with --resume once it ended.",
            ) from error

    def of(self, statement: Statement, loader: Loader) -> Loader:
        """Whose connection carries out a statement: a swap's that of the lock, for another would wait for it."""
        return self._held.get(statement.hop, loader) if statement.swap else loader

    def close(self) -> None:
        """Let writers go on."""
        for keeper in self._held.values():
            with suppress(Exception):  # the server notices by itself
                keeper.close()
        self._held.clear()


def note(job: Job, hops: Sequence[Hop], reader: Reader, loader: Loader, journal: dict[str, str], writer: Any) -> None:
    """Note what is read now; rows that are decided already, or have all landed, were read before."""
    for hop in hops:
        if hop.upon and not journal.get(decided(hop)):
            state = standing(job.target, reader, hop.reads)
            with writer or nullcontext():
                loader.ledger.journal(job.plan.run, as_read(hop), state)
            journal[as_read(hop)] = state


def swap(plan: Plan, statement: Statement, loader: Loader, engine: Engine) -> None:
    """Swap, with the journal's entry. EngineError where somebody wrote, DataError where parents would be lost."""
    what, hop = statement.swap, plan.hop(statement.hop)
    assert what  # noqa: S101 - the caller looked

    def work() -> None:
        for sql in parts(what.lock):
            loader.execute(sql)
        made = standing(engine, loader, what.shadow)
        if what.proven:
            _prove(engine, loader, what, loader.ledger.journaled(plan.run).get(as_read(hop), ""))
            _look(engine, loader, what, hop)
        for sql in parts(statement.forward):
            loader.execute(sql)
        _count(what, loader)
        loader.ledger.journal(plan.run, as_swapped(statement), json.dumps({"at": now(), "state": made}))
        loader.ledger.journal(plan.run, statement.name, "done")

    together(work, loader)


def _prove(engine: Engine, loader: Loader, what: Swap, noted: str) -> None:
    if not noted or standing(engine, loader, what.relation) != noted:
        raise EngineError(
            f"{what.relation} was written to since its rows were read, so it is not swapped: what was written would "
            "be lost.",
            table=str(what.relation),
            remedy=f"Nothing is lost: the table is as it was, and the new one lies beside it as {what.shadow}. "
            "Begin anew with --fresh, while nobody writes or with writes: block, or 'ropeway clean' the run.",
        )


def _look(engine: Engine, loader: Loader, what: Swap, hop: Hop) -> None:
    """EngineError where the table, or what hangs on it, is no more what it was when the swap was planned."""
    among = hop.upon.among if hop.upon else ()
    if engine.hanging(loader, what.relation, among) != what.hanging:  # type: ignore[attr-defined]  # it has `attached`
        raise EngineError(
            f"{what.relation} is not swapped: its columns, keys, indexes, triggers, grants or views, or what refers to "
            "it, are others than when the run was planned, and would be lost.", table=str(what.relation),
            remedy="Nothing was changed. Begin anew with --fresh, which plans again, or put that back as it was and go "
            "on with --resume.",
        )  # fmt: skip


def _count(what: Swap, loader: Loader) -> None:
    found = [(said, int(str(loader.ask(query)[0][0]))) for said, query in what.counts]
    lost = [f"{count} {said}" for said, count in found if count]
    if lost:
        raise DataError(
            f"{what.relation} is not swapped: {'; '.join(lost)}.", table=str(what.relation),
            remedy="Nothing was changed. Move those tables in the same job, where their references follow a dedup, or "
            "set them right, and go on with --resume.",
        )  # fmt: skip


def has_swapped(plan: Plan, target: Address) -> bool:
    """Whether a table that went into itself has been swapped: all rows are there then, and its source is another."""
    with closing(engine_of(target.place.scheme).loader(target)) as loader:
        journal = loader.ledger.journaled(plan.run)
    return any(s.swap and s.swap.proven and journal.get(s.name) == "done" for s in plan.statements)


def swapped_in(statement: Statement, journal: Mapping[str, str]) -> tuple[str, str]:
    """When a table was swapped in by a statement, and what it was then; both '' where that is not known."""
    said = journal.get(as_swapped(statement), "")
    found: dict[str, str] = json.loads(said) if said else {}
    return found.get("at", ""), found.get("state", "")
