"""Quality rules: what a job asks of the rows that have come, proven in the target before anything is built on them.

A rule is a statement that changes nothing. Its guard lists what breaks it, and what becomes of that is chosen as it is
for a constraint: the run stops, goes on and says so, or moves the rows aside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import RequestError
from ..plan import Constraint, Hop, Statement
from ..request import Rule
from .catalogue import ForeignKey, Index, Relation
from .enclosed import check_enclosed
from .entry import Ends, Entry
from .quarantine import QUARANTINE
from .sql import first, nothing
from .violations import RULE, check, reference, unique

MODES = ("create", "replace")
CHOICES = {"fail": "stop", "warn": "leave-out", "quarantine": QUARANTINE}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def rules_of(ends: Ends, entry: Entry, hop: Hop, others: Mapping[Relation, Hop]) -> list[Statement]:
    """The statements that prove a table's rules, once its rows are there. RequestError for one that cannot be asked."""
    if ends.target.landing == "files" and entry.mode == "create":
        return []  # they are asked of the rows on their way: rowrules.py
    made = [_statement(ends, entry, hop, rule, others) for rule in entry.choice.rules]
    if made and (entry.mode not in MODES or ends.target.landing != "transaction"):
        raise RequestError(
            f"{entry.table.name}: rules are asked of tables that a run makes in a database, and this is mode "
            f"{entry.mode} in {ends.target.name}.",
            table=str(entry.table.name), remedy=f"Modes: {', '.join(MODES)}.",
        )  # fmt: skip
    return made


def asked(ends: Ends, entry: Entry, hop: Hop, rule: Rule, others: Mapping[Relation, Hop]) -> Constraint:
    """What a rule asks of a table's rows, in SQL. RequestError if it cannot be asked."""
    given = json.loads(rule.spec)
    try:
        return _MAKERS[rule.kind](ends, entry, hop, given, others)
    except RequestError as error:
        raise RequestError(
            f"{entry.table.name}, rule {rule.name}: {error.message}", table=str(entry.table.name),
            column=error.column, remedy=error.remedy,
        ) from error  # fmt: skip


def _statement(ends: Ends, entry: Entry, hop: Hop, rule: Rule, others: Mapping[Relation, Hop]) -> Statement:
    made, otherwise = asked(ends, entry, hop, rule, others), CHOICES[rule.on_fail]
    if otherwise == QUARANTINE and not made.broken:
        raise RequestError(
            f"{entry.table.name}, rule {rule.name}: no row alone breaks it, so none can be moved aside.",
            table=str(entry.table.name), remedy="Choose fail or warn.",
        )  # fmt: skip
    made = replace(made, kind=RULE, name=rule.name, otherwise=otherwise)
    return Statement(
        f"prove rule {rule.name} of {entry.table.name}", "after", nothing(ends.target), hop=hop.name,
        guard=first(ends.target, made.offenders), after=("*",) if made.references else (hop.name,), constraint=made,
    )  # fmt: skip


def columns_named(entry: Entry, given: Sequence[str]) -> tuple[str, ...]:
    """The target's columns of these names, in whatever letters' case."""
    there = [column.name for column in entry.table.columns]
    made = []
    for name in given:
        same = [one for one in there if one == name] or [one for one in there if one.lower() == name.lower()]
        if len(same) != 1:
            raise RequestError(f"there is no column {name!r}.", column=name, remedy=f"Columns: {', '.join(there)}.")
        made.append(same[0])
    return tuple(made)


def _shown(entry: Entry, columns: Sequence[str]) -> tuple[str, ...]:
    """What tells a row: its key, or the columns that the rule is about."""
    return tuple(dict.fromkeys((*entry.table.key, *columns))) or tuple(c.name for c in entry.table.columns[:3])


def _rows(ends: Ends, entry: Entry, hop: Hop, columns: Sequence[str], condition: str) -> Constraint:
    return check(ends.target, hop.into, "", condition, _shown(entry, columns))


def _check(ends: Ends, entry: Entry, hop: Hop, given: Any, others: Mapping[Relation, Hop]) -> Constraint:
    del others
    check_enclosed("rule", given, ends.target_words.dialect, str(entry.table.name))
    return _rows(ends, entry, hop, (), given)


def _not_null(ends: Ends, entry: Entry, hop: Hop, given: Any, others: Mapping[Relation, Hop]) -> Constraint:
    del others
    columns = columns_named(entry, given)
    return _rows(ends, entry, hop, columns, " AND ".join(f"{ends.target.quote(c)} IS NOT NULL" for c in columns))


def _unique(ends: Ends, entry: Entry, hop: Hop, given: Any, others: Mapping[Relation, Hop]) -> Constraint:
    del others
    return unique(ends.target, hop.into, RULE, Index("", columns_named(entry, given), unique=True))


