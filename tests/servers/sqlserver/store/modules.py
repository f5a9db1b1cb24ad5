"""What is kept by its text alone: procedures, functions, triggers, synonyms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..spoken import Refused
from .words import Words, split_name

if TYPE_CHECKING:
    from .session import Session

# CREATE ... makes an object of this type, as sys.objects says it.
TYPES = {
    "P": "SQL_STORED_PROCEDURE", "FN": "SQL_SCALAR_FUNCTION", "IF": "SQL_INLINE_TABLE_VALUED_FUNCTION",
    "TF": "SQL_TABLE_VALUED_FUNCTION", "TR": "SQL_TRIGGER", "SN": "SYNONYM",
}  # fmt: skip


@dataclass
class Module:
    schema: str
    name: str
    number: int
    type: str
    text: str  # its definition; of a synonym what it stands for
    parent: int = 0  # of a trigger its table
    enabled: bool = True


@dataclass
class Policy:
    """A security policy, and the tables whose rows it filters; its predicates are not carried out."""

    name: str
    number: int
    tables: tuple[int, ...]
    enabled: bool = True


def create_policy(session: Session, words: Words) -> None:
    """SECURITY POLICY p ADD FILTER PREDICATE f(c) ON t, ... WITH (STATE = ON)."""
    words.expect("POLICY")
    _, name = words.qualified()
    tables = []
    while words.take("ADD", "FILTER", "PREDICATE"):
        words.qualified()
        words.inside()
        words.expect("ON")
        tables.append(session.catalogue.table(*words.qualified()).number)
        words.take(",")
    enabled = re.search(r"STATE\s*=\s*OFF", words.text, re.IGNORECASE) is None
    session.catalogue.policies.append(Policy(name, session.catalogue.number(), tuple(tables), enabled))


def create(session: Session, what: str, words: Words) -> None:
    catalogue = session.catalogue
    schema, name = words.qualified()
    schema = schema or "dbo"
    if (schema.lower(), name.lower()) in catalogue.modules:
        raise Refused(2714, f"There is already an object named '{name}' in the database.", state=3)
    parent, text = 0, words.text
    if what == "TRIGGER":
        words.expect("ON")
        parent = catalogue.table(*words.qualified()).number
        kind = "TR"
    elif what == "SYNONYM":
        words.expect("FOR")
        kind, text = "SN", words.rest()
    elif what in ("PROC", "PROCEDURE"):
        kind = "P"
    else:
        kind = _function(text)
    catalogue.modules[schema.lower(), name.lower()] = Module(schema, name, catalogue.number(), kind, text, parent)


def _function(text: str) -> str:
    returns = re.search(r"\bRETURNS\s+(@\w+\s+)?(TABLE)?", text, re.IGNORECASE)
    if not returns:
        raise Refused(102, "Incorrect syntax near 'FUNCTION'.", severity=15)
    return "TF" if returns[1] else "IF" if returns[2] else "FN"


def drop(session: Session, words: Words, what: str, *, exists: bool) -> None:
    schema, name = words.qualified()
    if session.catalogue.modules.pop(((schema or "dbo").lower(), name.lower()), None) is None and not exists:
        raise Refused(3701, f"Cannot drop the {what.lower()} '{name}', because it does not exist or you do not have "
                            "permission.", state=5, severity=11)  # fmt: skip


def stands_for(known: dict[tuple[str, str], Module], schema: str, name: str) -> tuple[str, str] | None:
    """What a synonym stands for."""
    found = known.get((schema, name))
    return split_name(found.text) if found and found.type == "SN" else None
