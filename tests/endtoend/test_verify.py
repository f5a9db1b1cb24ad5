"""`ropeway verify` of two places that Ropeway never loaded, as a person uses it."""

from __future__ import annotations

import json

from shell import TARGET, Shell, ask, write

WORDS = ("verify", "--source", "sqlite:///one.sqlite", *TARGET, "--level", "full")


def test_verify_names_the_cell_that_differs(shell: Shell) -> None:
    rows = "CREATE TABLE t (id INTEGER PRIMARY KEY, w VARCHAR(9)); INSERT INTO t VALUES (1, 'a'), (2, NULL), (3, 'x')"
    write(shell.folder / "one.sqlite", rows)
    write(shell.folder / "out.sqlite", f"{rows}; UPDATE t SET w = '' WHERE id = 2; DELETE FROM t WHERE id = 3")
    done = shell(*WORDS, status=5)
    assert "1 of 1 segments differ. In 1 of them: 1 missing, 1 changed." in done.stdout
    assert "empty for NULL" in done.stdout
    found = json.loads(shell(*WORDS, "--json", status=5).stdout)["tables"][0]
    assert (found["partitions"], found["differing_partitions"]) == (1, 1)
    assert found["differences"] == [
        {"kind": "changed", "key": {"id": "2"}, "column": "w", "source": None, "target": "", "cause": "empty for NULL"},
        {"kind": "missing", "key": {"id": "3"}, "column": "", "source": None, "target": None, "cause": ""},
    ]
    write(shell.folder / "out.sqlite", "UPDATE t SET w = NULL WHERE id = 2; INSERT INTO t VALUES (3, 'x')")
    for name in ("key", "other"):
        (shell.folder / name).write_text(name)
    shell(*WORDS, "--manifest", "signed.json", "--key", "key", "--salt")
    found = shell.json(*WORDS, "--manifest", "shop.json")
    assert found["tables"][0]["claim"] == "target equals what was read"
    assert "There is no folder" in shell.refused(*WORDS, "--manifest", "nowhere/shop.json")
    (shell.folder / "one.sqlite").unlink()
    assert shell.json("verify", "--against", "shop.json")["equal"]
    assert shell.json("verify", "--against", "signed.json", "--key", "key")["equal"]
    assert "is not signed by this key." in shell.refused("verify", "--against", "signed.json", "--key", "other")
    assert "--salt is for a --manifest with a --key" in shell(*WORDS, "--salt", status=2).stderr
    assert "is not signed." in shell.refused("verify", "--against", "shop.json", "--key", "key")
    written = json.loads((shell.folder / "signed.json").read_text())
    assert [name.split()[0] for name in written["engines"]] == ["sqlite", "sqlite"]
    assert written["began"] <= written["written"]
    write(shell.folder / "out.sqlite", "UPDATE t SET w = 'b' WHERE id = 2")
    found = shell.json("verify", "--against", "shop.json", status=5)
    assert found["tables"][0]["reason"].endswith("it differs where id is from 1 to 3")
    assert "no manifest" in shell.refused("verify", "--against", "out.sqlite")
    assert "cannot be read" in shell.refused("verify", "--against", "missing.json")
    assert not list(shell.folder.glob(".ropeway*"))


def test_a_repair_is_shown_and_then_done(shell: Shell) -> None:
    for name, word in (("one", "a"), ("out", "b")):
        made = f"CREATE TABLE t (id INTEGER PRIMARY KEY, w TEXT); INSERT INTO t VALUES (1, '{word}')"
        write(shell.folder / f"{name}.sqlite", made)
    shown = shell.json(*WORDS, "--repair", status=5)["repair"]
    assert not shown["done"]
    assert shown["tables"][0]["update"] == 1
    assert any(sql.startswith("UPDATE") for sql in shown["tables"][0]["statements"])
    assert ask(shell.folder / "out.sqlite", "SELECT w FROM t") == [("b",)]
    assert shell(*WORDS, "--repair", status=5).stderr.count("--yes") == 1
    done = shell(*WORDS, "--repair", "--yes")
    assert "The rows as they were are in .ropeway/repairs/" in done.stdout
    assert ask(shell.folder / "out.sqlite", "SELECT w FROM t") == [("a",)]
    assert shell.json(*WORDS)["equal"]
    assert "is none of cascade, triggers" in shell(*WORDS, "--repair", "--allow", "all", status=2).stderr
    (folder,) = (shell.folder / ".ropeway" / "repairs").iterdir()
    shell("run", "--source", f"arrow:///{folder}", *TARGET, "--table", "t", "--mode", "merge")  # takes it back
    assert ask(shell.folder / "out.sqlite", "SELECT w FROM t") == [("b",)]
    assert "--settle excludes it" in shell(*WORDS, "--repair", "--settle", "1", status=2).stderr
