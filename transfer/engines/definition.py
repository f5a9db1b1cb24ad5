"""What a CREATE TABLE says that a catalogue does not repeat, of engines that keep little more of it than its text.

Only the grammar around expressions is read: an expression stays the text that it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<text>'(?:[^']|'')*')
    |(?P<word>[\w$]+)
    |(?P<open>\()|(?P<close>\))|(?P<comma>,)
    |(?P<sign>.)""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Part:
    """A word, a name, a text or a sign; or a `group`, which is what stands between parentheses."""

    kind: str
    text: str
    inside: tuple[Part, ...] = ()

    @property
    def word(self) -> str:
        """In upper case, '' for what is none."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """As a name, without its quotes."""
        if self.kind not in ("name", "text"):
            return self.text
        end = self.text[-1]
        return self.text[1:-1] if end == "]" else self.text[1:-1].replace(end * 2, end)


@dataclass(frozen=True)
class Clause:
    """A constraint: its `kind` as CHECK, UNIQUE, PRIMARY KEY, FOREIGN KEY, NOT NULL, COLLATE or AS.

    `name` is its own one, `columns` are those that it is on, `text` is its expression or the collation, `conflict` the
    word after ON CONFLICT, `options` are the further clauses of a foreign key.
    """

    kind: str
    columns: tuple[str, ...] = ()
    name: str = ""
    text: str = ""
    conflict: str = ""
    options: str = ""


@dataclass
class _Reading:
    """Where reading is among the parts of one definition."""

    parts: Sequence[Part]
    column: tuple[str, ...] = ()
    at: int = 0
    name: str = ""
    made: list[Clause] = field(default_factory=list)

    def peek(self, *words: str) -> bool:
        return [part.word for part in self.parts[self.at : self.at + len(words)]] == list(words)

    def take(self, *words: str) -> bool:
        found = self.peek(*words)
        self.at += len(words) if found else 0
        return found

    def next(self) -> Part:
        self.at += 1
        return self.parts[self.at - 1] if self.at <= len(self.parts) else Part("", "")

    def group(self) -> Part | None:
        """The group that comes next, if one does."""
        found = self.at < len(self.parts) and self.parts[self.at].kind == "group"
        return self.next() if found else None


def clauses(sql: str) -> list[Clause]:
    """All constraints of a CREATE TABLE, in its order; none for a table that is made AS SELECT."""
    body = next((part for part in parts_of(sql) if part.kind == "group"), None)
    return [clause for piece in pieces(body.inside) for clause in _of_piece(piece)] if body else []


def parts_of(sql: str) -> list[Part]:
    """A statement's parts without blanks and comments; what is in parentheses is one."""
    open_groups: list[list[Part]] = [[]]
    for found in _TOKEN.finditer(sql):
        kind = str(found.lastgroup)
        if kind == "open":
            open_groups.append([])
        elif kind == "close" and len(open_groups) > 1:
            inside = open_groups.pop()
            open_groups[-1].append(Part("group", f"({said(inside)})", tuple(inside)))
        else:
            open_groups[-1].append(Part(kind, " " if kind == "blank" else found[0]))
    return open_groups[0]


def said(parts: Sequence[Part]) -> str:
    """The text of parts, with one blank where blanks or comments were."""
    kept = [part for before, part in pairwise([None, *parts]) if part and not (_is_blank(part) and _is_blank(before))]
    return "".join(part.text for part in kept).strip()


def _is_blank(part: Part | None) -> bool:
    return part is not None and part.kind == "blank"


def pieces(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """What commas part."""
    piece: list[Part] = []
    for part in parts:
        if part.kind == "comma":
            yield piece
            piece = []
        else:
            piece.append(part)
    yield piece


def _of_piece(piece: Sequence[Part]) -> list[Clause]:
    """The constraints of a column or of a table."""
    parts = [part for part in piece if part.kind != "blank"]
    if not parts:
        return []
    of_table = parts[0].word in ("CONSTRAINT", "CHECK", "UNIQUE", "FOREIGN") or (
        parts[0].word == "PRIMARY" and len(parts) > 1 and parts[1].word == "KEY"
    )
    reading = _Reading(parts if of_table else parts[1:], () if of_table else (parts[0].name,))
    while reading.at < len(reading.parts):
        _read(reading)
    return reading.made


def _read(reading: _Reading) -> None:
    """One constraint, or one part of what is none."""
    if reading.take("CONSTRAINT"):
        reading.name = reading.next().name
    elif reading.take("DEFAULT"):
        _default(reading)
    elif reading.take("CHECK"):
        _add(reading, "CHECK", text=_expression(reading))
    elif reading.take("AS"):
        _add(reading, "AS", text=_expression(reading))
    elif reading.take("COLLATE"):
        _add(reading, "COLLATE", text=_collation(reading))
    elif reading.take("NOT", "NULL"):
        _add(reading, "NOT NULL")
    elif reading.take("UNIQUE"):
        _add(reading, "UNIQUE", _columns(reading))
    elif reading.take("PRIMARY", "KEY"):
        columns = _columns(reading)
        _ = reading.take("ASC") or reading.take("DESC")
        _add(reading, "PRIMARY KEY", columns)
    elif reading.take("FOREIGN", "KEY"):
        _references(reading, _columns(reading))
    elif reading.peek("REFERENCES"):
        _references(reading, reading.column)
    else:
        reading.at += 1


def _add(reading: _Reading, kind: str, columns: tuple[str, ...] | None = None, text: str = "") -> None:
    conflict = reading.next().word if reading.take("ON", "CONFLICT") else ""
    reading.made.append(Clause(kind, columns or reading.column, reading.name, text, conflict))
    reading.name = ""


def _default(reading: _Reading) -> None:
    """A sign belongs to the number behind it."""
    while reading.next().kind == "sign":
        pass


def _expression(reading: _Reading) -> str:
    group = reading.group()
    return said(group.inside) if group else ""


def _collation(reading: _Reading) -> str:
    made = reading.next().name
    while reading.at < len(reading.parts) and reading.parts[reading.at].text == ".":
        reading.at += 1
        made += f".{reading.next().name}"
    return made


def _columns(reading: _Reading) -> tuple[str, ...]:
    """The columns in parentheses that come next, or the column whose definition this is."""
    group = reading.group()
    if group is None:
        return reading.column
    firsts = [[part for part in piece if part.kind != "blank"] for piece in pieces(group.inside)]
    return tuple(first[0].name for first in firsts if first)


def _references(reading: _Reading, columns: tuple[str, ...]) -> None:
    """A foreign key to its end; of its further clauses DEFERRABLE is kept."""
    reading.take("REFERENCES")
    reading.next()
    reading.group()
    options = ""
    while True:
        if reading.take("ON", "DELETE") or reading.take("ON", "UPDATE"):
            _ = (
                reading.take("SET", "NULL")
                or reading.take("SET", "DEFAULT")
                or reading.take("NO", "ACTION")
                or (reading.next())
            )
        elif reading.take("MATCH"):
            reading.next()
        elif reading.take("NOT", "DEFERRABLE"):
            _ = reading.take("INITIALLY") and reading.next()
        elif reading.take("DEFERRABLE"):
            deferred = reading.take("INITIALLY") and reading.next().word == "DEFERRED"
            options = "DEFERRABLE INITIALLY DEFERRED" if deferred else "DEFERRABLE"
        else:
            break
    reading.made.append(Clause("FOREIGN KEY", columns, reading.name, options=options))
    reading.name = ""
