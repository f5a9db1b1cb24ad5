"""The part of the page that shows which rows were merged into which, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import markup
from .markup import text


def removed(tables: Sequence[Mapping[str, Any]]) -> str:
    """What was merged of each table, with the first of its rows."""
    if not tables:
        return ""
    return "<h2>What was merged</h2>\n" + markup.card(*(_table(one) for one in tables))


def _table(one: Mapping[str, Any]) -> str:
    approved = one.get("approved", 0)
    ways = f" ({one['rows'] - approved:,} by the key, {approved:,} by approved pairs)" if approved else ""
    rule = f"; keep: {text(one['rule'])}" if "rule" in one else ""
    named = text(one.get("named", one["table"]))  # earlier reports have no other
    said = [
        f"{named}: {one['rows']:,} rows were merged into {one['into']:,} others{ways}{rule}. They are "
        f"listed in <code>{text(one['list'])}</code>"
    ]
    if one.get("map"):
        said.append(f"Their keys are kept in {text(one['map'])}.")
    if one.get("left"):
        said.append(f"{one['left']:,} approved pairs were not merged: their rows are others now.")
    if one.get("uncompared"):
        said.append(f"{one['uncompared']:,} blocks of rows were too large, and not compared.")
    if one.get("proposed"):
        said.append(
            f"{one['proposed']:,} pairs of rows much alike are not merged. They can be approved in "
            f"<code>{text(one['review'])}</code>"
        )
    return "".join(f"<p>{line}</p>" for line in said) + _first(one)


def _first(one: Mapping[str, Any]) -> str:
    if not one.get("first"):
        return ""
    rows = [
        (_line(row["key"]), _line(row["kept"]), text(row["rule"]), text(row["same"]),
         ", ".join(f"{text(name)}={_cell(value)}" for name, value in row["row"].items()))
        for row in one["first"]
    ]  # fmt: skip
    headings = (", ".join(one["key"]), "stays", "rule", "were one by", "the removed row")
    more = one.get("listed", one["rows"]) - len(rows)
    title = f"Rows of {one['table']} that were removed" + (f", the first {len(rows):,}" if more else "")
    return markup.table(title, headings, rows, kind="merged")


def _line(key: Sequence[Any]) -> str:
    return ", ".join(_cell(value) for value in key)


def _cell(value: Any) -> str:
    return "NULL" if value is None else text(str(value))
