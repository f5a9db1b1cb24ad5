"""Whether a SELECT makes each row of one row alone, by its syntax tree and DuckDB's own list of functions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, NoReturn

from ..transfer.errors import RequestError

Node = dict[str, Any]
_MODIFIERS = {
    "ORDER_MODIFIER": "ORDER BY", "LIMIT_MODIFIER": "LIMIT", "LIMIT_PERCENT_MODIFIER": "LIMIT",
    "DISTINCT_MODIFIER": "DISTINCT",
}  # fmt: skip
_CLAUSES = {"group_expressions": "GROUP BY", "group_sets": "GROUP BY", "having": "HAVING", "qualify": "QUALIFY",
            "sample": "a sample"}  # fmt: skip
ELSEWHERE = "more than one table"
_CLASSES = {"WINDOW": "a window function", "SUBQUERY": "a query inside", "PARAMETER": "a parameter"}
_LISTS = ("list_aggr", "list_aggregate", "array_aggr", "array_aggregate", "aggregate")  # of one row's list
# What DuckDB takes for a function though it is written as a column.
_WORDS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_schema"}
_CLOCK = {("age", 1)}  # DuckDB 2.0 lists it as consistent, and it subtracts from today


class _Beyond(Exception):
    """What of a SELECT looks beyond one row."""


def check_rowwise(node: Node, batch: str) -> None:
    """RequestError for a SELECT of more than the batch's rows, one by one."""
    what = beyond_row(node, batch)
    if what == ELSEWHERE:
        raise RequestError(f"it has to read FROM {batch}, and nothing else.")
    if what:
        raise RequestError(
            f"{what} is not for a transform, which makes each row of one row alone.",
            remedy="Write it as a query: of the source.",
        )


def beyond_row(node: Node, batch: str, making: Collection[str] = ()) -> str:
    """What of a SELECT looks at more than one row of the batch at once, '' if nothing does.

    By functions of `making` one row may become several.
    """
    try:
        _look(node, batch, making)
    except _Beyond as found:
        return str(found)
    return ""


def _look(node: Node, batch: str, making: Collection[str]) -> None:
    if node["type"] != "SELECT_NODE" or node["cte_map"]["map"]:
        _refuse("a set operation or WITH")
    table = node["from_table"]
    name = str(table.get("table_name") or (table.get("qualified_name") or {}).get("path", [""])[-1])
    if table["type"] != "BASE_TABLE" or name.lower() != batch or table["sample"]:
        _refuse(ELSEWHERE)
    for modifier in node["modifiers"]:
        _refuse(_MODIFIERS.get(modifier["type"], modifier["type"]))
    for clause, word in _CLAUSES.items():
        if node.get(clause):
            _refuse(word)
    if node.get("aggregate_handling") not in (None, "STANDARD_HANDLING"):
        _refuse("GROUP BY ALL")
    for part in (node["select_list"], node["where_clause"]):
        _check(part, making)


def _check(part: Any, making: Collection[str] = ()) -> None:
    for node in (one for one in nodes(part) if "class" in one):
        if node["class"] in _CLASSES:
            _refuse(_CLASSES[node["class"]])
        name = str(node["function_name"]).lower() if node["class"] == "FUNCTION" else ""
        if name and name not in making:
            _check_function(name, len(node["arguments"]))
        if node["class"] == "COLUMN_REF" and (word := changing(str(node["column_names"][-1]))):
            _refuse(word)


def nodes(part: Any) -> Iterator[Node]:
    """A part of a syntax tree, and all within it; expressions have a `class`."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from nodes(value)
    elif isinstance(part, list):
        for value in part:
            yield from nodes(value)


def _check_function(name: str, arguments: int) -> None:
    known = _functions()[name]
    kinds = {kind for kind, _, _, _ in known}
    if "aggregate" in kinds and "scalar" not in kinds and name not in _LISTS:
        _refuse(f"{name}(), which is of several rows")
    if "window" in kinds or name in ("unnest", "generate_subscripts"):
        _refuse(f"{name}(), which is not row by row")
    if word := changing(name, arguments):
        _refuse(word)
    for _, _, _, definition in known:
        if definition:
            _check(_parsed(definition))


def changing(name: str, arguments: int = -1) -> str:
    """What to say of a function, or of a word that is one, which gives something else each time; '' if it does not."""
    if arguments < 0:
        return f"{name}, which is of another run's time" if name.lower() in _WORDS else ""
    known = _functions()[name]
    some = [one for one in known if one[2] == arguments] or known
    changes = any(stability not in (None, "CONSISTENT") for _, stability, _, _ in some)
    return f"{name}(), which gives something else each time" if changes or (name, arguments) in _CLOCK else ""


def _refuse(what: str) -> NoReturn:
    raise _Beyond(what)


@cache
def _functions() -> defaultdict[str, list[tuple[str, str | None, int, str | None]]]:
    """Kind, stability, number of parameters, and a macro's text, of each overload by name."""
    import duckdb

    found: defaultdict[str, list[tuple[str, str | None, int, str | None]]] = defaultdict(list)
    with duckdb.connect(":memory:") as connection:
        for name, kind, stability, count, text in connection.execute(
            "SELECT function_name, function_type, stability, len(parameters), macro_definition FROM duckdb_functions()"
        ).fetchall():
            if kind != "table":
                found[str(name).lower()].append((kind, stability, count, text if kind == "macro" else None))
    return found


@cache
def _parsed(definition: str) -> Any:
    import duckdb

    with duckdb.connect(":memory:") as connection:
        ((text,),) = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT {definition}"]).fetchall()
    tree = json.loads(text)
    return [] if tree["error"] else [one["node"]["select_list"] for one in tree["statements"]]
