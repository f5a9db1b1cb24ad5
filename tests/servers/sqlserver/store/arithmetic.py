"""Numbers reckoned with, texts joined and likened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..spoken import Kind, Refused
from . import values
from .convert import converted
from .values import EXACT, Moment


def negative(number: Any) -> Any:
    return number.copy_negate() if isinstance(number, Decimal) else -number


@dataclass(frozen=True)
class Reached:
    """a + b and the like, for values of two kinds."""

    word: str
    one: Kind
    other: Kind
    kind: Kind

    def __call__(self, a: Any, b: Any) -> Any:
        if self.kind.name in values.MOMENTS:
            return _moved(self.word, converted(a, self.one, self.kind), converted(b, self.other, self.kind))
        if self.kind.name in values.TEXTS or self.kind.name in values.BINARIES:
            return converted(a + b, self.kind, self.kind)  # cut at 8,000 octets
        if self.kind.name in values.FLOATS:
            return _floats(self.word, converted(a, self.one, self.kind), converted(b, self.other, self.kind))
        if isinstance(a, str):
            a = converted(a, self.one, self.other)
        if isinstance(b, str):
            b = converted(b, self.other, self.one)
        if self.kind.name in values.INTEGERS:
            return self._integers(a, b)
        return self._decimals(Decimal(a), Decimal(b))

    def _integers(self, a: int, b: int) -> int:
        if self.word in "/%" and not b:
            raise Refused(8134, "Divide by zero error encountered.")
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) if b else 0
        found = {"+": a + b, "-": a - b, "*": a * b, "/": quotient, "%": a - b * quotient, "&": a & b, "|": a | b,
                 "^": a ^ b}[self.word]  # fmt: skip
        low, high = values.INTEGERS[self.kind.name]
        if not low <= found <= high:
            raise Refused(
                8115, f"Arithmetic overflow error converting expression to data type {self.kind.name}.", state=2
            )
        return found

    def _decimals(self, a: Decimal, b: Decimal) -> Decimal:
        if self.word in "/%" and not b:
            raise Refused(8134, "Divide by zero error encountered.")
        found = {"+": EXACT.add, "-": EXACT.subtract, "*": EXACT.multiply, "/": EXACT.divide,
                 "%": EXACT.remainder}[self.word](a, b)  # fmt: skip
        return Decimal(converted(found, Kind("decimal", 17, 38, 0), self.kind))


def _floats(word: str, a: float, b: float) -> float:
    if word == "/" and not b:
        raise Refused(8134, "Divide by zero error encountered.")
    found = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[word]()
    if found in (float("inf"), float("-inf")):
        raise Refused(8115, "Arithmetic overflow error converting expression to data type float.", state=2)
    return found


def _moved(word: str, a: Moment, b: Moment) -> Moment:
    first = values.EPOCH * values.DAY
    return Moment(a.ticks + b.ticks - first if word == "+" else a.ticks - b.ticks + first)


def like(text: str | None, pattern: str | None, escape: str | None, exact: int) -> int | None:
    if text is None or pattern is None:
        return None
    made, at = "", 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == escape and at + 1 < len(pattern):
            made, at = made + re.escape(pattern[at + 1]), at + 2
            continue
        if letter == "[" and (end := pattern.find("]", at + 1)) > 0:
            inside = pattern[at + 1 : end].replace("\\", "\\\\")
            made, at = made + f"[{inside}]", end + 1
            continue
        made, at = made + {"%": ".*", "_": "."}.get(letter, re.escape(letter)), at + 1
    return int(re.fullmatch(made, text, re.DOTALL | (0 if exact else re.IGNORECASE)) is not None)
