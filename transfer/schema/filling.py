"""Landing in tables that are there: which table and which columns they are, and what stands around mode fill.

Mode fill takes a schema that somebody else made (an ORM, a migration tool) as it is. Tables and columns are matched
by name, foreign keys, indexes and triggers are put aside and back, and the way back of rows is the empty table.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from ..engine import Engine, Session
from ..errors import RequestError
from ..plan import ColumnPlan, Finding, Hop, Statement
from ..rules import read_rule
from .aside import returned, taken
from .catalogue import Relation, Table
from .sql import first, nothing


def folded(name: str) -> str:
    """A name without what CamelCase and snake_case differ in."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _match(wanted: Sequence[str], there: Iterable[str], *, fold: bool) -> dict[str, str]:
    """Each wanted name with the one that is there: spelled the same, else but for case, else the only one that folds
    to the same.
    """
    left, found = dict.fromkeys(there), {}
    for spell in (str, str.lower, *((folded,) if fold else ())):
        missing = [name for name in wanted if name not in found]
        rivals = Counter(spell(name) for name in missing)
        fits: dict[str, list[str]] = defaultdict(list)
        for one in left:
            fits[spell(one)].append(one)
        for name in missing:
            same = fits[spell(name)]
            if len(same) == 1 and (spell is not folded or rivals[spell(name)] == 1):
                found[name] = same.pop()
                del left[found[name]]
    return found


def check_made(wanted: Relation, there: Table, mode: str, engine: Engine, session: Session | None) -> None:
    """Refuse to make a table that is there, and to replace one by another that it is not called."""
    if mode == "create":
        raise RequestError(
            f"{wanted} exists in the target, and mode create makes its tables.", table=str(wanted),
            remedy="Choose --mode append, fill, replace, truncate or merge, or another --target-schema.",
        )  # fmt: skip
    if there.name != wanted and not engine.folds_tables(session):
        raise RequestError(
            f"{wanted} is not in the target, and {there.name} is, which is another name there.", table=str(wanted),
            remedy=f"To replace that one, say so: to: {there.name.table}",
        )  # fmt: skip


def existing_tables(there: Sequence[Table], wanted: Sequence[tuple[Relation, str]]) -> dict[Relation, Table]:
    """The target's tables by the names that the plan would give them; `wanted` has each name's mode.

    RequestError for a table that mode fill misses.
    """
    found: dict[Relation, Table] = {}
    for schema in {name.schema for name, _ in wanted}:
        tables = {table.name.table: table for table in there if table.name.schema.lower() == schema.lower()}
        modes = {name.table: mode for name, mode in wanted if name.schema == schema}
        pairs = _match(list(modes), tables, fold=False)
        filled = [name for name, mode in modes.items() if mode == "fill" and name not in pairs]
        free = set(tables) - set(pairs.values())
        pairs |= _match(filled, sorted(free), fold=True)
        for name in filled:
            if name not in pairs:
                raise _missing(Relation(schema, name), sorted(free - set(pairs.values())))
        found |= {Relation(schema, name): tables[one] for name, one in pairs.items()}
    return found


def _missing(name: Relation, there: Sequence[str]) -> RequestError:
    near = get_close_matches(name.table.lower(), [one.lower() for one in there], 3, 0.5)
    spelled = [one for one in there if one.lower() in near or name.table.lower() in one.lower()]
    hint = f"Did you mean {' or '.join(spelled[:3])}? " if spelled else ""
    return RequestError(
        f"{name} is not in the target, and mode fill takes tables that are there.",
        table=str(name),
        remedy=f"{hint}Name the table with 'to:', leave it out with --exclude, or use --mode create.",
    )


