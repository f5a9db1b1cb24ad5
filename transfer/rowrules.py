"""Quality rules asked of the rows on their way: which rows of a batch break one, and what becomes of the run.

NULL breaks none but not_null, as in SQL.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute

from .engine import Receipt, Rejected
from .errors import DataError
from .flow import Tally
from .plan import Constraint, Hop, Plan, RowRule, Slice
from .rejects import kept
from .schema.quarantine import QUARANTINE
from .schema.rowrules import CHECK, check_call
from .schema.violations import RULE
from .shaping import Field, chain, run_through
from .unfit import LOAD
from .violation import LeftOut, Offending

Mask: TypeAlias = Any  # an Arrow array of booleans
Broken: TypeAlias = dict[int, tuple[int, list[str]]]  # by the rule's place: how many rows, and the first one's words
_compute: Any = pyarrow.compute  # as in verify/checksum.py
_EPOCH = date(1970, 1, 1)
_NAMED = 5  # rows that a warning names
_MOST = 10_000  # rows of a slice that are set aside: they are held until it lands


def asked(hop: Hop, part: Slice, batches: Iterator[pa.RecordBatch], tally: Tally) -> Iterator[pa.RecordBatch]:
    """Pass batches on, less rows that a rule sets aside; these, and what breaks a rule that only warns, the tally has.

    DataError for what breaks any other rule. What one rule sets aside no later one sees.
    """
    rules = [(place, rule, json.loads(rule.spec), _finder(hop, rule)) for place, rule in enumerate(hop.rules)]
    with closing(batches):  # type: ignore[type-var]  # flow gives a generator
        for batch in batches:
            left = batch
            for place, rule, spec, find in rules:
                mask = find(left)
                count = _compute.sum(mask).as_py() or 0
                rows = left.filter(mask) if count else None
                if rows is None:
                    continue
                if rule.otherwise == "stop":
                    raise _stopped(hop, rule, spec, rows)
                if rule.otherwise == QUARANTINE:
                    _set_aside(hop, part, rule, rows, tally.aside)
                    left = left.filter(_compute.invert(mask))
                else:
                    _note(tally.broken, place, count, _words(hop, spec, rows, _NAMED))
            if left.num_rows:
                yield left


def _set_aside(hop: Hop, part: Slice, rule: RowRule, rows: pa.RecordBatch, found: list[Rejected]) -> None:
    if len(found) + rows.num_rows > _MOST:
        raise DataError(
            f"rule {rule.name}: more than {_MOST:,} rows of a slice break rules that set them aside.",
            table=str(hop.reads), remedy="Mend the source, or leave such rows out by a transform: filter.",
        )  # fmt: skip
    for row in range(rows.num_rows):
        said = (LOAD, f"rule {rule.name}", "")
        found.append(kept(hop, part.number, len(found) + 1, said, rows.slice(row, 1)))


def _finder(hop: Hop, rule: RowRule) -> Callable[[pa.RecordBatch], Mask]:
    """What finds the rows of a batch that break a rule."""
    spec = json.loads(rule.spec)
    if rule.kind != CHECK:
        return lambda batch: mask_of(rule, spec, batch)
    steps = chain((check_call(spec[0][1]),), [Field(c.target, c.type, c.nullable, c.source) for c in hop.columns])

    def find(batch: pa.RecordBatch) -> Mask:
        try:
            made = run_through(steps, batch, str(hop.reads), hop.key)
        except DataError as error:
            said = f"rule {rule.name}: {error.message.partition(': ')[2]}"
            raise DataError(said, table=error.table, column=error.column, key=error.key, remedy=error.remedy) from error
        return made.column(made.num_columns - 1)

    return find


def _note(broken: Broken, place: int, rows: int, words: list[str]) -> None:
    before, named = broken.get(place, (0, []))
    broken[place] = before + rows, (named + words)[:_NAMED]


def mask_of(rule: RowRule, spec: Sequence[tuple[str, Any]], batch: pa.RecordBatch) -> Mask:
    """Which rows of a batch break a rule: true of each that does, and never NULL."""
    found = None
    for name, given in spec:
        one = _KINDS[rule.kind](batch.column(name), given)
        found = one if found is None else _compute.or_(found, one)
    return found


def _not_null(values: Any, given: Any) -> Mask:
    del given
    return _compute.is_null(values)


def _accepted(values: Any, given: Sequence[Any]) -> Mask:
    integer = pa.types.is_integer(values.type)
    listed = pa.array([one for one in given if not integer or _fits(one, values.type)], values.type)
    return _but_nulls(values, _compute.invert(_compute.is_in(values, value_set=listed)))


def _fits(number: int, kind: Any) -> bool:
    low, high = _limits(kind)
    return low <= number <= high


def _limits(kind: Any) -> tuple[int, int]:
    bits = kind.bit_width
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if pa.types.is_signed_integer(kind) else (0, (1 << bits) - 1)


def _range(values: Any, given: Mapping[str, Any]) -> Mask:
    mask = pa.array([False] * len(values), pa.bool_())
    for word, beyond, rounding in (("min", "less", ROUND_CEILING), ("max", "greater", ROUND_FLOOR)):
        if given.get(word) is not None:
            mask = _compute.or_(mask, _beyond(values, given[word], beyond, rounding))
    return _but_nulls(values, mask)


def _beyond(values: Any, bound: Any, beyond: str, rounding: str) -> Mask:
    """Values that are `less` or `greater` than a bound, which is brought to the values' own type without a change of
    what lies beyond it.
    """
    kind = values.type
    if pa.types.is_date(kind):
        return _compute.call_function(beyond, [values, pa.scalar(date.fromisoformat(bound), kind)])
    scale, low, high = _scaled(kind)
    with localcontext() as exact:
        exact.prec = 500
        number = int((Decimal(repr(bound)) * Decimal(10) ** scale).to_integral_value(rounding))
        if not low <= number <= high:  # then all values lie beyond it, or none
            every = (number > high) if beyond == "less" else (number < low)
            return pa.array([every] * len(values), pa.bool_())
        scalar = Decimal(number).scaleb(-scale) if scale or pa.types.is_decimal(kind) else number
    return _compute.call_function(beyond, [values, pa.scalar(scalar, kind)])


def _scaled(kind: Any) -> tuple[int, int, int]:
    """How many digits stand behind the point, and the least and the greatest number without it."""
    if pa.types.is_decimal(kind):
        most = 10**kind.precision - 1
        return kind.scale, -most, most
    return 0, *_limits(kind)


def _matches(values: Any, given: str) -> Mask:
    return _but_nulls(values, _compute.invert(_compute.match_substring_regex(values, given)))


def _but_nulls(values: Any, mask: Mask) -> Mask:
    return _compute.and_(_compute.is_valid(values), _compute.fill_null(mask, False))


_KINDS: dict[str, Callable[[Any, Any], Mask]] = {
    "not_null": _not_null, "accepted": _accepted, "range": _range, "matches": _matches,
}  # fmt: skip


def _about(spec: Sequence[tuple[str, Any]], rows: pa.RecordBatch) -> list[str]:
    """The columns that a rule names; of SQL the first ones."""
    return [name for name, _ in spec if name] or rows.schema.names[:_NAMED]


def _words(hop: Hop, spec: Sequence[tuple[str, Any]], rows: pa.RecordBatch, most: int) -> list[str]:
    """Rows by their keys; by what the rule is about where there is none."""
    named = [name for name in hop.key if name in rows.schema.names] or _about(spec, rows)
    some = rows.slice(0, most)
    return [", ".join(f"{name}={str(row[name])[:40]}" for name in named) for row in some.select(named).to_pylist()]


def _stopped(hop: Hop, rule: RowRule, spec: Sequence[tuple[str, Any]], rows: pa.RecordBatch) -> DataError:
    (first,) = _words(hop, spec, rows, 1)
    values, about = rows.slice(0, 1).to_pylist()[0], _about(spec, rows)
    said = ", ".join(f"{name} is {str(values[name])[:40] if values[name] is not None else 'NULL'}" for name in about)
    return DataError(
        f"rule {rule.name}: the row with {first} breaks it on its way ({said})", table=str(hop.reads), key=first,
        column=about[0] if len(about) == 1 else "",
        remedy="Mend the row in the source, or leave it out by where: or a transform. "
        "'asked: target' in the rule would have all rows loaded, to be mended there.",
    )  # fmt: skip


def warned(plan: Plan, receipts: Sequence[Receipt]) -> list[LeftOut]:
    """The rules that rows broke on their way and that only warn, by what receipts say."""
    found = []
    for hop in plan.hops:
        all_: Broken = {}
        for receipt in receipts:
            for place, (rows, words) in json.loads(receipt.broken or "{}").items() if receipt.hop == hop.name else ():
                _note(all_, int(place), rows, words)
        for place, (rows, words) in sorted(all_.items()):
            rule = hop.rules[place]
            columns = tuple(name or given for name, given in json.loads(rule.spec))
            told = Offending(tuple((word,) for word in words), rows, rows)
            found.append(LeftOut(Constraint(RULE, rule.name, hop.writes, columns, "", broken=rule.spec), told))
    return found
