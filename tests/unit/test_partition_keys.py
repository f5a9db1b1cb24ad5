"""The key `partition` as it stands in a job file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ropeway.cli.job import load
from ropeway.transfer.errors import RequestError

HEAD = "source: sqlite:///a.sqlite\ntarget: postgresql://u@h/d\ntables:\n  - from: orders\n    partition: "


def spec_of(text: str, folder: Path) -> dict[str, Any]:
    file = folder / "job.yaml"
    file.write_text(HEAD + text + "\n", encoding="utf-8")
    (choice,) = load(file).request.choices
    assert choice.partition
    assert choice.partition.function == "ropeway.partitioning.declared:declared"
    found: dict[str, Any] = json.loads(dict(choice.partition.arguments)["spec"])
    return found


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("{by: range, column: at, every: month, zone: Europe/Paris}",
         {"by": "range", "column": "at", "every": "month", "zone": "Europe/Paris"}),
        ("{by: range, column: id, every: 1000}", {"by": "range", "column": "id", "every": 1000}),
        ("{by: range, column: at, bounds: [2024-01-01, '2024-02-01']}",
         {"by": "range", "column": "at", "bounds": ["2024-01-01", "2024-02-01"]}),
        ("{by: range, column: at, bounds: [2024-01-01 12:30:00]}",
         {"by": "range", "column": "at", "bounds": ["2024-01-01 12:30:00"]}),
        ("{by: list, column: r, values: {eu: [DE, NO, null], us: US}}",
         {"by": "list", "column": "r", "values": {"eu": ["DE", "NO", None], "us": ["US"]}}),
        ("{by: hash, column: id, parts: 8, key: widen, outside: refuse, within: {by: hash, column: b, parts: 2}}",
         {"by": "hash", "column": "id", "parts": 8, "key": "widen", "outside": "refuse",
          "within": {"by": "hash", "column": "b", "parts": 2}}),
    ],
)  # fmt: skip
def test_keys(text: str, spec: dict[str, Any], tmp_path: Path) -> None:
    assert spec_of(text, tmp_path) == spec


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{by: month, column: at}", "'tables[1].partition.by'"),
        ("{by: range, column: at, every: monthly}", "'tables[1].partition.every"),
        ("{by: range, every: month}", "'tables[1].partition.column'"),
        ("{by: range, column: at, evry: month}", "evry"),
        ("{by: range, column: at, every: month, parts: 3}", "every or bounds"),
    ],
)
def test_mistakes(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        spec_of(text, tmp_path)
    assert said in str(caught.value)
