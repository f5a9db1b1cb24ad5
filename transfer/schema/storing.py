"""How a target is to keep a table, as its job says: put into the table by the engine, or refused by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..engines import having
from ..errors import RequestError
from .entry import Ends, Entry


def stored(entries: Sequence[Entry], ends: Ends) -> list[Entry]:
    """The entries, their tables with the storage of their choices. RequestError for what a target has not."""
    return [_stored(entry, ends) if entry.choice.storage else entry for entry in entries]


def options_of(storage: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Options by their names; a choice has their values as JSON."""
    return {name: json.loads(value) for name, value in storage}


def _stored(entry: Entry, ends: Ends) -> Entry:
    table, verb = str(entry.table.name), getattr(ends.target, "stored", None)
    if verb is None:
        raise RequestError(
            f"{ends.target.name} targets take no `storage`.", table=table,
            remedy=f"Leave it out; these take some: {', '.join(having('stored'))}.",
        )  # fmt: skip
    if entry.mode not in ("create", "replace"):
        raise RequestError(
            f"{table} is there in mode {entry.mode}, and `storage` is for tables that are made.", table=table,
            remedy="Leave it out.",
        )  # fmt: skip
    return replace(entry, table=verb(entry.table, options_of(entry.choice.storage)))


def check_known(name: str, options: dict[str, Any], known: Sequence[str]) -> None:
    """RequestError for an option that is not an engine's."""
    for option in options:
        if option not in known:
            raise RequestError(
                f"{name} targets have no storage option {option}.", remedy=f"Options there: {', '.join(known)}."
            )
