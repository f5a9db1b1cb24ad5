"""Job files and the command line over them: what is understood, and how each mistake is answered."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ropeway
from ropeway.cli import job, keys, overlay
from ropeway.cli.options import Asked
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.redaction import WITHHELD
from ropeway.transfer.request import Request

ROOT = Path(__file__).resolve().parents[2]
Write = Callable[[str], Path]
ENDS = "source: sqlite:///a.sqlite\ntarget: sqlite:///b.sqlite\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "job.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def refused(path: Path) -> str:
    with pytest.raises(RequestError) as caught:
        job.load(path)
    return str(caught.value)


def test_every_key_arrives_in_the_request(write: Write) -> None:
    found = job.load(
        write(
            ENDS
            + """
mode: append
consistency: table
verify: count
limit: 7
target_schema: shop
before: CREATE TABLE log (t text)
after: [ANALYZE, VACUUM]
slice_rows: 1000
policies: {zero_date: null, nan: text}
workers: 3
max_memory: 1GB
tables:
  - from: SALES.*
    exclude: SALES.TMP_*
  - from: SALES.ORDERS
    to: history.orders
    where: ORDERED_AT < DATE '2020-01-01'
    columns: [ID, NO]
    mode: merge
    key: NO
    types: {ID: decimal(18,2)}
    policies: {nan: stop}
    before: DELETE FROM x
    after: [SELECT 1]
  - query: SELECT 1 AS one
    to: ones
