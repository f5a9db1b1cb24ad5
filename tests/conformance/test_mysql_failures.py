"""Of what kind failures of MariaDB and MySQL are."""

from __future__ import annotations

import threading
from contextlib import closing

import pymysql
import pytest

from ropeway.transfer.engines import engine_of
from servers import Mariadb

ENGINE = engine_of("mariadb")


def test_a_row_that_another_changed_since_the_snapshot(mariadb: Mariadb) -> None:
    place = mariadb.database().rpartition("/")[2]
    with closing(mariadb.connect(database=place)) as one, closing(mariadb.connect(database=place)) as other:
        ours, theirs = one.cursor(), other.cursor()
        ours.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        ours.execute("INSERT INTO t VALUES (1, 1)")
        one.commit()
        ours.execute("SET innodb_snapshot_isolation = ON")
        ours.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        theirs.execute("UPDATE t SET n = 2")
        other.commit()
        with pytest.raises(pymysql.Error, match="1020") as caught:
            ours.execute("UPDATE t SET n = 3")
        assert ENGINE.classify(caught.value) == "transient"


def test_a_connection_that_was_killed(mariadb: Mariadb) -> None:
    """The server says so, before it hangs up."""
    with closing(mariadb.connect()) as one, closing(mariadb.connect()) as other:
        cursor = one.cursor()
        cursor.execute("SELECT CONNECTION_ID()")
        killing = threading.Timer(0.3, other.cursor().execute, (f"KILL {cursor.fetchall()[0][0]}",))
        killing.start()
        with pytest.raises(pymysql.Error) as caught:
            cursor.execute("SELECT sleep(20)")
        killing.join()
        assert caught.value.args[0] in (1927, 2013)
        assert ENGINE.classify(caught.value) == "transient"


@pytest.mark.parametrize(
    ("number", "text", "kind"),
    [
        (1040, "Too many connections", "transient"),
        (1047, "WSREP has not yet prepared node for application use", "transient"),
        (1180, 'Got error 5 "Input/output error" during COMMIT', "size"),  # as of wsrep_max_ws_size
        (1180, 'Got error 28 "No space left on device" during COMMIT', "space"),
        (1180, 'Got error 6 "No such device or address" during COMMIT', "transient"),
        (1203, "User few already has more than 'max_user_connections' active connections", "transient"),
        (1226, "User 'few' has exceeded the 'max_user_connections' resource (current value: 3)", "transient"),
        (1226, "User 'few' has exceeded the 'max_questions' resource (current value: 3)", "other"),
        (3101, "Plugin instructed the server to rollback the current transaction.", "transient"),
    ],
)
def test_what_servers_say(number: int, text: str, kind: str) -> None:
    """Words of servers that are not here: clusters, and limits of an hour."""
    assert ENGINE.classify(pymysql.OperationalError(number, text)) == kind
