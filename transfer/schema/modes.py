"""The write modes as statements around a hop: how rows land, how they are published, the way back.

| mode | rows land in | published by |
|---|---|---|
| create | the new table | nothing more |
| append | a staging table | one INSERT ... SELECT, with its journal entry |
| replace | a shadow | the swap |
| truncate | the table, emptied once | nothing more |
| fill | the table, which is empty | nothing more; see filling.py for what is put aside and back |
| merge | a staging table, slice by slice | an UPDATE and an INSERT in the slice's transaction; its keys are kept |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..engine import Build, Engine, Session
from ..errors import RequestError
from ..plan import Hop, Statement
from .attached import Exchange
from .catalogue import Column, Relation, Table
from .itself import proven, refuse, swap_of
from .sql import inserting, names


@dataclass(frozen=True)
class Move:
    """A hop with what its mode needs to know of the target."""

    engine: Engine
    session: Session | None
    hop: Hop
    table: Table
    existing: Table | None
    run: str

    def beside(self, what: str) -> Relation:
        """A table of this run beside the target's: shadow, staging, preimages or old."""
        return beside(self.hop, self.run, what)


def beside(hop: Hop, run: str, what: str) -> Relation:
    """A table that a run makes beside a hop's target, named so that no other run's is called the same."""
    return Relation(hop.writes.schema, f"ropeway_{run}_{hop.name.split(' ', 1)[0]}_{what}")


Made = tuple[Hop, list[Statement], list[Statement]]


def statements_of(move: Move) -> Made:
    """The hop as its mode aims it, the statements before its rows, and those after."""
    if not move.engine.atomic_ddl and move.engine.landing != "transaction":
        return move.hop, [], []
    if move.hop.mode == "replace" and not move.existing:
        return _create(move)
    return _MODES[move.hop.mode](move)


def statistics(engine: Engine, hops: Sequence[Hop]) -> list[Statement]:
    """Statistics of the tables that rows went to, last of all; where an account may not, the run goes on."""
    analyze = getattr(engine, "analyze", None)
    if analyze is None:
        return []
    return [
        Statement(
            f"analyze {hop.writes}", "swap" if hop.mode == "replace" else "after", analyze(hop.writes), after=("*",),
            atomic=engine.atomic_ddl, spare=True,
        )
        for hop in hops
    ]  # fmt: skip


def _create_statement(move: Move, into: Relation, *, bare: bool = False) -> Statement:
    engine = move.engine
    return Statement(
        name=f"create table {into}", phase="before", hop=move.hop.name, atomic=engine.atomic_ddl,
        forward=engine.create(move.table, into, bare=bare), check=engine.exists(into),
        back=f"DROP TABLE {engine.relation(into)}",
    )  # fmt: skip


def _create(move: Move) -> Made:
    if not move.engine.create(move.table, move.hop.writes, bare=False):
        return move.hop, [], []
    closing = move.engine.finish(Build(move.hop.name, move.table, move.hop.writes))
    return move.hop, [*_grounds(move), _create_statement(move, move.hop.writes)], closing


def _grounds(move: Move) -> list[Statement]:
    """What the table stands on, which goes after it."""
    atomic = move.engine.atomic_ddl
    return [
        Statement(one.what, "before", one.forward, hop=move.hop.name, check=one.check, back=one.back, atomic=atomic)
        for one in move.table.grounds
    ]


def _append(move: Move) -> Made:
    staging = move.beside("staging")
    engine, target = move.engine, move.engine.relation(move.hop.writes)
    if not engine.create(move.table, staging, bare=True):
        return move.hop, [], []
    columns = names(engine, [column.target for column in move.hop.sent.columns])
    publish = Statement(
        name=f"publish into {move.hop.writes}", phase="after", hop=move.hop.name, atomic=True,
        forward=inserting(
            engine, move.hop.writes, [column.target for column in move.hop.sent.columns],
            f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {engine.relation(staging)}",
        ),
        back=_take_out(move, staging), after=(move.hop.name,),
        lock=f"row locks on {move.hop.writes} for the length of the INSERT",
    )  # fmt: skip
    return replace(move.hop, into=staging), [_create_statement(_only(move), staging, bare=True)], [publish]


