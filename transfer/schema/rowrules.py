"""Which quality rules are asked of the rows on their way, since each means the same there as in the target.

A rule that stops the run is asked there so that a run of hours ends at its first bad row. What breaks it on its way
would break it in the target, which is asked all the same once the rows are in: so no claim hangs on both agreeing.
Files cannot be asked; of their rows rules are asked on their way alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute

from ..calls import call
from ..errors import RequestError
from ..plan import Call, ColumnPlan, Finding, Hop, RowRule, Statement
from ..request import Rule
from ..shaping import Field, chain
from ..types import INTEGERS, Fidelity
from .catalogue import Relation
from .enclosed import check_enclosed
from .entry import Ends, Entry
from .equality import overlooked
from .quality import CHOICES, MODES, columns_named, is_rule

TARGET = "target"  # what a rule says that is not to be asked on the way
_compute: Any = pyarrow.compute  # as in verify/checksum.py
_SAME = (Fidelity.EXACT, Fidelity.WIDENED, Fidelity.CONSTRAINED)
_DAY = re.compile(r"(?!0000)\d{4}-\d\d-\d\d")
CHECK = "check"
_FILES = ("not_null", "accepted", "range", "matches", CHECK)
_DERIVE = "ropeway.transforms.query:derive"
_BROKEN = "ropeway broken"  # a column of a batch's own, while a condition is asked


def row_rules(ends: Ends, entry: Entry, *, rejects: bool) -> tuple[RowRule, ...]:
    """The rules of a table that are asked of its rows on their way. RequestError for one that files cannot have.

    None behind one that moves rows aside, for what that takes no later one sees; none where rows may be rejected.
    """
    if entry.mode not in MODES:
        return ()  # they are refused: quality.py
    if ends.target.landing == "files":
        return tuple(_of_files(entry, rule) for rule in entry.choice.rules)
    found: list[RowRule] = []
    for rule in entry.choice.rules if ends.target.landing == "transaction" and not rejects else ():
        if rule.on_fail == "quarantine":
            break
        means = _SAME_IN.get(rule.kind) if rule.on_fail == "fail" and rule.asked != TARGET else None
        given = json.loads(rule.spec)
        if means and all(means(ends, entry, *one) for one in _columns(entry, rule, given)):
            found.append(_made(entry, rule, given))
    return tuple(found)


def told(hops: Sequence[Hop], statements: Sequence[Statement]) -> list[Finding]:
    """Where each rule is asked."""
    found = []
    for hop in hops:
        there = [one.constraint.name for one in statements if one.hop == hop.name and is_rule(one) and one.constraint]
        early = [one.name for one in hop.rules if not hop.raw]
        said = [f"on their way: {', '.join(early)}"] if early else []
        said += [f"once they are in the target: {', '.join(there)}"] if there else []
        if said:
            message = f"rules that are asked of its rows {'; '.join(said)}"
            found.append(Finding("note", str(hop.writes), message, "rules-asked"))
    return found


def _of_files(entry: Entry, rule: Rule) -> RowRule:
    given = json.loads(rule.spec)
    refusals = (
        (rule.kind not in _FILES, "files cannot be asked it, and no row alone breaks it on its way",
         f"For files there are {', '.join(_FILES)}."),
        (rule.asked == TARGET, "files cannot be asked", "Leave out 'asked'."),
    )  # fmt: skip
    for refused, said, remedy in refusals:
        if refused:
            raise _refusal(entry.table.name, rule, said, remedy=remedy)
    if rule.kind == CHECK:
        return _of_sql(entry, rule, given)
    for column, bounds in _columns(entry, rule, given):
        _check_files(entry, rule, column, bounds)
    return _made(entry, rule, given)


def _of_sql(entry: Entry, rule: Rule, condition: str) -> RowRule:
    """A condition in DuckDB's SQL over one row, as that of a transform."""
    try:
        check_enclosed("rule", condition, "duckdb", str(entry.table.name))
        chain((check_call(condition),), [Field(c.target, c.type, c.nullable, c.source) for c in entry.columns])
    except RequestError as error:
        said = error.message.removeprefix("transform 1 (derive): ").rstrip(".")
        raise _refusal(entry.table.name, rule, said, error.column, error.remedy) from error
    return RowRule(rule.name, CHECK, json.dumps([["", condition]]), CHOICES[rule.on_fail])


