"""How SQL Server's tables are partitioned: by ranges of one column, from its views into no engine's words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from ...engine import Row, Session
from ...schema.catalogue import Table
from ...schema.partitioning import Bound, Edge, Partition, Partitioning, Undivided
from .types import VARIANT

_WHOLE = ("tinyint", "smallint", "int", "bigint")
_DECIMALS = ("decimal", "numeric", "money", "smallmoney")
_TICK = {0: 3, 3: 4, 7: 3}  # ms to the next datetime, by the last digit
_MOST_DIGITS = 6  # of a moment that Python knows


def with_divisions(session: Session, tables: Sequence[Table], numbers: dict[int, int]) -> list[Table]:
    """The tables with their partitioning; `numbers` tells where a table is among them, by its object's."""
    rows = session.ask(
        "SELECT i.object_id, f.function_id, f.boundary_value_on_right, c.name, t.name, p.scale, c.is_computed, "
        "f.fanout "
        "FROM sys.indexes i JOIN sys.partition_schemes d ON d.data_space_id = i.data_space_id "
        "JOIN sys.partition_functions f ON f.function_id = d.function_id "
        "JOIN sys.partition_parameters p ON p.function_id = f.function_id AND p.parameter_id = 1 "
        "JOIN sys.types t ON t.user_type_id = p.system_type_id "
        "JOIN sys.index_columns x ON x.object_id = i.object_id AND x.index_id = i.index_id AND x.partition_ordinal = 1 "
        "JOIN sys.columns c ON c.object_id = x.object_id AND c.column_id = x.column_id WHERE i.index_id IN (0, 1)"
    )
    made = list(tables)
    bounds = _bounds(session) if rows else {}
    for row in rows:
        at = numbers.get(int(str(row[0])), -1)
        if at < 0:
            continue
        try:
            made[at] = replace(made[at], division=_division(row, bounds[int(str(row[1]))]))
        except Undivided as lost:
            made[at] = replace(made[at], undivided=lost.reason)
    return made


def _bounds(session: Session) -> defaultdict[int, list[str | None]]:
    rows = session.ask(
        f"SELECT v.function_id, {VARIANT.format(c='v.value')} FROM sys.partition_range_values v "
        "ORDER BY v.function_id, v.boundary_id"
    )
    found: defaultdict[int, list[str | None]] = defaultdict(list)
    for row in rows:
        found[int(str(row[0]))].append(None if row[1] is None else str(row[1]))
    return found


def _division(row: Row, texts: Sequence[str | None]) -> Partitioning:
    """A NULL is in the first partition. Ends that are in their partition become what comes next."""
    _, _, right, column, native, scale, computed, fanout = row
    if len(texts) + 1 != fanout:
        raise Undivided(f"this account is not shown the bounds of {column}")
    if computed:
        raise Undivided(f"it is partitioned by the computed column {column}")
    read, following = _kind(str(native), int(str(scale or 0)))
    ends: list[Bound] = []
    for text in texts:
        if text is None:
            raise Undivided(f"NULL is a bound of {column}")
        found = read(text)
        ends.append(found if right else following(found))
    parts = tuple(Partition(f"p{number}", (end,)) for number, end in enumerate([*ends, Edge.MOST], start=1))
    fine = bool(right) or native not in ("datetime2", "datetimeoffset")
    return Partitioning("range", (str(column),), parts, "first", digits=9 if fine else _MOST_DIGITS)


def _kind(native: str, scale: int) -> tuple[Callable[[str], Bound], Callable[[Bound], Bound]]:
    """How the bounds of a type are read, and what value comes next to one."""
    scale = 4 if "money" in native else scale
    if native in _WHOLE or native in _DECIMALS:
        return Decimal, lambda bound: bound + Decimal(1).scaleb(-scale) if isinstance(bound, Decimal) else None
    steps: dict[str, Callable[[datetime], timedelta]] = {
        "date": lambda _: timedelta(days=1),
        "smalldatetime": lambda _: timedelta(minutes=1),
        "datetime": lambda moment: timedelta(milliseconds=_TICK[moment.microsecond // 1000 % 10]),
        **dict.fromkeys(
            ("datetime2", "datetimeoffset"), lambda _: timedelta(microseconds=10 ** max(_MOST_DIGITS - scale, 0))
        ),
    }
    if native not in steps:
        order = "the order of its texts is that of their collation" if "char" in native else "its order is its own"
        raise Undivided(f"it is partitioned by ranges of {native}, and {order}")
    return _moment, lambda bound: _later(bound, steps[native])


def _later(bound: Bound, step: Callable[[datetime], timedelta]) -> Bound:
    assert isinstance(bound, date)  # noqa: S101 - made by _moment
    try:
        return bound + step(bound if isinstance(bound, datetime) else datetime.min)
    except OverflowError:
        raise Undivided(f"no value comes next to its bound {bound}") from None


def _moment(text: str) -> Bound:
    """`2024-01-01`, `2024-01-01 00:00:00.0000000`, and with ` +02:00` behind."""
    if len(text) == len("2024-01-01"):
        return date.fromisoformat(text)
    day, clock, *zone = text.split()
    clock, _, fraction = clock.partition(".")
    if fraction[_MOST_DIGITS:].strip("0"):
        raise Undivided(f"its bound {text} is finer than microseconds")
    made = datetime.fromisoformat(f"{day} {clock}.{fraction[:_MOST_DIGITS]:0<6}{''.join(zone)}")
    return made.astimezone(UTC) if zone else made
