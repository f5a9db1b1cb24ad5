"""A statement word by word, for what sqlglot has no grammar for: DDL, ALTER SESSION, calls of PL/SQL."""

from __future__ import annotations

import re

from ..spoken import Refused

_WORD = re.compile(
    r"""\s*(?:--[^\n]*\n|/\*.*?\*/)*\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[A-Za-z_][\w$#]*|\d+(?:\.\d+)?|:=|<>|[<>!]=|\|\||.)""",
    re.DOTALL,
)


class Words:
    """The words of a text, taken one after another. Names in quotes keep them until `name` is asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._places = [(found.start(1), found.end(1), found[1]) for found in _WORD.finditer(text.rstrip())]
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at >= len(self._places)

    def peek(self, ahead: int = 0) -> str:
        """The next word in capitals, '' at the end; what stands in quotes as it is."""
        at = self._at + ahead
        if at >= len(self._places):
            return ""
        word = self._places[at][2]
        return word if word[0] in "\"'" else word.upper()

    def take(self, *wanted: str) -> bool:
        """Take these words if they come next."""
        if all(self.peek(ahead) == word for ahead, word in enumerate(wanted)):
            self._at += len(wanted)
            return True
        return False

    def expect(self, *wanted: str) -> None:
        if not self.take(*wanted):
            raise Refused(905, f"missing keyword: {' '.join(wanted)} near {self.rest()[:60]!r}")

    def next(self) -> str:
        word = self.peek()
        if not word:
            raise Refused(900, "invalid SQL statement: it ends too early")
        self._at += 1
        return word

    def name(self) -> str:
        word = self.next()
        return word[1:-1].replace('""', '"') if word.startswith('"') else word

    def qualified(self, schema: str) -> tuple[str, str]:
        """A name with its schema, or with this one."""
        first = self.name()
        return (first, self.name()) if self.take(".") else (schema, first)

    def names(self) -> tuple[str, ...]:
        """Names in parentheses."""
        self.expect("(")
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def inside(self) -> str:
        """The text between the next parentheses, which must begin here."""
        self.expect("(")
        first, depth = self._at, 1
        while depth:
            word = self.next()
            depth += (word == "(") - (word == ")")
        return self._between(first, self._at - 1)

    def until(self, *ends: str) -> str:
        """The text up to one of these words, or a comma or a closing parenthesis that is not its own."""
        first, depth = self._at, 0
        while not self.done:
            word = self.peek()
            if not depth and (word in ends or word in (",", ")")):
                break
            depth += (word == "(") - (word == ")")
            self._at += 1
        return self._between(first, self._at)

    def rest(self) -> str:
        return self._between(self._at, len(self._places))

    def integer(self) -> int:
        sign = -1 if self.take("-") else 1
        return sign * int(self.next())

    def _between(self, first: int, last: int) -> str:
        if first >= last:
            return ""
        return self.text[self._places[first][0] : self._places[last - 1][1]]