def check_call(condition: str) -> Call:
    """The transform that says of each row, in a column behind the others, whether a condition is false. NULL is not."""
    return call(_DERIVE, spec=json.dumps({_BROKEN: f"coalesce(NOT CAST(({condition}\n) AS boolean), false)"}))


def _check_files(entry: Entry, rule: Rule, column: ColumnPlan, given: Any) -> None:
    """RequestError for a column that the rule says nothing of."""
    kind, values = column.type.kind, given if isinstance(given, list) else list((given or {}).values()) if isinstance(
        given, dict) else [given]  # fmt: skip
    texts = all(isinstance(value, str) for value in values)
    fits = {
        "not_null": True,
        "matches": kind == "text",
        "accepted": kind in ("text", *INTEGERS) and (texts if kind == "text" else _whole(values)),
        "range": (kind in (*INTEGERS, "decimal") and _plain(values)) or (kind == "date" and _days(values)),
    }
    if rule.kind == "range" and not values:
        raise _refusal(entry.table.name, rule, "it has neither min nor max", column.target)
    if rule.kind == "matches" and kind == "text" and (why := _no_pattern(given)):
        raise _refusal(entry.table.name, rule, f"{given} is no regular expression ({why})", column.target)
    if not fits[rule.kind]:
        raise _refusal(
            entry.table.name, rule, f"{column.target} is {kind}, of which it cannot be asked with {given}",
            column.target, "There are whole numbers, decimals, days (2024-01-31) and, of accepted and matches, texts.",
        )  # fmt: skip


def _no_pattern(pattern: str) -> str:
    """Why this is no regular expression of RE2; '' if it is one."""
    try:
        _compute.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        return str(error)
    return ""


def _refusal(table: Relation, rule: Rule, said: str, column: str = "", remedy: str = "") -> RequestError:
    return RequestError(f"{table}, rule {rule.name}: {said}.", table=str(table), column=column, remedy=remedy)


def _made(entry: Entry, rule: Rule, given: Any) -> RowRule:
    pairs = [(column.target, value) for column, value in _columns(entry, rule, given)]
    return RowRule(rule.name, rule.kind, json.dumps(pairs), CHOICES[rule.on_fail])


def _columns(entry: Entry, rule: Rule, given: Any) -> list[tuple[ColumnPlan, Any]]:
    """The columns that a rule is about, each with what it asks of it."""
    try:
        names = columns_named(entry, list(given))
    except RequestError as error:
        raise _refusal(entry.table.name, rule, error.message.rstrip("."), error.column, error.remedy) from error
    asked = given.values() if isinstance(given, Mapping) else [None] * len(names)
    plans = {column.target: column for column in entry.columns}
    return [(plans[name], value) for name, value in zip(names, asked, strict=True)]


def _not_null(ends: Ends, entry: Entry, column: ColumnPlan, given: Any) -> bool:
    del ends, entry, given
    return not column.computed


def _accepted(ends: Ends, entry: Entry, column: ColumnPlan, given: list[Any]) -> bool:
    """Texts where the target takes for one what Arrow does: as it is written, octet by octet."""
    if column.computed or column.fidelity not in _SAME:
        return False
    if column.type.kind in INTEGERS:
        return _whole(given)
    exact = hasattr(ends.target, "overlooks") and not overlooked(ends.target, entry.table.column(column.target))
    plain = column.type.kind == "text" and not column.type.padded and exact
    return plain and all(isinstance(value, str) for value in given)


def _range(ends: Ends, entry: Entry, column: ColumnPlan, given: dict[str, Any]) -> bool:
    del ends, entry
    values = [value for value in given.values() if value is not None]
    if column.computed or column.fidelity not in _SAME:
        return False
    if column.type.kind == "date":
        return _days(values)
    return column.type.kind in (*INTEGERS, "decimal") and _plain(values)


_SAME_IN: dict[str, Callable[[Ends, Entry, ColumnPlan, Any], bool]] = {
    "not_null": _not_null, "accepted": _accepted, "range": _range,
}  # fmt: skip


def _whole(values: Sequence[Any]) -> bool:
    return all(type(value) is int for value in values)


def _plain(values: Sequence[Any]) -> bool:
    """Numbers that SQL writes as decimals: some servers take 1e-7 for a float."""
    return all(type(value) in (int, float) and re.fullmatch(r"-?\d+(\.\d+)?", repr(value)) for value in values)


def _days(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) and _DAY.fullmatch(value) for value in values)
