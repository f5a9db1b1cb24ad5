"""Planning over several sources: each is planned by itself, with the tables that go into one made alike before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .calls import call
from .errors import RequestError
from .gathering import check, stages_of
from .joining import joined
from .looking import Looked, look
from .plan import Call, Finding, Plan
from .planning import decided, drafted, new_run
from .proposals import FOLDER
from .rekeying import own_changes, with_changes
from .request import Choice, Request, job_of
from .schema import clashes
from .schema.catalogue import Relation
from .schema.clashes import Change
from .schema.entry import Ends, Entry, Fed
from .schema.feeding import alike, unheld
from .schema.names import check_columns
from .schema.selection import Selected
from .schema.transformed import Reshaped, behind, fields_behind
from .schema.united import Part, united
from .types import Type
from .widening import Keys, keys_of, widened

_MADE, _NEWEST = ("create", "replace"), "newest"
_DEDUP = "ropeway.transforms.dedup:dedup"
Shares = dict[Relation, dict[str, Selected]]  # a table of the target to what feeds it, by alias


@dataclass(frozen=True)
class _Several:
    """All sources as they were looked at, and the tables that several of them feed."""

    looked: Mapping[str, Looked]
    shares: Shares

    def profile(self, alias: str, item: Selected) -> tuple[dict[str, str], list[Finding]]:
        return self.looked[alias].readable.profile(item, raw=False)


def plan(request: Request, ends: Mapping[str, Ends], run: str = "") -> Plan:
    """Plan a job of several sources. RequestError for what cannot be done; nothing is changed anywhere."""
    run = run or new_run()
    looked = {alias: look(one, ends[alias]) for alias, one in _each(request).items()}
    several = _Several(looked, _shares(looked))
    for table, share in several.shares.items():
        _check(table, share, several, request)
    reshaped, findings = _reshaped(several)
    entries = {alias: drafted(one, reshaped[alias]) for alias, one in looked.items()}
    said = _made_alike(entries, several)
    if ends[next(iter(ends))].target.parents_first:
        merged = {one.table.name for made in entries.values() for one in made if one.fed and one.choice.over}
        entries = {alias: unheld(made, merged) for alias, made in entries.items()}
    plans: dict[str, Plan] = {}
    for alias, one in looked.items():
        first = 1 + sum(len(made.hops) for made in plans.values())
        beside = [table for made in plans.values() for table in made.tables]
        plans[alias] = decided(one, entries[alias], run, first, beside)
    made = joined(request, job_of(request), plans, [*findings, *said])
    check(made.hops, stages_of(made, FOLDER))
    return made


def _each(request: Request) -> dict[str, Request]:
    """The request of each source by itself: what is to happen once happens with the first or with the last of them."""
    made = {}
    last = len(request.sources) - 1
    for number, (alias, place) in enumerate(request.sources):
        choices = tuple(one for one in request.choices if one.origin == alias)
        made[alias] = replace(
            request, source=place, sources=(), choices=choices, waive=(), before=() if number else request.before,
            after=() if number < last else request.after,
        )  # fmt: skip
    return made


def _shares(looked: Mapping[str, Looked]) -> Shares:
    """What feeds each table that several do. RequestError where tables meet that nobody put together."""
    homes: dict[tuple[str, str], tuple[str, Selected]] = {}
    shares: Shares = {}
    for alias, one in looked.items():
        folds = one.ends.target.folds_tables(one.ends.target_session)
        for item in one.selected:
            goal = one.names[item.table.name]
            key = (goal.schema.lower(), goal.table.lower()) if folds else (goal.schema, goal.table)
            other = homes.setdefault(key, (alias, item))
            if other[1] is not item and not (item.choice.shared and other[1].choice.shared):
                raise RequestError(
                    f"{other[0]}:{other[1].table.name} and {alias}:{item.table.name} would both become {goal}.",
                    table=str(goal), remedy="Put them into one with from: "
                    f"[{other[0]}:{other[1].table.name}, {alias}:{item.table.name}], or give one another 'to'.",
                )  # fmt: skip
            if item.choice.shared:
                shares.setdefault(goal, {})[alias] = item
    return shares


def _alone(choice: Choice) -> Choice:
    """What a choice has of its entry, without what is its table's own."""
    return replace(choice, origin="", table="", types=())


def _check(table: Relation, share: Mapping[str, Selected], several: _Several, request: Request) -> None:
    """RequestError for what no table that several sources feed can have."""
    target = several.looked[next(iter(share))].ends.target
    wanted = [one for one in request.choices if one.shared and one.to == next(iter(share.values())).choice.to]
    missing = [f"{one.origin}:{one.table}" for one in wanted if one.origin not in share]
    choice, *others = (item.choice for item in share.values())
    mode = choice.mode or request.mode
    refusals = (
        (any(_alone(one) != _alone(choice) for one in others),
         "two entries put tables into it", "Name all of them in the list of one."),
        (missing, f"{', '.join(missing)} goes elsewhere by a later entry", "Leave it out of one of them."),
        (mode not in _MADE, f"mode {mode} is not for tables that several sources feed", "Modes: create, replace."),
        (target.landing != "transaction", f"{target.name} targets take no table that several sources feed",
         "Choose a database as the target."),
        (choice.over and choice.clash[:1] == (_NEWEST,), "clash: newest is a 'dedup' by the table's key", "Give one."),
        ("quarantine" in (choice.on_violation or request.on_violation, *(one.on_fail for one in choice.rules)),
         "quarantine is not for tables that several sources feed", "Choose stop or leave-out, of rules fail or warn."),
        (request.limit, "a rehearsal (limit) is not for tables that several sources feed", "Use where: instead."),
    )  # fmt: skip
    for refused, said, remedy in refusals:
        if refused:
            raise RequestError(f"{table}: {said}.", table=str(table), remedy=remedy)


