"""A statement word by word, for what sqlglot has no grammar for: DDL, SET, EXEC."""

from __future__ import annotations

from ..spoken import Refused
from .parse import WORD


def plain_name(word: str) -> str:
    if word.startswith("["):
        return word[1:-1].replace("]]", "]")
    return word[1:-1].replace('""', '"') if word.startswith('"') else word


def split_name(text: str) -> tuple[str, str]:
    """Schema, '' if it is not said, and name."""
    words = Words(text)
    return words.qualified()


class Words:
    """The words of a text, taken one after another."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._places = [(one.start(), one.end(), one[0]) for one in WORD.finditer(text) if not one["gap"]]
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
        return word if word[0] in "\"'[" or word[:2] == "N'" else word.upper()

    def take(self, *wanted: str) -> bool:
        """Take these words if they come next."""
        if all(self.peek(ahead) == word for ahead, word in enumerate(wanted)):
            self._at += len(wanted)
            return True
        return False

    def expect(self, *wanted: str) -> None:
        if not self.take(*wanted):
            raise Refused(102, f"Incorrect syntax near '{self.rest()[:60]}'.", severity=15)

    def next(self) -> str:
        if self.done:
            raise Refused(102, "Incorrect syntax: it ends too early.", severity=15)
        self._at += 1
        return self._places[self._at - 1][2]

    def name(self) -> str:
        return plain_name(self.next())

    def qualified(self) -> tuple[str, str]:
        parts = [self.name()]
        while self.take("."):
            parts.append("" if self.peek() == "." else self.name())
        return (parts[-2] if len(parts) > 1 else "", parts[-1])

    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.ordered_names())

    def ordered_names(self) -> tuple[tuple[str, bool], ...]:
        """Names in parentheses, and whether each is descending."""
        self.expect("(")
        found = []
        while True:
            name = self.name()
            found.append((name, self.take("DESC")))
            self.take("ASC")
            if not self.take(","):
                break
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
        return "" if first >= last else self.text[self._places[first][0] : self._places[last - 1][1]]
