"""The constraints of edited statements, and a plan's tables as its edited statements make them.

What an edited text forbids is known where that is plain: a key over columns, a foreign key, one check. Of any other it
is not: then there is no constraint to look after, and the engine's own refusal is what a run says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..engine import Engine
from ..errors import RequestError
from ..plan import Constraint, Plan, Statement
from .catalogue import Check, ForeignKey, Index, Relation, Table
from .created import Token, bracketed, columns_of, keys_in, plain, significant
from .scripts import escapes
from .sql import first, names
from .violations import check, reference, unique

_NO_NAME = ("IF", "ON", "CONCURRENTLY", "UNIQUE", "PRIMARY", "CHECK", "FOREIGN", "(")
_NARROWING = {"WHERE", "NULLS", "INCLUDE", "MATCH"}

Part = Index | ForeignKey | Check


@dataclass(frozen=True)
class _Text:
    """SQL with its tokens, and these in capitals but for what is quoted."""

    sql: str
    found: list[Token]
    words: list[str]

    @property
    def name(self) -> str:
        """The name that it gives its index or constraint, or ''."""
        for place, word in enumerate(self.words[:-1]):
            if word in ("INDEX", "CONSTRAINT") and self.words[place + 1] not in _NO_NAME:
                return plain(self.found[place + 1])
        return ""


def _text(sql: str, engine: Engine) -> _Text:
    found = significant(sql, escaping=escapes(engine))
    return _Text(sql, found, [text.upper() if kind == "word" else text for kind, text, _ in found])


def reworded(plan: Plan, planned: Statement, forward: str, engine: Engine, where: str) -> Statement:
    """An edited statement with the constraint that its text makes, or without one where that is not plain to see.

    RequestError where nothing would find the rows that break a foreign key.
    """
    rule, edited = planned.constraint, replace(planned, forward=forward)
    if rule is None:
        return edited
    instead, later = (_followed(text, planned.forward, forward) for text in (rule.instead, rule.later))
    if _is_same(planned, forward, engine):
        return replace(edited, constraint=replace(rule, instead=instead, later=later))
    part = _part(plan, planned, forward, engine)
    if part is None and planned.guard:
        raise RequestError(
            f"{where} makes a foreign key, nobody can tell over what, and {engine.name} looks at no row.",
            table=str(rule.table),
            remedy="Write it as FOREIGN KEY (columns) REFERENCES table (columns), or add it as a statement of its own.",
        )  # fmt: skip
    if part is None:
        return replace(edited, constraint=None)
    made = replace(
        _ruled(part, rule, engine), otherwise=rule.otherwise, takes_back=rule.takes_back, kept=rule.kept,
        instead=instead, later=later,
    )  # fmt: skip
    guard = first(engine, made.offenders) if planned.guard else ""
    return replace(edited, constraint=made if rule.offenders else replace(made, offenders=""), guard=guard)


def _followed(text: str, planned: str, forward: str) -> str:
    """SQL that begins with the planned statement, with the edited one in its place."""
    return forward + text[len(planned) :] if text.startswith(planned) else text


def _is_same(planned: Statement, forward: str, engine: Engine) -> bool:
    """Whether an edit leaves what is forbidden: a view's, one that proves, one that only says more of how."""
    rule, now, before = planned.constraint, _text(forward, engine).words, _text(planned.forward, engine).words
    if rule is None or not rule.columns or rule.takes_back:
        return True
    return now[: len(before)] == before and not _NARROWING & set(now[len(before) :])


def _ruled(part: Part, rule: Constraint, engine: Engine) -> Constraint:
    if isinstance(part, ForeignKey):
        return reference(engine, rule.table, part)
    if isinstance(part, Index):
        return unique(engine, rule.table, rule.kind, part)
    shown = [] if rule.offenders.startswith("SELECT *") else rule.columns
    return replace(check(engine, rule.table, part.name, part.condition, shown), columns=rule.columns)


def _part(plan: Plan, planned: Statement, forward: str, engine: Engine) -> Part | None:
    """What an edited statement makes; None where its text does not say so plainly."""
    rule, text = planned.constraint, _text(forward, engine)
    tables = {hop.name: table for hop, table in zip(plan.hops, plan.tables, strict=True)}
    if rule is None or planned.hop not in tables:
        return None
    if rule.references:
        return _foreign_key(plan, rule, text)
    if rule.kind == "check":
        return _check(rule, text)
    return _key(tables[planned.hop], rule, text)


def _key(table: Table, rule: Constraint, text: _Text) -> Index | None:
    """A key over columns. One with a condition, a prefix, an expression or further columns is not plain."""
    words, members = text.words, bracketed(text.found)
    behind = words[words.index(")") + 1 :] if ")" in words else []
    forbids = "PRIMARY" in words if rule.kind == "primary key" else "UNIQUE" in words
    prefixed = "(" in words[words.index("(") + 1 : words.index(")")] if {"(", ")"} <= set(words) else True
    if not forbids or prefixed or _NARROWING & set(behind) or not members:
        return None
    if not set(members) <= {column.name for column in table.columns}:
        return None
    return Index(text.name or rule.name, tuple(members), unique=True, constraint=rule.kind == "unique constraint")


def _foreign_key(plan: Plan, rule: Constraint, text: _Text) -> ForeignKey | None:
    words = text.words
    if "FOREIGN" not in words or "REFERENCES" not in words:
        return None
    refers = words.index("REFERENCES")
    opening = next((n for n in range(refers, len(words)) if words[n] == "("), len(words))
    parts = [plain(one) for one in text.found[refers + 1 : opening] if one[1] != "."]
    members, referred = bracketed(text.found[words.index("FOREIGN") : refers]), bracketed(text.found[refers:])
    parent = _parent(plan, rule, parts)
    if parent is None or not members or len(members) != len(referred):
        return None
    options = "MATCH FULL" if {"MATCH", "FULL"} <= set(words[opening:]) else ""
    return ForeignKey(text.name or rule.name, tuple(members), parent, tuple(referred), options=options)


