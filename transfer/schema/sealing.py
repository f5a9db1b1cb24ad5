"""A person's edits of a plan's SQL files, taken back into the plan after looking at what must still hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

from ..clean import in_order
from ..commit import DELIMITED
from ..engine import Engine
from ..engines import engine_of
from ..errors import RequestError
from ..ledger import number_of
from ..plan import ColumnPlan, Finding, Hop, Plan, Seal, Statement
from ..types import Fidelity
from . import rowrules
from .catalogue import Column, Table
from .created import created, same_type
from .demands import check_columns, check_keys, check_tables
from .retyping import retyped
from .reworded import described, following, reworded
from .risks import of_column, worst_first
from .scripts import AFTER, BEFORE, DOWN, Piece, escapes, is_unedited, parts_of, pieces, unix

# How rows land and are published: without these, or with others, no receipt would be true.
_CREATES, _LANDS = "create table ", ("create table ", "publish into ", "swap ", "empty ")


@dataclass(frozen=True)
class _Edit:
    """The plan, its engine, and the files in pieces."""

    plan: Plan
    engine: Engine
    before: list[Piece]
    after: list[Piece]
    down: list[Piece]

    @cached_property
    def known(self) -> dict[int, Statement]:
        return {number_of(statement.name): statement for statement in self.plan.statements}


def sealed(plan: Plan, files: Mapping[str, str], engine: Engine, by: str, at: str) -> Plan:
    """The plan with the files' statements in place of its own, and a Seal that names what differs.

    The same plan if nothing does. RequestError for an edit that the plan could not be carried out with.
    """
    edit = _Edit(
        plan, engine, *(pieces(files[name], name, engine) for name in (BEFORE, AFTER, DOWN))
    )  # fmt: skip
    _check_marks(edit)
    removed = _removed(edit)
    _check_order(edit, removed)
    statements = following(plan, _forward(edit), engine)
    check_keys(plan, statements, engine)
    statements, backs = _backward(edit, statements)
    known = {statement.name: statement for statement in plan.statements}
    changed = [s.name for s in statements if s.name in known and s.forward != known[s.name].forward]
    added = [s.name for s in statements if s.name not in known]
    seal = Seal(by, at, tuple(changed), tuple(added), tuple(s.name for s in removed), tuple(backs))
    if not (changed or added or removed or backs):
        return plan
    tables = described(plan, statements, engine)
    made = replace(plan, statements=tuple(statements), sealed=(*plan.sealed, seal), tables=tables)
    return _retyped(made, {s.hop: s for s in statements if s.name in changed and _is(s, _CREATES)}, engine)


def _is(statement: Statement, *verbs: str) -> bool:
    return bool(statement.hop) and statement.name.split(" ", 1)[1].startswith(verbs)


def _check_marks(edit: _Edit) -> None:
    """Each mark stands once, and in its own file."""
    known = edit.known
    seen: dict[int, str] = {}
    for file, found in ((BEFORE, edit.before), (AFTER, edit.after)):
        for piece in found:
            where = f"{file}, line {piece.line}"
            if piece.number and piece.number not in known:
                raise RequestError(
                    f"{where}: the plan has no statement [{piece.number}].",
                    remedy="Begin a statement that you add with a line '-- [+] what it does'.",
                )
            if not piece.number:
                continue
            _check_file(known[piece.number], file, where)
            if piece.number in seen:
                raise RequestError(f"{where}: [{piece.number}] stands in {seen[piece.number]} already.")
            seen[piece.number] = where


def _check_file(statement: Statement, file: str, where: str) -> None:
    if (statement.phase == "before") != (file == BEFORE):
        side = "before" if statement.phase == "before" else "after"
        raise RequestError(
            f"{where}: {_words(statement)} belongs {side} the rows, and so into {side}.sql.",
            remedy="Put it back into its file.",
        )


def _words(statement: Statement) -> str:
    number, _, name = statement.name.partition(" ")
    return f"[{number}] {' '.join(name.split())}"


def _removed(edit: _Edit) -> list[Statement]:
    """The statements that are in no file any more. RequestError if rows could not land without one."""
    there = {piece.number for piece in (*edit.before, *edit.after) if piece.parts}
    gone = [statement for number, statement in edit.known.items() if number not in there]
    for statement in gone:
        if _is(statement, *_LANDS):
            hop = edit.plan.hop(statement.hop)
            file = BEFORE if statement.phase == "before" else AFTER
            raise RequestError(
                f"{file}: {_words(statement)} was removed, and the rows of {hop.reads} need it.",
                table=str(hop.writes), remedy="Put it back, or plan the job again without that table.",
            )  # fmt: skip
    return gone


def _check_order(edit: _Edit, removed: Sequence[Statement]) -> None:
    """RequestError for a statement that stands before one that it needs."""
    known = edit.known
    planned = [statement for statement in in_order(edit.plan) if statement not in removed]
    for file, found in ((BEFORE, edit.before), (AFTER, edit.after)):
        place = {known[piece.number]: n for n, piece in enumerate(found) if piece.number}
        mine = [statement for statement in planned if statement in place]
        if mine == sorted(mine, key=place.__getitem__):
            continue  # no pair needs to be looked at, of which 2,000 tables have many
        for earlier, later in combinations(mine, 2):
            if place[earlier] > place[later] and _needs(later, earlier, edit):
                raise RequestError(
                    f"{file}: {_words(later)} stands before {_words(earlier)}, which must be done first.",
                    remedy="Put them back into the plan's order.",
                )
    down = [piece.number for piece in edit.down if piece.number in known]
    order = [number_of(statement.name) for statement in reversed(in_order(edit.plan))]
    if down != [number for number in order if number in down]:
        raise RequestError(f"{DOWN}: its order is that of the other files reversed.", remedy="Put it back.")


def _needs(later: Statement, earlier: Statement, edit: _Edit) -> bool:
    """Whether a statement of the same file relies on one that the plan has before it."""
    if (earlier.phase, "*" in earlier.after) != (later.phase, "*" in later.after):
        return True
    if not earlier.hop:  # schemas, types, the user's own SQL
        return True
    if earlier.hop == later.hop:
        return _is(earlier, *_LANDS) or "*" in later.after or later.phase == "swap"
    return _is(earlier, _CREATES) and _refers(edit.plan, later.hop, earlier.hop)


def _refers(plan: Plan, child: str, parent: str) -> bool:
    tables = {hop.name: table for hop, table in zip(plan.hops, plan.tables, strict=True)}
    return child in tables and any(fk.references == tables[parent].name for fk in tables[child].foreign_keys)


def _forward(edit: _Edit) -> list[Statement]:
    """The statements of both files in their order."""
    known = edit.known
    number = max(known, default=0)
    made: list[Statement] = []
    for file, found in ((BEFORE, edit.before), (AFTER, edit.after)):
        for place, piece in enumerate(found):
            if piece.number and piece.parts:
                made.append(_changed(edit, known[piece.number], piece, file))
            elif not piece.number:
                number += 1
                made.append(_added(edit, found, place, file, number))
    return made


def _changed(edit: _Edit, statement: Statement, piece: Piece, file: str) -> Statement:
    planned = parts_of(statement.forward, edit.engine)
    if is_unedited(piece, statement.forward, edit.engine):
        return statement
    where = f"{file}, line {piece.line}: {_words(statement)}"
    if statement.forward.startswith(DELIMITED):
        raise RequestError(f"{where} is the engine's own text, and cannot be edited.", remedy="Put it back as it was.")
    if len(piece.parts) != len(planned):
        raise RequestError(
            f"{where} holds {len(piece.parts)} statements where the plan has {len(planned)}.",
            remedy="Begin each statement that you add with a line '-- [+] what it does'.",
        )
    if _is(statement, *_LANDS) and not _is(statement, _CREATES):
        raise RequestError(f"{where} is how rows arrive, and cannot be edited.", remedy="Put it back as it was.")
    if "\r\n" in statement.forward:
        raise RequestError(f"{where} holds a CR LF in a text, which an edited file would not keep.")
    forward = ";\n".join(piece.parts)
    if _is(statement, _CREATES):
        _check_created(edit, edit.plan.hop(statement.hop), statement.forward, forward, where)
        return replace(statement, forward=forward)
    check_tables(edit.plan, where, piece.parts, edit.engine)
    made = reworded(edit.plan, statement, forward, edit.engine, where)
    # The check looks for the old text's name; where the journal's entry commits with the statement, it is enough.
    return replace(made, check="" if statement.atomic else statement.check)


def _check_created(edit: _Edit, hop: Hop, planned: str, forward: str, where: str) -> None:
    """The table has its name, and each of its columns a type that the engine's rules know."""
    escaping = escapes(edit.engine)
    try:
        head, columns = created(forward, escaping=escaping)
    except RequestError as error:
        raise RequestError(f"{where}: {error.message}", table=str(hop.writes)) from error
    known_head, known = created(planned, escaping=escaping)
    own = known_head.partition("TABLE ")[2]
    if not head.endswith(f" {own}") or re.search(r"\bTEMP(ORARY)?\b", head.removesuffix(own), re.IGNORECASE):
        raise RequestError(
            f"{where} makes another table than {own}, into which the rows go.", table=str(hop.writes),
            remedy="Put its name back; 'to:' in a job file names tables.",
        )  # fmt: skip
    for name in known:
        if name not in columns:
            raise RequestError(
                f"{where} has no column {name} any more.", table=str(hop.writes), column=name,
                remedy="Put it back under its name, or plan the job again with --columns.",
            )  # fmt: skip
    for column in hop.columns:
        if column.target in known and not same_type(columns[column.target], known[column.target]):
            _retype(edit.plan, hop, column, columns[column.target], where)
    check_columns(hop, forward, where, edit.engine)


