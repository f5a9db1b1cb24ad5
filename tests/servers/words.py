"""A statement word by word, for what sqlglot has no grammar for; how a server spells names is its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence


class Words(ABC):
    """The words of a text, each with where it begins and ends, taken one after another."""

    def __init__(self, text: str, places: Sequence[tuple[int, int, str]]) -> None:
        self.text = text
        self._places = places
        self._at = 0

    @abstractmethod
    def keeps(self, word: str) -> bool:
        """Whether a word's letters are meant as they stand: it is quoted."""

    @abstractmethod
    def refused(self, missing: str) -> Exception:
        """What the server says where words are missing: these, or any at all."""

    @abstractmethod
    def name(self) -> str:
        """The next word as the name that it means."""

    @property
    def done(self) -> bool:
        return self._at >= len(self._places)

    def peek(self, ahead: int = 0) -> str:
        """The next word in capitals, '' at the end; what stands in quotes as it is."""
        at = self._at + ahead
        if at >= len(self._places):
            return ""
        word = self._places[at][2]
        return word if self.keeps(word) else word.upper()

    def take(self, *wanted: str) -> bool:
        """Take these words if they come next."""
        if all(self.peek(ahead) == word for ahead, word in enumerate(wanted)):
            self._at += len(wanted)
            return True
        return False

    def expect(self, *wanted: str) -> None:
        if not self.take(*wanted):
            raise self.refused(" ".join(wanted))

    def next(self) -> str:
        """The next word, as it is written."""
        if self.done:
            raise self.refused("")
        self._at += 1
        return self._places[self._at - 1][2]

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
