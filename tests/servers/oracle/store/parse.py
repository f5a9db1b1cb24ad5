"""Oracle's SQL as a syntax tree: sqlglot's, with every function left under its own name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.oracle import Oracle
from sqlglot.errors import SqlglotError
from sqlglot.parsers.oracle import OracleParser

from ...trees import flattened
from ..spoken import Refused

_PIECES = re.compile(
    r"""(?P<kept>q'\[.*?\]'|'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/)|:(?P<bind>\w+|"[^"]+")
      |(?P<span>INTERVAL\s+(?:DAY|YEAR)(?:\s*\(\s*\d+\s*\))?\s+TO\s+(?:SECOND|MONTH)(?:\s*\(\s*\d+\s*\))?)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
# What sqlglot has no grammar for, and functions of ours under plain names.
_REWRITTEN = (
    (
        re.compile(r"\bXMLSERIALIZE\s*\(\s*(?:CONTENT|DOCUMENT)\s+(.*?)\s+AS\s+CLOB\s*\)", re.IGNORECASE | re.DOTALL),
        r"XML_TEXT(\1)",
    ),
    (re.compile(r"\s+RETURNING\s+CLOB\s*\)", re.IGNORECASE), ")"),
)
_HINT = re.compile(r"/\*\+.*?\*/", re.DOTALL)
_FIRST = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*(\w*)", re.DOTALL)  # the first word, behind comments


class Plain(Oracle):
    """sqlglot knows what many functions mean elsewhere, and would change their arguments."""

    class Parser(OracleParser):
        SUPPORTS_PARTITION_SELECTION = True
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: OracleParser.FUNCTION_PARSERS[name] for name in ("CAST", "EXTRACT", "LISTAGG", "TRIM")
        }


@dataclass(frozen=True)
class Parsed:
    """A statement: its tree, None where it is no SQL that sqlglot knows, and its binds by name as they appear."""

    text: str
    tree: exp.Expression | None
    binds: tuple[str, ...]

    @property
    def word(self) -> str:
        return (_FIRST.match(self.text) or ["", ""])[1].upper()

    @property
    def is_query(self) -> bool:
        return isinstance(self.tree, exp.Query)


# Read by ddl.py, plsql.py and session.py: sqlglot drops or changes what these say.
_OWN = (
    "CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "COMMENT", "GRANT", "REVOKE", "BEGIN", "DECLARE", "CALL", "LOCK",
    "COMMIT", "ROLLBACK", "SAVEPOINT", "SET",
)  # fmt: skip


def parse(text: str) -> Parsed:
    """Refused if it cannot be parsed. PL/SQL and the like have no tree."""
    binds: list[str] = []

    def piece(found: re.Match[str]) -> str:
        if found["bind"]:
            binds.append(found["bind"].strip('"').upper())
            return f":b{len(binds) - 1}"
        if found["span"]:
            return spelt(found["span"])
        kept = found["kept"]
        return "'" + kept[3:-2].replace("'", "''") + "'" if kept.startswith("q'[") else str(kept)

    plain = _PIECES.sub(piece, _HINT.sub(" ", text)).strip().removesuffix(";")
    for pattern, instead in _REWRITTEN:
        plain = pattern.sub(instead, plain)
    found = Parsed(plain, None, tuple(binds))
    if found.word in _OWN:
        return Parsed(text.strip(), None, tuple(binds))
    try:
        tree = sqlglot.parse_one(plain, read=Plain)
    except SqlglotError as error:
        raise Refused(900, f"invalid SQL statement: {str(error).splitlines()[0]}: {plain[:200]}") from error
    if isinstance(tree, exp.Command):
        raise Refused(900, f"the test server does not know this statement: {plain[:200]}")
    assert isinstance(tree, exp.Expression)
    return Parsed(plain, flattened(tree), tuple(binds))


def expression(text: str) -> exp.Expression:
    tree = parse(f"SELECT {text} FROM dual").tree
    assert isinstance(tree, exp.Select)
    found: exp.Expression = tree.expressions[0]
    return found


def spelt(text: str) -> str:
    """A type of an interval as one name, for sqlglot knows none with digits: INTERVAL_DS_9_6 is (9) and (6)."""
    numbers = [*re.findall(r"\((\s*\d+\s*)\)", text)]
    if "YEAR" in text.upper():
        return f"INTERVAL_YM_{(numbers or ['2'])[0].strip()}_0"
    days = re.search(r"DAY\s*\(\s*(\d+)", text, re.IGNORECASE)
    seconds = re.search(r"SECOND\s*\(\s*(\d+)", text, re.IGNORECASE)
    return f"INTERVAL_DS_{days[1] if days else 2}_{seconds[1] if seconds else 6}"
