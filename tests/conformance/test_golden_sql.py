"""SQL that only a real server can judge, kept as files that a person with such a server can run and review.

tests/golden/ENGINE.sql holds what an engine asks of a catalogue, and its checksum of a table with a column of each
type. After a change that is meant: ROPEWAY_GOLDEN=write make test ARGS='-k golden', and look at the difference.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlglot

from moves import planned
from ropeway.transfer.engine import Engine, Row, Session
from ropeway.transfer.engines import engine_of
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.segments import Division
from spots import Servers, Spot, spot

FILES = Path(__file__).parents[1] / "golden"
# What makes a table with a column of each type that the server computes the checksum of.
TABLES = {
    "oracle": (
        "CREATE TABLE every_type (id NUMBER(9) PRIMARY KEY, whole NUMBER(38), price NUMBER(12,2), free NUMBER, "
        "f BINARY_FLOAT, d BINARY_DOUBLE, t VARCHAR2(40 CHAR), n NVARCHAR2(40), c CHAR(4), l CLOB, r RAW(16), b BLOB, "
        "da DATE, m TIMESTAMP(6), z TIMESTAMP(3) WITH TIME ZONE, v INTERVAL DAY(9) TO SECOND(6)) "
        "PARTITION BY RANGE (da) (PARTITION p VALUES LESS THAN (MAXVALUE))",
        "CREATE SEQUENCE numbers",
        "CREATE TRIGGER numbering BEFORE INSERT ON every_type FOR EACH ROW BEGIN :NEW.id := numbers.NEXTVAL; END;",
    ),
}
DIVISIONS = {"checksum": None, "checksum of ranges of the key": Division((0,), 1, 1000),
             "checksum by the key's SHA-256": Division((0,), digits=2),
             "checksum of a table without a key": Division(digits=1)}  # fmt: skip


class Recorded:
    """A session that keeps what it is asked."""

    def __init__(self, session: Session) -> None:
        self._session, self.asked = session, list[str]()

    def ask(self, sql: str) -> list[Row]:
        self.asked.append(sql)
        return self._session.ask(sql)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@pytest.mark.parametrize("name", TABLES)
def test_what_is_asked_is_what_was_reviewed(name: str, tmp_path: Path, servers: Servers) -> None:
    place = spot(name, tmp_path, servers)
    for statement in TABLES[name]:
        place.ask(statement)
    written = "".join(f"-- {title}\n{sql};\n\n" for title, sql in _statements(place, tmp_path, servers))
    file = FILES / f"{name}.sql"
    if os.environ.get("ROPEWAY_GOLDEN") == "write":
        file.write_text(written)
    assert written.splitlines() == file.read_text().splitlines()


@pytest.mark.parametrize("name", TABLES)
def test_another_parser_of_the_dialect_takes_it(name: str) -> None:
    parsed = sqlglot.parse((FILES / f"{name}.sql").read_text(), read=name)
    assert len(parsed) > 10
    assert not [one for one in parsed if one is None or one.find(sqlglot.exp.Command)]


def _statements(place: Spot, folder: Path, servers: Servers) -> Iterator[tuple[str, str]]:
    engine = engine_of(place.engine)
    (hop,) = planned(place, spot("postgresql", folder, servers)).hops
    bare, secret = parse(place.url)
    with closing(engine.connect(resolve(bare, secret))) as session:
        yield from _asked(engine, session, place)
        columns = [(engine.quote(c.source), c.canon, c.declared) for c in hop.columns]
        for title, division in DIVISIONS.items():
            yield title, engine.checksum(session, hop.reads, columns, "", division)


def _asked(engine: Engine, session: Session, place: Spot) -> Iterator[tuple[str, str]]:
    """The questions to the catalogue, where the account is called APP."""
    account = place.url.partition("://")[2].partition(":")[0]
    recorded: Any = Recorded(session)
    engine.tables(recorded, account)  # of all accounts it would depend on what the others have
    engine.further(recorded)
    yield from (("catalogue", sql.replace(account, "APP")) for sql in recorded.asked)
