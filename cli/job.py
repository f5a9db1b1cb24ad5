"""Reading a job file: YAML 1.2, with the line of every mistake; and making a Request of its keys."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from ..transfer.engine import Engine
from ..transfer.engines import engine_of
from ..transfer.errors import RequestError
from ..transfer.place import WITHHELD, Place, parse
from ..transfer.request import Choice, Request
from ..transfer.rules import Use, read_rule, split, write_rule
from ..transfer.run import MINIMUM_MEMORY, MINIMUM_SHARE, Limits
from ..transfer.types import KINDS, Type
from . import say
from .keys import NOT_BUILT, JobKeys, TableKeys
from .wire import Secrets

_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_ALL_ROWS = 1 << 62  # no table has more
_NEUTRAL = {"bool": "bool", "boolean": "bool", "string": "text", "float": "float64", "double": "float64"}
_SECRET_OPTION = re.compile(r"pass|secret|token", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """A job ready to be planned. `literal` names the places whose password stands in the URL itself."""

    request: Request
    secrets: Secrets
    limits: Limits
    literal: tuple[str, ...] = ()


def load(path: Path | str) -> Wanted:
    """The job of a file. RequestError names the file, the line and the key of what is wrong."""
    return wanted(read(Path(path)))


def job(**keys: Any) -> Wanted:
    """The job of keys as they stand in a job file: `job(source=..., target=..., tables=[{"from": "shop.*"}])`."""
    try:
        return wanted(JobKeys.model_validate(keys))
    except ValidationError as error:
        raise RequestError("\n".join(_wrong(one) for one in error.errors())) from error


def read(path: Path) -> JobKeys:
    """The keys of a job file, checked."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RequestError(f"The job file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"The job file {path} is not UTF-8 text.") from error
    try:
        tree = YAML(typ="safe", pure=True).compose(text)
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise _unreadable(path, error) from error
    if not isinstance(content, dict):
        raise RequestError(f"{path} holds no job.", remedy="A job begins with 'source:' and 'target:'.")
    try:
        return JobKeys.model_validate(content)
    except ValidationError as error:
        found = sorted({_sentence(path, tree, one) for one in error.errors()})
        raise RequestError("\n".join(sentence for _, sentence in found)) from error


def _unreadable(path: Path, error: YAMLError) -> RequestError:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    problem = str(getattr(error, "problem", None) or "is no YAML").splitlines()[0]
    where = f"{path}, line {mark.line + 1}" if mark else str(path)
    return RequestError(f"{where}: {problem}.", remedy="A job file is YAML 1.2.")


def _sentence(path: Path, tree: Node, error: ErrorDetails) -> tuple[int, str]:
    """A mistake as (line, sentence)."""
    line = _line(tree, _place_of(error))
    return line, f"{path}, line {line}: {_wrong(error)}"


def _place_of(error: ErrorDetails) -> list[int | str]:
    return [part for part in error["loc"] if isinstance(part, int) or part not in ("str", "int")]


