"""A job's places: one source, or several of which entries name tables behind an alias."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..transfer.errors import RequestError
from ..transfer.place import Place
from ..transfer.request import Request
from ..transfer.schema.united import ALIAS
from .keys import JobKeys, TableKeys

_NAMED = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{ALIAS - 1}}}")


def check_aliases(keys: JobKeys) -> None:
    """RequestError for what cannot be the alias of a source."""
    if keys.sources and keys.source:
        raise RequestError("'source' and 'sources' exclude each other.", remedy="Name all places under 'sources'.")
    folded: dict[str, str] = {}
    for alias in keys.sources:
        if not _NAMED.fullmatch(alias):
            raise RequestError(
                f"{alias!r} cannot be the alias of a source.",
                remedy=f"Take up to {ALIAS} letters, digits and _, a letter first.",
            )
        other = folded.setdefault(alias.lower(), alias)
        if other != alias:
            raise RequestError(f"The aliases {other} and {alias} differ in case only.", remedy="Rename one of them.")


def check_entry(entry: TableKeys, *, several: bool) -> None:
    """RequestError for an entry that means nothing, or more than can be."""
    if isinstance(entry.source, dict) or entry.one_per:
        word = "one_per" if entry.one_per else "from: {name: table}"
        raise RequestError(f"{entry.named!r}: {word!r} is for an entry with 'reshape'.")
    if not entry.source and not entry.query:
        raise RequestError(
            "An entry of 'tables' has neither 'from' nor 'query'.", remedy="Name its tables: from: shop.*"
        )
    if entry.query and not entry.to:
        raise RequestError("A query needs a name in the target.", remedy="Give it one: to: schema.table")
    if entry.source and entry.query:
        raise RequestError("'from' and 'query' exclude each other.", remedy="Put the condition into 'where'.")
    if entry.query and several:
        raise RequestError("'query' names no source, and the job has several.", remedy="Make it a view there.")
    if isinstance(entry.source, list):
        _check_list(entry, several=several)
        return
    words = [word for word in ("provenance", "defaults") if getattr(entry, word)]
    words += ["clash"] if entry.clash != "stop" else []
    if words:
        raise RequestError(
            f"'{words[0]}' is for tables that several sources feed, and {entry.source or entry.to!r} is one table.",
            remedy="Name them as a list: from: [eu:orders, us:orders]",
        )


def _check_list(entry: TableKeys, *, several: bool) -> None:
    listed = ", ".join(entry.source)
    if not several:
        raise RequestError(
            f"from: [{listed}] takes tables of several sources, and the job has one.",
            remedy="Name them: sources: {eu: URL, us: URL}",
        )
    if not entry.to:
        raise RequestError(f"from: [{listed}] needs a name in the target.", remedy="Give it one: to: schema.table")
    if any(sign in table for table in entry.source for sign in "*?["):
        raise RequestError(f"from: [{listed}] takes one table of each source, and no globs.")
    if entry.dedup and (entry.dedup.similar or entry.dedup.map):
        word = "similar" if entry.dedup.similar else "map"
        raise RequestError(
            f"from: [{listed}] has dedup with {word!r}, which is for one table.",
            remedy="Consolidate first, and clean the one table up with a job of its own.",
        )
    if entry.rekey:
        raise RequestError(
            f"from: [{listed}] has 'rekey', which is for one table.",
            remedy="Of several sources 'clash' says what becomes of keys that meet.",
        )
    if len(entry.source) < 2:
        raise RequestError(f"from: [{listed}] is one table.", remedy="Write it without brackets.")


def feeding(entry: TableKeys, places: Mapping[str, Place]) -> list[tuple[str, str]]:
    """The tables of an entry, each with the alias of its source, in the order of the job's sources."""
    named = [entry.source] if isinstance(entry.source, str) else list(entry.source)
    found: dict[str, str] = {}
    for text in named:
        alias, colon, table = text.partition(":")
        if not colon or not table or alias not in places:
            raise RequestError(
                f"from: {text!r} names none of the sources {', '.join(places)}.",
                remedy=f"Write the alias in front: {next(iter(places))}:{table or text}",
            )
        if alias in found:
            raise RequestError(
                f"{alias}:{found[alias]} and {text} are of one source, and a table takes one of each.",
                remedy="Name the source twice, under two aliases: each then feeds it.",
            )
        found[alias] = table
    return [(alias, found[alias]) for alias in places if alias in found]


def shared(entry: TableKeys) -> dict[str, Any]:
    """What a choice has of an entry whose tables go into one."""
    if not isinstance(entry.source, list):
        return {}
    rule = [entry.clash] if isinstance(entry.clash, str) else ["newest", entry.clash.newest]
    clash = () if rule == ["stop"] else tuple(rule)
    defaults = tuple((name, _spelled(value)) for name, value in entry.defaults.items())
    return {"shared": True, "provenance": entry.provenance, "clash": clash, "defaults": defaults}


def _spelled(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_used(request: Request) -> None:
    """RequestError for a source of which nothing is moved."""
    used = {choice.origin for choice in request.choices}
    idle = _first(alias for alias, _ in request.sources if alias not in used)
    if idle:
        raise RequestError(
            f"No entry of 'tables' names a table of {idle}.", remedy=f"Name some: from: {idle}:*; or leave it out."
        )


def _first(names: Iterable[str]) -> str:
    return next(iter(names), "")