def matched(
    columns: Sequence[ColumnPlan], existing: Table, mode: str, engine: Engine, *, moves: bool
) -> tuple[tuple[ColumnPlan, ...], list[Finding]]:
    """The columns as the table that is there has them. RequestError for what it lacks, or needs and does not get."""
    where, there = str(existing.name), {column.name: column for column in existing.columns}
    pairs = _match([c.target for c in columns], there, fold=mode == "fill")
    made, findings = [], []
    for column in columns:
        if column.target not in pairs:
            near = get_close_matches(column.target, set(there) - set(pairs.values()), 1)
            hint = f"Did you mean {near[0]}? Else leave it out: " if near else "Leave it out, or add it there: "
            raise RequestError(
                f"{where} has no column {column.target}.", table=where, column=column.target,
                remedy=f"{hint}'columns:' or --columns name the columns to move.",
            )  # fmt: skip
        found = there.pop(pairs[column.target])
        base = found.base or _held_as(engine, found.native, column.native)
        if read_rule(engine.reads, base or found.native) is None:
            raise RequestError(
                f"{where}.{found.name} has the type {found.native or '(none)'} in {engine.name}, for which there is "
                "no rule.",
                table=where, column=found.name, remedy="Leave the column out with 'columns:' or --columns.",
            )  # fmt: skip
        if found.name.lower() != column.target.lower():
            findings.append(Finding("note", f"{where}.{found.name}", f"takes {column.source}", "matched-by-name"))
        computed = bool(found.generated)
        made.append(replace(column, target=found.name, native=found.native, base=base, computed=computed))
    needed = [c.name for c in there.values() if not (c.nullable or c.default or c.identity or c.generated)]
    if needed and moves:
        raise RequestError(
            f"{where} needs a value in {', '.join(needed)}, which the source has not.", table=where, column=needed[0],
            remedy="Give the column a default there, or move a 'query:' that has it.",
        )  # fmt: skip
    return tuple(made), findings


def _held_as(engine: Engine, native: str, planned: str) -> str:
    """The type by which an engine holds values where a declaration leaves it open; '' where none does."""
    decide = getattr(engine, "held_as", None)
    return str(decide(native, planned)) if decide and read_rule(engine.reads, native) is None else ""


def check_fillable(existing: Table, source: Relation, engine: Engine, session: Session | None) -> list[Finding]:
    """RequestError for what is no table, or holds rows; a note where the table has another name."""
    where = str(existing.name)
    if existing.kind not in ("table", "partitioned"):
        raise RequestError(f"{where} is a {existing.kind} in the target, and mode fill takes tables.", table=where)
    if session and session.ask(_holds_rows(existing.name, engine)):
        raise RequestError(
            f"{where} holds rows, and mode fill takes empty tables.", table=where,
            remedy=f"Leave it out with --exclude {source.table}, or choose --mode append or truncate for it.",
        )  # fmt: skip
    if existing.name.table.lower() != source.table.lower():
        return [Finding("note", where, f"takes {source}", "matched-by-name")]
    return []


def _holds_rows(relation: Relation, engine: Engine) -> str:
    return first(engine, f"SELECT 1 FROM {engine.relation(relation)}")


def around(hops: Sequence[Hop], engine: Engine, session: Session | None) -> tuple[list[Statement], list[Statement]]:
    """The statements before and after the rows of the hops whose mode is fill."""
    filled = [hop for hop in hops if hop.mode == "fill"]
    if not filled or session is None:
        return [], []
    if any(hop.limit for hop in filled):
        raise RequestError(
            "Mode fill loads whole tables: over a part of the rows their foreign keys could not be put back.",
            remedy="Rehearse with --mode create and another --target-schema.",
        )
    asides, closing = engine.aside(session, filled)
    atomic = engine.atomic_ddl
    checks = [_empty(f"look whether {hop.writes} is empty", hop, engine, "") for hop in filled]
    # Undone once everything is aside again, so that no trigger fires and no key stands in the way.
    rows = [_empty(f"open {hop.writes}", hop, engine, engine.empty(hop.writes)) for hop in filled]
    return [*checks, *taken(asides, atomic=atomic), *rows], [*returned(asides, atomic=atomic), *closing]


def _empty(name: str, hop: Hop, engine: Engine, back: str) -> Statement:
    return Statement(
        name=name, phase="before", forward=nothing(engine), back=back, hop=hop.name, atomic=True,
        guard=_holds_rows(hop.writes, engine),
        refusal=f"{hop.writes} holds rows, and mode fill takes empty tables. Somebody wrote to it since the plan.",
    )  # fmt: skip
