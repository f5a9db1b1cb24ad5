"""The file in which people say which pairs of rows are one: a CSV for spreadsheets, and read back exactly.

A spreadsheet takes a cell for a formula by its first sign, and splits cells at other signs than we do. So a sign that
could begin a formula gets an apostrophe before it, wherever a cell could begin; reading takes just these away.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ..transfer.errors import RequestError
from ..transfer.stage import aside

# A row is pair, approve, the keys of both rows, similarity, what was compared of both, check.
PAIR, APPROVE, LIKENESS, SUM = "pair", "approve", "similarity", "check"
_YES, _NO = {"yes", "y", "x", "true", "1"}, {"", "no", "n", "false", "0"}
_BEGINS = r"(^|[;,|\t\r\n])"
_FORMULA = re.compile(_BEGINS + r"(?=['=+\-@\t\r\n＝＋－＠])")
_LINE_END = re.compile("\r\n?")
_ESCAPED = re.compile(_BEGINS + "'")


Pair = tuple[str, tuple[str, ...], tuple[str, ...], str]  # number, the keys of both rows, sum of what was to be seen


@dataclass(frozen=True)
class Approved:
    """The pairs that a person approved, of a file with these heads."""

    heads: tuple[str, ...]
    pairs: tuple[Pair, ...]

    @property
    def sum(self) -> str:
        """By which other approvals are told from these."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def text(self) -> str:
        return json.dumps([self.heads, self.pairs], ensure_ascii=False)


def parsed(text: str) -> Approved:
    """What `text` of an Approved says."""
    heads, pairs = json.loads(text)
    return Approved(tuple(heads), tuple((pair, tuple(one), tuple(other), sum_) for pair, one, other, sum_ in pairs))


def heads_of(names: Sequence[str]) -> tuple[str, ...]:
    """Each column twice: of the one row and of the other."""
    return tuple(f"{name} ({row})" for name in names for row in (1, 2))


def sum_of(heads: Sequence[str], cells: Sequence[str]) -> str:
    """A sum of what is to be seen of a pair, whatever the ends of its lines.

    It begins with a letter, or a spreadsheet might take it for a number.
    """
    cells = [_LINE_END.sub("\n", cell) for cell in cells]
    return "x" + hashlib.sha256(json.dumps([heads, cells], ensure_ascii=False).encode()).hexdigest()[:19]


def escaped(value: str) -> str:
    """A value that no spreadsheet takes for a formula; each end of a line is a line feed."""
    return _FORMULA.sub(r"\1'", _LINE_END.sub("\n", value))


def plain(cell: str) -> str:
    """The value that was escaped, but for the ends of its lines."""
    return _ESCAPED.sub(r"\1", cell)


def write(path: Path, heads: Sequence[str], keys: int, pairs: Iterable[tuple[float, Sequence[str]]]) -> int:
    """Write the pairs, each with its similarity and the cells of both rows, `keys` of them of keys; how many."""
    number = 0
    with aside(path) as there, there.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file, quoting=csv.QUOTE_ALL)
        first = [escaped(head) for head in heads]
        rows.writerow([PAIR, APPROVE, *first[:keys], LIKENESS, *first[keys:], SUM])
        for number, (likeness, cells) in enumerate(pairs, start=1):
            said = [escaped(cell) for cell in cells]
            rows.writerow([number, "", *said[:keys], f"{likeness:.4f}", *said[keys:], sum_of(heads, cells)])
    return number


def unique(path: Path) -> Path:
    """Give a new file the name without its `.new`, or one with a number behind: a person may have written into those.

    What is there already with the same content stays alone.
    """
    stem = path.with_suffix("").stem
    for number in count(1):
        name = path.with_name(f"{stem}{'' if number == 1 else f'-{number}'}.csv")
        if not name.exists():
            path.replace(name)
            return name
        if name.read_bytes() == path.read_bytes():
            path.unlink()
            return name
    raise AssertionError


def listed(path: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a list for people."""
    with aside(path) as there, there.open("w", encoding="utf-8-sig", newline="") as file:
        made = csv.writer(file, quoting=csv.QUOTE_ALL)
        made.writerows([escaped(str(cell)) for cell in row] for row in (heads, *rows))


def read(path: Path) -> Approved:
    """The approved pairs of a file. RequestError for one that cannot be what was written, but for 'approve'."""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # with line ends as they are
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}.", remedy="Name the file of pairs.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is no UTF-8.", remedy="Save it as CSV in UTF-8.") from error
    usual = csv.field_size_limit(max(len(text), csv.field_size_limit()))  # a row's text may be longer than csv expects
    try:
        return _read(path, text)
    finally:
        csv.field_size_limit(usual)


def _read(path: Path, text: str) -> Approved:
    tries = [csv.reader(io.StringIO(text, newline=""), delimiter=sign) for sign in ",;\t"]
    found = [(next(rows, []), rows) for rows in tries]
    head, rows = next(((head, rows) for head, rows in found if head[:2] == [PAIR, APPROVE]), ([], tries[0]))
    if LIKENESS not in head or head[-1] != SUM:
        raise RequestError(f"{path} is no file of pairs: it begins with {text[:60]!r}.")
    keys = head.index(LIKENESS) - 2
    heads = tuple(plain(cell) for cell in (*head[2 : 2 + keys], *head[3 + keys : -1]))
    pairs = [_pair(path, rows.line_num, heads, row, keys) for row in rows if any(cell.strip() for cell in row)]
    return Approved(heads, tuple(pair for pair in pairs if pair))


def _pair(path: Path, line: int, heads: Sequence[str], row: Sequence[str], keys: int) -> Pair | None:
    """A pair that is approved, or None."""
    if len(row) != len(heads) + 4:
        raise RequestError(f"{path}, line {line}: {len(row)} cells, where there are {len(heads) + 4} heads.")
    said = row[1].strip().casefold()
    if said in _NO:
        return None
    if said not in _YES:
        raise RequestError(f"{path}, line {line}: approve is {row[1]!r}.", remedy="Write yes or no, or nothing for no.")
    cells = [plain(cell) for cell in (*row[2 : 2 + keys], *row[3 + keys : -1])]
    if sum_of(heads, cells) != row[-1]:
        raise RequestError(
            f"{path}, line {line}: pair {row[0]} is not as it was written: its keys, its values or its check differ.",
            remedy="Change nothing but 'approve'. A spreadsheet may have made numbers or dates of texts: import the "
            "columns as text.",
        )  # fmt: skip
    return row[0], tuple(cells[0:keys:2]), tuple(cells[1:keys:2]), row[-1]
