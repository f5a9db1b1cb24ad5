"""Folders of files: what CSV keeps, whose files count, what is left of the killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ropeway.cli import wire
from ropeway.transfer.engine import Receipt
from ropeway.transfer.engines import memory
from ropeway.transfer.engines.files import ENGINES
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.job import Job, Limits
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Plan
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Choice, Request
from ropeway.transfer.run import execute

FORMATS = ("parquet", "csv", "arrow")


def request(source: str, target: str, **options: Any) -> Request:
    return Request(parse(source)[0], parse(target)[0], **{"slice_rows": 3, **options})


def move(source: str, target: str, progress: Progress | None = None, **options: Any) -> wire.Outcome:
    resume = options.pop("resume", False)
    outcome = wire.run(request(source, target, **options), progress=progress, resume=resume)
    assert outcome.report
    assert outcome.report.equal, outcome.report
    return outcome


def hold(name: str, **tables: pa.Table) -> str:
    """These tables, and no others, under memory://name."""
    memory.forget(name)
    for table, content in tables.items():
        memory.put(name, table, content)
    return f"memory://{name}"


def taken(source: str, *, where: str = "", table: str = "t", **options: Any) -> list[dict[str, Any]]:
    """The rows of a source, sorted by their first column."""
    memory.forget("taken")
    move(source, "memory://taken", choices=(Choice(table, where=where, to="t", **options),))
    found = memory.take("taken", "t")
    rows: list[dict[str, Any]] = found.sort_by(found.column_names[0]).to_pylist()
    return rows