def _accepted(ends: Ends, entry: Entry, hop: Hop, given: Any, others: Mapping[Relation, Hop]) -> Constraint:
    del others
    parts, columns = [], columns_named(entry, list(given))
    for column, values in zip(columns, given.values(), strict=True):
        listed = ", ".join(ends.target.literal(value) for value in values)
        parts.append(f"{ends.target.quote(column)} IN ({listed})")
    return _rows(ends, entry, hop, columns, " AND ".join(parts))


def _range(ends: Ends, entry: Entry, hop: Hop, given: Any, others: Mapping[Relation, Hop]) -> Constraint:
    del others
    parts, columns = [], columns_named(entry, list(given))
    for column, bounds in zip(columns, given.values(), strict=True):
        for word, sign in (("min", ">="), ("max", "<=")):
            if bounds.get(word) is not None:
                parts.append(f"{ends.target.quote(column)} {sign} {ends.target.literal(bounds[word])}")
    if not parts:
        raise RequestError("it has neither min nor max.")
    return _rows(ends, entry, hop, columns, " AND ".join(parts))


def _matches(ends: Ends, entry: Entry, hop: Hop, given: Any, others: Mapping[Relation, Hop]) -> Constraint:
    del others
    form = ends.target_words.matches
    if not form:
        raise RequestError(
            f"no regular expressions of {ends.target.name} are known here.",
            remedy="Write them as check:, or as a transform: filter: regexp_matches(...)",
        )
    columns = columns_named(entry, list(given))
    parts = [
        form.format(value=ends.target.quote(column), pattern=ends.target.literal(pattern))
        for column, pattern in zip(columns, given.values(), strict=True)
    ]
    return _rows(ends, entry, hop, columns, " AND ".join(parts))


def _refers(ends: Ends, entry: Entry, hop: Hop, given: Any, others: Mapping[Relation, Hop]) -> Constraint:
    ((column, goal),) = given.items()
    parent, _, referenced = goal.rpartition(".")
    schema, _, table = parent.rpartition(".")
    name = Relation(schema or entry.table.name.schema, table)
    there = others.get(name)
    foreign = ForeignKey("", columns_named(entry, [column]), there.into if there else name, (referenced,))
    if not there and not (ends.target_session and ends.target_session.ask(ends.target.exists(name))):
        raise RequestError(f"there is no table {name}, neither in the job nor in the target.")
    return reference(ends.target, hop.into, foreign)


def _fresh(ends: Ends, entry: Entry, hop: Hop, given: Any, others: Mapping[Relation, Hop]) -> Constraint:
    """The newest moment is not older than so long before planning."""
    del others
    ((column, age),) = given.items()
    (name,) = columns_named(entry, [column])
    kind = next((one.type.kind for one in entry.columns if one.target == name), "")
    if kind not in ("date", "timestamp", "instant"):
        raise RequestError(f"{name} is {kind or 'computed'}, and no moment.", column=name)
    oldest = datetime.now(UTC) - _age(age)
    quoted, literal = ends.target.quote(name), ends.target.literal(f"{oldest:%Y-%m-%d %H:%M:%S}")
    old = f"max({quoted}) IS NULL OR max({quoted}) < {literal}"
    listing = f"SELECT max({quoted}) FROM {ends.target.relation(hop.into)} HAVING {old}"
    return Constraint(RULE, "", hop.into, (name,), listing)


def _age(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in _UNITS:
        raise RequestError(f"{text!r} is no age.", remedy="Write it as 30m, 12h, 7d or 2w.")
    return timedelta(**{_UNITS[unit]: int(number)})


def _aggregate(ends: Ends, entry: Entry, hop: Hop, given: Any, others: Mapping[Relation, Hop]) -> Constraint:
    """An aggregate in the target's SQL lies within bounds."""
    del others
    sql = given["sql"]
    check_enclosed("rule", sql, ends.target_words.dialect, str(entry.table.name))
    off = float(given.get("tolerance", 0))
    low, high = given.get("min"), given.get("max")
    if "equals" in given:
        low, high = given["equals"] - off, given["equals"] + off
    bounds = [f"({sql}) {sign} {bound!r}" for sign, bound in (("<", low), (">", high)) if bound is not None]
    if not bounds:
        raise RequestError("it has neither equals nor min or max.")
    listing = f"SELECT {sql} FROM {ends.target.relation(hop.into)} HAVING {' OR '.join(bounds)}"
    return Constraint(RULE, "", hop.into, (sql,), listing)


_MAKERS = {
    "check": _check, "not_null": _not_null, "unique": _unique, "accepted": _accepted, "range": _range,
    "matches": _matches, "refers": _refers, "fresh": _fresh, "aggregate": _aggregate,
}  # fmt: skip


def is_rule(statement: Statement) -> bool:
    """Whether a statement proves a rule."""
    return bool(statement.constraint and statement.constraint.kind == RULE)