def _wrong(error: ErrorDetails) -> str:
    """What is wrong with which key, and what was perhaps meant."""
    place = _place_of(error)
    key, name = _spelled(place), str(place[-1]) if place else ""
    if error["type"] == "extra_forbidden" and name in NOT_BUILT:
        return f"'{key}': {NOT_BUILT[name]}: designed and not built yet."
    if error["type"] == "extra_forbidden":
        known = _keys(TableKeys if "tables" in place[:-1] else JobKeys)
        near = get_close_matches(name, known, 1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Keys here: {', '.join(known)}."
        return f"there is no key '{key}'. {hint}"
    if name == "from" and isinstance(error["input"], list):
        return f"'{key}' with a list consolidates tables: designed and not built yet."
    return f"'{key}' {error['msg'].removeprefix('Input ').removeprefix('Value error, ')}."


def _keys(model: type[JobKeys | TableKeys]) -> list[str]:
    return [str(one.validation_alias or name) for name, one in model.model_fields.items()]


def _spelled(place: Sequence[int | str]) -> str:
    """('tables', 0, 'from') as a person counts: 'tables[1].from'."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _line(node: Node, place: Sequence[int | str]) -> int:
    """The line of a key, or of the nearest thing around it that the file holds."""
    line = int(node.start_mark.line)
    for part in place:
        if isinstance(node, MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                break
            line, node = int(found[0][0].start_mark.line), found[0][1]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = int(node.start_mark.line)
        else:
            break
    return line + 1


def wanted(keys: JobKeys) -> Wanted:
    """A Request of the keys. RequestError for what cannot be asked for, before any connection is made."""
    for name in ("source", "target"):
        if not getattr(keys, name):
            raise RequestError(
                f"The job names no {name}.", remedy=f"Give --{name} URL, or '{name}: URL' in a job file."
            )
    source, source_secret = place(keys.source)
    target, target_secret = place(keys.target)
    entries = keys.tables or [TableKeys.model_validate({"from": "*"})]
    request = Request(
        source, target, tuple(_choice(entry, source) for entry in entries), mode=keys.mode,
        consistency=keys.consistency, level=keys.verify, limit=keys.limit, target_schema=keys.target_schema,
        before=tuple(keys.before), after=tuple(keys.after), slice_rows=keys.slice_rows or _ALL_ROWS,
    )  # fmt: skip
    secrets = Secrets(source_secret, target_secret)
    literal = tuple(name for name in ("source", "target") if getattr(secrets, name))
    return Wanted(request, secrets, limits(keys.workers, keys.max_memory), literal)


def place(url: str) -> tuple[Place, str]:
    """A URL as its Place and its literal password. RequestError for a literal secret among the options.

    The options of a Place are part of the plan, which must hold no secret.
    """
    found, secret = parse(url)
    for name, value in found.options:
        if _SECRET_OPTION.search(name) and not re.fullmatch(r"\$\{\w+\}", value):
            raise RequestError(
                f"The {found.scheme} URL holds a secret in its option {name!r}.",
                remedy=f"Name an environment variable in its place: {name}=${{NAME}}.",
            )
    return (found, "" if secret == WITHHELD else secret)


def withhold(found: Wanted) -> None:
    """Keep the passwords of a job out of all messages, those in the environment too."""
    for secret, place in ((found.secrets.source, found.request.source), (found.secrets.target, found.request.target)):
        say.hide(secret)
        say.hide(os.environ.get(place.password.removeprefix("${").removesuffix("}"), ""))


def _choice(entry: TableKeys, source: Place) -> Choice:
    if not entry.source and not entry.query:
        raise RequestError(
            "An entry of 'tables' has neither 'from' nor 'query'.", remedy="Name its tables: from: shop.*"
        )
    if entry.query and not entry.to:
        raise RequestError("A query needs a name in the target.", remedy="Give it one: to: schema.table")
    if entry.source and entry.query:
        raise RequestError("'from' and 'query' exclude each other.", remedy="Put the condition into 'where'.")
    if entry.to and any(sign in entry.source for sign in "*?["):
        raise RequestError(f"'to: {entry.to}' names one table, and {entry.source!r} may mean several.")
    types = {column: native_of(engine_of(source.scheme), word) for column, word in entry.types.items()}
    return Choice(
        entry.source or "*", tuple(entry.exclude), entry.to, entry.where, tuple(entry.columns), entry.query,
        entry.mode or "", tuple(entry.key), tuple(types.items()), tuple(entry.before), tuple(entry.after),
    )  # fmt: skip


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
    return write_rule(engine.writes, _neutral(kind, named.arguments), Use()).native(_neutral(kind, named.arguments))


def _neutral(kind: str, arguments: tuple[int, ...]) -> Type:
    first, second = (*arguments, 0, 0)[:2]
    if kind == "decimal":
        return Type(kind, precision=first or 38, scale=second)
    if kind in ("text", "binary"):
        return Type(kind, length=first)
    return Type(kind, digits=first if arguments else 6)


def limits(workers: int, memory: str | int) -> Limits:
    """Workers and memory, within what a run can keep."""
    size = memory if isinstance(memory, int) else bytes_of(memory)
    least = max(MINIMUM_MEMORY, MINIMUM_SHARE * workers)
    if size < least:
        raise RequestError(
            f"{memory} of memory is too little for {workers} worker{'s' if workers > 1 else ''}: Ropeway takes at "
            f"least {MINIMUM_MEMORY >> 20}MB, and {MINIMUM_SHARE >> 20}MB for each worker.",
            remedy=f"Give --max-memory {least >> 20}MB or more.",
        )
    return Limits(workers, size)


def bytes_of(text: str) -> int:
    """Bytes of `600MB` or `1.5 GiB`; a unit is 1024 of the next smaller one."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if not found:
        raise RequestError(f"{text!r} is no size of memory.", remedy="Write it as 600MB or 2GB.")
    return int(float(found[1]) * _UNITS[found[2].upper()])