def _retype(plan: Plan, hop: Hop, column: ColumnPlan, native: str, where: str) -> ColumnPlan:
    """A column with the type that an edit gives it. RequestError if it would not hold the column's values."""
    told = {"table": str(hop.writes), "column": column.target}
    if hop.mode not in ("create", "replace"):
        raise RequestError(
            f"{where} gives {column.target} another type than {hop.writes} has, to which its rows go on.", **told,
            remedy="Put it back: the types of a table that is there are its own.",
        )  # fmt: skip
    source, target = engine_of(plan.source.scheme), engine_of(plan.target.scheme)
    try:
        return retyped(column, native, source, target)
    except RequestError as error:
        raise RequestError(
            f"{where} gives {column.target} the type {native or '(none)'}, {error.message}. It takes {hop.reads}."
            f"{column.source}, which is {column.type}.", **told,
            remedy=f"Put {column.native} back, or plan the job again with types: {{{column.source}: ...}}. "
            f"'ropeway types {target.name}' lists what each type means.",
        ) from error  # fmt: skip


def _added(edit: _Edit, found: Sequence[Piece], place: int, file: str, number: int) -> Statement:
    """A person's statement: it is done where it stands, so it waits for what its neighbour waits for."""
    piece, known = found[place], edit.known
    if len(piece.parts) > 1 and not edit.engine.atomic_ddl:
        raise RequestError(
            f"{file}, line {piece.line}: '{piece.name}' holds {len(piece.parts)} statements, and {edit.engine.name} "
            "commits each by itself.",
            remedy="Begin each with a line '-- [+] what it does'.",
        )
    check_tables(edit.plan, f"{file}, line {piece.line}: '{piece.name}'", piece.parts, edit.engine)
    around = [one for one in (*reversed(found[:place]), *found[place + 1 :]) if one.number]
    like = known[around[0].number] if around else None
    phase = "before" if file == BEFORE else (like.phase if like else "after")
    after = () if phase == "before" else (like.after if like else ("*",))
    hop = like.hop if like and phase == "after" and "*" not in after else ""
    name = f"{number} {piece.name}"
    return Statement(name, phase, ";\n".join(piece.parts), hop=hop, after=after, atomic=edit.engine.atomic_ddl)


