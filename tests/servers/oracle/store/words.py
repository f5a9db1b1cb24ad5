"""Oracle's words, for DDL, ALTER SESSION and calls of PL/SQL."""

from __future__ import annotations

import re

from ... import words
from ..spoken import Refused

_WORD = re.compile(
    r"""(?:\s|--[^\n]*\n|/\*.*?\*/)*("(?:[^"]|"")*"|'(?:[^']|'')*'|[A-Za-z_][\w$#]*|\d+(?:\.\d+)?|:=|<>|[<>!]=|\|\||.)""",
    re.DOTALL,
)


class Words(words.Words):
    """Words in capitals; names in quotes keep them until `name` is asked for."""

    def __init__(self, text: str) -> None:
        super().__init__(text, [(found.start(1), found.end(1), found[1]) for found in _WORD.finditer(text.rstrip())])

    def keeps(self, word: str) -> bool:
        return word[0] in "\"'"

    def refused(self, missing: str) -> Refused:
        if not missing:
            return Refused(900, "invalid SQL statement: it ends too early")
        return Refused(905, f"missing keyword: {missing} near {self.rest()[:60]!r}")

    def next(self) -> str:
        word = super().next()
        return word if self.keeps(word) else word.upper()

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
