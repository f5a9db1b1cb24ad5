"""What SHOW CREATE TABLE alone says of a table: where its files lie, its texts' parsers, its shapes' reference system.

MariaDB's catalogue has the folders among a table's options; MySQL's has not (5.6.24).
"""

from __future__ import annotations

import re
from dataclasses import replace

from ...engine import Session
from ...schema.catalogue import Table
from .session import qualified

_NAME = "`((?:[^`]|``)+)`"
_REMARK = re.compile(r"COMMENT[ =]'(?:[^'\\]|''|\\.)*'")
_PLACE = re.compile(rf"(?:DATA|INDEX) DIRECTORY='(?:[^']|'')*'|TABLESPACE {_NAME}")
_SYSTEM = re.compile(rf"^ +{_NAME} .*\bSRID (\d+) \*/", re.MULTILINE)
_PARSER = re.compile(rf"^ +FULLTEXT KEY {_NAME} .*\bWITH PARSER {_NAME}", re.MULTILINE)
_REFUSED = 1142  # without SELECT, says the manual of 8.0 (5.6 takes any privilege); that is a blocker of its own


def with_unlisted(session: Session, table: Table, *, mariadb: bool) -> Table:
    """The table with all that among what is not carried; of MariaDB only tables that may have some are asked for it."""
    if table.kind != "table" or (mariadb and all(index.method != "FULLTEXT" for index in table.indexes)):
        return table
    try:
        ((_, sql),) = session.ask(f"SHOW CREATE TABLE {qualified(table.name)}")
    except Exception as error:
        if error.args[:1] != (_REFUSED,):
            raise
        return table
    return replace(table, left_out=(*table.left_out, *said(str(sql), placed=not mariadb)))


def said(sql: str, *, placed: bool) -> list[str]:
    """In words for the plan; with where its files lie if that is to be told."""
    plain = _REMARK.sub("", sql)
    options = next((line for line in plain.split("\n") if line.startswith(")")), "") if placed else ""
    found = [f"where its files lie: {one[0]}" for one in _PLACE.finditer(options)]
    found += [f"parser of index {name}: {parser}" for name, parser in _PARSER.findall(plain)]
    return found + [f"reference system of {name}: SRID {number}" for name, number in _SYSTEM.findall(plain)]