def _only(move: Move, names_: Sequence[str] = ()) -> Move:
    """The move with just these columns, by default those that are loaded: a staging table needs no others."""
    loaded = set(names_) or {column.target for column in move.hop.sent.columns}
    columns = tuple(Column(c.name, c.native) for c in move.table.columns if c.name in loaded)
    return replace(move, table=Table(move.table.name, columns))


def _take_out(move: Move, staging: Relation) -> str:
    if not move.table.key:
        return ""
    engine, target = move.engine, move.engine.relation(move.hop.writes)
    # By its full name: MariaDB before 11.6 and MySQL before 8.0.16 take no alias in a DELETE of one table.
    same = " AND ".join(f"s.{engine.quote(k)} = {target}.{engine.quote(k)}" for k in move.table.key)
    return f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {engine.relation(staging)} s WHERE {same})"


def _truncate(move: Move) -> Made:
    # Views and grants stay what they are when rows go.
    _refuse_if_referenced(move, "emptied", ("view ", "grant "))
    empty = Statement(
        name=f"empty {move.hop.writes}", phase="before", hop=move.hop.name, atomic=True,
        forward=move.engine.empty(move.hop.writes),
        lock=f"row locks on {move.hop.writes} for the length of the DELETE",
    )  # fmt: skip
    return move.hop, [empty], []


def _refuse_if_referenced(move: Move, what: str, harmless: tuple[str, ...] = ()) -> None:
    query = move.engine.referenced(move.hop.writes)
    rows = move.session.ask(query) if move.session and query else ()
    found = [name for name in (str(row[0]) for row in rows) if not name.startswith(harmless)]
    if found:
        others = ", ".join(found)
        raise RequestError(
            f"{move.hop.writes} cannot be {what}: {others} refer to it.",
            table=str(move.hop.writes),
            remedy="Drop those references first, or choose another mode.",
        )


def _replace(move: Move) -> Made:
    if not move.hop.upon:
        _refuse_if_referenced(move, "replaced")
    shadow = move.beside("shadow")
    if not move.engine.create(move.table, shadow, bare=False):
        return move.hop, [], []
    suffix = f"_{move.run[-6:]}"
    closing = [s for s in move.engine.finish(Build(move.hop.name, move.table, shadow, suffix)) if not is_reference(s)]
    swap = _swap(move, shadow, suffix)
    early = [statement for statement in closing if statement.phase != "swap"]
    late = [statement for statement in closing if statement.phase == "swap"]
    made = [*_grounds(move), _create_statement(move, shadow)]
    return replace(move.hop, into=shadow), made, [*early, *swap, *late, *_references(move, suffix)]


def _swap(move: Move, shadow: Relation, suffix: str) -> list[Statement]:
    """The swap, and what hangs on the old table where that is the new one's source."""
    engine, old, relation = move.engine, move.beside("old"), move.hop.writes
    plain = Statement(
        name=f"swap {relation}", phase="swap", hop=move.hop.name, atomic=engine.atomic_ddl,
        forward=engine.swap(relation, shadow, old), check=_swapped(move, shadow, old),
        back=engine.swap(relation, old, shadow), after=("*",),
        lock=f"an exclusive lock on {relation} for the rename",
    )  # fmt: skip
    attached, lock = getattr(engine, "attached", None), getattr(engine, "shut", None)
    if lock:
        plain = replace(plain, swap=swap_of(move.hop, shadow, old, lock(relation)))
    if not move.hop.upon or attached is None or lock is None:
        return [plain]
    what = Exchange(move.hop.name, move.table, relation, shadow, old, suffix, move.hop.upon.among)
    gone = attached(move.session, what)
    refuse(what, gone)
    forward, back = engine.exchange(what, gone)  # type: ignore[attr-defined]  # where there is `attached`
    hanging = engine.hanging(move.session, relation, what.among)  # type: ignore[attr-defined]  # likewise
    swap = proven(engine, swap_of(move.hop, shadow, old, lock(relation)), gone, what, hanging)
    said = f"an exclusive lock on {relation} while it is proven that nobody wrote, and for the rename"
    return [replace(plain, forward=forward, back=back, swap=swap, lock=said), *gone.later]


