"""Documentation that cannot fall behind: every command, option, key and word stands in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import fault_table
import type_tables
from ropeway.cli.app import app
from ropeway.cli.keys import JobKeys, TableKeys
from ropeway.transfer.schema.risks import GRADES
from ropeway.transfer.types import Fidelity
from ropeway.verify import report

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]  # the app is a group


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(command: str) -> str:
    """A command's section, and those that are for several commands."""
    parts = re.split(r"^## ", text("commands.md"), flags=re.MULTILINE)
    common = [part for part in parts if not part.startswith("ropeway ")]
    (own,) = (part for part in parts if part.startswith(f"ropeway {command}\n"))
    return own + "".join(common)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_documented(command: str) -> None:
    said = section(command)
    options = [name for one in COMMANDS[command].params for name in one.opts if name.startswith("-")]
    assert [name for name in options if not re.search(rf"(?<![\w-]){name}(?![\w-])", said)] == []
    assert f"    ropeway {command} " in text("commands.md")


def test_only_commands_are_documented() -> None:
    assert set(re.findall(r"^## ropeway (\w+)$", text("commands.md"), re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("model", [JobKeys, TableKeys])
def test_every_key_of_a_job_is_documented(model: type[JobKeys | TableKeys]) -> None:
    rows = [line.split("|")[1] for line in text("job.md").splitlines() if line.startswith("|")]
    known = {name.strip() for row in rows for name in row.split(",")}
    assert {str(one.validation_alias or name) for name, one in model.model_fields.items()} - known == set()


def test_every_word_of_a_plan_and_a_claim_is_defined() -> None:
    words = text("words.md")
    claims = [report.COUNTS_EQUAL, report.EQUALS_READ, report.DIFFERENT, report.NOT_VERIFIED]
    assert [word for word in [*Fidelity, *claims, *GRADES] if f"| {word} |" not in words] == []


def test_a_word_is_defined_once() -> None:
    defined = re.findall(r"^\*\*([^*]+?)\.?\*\*", text("words.md"), re.MULTILINE)
    names = [name.strip(" .") for one in defined for name in re.split(r",| and ", one)]
    assert sorted(names) == sorted(set(names))
    for word in ("Engine", "Plan", "Hop", "Statement", "Slice", "Instant", "Reader", "Loader", "Receipt", "Report"):
        assert word in names


def finding_names() -> set[str]:
    """The names of all findings that the code makes; three places put theirs together."""
    found = {f"{one}-type" for one in Fidelity if one is not Fidelity.EXACT} | {"foreign-key-changed"}
    composed = []
    for path in (DOCS.parent / "transfer").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                name = node.args[3] if len(node.args) > 3 else None
                if isinstance(name, ast.Constant):
                    found.add(str(name.value))
                else:
                    composed.append(path.name)
    assert sorted(composed) == ["doubts.py", "order.py", "risks.py"]
    return found | {"orphans", "nulls", "duplicates", "broken-check"}


def test_findings_are_listed() -> None:
    listed = re.findall(r"^\| ([a-z-]+) \| ([a-z, ]+) \|", text("risks.md"), re.MULTILINE)
    names = [name for name, _ in listed if name != "name"]
    assert sorted(names) == sorted(finding_names())
    assert {grade for name, grades in listed if name != "name" for grade in grades.split(", ")} == set(GRADES)


# MySQL 8 alone can refuse tables without a key, and clusters alone bound a transaction.
UNTRIED = {"primary-key-required", "transaction-limit"}


def test_each_finding_is_made_by_some_test() -> None:
    tests = DOCS.parent / "tests"
    told = "".join(path.read_text(encoding="utf-8") for path in tests.rglob("*.py") if path.parent.name != "house")
    unseen = {name for name in finding_names() if not re.search(rf"(?<![\w-]){name}(?![\w-])", told)}
    assert unseen - UNTRIED == set()
    assert unseen >= UNTRIED, "tried by now"


def test_links_lead_somewhere() -> None:
    for path in DOCS.glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            assert "://" in link or (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_tables_of_types_are_current() -> None:
    """`python tests/type_tables.py` makes them anew."""
    assert text("types.md") == type_tables.document()
    said = type_tables.README.read_text(encoding="utf-8")
    assert type_tables.overview() in said
    assert said == type_tables.readme(said)


def test_the_table_of_faults_is_current() -> None:
    """`python tests/fault_table.py` makes it anew, of what it finds; none may be missed."""
    assert text("verification.md") == fault_table.written(
        text("verification.md"), fault_table.table(fault_table.all_right())
    )


def test_what_an_engine_may_answer_is_documented() -> None:
    rooms = [DOCS.parent / room for room in ("transfer", "verify", "cli")]
    files = [file for room in rooms for file in room.rglob("*.py") if "engines" not in file.parts]
    asked = {
        name for file in files
        for whom, name in re.findall(r'getattr\(([\w.]+), "(\w+)"', file.read_text())
        if whom.rpartition(".")[2] in ("engine", "source", "target", "loader", "end")
    }  # fmt: skip
    assert len(asked) > 15
    assert [name for name in sorted(asked) if f"`{name}" not in text("engines.md")] == []
