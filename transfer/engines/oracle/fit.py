"""Values that a column of Oracle's would round without a word: it refuses what is too large, not what is too fine.

A table that a run makes has room for all; one that is there may have less.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute

from ...errors import DataError
from ...plan import ColumnPlan, Hop
from ...rules import Native, split

_compute: Any = pyarrow.compute  # pyarrow-stubs know few of these functions
_SECONDS = re.compile(r"second\s*\((\d)\)", re.IGNORECASE)
_FLOATS = {"binary_float": pa.float32(), "binary_double": pa.float64()}


def check(values: Any, column: ColumnPlan, hop: Hop) -> None:
    """DataError for values that would not be in the target's column what they are here."""
    changed = _changed(values, split(column.stored))
    count = 0 if changed is None else _compute.sum(changed).as_py() or 0
    if count:
        raise DataError(
            f"{hop.writes}.{column.target} ({column.stored}) would round {count:,} values.", table=str(hop.writes),
            column=column.target, remedy="Widen the column in the target, or read a query that rounds them.",
        )  # fmt: skip


def _changed(values: Any, native: Native) -> Any:
    """Which of the values the column rounds; None where it has room for all."""
    kind = values.type
    numeric = pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind)
    if numeric and native.name in _FLOATS:
        return _of_floats(values, _FLOATS[native.name])
    if numeric and native.name == "number" and native.arguments:
        return _of_digits(values, native.argument(1, 0))
    if pa.types.is_timestamp(kind) and native.name.startswith(("date", "timestamp")):
        return _of_moments(
            values.cast(pa.timestamp("us", kind.tz)), 0 if native.name == "date" else native.argument(0, 6)
        )
    if (pa.types.is_duration(kind) or pa.types.is_time(kind)) and native.name.startswith("interval"):
        seconds = int(found[1]) if (found := _SECONDS.search(native.text)) else 6
        return _of_moments(values.cast(pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")), seconds)
    return None


def _of_digits(values: Any, scale: int) -> Any:
    kind = values.type
    if (pa.types.is_integer(kind) and scale >= 0) or (pa.types.is_decimal(kind) and scale >= kind.scale):
        return None
    changed = _compute.not_equal(_compute.round(values, scale), values)
    return _compute.and_not(changed, _compute.is_nan(values)) if pa.types.is_floating(kind) else changed


def _of_floats(values: Any, there: pa.DataType) -> Any:
    kind = values.type
    if kind in (there, pa.float32()):
        return None
    back = values.cast(pa.float64(), safe=False).cast(there, safe=False).cast(pa.float64())
    if pa.types.is_floating(kind):
        return _compute.and_not(_compute.not_equal(back, values), _compute.is_nan(values))
    return _compute.not_equal(back.cast(kind, safe=False), values)


def _of_moments(values: Any, digits: int) -> Any:
    step = 10 ** (6 - min(digits, 6))
    if step == 1:
        return None
    whole = values.cast(pa.int64())
    return _compute.not_equal(_compute.multiply(_compute.divide(whole, step), step), whole)