def _backward(edit: _Edit, statements: list[Statement]) -> tuple[list[Statement], list[str]]:
    """The statements with the ways back of down.sql, and the names of those whose way back is another one now."""
    numbered = {piece.number: piece for piece in edit.down if piece.number}
    named = {piece.name: piece for piece in edit.down if not piece.number}
    names = {_plain(s) for s in statements}
    for piece in edit.down:
        if (piece.number and piece.number not in edit.known) or (not piece.number and piece.name not in names):
            raise RequestError(
                f"{DOWN}, line {piece.line}: '{piece.name}' is in none of the other files.",
                remedy="A way back stands under the same line '-- [+] ...' as the statement that it undoes.",
            )
    made, changed = [], []
    planned = {s.name: s for s in edit.plan.statements}
    for statement in statements:
        old = planned.get(statement.name)
        piece_ = numbered.get(number_of(statement.name)) if old else named.get(_plain(statement))
        parts = piece_.parts if piece_ else ()
        if old and is_unedited(piece_, old.back, edit.engine):
            _check_names(statement, old, edit.engine)
            made.append(statement)
            continue
        made.append(replace(statement, back=";\n".join(parts)))
        changed += [statement.name] if old else []
    return made, changed


def _plain(statement: Statement) -> str:
    return statement.name.split(" ", 1)[1]


