"""What a run merged, looked up in what it left beside the person who asks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from ..transfer.errors import RequestError
from ..transfer.plan import Hop, from_json
from ..transfer.removed import Removed, file_of, removed
from ..transfer.schema.selection import matches
from .record import folder_of, read_report

_NONE = {"rows": 0, "into": 0}
_FIRST = 5  # removed rows of a table that a report shows


def merged(run: str = "", table: str = "", key: Sequence[str] = (), limit: int = 20) -> dict[str, Any]:
    """The rows that a run removed, the first of each table or those with one key, each with the row that stays."""
    report, hops, folder = read_report(run), _merging(run), folder_of(run) / "stage"
    chosen = [hop for hop in hops if not table or matches(hop.writes, table, hop.writes.schema)]
    if not chosen:
        raise RequestError(
            f"Run {report['run']} merged no rows{f' of {table}' if table else ''}.",
            remedy=f"It did of: {', '.join(str(hop.writes) for hop in hops)}." if hops else "No table has dedup.",
        )
    if key and len(chosen) > 1:
        raise RequestError("Several tables have merged rows.", remedy="Name one: --table NAME")
    for hop in chosen:
        if not file_of(folder, hop).exists():
            raise RequestError(
                f"The list of what run {report['run']} merged of {hop.writes} is not in {folder} any more.",
                table=str(hop.writes), remedy="'ropeway clean' takes it away.",
            )  # fmt: skip
    counts = _counts(report)
    return {
        "run": report["run"],
        "tables": [
            _table_shape(hop, removed(folder, hop, limit, key), counts.get(str(hop.writes), _NONE)) for hop in chosen
        ],
    }


def _counts(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was merged of each table; of one that several sources feed there is an entry for each."""
    counts: dict[str, dict[str, Any]] = {}
    for one in report["merged"]:
        known = counts.get(one["table"], _NONE)
        # Rows of several sources may be merged into one; earlier reports do not say into how many in all.
        into = one.get("whole") or known["into"] + one["into"]
        counts[one["table"]] = {**one, "rows": known["rows"] + one["rows"], "into": into}
    return counts


def with_first(report: dict[str, Any]) -> dict[str, Any]:
    """A run's report with the first rows of each table that were merged, where their list is still here."""
    if not report.get("merged"):  # earlier reports have none
        return report
    folder, hops = folder_of(report["run"]) / "stage", {str(hop.writes): hop for hop in _merging(report["run"])}
    shapes: list[dict[str, Any]] = []
    for one in report["merged"]:
        hop, shown = hops[one["table"]], {shape["table"] for shape in shapes}
        rows = [] if one["table"] in shown else removed(folder, hop, _FIRST)  # the list is of all sources
        first = [removed_shape(row) for row in rows]
        listed = _counts(report)[one["table"]]["rows"]
        shapes.append({**one, "key": list(hop.key), "rule": _rule(hop), "first": first, "listed": listed})
    return {**report, "merged": shapes}


def _merging(run: str) -> list[Hop]:
    path = folder_of(run) / "plan.json"
    try:
        plan = from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise RequestError(
            f"{path} is not whole.", remedy="The plan itself lies in the run's target; this copy tells what was merged."
        ) from error
    return [hop for hop in plan.hops if hop.over and plan.feeders(hop)[0].name == hop.name]  # it has the list of all


def _table_shape(hop: Hop, rows: Sequence[Removed], figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": str(hop.reads), "table": str(hop.writes), "key": list(hop.key), "removed": figures["rows"],
        "into": figures["into"], "approved": figures.get("approved", 0), "rule": _rule(hop),
        "rows": [removed_shape(row) for row in rows],
    }  # fmt: skip


def _rule(hop: Hop) -> str:
    """Which of several rows stays."""
    (call,) = hop.over
    return str(json.loads(dict(call.arguments)["spec"]).get("keep", "first"))


def removed_shape(one: Removed) -> dict[str, Any]:
    """A removed row, with what its values are in JSON."""
    return {
        "key": [_json(value) for value in one.key], "kept": [_json(value) for value in one.kept], "rule": one.rule,
        "same": one.same, "row": {name: _json(value) for name, value in one.row.items()},
    }  # fmt: skip


def _json(value: Any) -> Any:
    """A value as JSON has it; what JSON has no word for is a text, bytes are hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    said = value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value))
    return value if said else str(value)
