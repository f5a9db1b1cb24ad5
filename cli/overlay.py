"""The command line over the job file: what a person types wins."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..transfer.errors import RequestError
from . import say
from .job import Wanted, wanted, withhold
from .keys import JobKeys, TableKeys
from .options import Asked

_SCALARS = (
    "source", "target", "mode", "consistency", "limit", "target_schema", "target_owner", "names", "partitions",
    "verify", "on_violation", "max_rejects", "slice_rows", "workers", "writes", "keep",
)  # fmt: skip


def wanted_of(asked: Asked) -> Wanted:
    """The job that the command line and its job file ask for together, with its secrets withheld."""
    found = wanted(_keys(asked))
    withhold(found)
    _warn_of_literals(found, asked)
    return found


def keys_of(asked: Asked) -> JobKeys:
    """The same as the keys of a job file."""
    wanted_of(asked)
    return _keys(asked)


def _keys(asked: Asked) -> JobKeys:
    if asked.job and (asked.job / "plan.json").is_file():
        raise RequestError(
            f"{asked.job} is a finished plan.",
            remedy=f"'ropeway run {asked.job}' carries it out, 'plan --seal {asked.job}' takes edits of its SQL.",
        )
    if asked.job and asked.job.is_dir():
        raise RequestError(f"{asked.job} is a folder without a plan.json.", remedy="'ropeway plan --out' writes one.")
    return overlaid(_read(asked.job) if asked.job else JobKeys(), asked)


def _read(path: Path) -> JobKeys:
    from .jobfile import read  # YAML takes a tenth of a second to load

    return read(path)


def _warn_of_literals(found: Wanted, asked: Asked) -> None:
    for name in found.literal:
        typed = bool(getattr(asked, name, ""))  # of several sources all stand in the file
        where = "the process list and the shell's history" if typed else f"the file {asked.job}"
        quotes = ", in single quotes" if typed else ""
        say.warn(
            f"the password of the {name} can be read in {where}. Name an environment variable in its place{quotes}: "
            "scheme://user:${NAME}@host/database"
        )


def overlaid(keys: JobKeys, asked: Asked) -> JobKeys:
    """The keys with the options of the command line in their place."""
    typed = {name: value for name in _SCALARS if (value := getattr(asked, name)) not in ("", None)}
    if asked.max_memory:
        typed["max_memory"] = asked.max_memory
    if asked.throttle:
        typed["throttle"] = asked.throttle
    if asked.policy:
        typed["policies"] = {**keys.policies, **dict(_choice(text) for text in asked.policy)}
    if asked.waive:
        typed["waive"] = [*keys.waive, *asked.waive]
    entries = _narrowed(keys.tables, asked)
    entries = _renamed(entries, asked)
    entries = [_with(entry, exclude=[*entry.exclude, *asked.exclude]) for entry in entries]
    for text in asked.where:
        table, sql = _pair(text, "--where", "orders=placed_at >= '2024-01-01'")
        entries = _changed(entries, table, where=sql)
    for text in asked.columns:
        table, names = _pair(text, "--columns", "orders=order_id,placed_at")
        entries = _changed(entries, table, columns=[name.strip() for name in names.split(",")])
    for text in asked.zone:
        entries = _zoned(entries, text)
    if keys.sources and asked.source:
        raise RequestError(
            f"--source names one place, and {asked.job} names several.", remedy="Change 'sources' in the job file."
        )
    return keys.model_copy(update={**typed, "tables": entries})


def _zoned(entries: list[TableKeys], text: str) -> list[TableKeys]:
    place, zone = _pair(text, "--zone", "orders.placed_at=Europe/Paris")
    table, dot, column = place.rpartition(".")
    if not dot or not table:
        raise RequestError(
            f"--zone names a table's column, not {place!r}.", remedy="--zone orders.placed_at=Europe/Paris"
        )
    entries = _changed(entries, table)
    return [_with(one, zones={**one.zones, column: zone}) if _is_same(one.named, table) else one for one in entries]


def _entry(pattern: str) -> TableKeys:
    return TableKeys.model_validate({"from": pattern})


def _with(entry: TableKeys, **changes: Any) -> TableKeys:
    return entry.model_copy(update=changes)


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    table, sign, value = text.partition("=")
    if not sign or not table.strip() or not value.strip():
        raise RequestError(f"{option} is written as 'table=...', not {text!r}.", remedy=f'{option} "{example}"')
    return table.strip(), value.strip()


def _choice(text: str) -> tuple[str, str]:
    name, sign, choice = text.partition("=")
    if not sign or not name.strip() or not choice.strip():
        raise RequestError(f"--policy is written as NAME=CHOICE, not {text!r}.", remedy="--policy zero_date=null")
    return name.strip(), choice.strip()


def _narrowed(entries: list[TableKeys], asked: Asked) -> list[TableKeys]:
    """The entries that --table leaves: those it contains, and those that contain it, made as narrow as it is."""
    if not entries:
        typed = [_entry(pattern) for pattern in asked.table]
        return typed or ([] if asked.query else [_entry("*")])
    if not asked.table:
        return entries
    kept: dict[str, list[TableKeys]] = {pattern: [] for pattern in asked.table}
    for entry in entries:
        for pattern in asked.table:
            inside = _inside(entry.named, pattern)
            if _inside(pattern, entry.named):
                kept[pattern].append(entry)
            elif inside and not isinstance(entry.source, list):
                kept[pattern].append(_with(entry, source=inside))
    for pattern, found in kept.items():
        if not found:
            raise RequestError(
                f"--table {pattern} meets no entry of {asked.job}.", remedy=f"Its entries: {_listed(entries)}."
            )
    return [entry for found in kept.values() for entry in found]


def _listed(entries: list[TableKeys]) -> str:
    return ", ".join(entry.named or entry.to for entry in entries)


def _inside(wide: str, narrow: str) -> str:
    """The narrow glob if whatever it means is meant by the wide one too, with the wide one's schema; else ''."""
    schema, dot, table = wide.rpartition(".")
    own_schema, own_dot, own_table = narrow.rpartition(".")
    if not (wide and narrow and _meets(own_table, table)):
        return ""
    if dot and own_dot and not _meets(own_schema, schema):
        return ""
    return narrow if own_dot or not dot else f"{schema}.{narrow}"


