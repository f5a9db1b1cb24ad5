"""A plan as a folder, through the command line: written, reviewed, refused when touched, sealed, carried out."""

from __future__ import annotations

import getpass
import json
import shutil
from pathlib import Path

import duckdb
import pytest

from shell import Shell, write

FILES = (
    *("README.md", "after.sql", "before.sql", "checks.sql", "down.sql", "mapping.md", "plan.json", "plan.sum"),
    "risks.md",
)
EDITABLE = [name for name in FILES if name not in ("plan.json", "plan.sum")]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source and its plan, which a command wrote; each test works on a copy."""
    there = tmp_path_factory.mktemp("planned")
    write(
        there / "in.sqlite",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, n VARCHAR(20) NOT NULL);"
        "CREATE TABLE t (id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p (id)); CREATE INDEX t_p ON t (p_id);"
        "INSERT INTO p VALUES (1, 'a'), (2, 'b'); INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)",
    )
    Shell(there)("plan", "--source", "sqlite:///in.sqlite", "--target", "duckdb:///out.duckdb", "--out", "p")
    return there


@pytest.fixture
def folder(shell: Shell, planned: Path) -> Path:
    shutil.copytree(planned, shell.folder, dirs_exist_ok=True)
    return shell.folder / "p"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def indexes(shell: Shell) -> list[str]:
    with duckdb.connect(str(shell.folder / "out.duckdb")) as connection:
        found = connection.execute("SELECT index_name FROM duckdb_indexes() WHERE schema_name = 'main' ORDER BY 1")
        return [name for (name,) in found.fetchall()]


def test_a_folder_says_everything(shell: Shell, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    mapping = (folder / "mapping.md").read_text()
    assert "| p.n | VARCHAR(20) | text(20) | main.p.n | VARCHAR NOT NULL |" in mapping
    risks = (folder / "risks.md").read_text()
    assert "As a whole the plan is **reversible**." in risks
    assert "widened-type" in risks
    assert "orphans of foreign key" in (folder / "checks.sql").read_text()
    for name in FILES[1:]:
        assert f"| {name} |" in (folder / "README.md").read_text()
    assert not (shell.folder / "out.duckdb").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_refused_by_the_files_name(shell: Shell, folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    said = shell.refused("run", "p")
    assert f"p/{name} was changed" in said
    assert ("--seal" in said) == (name in EDITABLE)
    assert not (shell.folder / "out.duckdb").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(shell: Shell, folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"p/{name} is missing" in shell.refused("run", "p")
    assert f"p/{name} is missing" in shell.refused("plan", "--seal", "p")


def test_a_foreign_file_is_refused(shell: Shell, folder: Path) -> None:
    (folder / ".gitattributes").write_text("* text")
    (folder / "notes.txt").write_text("call me")
    for words in (("run", "p"), ("plan", "--seal", "p")):
        assert "p/notes.txt is not of the plan" in shell.refused(*words)
    listed = (folder / "plan.sum").read_text() + "notes.txt h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    (folder / "plan.sum").write_text(listed)
    assert "p/plan.sum was changed" in shell.refused("run", "p")
    (folder / "notes.txt").rename(folder / "plan.sum.d")
    ends = ("--source", "sqlite:///in.sqlite", "--target", "duckdb:///o")
    assert "other files" in shell.refused("plan", *ends, "--out", "p")


def test_line_ends_are_no_change(shell: Shell, folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "nothing to seal" in shell("plan", "--seal", "p").stderr
    assert shell.json("run", "p")["rows"] == 5
    assert shell.json("verify", "p")["equal"]


# Sealing


def test_a_sealed_index_is_there_and_goes_with_down(shell: Shell, folder: Path) -> None:
    edit(folder / "after.sql", "-- [5]", '-- [+] create index p_n\nCREATE INDEX p_n ON "main"."p" ("n");\n\n-- [5]')
    edit(folder / "down.sql", "-- [5]", "-- [+] create index p_n\nDROP INDEX p_n;\n\n-- [5]")
    edit(folder / "before.sql", '"n" VARCHAR', '"n" TEXT')
    edit(folder / "mapping.md", "# Mapping", "Read by Ann.\n\n# Mapping")
    assert "--seal" in shell.refused("run", "p")
    found = shell.json("plan", "--seal", "p")
    assert found["edited"] == ["after.sql", "before.sql", "down.sql", "mapping.md"]
    (seal,) = found["sealed"]
    assert seal["by"].startswith(f"{getpass.getuser()}@")
    assert (seal["changed"], seal["added"]) == (["1 create table main.p"], ["8 create index p_n"])
    assert (folder / "mapping.md").read_text().startswith("Read by Ann.")
    assert "Edited by hand and sealed" in (folder / "risks.md").read_text()
    assert "-- [8] create index p_n" in (folder / "after.sql").read_text()
    assert "nothing to seal" in shell("plan", "--seal", "p").stderr

    done = shell("run", "p")
    assert "sealed by" in done.stdout
    assert indexes(shell) == ["p_n", "t_p"]
    assert shell.json("report")["sealed"] == [seal]
    kept = shell.folder / ".ropeway" / found["run"] / "plan.json"
    assert json.loads(kept.read_text())["sealed"] == [seal]
    with duckdb.connect(str(shell.folder / "out.duckdb")) as connection:
        ((stored,),) = connection.execute("SELECT plan FROM ropeway.ropeway_run").fetchall()
        assert json.loads(stored)["sealed"] == [seal]
        down = (folder / "down.sql").read_text()
        index = down[down.index("-- [8]") : down.index("-- [4]")]
        connection.execute(index)
    assert indexes(shell) == ["t_p"]


BROKEN = {
    "order": ("before.sql", "stands before [1] create table main.p"),
    "table": ("before.sql", "[1] create table main.p was removed"),
    "type": ("before.sql", "no rule"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_seal_refuses_what_could_not_run(shell: Shell, folder: Path, case: str) -> None:
    file, said = BROKEN[case]
    text = (folder / file).read_text()
    first = text[text.index("-- [1]") : text.index("-- [2]")]
    changes = {
        "order": text.replace(first, "").replace("-- Then", f"{first}-- Then"),
        "table": text.replace(first, ""),
        "type": text.replace('"n" VARCHAR', '"n" UNION(a INT)'),
    }
    (folder / file).write_text(changes[case])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert said in shell.refused("plan", "--seal", "p")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert f"p/{file} was changed" in shell.refused("run", "p")


def test_a_seal_takes_no_edit_of_the_plan_itself(shell: Shell, folder: Path) -> None:
    edit(folder / "plan.json", "CREATE TABLE", "CREATE  TABLE")
    assert "p/plan.json was changed" in shell.refused("plan", "--seal", "p")
    for words in (["job.yaml"], ["--mode", "append"], ["--out", "q"], ["--sample", "2"], ["--probe"]):
        assert "--seal takes a written plan as it is" in shell("plan", "--seal", "p", *words, status=2).stderr
    assert "takes edits of its SQL" in shell.refused("plan", "p")
    (shell.folder / "empty").mkdir()
    assert "empty/plan.sum is missing" in shell.refused("plan", "--seal", "empty")


def test_prose_alone_is_accepted(shell: Shell, folder: Path) -> None:
    before = (folder / "plan.json").read_bytes()
    for name in ("README.md", "risks.md", "checks.sql"):
        edit(folder / name, "\n", "\nSeen.\n")
    assert shell.json("plan", "--seal", "p")["edited"] == ["README.md", "checks.sql", "risks.md"]
    assert (folder / "plan.json").read_bytes() == before
    assert "Seen." in (folder / "risks.md").read_text()
    assert shell.json("run", "p")["sealed"] == []
