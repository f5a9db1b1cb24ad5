"""Where SQLite calls us: each use of a function is a site, which knows the kinds that go in and come out.

SQLite has one function, ms(site, ...), for all of them; values pass as it holds them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..spoken import Kind, Refused
from .convert import converted
from .types import BIGINT, LONG_TEXT
from .values import Held, held, worked


@dataclass(frozen=True)
class Site:
    """`function` gets what Python works with; `wants` says as what: t text, i integer, f float, . as it is."""

    function: Callable[..., Any]
    takes: tuple[Kind | None, ...]
    gives: Kind
    wants: str = ""
    strict: bool = True  # NULL where any argument is
    asks: bool = False  # the session comes first


_SITES: list[Site] = []
_NUMBERS: dict[Site, int] = {}
_GUARD = threading.Lock()
_WANTED = {"t": LONG_TEXT, "i": BIGINT, "f": Kind("float", 8)}


def site(made: Site) -> int:
    with _GUARD:
        if made not in _NUMBERS:
            _SITES.append(made)
            _NUMBERS[made] = len(_SITES) - 1
        return _NUMBERS[made]


def called(made: Site, arguments: Sequence[str]) -> str:
    """SQL that calls a site."""
    return f"ms({', '.join([str(site(made)), *arguments])})"


def call(session: Any, number: int, *given: Held) -> Held:
    made = _SITES[number]
    if made.strict and None in given:
        return None
    arguments = [_argument(made, place, value) for place, value in enumerate(given)]
    found = made.function(session, *arguments) if made.asks else made.function(*arguments)
    return held(found, made.gives)


def _argument(made: Site, place: int, value: Held) -> Any:
    kind = made.takes[place] if place < len(made.takes) else None
    if value is None or kind is None:
        return value
    found, want = worked(value, kind), made.wants[place : place + 1]
    if want in _WANTED and not (want == "t" and isinstance(found, str)):
        return converted(found, kind, _WANTED[want])
    return found


def known(number: int) -> Site:
    return _SITES[number]


@dataclass(frozen=True)
class Conversion:
    """CAST and CONVERT; `lenient`: NULL where it cannot be done."""

    source: Kind
    kind: Kind
    style: int | None = None
    lenient: bool = False

    def __call__(self, value: Any) -> Any:
        try:
            return converted(value, self.source, self.kind, self.style)
        except Refused:
            if self.lenient:
                return None
            raise


def conversion(sql: str, source: Kind | None, kind: Kind, style: int | None = None, *, lenient: bool = False) -> str:
    """SQL for a value as another kind; NULL stays as it is."""
    if source is None or (source == kind and style is None):
        return sql
    return called(Site(Conversion(source, kind, style, lenient), (source,), kind), [sql])
