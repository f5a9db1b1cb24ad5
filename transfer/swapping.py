"""Swapping a table for the one that was made of it: proven, under a lock, that nobody wrote since its rows were read.

What the table was at that instant is noted in the journal before the first row lands, and asked again once the lock is
there. How the new table is at the swap is noted, too: by that its way back knows whether somebody wrote to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from functools import partial
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


def swap(plan: Plan, statement: Statement, loader: Loader, engine: Engine, address: Address) -> None:
    """Swap, with the journal's entry. EngineError where somebody wrote, DataError where parents would be lost.

    Tables that go into themselves are swapped all together, by the first of their statements: of two that refer to each
    other one alone would be left with the other's old table.
    """
    journal = loader.ledger.journaled(plan.run)
    if journal.get(statement.name) == "done":
        return
    among = _together(plan, statement, journal)
    if statement.atomic:
        _swap_at_once(plan, among, journal, loader, engine)
    else:
        _hand_over(plan, among, journal, loader, engine, address)


def _swap_at_once(
    plan: Plan, among: Sequence[Statement], journal: Mapping[str, str], loader: Loader, engine: Engine
) -> None:  # fmt: skip
    """All in one transaction."""

    def work() -> None:
        for one in among:
            for sql in parts(_of(one).lock, loader):
                loader.execute(sql)
        made = {one.name: standing(engine, loader, _of(one).shadow) for one in among}
        for one in among:
            if _of(one).proven:
                hop = plan.hop(one.hop)
                _prove(engine, loader, _of(one), journal.get(as_read(hop), ""))
                _look(engine, loader, _of(one), hop)
        for one in among:
            for sql in parts(one.forward):
                loader.execute(sql)
        for one in among:
            count(_of(one).relation, _of(one).counts, loader)
            loader.ledger.journal(plan.run, as_swapped(one), json.dumps({"at": now(), "state": made[one.name]}))
            loader.ledger.journal(plan.run, one.name, "done")

    together(work, loader)


def _hand_over(
    plan: Plan, among: Sequence[Statement], journal: Mapping[str, str], loader: Loader, engine: Engine, address: Address
) -> None:  # fmt: skip
    """Where each statement commits by itself, another connection holds the lock: the engine knows how the two do it."""
    set_right(plan, engine, loader)
    for one in among:
        if not loader.ask(one.check):  # else a process has died behind the swap
            state = standing(engine, loader, _of(one).shadow)
            loader.ledger.journal(plan.run, as_swapped(one), json.dumps({"at": now(), "state": state}))
            loader.ledger.journal(plan.run, one.name, "started")

    def prove(gate: Asked, left: Sequence[Swap]) -> None:
        for one in among:
            if _of(one).proven and _of(one) in left:
                hop = plan.hop(one.hop)
                _prove(engine, gate, _of(one), journal.get(as_read(hop), ""))
                _look(engine, gate, _of(one), hop)
                count(_of(one).relation, _of(one).counts, gate)

    swaps = {one.forward: _of(one) for one in among}
    another = partial(engine.loader, address)
    gated = any(one.proven for one in swaps.values())
    engine.cut_over(another, loader, swaps, prove, gated=gated)  # type: ignore[attr-defined]  # its statements commit
    for one in among:
        loader.ledger.journal(plan.run, one.name, "done")


def _of(statement: Statement) -> Swap:
    assert statement.swap  # noqa: S101 - only such are looked at
    return statement.swap


def _together(plan: Plan, statement: Statement, journal: Mapping[str, str]) -> list[Statement]:
    """What is swapped with a statement. Whose writers are kept out each has a connection of its own for that."""

    def waits(one: Statement) -> bool:
        upon = plan.hop(one.hop).upon if one.swap and one.swap.proven else None
        return upon is not None and upon.writes != "block" and journal.get(one.name) != "done"

    return [one for one in plan.statements if waits(one)] if waits(statement) else [statement]


def _prove(engine: Engine, loader: Asked, what: Swap, noted: str) -> None:
    if not noted or standing(engine, loader, what.relation) != noted:
        raise EngineError(
            f"{what.relation} was written to since its rows were read, so it is not swapped: what was written would "
            "be lost.",
            table=str(what.relation),
            remedy=f"Nothing is lost: the table is as it was, and the new one lies beside it as {what.shadow}. "
            "Begin anew with --fresh, while nobody writes or with writes: block, or 'ropeway clean' the run.",
        )


def _look(engine: Engine, loader: Asked, what: Swap, hop: Hop) -> None:
    """EngineError where the table, or what hangs on it, is no more what it was when the swap was planned."""
    among = hop.upon.among if hop.upon else ()
    if engine.hanging(loader, what.relation, among) != what.hanging:  # type: ignore[attr-defined]  # it has `attached`
        raise EngineError(
            f"{what.relation} is not swapped: its columns, keys, indexes, triggers, grants or views, or what refers to "
            "it, are others than when the run was planned, and would be lost.", table=str(what.relation),
            remedy="Nothing was changed. Begin anew with --fresh, which plans again, or put that back as it was and go "
            "on with --resume.",
        )  # fmt: skip


def count(relation: Relation, counts: Sequence[tuple[str, str]], loader: Asked, done: str = "swapped") -> None:
    """DataError where rows that had a parent would have none any more: then the relation is not `done`."""
    found = [(said, int(str(loader.ask(query)[0][0]))) for said, query in counts]
    lost = [f"{rows} {said}" for said, rows in found if rows]
    if lost:
        raise DataError(
            f"{relation} is not {done}: {'; '.join(lost)}.", table=str(relation),
            remedy="Nothing was changed. Move those tables in the same job, where their references follow a dedup, or "
            "set them right, and go on with --resume.",
        )  # fmt: skip


def has_swapped(plan: Plan, target: Address) -> bool:
    """Whether a table that went into itself has been swapped: all rows are there then, and its source is another."""
    with closing(engine_of(target.place.scheme).loader(target)) as loader:
        journal = loader.ledger.journaled(plan.run)
        return any(s.swap and s.swap.proven and _happened(s, journal, loader) for s in plan.statements)


def _happened(statement: Statement, journal: Mapping[str, str], loader: Loader) -> bool:
    """A process may have died between a swap that commits by itself and its entry."""
    state = journal.get(statement.name)
    return state == "done" or (state == "started" and bool(loader.ask(statement.check)))


def set_right(plan: Plan, engine: Engine, loader: Loader) -> None:
    """What swaps or their ways back left that were killed, where that is no one transaction."""
    journal = loader.ledger.journaled(plan.run)
    for one in plan.statements:
        if one.swap and not one.atomic and journal.get(one.name):
            for sql in parts(engine.unswapped(one.swap)):  # type: ignore[attr-defined]  # its statements commit
                loader.execute(sql)


def swapped_in(statement: Statement, journal: Mapping[str, str]) -> tuple[str, str]:
    """When a table was swapped in by a statement, and what it was then; both '' where that is not known."""
    said = journal.get(as_swapped(statement), "")
    found: dict[str, str] = json.loads(said) if said else {}
    return found.get("at", ""), found.get("state", "")
