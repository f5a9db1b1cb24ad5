"""What a run leaves in `.ropeway`, and what is made of it: status, report, pages."""

from __future__ import annotations

import json
import socket
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ropeway.cli import page, say
from ropeway.cli.commands.status import line, read_status
from ropeway.cli.page import markup
from ropeway.cli.progress import Drawn, Figures, Lines, Several
from ropeway.cli.record import Pace, Recorder, events, folder_of, read_report, runs
from ropeway.transfer.engine import Receipt
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.plan import Cut, Hop, Plan, Slice
from ropeway.transfer.progress import Progress
from ropeway.transfer.schema.catalogue import Relation

HOP = "1 a -> b"


@pytest.fixture
def plan() -> Plan:
    source, target = (parse(f"sqlite:///{name}")[0] for name in ("a", "b"))
    slices = (Slice(1, Cut()), Slice(2, Cut()))
    hop = Hop(HOP, Relation("", "a"), Relation("", "b"), Relation("", "b"), (), slices, rows=100)
    return Plan(source, target, (hop,), (), run="2601")


def receipt(part: int, rows: int = 50) -> Receipt:
    return Receipt(HOP, part, "x", "now", rows, rows, bytes=8 * rows, seconds=0.5)


def went(progress: Progress, plan: Plan) -> None:
    """A run whose first slice landed in an earlier process."""
    progress.planned(plan, [receipt(1)])
    progress.moving(HOP, 30, 240)
    progress.failed(HOP, 2, "no route to host")
    progress.moving(HOP, 50, 400)
    progress.landed(receipt(2))
    progress.said("almost there")
    progress.ended()


