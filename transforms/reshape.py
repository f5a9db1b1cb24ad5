"""A query of DuckDB's over staged tables: what would not give the same rows of the same tables is refused by its tree.

It may do what a transform may not, for it sees all rows at once: join, group, take apart, count. It may not read
anything but the tables that it was given, nor depend on the clock, on chance, or on the order in which rows arrived.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ..transfer.errors import RequestError
from .rowwise import ELSEWHERE, Node, beyond_row, changing, nodes

_TABLES = {"BASE_TABLE", "TABLE_FUNCTION", "JOIN", "SUBQUERY", "EMPTY", "EXPRESSION_LIST", "COLUMN_DATA"}
# Not by position, and not to the nearest, of which there may be two.
_JOINS = {"REGULAR", "CROSS", "NATURAL", "DEPENDENT"}
_NAME = re.compile(r"\w+")  # no file is called so, which DuckDB would read
_WHOLE = ("UNBOUNDED_PRECEDING", "CURRENT_ROW_RANGE")  # of a window without ORDER BY: all rows of the partition
_MAKING = {"unnest", "generate_series", "range", "json_each", "json_tree"}  # tables of their arguments alone
_UNNESTING = ("unnest", "generate_subscripts")
_ARRIVING = {
    "first", "last", "any_value", "arbitrary", "list", "array_agg", "string_agg", "group_concat", "listagg",
    "json_group_array", "json_group_object", "mode", "reservoir_quantile", "first_value", "last_value", "nth_value",
    "row_number", "lag", "lead", "ntile",
}  # fmt: skip
_UNORDERED = {"rank", "rank_dense", "dense_rank", "percent_rank", "cume_dist"}


def check(query: str, names: Iterable[str]) -> None:
    """RequestError for what is no single SELECT over tables of these names, or gives something else each time."""
    node = _parsed(query)
    found = list(nodes(node))
    known = {name.lower() for name in names} | {name.lower() for one in found for name in _ctes(one)}
    for one in found:
        if "class" in one:
            _check_expression(one)
        elif "modifiers" in one:
            _check_select(one)
        elif "sample" in one and "alias" in one:
            _check_from(one, known, names)
        if one.get("sample"):
            _refuse("a sample", "Choose rows by a condition.")


def beyond(query: str, names: Iterable[str]) -> str:
    """What of a query looks at more than one row of these tables at once; '' if each row comes of one row alone."""
    node = _parsed(query)
    said = [beyond_row(node, name.lower(), _UNNESTING) for name in names]
    return min(said, key=lambda one: (one != "", one == ELSEWHERE))


def _parsed(query: str) -> Node:
    import duckdb

    with duckdb.connect(":memory:") as connection:
        ((text,),) = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        raise RequestError(f"reshape: this is no query of DuckDB's: {tree['error_message']}", remedy="Write a SELECT.")
    if len(tree["statements"]) != 1:
        raise RequestError("reshape: one SELECT is read, and no more.", remedy="Give each its own entry of 'tables'.")
    node: Node = tree["statements"][0]["node"]
    return node


def _ctes(node: Node) -> list[str]:
    found = [str(one["key"]) for one in (node.get("cte_map") or {}).get("map", ())]
    for name in found:
        if not _NAME.fullmatch(name):
            raise RequestError(f"reshape: WITH {name!r} is a name that may be a file's.", remedy="Take letters and _.")
    return found


def _check_select(node: Node) -> None:
    kinds = {one["type"] for one in node["modifiers"]}
    picks = {"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"} & kinds
    picks |= {one["type"] for one in node["modifiers"] if one.get("distinct_on_targets")}
    if picks and "ORDER_MODIFIER" not in kinds:
        _refuse("LIMIT or DISTINCT ON without ORDER BY", "Say by what columns rows come first.")


def _check_expression(node: Node) -> None:
    kind = node["class"]
    if kind == "PARAMETER":
        _refuse("a parameter", "Write the value itself.")
    if kind == "COLUMN_REF" and (word := changing(str(node["column_names"][-1]))):
        _refuse(word, "Write the moment itself.")
    if kind == "COLUMN_REF" and str(node["column_names"][-1]).lower() == "rowid":
        _refuse("rowid, which says where a row arrived", "Name a column of the table.")
    name = str(node.get("function_name", "")).lower()
    if kind == "WINDOW" and not node.get("orders") and (node["start"], node["end"]) != _WHOLE:
        _refuse(f"{name}() over some of the rows in no order", "Say in which: OVER (... ORDER BY ...).")
    if kind in ("FUNCTION", "WINDOW") and name:
        if word := changing(name, len(node.get("arguments", ()))):
            _refuse(word, "Derive such a value in the target.")
        orders = node.get("orders") or (node.get("order_bys") or {}).get("orders")
        arriving = name in _ARRIVING or (kind == "WINDOW" and name in _UNORDERED)
        if arriving and not orders:
            within = "OVER (... ORDER BY ...)" if kind == "WINDOW" else f"{name}(... ORDER BY ...)"
            _refuse(f"{name}() of rows in no order", f"Say in which: {within}, or take min() or max().")


def _check_from(node: Node, known: set[str], names: Iterable[str]) -> None:
    """What stands behind FROM: a table, a join, a query, what a function makes of its arguments."""
    kind = str(node["type"])
    if kind not in _TABLES:
        _refuse(f"{kind.partition('_')[0]} behind FROM", "Read the tables themselves, and name the columns.")
    if kind == "JOIN" and node["ref_type"] not in _JOINS:
        _refuse(f"{node['ref_type']} JOIN", "Join on columns, which say what belongs together.")
    if kind == "BASE_TABLE":
        _check_table(node, known, names)
    if kind == "TABLE_FUNCTION":
        _check_making(node)


def _check_table(node: Node, known: set[str], names: Iterable[str]) -> None:
    name = str(node["table_name"])
    if node["schema_name"] or node["catalog_name"] or name.lower() not in known:
        said = ".".join(filter(None, (node["catalog_name"], node["schema_name"], name)))
        raise RequestError(
            f"reshape: {said!r} is none of the tables that the query was given.",
            remedy=f"It has {', '.join(names)}; name others under 'from': {{name: table}}.",
        )


def _check_making(node: Node) -> None:
    name = str(node["function"].get("function_name", "")).lower()
    if name not in _MAKING:
        _refuse(f"{name}()", f"It sees its tables only, and {', '.join(sorted(_MAKING))}.")


def _refuse(what: str, remedy: str) -> None:
    raise RequestError(f"reshape: {what} is not for a query that has to give the same again.", remedy=remedy)