def _swapped(move: Move, shadow: Relation, old: Relation) -> str:
    """Where a swap is more than one step, it has happened once the last has."""
    own = getattr(move.engine, "swapped", None)
    return str(own(move.hop.writes, shadow, old)) if own else move.engine.exists(old)


def is_reference(statement: Statement) -> bool:
    """Whether a statement makes or proves a foreign key."""
    return statement.constraint is not None and statement.constraint.references is not None


def once_swapped(hops: Sequence[Hop], after: Sequence[Statement]) -> list[Statement]:
    """Foreign keys to tables that are swapped come once these have their names, or they would mean the old ones."""
    swapped = {hop.writes for hop in hops if hop.mode == "replace" and hop.into != hop.writes}
    return [
        replace(s, phase="swap", after=("*",))
        if s.phase == "after" and s.constraint and s.constraint.references in swapped else s
        for s in after
    ]  # fmt: skip


def _references(move: Move, suffix: str) -> list[Statement]:
    """Foreign keys once all tables have their names: a shadow's would go on to refer to the old parent.

    Where their names are the schema's, the old table still has the usual ones.
    """
    named = tuple(
        replace(fk, name=move.engine.name_of(fk.name + suffix)) if move.engine.key_names == "schema" else fk
        for fk in move.table.foreign_keys
    )
    linked = replace(move.table, foreign_keys=named)
    made = move.engine.finish(Build(move.hop.name, linked, move.hop.writes))
    return [replace(statement, phase="swap", after=("*",)) for statement in made if is_reference(statement)]


def _merge(move: Move) -> Made:
    key = move.hop.key
    proven = move.existing and (
        set(move.existing.key) == set(key)
        or any(i.unique and not i.where and set(i.columns) == set(key) for i in move.existing.indexes)
    )
    if not key or not proven:
        raise RequestError(
            f"{move.hop.writes} has no unique key on {', '.join(key) or 'any column'}, by which rows could be "
            "merged.",
            table=str(move.hop.writes), remedy="Name one with 'key:', or add it there.",
        )  # fmt: skip
    staging, preimages, moved = (move.beside(what) for what in ("staging", "preimages", "keys"))
    columns = names(move.engine, key)
    remember = (
        f"INSERT INTO {move.engine.relation(moved)} ({columns}) SELECT {columns} FROM {move.engine.relation(staging)}"
    )
    merge = (*move.engine.merge(move.hop.sent, staging, preimages), remember)
    slim, keys = _only(move), _only(move, key)
    made = [_create_statement(m, at, bare=True) for m, at in ((slim, staging), (slim, preimages), (keys, moved))]
    return replace(move.hop, into=staging, merge=merge), made, []


def moved_keys(engine: Engine, hop: Hop, run: str) -> str:
    """The condition that is true of the target's rows whose keys a run merged."""
    on = engine.relation(hop.writes)
    same = " AND ".join(f"k.{engine.quote(name)} = {on}.{engine.quote(name)}" for name in hop.key)
    return f"EXISTS (SELECT 1 FROM {engine.relation(beside(hop, run, 'keys'))} k WHERE {same})"


def _fill(move: Move) -> Made:
    """Nothing by itself: what is put aside concerns several tables at once."""
    return move.hop, [], []


_MODES = {
    "create": _create, "append": _append, "truncate": _truncate, "replace": _replace, "merge": _merge, "fill": _fill,
}  # fmt: skip