def _meets(name: str, glob: str) -> bool:
    return fnmatchcase(name.lower(), glob.lower())


def _renamed(entries: list[TableKeys], asked: Asked) -> list[TableKeys]:
    if asked.query:
        if not asked.to:
            raise RequestError("--query needs a name in the target.", remedy="Give it one: --to schema.table")
        return [*entries, TableKeys(query=asked.query, to=asked.to)]
    if asked.to:
        if len(entries) != 1 or any(sign in entries[0].named for sign in "*?["):
            raise RequestError("--to names one table.", remedy="Name it: --table shop.orders --to orders_old")
        return [_with(entries[0], to=asked.to)]
    return entries


def _changed(entries: list[TableKeys], table: str, **changes: Any) -> list[TableKeys]:
    """The entries with a change for one table: to its own entry, or to a copy of the one that means it."""
    own = [n for n, entry in enumerate(entries) if _is_same(entry.named, table)]
    if own:
        return [_with(entry, **changes) if n == own[-1] else entry for n, entry in enumerate(entries)]
    around = [(entry, inside) for entry in entries if (inside := _inside(entry.named, table))]
    if not around:
        raise RequestError(
            f"{table} is not among the tables of this job, so nothing can be said of it.",
            remedy=f"Its tables: {_listed(entries)}.",
        )
    entry, source = around[-1]
    return [*entries, _with(entry, source=source, **changes)]


def _is_same(source: str, table: str) -> bool:
    return table.lower() in (source.lower(), source.rpartition(".")[2].lower())
