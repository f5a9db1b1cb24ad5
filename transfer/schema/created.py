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
    place, items = _listed(sql, escaping=escaping)
    columns = {plain(item[0]): _native(sql, item[1:]) for item in items if _is_column(item)}
    return " ".join(sql[:place].split()), columns


def columns_of(sql: str, *, escaping: bool) -> dict[str, list[str]]:
    """Each column's words outside of brackets, in capitals, by its name."""
    items = _listed(sql, escaping=escaping)[1]
    return {plain(item[0]): _outside(item[1:]) for item in items if _is_column(item)}


def keys_in(sql: str, *, escaping: bool) -> set[frozenset[str]]:
    """The columns of each PRIMARY KEY and UNIQUE among a table's columns and constraints."""
    found = set()
    for item in _listed(sql, escaping=escaping)[1]:
        words = _outside(item[1:] if _is_column(item) else item)
        if "UNIQUE" in words or {"PRIMARY", "KEY"} <= set(words):
            found.add(frozenset([plain(item[0])] if _is_column(item) else bracketed(item)))
    return found


def significant(sql: str, *, escaping: bool) -> list[Token]:
    """The tokens of a text without blanks and comments."""
    return [one for one in tokens(sql, escaping=escaping) if one[0] not in ("comment", "space")]


def _listed(sql: str, *, escaping: bool) -> tuple[int, list[list[Token]]]:
    """Where the list of a CREATE TABLE begins, and its items."""
    found = significant(sql, escaping=escaping)
    opening = next((n for n, one in enumerate(found) if one[1] == "("), None)
    words = [one[1].upper() for one in found[:opening]]
    if opening is None or words[:1] != ["CREATE"] or "TABLE" not in words:
        raise RequestError("It is no CREATE TABLE with a list of columns.")
    return found[opening][2], [item for item in _items(found[opening + 1 :]) if item]


def _is_column(item: list[Token]) -> bool:
    return not (item[0][0] == "word" and item[0][1].upper() in _NO_COLUMN)


def _outside(found: list[Token]) -> list[str]:
    """The words that stand in no bracket, in capitals."""
    depth, words = 0, list[str]()
    for kind, text, _ in found:
        depth += {"(": 1, ")": -1}.get(text, 0)
        words += [text.upper()] if kind == "word" and not depth else []
    return words


def bracketed(item: list[Token]) -> list[str]:
    """The names in an item's first brackets, without what stands in brackets of their own."""
    depth, made = 0, list[str]()
    for one in item:
        depth += {"(": 1, ")": -1}.get(one[1], 0)
        if made and not depth:
            break
        if depth == 1 and one[0] in ("quoted", "word") and one[1].upper() not in ("ASC", "DESC"):
            made.append(plain(one))
    return made


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


def plain(token: Token) -> str:
    """A name without its quotes."""
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
