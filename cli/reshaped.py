"""A job of which entries reshape: what fills the stage, and what is moved from there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count

from ..transfer.errors import RequestError
from ..transfer.place import Place, parse
from ..transfer.request import Choice, Request, Reshaping, Staging, job_of
from ..transfer.schema.sql import double_quoted
from .keys import TableKeys

FOLDER = ".ropeway/reshape"  # beside the folders of the runs; a folder for each such job
SCHEMA = "reshaped"  # of the stage: what the queries make
_SQL_SAYS = ("exclude", "where", "columns", "query", "zones", "zone_rule", "provenance", "defaults")


def reshaping(
    request: Request, entries: Sequence[TableKeys], choice: Callable[[TableKeys, str, Place], Choice]
) -> Request:
    """The request that moves what the queries make, with the one that brings their tables into the stage.

    RequestError for an entry that does not say what it is to be, and for a query that could give other rows again.
    """
    from ..transforms.reshape import check

    tables: dict[str, tuple[str, str]] = {}
    queries: list[Reshaping] = []
    for entry in entries:
        named = _named(entry, dict(request.sources))
        check(entry.reshape, named)
        _together(tables, named, entry)
        queries.append(Reshaping(entry.reshape, _made(entry, queries), tuple(named), entry.one_per))
    choices = tuple(Choice(table, to=name, origin=alias) for name, (alias, table) in tables.items())
    filling = replace(
        request, choices=choices, mode="create", level="standard" if request.level == "full" else request.level,
        target_schema="", before=(), after=(), names="keep", target_owner="", on_violation="stop", max_rejects="",
        keep=0, partitions="flatten", bare=True,
    )  # fmt: skip
    text = f"{job_of(filling)} {[(one.query, one.makes) for one in queries]}"
    stage, _ = parse(f"duckdb:///{FOLDER}/{hashlib.sha256(text.encode()).hexdigest()[:16]}/stage.duckdb")
    filling = replace(filling, target=stage, after=tuple(statements(queries)))
    moved = tuple(choice(entry, f"{SCHEMA}.{one.makes}", stage) for entry, one in zip(entries, queries, strict=True))
    return replace(
        request, source=stage, sources=(), choices=moved, consistency="run", raw=False,
        staging=Staging(filling, tuple(queries)),
    )  # fmt: skip


def statements(queries: Sequence[Reshaping]) -> list[str]:
    """What makes the tables of the queries, each once and whole."""
    return [statement(""), *(f"{statement(one.makes)}{one.query}\n" for one in queries)]


def statement(makes: str) -> str:
    """What stands before the query of a table, or, without one, what makes the schema of all."""
    schema = double_quoted(SCHEMA)
    return f"CREATE TABLE {schema}.{double_quoted(makes)} AS " if makes else f"CREATE SCHEMA IF NOT EXISTS {schema}"


def _named(entry: TableKeys, sources: Mapping[str, Place]) -> dict[str, tuple[str, str]]:
    """The tables that an entry's query sees, by their names there: alias of the source, and table."""
    if not entry.reshape:
        raise RequestError(
            f"{entry.named!r} stands beside entries that reshape, and would be read at another instant.",
            remedy="Move it in a job of its own, or reshape it too: reshape: SELECT * FROM t",
        )
    if not entry.to:
        raise RequestError("An entry that reshapes needs a name in the target.", remedy="Give it one: to: schema.table")
    if not isinstance(entry.source, dict) or not entry.source:
        raise RequestError(
            f"{entry.to}: 'reshape' needs tables with the names that it calls them by.",
            table=entry.to, remedy="Write from: {o: shop.orders, c: shop.customer}",
        )  # fmt: skip
    words = [word for word in _SQL_SAYS if getattr(entry, word)] + (["clash"] if entry.clash != "stop" else [])
    if words:
        raise RequestError(
            f"{entry.to}: {words[0]!r} is not for an entry that reshapes.", table=entry.to,
            remedy="Say it in the query.",
        )  # fmt: skip
    if entry.one_per and entry.one_per not in entry.source:
        raise RequestError(
            f"{entry.to}: one_per names {entry.one_per!r}, which is none of {', '.join(entry.source)}.", table=entry.to
        )
    return {name: _placed(entry, table, sources) for name, table in entry.source.items()}


def _placed(entry: TableKeys, table: str, sources: Mapping[str, Place]) -> tuple[str, str]:
    if any(sign in table for sign in "*?["):
        raise RequestError(f"{entry.to}: {table!r} may mean several tables, and a name is that of one.", table=entry.to)
    if not sources:
        return "", table
    alias, colon, rest = table.partition(":")
    if not colon or not rest or alias not in sources:
        raise RequestError(
            f"{entry.to}: {table!r} names none of the sources {', '.join(sources)}.", table=entry.to,
            remedy=f"Write the alias in front: {next(iter(sources))}:{rest or table}",
        )  # fmt: skip
    return alias, rest


def _together(tables: dict[str, tuple[str, str]], named: Mapping[str, tuple[str, str]], entry: TableKeys) -> None:
    """One name is one table in all entries, which is read once; the stage folds the case of names."""
    spelled = {name.lower(): name for name in tables}
    for name, table in named.items():
        known = spelled.get(name.lower(), name)
        if tables.setdefault(known, table) != table or known != name:
            raise RequestError(
                f"{entry.to}: {name!r} is {':'.join(filter(None, table))} here, and another entry has {known!r} for "
                f"{':'.join(filter(None, tables[known]))}.",
                table=entry.to, remedy="Give each table a name of its own.",
            )  # fmt: skip


def _made(entry: TableKeys, others: Sequence[Reshaping]) -> str:
    """What the stage calls what a query makes: its table's name in the target, but for the signs of globs."""
    name = "".join("_" if sign in "*?[]" else sign for sign in entry.to.rpartition(".")[2])
    taken = {one.makes.lower() for one in others}
    numbered = (f"{name}_{number}" for number in count(2))
    return next(one for one in chain([name], numbered) if one.lower() not in taken)