def _reshaped(several: _Several) -> tuple[dict[str, dict[Relation, Reshaped]], list[Finding]]:
    """The tables whose keys change, and those that go into one, behind the transforms that make them so."""
    changed = {alias: _changes(alias, several) for alias in several.looked}
    keys = _merged_keys(several, changed)
    made: dict[str, dict[Relation, Reshaped]] = {alias: {} for alias in several.looked}
    findings = [one for alias, columns in changed.items() for one in clashes.told(alias, columns)]
    for alias, tables in changed.items():
        looked = several.looked[alias]
        for item in looked.selected:
            own = item if item.choice.shared else _changed(alias, item, several, tables, keys[alias])
            if own is not item:
                made[alias][item.table.name] = behind(looked.ends, own, several.profile(alias, own))
    for table, share in several.shares.items():
        items = {
            alias: _changed(alias, item, several, changed[alias], keys[alias]) for alias, item in share.items()
        }  # fmt: skip
        steps, said = _united(table, items, several)
        findings += said
        for (alias, item), step in zip(items.items(), steps, strict=True):
            whole = Selected(item.table, replace(item.choice, transforms=(*item.choice.transforms, step)))
            made[alias][item.table.name] = behind(several.looked[alias].ends, whole, several.profile(alias, whole))
    return made, findings


def _changed(
    alias: str, item: Selected, several: _Several, changes: Mapping[Relation, Mapping[str, Change]], keys: Keys
) -> Selected:
    """The table behind the transforms that change its keys, and references to those of others."""
    looked = several.looked[alias]
    made = with_changes(alias, item, changes.get(item.table.name, {}), looked)
    if not any(fk.references in keys for fk in item.table.foreign_keys):
        return made
    return widened(made, fields_behind(looked.ends, made, several.profile(alias, made)), keys)


def _merged_keys(
    several: _Several, changed: Mapping[str, Mapping[Relation, Mapping[str, Change]]]
) -> dict[str, dict[Relation, dict[str, Type]]]:  # fmt: skip
    """The keys of each source's tables whose rows are merged with those of others, as they are united."""
    found: dict[str, dict[Relation, dict[str, Type]]] = {alias: {} for alias in several.looked}
    for table, share in several.shares.items():
        if not next(iter(share.values())).choice.over:
            continue
        items = {
            alias: _changed(alias, item, several, changed[alias], {}) for alias, item in share.items()
        }  # fmt: skip
        steps, _ = _united(table, items, several)
        for (alias, item), step in zip(items.items(), steps, strict=True):
            fields = fields_behind(several.looked[alias].ends, item, several.profile(alias, item))
            found[alias][item.table.name] = keys_of(item, fields, step)
    return found


def _changes(alias: str, several: _Several) -> dict[Relation, dict[str, Change]]:
    """The columns of a source's tables that change so that keys do not meet, by the source's names."""
    own = own_changes(several.looked[alias])
    for share in several.shares.values():
        item = share.get(alias)
        if item and item.choice.clash and item.choice.clash[0] != _NEWEST:
            place = list(share).index(alias)
            own[item.table.name] = clashes.change_of(item.choice.clash[0], alias, place, len(share))
    return clashes.changes(alias, [one.table for one in several.looked[alias].selected], own)


def _united(
    table: Relation, items: Mapping[str, Selected], several: _Several
) -> tuple[tuple[Call, ...], list[Finding]]:
    parts = []
    for alias, item in items.items():
        ends = several.looked[alias].ends
        fields = fields_behind(ends, item, several.profile(alias, item))
        goals = [(field.name, ends.name(field.name)) for field in fields]
        check_columns(item.table.name, goals, ends.target.name, fold=ends.target.folds_columns)
        parts.append(Part(alias, f"{alias}:{item.table.name}", {ends.name(field.name): field for field in fields}))
    choice = next(iter(items.values())).choice
    return united(table, parts, choice.provenance, dict(choice.defaults))


def _made_alike(entries: dict[str, list[Entry]], several: _Several) -> list[Finding]:
    """Put the same table into all entries that feed it; what each source's own had otherwise."""
    findings: list[Finding] = []
    for table in several.shares:
        feeding = {
            alias: next(one for one in made if one.table.name == table)
            for alias, made in entries.items()
            if any(one.table.name == table for one in made)
        }
        whole, said = alike(feeding, entries, inline=several.looked[next(iter(feeding))].ends.target.parents_first)
        findings += said
        fed = Fed(tuple((one, several.looked[alias].ends) for alias, one in whole.items()))
        for alias, one in whole.items():
            one = replace(one, choice=_decided(one))  # noqa: PLW2901 - the same one
            entries[alias] = [replace(one, fed=fed) if e.table.name == table else e for e in entries[alias]]
    return findings


def _decided(entry: Entry) -> Choice:
    """The choice with what decides over all rows: of those with one key the newest stays, if that is the rule."""
    choice, table = entry.choice, entry.table
    if choice.clash[:1] != (_NEWEST,):
        return choice
    if not table.key:
        raise RequestError(
            f"{table.name} has no primary key, by which the newest of several rows could stay.", table=str(table.name),
            remedy="Use dedup: {key: ..., keep: latest, by: ...}.",
        )  # fmt: skip
    spec = json.dumps({"key": list(table.key), "keep": "latest", "by": choice.clash[1]})
    return replace(choice, over=(call(_DEDUP, spec=spec),))
