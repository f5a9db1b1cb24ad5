"""What of a job file runs as code here: functions that it names, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shell import Shell, write

TOUCH = "touch pwned"
HEAD: dict[str, Any] = {"source": "sqlite:///in.sqlite", "target": "sqlite:///out.sqlite"}
STEPS: list[dict[str, Any]] = [
    {"sql": "SELECT *, (SELECT content FROM read_text('secret.txt')) AS s FROM batch"},
    {"sql": "SELECT * FROM batch; COPY batch TO 'pwned'"},
    {"sql": "SELECT * FROM read_csv('secret.txt')"}, {"derive": {"s": "getenv('HOME')"}},
    {"derive": {"s": "(SELECT 1 FROM read_blob('secret.txt'))"}}, {"filter": "1 = 1; ATTACH 'pwned'"},
    {"polars": "os:system"}, {"python": "subprocess:getoutput"}, {"polars": "shutil:rmtree"},
]  # fmt: skip


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    write(tmp_path / "in.sqlite", "CREATE TABLE t (id INTEGER PRIMARY KEY, w TEXT); INSERT INTO t VALUES (1, 'a');")
    (tmp_path / "secret.txt").write_text("hunter2\n")
    return Shell(tmp_path)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(*step.values())[:30])
def test_steps_reach_nothing_but_their_rows(step: dict[str, Any], shell: Shell) -> None:
    job = {**HEAD, "tables": [{"from": "t", "transforms": [step]}]}
    (shell.folder / "job.yaml").write_text(json.dumps(job))
    before = sorted(path.name for path in shell.folder.iterdir())
    said = shell("run", "job.yaml", status=2).stderr
    assert "hunter2" not in said
    assert "defect" not in said
    assert sorted(path.name for path in shell.folder.iterdir()) == before


def test_nothing_is_expanded_or_made_of_a_tag(shell: Shell) -> None:
    hostile = (
        f"!!python/object/apply:os.system ['{TOUCH}']", f"!!python/object/new:os.system ['{TOUCH}']",
        f"$({TOUCH})", f"`{TOUCH}`", f"${{{TOUCH}}}", f"'; {TOUCH} #", "!!python/name:os.system",
    )  # fmt: skip
    for word in hostile:
        for place in ("source", "target", "mode", "where", "to", "names"):
            said = word if word.startswith("!!") else json.dumps(word)
            lines = {"source": "sqlite:///in.sqlite", "target": "sqlite:///out.sqlite", "mode": "create", place: said}
            own = {name: lines.pop(name) for name in ("where", "to") if name in lines}
            text = "".join(f"{name}: {value}\n" for name, value in lines.items())
            text += "tables:\n  - from: t\n" + "".join(f"    {name}: {value}\n" for name, value in own.items())
            loaded(shell, text)
            assert not (shell.folder / "pwned").exists()


def loaded(shell: Shell, text: str) -> None:
    """Plan it in this process: what it says is of no matter, but that no shell says anything."""
    import ropeway
    from ropeway.transfer.errors import RopewayError

    (shell.folder / "job.yaml").write_text(text)
    try:
        job = ropeway.load(shell.folder / "job.yaml")
        ropeway.plan(job.request, job.secrets)
    except RopewayError:
        return


def test_functions_of_the_folder_run(shell: Shell) -> None:
    (shell.folder / "mine.py").write_text(
        "from pathlib import Path\n\ndef seen(frame):\n    Path('pwned').write_text('')\n    return frame\n"
    )
    (shell.folder / "job.yaml").write_text(
        json.dumps({**HEAD, "tables": [{"from": "t", "transforms": [{"polars": "mine:seen"}]}]})
    )
    shell("run", "job.yaml")
    assert (shell.folder / "pwned").exists()
