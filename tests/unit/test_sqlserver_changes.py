"""The test server's database as one that is written to: what it takes, refuses and keeps, by SQL Server's manuals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.sqlserver.spoken import Refused
from servers.sqlserver.store import Database, values
from servers.sqlserver.store.session import Session


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path, {"app": "secret"}, ("test", "other"))


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    made = database.session("app", "test")
    ask(made, "CREATE TABLE p (id int NOT NULL CONSTRAINT pk PRIMARY KEY, a int, b nvarchar(9))")
    ask(made, "CREATE TABLE c (id int IDENTITY(5,2) PRIMARY KEY, p int)")
    ask(made, "INSERT INTO p VALUES (1, 1, N'x'), (2, NULL, N'y'), (3, NULL, N'z')")
    yield made
    made.close()


def ask(session: Session, sql: str) -> list[tuple[Any, ...]]:
    """The rows of the last query."""
    rows: list[tuple[Any, ...]] = []
    for result in session.execute(sql):
        kinds = [column.kind for column in result.columns]
        found = [tuple(map(values.received, row, kinds)) for row in result.rows]
        rows = found if result.columns else rows
    return rows


def refused(session: Session, sql: str) -> int:
    with pytest.raises(Refused) as caught:
        ask(session, sql)
    return caught.value.number


def test_global_temporary_tables(database: Database, session: Session) -> None:
    """Every session sees one, also while another has not ended what it writes; it goes with the one that made it."""
    other, maker = database.session("app", "other"), database.session("app", "test")
    ask(session, "BEGIN TRANSACTION; INSERT INTO p VALUES (4, 4, N'w')")
    ask(maker, "CREATE TABLE [##t] (id int, b nvarchar(9) NULL)")
    assert [column.name for column in other.describe("SELECT * FROM [tempdb]..[##t]")] == ["id", "b"]
    row = [(7).to_bytes(4, "little"), "é".encode("utf-16-le")]
    assert other.bulk("[tempdb]..[##t]", other.describe("SELECT * FROM ##t"), {}, iter([row, row])) == 2
    ask(
        session, "INSERT INTO p WITH (TABLOCK) (id, b) SELECT s.id, s.b FROM ##t AS s WHERE s.id > 0 GROUP BY s.id, s.b"
    )
    ask(session, "COMMIT")
    assert ask(session, "SELECT b FROM p WHERE id = 7") == [("é",)]
    assert refused(other, "CREATE TABLE ##t (id int)") == 2714
    maker.close()
    assert refused(session, "SELECT * FROM ##t") == 208
    other.close()


def test_constraints_are_proven_where_they_are_checked(session: Session) -> None:
    ask(session, "INSERT INTO c (p) VALUES (9)")
    add = "ALTER TABLE c WITH {} ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id)"
    assert refused(session, add.format("CHECK")) == 547
    ask(session, add.format("NOCHECK"))
    assert refused(session, "INSERT INTO c (p) VALUES (8)") == 547
    ask(session, "ALTER TABLE c NOCHECK CONSTRAINT f; INSERT INTO c (p) VALUES (8)")
    state = "SELECT is_disabled, is_not_trusted FROM sys.foreign_keys"
    assert ask(session, state) == [(1, 1)]
    assert refused(session, "ALTER TABLE c WITH CHECK CHECK CONSTRAINT f") == 547
    assert ask(session, state) == [(1, 1)]
    ask(session, "DELETE FROM c; ALTER TABLE c WITH CHECK CHECK CONSTRAINT f")
    assert ask(session, state) == [(0, 0)]
    ask(session, "ALTER TABLE c DROP CONSTRAINT IF EXISTS f; ALTER TABLE c DROP CONSTRAINT IF EXISTS f")
    assert ask(session, state) == []


def test_a_key_is_of_columns_that_are_filled(session: Session) -> None:
    ask(session, "CREATE TABLE h (a int, b int NOT NULL)")
    assert refused(session, "ALTER TABLE h ADD CONSTRAINT k PRIMARY KEY (b, a)") == 8111
    ask(session, "ALTER TABLE h ADD CONSTRAINT k PRIMARY KEY (b)")


def test_unique_indexes_take_one_null_unless_they_are_filtered(session: Session) -> None:
    assert refused(session, "CREATE UNIQUE INDEX u ON p (a)") == 1505
    ask(session, "CREATE UNIQUE INDEX u ON p (a) WHERE a IS NOT NULL")
    ask(session, "INSERT INTO p VALUES (5, NULL, NULL)")
    assert refused(session, "INSERT INTO p VALUES (6, 1, NULL)") == 2601
    assert refused(session, "UPDATE p SET a = 1 WHERE id = 2") == 2601
    ask(session, "DROP INDEX IF EXISTS u ON p; DROP INDEX IF EXISTS u ON p; INSERT INTO p VALUES (6, 1, NULL)")


def test_indexes_and_triggers_are_disabled_and_come_back(session: Session) -> None:
    ask(session, "CREATE INDEX i ON p (a)")
    ask(session, "CREATE TRIGGER g ON p AFTER INSERT AS SELECT 1")
    state = "SELECT i.is_disabled, g.is_disabled FROM sys.indexes i CROSS JOIN sys.triggers g WHERE i.name = N'i'"
    ask(session, "ALTER INDEX i ON p DISABLE; ALTER TABLE p DISABLE TRIGGER g")
    assert ask(session, state) == [(1, 1)]
    ask(session, "ALTER INDEX i ON p REBUILD; ALTER TABLE p ENABLE TRIGGER g")
    assert ask(session, state) == [(0, 0)]
    assert refused(session, "ALTER INDEX nosuch ON p REBUILD") == 7999
    assert refused(session, "ALTER TABLE p DISABLE TRIGGER nosuch") == 4902


def test_rows_follow_their_parents(session: Session) -> None:
    ask(session, "ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE")
    ask(session, "INSERT INTO c (p) VALUES (1), (2), (NULL); DELETE TOP (1) FROM p WHERE id IN (1, 2)")
    assert ask(session, "SELECT COUNT(*) FROM c") == [(2,)]
    ask(session, "ALTER TABLE c DROP CONSTRAINT f")
    ask(session, "ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL; DELETE FROM p")
    assert ask(session, "SELECT COUNT(*), COUNT(p) FROM c") == [(2, 0)]


@pytest.mark.parametrize(("filled", "following"), [(False, 40), (True, 42)])
def test_an_identity_is_reseeded(session: Session, filled: bool, following: int) -> None:
    """A table that has never had a row gives the number itself first."""
    if filled:
        ask(session, "INSERT INTO c (p) VALUES (1)")
    ask(session, "DECLARE @last int = 40; IF @last > 1 DBCC CHECKIDENT (N'[dbo].[c]', RESEED, @last) WITH NO_INFOMSGS")
    ask(session, "INSERT INTO c (p) VALUES (1)")
    assert ask(session, "SELECT MAX(id) FROM c") == [(following,)]
    assert refused(session, "DBCC CHECKIDENT ('p', RESEED, 4)") == 7997


def test_an_update_may_join_its_own_table(session: Session) -> None:
    ask(session, "CREATE TABLE s (id int, b nvarchar(9)); INSERT INTO s VALUES (2, N'Y'), (3, N'z')")
    differ = "NOT EXISTS (SELECT CAST(t.b AS varbinary(max)) INTERSECT SELECT CAST(s.b AS varbinary(max)))"
    ask(session, f"UPDATE t SET b = s.b FROM p AS t JOIN s AS s ON t.id = s.id WHERE ({differ})")
    assert ask(session, "SELECT @@ROWCOUNT") == [(1,)]
    assert ask(session, "SELECT b FROM p ORDER BY id") == [("x",), ("Y",), ("z",)]


def test_what_is_quoted_stays_as_it_is(session: Session) -> None:
    said = "NEXT VALUE FOR s, WITH (NOLOCK), CAST(1 AS real)"
    assert ask(session, f"SELECT N'{said}'") == [(said,)]
    assert ask(session, "SELECT CAST(CAST(N'шé' AS varchar(9)) AS nvarchar(9))") == [("?é",)]


def test_a_batch_in_a_batch_and_comments(session: Session) -> None:
    ask(session, "IF SCHEMA_ID(N'further') IS NULL EXEC (N'CREATE SCHEMA [further]')")
    ask(session, "IF SCHEMA_ID(N'further') IS NULL EXEC (N'CREATE SCHEMA [further]')")
    assert ask(session, "SELECT name FROM sys.schemas WHERE name = N'further'") == [("further",)]
    at = "N'SCHEMA', N'dbo', N'TABLE', N'p', N'COLUMN', N'a'"
    ask(session, f"EXEC sp_addextendedproperty N'MS_Description', N'it''s', {at}")
    assert ask(session, "SELECT minor_id FROM sys.extended_properties") == [(2,)]
    ask(session, f"EXEC sp_dropextendedproperty N'MS_Description', {at}")
    assert ask(session, "SELECT minor_id FROM sys.extended_properties") == []
