"""Which SCN of which database: another database, or the same one restored, passes the same SCN with other rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import oracledb

from ...engine import Asked

# DBID and RESETLOGS_CHANGE# tell databases and their incarnations apart. An account that may not ask for them learns
# names and when it was made itself, which a restore leaves as they are; the moment of the SCN does not stay.
_DATABASE = "SELECT dbid, con_dbid, resetlogs_change# FROM v$database"
_NAMES = (
    "SELECT SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'), username, "
    "TO_CHAR(created, 'YYYY-MM-DD HH24:MI:SS') FROM all_users WHERE username = USER"
)
_MOMENT = "SELECT TO_CHAR(SCN_TO_TIMESTAMP({scn}), 'YYYY-MM-DD HH24:MI:SS') FROM dual"
_WRITTEN = re.compile(r"oracle SCN (\d+) of (.*?)(?:, (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d))?", re.DOTALL)
_NEAR = timedelta(minutes=10)  # the server keeps moments of some SCNs only, of old ones fewer


@dataclass(frozen=True)
class Instant:
    """An SCN, the database that it is of, and when that passed it by the server's own clock ('' if it does not say)."""

    scn: int
    database: str
    moment: str = ""

    def __str__(self) -> str:
        return f"oracle SCN {self.scn} of {self.database}" + (f", {self.moment}" if self.moment else "")

    def is_of(self, other: Instant) -> bool:
        """Whether both are the same SCN of the same history."""
        if (self.scn, self.database) != (other.scn, other.database):
            return False
        if not self.moment:
            return True
        return bool(other.moment) and abs(_time(self.moment) - _time(other.moment)) <= _NEAR


def written(text: str) -> Instant | None:
    """The instant of a receipt; None if it does not say of which database it is."""
    found = _WRITTEN.fullmatch(text)
    return Instant(int(found[1]), found[2], found[3] or "") if found else None


def instant(asked: Asked, scn: int) -> Instant:
    """This SCN, of the database that is asked."""
    return Instant(scn, _database(asked), _moment(asked, scn))


def again(asked: Asked, opened: Instant, scn: int) -> Instant:
    """Another SCN of the same database as it is now; a session that is set back to some SCN may ask for it too."""
    return replace(opened, scn=scn, moment=_moment(asked, scn))


def _database(asked: Asked) -> str:
    try:
        ((dbid, container, since),) = asked.ask(_DATABASE)
    except oracledb.DatabaseError:  # ORA-00942: the account may not look
        ((name, container, user, made),) = asked.ask(_NAMES)
        return f"{name}/{container} ({user} made {made})"
    return f"database {dbid}/{container} since SCN {since}"


def _moment(asked: Asked, scn: int) -> str:
    """'' where the server does not know it (ORA-08181): it is too old, or so new that a standby lacks it."""
    try:
        ((moment,),) = asked.ask(_MOMENT.format(scn=scn))
    except oracledb.DatabaseError:
        return ""
    return str(moment)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
