"""The page that people look at, in a real browser: it says what was found, and nothing in it runs or is fetched."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from browser import Browser
from shell import TARGET, Shell, write

HOSTILE = "<script>document.title='pwned'</script>"
SOURCE = ("--source", "sqlite:///shop.sqlite")
WIDTHS = (390, 1280)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose target was spoilt, verified again; and two places that no run of ours knows."""
    shell = Shell(tmp_path_factory.mktemp("pages"))
    with closing(sqlite3.connect(shell.folder / "shop.sqlite")) as shop, shop:
        shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, word TEXT, price INTEGER)")
        shop.executemany("INSERT INTO orders VALUES (?, ?, ?)", ((n, f"wörd {n}", n % 100) for n in range(1, 25_001)))
        shop.execute(f'CREATE TABLE "{HOSTILE}" (code TEXT PRIMARY KEY, "<b>n" TEXT)')
        shop.execute(f'INSERT INTO "{HOSTILE}" VALUES (?, ?)', (HOSTILE, f"{HOSTILE}{'y' * 150}"))
        shop.execute("CREATE TABLE same (n INTEGER PRIMARY KEY)")
    shell("run", *SOURCE, *TARGET)
    write(
        shell.folder / "out.sqlite",
        "UPDATE orders SET word = word || ' ' WHERE id = 21; UPDATE orders SET price = -price WHERE id < 200;"
        f"UPDATE orders SET word = NULL WHERE id = 22; DELETE FROM orders WHERE id = 24000;"
        f'UPDATE "{HOSTILE}" SET "<b>n" = upper("<b>n");',
    )
    shell("verify", *SOURCE, *TARGET, "--level", "full", "--html", "verified.html", status=5)
    shell("report", "--html", "run.html")
    write(shell.folder / "out.sqlite", "DROP TABLE ropeway_run; DROP TABLE ropeway_slice")
    shell("verify", *SOURCE, *TARGET, "--table", "same", "--html", "foreign.html")
    return shell.folder


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["run", "verified", "foreign"])
def test_a_page_is_whole_and_alone(pages: Path, browser: Browser, name: str, width: int) -> None:
    file = pages / f"{name}.html"
    browser.open(file, width)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.requests == [file.as_uri()]
    assert browser.complaints == []
    assert browser.ask("document.title").startswith("Ropeway: ")
    assert browser.ask("[...document.scripts].length") == 1
    assert browser.ask("[...document.querySelectorAll('[src], [href]')].filter(a => a.hash[0] != '#').length") == 0
    assert browser.ask("document.querySelectorAll('h1').length") == 1
    assert browser.ask("[...document.querySelectorAll('table')].every(t => t.caption.innerText)") is True
    assert browser.ask("[...document.querySelectorAll('svg[role=img]')].every(s => s.firstChild.textContent)") is True
    assert browser.ask(
        "[...document.querySelectorAll('svg[role=img]')].every(s => s.getBoundingClientRect().width > 0)"
    )


def test_a_run_that_was_verified_again(pages: Path, browser: Browser) -> None:
    browser.open(pages / "run.html")
    text = browser.ask("document.body.innerText").replace("\xa0", " ")
    assert browser.ask("document.querySelector('h1').innerText") == "2 of 3 tables differ"
    for said in (
        *("Proven: in all 3 tables, target equals what was read", "1 missing, 198 changed", "25,001"),
        *("≠ different", "✓ target equals what was read", "trailing space", "NULL for a value", "sign", "case"),
        HOSTILE,
    ):
        assert said in text, said
    kinds = browser.ask("[...document.querySelectorAll('svg[role=img]')].map(s => s.className.baseVal)")
    assert sorted(kinds) == ["rows", "slices", "strip", "strip", "strip segments", "throughput"]
    assert browser.ask("document.querySelectorAll('svg.segments rect.fewer, svg.segments rect.changed').length") == 2
    heights = browser.ask("[...document.querySelectorAll('path.area')].map(p => p.getBoundingClientRect().height)")
    assert len(heights) == 2
    assert min(heights) > 40
    rows = "[...document.querySelectorAll('#difference-0 table.differences tbody tr')]"
    cells = browser.ask(f"{rows}.map(r => [...r.cells].map(c => c.innerText))")
    assert ["changed", "id = 21", "word", "wörd 21", "wörd 21 ", "trailing space"] in cells
    assert ["missing", "id = 24000", "", "", "", ""] in cells


def test_the_differences_are_filtered(pages: Path, browser: Browser) -> None:
    browser.open(pages / "verified.html")
    rows = "[...document.querySelectorAll('#difference-0 table.differences tbody tr')]"
    shown = f"{rows}.filter(r => r.getBoundingClientRect().height).length"
    assert browser.ask(shown) == browser.ask(f"{rows}.length") == 100
    typed = "box.value = 'trailing word'; box.dispatchEvent(new Event('input'))"
    browser.ask(f"const box = document.querySelector('#difference-0 input'); {typed}")
    assert browser.ask(shown) == 1
    assert browser.ask("document.querySelector('output').innerText") == "1 of 100"


def test_a_page_is_light_dark_or_printed(pages: Path, browser: Browser) -> None:
    colours = []
    for dark in (False, True):
        browser.open(pages / "verified.html", dark=dark)
        colours.append(browser.ask("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(247, 247, 245)", "rgb(17, 21, 26)"]
    assert browser.print().startswith(b"%PDF")


def test_two_places_that_no_run_knows(pages: Path, browser: Browser) -> None:
    browser.open(pages / "foreign.html")
    text = browser.ask("document.body.innerText")
    assert browser.ask("document.querySelector('h1').innerText") == "Proven: in the table, target equals what was read"
    assert "verification of run" not in text.lower()
    assert "sqlite:///shop.sqlite → sqlite:///out.sqlite" in text
