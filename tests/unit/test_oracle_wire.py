"""Login, errors, transactions and lost connections over the wire of the Oracle test server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence

import oracledb
import pytest

from oracle_canned import INTEGER, QUERY, SERVICE, Canned, connect
from servers.oracle import spoken
from servers.oracle.spoken import Column, Kind, Refused, Result, Row
from servers.oracle.wire import VERIFIER_11G, VERIFIER_12C, Conduct, Server, serve


@pytest.fixture
def store() -> Canned:
    return Canned()


@pytest.fixture
def conduct() -> Conduct:
    return Conduct()


@pytest.fixture
def server(store: Canned, conduct: Conduct) -> Iterator[Server]:
    with contextlib.closing(serve(store, conduct)) as server:
        yield server


@pytest.fixture
def connection(server: Server) -> Iterator[oracledb.Connection]:
    with connect(server) as connection:
        yield connection


@pytest.mark.parametrize("verifier", [VERIFIER_11G, VERIFIER_12C])
def test_login(server: Server, conduct: Conduct, verifier: int) -> None:
    conduct.verifier = verifier
    with connect(server, user="scott") as connection:
        assert connection.version == "19.3.0.0.0"
        assert (connection.session_id, connection.service_name) == (77, SERVICE)
        assert (connection.instance_name, connection.max_identifier_length) == (SERVICE.lower(), 128)
        connection.ping()


@pytest.mark.parametrize("verifier", [VERIFIER_11G, VERIFIER_12C])
@pytest.mark.parametrize("account", [{"password": "lion"}, {"user": "nobody"}])
def test_wrong_account(server: Server, conduct: Conduct, verifier: int, account: dict[str, str]) -> None:
    conduct.verifier = verifier
    with pytest.raises(oracledb.DatabaseError, match="ORA-01017: invalid username/password"):
        connect(server, **account)


def test_sid(server: Server) -> None:
    connect(server, service_name=None, sid=SERVICE.lower()).close()
    with pytest.raises(oracledb.DatabaseError, match=r"DPY-6003: SID.*ORA-12505"):
        connect(server, service_name=None, sid="OTHER")


@pytest.mark.parametrize("name", ["OTHER", "OTHER" * 60])  # the long one comes in a packet of its own
def test_unknown_service(server: Server, name: str) -> None:
    with pytest.raises(oracledb.DatabaseError, match=r"DPY-6001: Service.*ORA-12514"):
        connect(server, service_name=name)


def test_error_with_place(connection: oracledb.Connection, store: Canned) -> None:
    sql = "SELECT nothing FROM t"
    store.answers[sql] = Refused(904, '"NOTHING": invalid identifier', 7)
    with connection.cursor() as cursor, pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(sql)
    error = caught.value.args[0]
    assert (error.code, error.offset, error.full_code) == (904, 7, "ORA-00904")
    assert error.message.startswith('ORA-00904: "NOTHING": invalid identifier')


def test_transaction(server: Server, store: Canned) -> None:
    connection = connect(server)
    open_after = []
    with connection.cursor() as cursor:
        for autocommit, statement in (
            (True, "INSERT INTO t VALUES (1)"),
            (True, "INSERT INTO t VALUES (1)"),  # the short form of the same
            (False, "INSERT INTO t VALUES (1)"),
            (False, "CREATE TABLE u (i NUMBER)"),
            (False, "BEGIN p; END;"),
        ):
            connection.autocommit = autocommit
            cursor.execute(statement)
            open_after.append(connection.transaction_in_progress)
    assert open_after == [False, False, True, False, True]
    connection.close()  # the driver rolls back
    assert store.events == ["commit", "commit", "rollback", "close"]


def test_before_a_request(connection: oracledb.Connection, store: Canned) -> None:
    """What the driver puts before its next request: cursors to close, the schema, names."""
    connection.current_schema = "OTHER"
    connection.module, connection.action, connection.client_identifier = "m", "a", "c" * 64
    connection.clientinfo, connection.dbop = "i", "d"
    connection.ping()
    assert store.schema == "OTHER"
    connection.stmtcachesize = 0
    store.query([Column("A", INTEGER)], [(b"\x80",)])
    for _ in range(3):
        with connection.cursor() as cursor:
            cursor.execute(QUERY).fetchall()
    connection.module = None  # type: ignore[assignment]
    connection.ping()


def test_drop_after(server: Server, store: Canned, conduct: Conduct) -> None:
    connection = connect(server)
    conduct.drop_after = 2
    connection.ping()
    connection.ping()
    with pytest.raises(oracledb.DatabaseError, match=r"DPY-4011|DPY-1001"):
        connection.ping()
    assert vars(conduct)["drop_after"] is None
    with connect(server) as connection:
        conduct.drop_after = 0
        with pytest.raises(oracledb.DatabaseError, match="DPY-4011"), connection.cursor() as cursor:
            cursor.execute("INSERT INTO t VALUES (1)")
    assert store.asked == []


def test_lost(server: Server, store: Canned) -> None:
    def rows() -> Iterator[Row]:
        yield from [(b"\x80",)] * 10
        raise spoken.Lost

    store.answers[QUERY] = Result((Column("I", INTEGER),), rows())
    store.answers["DROP TABLE t"] = spoken.Lost()
    for statement in ("DROP TABLE t", QUERY):
        lost = pytest.raises(oracledb.DatabaseError, match="DPY-4011")
        with connect(server) as connection, connection.cursor() as cursor, lost:
            cursor.execute(statement).fetchall()


def test_call_timeout(connection: oracledb.Connection, conduct: Conduct) -> None:
    connection.call_timeout = 1000
    conduct.delay = 60
    for _ in range(2):
        with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
            connection.ping()
    conduct.delay = 0
    connection.ping()


def test_cancel_while_the_store_works(connection: oracledb.Connection, store: Canned) -> None:
    began, cancelled = threading.Event(), threading.Event()

    def answer(kinds: Sequence[Kind], rows: Sequence[Row]) -> Result:
        began.set()
        assert cancelled.wait(20)
        return Result(count=1)

    def cancel() -> None:
        assert began.wait(20)
        connection.cancel()
        cancelled.set()

    store.answers["DELETE FROM t"] = answer
    thread = threading.Thread(target=cancel)
    thread.start()
    with connection.cursor() as cursor, pytest.raises(oracledb.DatabaseError, match="ORA-01013"):
        cursor.execute("DELETE FROM t")
    thread.join()
    connection.ping()


def test_slow_rows_can_be_cancelled(connection: oracledb.Connection, store: Canned, conduct: Conduct) -> None:
    conduct.slow_rows = 60
    connection.call_timeout = 1000
    store.query([Column("I", INTEGER)], [(b"\x80",)] * 3)
    with connection.cursor() as cursor, pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
        cursor.execute(QUERY)
    conduct.slow_rows = 0
    connection.ping()
    conduct.slow_rows = 0.001
    with connection.cursor() as cursor:
        assert cursor.execute(QUERY).fetchall() == [(0,)] * 3


def test_two_at_once(server: Server, store: Canned) -> None:
    barrier = threading.Barrier(2)
    errors: list[BaseException] = []

    def answer(kinds: Sequence[Kind], rows: Sequence[Row]) -> Result:
        barrier.wait(20)  # passes only if both connections run a statement
        return Result(count=1)

    def run() -> None:
        try:
            with connect(server) as connection, connection.cursor() as cursor:
                cursor.execute("DELETE FROM t")
        except BaseException as error:
            errors.append(error)

    store.answers["DELETE FROM t"] = answer
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_close_drops_connections(store: Canned, conduct: Conduct) -> None:
    server = serve(store, conduct)
    connection = connect(server)
    server.close()
    assert store.events == ["close"]
    with pytest.raises(oracledb.DatabaseError, match=r"DPY-4011|DPY-1001"):
        connection.ping()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port)).close()
