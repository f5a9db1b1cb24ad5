"""Policies: what becomes of values that not every place can hold, each by the user's choice.

A source's profile counts such values at planning. The choice then decides the word by which the column is read, and
that word's mapping rule does the rest; a value that turns up later stops the run, as the readers and loaders refuse it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches

from .engine import Engine, Session
from .errors import RequestError
from .plan import Finding
from .request import Choice, Request
from .rules import split
from .schema.catalogue import Column, Table

POLICIES: Mapping[str, tuple[str, ...]] = {
    "zero_date": ("stop", "null", "text"),
    "infinity": ("stop", "null", "text"),
    "nan": ("stop", "null", "text"),
    "nul": ("stop", "null", "remove", "replace"),
    "invalid_text": ("stop", "null", "remove", "replace"),
    "empty_string": ("stop", "null"),
}
MEANT: Mapping[str, str] = {
    "zero_date": "dates of year, month or day zero",
    "infinity": "infinite dates or timestamps",
    "nan": "NaN or infinite numbers",
    "nul": "texts with the character U+0000",
    "invalid_text": "texts whose bytes are no UTF-8",
    "empty_string": "texts or binaries of no length, which are NULL in the target",
}
KEEP = "keep"  # planning's own: the target holds such values as they are
NATIVE = "native words"  # planning's own: KEEP where both places are of one family
RAW = "undecoded"  # planning's own: KEEP where bytes pass undecoded, so that nothing depends on the values
LARGE = 1_000_000  # rows, from which on nobody looks for values that would only stop the run: it stops there anyway
FLOATS = "nan in floats"  # planning's own: `nan` where floats are concerned


def checked(given: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Policies by name, in order. RequestError for a name or a choice that there is not, with the nearest."""
    made = dict(given)
    for name, choice in made.items():
        if name not in POLICIES:
            raise RequestError(f"There is no policy {name!r}.", remedy=_near(name, POLICIES, "Policies"))
        if choice not in POLICIES[name]:
            raise RequestError(
                f"Policy {name} has no choice {choice!r}.", remedy=_near(choice, POLICIES[name], "Choices")
            )
    return tuple(sorted(made.items()))


def _near(word: str, known: Iterable[str], what: str) -> str:
    near = get_close_matches(word, list(known), 1)
    return (f"Did you mean {near[0]}? " if near else "") + f"{what}: {', '.join(known)}."


def choices(request: Request, choice: Choice, source: Engine, target: Engine) -> dict[str, str]:
    """Each policy as it is for one table, what nobody chose included.

    Inside a family values are kept, as far as they are text at all; U+0000 and NaN in floats are where the target does
    not lack them.
    """
    chosen = dict(checked([*request.policies, *choice.policies]))
    silent = KEEP if source.family == target.family else "stop"
    made = {name: chosen.get(name, silent) for name in POLICIES}
    made[NATIVE] = silent
    made[RAW] = "stop"
    made[FLOATS] = made["nan"] if "nan" in target.lacks else KEEP
    made["nul"] = made["nul"] if "nul" in target.lacks else KEEP
    # Of one family, too: an empty CLOB of Oracle's is none by the time that it is bound.
    made["empty_string"] = chosen.get("empty_string", "stop") if "empty" in target.lacks else KEEP
    made["invalid_text"] = chosen.get("invalid_text", "stop")  # which Arrow cannot carry, wherever it goes
    return made


def shared(source: Engine, target: Engine, column: Column) -> bool:
    """Whether a column's native type is the target's too: of one family, and no word of one member only."""
    name = split(column.base or column.native).name
    unlike = source.name != target.name and any(re.fullmatch(one, name) for one in target.unlike)
    return source.family == target.family and not unlike


def profiled(
    request: Request, choice: Choice, source: Engine, session: Session, target: Engine, table: Table, *, raw: bool
) -> tuple[dict[str, str], list[Finding]]:
    """What the source's profile says of the columns that are moved and that the user gave no type.

    `raw` says that their bytes are to pass undecoded.
    """
    named = {name for name, _ in choice.types}
    asked = tuple(
        column
        for column in table.columns
        if column.name not in named and (not choice.columns or column.name in choice.columns)
    )
    policies = {**choices(request, choice, source, target), RAW: KEEP if raw else "stop"}
    return source.profile(session, replace(table, columns=asked), choice.where, policies)


def idle(table: Table, choice: str) -> bool:
    """Whether looking for values is not worth the scan: they would stop the run, as they do when they are read."""
    return choice == "stop" and table.rows > LARGE


def unlooked(table: Table, columns: Iterable[Column], policy: str) -> list[Finding]:
    """Say so."""
    names = ", ".join(column.name for column in columns)
    said = f"{names}: nobody looked for {MEANT[policy]} among {table.rows:,} rows; the first one stops the run"
    remedy = f"Choose what becomes of them by --policy {policy}=..., and planning looks."
    return [Finding("note", str(table.name), said, "not-profiled", remedy)] if names else []


def may_pass(request: Request, choice: Choice, source: Engine, target: Engine) -> bool:
    """Whether bytes may pass undecoded as far as the request says: inside a family, nothing chosen or changed."""
    chosen = (
        choice.types
        or choice.zones
        or choice.transforms
        or choice.over
        or request.policies
        or choice.policies
        or request.limit
        or not request.raw
    )
    return not chosen and source.family == target.family and bool(target.takes)


def refused(table: Table, column: Column, policy: str, count: int, key: str = "") -> RequestError:
    """What a profile raises where it found values and the policy is to stop."""
    others = [choice for choice in POLICIES[policy] if choice != "stop"]
    first = f", the first at {key}" if key else ""
    return RequestError(
        f"{table.name}.{column.name} ({column.native}) holds {count:,} {MEANT[policy]}{first}.",
        table=str(table.name), column=column.name, key=key,
        remedy=f"Choose what becomes of them: --policy {policy}={'|'.join(others)}, or policies: in the job, for all "
        "tables or for one; or leave them out by a where condition.",
    )  # fmt: skip


def forbid_null(table: Table, column: Column, word: str) -> None:
    """RequestError where a policy would put NULL into a primary key."""
    if column.name in table.key:
        raise RequestError(
            f"{table.name}.{column.name} is in the primary key, which takes no NULL ({word}).",
            table=str(table.name), column=column.name, remedy="Choose another policy for this table.",
        )  # fmt: skip
