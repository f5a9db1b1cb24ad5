"""What a CREATE TABLE makes, read from its text: a person's TABLESPACE or FILLFACTOR must not stand in the way.

Only the names and types of columns are read, up to the bracket that closes the list: no parser knows every engine's
clauses behind it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import RequestError
from .scripts import tokens

_STOP = {
    *("NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "REFERENCES", "CHECK", "COLLATE", "CONSTRAINT", "GENERATED", "AS"),
    *("COMMENT", "AUTO_INCREMENT", "AUTOINCREMENT", "STORAGE", "COMPRESSION", "CHARSET", "ON", "INVISIBLE", "VISIBLE"),
    *("STORED", "VIRTUAL", "PERSISTENT", "KEY", "USING"),
}  # fmt: skip
_NO_COLUMN = {
    *("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "KEY", "INDEX", "LIKE", "EXCLUDE", "PERIOD", "FULLTEXT"),
    "SPATIAL",
}

Token = tuple[str, str, int]


def created(sql: str, *, escaping: bool) -> tuple[str, dict[str, str]]:
    """The words before the table's name and the name, and each column's native type by its name.

    RequestError if the text is no CREATE TABLE with a list of columns.
    """
    found = [one for one in tokens(sql, escaping=escaping) if one[0] not in ("comment", "space")]
    opening = next((n for n, one in enumerate(found) if one[1] == "("), None)
    words = [one[1].upper() for one in found[:opening]]
    if opening is None or words[:1] != ["CREATE"] or "TABLE" not in words:
        raise RequestError("It is no CREATE TABLE with a list of columns.")
    head = sql[: found[opening][2]]
    columns = {}
    for item in _items(found[opening + 1 :]):
        if item and not (item[0][0] == "word" and item[0][1].upper() in _NO_COLUMN):
            columns[_name(item[0])] = _native(sql, item[1:])
    return " ".join(head.split()), columns


def _items(found: list[Token]) -> Iterator[list[Token]]:
    """The items of the list, cut at its commas, up to the bracket that closes it."""
    item: list[Token] = []
    depth = 0
    for one in found:
        depth += {"(": 1, ")": -1, "[": 1, "]": -1}.get(one[1], 0)
        if depth < 0 or (one[1] == "," and not depth):
            yield item
            item = []
            if depth < 0:
                return
        else:
            item.append(one)
    raise RequestError("Its list of columns is not closed.")


def _name(token: Token) -> str:
    kind, text, _ = token
    if kind != "quoted":
        return text
    return text[1:-1].replace(text[0] * 2, text[0])


def _native(sql: str, rest: list[Token]) -> str:
    """The declared type: everything up to the first word that begins something else."""
    depth, last = 0, None
    for place, one in enumerate(rest):
        following = rest[place + 1][1].upper() if place + 1 < len(rest) else ""
        word = one[1].upper() if one[0] == "word" and not depth else ""
        if word in _STOP or (word == "CHARACTER" and following == "SET"):
            break
        depth += {"(": 1, ")": -1}.get(one[1], 0)
        last = one
    return sql[rest[0][2] : last[2] + len(last[1])] if last else ""


def same_type(one: str, other: str) -> bool:
    """Whether two declarations differ at most in blanks and case, as far as both name a type."""
    first, second = (
        "".join(_native(text, [t for t in tokens(text, escaping=False) if t[0] not in ("comment", "space")]).split())
        for text in (one, other)
    )
    return first.casefold() == second.casefold()