def _check_names(statement: Statement, old: Statement, engine: Engine) -> None:
    """RequestError if the way back still names what the edited statement no longer does."""
    quote = re.escape(engine.quote("x")[0])
    names = {one for one in re.findall(f"{quote}[^{quote}]+{quote}", unix(old.back)) if one in old.forward}
    lost = sorted(one for one in names if one not in statement.forward)
    if statement.forward != old.forward and lost:
        raise RequestError(
            f"{DOWN}: the way back of {_words(statement)} still names {', '.join(lost)}, which the edited statement "
            "does not.",
            remedy=f"Edit it in {DOWN} too.",
        )


def _retyped(plan: Plan, edited: Mapping[str, Statement], engine: Engine) -> Plan:
    """The plan with the types that edited tables have now, for whoever loads, checks or reads them."""
    hops, tables, found = [], [], list(plan.findings)
    for hop, table in zip(plan.hops, plan.tables, strict=True):
        natives = created(edited[hop.name].forward, escaping=escapes(engine))[1] if hop.name in edited else {}
        changed = {
            c.target: _retype(plan, hop, c, natives[c.target], hop.name)
            for c in hop.columns
            if c.target in natives and not same_type(natives[c.target], c.native)
        }
        columns = tuple(changed.get(c.target, c) for c in hop.columns)
        # An edit may have given the table other partitions: through the whole, each row finds its own. And other rules:
        # these are asked in the target then, if there is one to ask.
        rules = hop.rules if engine.landing == "files" else ()
        hops.append(replace(hop, columns=columns, raw="" if changed else hop.raw, leaves=None, rules=rules))
        tables.append(_with_types(table, {name: column.native for name, column in changed.items()}))
        found = _found(found, hop, list(changed.values()))
    found = [*(one for one in found if one.name != "rules-asked"), *rowrules.told(hops, plan.statements)]
    return replace(plan, hops=tuple(hops), tables=tuple(tables), findings=tuple(worst_first(found)))


def _found(findings: Sequence[Finding], hop: Hop, changed: Sequence[ColumnPlan]) -> list[Finding]:
    """The findings with what the new types do to values in place of what the planned ones did."""
    about, names = {f"{hop.reads}.{c.source}" for c in changed}, {f"{one}-type" for one in Fidelity}
    kept = [one for one in findings if one.where not in about or one.name not in names]
    source = Table(hop.reads, ())
    return kept + [one for c in changed for one in of_column(source, Column(c.source, c.type.native), c)]


def _with_types(table: Table, changed: Mapping[str, str]) -> Table:
    columns = (replace(c, native=changed[c.name], base="") if c.name in changed else c for c in table.columns)
    return replace(table, columns=tuple(columns))
