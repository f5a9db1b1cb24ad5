"""Writes a result's tables: to standard output, or into the README between its markers.

python benchmarks/report.py RESULT [LATER_RESULT ...] [--readme README.md]

A scenario that a later result has again is shown from that one; a contender that only the earlier one has is shown
as of an earlier run.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
OPENING, CLOSING = "<!-- benchmarks -->", "<!-- /benchmarks -->"
_TITLES = ("", "seconds", "rows/s", "to the first", "CPU s, client", "CPU s, servers", "peak MB", "proved")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tables of a result.")
    parser.add_argument("result", type=Path, nargs="+", help="files, by their names under results/ or by their paths")
    parser.add_argument("--readme", type=Path, help="the file whose text between the markers is replaced")
    parser.add_argument("--scale", type=float, help="the only scale to be shown")
    given = parser.parse_args()
    paths = [path if path.exists() else HERE / "results" / path for path in given.result]
    result = merged([json.loads(path.read_text()) for path in paths])
    if given.scale:
        result["scenarios"] = [one for one in result["scenarios"] if one["scale"] == given.scale]
    text = page(result, ", ".join(f"`benchmarks/results/{path.name}`" for path in paths))
    if given.readme is None:
        print(text)
        return
    given.readme.write_text(placed(given.readme.read_text(), text))


def merged(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The first result with the scenarios that later ones measured again."""
    first, *later = results
    scenarios = {(one["name"], one["scale"]): one for one in first["scenarios"]}
    for result in later:
        for scenario in result["scenarios"]:
            place = scenario["name"], scenario["scale"]
            names = {one["name"] for one in scenario["contenders"]}
            before = scenarios[place]["contenders"] if place in scenarios else []
            older = [{**one, "name": f"{one['name']}, an earlier run"} for one in before if one["name"] not in names]
            again = f"again {result['when']}, commit {result['commit'][:7]}"
            scenarios[place] = {**scenario, "contenders": [*scenario["contenders"], *older], "again": again}
    return {**first, "scenarios": list(scenarios.values())}


def placed(readme: str, text: str) -> str:
    """The readme with the text between its markers."""
    before, opening, rest = readme.partition(OPENING)
    _, closing, after = rest.partition(CLOSING)
    if not (opening and closing):
        sys.exit(f"There are no markers {OPENING} and {CLOSING} to write between.")
    return f"{before}{OPENING}\n\n{text}\n\n{CLOSING}{after}"


def page(result: dict[str, Any], name: str) -> str:
    """All scenarios of a result as Markdown."""
    machine, versions = result["machine"], result["versions"]
    said = ", ".join(f"{what} {number}" for what, number in versions.items() if what in ("python", "mariadb", "duckdb"))
    server = versions.get("postgresql", "")
    parts = [
        f"{result['when']}, commit {result['commit'][:7]}{' with changes' if result['changed'] else ''}, "
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory'] >> 30} GB; "
        f"{', '.join(filter(None, (server, said)))}. Source, target and mover share the machine. Medians of "
        f"{result['repetitions']} repetitions (of more where a scenario ran again), run in turn, every one of them in "
        f"{name}. Times include the start of the program, planning, the primary key and ANALYZE; rivals run "
        "the same statements. "
        "Ropeway's rows name its `--consistency` and `--verify`; rivals check nothing.",
        *(_scenario(scenario) for scenario in result["scenarios"]),
    ]  # fmt: skip
    return "\n\n".join(parts)


def _scenario(scenario: dict[str, Any]) -> str:
    rows = [_row(one) for one in scenario["contenders"]]
    floor = next((row for row in rows if row["name"] in ("pipe", "duckdb")), rows[0] if rows else None)
    count = max((row["rows"] for row in rows), default=0)
    again = f" ({scenario['again']})" if "again" in scenario else ""
    lines = [f"**{scenario['name']}**, {count:,} rows{again}", "", _line(_TITLES), _line(["---", *["--:"] * 6, "---"])]
    ordered = sorted(rows, key=lambda row: (row["name"].startswith("Ropeway"), row is not floor, row["seconds"]))
    lines += [_line(_cells(row, floor or row)) for row in ordered]
    shown = {one["name"].partition(",")[0] for one in scenario["contenders"]}
    lines += [f"\n{name} took no part: {why}." for name, why in scenario["skipped"].items() if name not in shown]
    return "\n".join(lines)


def _row(contender: dict[str, Any]) -> dict[str, Any]:
    """The medians of a contender; a failed repetition makes it failed."""
    every = contender["repetitions"]
    failed = next((one["failed"] for one in every if "failed" in one), "")
    middle = {key: median(one[key] for one in every) if every else 0 for key in ("seconds", "cpu", "servers_cpu")}
    claims = sorted({claim for one in every for claim in one.get("claims", ())})
    return {
        "name": contender["name"], **middle, "peak": max((one["peak"] for one in every), default=0),
        "rows": min((one["rows"] for one in every), default=0), "claims": claims, "failed": failed,
    }  # fmt: skip


def _cells(row: dict[str, Any], floor: dict[str, Any]) -> list[str]:
    if row["failed"] or not row["seconds"]:
        return [row["name"], "failed", *[""] * 6]
    return [
        row["name"], f"{row['seconds']:.1f}", f"{row['rows'] / row['seconds']:,.0f}",
        f"{row['seconds'] / floor['seconds']:.2f}" if floor["seconds"] else "", f"{row['cpu']:.1f}",
        f"{row['servers_cpu']:.1f}", f"{row['peak'] / 2**20:.0f}", ", ".join(row["claims"]) or "nothing",
    ]  # fmt: skip


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
