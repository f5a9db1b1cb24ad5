"""A batch as statements, and a statement as sqlglot's syntax tree, with every function left under its own name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.tsql import TSQL
from sqlglot.errors import SqlglotError
from sqlglot.parsers.tsql import TSQLParser

from ...trees import flattened
from ..spoken import Refused

WORD = re.compile(
    r"""(?P<gap>(?:\s|--[^\n]*|/\*.*?\*/)+)|N?'(?:[^']|'')*'|\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*"|[@#$\w]+|<>|[<>!]=|.""",
    re.DOTALL,
)
_HINTS = re.compile(
    r"\bWITH\s*\(\s*(?:(?:NOLOCK|TABLOCKX?|HOLDLOCK|UPDLOCK|ROWLOCK|PAGLOCK|XLOCK|READPAST|READUNCOMMITTED|READCOMMITTED|"
    r"SERIALIZABLE|REPEATABLEREAD|SNAPSHOT|READCOMMITTEDLOCK)\s*,?\s*)+\)|\bOPTION\s*\([^)]*\)",
    re.IGNORECASE,
)
_NEXT = re.compile(r"\bNEXT\s+VALUE\s+FOR\s+([\w.\[\]]+)", re.IGNORECASE)
_TOP = re.compile(r"\s*DELETE\s+(TOP\s*\(\s*(\d+)\s*\)\s*)", re.IGNORECASE)  # sqlglot takes it for a table
_REAL = re.compile(r"(\bAS\s+|\bCONVERT\s*\(\s*)real\b", re.IGNORECASE)
_QUOTED = r"""'(?:[^']|'')*'|\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*\""""
_ODD = re.compile("|".join([_QUOTED, *(one.pattern for one in (_HINTS, _NEXT, _REAL))]), re.IGNORECASE)
_STARTS = {
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "ALTER", "DROP", "TRUNCATE", "EXEC", "EXECUTE",
    "DECLARE", "SET", "IF", "BEGIN", "COMMIT", "ROLLBACK", "USE", "PRINT", "SAVE", "WAITFOR", "RAISERROR", "THROW",
    "GRANT", "DENY", "REVOKE", "DBCC", "CHECKPOINT", "ELSE", "END", "WITH",
}  # fmt: skip
_WHOLE = re.compile(r"CREATE\s+(?:OR\s+ALTER\s+)?(?:VIEW|PROC|PROCEDURE|FUNCTION|TRIGGER)\b", re.IGNORECASE)


class Plain(TSQL):
    """sqlglot knows what many functions mean elsewhere, and would change their arguments."""

    class Parser(TSQLParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: TSQLParser.FUNCTION_PARSERS[name] for name in ("CAST", "CONVERT", "TRY_CAST", "TRY_CONVERT")
        }


def statements(batch: str) -> Iterator[str]:
    """The statements of a batch, which need nothing between them."""
    words = [(found.start(), found.end(), found[0].upper()) for found in WORD.finditer(batch) if not found["gap"]]
    first, depth, seen = 0, 0, [""]
    for place, (start, _, word) in enumerate(words):
        if word == ";" and not depth:
            if first < place:
                yield batch[words[first][0] : start]
            first, seen = place + 1, [""]
            continue
        following = words[place + 1][2] if place + 1 < len(words) else ""
        if first < place and not depth and word in _STARTS and _begins(word, following, seen):
            yield batch[words[first][0] : start]
            first, seen = place, [""]
        if first == place and _WHOLE.match(batch, start):
            yield batch[start:] if place else batch  # a module's text is that of its batch
            return
        depth += (word == "(") - (word == ")")
        if not depth or word == "(":
            seen.append(word)
    if first < len(words):
        yield batch[words[first][0] : words[-1][1]]


def _begins(word: str, following: str, seen: list[str]) -> bool:
    """Whether the word begins a statement after these."""
    start, last = seen[1], seen[-1]
    if start in ("IF", "ELSE", "MERGE", "GRANT", "DENY", "REVOKE") or word in ("END", "ELSE"):
        return False
    if word == "IF":
        return start != "DROP" and not (start == "ALTER" and last in ("CONSTRAINT", "COLUMN"))
    if word == "WITH":
        return following != "(" and start in ("SET", "USE", "DECLARE", "COMMIT", "BEGIN") and last != "BEGIN"
    if word in ("SELECT", "EXEC", "EXECUTE"):
        if last in ("UNION", "ALL", "EXCEPT", "INTERSECT", "AS"):
            return False
        return not (start in ("INSERT", "WITH") and not {"SELECT", "VALUES", "EXEC", "DEFAULT"} & set(seen))
    if word == "SET":
        return start != "ALTER" and not (start in ("UPDATE", "WITH") and "SET" not in seen) and last not in (
            "UPDATE", "DELETE")  # fmt: skip
    if word in ("UPDATE", "DELETE", "INSERT"):
        return (last != "ON" or start == "SET") and not (
            start == "WITH" and not {"SELECT", "UPDATE", "DELETE", "INSERT"} & set(seen)
        )
    if word in ("ALTER", "DROP") and start == "ALTER":
        return following in ("TABLE", "DATABASE", "INDEX", "VIEW", "SCHEMA", "SEQUENCE")
    return True


def _plain(found: re.Match[str]) -> str:
    """Without what sqlglot does not know, or takes for something else; what is quoted stays as it is."""
    if found[0][0] in "'[\"":
        return found[0]
    some = _NEXT.sub(lambda name: f"NEXT_VALUE('{name[1]}')", _HINTS.sub(" ", found[0]))
    return _REAL.sub(r"\1float(24)", some)  # sqlglot takes real for float


def parse(text: str) -> exp.Expression:
    """A query, INSERT, UPDATE or DELETE. Refused if it cannot be parsed."""
    some = _TOP.match(text)
    text = text[: some.start(1)] + text[some.end(1) :] if some else text
    plain = _ODD.sub(_plain, text)
    try:
        tree = sqlglot.parse_one(plain, read=Plain)
    except SqlglotError as error:
        raise Refused(102, f"Incorrect syntax near: {str(error).splitlines()[0]}", severity=15) from error
    if isinstance(tree, exp.Command):
        raise Refused(102, f"Incorrect syntax: the test server does not know {plain[:200]}", severity=15)
    assert isinstance(tree, exp.Expression)
    if some:
        tree.set("limit", exp.Limit(expression=exp.Literal.number(some[2])))
    return flattened(tree)


def expression(text: str) -> exp.Expression:
    tree = parse(f"SELECT {text}")
    assert isinstance(tree, exp.Select)
    found: exp.Expression = tree.expressions[0]
    return found
