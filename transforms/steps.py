"""The words by which a job names transforms, and the calls that a plan keeps of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..transfer.calls import call
from ..transfer.errors import RequestError
from ..transfer.plan import Call
from . import masks

# The job's word, and the function that is called.
STEPS = {
    "rename": "columns:rename", "drop": "columns:drop", "order": "columns:order",
    "cast": "casts:cast", "derive": "query:derive", "filter": "query:filter_rows", "sql": "query:sql",
    "fill": "values:fill", "map": "values:map_values", "trim": "values:trim", "lower": "values:lower",
    "upper": "values:upper", "unicode": "values:unicode", "empty_to_null": "values:empty_to_null",
    "parse": "values:parse", "split": "values:split", "join": "values:join", "mask": "masks:mask",
    "polars": "own:polars", "python": "own:python",
}  # fmt: skip


def calls_of(steps: Sequence[Mapping[str, Any]]) -> tuple[Call, ...]:
    """The calls of a job's `transforms`, each a mapping of one word. RequestError for what cannot be asked for."""
    made = []
    for number, step in enumerate(steps, start=1):
        ((word, given),) = step.items()
        try:
            spec = _spec(word, given)
        except RequestError as error:
            raise RequestError(
                f"transform {number} ({word}): {error.message}", column=error.column, remedy=error.remedy
            ) from error
        made.append(call(f"{__package__}.{STEPS[word]}", spec=json.dumps(spec)))
    return tuple(made)


def over_of(dedup: Mapping[str, Any]) -> tuple[Call, ...]:
    """The call of a job's `dedup`."""
    from .similar import apart

    spec, more = apart(dedup)
    if name := spec.pop("map", ""):
        more["map"] = name
    return (call(f"{__package__}.dedup:dedup", spec=json.dumps(spec), **more),)


def _spec(word: str, given: Any) -> Any:
    if word in ("polars", "python"):
        return {"function": given, "version": call(given).version}
    return masks.checked(given) if word == "mask" else given


def told(made: Call) -> str:
    """A transform as a plan shows it: its word, and what was given for it."""
    if made.function == f"{__package__}.conform:conform":
        return f"as one with other sources: {', '.join(map(_conformed, json.loads(dict(made.arguments)['spec'])))}"
    words = {f"{__package__}.{function}": word for word, function in STEPS.items()}
    given = json.loads(dict(made.arguments)["spec"])
    word = words.get(made.function, made.function.rpartition(":")[2])
    if name := dict(made.arguments).get("map", ""):
        given["map"] = name
    if approved := dict(made.arguments).get("approved", ""):
        given["similar"]["approved"] = f"{len(json.loads(approved)[1])} pairs"
    if word in ("polars", "python"):
        return f"{word} {given['function']}"
    if word == "mask":
        given = {column: {key: value for key, value in how.items() if key != "check"} for column, how in given.items()}
    return f"{word} {given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)}"


def _conformed(column: Mapping[str, Any]) -> str:
    """A column of a consolidated table, and what it is made of where that says more than its name."""
    if column["of"]:
        return str(column["name"]) if column["of"] == column["name"] else f"{column['of']} as {column['name']}"
    return f"{column['name']} = {'NULL' if column['value'] is None else repr(column['value'])}"