def files(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


NUMBERS = pa.table({"n": pa.array(range(20), pa.int64()), "word": [f"w{n}" for n in range(20)]})


@pytest.mark.parametrize("scheme", FORMATS)
def test_planning_changes_nothing(scheme: str, tmp_path: Path) -> None:
    source = hold("source", t=NUMBERS)
    wire.plan(request(source, f"{scheme}:///{tmp_path}/new"))
    wire.plan(request(source, f"{scheme}:///{tmp_path}"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scheme", FORMATS)
def test_append_adds_parts(scheme: str, tmp_path: Path) -> None:
    url = f"{scheme}:///{tmp_path}"
    move(hold("first", t=NUMBERS.slice(0, 5)), url)
    with pytest.raises(RequestError, match="exists in the target"):
        move(hold("second", t=NUMBERS.slice(5)), url)
    outcome = move("memory://second", url, mode="append")
    assert outcome.report
    assert outcome.report.tables[0].rows_target == 15
    assert taken(url) == NUMBERS.to_pylist()
    for one in wire.status(url):
        wire.clean(one.run, url)
    assert taken(url) == NUMBERS.to_pylist()


def test_append_keeps_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    pq.write_table(NUMBERS.slice(0, 4), tmp_path / "t" / "theirs.parquet")
    url = f"parquet:///{tmp_path}"
    move(hold("source", t=NUMBERS.slice(4)), url, mode="append")
    assert taken(url) == NUMBERS.to_pylist()
    (known,) = wire.status(url)
    wire.clean(known.run, url)
    assert taken(url) == NUMBERS.to_pylist()
    pq.write_table(NUMBERS, tmp_path / "t" / "later.parquet")
    (table,) = wire.inspect(url)
    assert table.rows == 20
    assert "t/later.parquet, which no receipt names" in table.left_out


def test_a_copied_folder_needs_no_receipts(tmp_path: Path) -> None:
    move(hold("source", t=NUMBERS), f"arrow:///{tmp_path}/one")
    (tmp_path / "other").mkdir()
    (tmp_path / "one" / "t").rename(tmp_path / "other" / "t")
    assert taken(f"arrow:///{tmp_path}/other") == NUMBERS.to_pylist()
    assert wire.inspect(f"arrow:///{tmp_path}/one") == []
    move("memory://source", f"arrow:///{tmp_path}/one")
    next((tmp_path / "one" / "t").iterdir()).unlink()
    with pytest.raises(EngineError, match="is gone, and a receipt says"):
        wire.inspect(f"arrow:///{tmp_path}/one")


def test_a_single_file_is_a_source_and_no_target(tmp_path: Path) -> None:
    pq.write_table(NUMBERS, tmp_path / "t.parquet", row_group_size=4)
    assert taken(f"parquet:///{tmp_path}/t.parquet") == NUMBERS.to_pylist()
    assert taken(f"parquet:///{tmp_path}") == NUMBERS.to_pylist()
    source = hold("source", t=NUMBERS)
    with pytest.raises(RequestError, match="is a file"):
        move(source, f"parquet:///{tmp_path}/t.parquet")
    with pytest.raises(RequestError, match=r"single file t\.parquet"):
        move(source, f"parquet:///{tmp_path}", mode="append")
    (tmp_path / "t").mkdir()
    pq.write_table(NUMBERS, tmp_path / "t" / "part.parquet")
    with pytest.raises(EngineError, match="twice"):
        wire.inspect(f"parquet:///{tmp_path}")


def test_cuts_follow_row_groups(tmp_path: Path) -> None:
    table = pa.table({"n": range(400_000)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=25_000)
    planned = wire.plan(request(f"parquet:///{tmp_path}", "discard:///", slice_rows=400_000))
    bounds = [(part.cut.lower, part.cut.upper) for part in planned.hops[0].slices]
    edges = [None, *range(25_000, 400_000, 25_000), None]
    assert bounds == list(pairwise(edges))  # a large table has 16 slices at least
    planned = wire.plan(request(f"parquet:///{tmp_path}", "discard:///", slice_rows=20_000))
    assert len(planned.hops[0].slices) == 20
    outcome = wire.run(planned)
    assert sum(receipt.read for receipt in outcome.receipts) == 400_000


def test_where_and_limit(tmp_path: Path) -> None:
    move(hold("source", t=NUMBERS), f"csv:///{tmp_path}")
    assert taken(f"csv:///{tmp_path}", where="n >= 18", columns=("word",)) == [{"word": "w18"}, {"word": "w19"}]
    outcome = wire.run(request(f"csv:///{tmp_path}", "discard:///", limit=7))
    assert sum(receipt.read for receipt in outcome.receipts) == 7


class Stumbling(Progress):
    """Does something when the nth slice has landed."""

    def __init__(self, nth: int, act: Any) -> None:
        self.left, self.act = nth, act

    def landed(self, receipt: Receipt) -> None:
        self.left -= 1
        if not self.left:
            self.act()


def stop() -> None:
    raise OSError("the light went out")


@pytest.mark.parametrize("scheme", FORMATS)
def test_a_run_that_failed_is_resumed(scheme: str, tmp_path: Path) -> None:
    source, url = hold("source", t=NUMBERS), f"{scheme}:///{tmp_path}"
    with pytest.raises(OSError, match="the light went out"):
        move(source, url, Stumbling(3, stop))
    leftover = tmp_path / "t" / ".tmp-2611220000000000-1-000009"
    leftover.write_bytes(b"half")
    landed = {row["n"] for row in taken(url)}
    assert 0 < len(landed) < 20
    outcome = move(source, url, resume=True)
    assert len(outcome.receipts) == 7
    assert taken(url) == NUMBERS.to_pylist()
    assert not leftover.exists()


def test_files_without_receipts_are_no_parts(tmp_path: Path) -> None:
    """As a process leaves them that is killed between renaming and its receipt."""
    source, url = hold("source", t=NUMBERS), f"parquet:///{tmp_path}"
    with pytest.raises(OSError, match="the light went out"):
        move(source, url, Stumbling(1, stop))
    lost = min((tmp_path / ".ropeway" / "runs").glob("*/receipts/*.json"))
    (part,) = json.loads(lost.read_text())["files"]
    lost.unlink()
    assert (tmp_path / part).exists()
    assert all(f"{part}, which no receipt names" in table.left_out for table in wire.inspect(url))
    move(source, url, resume=True)
    assert taken(url) == NUMBERS.to_pylist()


def test_an_unfinished_run_can_be_cleaned(tmp_path: Path) -> None:
    source, url = hold("source", t=NUMBERS), f"csv:///{tmp_path}"
    with pytest.raises(OSError, match="the light went out"):
        move(source, url, Stumbling(3, stop))
    (unfinished,) = wire.status(url)
    wire.clean(unfinished.run, url)
    assert [name for name in files(tmp_path) if not name.startswith(".ropeway")] == []
    move(source, url)
    assert taken(url) == NUMBERS.to_pylist()


def test_a_changed_part_is_another_instant(tmp_path: Path) -> None:
    (tmp_path / "in" / "t").mkdir(parents=True)
    for n in range(4):
        pq.write_table(NUMBERS.slice(5 * n, 5), tmp_path / "in" / "t" / f"{n}.parquet")
    source, url = f"parquet:///{tmp_path}/in", f"arrow:///{tmp_path}/out"

    def change() -> None:
        pq.write_table(NUMBERS.slice(0, 5), tmp_path / "in" / "t" / "3.parquet")
        os.utime(tmp_path / "in" / "t" / "3.parquet", (1, 1))

    with pytest.raises(EngineError, match="changed while it was read"):
        move(source, url, Stumbling(1, change), slice_rows=5)
    outcome = move(source, url, slice_rows=5, resume=True)
    assert len({receipt.instant for receipt in outcome.receipts}) <= 2
    assert len(taken(url)) == 20


def test_a_part_that_came_later_is_noticed(tmp_path: Path) -> None:
    """Between planning and the run it is read, too; under a run that goes on it stops it."""
    (tmp_path / "in" / "t").mkdir(parents=True)
    pq.write_table(NUMBERS, tmp_path / "in" / "t" / "1.parquet")
    planned, again = (wire.plan(request(f"parquet:///{tmp_path}/in", "discard:///")) for _ in range(2))
    pq.write_table(NUMBERS, tmp_path / "in" / "t" / "2.parquet")
    source, target = (resolve(one) for one in (planned.source, planned.target))
    with pytest.raises(EngineError, match=r"read 20 rows, and count\(\*\) at the same instant is 40"):
        execute(Job.of(planned, {"": source}, target, Limits(), Progress()))
    assert sum(receipt.read for receipt in wire.run(again, fresh=True).receipts) == 40


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in" / "t").mkdir(parents=True)
    pq.write_table(NUMBERS, tmp_path / "in" / "t" / "1.parquet")
    source, url = hold("source", t=NUMBERS), f"parquet:///{tmp_path}/out"
    move(source, url)
    lines = f"""
        from ropeway.cli import wire
        from ropeway.transfer.errors import EngineError
        from ropeway.transfer.place import parse, resolve
        from ropeway.transfer.request import Request
        try:
            wire.run(Request(parse("parquet:///{tmp_path}/in")[0], parse("{url}")[0], mode="append"))
        except EngineError as error:
            print(error)
    """
    seen: list[str] = []

    def meddle() -> None:
        seen.append(run_apart(lines).stdout)

    move(source, url, Stumbling(1, meddle), mode="append")
    assert "Another run of Ropeway is moving rows into t" in seen[0]


def run_apart(lines: str) -> subprocess.CompletedProcess[str]:
    code = [sys.executable, "-c", textwrap.dedent(lines)]
    return subprocess.run(code, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("hook", ["landed", "moving"])
def test_killed_and_resumed(hook: str, tmp_path: Path) -> None:
    pq.write_table(NUMBERS, tmp_path / "t.parquet")
    lines = f"""
        import os, signal
        from ropeway.cli import wire
        from ropeway.transfer.place import parse, resolve
        from ropeway.transfer.progress import Progress
        from ropeway.transfer.request import Request
        calls = []
        class Deadly(Progress):
            def {hook}(self, *arguments):
                calls.append(1)
                if len(calls) == 4:
                    os.kill(os.getpid(), signal.SIGKILL)
        asked = Request(parse("parquet:///{tmp_path}")[0], parse("parquet:///{tmp_path}/out")[0], slice_rows=3)
        wire.run(asked, progress=Deadly())
    """
    assert run_apart(lines).returncode == -signal.SIGKILL
    source, url = f"parquet:///{tmp_path}", f"parquet:///{tmp_path}/out"
    outcome = move(source, url, resume=True)
    assert len({receipt.attempt.split("-")[0] for receipt in outcome.receipts}) == 2
    assert taken(url) == NUMBERS.to_pylist()
    assert not [name for name in files(tmp_path / "out" / "t") if name.startswith(".tmp-")]


def written(folder: Path, text: str) -> str:
    (folder / "t.csv").write_bytes(text.encode())
    return f"csv:///{folder}"


def test_csv_of_others_is_text(tmp_path: Path) -> None:
    url = written(tmp_path, '\ufeffid,"a b"\n007,\n"",""\nNA,"x\r\ny"\n1e5,"q""r"\n')
    planned = wire.plan(request(url, "discard:///"))
    assert any("read as text" in finding.message for finding in planned.findings)
    expected = [("", ""), ("007", None), ("1e5", 'q"r'), ("NA", "x\r\ny")]
    assert [tuple(row.values()) for row in taken(url)] == expected
    written(tmp_path, "id,day\n12,2024-02-29\n,\n")
    (row, empty) = taken(url, types=(("id", "int16"), ("day", "date")))
    assert (row["id"], str(row["day"]), empty) == (12, "2024-02-29", {"id": None, "day": None})
    written(tmp_path, "id\n12\n1.5\n")
    with pytest.raises(DataError, match=r"1\.5"):
        taken(url, types=(("id", "int16"),))


def test_csv_of_one_column_keeps_its_nulls(tmp_path: Path) -> None:
    column = pa.table({"n": ["", None, "a", None]})
    move(hold("source", t=column), f"csv:///{tmp_path}", slice_rows=100)
    assert [row["n"] for row in taken(f"csv:///{tmp_path}")] == ["", "a", None, None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "not even a header"), ("a,a\n1,2\n", "more than one column called a"), ("a,b\n1\n", "row 2 has 1 fields")],
)
def test_broken_csv(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises((EngineError, DataError), match=reason):
        taken(written(tmp_path, text))


def test_csv_rows_larger_than_a_block(tmp_path: Path) -> None:
    large = "z" * (5 << 20)
    (tmp_path / "t.csv").write_text(f'n,long\n1,a\n2,"{large}"\n3,b\n')
    assert [len(row["long"]) for row in taken(f"csv:///{tmp_path}")] == [1, 5 << 20, 1]


def test_csv_refuses_what_it_has_no_text_for(tmp_path: Path) -> None:
    table = pa.table({"day": pa.array([2_932_897], pa.date32())})
    with pytest.raises(DataError, match="years 0 to 9999"):
        move(hold("source", t=table), f"csv:///{tmp_path}")


def test_parquet_of_others(tmp_path: Path) -> None:
    columns = {
        "n": pa.array([1, 2], pa.uint32()),
        "view": pa.array(["a", None], pa.string_view()),
        "codes": pa.array(["x", None]).dictionary_encode(),
        "id": pa.array([b"\x01" * 16, None], pa.uuid()),
        "fixed": pa.array([b"ab", None], pa.binary(2)),
        "short": pa.array([1, None], pa.time32("ms")),
        "ns": pa.array([1_000, None], pa.timestamp("ns")),
        "zone": pa.array([0, None], pa.timestamp("ms", "Europe/Berlin")),
        "a.b": pa.array([1.5, None], pa.float16()),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    url = f"parquet:///{tmp_path}"
    (table,) = wire.inspect(url)
    words = [column.native for column in table.columns]
    assert words == ["uint32", "text", "text", "uuid", "binary(2)", "time(3)", "timestamp(9)", "instant(3)", "float32"]
    first = taken(url)[0]
    assert first["id"] == "01010101-0101-0101-0101-010101010101"
    assert first["a.b"] == 1.5
    assert first["zone"].isoformat() == "1970-01-01T00:00:00+00:00"


def test_a_column_without_a_type_is_refused_by_name(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1], "many": pa.array([1], pa.duration("ns"))}), tmp_path / "t.parquet")
    with pytest.raises(RequestError, match=r"t\.many"):
        taken(f"parquet:///{tmp_path}")
    assert taken(f"parquet:///{tmp_path}", columns=("n",)) == [{"n": 1}]


def test_parts_of_different_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    pq.write_table(pa.table({"n": [1]}), tmp_path / "t" / "1.parquet")
    pq.write_table(pa.table({"n": [1], "more": [1]}), tmp_path / "t" / "2.parquet")
    with pytest.raises(EngineError, match="only one of them has a column more"):
        wire.inspect(f"parquet:///{tmp_path}")


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("a/b", "a_b"), (".hidden", "_.hidden"), ("x" * 300, f"{'x' * 191}_")],
)
def test_names_that_files_cannot_have(name: str, spelled: str) -> None:
    found = ENGINES["parquet"].name_of(name)
    assert found.startswith(spelled)
    assert len(found) <= 200


def test_claims_of_the_dead_are_taken_over(tmp_path: Path) -> None:
    source, url = hold("source", t=NUMBERS), f"arrow:///{tmp_path}"

    class Left(Progress):
        """Leaves a claim of a process that is gone, as it starts."""

        def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
            dead = subprocess.Popen([sys.executable, "-c", ""])
            dead.wait()
            claim = {"pid": dead.pid, "started": "1", "host": os.uname().nodename}
            (tmp_path / ".ropeway" / "runs" / plan.run / "claims" / "1-2.json").write_text(json.dumps(claim))

    move(source, url, Left())
    assert taken(url) == NUMBERS.to_pylist()


def test_types_are_kept_beside_the_values(tmp_path: Path) -> None:
    fields: list[pa.Field[Any]] = [
        pa.field("n", pa.int64()),
        pa.field("code", pa.string(), metadata={"ropeway.type": "padded text(5)"}),
    ]
    table = pa.table([[1], ["ab   "]], schema=pa.schema(fields))
    for scheme in FORMATS:
        url = f"{scheme}:///{tmp_path}/{scheme}"
        move(hold("source", t=table), url)
        (found,) = wire.inspect(url)
        assert [column.native for column in found.columns] == ["int64", "padded text(5)"]
