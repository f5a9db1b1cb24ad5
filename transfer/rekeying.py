"""Keys that become others by a rule of their own, and with them what refers to them: in flight, without a look-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .errors import RequestError
from .looking import Looked
from .request import Choice
from .schema import clashes
from .schema.catalogue import Relation
from .schema.clashes import Change
from .schema.selection import Selected
from .schema.transformed import Reshaped, behind, fields_behind


def own_changes(looked: Looked) -> dict[Relation, Change]:
    """The tables of a source whose own rule changes their keys."""
    found = {}
    for item in looked.selected:
        if item.choice.rekey:
            if item.choice.query:
                raise RequestError(
                    f"{item.table.name}: a query has no key to be re-keyed.", table=str(item.table.name),
                    remedy="Say it in the query.",
                )  # fmt: skip
            found[item.table.name] = _change(item.choice)
    return found


def _change(choice: Choice) -> Change:
    word, given = choice.rekey
    return Change(word, given)


def rekeyed(looked: Looked) -> tuple[Looked, dict[Relation, Reshaped]]:
    """The tables of which columns change so, behind the transforms that make them; what is to be known is `skipped`'s.

    RequestError for a column that would change by two rules, for a key that no rule changes.
    """
    own = own_changes(looked)
    changed = clashes.changes("", [item.table for item in looked.selected], own) if own else {}
    made = {}
    for item in looked.selected:
        if item.table.name in changed:
            whole = with_changes("", item, changed[item.table.name], looked)
            made[item.table.name] = behind(looked.ends, whole, looked.readable.profile(whole, raw=False))
    return replace(looked, skipped=[*looked.skipped, *clashes.told("", changed)]), made


def with_changes(alias: str, item: Selected, columns: Mapping[str, Change], looked: Looked) -> Selected:
    """The table with the transforms that change these columns, as the job's own leave them."""
    if not columns:
        return item
    fields = fields_behind(looked.ends, item, looked.readable.profile(item, raw=False))
    names = {field.origin: field.name for field in fields if field.origin}
    gone = [name for name in columns if name not in names and name in item.table.key]
    if gone:
        raise RequestError(
            f"{clashes.called(alias, item.table)} has no {', '.join(gone)} behind its transforms, by which its keys "
            "are told apart.", table=str(item.table.name),
            remedy=f"Keep the key, or leave out '{clashes.rule(alias)}'.",
        )  # fmt: skip
    steps = clashes.calls_of({names[name]: change for name, change in columns.items() if name in names})
    return Selected(item.table, replace(item.choice, transforms=(*item.choice.transforms, *steps)))
