"""Where the functions are put down, by the name that Oracle has for them, and what some of them ask of a session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from ..formats import Nls, text_of
from ..values import Stored


class Context(Protocol):
    """A session, as far as functions look at it."""

    user: str
    schema: str
    nls: Nls
    settings: dict[str, str]

    def scn(self) -> int: ...

    def passed(self, scn: int) -> datetime: ...

    def drawn(self, owner: str, name: str) -> int: ...

    def current(self, owner: str, name: str) -> int: ...


Function = Callable[..., Any]
FUNCTIONS: dict[str, Function] = {}  # of their arguments
ASKING: dict[str, Function] = {}  # of the session and their arguments
AGGREGATES: dict[str, type] = {}


def plain(*names: str) -> Callable[[Function], Function]:
    """A function that is NULL where its first argument is."""

    def registered(function: Function) -> Function:
        def guarded(*given: Any) -> Stored:
            return None if given and given[0] is None else none(function(*given))

        for name in names:
            FUNCTIONS[name] = guarded
        return function

    return registered


def asking(*names: str) -> Callable[[Function], Function]:
    def registered(function: Function) -> Function:
        for name in names:
            ASKING[name] = function
        return function

    return registered


def none(value: Stored) -> Stored:
    return None if value == "" else value


def texts(name: str, function: Callable[..., Stored]) -> None:
    """A function whose first argument is made a text, as Oracle does unasked."""

    def asked(session: Context, *given: Stored) -> Stored:
        if given[0] is None:
            return None
        return none(function(text_of(given[0], session.nls), *given[1:]))

    ASKING[name] = asked
