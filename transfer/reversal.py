"""Putting replaced tables back in their places, where nothing that was written since is lost by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import partial

from .commit import parts, together
from .engine import Asked, Engine, Loader
from .engines import engine_of
from .errors import DataError, EngineError, RequestError
from .intact import intact
from .ledger import ROLLED_BACK, UNDOING
from .place import Address
from .plan import Plan, Statement, Swap
from .start import held
from .swapping import count, set_right, standing, swapped_in

_BACK = "taken back"


@dataclass(frozen=True)
class Returned:
    """A table that is to be put back, or is: in whose place, and what the new one is called from then on.

    `keymap` holds the keys of rows that were merged, and stays as it is: the rows of before are no merged ones.
    """

    relation: str
    kept: str
    shadow: str
    statement: str
    keymap: str = ""


def returning(run: str, target: Address) -> list[Returned]:
    """What putting back would do. RequestError if the target knows no such run, or there is nothing to put back."""
    with closing(engine_of(target.place.scheme).loader(target)) as loader:
        plan, engine = _plan(run, loader), engine_of(target.place.scheme)
        return [_told(one, plan, engine, loader) for one in _swaps(plan, engine, loader)]


def put_back(run: str, target: Address, *, discard: bool = False) -> list[Returned]:
    """Put back what a run replaced, the latest first; each table in one transaction, so that it can be repeated.

    RequestError, before anything is changed, where a new table was written to since it was swapped in, or nothing can
    tell, and that may not be discarded.
    """
    with closing(engine_of(target.place.scheme).loader(target)) as loader:
        plan, engine = _plan(run, loader), engine_of(target.place.scheme)
        for hop in plan.landings:
            if not held(loader, str(hop.writes)):
                raise EngineError(
                    f"A run of Ropeway is moving rows into {hop.writes}.", table=str(hop.writes),
                    remedy="Wait for its end, or stop it first. Its lock goes with its process.",
                )  # fmt: skip
        set_right(plan, engine, loader)
        swaps = _swaps(plan, engine, loader)
        if not discard:
            for one in swaps:
                if loader.ask(engine.exists(_of(one).kept)):  # it is not in its place again already
                    _unwritten(plan, one, engine, loader)
        if swaps and not swaps[0].atomic:
            with refusals(engine, swaps):
                hand_back(plan, swaps, () if discard else swaps, engine, loader, target)
                for one in swaps:
                    loader.ledger.journal(plan.run, one.name, _BACK)
        else:
            for one in swaps:
                with refusals(engine, [one]):
                    _put_back(plan, one, engine, loader, discard=discard)
        loader.ledger.finish(run, ROLLED_BACK)
        return [_told(one, plan, engine, loader) for one in swaps]


def _plan(run: str, loader: Loader) -> Plan:
    states = {str(row[0]): str(row[3]) for row in loader.ledger.runs()}
    if run not in states:
        near = get_close_matches(run, states, 1)
        raise RequestError(
            f"The target knows no run {run}.",
            remedy=f"Did you mean {near[0]}?" if near else f"Runs there: {', '.join(states) or 'none'}.",
        )
    if states[run] in ("running", UNDOING):
        raise RequestError(
            f"Run {run} did not end.", remedy="Go on with --resume first, or undo it: 'ropeway clean' does."
        )
    return intact(run, loader)


def _swaps(plan: Plan, engine: Engine, loader: Loader) -> list[Statement]:
    """The swaps that are done and not put back yet, the latest first."""
    journal = loader.ledger.journaled(plan.run)
    done = [s for s in plan.statements if s.swap and s.back and journal.get(s.name) == "done"]
    if not done and not any(journal.get(s.name) == _BACK for s in plan.statements if s.swap):
        raise RequestError(
            f"Run {plan.run} has replaced no table in a way that can be taken back.",
            remedy="Of modes other than replace, 'ropeway clean --undo' undoes what has a way back.",
        )
    for one in done:
        swap = _of(one)
        if not any(loader.ask(engine.exists(there)) for there in (swap.kept, swap.shadow)):
            raise RequestError(
                f"The table that was {swap.relation} before run {plan.run} is gone: there is no {swap.kept}.",
                table=str(swap.relation),
            )  # fmt: skip
    return done[::-1]


def _of(statement: Statement) -> Swap:
    assert statement.swap  # noqa: S101 - only such are looked at
    return statement.swap


def _told(statement: Statement, plan: Plan, engine: Engine, loader: Loader) -> Returned:
    swap = _of(statement)
    return Returned(
        str(swap.relation), str(swap.kept), str(swap.shadow), statement.back, _map(statement, plan, engine, loader)
    )


def _map(statement: Statement, plan: Plan, engine: Engine, loader: Loader) -> str:
    """The map of a table that is put back; '' where there is none, or another one comes back in its place."""
    own = next((hop.keymap for hop in plan.hops if hop.name == statement.hop), None)
    if not own or any(one.swap and one.swap.relation == own.writes for one in plan.statements):
        return ""
    return str(own.writes) if loader.ask(engine.exists(own.writes)) else ""


def _unwritten(plan: Plan, statement: Statement, engine: Engine, loader: Loader) -> None:
    """RequestError where the new table is not as it was when it was swapped in."""
    _check(statement, loader.ledger.journaled(plan.run), engine, loader)


def _check(statement: Statement, journal: Mapping[str, str], engine: Engine, asked: Asked) -> None:
    """The same, asked of who may see nothing but that table."""
    swap = _of(statement)
    at, state = swapped_in(statement, journal)
    if state and standing(engine, asked, swap.relation) == state:
        return
    said = (
        f"was written to since it was swapped in at {at} (UTC)" if state else "may have been written to: nothing tells"
    )
    raise RequestError(
        f"{swap.relation} {said}, and the table of before does not have that.", table=str(swap.relation),
        remedy=f"--discard-writes puts that back all the same; the new table stays beside it as {swap.shadow}.",
    )  # fmt: skip


@contextmanager
def refusals(engine: Engine, swaps: Sequence[Statement]) -> Iterator[None]:
    """What the target says against it, in words."""
    try:
        yield
    except (RequestError, DataError):
        raise
    except Exception as error:
        names = ", ".join(str(_of(one).relation) for one in swaps)
        raise EngineError(
            f"{engine.name} refused to put back {names}: {error}", table=str(_of(swaps[0]).relation),
            remedy="Mend the cause and roll back again; that goes on where it was.",
        ) from error  # fmt: skip


def _put_back(plan: Plan, statement: Statement, engine: Engine, loader: Loader, *, discard: bool) -> None:
    """In one transaction."""
    swap = _of(statement)

    def work() -> None:
        for sql in parts(swap.lock, loader):
            loader.execute(sql)
        if not discard:
            _unwritten(plan, statement, engine, loader)
        for sql in parts(statement.back, loader):
            loader.execute(sql)
        loader.ledger.journal(plan.run, statement.name, _BACK)

    together(work, loader)


def hand_back(
    plan: Plan, swaps: Sequence[Statement], heeded: Sequence[Statement], engine: Engine, loader: Loader, target: Address
) -> None:  # fmt: skip
    """All at once, where each statement commits by itself; behind the lock, RequestError where one that is to be heeded
    was written to.
    """
    journal = loader.ledger.journaled(plan.run)
    reverse = {one.back: replace(_of(one), shadow=_of(one).kept, kept=_of(one).shadow) for one in swaps}

    def prove(gate: Asked, left: Sequence[Swap]) -> None:
        for one in swaps:
            if reverse[one.back] in left:
                if one in heeded:
                    _check(one, journal, engine, gate)
                count(_of(one).relation, _of(one).back_counts, gate, "put back")

    another = partial(engine.loader, target)
    engine.cut_over(another, loader, reverse, prove, gated=True)  # type: ignore[attr-defined]  # its statements commit


def check_whole(plan: Plan, journal: Mapping[str, str]) -> None:
    """RequestError where some tables of a run were put back and others were not yet: what is kept is still needed."""
    states = {journal.get(one.name) for one in plan.statements if one.swap}
    if {_BACK, "done"} <= states:
        raise RequestError(
            f"A roll-back of run {plan.run} did not end.", remedy=f"End it first: ropeway rollback {plan.run}"
        )


def check_kept(plan: Plan, journal: Mapping[str, str], *, early: bool) -> None:
    """RequestError where a replaced table is to be kept for longer than it has been."""
    for one in plan.statements:
        if not plan.keep or early or not one.swap or journal.get(one.name) != "done":
            continue
        at = swapped_in(one, journal)[0]
        until = datetime.fromisoformat(at).replace(tzinfo=UTC) + timedelta(seconds=plan.keep)
        if until > datetime.now(UTC):
            raise RequestError(
                f"{one.swap.kept}, which was {one.swap.relation} before the run, is kept until {until:%Y-%m-%d %H:%M} "
                "(UTC).", table=str(one.swap.relation), remedy="Wait until then, or drop it now with --early.",
            )  # fmt: skip


def check_unwritten(plan: Plan, journal: Mapping[str, str], engine: Engine, loader: Loader) -> None:
    """RequestError where undoing a run would take a table away that was written to since it was swapped in."""
    for one in plan.statements:
        known = one.swap and journal.get(one.name) in ("done", "started") and swapped_in(one, journal)[1]
        if known and loader.ask(engine.exists(_of(one).kept)):
            _unwritten(plan, one, engine, loader)