def test_a_run_is_recorded(plan: Plan, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    went(recorder, plan)
    recorder.close("done", {"run": plan.run})
    (folder,) = runs(tmp_path)
    kinds = [event["event"] for event in events(folder)]
    assert kinds == ["planned", "landed", "moving", "failed", "landed", "said", "moved", "ended"]
    assert read_report("", tmp_path) == {"run": "2601"}
    assert [part["ended"] is None for part in recorder.slices] == [True, False]
    assert set(recorder.seconds()) == {HOP}
    shape = read_status(folder)
    assert (shape["status"], shape["rows"], shape["tables"][0]["landed"]) == ("done", 100, 2)
    assert "100 durable, 1 of 1 tables" in line(shape)


def test_a_run_that_is_going_on_or_died(plan: Plan, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.planned(plan, [])
    recorder.landed(receipt(1))
    assert recorder.is_moving()
    folder = folder_of("2601", tmp_path)
    assert read_status(folder)["status"] == "running"
    path = folder / "events.jsonl"
    first, *rest = path.read_text().splitlines()
    gone = {**json.loads(first), "pid": 2**22 + 1}  # above the highest process number of Linux
    path.write_text("\n".join([json.dumps(gone), *rest]) + "\n" + '{"at": "half a li')
    assert (read_status(folder)["status"], read_status(folder)["rows"]) == ("killed", 50)
    path.write_text("\n".join([json.dumps({**gone, "host": socket.gethostname() + "x"}), *rest]) + "\n")
    assert read_status(folder)["status"] == "running"
    with pytest.raises(RequestError, match="did not end"):
        read_report("", tmp_path)


def test_runs_that_are_not_there(tmp_path: Path, plan: Plan) -> None:
    with pytest.raises(RequestError, match="No run is remembered"):
        folder_of("", tmp_path)
    Recorder(tmp_path).planned(plan, [])
    with pytest.raises(RequestError, match="The latest here: 2601"):
        folder_of("none", tmp_path)


def test_a_secret_is_withheld_from_messages_alone(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(say.voice(), "secrets", {"50000", "50"})
    recorder = Recorder(tmp_path)
    recorder.planned(plan, [receipt(1, rows=50_000)])
    recorder.said("login of 50000 in 50 s failed")
    found = list(events(folder_of("", tmp_path)))
    assert found[-1]["message"] == "login of *** in 50 s failed"
    assert found[1]["rows"] == 50_000


def test_a_full_disk_stops_no_run(plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / plan.run
    folder.mkdir()
    (folder / "events.jsonl").symlink_to("/dev/full")
    recorder = Recorder(tmp_path)
    went(recorder, plan)
    recorder.close("done", {"run": plan.run})
    said = capsys.readouterr().err
    assert said.count("No space left on device. The run's events and report are not kept.") == 1
    assert recorder.where() == "Its report is not kept."
    with pytest.raises(RequestError, match="has no report"):
        read_report("", tmp_path)
    (folder / "report.json").write_text('{"run": "26')  # as an earlier version may have left it
    with pytest.raises(RequestError, match="is not whole"):
        read_report("", tmp_path)


def test_a_line_that_an_earlier_process_did_not_end_hides_no_other(plan: Plan, tmp_path: Path) -> None:
    Recorder(tmp_path).planned(plan, [])
    folder = folder_of("2601", tmp_path)
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"at": "half a li')
    went(Recorder(tmp_path), plan)
    assert [event["event"] for event in events(folder)][:3] == ["planned", "planned", "landed"]
    assert read_status(folder)["rows"] == 100


def test_figures(plan: Plan) -> None:
    figures = Figures()
    figures.begin(plan, [receipt(1)])
    figures.move(HOP, 30)
    assert figures.total() == (80, 50)
    assert figures.done() == 0
    figures.land(receipt(2))
    assert figures.total() == (100, 100)
    assert figures.done() == 1


def test_lines_and_bars_tell_both_figures(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    went(Several(Lines(every=0), Drawn()), plan)
    said = capsys.readouterr().err
    assert "1 table in 2 slices" in said
    assert "80 rows moving, 50 durable" in said
    assert "no route to host" in said
    assert "100 rows durable" in said


class Wellformed(HTMLParser):
    """Collects text; raises where a tag is closed that was not opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in {"meta", "br", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_escapes_whatever_a_table_is_called() -> None:
    name = "<script>alert('x')</script> & co"
    table = {
        "source": name, "target": name, "loaded": 5, "rejected": 0, "seconds": 0.5,
        "verified": {"claim": "different", "reason": name},
    }  # fmt: skip
    part = {"hop": f"1 {name}", "slice": 1, "rows": 5, "seconds": 0.5, "ended": 0.5}
    finding = {"grade": "blocker", "waived": True, **dict.fromkeys(("name", "where", "message", "remedy"), name)}
    report = {
        "sealed": [], "run": "r", "status": "different", "rows": 5, "seconds": 1.0, "source": name, "target": name,
        "tables": [table], "slices": [part], "findings": [finding], "waived": [name], "quarantined": [], "bytes": 40,
        "left_out_constraints": [dict.fromkeys(("table", "kind", "constraint", "message", "later"), name)],
        "pace": [[0.1, 2, 16, 0], [0.5, 5, 40, 5]], "proofs": {name: {"how": name, "left_out": [name]}},
        **dict.fromkeys(("version", "at", "consistency", "plan_hash"), "x"),
    }  # fmt: skip
    made = page.page(report)
    parser = Wellformed()
    parser.feed(made)
    assert parser.open == []
    assert made.count("<script") == 1  # ours
    assert parser.text.count(name) >= 14
    assert made.count('role="img"') == 4  # claims, throughput, rows, slices
    assert "header class=differs" in made


def test_a_page_shows_what_cannot_be_seen() -> None:
    assert markup.text("a\u202eb\x00\n") == "a\\u202eb\\x00\\n"
    assert markup.value(None) != markup.value("NULL")
    assert markup.values("wörd", "wörd ") == ("<code>wörd</code>", "<code>wörd<mark> </mark></code>")
    assert markup.values("a", "b") == ("<code>a</code>", "<code>b</code>")
    assert markup.values("aa", "a") == ("<code>a<mark>a</mark></code>", "<code>a</code>")
    assert [markup.short(n) for n in (0, 1.234, 950, 9_999, 12_345, 4_560_000)] == [
        *("0", "1.23", "950", "9,999", "12.3k", "4.56M")
    ]


def test_the_pace_of_a_long_run_is_a_few_points() -> None:
    pace = Pace()
    for step in range(100_000):
        pace.move(step / 10, HOP, 3, 24)
    pace.land(10_000.0, HOP, 300_000)
    assert 100 < len(pace.points) < 250
    assert (pace.points[0], pace.points[-1]) == ((0.0, 3, 24, 0), (10_000.0, 300_000, 2_400_000, 300_000))
    gaps = [b[0] - a[0] for a, b in pairwise(pace.points)]
    assert max(gaps) < 5 * 10_000 / len(gaps)
