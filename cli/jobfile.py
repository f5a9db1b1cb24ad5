"""Job files: YAML 1.2, with the line of every mistake. Loaded only where a job file is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from ..transfer.errors import RequestError
from .keys import JobKeys

_MOST = 12  # mistakes that are told at once


def read(path: Path) -> JobKeys:
    """The keys of a job file, checked."""
    if url := re.match(r"(\w+):/", str(path)):
        raise RequestError(
            f"A job file is wanted here, and not the URL of a place ({url[1]}://...).",
            remedy="Without a job file: --source URL --target URL.",
        )
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
    if {"hops", "statements"} <= content.keys():
        raise RequestError(
            f"{path} is a plan, and no job.", remedy=f"A plan is carried out by its folder: ropeway run {path.parent}"
        )
    try:
        return JobKeys.model_validate(content)
    except ValidationError as error:
        found = [sentence for _, sentence in sorted({_sentence(path, tree, one) for one in error.errors()})]
        more = [f"and {len(found) - _MOST} more."] if len(found) > _MOST else []
        raise RequestError("\n".join([*found[:_MOST], *more])) from error


def _unreadable(path: Path, error: YAMLError) -> RequestError:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    problem = str(getattr(error, "problem", None) or "is no YAML").splitlines()[0]
    where = f"{path}, line {mark.line + 1}" if mark else str(path)
    return RequestError(f"{where}: {problem}.", remedy="A job file is YAML 1.2.")


def _sentence(path: Path, tree: Node, error: ErrorDetails) -> tuple[int, str]:
    """A mistake as (line, sentence)."""
    line = _line(tree, _place_of(error))
    return line, f"{path}, line {line}: {wrong(error)}"


def _place_of(error: ErrorDetails) -> list[int | str]:
    """Without the names of types and models, which stand there where a key may be of several."""
    return [p for p in error["loc"] if isinstance(p, int) or not (p in ("str", "int") or p.endswith("Keys"))]


def wrong(error: ErrorDetails) -> str:
    """What is wrong with which key, and what was perhaps meant."""
    place = _place_of(error)
    key, name = _spelled(place), str(place[-1]) if place else ""
    if error["type"] == "extra_forbidden":
        known = _keys(_model(place))
        near = get_close_matches(name, known, 1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Keys here: {', '.join(known)}."
        return f"there is no key '{key}'. {hint}"
    return f"'{key}' {error['msg'].removeprefix('Input ').removeprefix('Value error, ')}."


def _model(place: Sequence[int | str]) -> type[BaseModel]:
    """Whose keys stand at a place."""
    model: type[BaseModel] = JobKeys
    for part in place[:-1]:
        field = next((one for name, one in model.model_fields.items() if (one.validation_alias or name) == part), None)
        model = next(_within(field.annotation), model) if field else model
    return model


def _within(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _within(part)


def _keys(model: type[BaseModel]) -> list[str]:
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
