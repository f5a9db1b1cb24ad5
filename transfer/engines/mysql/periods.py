"""MariaDB's application-time periods.

The catalogue of 10.11 shows a period as a check that one column is below another, and a key WITHOUT OVERLAPS as one
over both; only SHOW CREATE TABLE, an element a line, tells them apart.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ...engine import Session
from ...schema.catalogue import Check, Table
from .session import qualified

KNOWN = "PERIOD"  # what a server has to know for them
_NAME = "`((?:[^`]|``)+)`"
_CHECK = re.compile(f"{_NAME} < {_NAME}")
_PERIOD = re.compile(rf"^ +(PERIOD FOR {_NAME} \({_NAME}, {_NAME}\)),?$", re.MULTILINE)
_KEY = re.compile(rf"^ +((PRIMARY|UNIQUE) KEY (?:{_NAME} )?\(.* WITHOUT OVERLAPS\).*?),?$", re.MULTILINE)


def with_periods(session: Session, table: Table) -> Table:
    """The table with its period and the keys of that as constraints in the server's own words."""
    if not any(_CHECK.fullmatch(check.condition) for check in table.checks):
        return table
    ((_, sql),) = session.ask(f"SHOW CREATE TABLE {qualified(table.name)}")
    own = [Check(_plain(found[2]), found[1]) for found in _PERIOD.finditer(str(sql))]
    own += [Check(_plain(found[3] or found[2]), found[1]) for found in _KEY.finditer(str(sql))]
    return replace(table, own=tuple(own), needs=(KNOWN,) if own else ())


def _plain(name: str) -> str:
    return name.replace("``", "`")


def said_once(table: Table) -> Table:
    """The table without what its constraints in the server's own words say better: a check and keys of a period."""
    told = {one.name for one in table.own}
    return replace(
        table, checks=tuple(check for check in table.checks if check.name not in told),
        indexes=tuple(index for index in table.indexes if index.name not in told),
        key=() if "PRIMARY" in told else table.key,
    )  # fmt: skip
