"""Making a Request of the keys of a job."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..transfer.engine import Engine
from ..transfer.engines import engine_of
from ..transfer.errors import RequestError
from ..transfer.job import MINIMUM_MEMORY, MINIMUM_SHARE, Limits
from ..transfer.passwords import WAYS
from ..transfer.permitted import permitted
from ..transfer.place import Place, parse
from ..transfer.plan import Call
from ..transfer.policies import checked
from ..transfer.redaction import WITHHELD
from ..transfer.request import Choice, Request, Rule
from ..transfer.rules import Use, read_rule, split, write_rule
from ..transfer.throttle import throttle
from ..transfer.types import KINDS, Type
from . import say
from .keys import JobKeys, TableKeys
from .reshaped import reshaping
from .several import check_aliases, check_entry, check_used, feeding, shared
from .wire import Secrets

_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ALL_ROWS = 1 << 62  # no table has more
_SECRET_OPTION = re.compile(r"pass|secret|token", re.IGNORECASE)
_NEUTRAL = {"bool": "bool", "boolean": "bool", "string": "text", "float": "float64", "double": "float64"}


@dataclass(frozen=True)
class Wanted:
    """A job ready to be planned. `literal` names the places whose password stands in the URL itself."""

    request: Request
    secrets: Secrets
    limits: Limits
    literal: tuple[str, ...] = ()


def load(path: Path | str) -> Wanted:
    """The job of a file. RequestError names the file, the line and the key of what is wrong."""
    from .jobfile import read  # YAML takes a tenth of a second to load

    return wanted(read(Path(path)))


def job(**keys: Any) -> Wanted:
    """The job of keys as they stand in a job file: `job(source=..., target=..., tables=[{"from": "shop.*"}])`."""
    try:
        return wanted(JobKeys.model_validate(keys))
    except ValidationError as error:
        from .jobfile import wrong

        raise RequestError("\n".join(wrong(one) for one in error.errors())) from error


def wanted(keys: JobKeys) -> Wanted:
    """A Request of the keys. RequestError for what cannot be asked for, before any connection is made."""
    check_aliases(keys)
    sources = {alias: place(url) for alias, url in keys.sources.items()}
    for name in ("source", "target"):
        if not getattr(keys, name) and not (name == "source" and sources):
            raise RequestError(
                f"The job names no {name}.", remedy=f"Give --{name} URL, or '{name}: URL' in a job file."
            )
    source, source_secret = next(iter(sources.values())) if sources else place(keys.source)
    target, target_secret = place(keys.target)
    entries = keys.tables or [TableKeys.model_validate({"from": "*"})]
    reshapes = any(entry.reshape for entry in entries)
    places = {alias: one for alias, (one, _) in sources.items()}
    request = Request(
        source, target, () if reshapes else tuple(
            choice for entry in entries for choice in _choices(entry, places or {"": source})
        ),
        mode=keys.mode,
        consistency=keys.consistency, level=keys.verify, limit=keys.limit, target_schema=keys.target_schema,
        before=tuple(keys.before), after=tuple(keys.after), slice_rows=keys.slice_rows or _ALL_ROWS,
        policies=checked(keys.policies.items()),
        waive=tuple(keys.waive), names=keys.names, on_violation=keys.on_violation,
        target_owner=keys.target_owner, partitions=keys.partitions, max_rejects=_rejects(keys.max_rejects),
        writes=keys.writes, keep=seconds_of(keys.keep), sources=tuple(places.items()),
    )  # fmt: skip
    if reshapes:
        request = reshaping(request, entries, _choice)
    check_used(request.staging.request if request.staging else request)
    secrets = Secrets(
        "" if sources else source_secret, target_secret, {alias: one for alias, (_, one) in sources.items()}
    )
    literal = tuple(name for name in ("source", "target") if getattr(secrets, name))
    literal += tuple(alias for alias, secret in secrets.sources.items() if secret)
    return Wanted(request, secrets, limits(keys.workers, keys.max_memory, keys.throttle), literal)


def _rejects(given: int | str) -> str:
    """'' where none may be, so that bytes may pass undecoded."""
    text = str(given).strip()
    found = permitted(text)
    return text if found.rows or found.percent else ""


def place(url: str) -> tuple[Place, str]:
    """A URL as its Place and its literal password. RequestError for a literal secret among the options.

    The options of a Place are part of the plan, which must hold no secret.
    """
    found, secret = parse(url)
    for name, value in found.options:
        if _SECRET_OPTION.search(name) and name not in WAYS and not re.fullmatch(r"\$\{\w+\}", value):
            raise RequestError(
                f"The {found.scheme} URL holds a secret in its option {name!r}.",
                remedy=f"Name an environment variable in its place: {name}=${{NAME}}.",
            )
    return (found, "" if secret == WITHHELD else secret)


def withhold(found: Wanted) -> None:
    """Keep the passwords of a job out of all messages, those in the environment too."""
    request, secrets = found.request, found.secrets
    places = [(secrets.source, request.source), (secrets.target, request.target)]
    if request.staging:
        request = request.staging.request
        places.append((secrets.source, request.source))
    places += [(secrets.of(alias), one) for alias, one in request.sources]
    for secret, one in places:
        say.hide(secret)
        say.hide(os.environ.get(one.password.removeprefix("${").removesuffix("}"), ""))


def _choices(entry: TableKeys, places: Mapping[str, Place]) -> list[Choice]:
    """The choices of an entry: one, or one for each source of which a table goes into one."""
    check_entry(entry, several="" not in places)
    if entry.to and any(sign in entry.named for sign in "*?["):
        raise RequestError(f"'to: {entry.to}' names one table, and {entry.named!r} may mean several.")
    if "" in places:
        return [_choice(entry, str(entry.source), places[""])]
    return [
        replace(_choice(entry, table, places[alias]), origin=alias, **shared(entry))
        for alias, table in feeding(entry, places)
    ]


def _choice(entry: TableKeys, table: str, source: Place) -> Choice:
    types = {column: native_of(engine_of(source.scheme), word) for column, word in entry.types.items()}
    return Choice(
        table or "*", tuple(entry.exclude), entry.to, entry.where, tuple(entry.columns), entry.query,
        entry.mode or "", tuple(entry.key), tuple(types.items()), tuple(entry.before), tuple(entry.after),
        checked(entry.policies.items()), entry.on_violation or "", tuple(entry.zones.items()), entry.zone_rule or "",
        _transforms(entry), _over(entry), _rules(entry), _partition(entry), _storage(entry), rekey=_rekey(entry),
    )  # fmt: skip


def _transforms(entry: TableKeys) -> tuple[Call, ...]:
    if not entry.transforms:
        return ()
    from ..transforms.steps import calls_of

    return calls_of([one.step for one in entry.transforms])


def _over(entry: TableKeys) -> tuple[Call, ...]:
    if entry.dedup is None:
        return ()
    from ..transforms.steps import over_of

    return over_of(entry.dedup.model_dump(exclude_unset=True))


def _rules(entry: TableKeys) -> tuple[Rule, ...]:
    made = []
    for number, one in enumerate(entry.rules, start=1):
        ((kind, given),) = one.words.items()
        made.append(Rule(one.name or f"{kind} {number}", kind, json.dumps(given), one.on_fail, one.asked or ""))
    return tuple(made)


def _rekey(entry: TableKeys) -> tuple[str, ...]:
    """The rule by which keys change, as a transform is given it."""
    given = entry.rekey
    if given is None:
        return ()
    return (
        ("prefix", json.dumps(given.prefix)) if given.prefix else ("rekey", json.dumps([given.multiply, given.offset]))
    )


def _partition(entry: TableKeys) -> Call | None:
    if entry.partition is None:
        return None
    from ..partitioning.declared import call_of

    return call_of(entry.partition.model_dump(exclude_unset=True))


def _storage(entry: TableKeys) -> tuple[tuple[str, str], ...]:
    given = entry.storage.model_dump(exclude_unset=True) if entry.storage else {}
    return tuple((name, json.dumps(value)) for name, value in sorted(given.items()))


def native_of(engine: Engine, word: str) -> str:
    """A type override in the source's own words: as it stands if the engine has it, else by its neutral name."""
    if read_rule(engine.reads, word):
        return word
    named = split(word)
    kind = _NEUTRAL.get(named.name, named.name)
    if kind not in KINDS:
        raise RequestError(
            f"{engine.name} has no type {word!r}, and it is no neutral word either.",
            remedy=f"Neutral words: {', '.join(KINDS)}. 'ropeway types {engine.name}' lists its own.",
        )
    meaning = _neutral(kind, named.arguments)
    native = write_rule(engine.writes, meaning, Use()).native(meaning)
    # MySQL's bool is a tinyint(1), which alone is read as a number.
    decided, rule = f"{native}, as {kind}", read_rule(engine.reads, native)
    return decided if rule and rule.type(split(native)).kind != kind and read_rule(engine.reads, decided) else native


