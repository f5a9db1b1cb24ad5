"""A source whose rows move all the time: what holds of it at each instant, and in a target that has one of them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg

from servers import Mariadb, Postgresql
from spots import Rows, Servers

ACCOUNTS, PER_ACCOUNT = 2_000, 100
TOTAL = ACCOUNTS * PER_ACCOUNT

# Rows move between accounts all the time; `log` has no key and grows. What holds at every instant:
# the amounts add up to TOTAL, and log's deltas add up to 0.
SCHEMA = (
    "CREATE TABLE account (id integer PRIMARY KEY, amount integer NOT NULL, note varchar(40))",
    "CREATE TABLE log (delta integer NOT NULL, txt varchar(40))",
)


Execute = Callable[[list[str]], None]


@contextmanager
def writing(execute: Execute) -> Iterator[list[int]]:
    """A client that moves amounts and appends to the log, one transaction after the other."""
    stop, moves = threading.Event(), [0]

    def work() -> None:
        choose = random.Random(7)
        while not stop.is_set():
            one, other = choose.sample(range(1, ACCOUNTS + 1), 2)
            delta = choose.randint(1, 9)
            execute([
                f"UPDATE account SET amount = amount - {delta} WHERE id = {one}",
                f"UPDATE account SET amount = amount + {delta} WHERE id = {other}",
                f"INSERT INTO log VALUES ({delta}, 'in'), ({-delta}, 'out')",
            ])  # fmt: skip
            moves[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield moves
    finally:
        stop.set()
        thread.join()


def rows_of(first: str) -> list[str]:
    values = ", ".join(f"({n}, {PER_ACCOUNT}, 'ä {n}')" for n in range(1, ACCOUNTS + 1))
    log = ", ".join("(1, 'in'), (-1, 'out')" for _ in range(500))
    return [*SCHEMA, f"INSERT INTO account VALUES {values}", f"INSERT INTO log VALUES {log}", first]


@contextmanager
def postgresql_source(server: Postgresql) -> Iterator[tuple[str, Execute]]:
    url = server.database()
    connection = psycopg.connect(url, autocommit=True)

    def execute(statements: list[str]) -> None:
        with connection.transaction():
            for statement in statements:
                connection.execute(statement)

    execute(rows_of("SELECT 1"))
    connection.execute("ANALYZE")
    with connection:
        yield url, execute


@contextmanager
def mysql_family_source(server: Mariadb) -> Iterator[tuple[str, Execute]]:
    url = server.database()
    connection = server.connect(database=url.rpartition("/")[2])

    def execute(statements: list[str]) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.commit()

    execute(rows_of("ANALYZE TABLE account"))
    with connection:
        yield url, execute


def source_of(engine: str, servers: Servers) -> AbstractContextManager[tuple[str, Execute]]:
    """A source with its client's way to write to it."""
    return (
        postgresql_source(servers.postgresql) if engine == "postgresql" else mysql_family_source(servers.family(engine))
    )


def holds(ask: Callable[[str], Rows]) -> None:
    """The invariants of one instant, and each row once."""
    ((rows, ids, total),) = ask("SELECT count(*), count(DISTINCT id), sum(amount) FROM account")
    assert (rows, ids, int(total)) == (ACCOUNTS, ACCOUNTS, TOTAL)
    ((lines, balance),) = ask("SELECT count(*), sum(delta) FROM log")
    assert int(balance) == 0
    assert lines % 2 == 0
    assert lines >= 1_000
