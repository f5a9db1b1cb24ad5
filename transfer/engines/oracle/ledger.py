"""The ledger in Oracle, in the schema of the account that loads.

'' is NULL there, so its texts may be; a plan is longer than a literal, so values are bound; CREATE TABLE commits and
knows no IF NOT EXISTS before version 23; and NUMBER is no name.
"""

from __future__ import annotations

from collections.abc import Sequence

import oracledb

from ...ledger import SqlLedger, Words
from ...schema.sql import text_literal
from .session import OracleSession, code

_THERE = 955  # ORA-00955: another process was first
_LITERAL = 900  # characters, which take 4,000 octets at most and are never all quotes

WORDS = Words(
    literal=text_literal, short="varchar2(200 char)", longest=200,
    long="clob", whole="number(19)", real="binary_double",
    number='"NUMBER"', filled="",
    exists="SELECT 1 FROM user_tables WHERE table_name = 'ROPEWAY_RUN'",
)  # fmt: skip


class OracleLedger(SqlLedger):
    """The ledger over a session of Oracle's."""

    def __init__(self, session: OracleSession) -> None:
        super().__init__(session, WORDS)
        self._session = session

    def _make(self, name: str, columns: str) -> None:
        if self._session.ask(f"SELECT 1 FROM user_tables WHERE table_name = {text_literal(name.upper())}"):
            return
        try:
            self._session.execute(f"CREATE TABLE {name} {columns}")
        except oracledb.Error as error:
            if code(error) != _THERE:
                raise

    def _put(self, name: str, values: Sequence[object]) -> int:
        places = ", ".join(f":{place}" for place, _ in enumerate(values, 1))
        return self._session.execute(f"INSERT INTO {name} VALUES ({places})", values)