def _neutral(kind: str, arguments: tuple[int, ...]) -> Type:
    first, second = (*arguments, 0, 0)[:2]
    if kind == "decimal":
        return Type(kind, precision=first or 38, scale=second)
    if kind in ("text", "binary"):
        return Type(kind, length=first)
    return Type(kind, digits=first if arguments else 6)


def limits(workers: int, memory: str | int, slowly: Sequence[str] = ()) -> Limits:
    """Workers and memory, within what a run can keep, and how fast it may go."""
    size = memory if isinstance(memory, int) else bytes_of(memory)
    least = max(MINIMUM_MEMORY, MINIMUM_SHARE * workers)
    if size < least:
        raise RequestError(
            f"{memory} of memory is too little for {workers} worker{'s' if workers > 1 else ''}: Ropeway takes at "
            f"least {MINIMUM_MEMORY >> 20}MB, and {MINIMUM_SHARE >> 20}MB for each worker.",
            remedy=f"Give --max-memory {least >> 20}MB or more.",
        )
    return Limits(workers, size, throttle(slowly))


def seconds_of(text: str) -> int:
    """Seconds of `7d`; '' is none."""
    found = re.fullmatch(r"(\d+) *([smhdw])", text.strip())
    if text and not found:
        raise RequestError(f"{text!r} is no length of time.", remedy="Write it as 7d or 12h; units are s, m, h, d, w.")
    return int(found[1]) * _SECONDS[found[2]] if found else 0


def bytes_of(text: str) -> int:
    """Bytes of `600MB` or `1.5 GiB`; a unit is 1024 of the next smaller one."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if not found:
        raise RequestError(f"{text!r} is no size of memory.", remedy="Write it as 600MB or 2GB.")
    return int(float(found[1]) * _UNITS[found[2].upper()])