def _parent(plan: Plan, rule: Constraint, parts: Sequence[str]) -> Relation | None:
    """The table that a text refers to, among those of the plan and the one that it referred to before."""
    known = [table.name for table in plan.tables] + ([rule.references] if rule.references else [])
    wanted = (parts[-2] if len(parts) > 1 else rule.table.schema, parts[-1]) if parts else ("", "")
    return next((one for one in known if (one.schema, one.table) == wanted), None)


def _check(rule: Constraint, text: _Text) -> Check | None:
    words = text.words
    if words.count("CHECK") != 1 or (rule.kept and text.name != rule.name):  # what proves it later names it, too
        return None
    begins, depth = words.index("CHECK") + 1, 0
    for ends in range(begins, len(words)):
        depth += {"(": 1, ")": -1}.get(words[ends], 0)
        if not depth:
            return Check(text.name or rule.name, text.sql[text.found[begins][2] + 1 : text.found[ends][2]])
    return None


def following(plan: Plan, statements: Sequence[Statement], engine: Engine) -> list[Statement]:
    """The statements; one that proves what an edited one makes has the constraint that this makes now."""
    known = {statement.name: statement for statement in plan.statements}
    edited = {
        (one.hop, one.name.split(" ", 1)[1]): one
        for one in statements
        if one.name in known and one.forward != known[one.name].forward
    }
    made = []
    for one in statements:
        rule = one.constraint
        first = edited.get((one.hop, rule.takes_back)) if rule and rule.takes_back else None
        if rule is None or first is None or _is_same(known[first.name], first.forward, engine):
            made.append(one)
            continue
        part = _part(plan, known[first.name], first.forward, engine)
        made.append(replace(one, constraint=_proving(part, rule, engine) if part else None))
    return made


def _proving(part: Part, rule: Constraint, engine: Engine) -> Constraint:
    made = _ruled(part, rule, engine)
    return replace(made, otherwise=rule.otherwise, later=rule.later, kept=rule.kept, takes_back=rule.takes_back)


def described(plan: Plan, statements: Sequence[Statement], engine: Engine) -> tuple[Table, ...]:
    """The plan's tables with the keys, foreign keys, checks and NOT NULLs that these statements make."""
    now = {statement.name: statement for statement in statements}
    made = {hop.name: table for hop, table in zip(plan.hops, plan.tables, strict=True)}
    for before in plan.statements:
        after = now.get(before.name)
        if before.hop not in made or (after and after.forward == before.forward):
            continue
        table, rule = made[before.hop], before.constraint
        if before.name.split(" ", 1)[1].startswith("create table ") and after:
            made[before.hop] = _clauses(table, before.forward, after.forward, engine)
        elif rule and not rule.takes_back and not (after and _is_same(before, after.forward, engine)):
            part = _part(plan, before, after.forward, engine) if after else None
            made[before.hop] = _with(_without(table, rule), rule, part)
    return tuple(made[hop.name] for hop in plan.hops)


def _without(table: Table, rule: Constraint) -> Table:
    """The table without what a constraint stood for."""
    if rule.kind == "primary key":
        return replace(table, key=())
    if rule.references:
        kept = tuple(fk for fk in table.foreign_keys if (fk.columns, fk.references) != (rule.columns, rule.references))
        return replace(table, foreign_keys=kept)
    if rule.kind == "check":
        return replace(table, checks=tuple(one for one in table.checks if one.name != rule.name))
    return replace(
        table, indexes=tuple(i for i in table.indexes if not (i.unique and (i.columns or i.keys) == rule.columns))
    )


def _with(table: Table, rule: Constraint, part: Part | None) -> Table:
    if isinstance(part, ForeignKey):
        return replace(table, foreign_keys=(*table.foreign_keys, part))
    if isinstance(part, Check):
        return replace(table, checks=(*table.checks, part))
    if isinstance(part, Index) and rule.kind == "primary key":
        return replace(table, key=part.columns)
    return replace(table, indexes=(*table.indexes, part)) if part else table


def _clauses(table: Table, before: str, after: str, engine: Engine) -> Table:
    """The table without the keys, checks and NOT NULLs that its CREATE TABLE had and has no more."""
    escaping = escapes(engine)
    gone = keys_in(before, escaping=escaping) - keys_in(after, escaping=escaping)
    was, now = (columns_of(text, escaping=escaping) for text in (before, after))

    def lost(clause: str) -> bool:
        return clause in before and clause not in after

    return replace(
        table,
        columns=tuple(
            replace(c, nullable=not _is_filled(now, c.name))
            if _is_filled(was, c.name) != _is_filled(now, c.name)
            else c
            for c in table.columns
        ),
        key=() if frozenset(table.key) in gone else table.key,
        indexes=tuple(i for i in table.indexes if not (i.unique and frozenset(i.columns) in gone)),
        checks=tuple(one for one in table.checks if not lost(f"CHECK ({one.condition})")),
        foreign_keys=tuple(fk for fk in table.foreign_keys if not lost(_clause(fk, engine))),
    )


def _is_filled(columns: Mapping[str, list[str]], name: str) -> bool:
    return {"NOT", "NULL"} <= set(columns.get(name, ()))


def _clause(fk: ForeignKey, engine: Engine) -> str:
    on, to = names(engine, fk.columns), names(engine, fk.referenced)
    return f"FOREIGN KEY ({on}) REFERENCES {engine.relation(fk.references)} ({to})"
