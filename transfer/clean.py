"""What a run left behind, and removing it.

Of a run that ended, the staging tables, shadows, pre-images and old tables are left, which are the way back until they
are cleaned, and what lies in quarantine. Of a run that did not end, everything it made is left, and cleaning undoes it
as far as there is a way back; what has none is named. A run that ended can be undone in the same way, while its way
back is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from .commit import DELIMITED, parts, step_back
from .engine import Engine, Loader
from .engines import engine_of
from .errors import EngineError, RequestError
from .intact import intact
from .ledger import ROLLED_BACK, UNDOING, number_of
from .piecemeal import TOO_LARGE, unrejected
from .place import Address
from .plan import Hop, Plan, Statement
from .quarantine import quarantined
from .reversal import check_kept, check_unwritten, check_whole, hand_back, refusals
from .schema.catalogue import Relation, Table
from .schema.modes import Move
from .schema.sql import counted
from .start import held
from .swapping import set_right, swapped_in

ENDED = ("loaded", "done", "different", ROLLED_BACK)
_BESIDE = ("staging", "shadow", "preimages", "keys", "old")


@dataclass(frozen=True)
class Left:
    """What a run left: `statements` remove it, in order; `stuck` names what nothing can undo.

    `rows` names tables whose rows go with the run itself, where rows lie in files. `published` are the tables that
    keep rows of this run: appended, and without a key to take them out by. So many `rejected` rows go with the ledger.
    """

    run: str
    state: str
    statements: tuple[Statement, ...]
    stuck: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    rejected: int = 0


def leftovers(run: str, target: Address, *, undo: bool = False) -> Left:
    """What a run left in its target; with `undo` everything that it made, as if it had not ended.

    RequestError if the target knows no such run.
    """
    loader = engine_of(target.place.scheme).loader(target)
    try:
        return _left(run, loader, undo=undo)[1]
    finally:
        loader.close()


def remove(run: str, target: Address, *, undo: bool = False, early: bool = False) -> Left:
    """Remove what `leftovers` lists, and forget the run; what was removed. RequestError, unless it may be `early`, for
    a replaced table that is to be kept for longer.

    Raises EngineError while the run goes on in another process, or if the engine refuses: then what is
    removed stays removed, and the call can be repeated.
    """
    loader = engine_of(target.place.scheme).loader(target)
    try:
        plan, engine = _left(run, loader, undo=undo)[0], engine_of(target.place.scheme)
        _hold(plan, loader)
        set_right(plan, engine, loader)
        left, journal = _left(run, loader, undo=undo)[1], loader.ledger.journaled(run)
        check_whole(plan, journal)
        if left.state in ENDED and not undo:
            check_kept(plan, journal, early=early)
        else:
            check_unwritten(plan, journal, engine, loader)
        if left.state not in ENDED or undo:
            loader.ledger.finish(run, UNDOING)  # from here on it is no run that could be resumed, whatever happens
        _check_rows(plan, left, loader)
        swaps = [one for one in plan.statements if any(_takes_back(of, one) for of in left.statements)]
        for statement in left.statements:
            if any(_takes_back(statement, one) for one in swaps):
                known = [one for one in swaps if swapped_in(one, journal)[1]]
                with refusals(engine, swaps):
                    hand_back(plan, swaps, known, engine, loader, target)  # all at once, by the first of them
            else:
                _carry_out(run, statement, loader)
        _forget(plan, engine, loader)
        return left
    finally:
        loader.close()


def _forget(plan: Plan, engine: Engine, loader: Loader) -> None:
    """Forget a run, its rejected rows in several transactions where one is too small for them."""
    try:
        loader.ledger.forget(plan.run)
    except Exception as error:
        if engine.classify(error) not in TOO_LARGE:
            raise
        unrejected(plan.run, plan.landings, engine, loader)
        loader.ledger.forget(plan.run)


def _takes_back(undoing: Statement, statement: Statement) -> bool:
    """Whether it undoes a swap that is no one transaction."""
    same = number_of(undoing.name) == number_of(statement.name) and undoing.forward == statement.back
    return same and statement.swap is not None and not statement.atomic


def _left(run: str, loader: Loader, *, undo: bool) -> tuple[Plan, Left]:
    states = {str(row[0]): str(row[3]) for row in loader.ledger.runs()}
    if run not in states:
        near = get_close_matches(run, states, 1)
        raise RequestError(
            f"The target knows no run {run}.",
            remedy=f"Did you mean {near[0]}?" if near else f"Runs there: {', '.join(states) or 'none'}.",
        )
    plan = intact(run, loader)
    engine = engine_of(plan.target.scheme)
    rejected = sum(one.rejected for one in loader.ledger.receipts(run))
    if states[run] in ENDED and not undo:
        return plan, Left(run, states[run], tuple(_beside(plan, engine, loader)), rejected=rejected)
    return plan, replace(_undoing(plan, states[run], engine, loader), rejected=rejected)


def _hold(plan: Plan, loader: Loader) -> None:
    for name in dict.fromkeys(str(hop.writes) for hop in plan.landings):
        if not held(loader, name):
            raise EngineError(
                f"A run of Ropeway is moving rows into {name}.", table=name,
                remedy="Wait for its end, or stop it first. Its lock goes with its process.",
            )  # fmt: skip


def _check_rows(plan: Plan, left: Left, loader: Loader) -> None:
    """Raise if a table that is emptied, because the run found it empty, holds rows that the run did not bring."""
    undone = {number_of(statement.name) for statement in left.statements}
    emptied = {s.hop for s in plan.statements if s.guard and s.back and number_of(s.name) in undone}
    receipts = loader.ledger.receipts(plan.run)
    for hop in plan.hops:
        if hop.mode != "fill" or hop.name not in emptied:
            continue
        brought = sum(receipt.loaded for receipt in receipts if receipt.hop == hop.name)
        engine = engine_of(plan.target.scheme)
        there = int(str(loader.ask(f"SELECT {counted(engine)} FROM {engine.relation(hop.writes)}")[0][0]))
        if there > brought:
            raise RequestError(
                f"{hop.writes} holds {there} rows, of which the run brought {brought}: emptying it would take others.",
                table=str(hop.writes), remedy="Nothing was removed. Move those rows first, or take out the run's own.",
            )  # fmt: skip


def _carry_out(run: str, statement: Statement, loader: Loader) -> None:
    try:
        for one in _each(statement, loader):
            step_back(run, one, loader)
    except Exception as error:
        raise EngineError(
            f"The target refused to {statement.name.split(' ', 1)[1]}: {error}",
            remedy="What is removed stays removed. Mend the cause and clean again.",
        ) from error


def _each(statement: Statement, loader: Loader) -> list[Statement]:
    """Where each commits by itself, the parts of a way back one by one; a body that CREATE begins has semicolons."""
    if statement.atomic or statement.forward.startswith((DELIMITED, "CREATE")):
        return [statement]
    return [replace(statement, forward=sql) for sql in parts(statement.forward, loader)]


def _beside(plan: Plan, engine: Engine, loader: Loader) -> list[Statement]:
    """The run's own tables beside the target's, as far as they are there."""
    made: list[Statement] = []
    for hop in reversed(in_order_of_references(plan)):
        move = Move(engine, loader, hop, Table(hop.writes, ()), None, plan.run)
        for relation in map(move.beside, _BESIDE):
            query = engine.exists(relation)
            if query and loader.ask(query):
                made.append(_drop(len(made) + 1, f"drop table {relation}", engine.relation(relation), engine))
    return made + _aside(plan, engine, loader, len(made) + 1)


def in_order_of_references(plan: Plan) -> list[Hop]:
    """All that a run lands, parents first: what refers to a table goes before it."""
    tables = {table.name: table for table in plan.tables}
    left, made = list(plan.landings), list[Hop]()
    while left:
        names = {hop.writes for hop in left}

        def free(hop: Hop, names: set[Relation] = names) -> bool:
            table = tables.get(hop.writes)
            return not table or not ({fk.references for fk in table.foreign_keys} - {hop.writes}) & names

        made += [hop for hop in left if free(hop)] or left[:1]
        left = [hop for hop in left if hop not in made]
    return made


def _aside(plan: Plan, engine: Engine, loader: Loader, first: int) -> list[Statement]:
    """The tables of rows that broke a constraint; that these go is said with their number."""
    rows: dict[Relation, int] = {}
    for one in quarantined(plan, plan.hops, loader, engine):
        rows[one.lie_in] = rows.get(one.lie_in, 0) + one.rows
    return [
        _drop(number, f"drop table {lie_in}, with {n:,} rows that broke a constraint", engine.relation(lie_in), engine)
        for number, (lie_in, n) in enumerate(rows.items(), start=first)
    ]


def _drop(number: int, name: str, relation: str, engine: Engine) -> Statement:
    return Statement(f"{number} {name}", "clean", f"DROP TABLE {relation}", atomic=engine.atomic_ddl)


def _undoing(plan: Plan, state: str, engine: Engine, loader: Loader) -> Left:
    """The ways back of what happened, the latest first; and what happened and has none."""
    # By number: once undone, a statement stands in the journal under its undoing's name.
    journal = {number_of(name): (name, state) for name, state in loader.ledger.journaled(plan.run).items()}
    hops = {hop.name: hop for hop in plan.hops}
    made: list[Statement] = []
    stuck: list[str] = []
    published: list[str] = []
    added = {one for seal in plan.sealed for one in seal.added}
    swapped: set[str] = set()  # hops whose swap is undone first: only then is their shadow there again
    taken_back: set[str] = set()  # what was undone by the run itself, and is done again by undoing that first
    for statement in reversed(in_order(plan)):
        name = statement.name.split(" ", 1)[1]
        again = statement.hop in swapped or name in taken_back
        was_made = again and journal.get(number_of(statement.name), ("", ""))[1] == "done"
        if not was_made and not _happened(statement, journal, loader):
            continue
        if statement.phase == "swap":
            swapped.add(statement.hop)
        taken_back |= set(statement.after)
        if statement.back:
            undoing = Statement(
                f"{number_of(statement.name)} undo: {name}", "clean", statement.back, atomic=engine.atomic_ddl
            )
            made.append(undoing)
        elif (
            _is_own(name)
            or statement.name in added
            or (statement.hop and hops[statement.hop].mode in ("append", "truncate"))
        ):
            stuck.append(name)
            published += [str(hops[statement.hop].writes)] if _publishes(statement, hops) else []
    # A quarantine that was chosen while resuming is in no way back of the plan.
    made = [*_aside(plan, engine, loader, len(plan.statements) + 1), *made]
    landed = _landed(plan, loader)
    stuck += [f"rows in {hop.writes} (mode {hop.mode})" for hop in landed if hop.mode in ("truncate", "merge")]
    # Where nothing is made by statements, forgetting a run that did not end takes its files away.
    rows = [str(hop.writes) for hop in landed] if engine.landing != "transaction" else []
    return Left(plan.run, state, tuple(made), tuple(stuck), tuple(published), tuple(rows))


def _happened(statement: Statement, journal: dict[int, tuple[str, str]], loader: Loader) -> bool:
    name, state = journal.get(number_of(statement.name), ("", ""))
    if statement.check:
        # Engines that commit DDL by themselves may have died between the statement and its entry.
        return bool(name) and bool(loader.ask(statement.check))
    return name == statement.name and state == "done"


def _is_own(name: str) -> bool:
    """Whether planning made this step of the user's own SQL, which nobody but the user can undo."""
    return name.startswith(("before: ", "after: "))


def _publishes(statement: Statement, hops: dict[str, Hop]) -> bool:
    own = _is_own(statement.name.split(" ", 1)[1])
    return not own and statement.phase == "after" and hops[statement.hop].mode == "append"


def _landed(plan: Plan, loader: Loader) -> list[Hop]:
    """The hops of which rows have landed. With mode truncate or merge older rows are gone, or changed."""
    landed = {receipt.hop for receipt in loader.ledger.receipts(plan.run) if receipt.slice and receipt.loaded}
    return [hop for hop in plan.hops if hop.name in landed]


def in_order(plan: Plan) -> list[Statement]:
    """The statements as a run carries them out: what finishes one table alone comes before what waits for all."""
    phases = {"before": 0, "after": 1, "swap": 3}
    return sorted(plan.statements, key=lambda one: phases[one.phase] + (one.phase == "after" and "*" in one.after))


def only_tables(plan: Plan) -> Plan:
    """The plan without the statements that follow its rows: indexes and keys of their own, swaps, the user's SQL."""
    before: Sequence[Statement] = [s for s in plan.statements if s.phase == "before"]
    return replace(plan, statements=tuple(before))
