"""T-SQL's words, for DDL, SET and EXEC."""

from __future__ import annotations

from ... import words
from ..spoken import Refused
from .parse import WORD


def plain_name(word: str) -> str:
    if word.startswith("["):
        return word[1:-1].replace("]]", "]")
    return word[1:-1].replace('""', '"') if word.startswith('"') else word


def split_name(text: str) -> tuple[str, str]:
    """Schema, '' if it is not said, and name."""
    return Words(text).qualified()


class Words(words.Words):
    """Words as they are written; one in brackets or quotes is a name."""

    def __init__(self, text: str) -> None:
        super().__init__(text, [(one.start(), one.end(), one[0]) for one in WORD.finditer(text) if not one["gap"]])

    def keeps(self, word: str) -> bool:
        return word[0] in "\"'[" or word[:2] == "N'"

    def refused(self, missing: str) -> Refused:
        if not missing:
            return Refused(102, "Incorrect syntax: it ends too early.", severity=15)
        return Refused(102, f"Incorrect syntax near '{self.rest()[:60]}'.", severity=15)

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
