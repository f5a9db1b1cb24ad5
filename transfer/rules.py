"""Mapping rules: ordered, guarded, first match wins, and each can print itself.

READS make a Type from a native column; WRITES make a native type from a Type and its use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .errors import RequestError
from .types import Fidelity, Type


@dataclass(frozen=True)
class Native:
    """An engine's type in parts: `numeric(12,2)` is name `numeric` and arguments (12, 2)."""

    name: str
    arguments: tuple[int, ...] = ()
    text: str = ""

    def argument(self, place: int, default: int) -> int:
        """The argument at a place, or the default where the declaration is silent."""
        return self.arguments[place] if len(self.arguments) > place else default


@dataclass(frozen=True)
class Use:
    """What a column is used for; keys and indexes have limits that values do not."""

    key: bool = False
    identity: bool = False


@dataclass(frozen=True)
class Read:
    """Native columns whose name matches `native` (a regular expression) have this Type.

    `project` is the SQL that brings the value in a form the reader carries exactly, `{c}` the quoted column;
    where it depends on the declaration, a function of that and of the quoted column makes it. A rule that
    counts `within` an engine's family is passed over elsewhere. `nulls` says that it gives NULL for some values.

    The words that a profile decides for stand behind a comma: `date, as text` keeps a column's text,
    `date, zero as null` carries out a policy.
    """

    native: str
    type: Callable[[Native], Type]
    project: str | Callable[[Native, str], str] = "{c}"
    when: str = ""
    guard: Callable[[Native], bool] = lambda _native: True
    fidelity: Fidelity = Fidelity.EXACT
    why: str = ""
    nulls: bool = False
    within: bool = False

    def projected(self, text: str, quoted: str) -> str:
        """The projection of a quoted column that is declared so."""
        return self.project.format(c=quoted) if isinstance(self.project, str) else self.project(split(text), quoted)


@dataclass(frozen=True)
class Write:
    """Types of this kind become the native type that `native` makes of them."""

    kind: str
    native: Callable[[Type], str]
    when: str = ""
    guard: Callable[[Type, Use], bool] = lambda _type, _use: True
    fidelity: Fidelity = Fidelity.EXACT
    why: str = ""


def fixed(kind: str, **facets: int | bool) -> Callable[[Native], Type]:
    """A READS result that does not depend on the declaration's arguments."""
    return lambda native: Type(kind, native=native.text, **facets)  # type: ignore[arg-type]


def word(native: str) -> Callable[[Type], str]:
    """A WRITES result that does not depend on the Type's facets."""
    return lambda _type: native


def split(text: str) -> Native:
    """Read a declaration such as `numeric(12, 2)` or `bigint(20) unsigned`."""
    found = re.search(r"\(([^()]*)\)", text)
    name = re.sub(r"\s+", " ", re.sub(r"\([^()]*\)", " ", text)).replace(" ,", ",").strip().lower()
    inside = found[1].split(",") if found else []
    numbers = tuple(int(part) for part in inside if re.fullmatch(r"\s*-?\d+\s*", part))
    return Native(name, numbers, text)


def read_rule(rules: Sequence[Read], text: str, *, within: bool = False) -> Read | None:
    """The first READS rule for a declaration, or None: an unknown type is the caller's error."""
    native = split(text)
    for rule in rules:
        if rule.within and not within:
            continue
        if re.fullmatch(rule.native, native.name) and rule.guard(native):
            return rule
    return None


def write_rule(rules: Sequence[Write], meaning: Type, use: Use) -> Write:
    """The first WRITES rule for a Type in this use; RequestError where the engine has none."""
    for rule in rules:
        if rule.kind == meaning.kind and rule.guard(meaning, use):
            return rule
    raise RequestError(f"No rule writes {meaning}.")
