"""`ropeway verify --repair`: what would set the target right, and doing it.

Here what verify finds meets what transfer can do.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa

from ..transfer.engine import Engine, Loader, Session
from ..transfer.engines import engine_of
from ..transfer.errors import EngineError, RequestError
from ..transfer.place import Address
from ..transfer.plan import Hop, Plan
from ..transfer.repair import Mender, Reach, Tasks, reaches, reaches_outside, staging_of, triggers_of
from ..transfer.schema.catalogue import Relation, Table
from ..transfer.schema.order import in_families
from ..verify.full import full
from ..verify.manifest import Proof
from ..verify.refused import rejected_by
from ..verify.report import DIFFERENT, Report, TableReport
from ..verify.sides import Pair, paired
from ..verify.wrong import wrong_slices

_STAGING = "ropeway_repair_"  # and some digits, so that no table of anybody's is in its place


@dataclass(frozen=True)
class TableRepair:
    """What would set one table right, what it reaches beyond that, and the statements it is done by."""

    hop: str
    target: str
    tasks: Tasks
    reaches: tuple[Reach, ...]
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Repair:
    """A comparison, and what would set its target right."""

    plan: Plan
    level: str
    report: Report
    proofs: tuple[Proof, ...]
    tables: tuple[TableRepair, ...]


def look(plan: Plan, source: Address, target: Address, level: str) -> Repair:
    """Compare, and read the differing segments again for what is to be done. Writes nothing."""
    report, proofs = full(plan, source, target, level)
    known = {proof.hop: proof for proof in proofs}
    wrong = [hop for hop, one in zip(plan.hops, report.tables, strict=True) if _is_wrong(one)]
    unread = {hop.name for hop, one in zip(plan.hops, report.tables, strict=True) if one.rejected or one.refused}
    engine = engine_of(plan.target.scheme)
    made = []
    if wrong:
        _check(engine, wrong)
        _check_read(report)
        rejected = rejected_by(plan, engine, target)
        with paired(plan, source, target, level, known=rejected) as pairs, closing(engine.connect(target)) as session:
            tables = {table.name: table for table in engine.tables(session)}
            for hop in wrong:
                _check_table(tables[hop.writes])
            _check_blockers(engine, session, wrong)
            for pair in pairs:
                if pair.hop not in wrong:
                    continue
                _check_alone(pair)
                tasks = sum(map(Tasks.of, wrong_slices(pair, known[pair.hop.name])), Tasks())
                _check_selected(pair.hop, tables[pair.hop.writes], tasks, unread=pair.hop.name in unread)
                fired = triggers_of(engine, session, pair.hop.writes)
                reached = (
                    *reaches(pair.hop, tasks, list(tables.values()), fired),
                    *reaches_outside(engine, session, pair.hop, tasks, list(tables.values())),
                )
                made.append(_repair_of(engine, pair.hop, tables[pair.hop.writes], tasks, reached))
    return Repair(plan, level, report, proofs, tuple(made))


def _is_wrong(one: TableReport) -> bool:
    """Whether a target is to be set right: rows of the source that cannot come have no place in it."""
    return one.claim == DIFFERENT and not (one.refused and not one.differing_segments)


def _check(engine: Engine, hops: Sequence[Hop]) -> None:
    decided = next((hop for hop in hops if hop.over or hop.follows), None)
    if decided:
        raise RequestError(
            f"Which rows of {decided.writes} stay, or what they refer to, was decided over all rows, and a repair does "
            "not decide.", table=str(decided.writes), remedy="Load the table anew: ropeway run --mode replace.",
        )  # fmt: skip
    if engine.landing != "transaction":
        raise RequestError(
            f"A repair is one transaction a slice, which {engine.name} has not.", table=str(hops[0].writes),
            remedy="Load the table anew: ropeway run --mode replace.",
        )  # fmt: skip


def _check_blockers(engine: Engine, session: Session, hops: Sequence[Hop]) -> None:
    """What stops a run stops a repair: a table of MyISAM is not rolled back, and row level security hides rows."""
    found = next((one for one in engine.check_target(session, hops) if one.grade == "blocker"), None)
    if found:
        raise RequestError(f"{found.where} cannot be repaired: {found.message}.", remedy=found.remedy)


def _check_read(report: Report) -> None:
    unread = next((one for one in report.tables if one.claim == DIFFERENT and one.segments < 0), None)
    if unread:
        raise RequestError(
            f"{unread.target} cannot be repaired: {unread.reason}.", table=unread.target,
            remedy="Mend that value by hand, or load the table anew.",
        )  # fmt: skip


def _check_alone(pair: Pair) -> None:
    if len(pair.others) > 1:
        raise RequestError(
            f"Rows of {pair.hop.writes} lie in quarantine, and where a row belongs is not for a repair to say.",
            table=str(pair.hop.writes), remedy="Settle the quarantine first.",
        )  # fmt: skip


def _check_table(table: Table) -> None:
    """Refuse a view: what refers to the table behind it, its triggers and its other columns are not known."""
    if "view" in table.kind:
        raise RequestError(
            f"{table.name} is a {table.kind}, and what a change of it reaches is not known.", table=str(table.name),
            remedy="Repair the table behind it.",
        )  # fmt: skip


def _check_selected(hop: Hop, table: Table, tasks: Tasks, *, unread: bool) -> None:
    """Refuse to delete what the job did not select: rows beyond its condition, values of columns that it leaves out;
    and what may be the target's of rows that cannot come, which somebody may have mended there.
    """
    ours = {column.target for column in hop.columns}
    others = ", ".join(column.name for column in table.columns if column.name not in ours and not column.generated)
    if tasks.delete and (hop.where or hop.query or hop.transforms or others or unread):
        why = f"their values of {others} would go with them" if others else "the job selects a part of the source"
        why = "rows of the source cannot come, and these may be what the target has for them" if unread else why
        raise RequestError(
            f"{tasks.delete:,} rows of {hop.writes} are too many, and they may be no rows of this job: {why}.",
            table=str(hop.writes), remedy="Nothing was changed. Compare the whole tables, or delete these by hand.",
        )  # fmt: skip


def _repair_of(engine: Engine, hop: Hop, table: Table, tasks: Tasks, reached: tuple[Reach, ...]) -> TableRepair:
    staged, making = staging_of(engine, hop, table, _STAGING)
    found = engine.correct(staged, staged.into, tasks.columns)
    delete = found.delete if tasks.keyed else found.surplus.format(rows="n")
    wanted = ((making, tasks.update or tasks.delete), (delete, tasks.delete), (found.update, tasks.update))
    loaded = (f"-- {tasks.insert:,} rows are loaded into {engine.relation(hop.writes)}",) if tasks.insert else ()
    return TableRepair(hop.name, str(hop.writes), tasks, reached, (*(sql for sql, rows in wanted if rows), *loaded))


def carry_out(found: Repair, source: Address, target: Address, allow: Sequence[str], kept: Path | None) -> Report:
    """Set each table right, a transaction a slice, and compare again."""
    refused = [reach for table in found.tables for reach in table.reaches if reach.allow not in allow]
    if refused:
        words = " ".join(f"--allow {word}" for word in dict.fromkeys(reach.allow for reach in refused))
        raise RequestError(
            f"The repair reaches more than its own rows: {'; '.join(reach.message for reach in refused)}.",
            remedy=f"Nothing was changed. If that is meant: {words}",
        )
    _carry_out(found, source, target, kept)
    report, _ = full(found.plan, source, target, found.level)
    return report


def _carry_out(found: Repair, source: Address, target: Address, kept: Path | None) -> None:
    """Extra rows of children go before their parents', and missing rows of parents come before their children's."""
    engine = engine_of(found.plan.target.scheme)
    hops = {found.plan.hop(table.hop).writes: found.plan.hop(table.hop) for table in found.tables}
    with closing(engine.connect(target)) as session:
        tables = {table.name: table for table in engine.tables(session) if table.name in hops}
    order = list(in_families(tables))
    linked = _linked(tables)
    proofs = {proof.hop: proof for proof in found.proofs}
    agreed = {table.hop: table.tasks for table in found.tables}
    rejected = rejected_by(found.plan, engine, target)
    # DuckDB opens a file for readers once it is open for a writer, and not the other way about.
    with (
        closing(engine.loader(target)) as loader,
        paired(found.plan, source, target, found.level, known=rejected) as pairs,
    ):
        sides = {pair.hop.writes: pair for pair in pairs if pair.hop.writes in hops}
        for deleting, names in ((True, reversed(order)), (False, [name for name in order if name in linked])):
            for name in names:
                staged, making = staging_of(engine, hops[name], tables[name], _STAGING + secrets.token_hex(4))
                _hold(loader, name)
                mender = Mender(engine, loader, staged, _keeper(kept, hops[name]))
                left = agreed[hops[name].name]
                with mender.staging(making):
                    for wrong in wrong_slices(sides[name], proofs[hops[name].name]):
                        if deleting:
                            left = _within(left, Tasks.of(wrong), name)
                        mender.mend(wrong, deleting=deleting, writing=name not in linked or not deleting)


def _within(left: Tasks, tasks: Tasks, name: Relation) -> Tasks:
    """What is left of what was agreed to; an error where somebody's writes have made more rows too many since then."""
    if tasks.delete > left.delete or not {*tasks.columns} <= {*left.columns}:
        raise EngineError(
            f"More of {name} differs than what was shown: somebody writes there, or to the source.", table=str(name),
            remedy="The rest was not changed. Look again.",
        )  # fmt: skip
    return replace(left, delete=left.delete - tasks.delete)


def _linked(tables: Mapping[Relation, Table]) -> set[Relation]:
    """The tables of which one refers to another."""
    pairs = [(table.name, fk.references) for table in tables.values() for fk in table.foreign_keys]
    return {name for pair in pairs if pair[0] != pair[1] and pair[1] in tables for name in pair}


def _hold(loader: Loader, name: Relation) -> None:
    if not loader.hold(str(name)):
        raise EngineError(f"A run of Ropeway is moving rows into {name}.", table=str(name))


def _keeper(folder: Path | None, hop: Hop) -> Callable[[pa.RecordBatch], None]:
    """Puts rows of a table into an Arrow file of its name before they are changed or deleted.

    A file each time, whole before the statement runs: a killed process leaves none without its end. All those of a
    table are the parts of one, in a folder that a run reads as its source.
    """

    def keep(rows: pa.RecordBatch) -> None:
        if folder is None:
            return
        parts = folder / quote(str(hop.writes), safe=" ")
        parts.mkdir(parents=True, exist_ok=True)
        file = next(f for n in count(1) if not (f := parts / f"{n}.arrow").exists())
        with pa.ipc.new_file(str(file), rows.schema) as writer:
            writer.write_batch(rows)

    return keep