"""
        )
    )
    request = found.request
    assert (request.mode, request.consistency, request.level, request.limit) == ("append", "table", "count", 7)
    assert (request.target_schema, request.slice_rows) == ("shop", 1000)
    assert request.before == ("CREATE TABLE log (t text)",)
    assert request.after == ("ANALYZE", "VACUUM")
    assert (found.limits.workers, found.limits.memory) == (3, 1 << 30)
    assert request.policies == (("nan", "text"), ("zero_date", "null"))
    every, orders, query = request.choices
    assert (every.table, every.exclude) == ("SALES.*", ("SALES.TMP_*",))
    assert (orders.to, orders.where, orders.columns) == (
        "history.orders",
        "ORDERED_AT < DATE '2020-01-01'",
        ("ID", "NO"),
    )
    assert (orders.mode, orders.key, orders.types) == ("merge", ("NO",), (("ID", "decimal(18,2)"),))
    assert orders.policies == (("nan", "stop"),)
    assert (orders.before, orders.after) == (("DELETE FROM x",), ("SELECT 1",))
    assert (query.query, query.to) == ("SELECT 1 AS one", "ones")


def test_a_job_without_tables_means_all(write: Write) -> None:
    assert job.load(write(ENDS)).request == Request(
        job.place("sqlite:///a.sqlite")[0], job.place("sqlite:///b.sqlite")[0]
    )


def test_it_is_yaml_1_2(write: Write) -> None:
    assert job.load(write(ENDS + "target_schema: NO\n")).request.target_schema == "NO"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (ENDS + "\n\nwokers: 3\n", 5, ["'wokers'", "Did you mean 'workers'?"]),
        (ENDS + "tables:\n  - from: a\n    wher: x = 1\n", 5, ["'tables[1].wher'", "Did you mean 'where'?"]),
        (ENDS + "tables:\n  - from: a\n    xyzzy: 1\n", 5, ["'tables[1].xyzzy'", "Keys here: from, exclude"]),
        (ENDS + "tables:\n  - source: a\n", 4, ["'tables[1].source'"]),
        (ENDS + "workers: many\n", 3, ["'workers'", "integer"]),
        (ENDS + "workers: 0\n", 3, ["'workers'", "greater than or equal to 1"]),
        (ENDS + "mode: crate\n", 3, ["'mode'", "'create'", "'merge'"]),
        (ENDS + "tables:\n  - from: a\n  - from: b\n    to: 7\n", 6, ["'tables[2].to'", "string"]),
        (ENDS + "tables:\n  - from: b\n    types: {a: 3}\n", 5, ["'tables[1].types.a'", "string"]),
        (ENDS + "tables: all\n", 3, ["'tables'", "list"]),
        (ENDS + "mode: create\nmode: append\n", 4, ["mode"]),
        (ENDS + "tables: [\n", 4, []),
        (ENDS + "sources: sqlite:///a\n", 3, ["'sources'", "dictionary"]),
        (ENDS + "on_violation: leave\n", 3, ["'stop', 'leave-out' or 'quarantine'"]),
        (ENDS + "tables:\n  - from: [eu:a, us:a]\n    clash: newest\n", 5, ["clash", "'prefix' or 'rekey'"]),
        (ENDS + "tables:\n  - from: a\n    transforms: [{renme: {a: b}}]\n", 5, ["renme", "rename"]),
        (ENDS + "tables:\n  - from: a\n    dedup: {keys: [a]}\n", 5, ["dedup.keys", "key"]),
    ],
)
def test_a_mistake_names_file_line_and_key(write: Write, text: str, line: int, words: list[str]) -> None:
    path = write(text)
    message = refused(path)
    assert f"{path}, line {line}: " in message
    for word in words:
        assert word in message


def test_all_mistakes_are_told_at_once(write: Write) -> None:
    message = refused(write(ENDS + "wokers: 3\nlimit: -1\n"))
    assert "line 3" in message
    assert "line 4" in message


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text\n"])
def test_what_is_no_job(write: Write, text: str) -> None:
    assert "holds no job" in refused(write(text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("exclude: b", "neither 'from' nor 'query'"),
        ("query: SELECT 1", "a name in the target"),
        ("{from: a, query: SELECT 1, to: b}", "exclude each other"),
        ("{from: a*, to: b}", "may mean several"),
    ],
)
def test_entries_that_contradict_themselves(write: Write, entry: str, words: str) -> None:
    assert words in refused(write(f"{ENDS}tables:\n  - {entry}\n"))


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("zero_dates: null", ["no policy 'zero_dates'", "Did you mean zero_date?"]),
        ("nul: delete", ["Policy nul has no choice 'delete'", "Choices: stop, null, remove, replace"]),
        ("nan: nul", ["Policy nan has no choice 'nul'", "Did you mean null?"]),
    ],
)
def test_an_unknown_policy_names_the_nearest(write: Write, policy: str, words: list[str]) -> None:
    for text in (ENDS + f"policies: {{{policy}}}\n", ENDS + f"tables:\n  - from: a\n    policies: {{{policy}}}\n"):
        message = refused(write(text))
        assert [word for word in words if word not in message] == []


def test_a_plan_and_a_file_of_mistakes_are_refused_in_few_words(write: Write) -> None:
    said = refused(write('{"source": {}, "hops": [], "statements": []}'))
    assert "is a plan, and no job" in said
    assert "carried out by its folder: ropeway run " in said
    said = refused(write(ENDS + "".join(f"k{number}: 1\n" for number in range(20))))
    assert said.count("there is no key") == 12
    assert said.endswith("and 8 more.")


def test_a_policy_on_the_command_line_overrides_the_job() -> None:
    given = keys.JobKeys.model_validate({"policies": {"nan": None, "nul": "remove"}})
    asked = Asked(policy=["nan=text", "zero_date = null"])
    assert overlay.overlaid(given, asked).policies == {"nan": "text", "nul": "remove", "zero_date": "null"}
    with pytest.raises(RequestError, match="NAME=CHOICE"):
        overlay.overlaid(given, Asked(policy=["nan"]))


def test_ends_must_be_named() -> None:
    with pytest.raises(RequestError, match="names no target"):
        job.job(source="sqlite:///a.sqlite")


def test_a_literal_password_is_in_no_value(write: Write) -> None:
    found = job.load(write("source: postgresql://u:hunter2@h/d\ntarget: postgresql://u:${PW}@h/d\n"))
    assert found.secrets.source == "hunter2"
    assert found.literal == ("source",)
    assert found.request.source.password == WITHHELD
    assert "hunter2" not in repr(found)
    assert "hunter2" not in json.dumps(str(found.request))


@pytest.mark.parametrize("option", ["password=x", "sslpassword=x", "secret=x"])
def test_a_literal_secret_in_an_option_is_refused(option: str) -> None:
    with pytest.raises(RequestError, match="holds a secret") as caught:
        job.place(f"postgresql://h/d?{option}")
    assert "=x" not in str(caught.value)
    assert job.place(f"postgresql://h/d?{option[:-1]}${{PW}}")


@pytest.mark.parametrize(
    ("text", "size"),
    [("600MB", 600 << 20), ("2GB", 2 << 30), ("1.5 GiB", 3 << 29), ("400m", 400 << 20), ("4096", 4096)],
)
def test_sizes(text: str, size: int) -> None:
    assert job.bytes_of(text) == size


@pytest.mark.parametrize("text", ["much", "-1GB", "1XB", ""])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(RequestError, match="no size"):
        job.bytes_of(text)


@pytest.mark.parametrize(("workers", "memory"), [(1, "383MB"), (2, 100 << 20), (5, "400MB")])
def test_too_little_memory_is_refused(workers: int, memory: str | int) -> None:
    with pytest.raises(RequestError, match="384MB, and 96MB for each worker"):
        job.limits(workers, memory)
    assert job.limits(4, "384MB").workers == 4


@pytest.mark.parametrize(
    ("engine", "word", "native"),
    [
        ("sqlite", "NVARCHAR(20)", "NVARCHAR(20)"),
        ("sqlite", "decimal(9,2)", "decimal(9,2)"),
        ("sqlite", "instant", "TIMESTAMPTZ"),
        ("mysql", "int8", "tinyint"),
        ("mysql", "bool", "tinyint(1), as bool"),
        ("mysql", "duration", "time(6), as duration"),
        ("postgresql", "duration", "interval, as duration"),
        ("postgresql", "bool", "bool"),
    ],
)
def test_type_overrides_are_native_or_neutral(engine: str, word: str, native: str) -> None:
    assert job.native_of(engine_of(engine), word) == native


def test_an_unknown_type_names_the_neutral_words() -> None:
    with pytest.raises(RequestError, match="Neutral words: bool, int8"):
        job.native_of(engine_of("sqlite"), "geometry")


def sources(entries: list[keys.TableKeys]) -> list[str]:
    return [entry.named or entry.query for entry in entries]


def over(text: dict[str, Any], **typed: Any) -> keys.JobKeys:
    return overlay.overlaid(keys.JobKeys.model_validate(text), Asked(**typed))


JOB = {"tables": [{"from": "sales.*", "exclude": "sales.tmp_*"}, {"from": "sales.old", "where": "a < 1"}]}


def test_the_command_line_overrides_the_job() -> None:
    found = over({**JOB, "mode": "append", "workers": 3}, mode="create", limit=5, max_memory="1GB", exclude=["x"])
    assert (found.mode, found.limit, found.workers, found.max_memory) == ("create", 5, 3, "1GB")
    assert [entry.exclude for entry in found.tables] == [["sales.tmp_*", "x"], ["x"]]


@pytest.mark.parametrize(
    ("tables", "left"),
    [
        (["sales.*"], ["sales.*", "sales.old"]),
        (["sales.orders"], ["sales.orders"]),
        (["orders"], ["sales.orders"]),
        (["sales.old"], ["sales.old", "sales.old"]),
        (["SALES.O*"], ["SALES.O*", "sales.old"]),
    ],
)
def test_table_narrows_the_entries_of_a_job(tables: list[str], left: list[str]) -> None:
    found = over(JOB, table=tables).tables
    assert sources(found) == left
    assert (found[-1].where == "a < 1") == (left[-1] == "sales.old")


def test_table_that_meets_no_entry_is_refused() -> None:
    with pytest.raises(RequestError, match="meets no entry"):
        over(JOB, table=["hr.people"])


def test_where_and_columns_go_to_their_table_alone() -> None:
    found = over(JOB, where=["sales.orders=a = 1 AND b >= 2"], columns=["sales.old=a, b"]).tables
    assert sources(found) == ["sales.*", "sales.old", "sales.orders"]
    assert [entry.where for entry in found] == ["", "a < 1", "a = 1 AND b >= 2"]
    assert [entry.columns for entry in found] == [[], ["a", "b"], []]
    assert found[2].exclude == ["sales.tmp_*"]
    assert sources(over({}, where=["t=x"]).tables) == ["*", "t"]


def test_zones_go_to_their_table_alone() -> None:
    made = over({"tables": [{"from": "shop.*", "zones": {"a": "UTC"}, "zone_rule": "later"}]},
                zone=["orders.b=Europe/Paris", "orders.c=Asia/Tokyo"])  # fmt: skip
    whole, one = made.tables
    assert (whole.zones, one.source, one.zone_rule) == ({"a": "UTC"}, "shop.orders", "later")
    assert one.zones == {"a": "UTC", "b": "Europe/Paris", "c": "Asia/Tokyo"}
    with pytest.raises(RequestError, match="--zone names a table's column"):
        over({"tables": [{"from": "shop.*"}]}, zone=["b=Europe/Paris"])


def test_where_for_a_table_that_is_not_moved_is_refused() -> None:
    with pytest.raises(RequestError, match="not among the tables"):
        over(JOB, where=["hr.people=x"])
    with pytest.raises(RequestError, match="is written as"):
        over(JOB, where=["sales.orders"])


def test_query_and_to() -> None:
    (found,) = over({}, query="SELECT 1 AS a", to="x.ones").tables
    assert (found.query, found.to, found.source) == ("SELECT 1 AS a", "x.ones", "")
    (found,) = over({}, table=["orders"], to="old").tables
    assert (found.source, found.to) == ("orders", "old")
    wrongs: list[dict[str, Any]] = [{"query": "SELECT 1"}, {"to": "a"}, {"to": "a", "table": ["a", "b"]}]
    for wrong in wrongs:
        with pytest.raises(RequestError):
            over({}, **wrong)


def test_the_published_schema_is_current() -> None:
    kept = (ROOT / "cli" / "job.schema.json").read_text(encoding="utf-8")
    assert kept == keys.schema(), "python -m ropeway.cli.keys > cli/job.schema.json"


def test_public_names_are_there_and_lazy() -> None:
    for name in ropeway.__all__:
        assert getattr(ropeway, name) is not None
    assert callable(ropeway.verify)
    assert set(ropeway.__all__) <= set(dir(ropeway))
    with pytest.raises(AttributeError):
        ropeway.nothing  # noqa: B018
    heavy = "('pyarrow', 'polars', 'pydantic', 'duckdb')"
    show = f"import ropeway.cli.app, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_verify_is_a_room_and_a_function() -> None:
    from ropeway.verify import report

    assert sys.modules["ropeway"].verify.report is report
    assert callable(ropeway.verify)
