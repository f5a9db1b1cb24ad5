"""Keys that change by a rule, as where those of several sources meet in one table, and with them what refers to them.

A source has no alias where it is the only one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import RequestError
from ..plan import Call, Finding
from .catalogue import Relation, Table

_CONFORM = "ropeway.transforms.conform"


@dataclass(frozen=True)
class Change:
    """What becomes of a key: a pure function of the source and the old one, so that references need no look-up."""

    word: str
    given: str

    @property
    def call(self) -> str:
        """The transform's function."""
        return f"{_CONFORM}:{self.word}"


def change_of(rule: str, alias: str, place: int, parts: int) -> Change:
    """The change of a source's keys, which is the source's `place` of so many `parts`."""
    return Change(rule, json.dumps(f"{alias}-" if rule == "prefix" else [parts, place]))


def changes(
    alias: str, tables: Sequence[Table], own: Mapping[Relation, Change]
) -> dict[Relation, dict[str, Change]]:  # fmt: skip
    """For each of a source's tables the columns whose values change: the keys that have rules, and all that refers
    to them, directly or through others. RequestError where that is not one change for each column.
    """
    found: dict[Relation, dict[str, Change]] = {table.name: {} for table in tables}
    for table in tables:
        if table.name in own and len(table.key) == 1:
            found[table.name][table.key[0]] = own[table.name]
    while _spread(alias, tables, found):
        pass
    for table in tables:
        if table.name in own and not found[table.name].keys() & set(table.key):
            raise _without(alias, table)
    return {name: columns for name, columns in found.items() if columns}


def _spread(alias: str, tables: Sequence[Table], found: dict[Relation, dict[str, Change]]) -> bool:
    """Carry the changes on to what refers to changed columns; whether there was anything to carry."""
    more = False
    for table in tables:
        for fk in table.foreign_keys:
            for name, referenced in zip(fk.columns, fk.referenced, strict=True):
                change = found.get(fk.references, {}).get(referenced)
                before = found[table.name].get(name)
                if change and before and before != change:
                    raise RequestError(
                        f"{called(alias, table)}.{name} would change by two rules: it refers to {fk.references} too, "
                        "whose keys change otherwise.", table=str(table.name), column=name,
                        remedy="Consolidate both tables in one job, by the same 'clash' and from the same sources."
                        if alias else "Give both tables the same 'rekey'.",
                    )  # fmt: skip
                if change and not before:
                    found[table.name][name] = change
                    more = True
    return more


def _without(alias: str, table: Table) -> RequestError:
    key = f"the key {', '.join(table.key)}, of which no column refers to a table whose keys change"
    return RequestError(
        f"{called(alias, table)} has {key if table.key else 'no primary key'}, so its rule for keys changes nothing.",
        table=str(table.name),
        remedy="Leave out 'clash', or consolidate the table that its key refers to, too, by the same rule."
        if alias else "Leave out 'rekey', or give one to the table that its key refers to.",
    )  # fmt: skip


def called(alias: str, table: Table) -> str:
    """A table, behind the alias of its source where there are several."""
    return f"{alias}:{table.name}" if alias else str(table.name)


def rule(alias: str) -> str:
    """The job's word by which keys of a source change."""
    return "clash" if alias else "rekey"


def calls_of(columns: Mapping[str, Change]) -> tuple[Call, ...]:
    """The transforms that change these columns, by the names that they have."""
    made = []
    for function in dict.fromkeys(change.call for change in columns.values()):
        given = {name: json.loads(one.given) for name, one in columns.items() if one.call == function}
        made.append(Call(function, (("spec", json.dumps(given)),)))
    return tuple(made)


def told(alias: str, columns: Mapping[Relation, Mapping[str, Change]]) -> list[Finding]:
    """Which columns of a source change: what is not among them, and refers to a key all the same, refers to others."""
    made = []
    for change in dict.fromkeys(one for changed in columns.values() for one in changed.values()):
        names = [
            f"{table}.{name}" for table, changed in columns.items() for name, one in changed.items() if one == change
        ]
        given = json.loads(change.given)
        how = f"a number k becomes k * {given[0]} + {given[1]}" if change.word == "rekey" else f"{given} comes in front"
        why = ", so that keys do not meet," if alias else ""
        said = f"{how}{why} in {', '.join(sorted(names))}, and in no other column"
        remedy = "Declare a foreign key in the source where another column refers to these keys."
        made.append(Finding("warning", alias or "the source", said, "keys-changed", remedy))
    return made
