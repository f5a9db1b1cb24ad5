"""The rules of a job's tables, as they can be said to other tools: by the target's names, in the target's SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..transfer.engine import Engine
from ..transfer.engines import engine_of
from ..transfer.errors import MissingTable, RequestError
from ..transfer.place import resolve
from ..transfer.plan import Constraint, Hop, Plan
from ..transfer.request import Request, Rule
from ..transfer.schema.catalogue import Relation
from ..transfer.schema.entry import Ends, Entry
from ..transfer.schema.quality import asked, columns_named
from ..transfer.schema.violations import duplicates
from . import say
from .chosen import choice_of, pairing
from .wire import Secrets, is_there, plan

_WORDS = {"true", "false", "yes", "no", "on", "off", "null"}


@dataclass(frozen=True)
class Said:
    """A rule of a table: its word, what was given for it, the target's columns that this names, and what it asks."""

    table: Relation
    rule: Rule
    number: int
    given: Any
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    constraint: Constraint

    @property
    def shown(self) -> str:
        return f"{self.table}, rule {self.rule.name}"

    def broken(self, engine: Engine, on: str, sql: Callable[[str], str] = str) -> str:
        """A query of what breaks the rule, of a table that is called `on`; `sql` is done to all else in it."""
        asked, kind = self.constraint, self.rule.kind
        if kind == "unique":
            return duplicates(on, [sql(engine.quote(column)) for column in self.columns])
        if kind == "refers":
            raise RequestError("a name in it is one that this tool does not quote")
        if asked.broken:
            return f"SELECT * FROM {on} WHERE {sql(asked.broken)}"
        head = f"SELECT {asked.columns[0]} FROM {engine.relation(self.table)}"
        return f"SELECT {sql(asked.columns[0])} FROM {on}{sql(asked.offenders.removeprefix(head))}"


@dataclass(frozen=True)
class Book:
    """All rules of a job, and the engine whose SQL they are in."""

    target: Engine
    rules: tuple[Said, ...]


@dataclass(frozen=True)
class Export:
    """Files for another tool, by their paths, and the rules that have no counterpart there, each with the reason."""

    files: dict[str, str]
    left_out: tuple[tuple[str, str], ...] = ()


HEAD = "Written by 'ropeway rules': what it says is in the job's file."


def heading(left_out: Sequence[tuple[str, str]]) -> str:
    """The comment at the head of a file, with what is not in it."""
    lines = [HEAD, *(f"Left out: {name}: {why}." for name, why in left_out)]
    return "".join(f"# {say.visible(' '.join(line.split()))}\n" for line in lines)


def yaml(content: Any, depth: int = 0) -> str:
    """YAML in the order that is given. Texts are quoted, for YAML 1.1 takes a plain `no` for false."""
    pad = "  " * depth
    if isinstance(content, dict) and content:
        return "".join(f"{pad}{_scalar(name)}:{_within(value, depth)}" for name, value in content.items())
    if isinstance(content, list) and content:
        return "".join(f"{pad}-{_within(value, depth)}" for value in content)
    return f"{pad}{json.dumps(content)}\n"


def _within(value: Any, depth: int) -> str:
    return f"\n{yaml(value, depth + 1)}" if isinstance(value, dict | list) and value else f" {_scalar(value)}\n"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch("[a-z][a-z_]+", value) and value not in _WORDS:
        return value
    said = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", said)


def put(export: Export, folder: Path) -> None:
    """Write the files into a folder. Those of an earlier export that are none any more go: a rule of theirs is none."""
    for file in (*folder.glob("tests/*/*.sql"), *folder.glob("checks*.yml")):
        # Whatever else lies there, in whatever encoding, is none of ours.
        if file.read_bytes().partition(b" ")[2].startswith(HEAD.encode()):
            file.unlink()
    for path, text in export.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def rulebook(request: Request, secrets: Secrets) -> Book:
    """The rules of a job. RequestError for one that cannot be asked, and for a job that has none."""
    found = _planned(request, secrets)
    engine, address = engine_of(found.target.scheme), resolve(found.target, secrets.target)
    with ExitStack() as stack:
        session = None
        if is_there(address):
            session = engine.connect(address)
            stack.callback(session.close)
        source = engine_of(found.source.scheme)
        ends = Ends(source, None, engine, session, target_address=address)  # type: ignore[arg-type]  # it is not asked
        makers = [hop for hop in found.hops if found.feeders(hop)[0].name == hop.name]
        said = [one for hop in makers for one in _of(ends, request, found, hop)]
    if not said:
        raise RequestError("No table of the job has rules.", remedy="They stand at a table: docs/quality.md.")
    return Book(engine, tuple(said))


def _planned(request: Request, secrets: Secrets) -> Plan:
    """What the job's tables are in the target, before its run or after it. Several sources' become one by making it."""
    bare = replace(request, choices=tuple(replace(choice, rules=()) for choice in request.choices))
    if request.sources:
        made = tuple(replace(choice, mode="create") for choice in bare.choices)
        return plan(replace(bare, choices=made, mode="create", moves=False), secrets)
    try:
        return plan(pairing(bare), secrets)  # the tables are there, from a run
    except MissingTable:
        return plan(bare, secrets)


def _of(ends: Ends, request: Request, found: Plan, hop: Hop) -> list[Said]:
    """The rules of a hop's table, which rows have reached."""
    choice, hops = choice_of(request, hop), {one.writes: replace(one, into=one.writes) for one in found.hops}
    table = next(one for one in found.tables if one.name == hop.writes)
    entry = Entry(choice, table, table, hop.columns, (), "create")
    return [
        Said(hop.writes, rule, number, given, named := _columns(entry, rule.kind, given), _kinds(hop, named),
             asked(ends, entry, hops[hop.writes], rule, hops))
        for number, rule in enumerate(choice.rules, start=1) for given in [json.loads(rule.spec)]
    ]  # fmt: skip


def _columns(entry: Entry, kind: str, given: Any) -> tuple[str, ...]:
    named = partial(columns_named, entry)
    return () if kind in ("check", "aggregate") else named([given] if isinstance(given, str) else list(given))


def _kinds(hop: Hop, columns: Sequence[str]) -> tuple[str, ...]:
    kinds = {one.target: one.type.kind for one in hop.columns}
    return tuple(kinds.get(name, "") for name in columns)
