"""Numbers, and arithmetic over all that has some; sums and means."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import reduce

from ...spoken import BINARY_DOUBLE, Kind, Refused
from .. import formats, values
from ..convert import converted, decimal_of, near, whole
from ..formats import Nls, text_of
from ..values import Stored
from .moments import reached
from .registry import AGGREGATES, FUNCTIONS, Context, asking, plain

FUNCTIONS["number"] = lambda value: None if value is None else values.number(int(value))
FUNCTIONS["integer"] = lambda value: None if value is None else str(whole(value))


def _arithmetic(
    name: str, exact: Callable[[Decimal, Decimal], Decimal], inexact: Callable[[float, float], float]
) -> None:
    def reckon(one: Stored, other: Stored) -> Stored:
        if one is None or other is None:
            return None
        if any(isinstance(value, bytes) and value[:1] in b"fd" for value in (one, other)):
            return values.double(inexact(near(one), near(other)))
        special = reached(name, one, other)
        if special is not None:
            return special
        with localcontext(prec=45):
            try:
                return values.number(exact(decimal_of(one), decimal_of(other)))
            except ZeroDivisionError:
                raise Refused(1476, "divisor is equal to zero") from None
            except ArithmeticError:
                raise Refused(1476, "divisor is equal to zero") from None

    FUNCTIONS[name] = lambda *given: reduce(reckon, given)


_arithmetic("add", lambda a, b: a + b, lambda a, b: a + b)
_arithmetic("subtract", lambda a, b: a - b, lambda a, b: a - b)
_arithmetic("multiply", lambda a, b: a * b, lambda a, b: a * b)
_arithmetic("divide", lambda a, b: a / b, lambda a, b: a / b)


@plain("negative")
def _negative(value: Stored) -> Stored:
    if isinstance(value, bytes) and value[:1] in b"fd":
        return values.double(-values.floating(value))
    return values.number(decimal_of(value).copy_negate())  # - would round


@plain("abs")
def _abs(value: Stored) -> Stored:
    if isinstance(value, bytes) and value[:1] in b"fd":
        return values.double(abs(values.floating(value)))
    return values.number(decimal_of(value).copy_abs())  # abs would round


@plain("sign")
def _sign(value: Stored) -> Stored:
    found = near(value)
    return values.number((found > 0) - (found < 0))


@plain("mod", "remainder")
def _mod(value: Stored, other: Stored) -> Stored:
    if other is None:
        return None
    by = decimal_of(other)
    with localcontext(prec=90):
        return values.number(decimal_of(value) % by if by else decimal_of(value))


@plain("ceil")
def _ceil(value: Stored) -> Stored:
    return values.number(decimal_of(value).to_integral_value("ROUND_CEILING"))


@plain("floor")
def _floor(value: Stored) -> Stored:
    return values.number(decimal_of(value).to_integral_value("ROUND_FLOOR"))


@plain("power")
def _power(value: Stored, other: Stored) -> Stored:
    with localcontext(prec=40):
        return None if other is None else values.number(decimal_of(value) ** decimal_of(other))


@plain("bitand")
def _bitand(value: Stored, other: Stored) -> Stored:
    return None if other is None else values.number(whole(value) & whole(other))


def _cut(value: Stored, places: Stored, rounding: str) -> Stored:
    if isinstance(value, bytes) and value[:1] in b"DTZL":
        at, _ = values.moment(value)
        model = places.upper() if isinstance(places, str) else "DD"
        starts = {"DD": at, "DDD": at, "MM": at.replace(day=1), "MON": at.replace(day=1),
                  "MONTH": at.replace(day=1), "YYYY": at.replace(month=1, day=1), "YY": at.replace(month=1, day=1),
                  "YEAR": at.replace(month=1, day=1), "HH24": at, "MI": at}  # fmt: skip
        if model not in starts:
            raise Refused(1898, "too many precision specifiers")
        start = starts[model].replace(second=0, microsecond=0)
        start = start if model == "MI" else start.replace(minute=0)
        return values.date(start if model in ("MI", "HH24") else start.replace(hour=0))
    with localcontext(prec=90):
        return values.number(
            decimal_of(value).quantize(Decimal(1).scaleb(-whole(places or b"N\x80")), rounding=rounding)
        )


@plain("round")
def _round(value: Stored, places: Stored = None) -> Stored:
    return _cut(value, places, "ROUND_HALF_UP")


@plain("trunc")
def _trunc(value: Stored, places: Stored = None) -> Stored:
    return _cut(value, places, "ROUND_DOWN")


@asking("to_number")
def _to_number(session: Context, value: Stored, model: str = "", *_: Stored) -> Stored:
    if value is None:
        return None
    return values.number(formats.number_of(text_of(value, session.nls) or "", model or ""))


@plain("to_binary_double")
def _to_double(value: Stored) -> Stored:
    return converted(value, Kind(BINARY_DOUBLE, 8), Nls())


class _Sum:
    def __init__(self) -> None:
        self._total: Decimal | float | None = None
        self._count = 0

    def step(self, value: Stored) -> None:
        if value is None:
            return
        self._count += 1
        with localcontext(prec=60):
            if isinstance(self._total, float) or (isinstance(value, bytes) and value[:1] in b"fd"):
                self._total = float(self._total or 0) + near(value)
            else:
                self._total = (self._total or 0) + decimal_of(value)

    def finalize(self) -> Stored:
        if self._total is None:
            return None
        return values.double(self._total) if isinstance(self._total, float) else values.number(self._total)


class _Mean(_Sum):
    def finalize(self) -> Stored:
        if self._total is None:
            return None
        with localcontext(prec=45):
            if isinstance(self._total, float):
                return values.double(self._total / self._count)
            return values.number(self._total / self._count)


AGGREGATES["sum"], AGGREGATES["avg"] = _Sum, _Mean


def _bucket(count: int, *given: Stored) -> int:
    """In which of so many hash partitions a row is. How Oracle tells is its own affair."""
    octets = b"".join(one if isinstance(one, bytes) else repr(one).encode() for one in given)
    return int.from_bytes(hashlib.sha256(octets).digest()[:8], "big") % count


FUNCTIONS["BUCKET"] = _bucket
