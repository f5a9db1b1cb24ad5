"""The test server's database: what its SQL gives, by what Oracle's manuals say that it gives."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from servers.oracle.spoken import CHAR, DATE, NUMBER, TIMESTAMP_TZ, VARCHAR, Encoded, Kind, Lost, Refused
from servers.oracle.store import Database, formats, values
from servers.oracle.store.database import Instant
from servers.oracle.store.formats import Nls
from servers.oracle.store.session import Session
from servers.oracle.wire.rows import encoded
from servers.trouble import Trouble

TEXT, NUMERIC = Kind(VARCHAR, 4000, 4000), Kind(NUMBER, 22, scale=-127)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path, {"APP": "secret", "OTHER": "secret"})


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    made = database.session("APP")
    yield made
    made.close()


def given(values_: Sequence[Any]) -> tuple[list[Kind], list[bytes | None]]:
    """Binds' kinds and octets."""
    kinds = [TEXT if one is None or isinstance(one, str) else NUMERIC for one in values_]
    return kinds, [one.encode() if isinstance(one, str) else values.number(one)[1:] if one is not None else None
                   for one in values_]  # fmt: skip


def ask(session: Session, sql: str, *binds: Any) -> list[tuple[Any, ...]]:
    """Rows with numbers as Decimal and all else as Oracle's own text."""
    kinds, row = given(binds)
    result = session.execute(sql, kinds, [row])
    kinds = [column.kind for column in result.columns]
    rows = [one for one in result.rows if not isinstance(one, Encoded)]
    return [tuple(shown(value, kind) for value, kind in zip(one, kinds, strict=True)) for one in rows]


def shown(value: bytes | None, kind: Kind) -> Any:
    held = values.stored(value, kind)
    if isinstance(held, bytes) and held[:1] == b"N":
        return values.decimal(held[1:])
    return formats.text_of(held, Nls(date="YYYY-MM-DD HH24:MI:SS", timestamp="YYYY-MM-DD HH24:MI:SS.FF9",
                                     zoned="YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM"))  # fmt: skip


def one(session: Session, expression: str, *binds: Any) -> Any:
    ((value,),) = ask(session, f"SELECT {expression} FROM dual", *binds)
    return value


def test_numbers_keep_their_digits_and_sort_as_octets() -> None:
    chance = random.Random(1)
    some = [
        Decimal(chance.randint(-(10 ** chance.randint(1, 38)), 10 ** chance.randint(1, 38))).scaleb(
            chance.randint(-60, 40)
        )
        for _ in range(5_000)
    ]
    held = [values.number(number) for number in some]
    assert [values.decimal(one[1:]) for one in held] == some
    assert sorted(held) == [values.number(number) for number in sorted(some)]
    # The examples of DUMP() in Oracle's manuals and notes.
    known: dict[Decimal | int, str] = {123: "c20218", -123: "3d644e66", Decimal("0.01"): "c002", 100: "c202", 0: "80"}
    assert {number: values.number(number)[1:].hex() for number in known} == known


EXPRESSIONS: tuple[tuple[str, Any], ...] = (
    ("1 + 2.5", Decimal("3.5")), ("10 / 4", Decimal("2.5")), ("-7", Decimal(-7)), ("MOD(-7, 3)", Decimal(-1)),
    ("ROUND(2.5)", Decimal(3)), ("TRUNC(-2.57, 1)", Decimal("-2.5")), ("'a' || NULL || 'b'", "ab"), ("''", None),
    ("NVL(NULL, 5)", Decimal(5)), ("COALESCE(NULL, 'z')", "z"), ("DECODE(2, 1, 'a', 2, 'b')", "b"),
    ("CASE WHEN 1 = 1 THEN 'x' END", "x"), ("SUBSTR('hello', 2, 3)", "ell"), ("SUBSTR('hello', -2)", "lo"),
    ("LPAD('7', 3, '0')", "007"), ("LENGTH('äß')", Decimal(2)), ("LENGTHB('äß')", Decimal(4)),
    ("INSTR('abc', 'c')", Decimal(3)),
    ("TO_CHAR(0.5)", ".5"), ("TO_CHAR(-0.5, 'TM9')", "-.5"), ("TO_CHAR(1234.5, 'FM9990.00')", "1234.50"),
    ("TO_CHAR(5, '000')", " 005"), ("TO_CHAR(255, 'FMXX')", "FF"), ("TO_NUMBER('FF', 'XX')", Decimal(255)),
    ("DATE '2024-02-29'", "2024-02-29 00:00:00"), ("DATE '2024-02-29' + 1", "2024-03-01 00:00:00"),
    ("DATE '2024-03-01' - DATE '2024-02-01'", Decimal(29)), ("ADD_MONTHS(DATE '2024-01-31', 1)", "2024-02-29 00:00:00"),
    ("TIMESTAMP '2024-02-29 10:11:12.123456789'", "2024-02-29 10:11:12.123456789"),
    ("TO_CHAR(TIMESTAMP '2024-02-29 10:11:12.123456789', 'YYYY-MM-DD\"T\"HH24:MI:SS.FF3')", "2024-02-29T10:11:12.123"),
    ("TIMESTAMP '2024-02-29 10:00:00 +02:00'", "2024-02-29 10:00:00.000000000 +02:00"),
    ("SYS_EXTRACT_UTC(TIMESTAMP '2024-02-29 10:00:00 +02:00')", "2024-02-29 08:00:00.000000000"),
    ("EXTRACT(YEAR FROM DATE '2024-02-29')", Decimal(2024)),
    ("TO_DATE('29.02.2024 13:14', 'DD.MM.YYYY HH24:MI')", "2024-02-29 13:14:00"),
    ("CAST(1.005 AS NUMBER(5,2))", Decimal("1.01")), ("CAST('abc' AS CHAR(5))", "abc  "),
    ("RAWTOHEX(HEXTORAW('00ff'))", "00FF"), ("TO_CHAR(INTERVAL '3' DAY)", "+03 00:00:00.000000000"),
    ("STANDARD_HASH('abc', 'SHA256')", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
    ("RAWTOHEX(UTL_RAW.CAST_FROM_BINARY_DOUBLE(TO_BINARY_DOUBLE(-0.5), 1))", "BFE0000000000000"),
    ("REGEXP_REPLACE('a1b2', '[0-9]', '')", "ab"), ("CHARTOROWID('AAARFxAABAAAAAAAAC')", "AAARFxAABAAAAAAAAC"),
)  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_expressions(session: Session, expression: str, value: Any) -> None:
    assert one(session, expression) == value
    upper, spaced = one(session, expression.replace(", ", ",")), one(session, f"( {expression} )")
    assert upper == spaced == value  # not by its text


CONDITIONS = (
    ("'a' LIKE '_'", True), ("'a_b' LIKE 'a\\_b' ESCAPE '\\'", True), ("'axb' LIKE 'a\\_b' ESCAPE '\\'", False),
    ("'a_b' NOT LIKE 'a\\_b' ESCAPE '\\'", False), ("'ab' NOT LIKE 'a\\_b' ESCAPE '\\'", True),
    ("1 BETWEEN 1 AND 2", True), ("2 IN (1, 2)", True), ("NULL = NULL", False), ("'' IS NULL", True),
    ("'10' = 10", True), ("10 < 9", False), ("DATE '2024-01-01' < TIMESTAMP '2024-01-01 00:00:00.1'", True),
    ("TIMESTAMP '2024-01-01 12:00:00 +02:00' = TIMESTAMP '2024-01-01 10:00:00 +00:00'", True),
    ("EXISTS (SELECT 1 FROM dual WHERE 1 = 2)", False), ("REGEXP_LIKE('abc', 'B', 'i')", True),
)  # fmt: skip


@pytest.mark.parametrize(("condition", "held"), CONDITIONS, ids=[name for name, _ in CONDITIONS])
def test_conditions(session: Session, condition: str, held: bool) -> None:
    assert bool(ask(session, f"SELECT 1 FROM dual WHERE {condition}")) is held


MADE = """CREATE TABLE t (id NUMBER(10) GENERATED BY DEFAULT AS IDENTITY, name VARCHAR2(10 CHAR) NOT NULL,
  amount NUMBER(12,2) DEFAULT 0, seen DATE, c CHAR(3), twice NUMBER GENERATED ALWAYS AS (amount * 2) VIRTUAL,
  CONSTRAINT t_pk PRIMARY KEY (id), CONSTRAINT positive CHECK (amount >= 0))"""


def made(session: Session) -> None:
    session.execute(MADE, (), ())
    session.execute("CREATE TABLE child (a NUMBER(10) CONSTRAINT up REFERENCES t (id) ON DELETE CASCADE)", (), ())
    many(session, "INSERT INTO t (name, amount) VALUES (:1, :2)", ("one", Decimal("1.235")), ("two", 2), ("three", 3))


def many(session: Session, sql: str, *rows: Sequence[Any]) -> int:
    kinds = given(rows[0])[0]
    return session.execute(sql, kinds, [given(row)[1] for row in rows]).count


REFUSALS = (
    ("INSERT INTO t (name) VALUES (NULL)", 1400), ("INSERT INTO t (name) VALUES ('')", 1400),
    ("INSERT INTO t (id, name) VALUES (1, 'a')", 1), ("INSERT INTO t (name) VALUES ('12345678901')", 12899),
    ("INSERT INTO t (name, amount) VALUES ('a', 1e11)", 1438), ("INSERT INTO t (name, amount) VALUES ('a', 'x')", 1722),
    ("INSERT INTO t (name, amount) VALUES ('a', -1)", 2290), ("INSERT INTO child VALUES (99)", 2291),
    ("SELECT nothing FROM t", 904), ("SELECT 1 FROM nothing", 942), ("SELECT FROM t", 936),
    ("SELECT 1/0 FROM dual", 1476),
    ("DROP TABLE t", 2449), ("TRUNCATE TABLE t", 2266), ("CREATE TABLE t (a NUMBER)", 955),
    ("ALTER TABLE t ADD CONSTRAINT u UNIQUE (c, amount, name, id, nothing)", 904),
    ("ALTER TABLE child ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES t (name)", 2270),
    ("SELECT nosuch(1) FROM dual", 904),
    ("INSERT INTO t (name) VALUES ('a', 'b')", 913), ("SELECT * FROM t AS OF SCN 5", 1555),
)  # fmt: skip


@pytest.mark.parametrize(("sql", "number"), REFUSALS, ids=[sql for sql, _ in REFUSALS])
def test_refusals_have_their_number_and_leave_no_trace(session: Session, sql: str, number: int) -> None:
    made(session)
    with pytest.raises(Refused) as refused:
        ask(session, sql)
    assert refused.value.number == number
    assert one(session, "(SELECT count(*) FROM t)") == 3


def test_values_fit_their_columns(session: Session) -> None:
    made(session)
    session.execute("UPDATE t SET c = 'x', seen = TIMESTAMP '2024-02-29 10:11:12.9' WHERE id = 1", (), ())
    rows = ask(session, "SELECT id, name, amount, seen, c FROM t WHERE c = 'x' ORDER BY id")
    assert rows == [(Decimal(1), "one", Decimal("1.24"), "2024-02-29 10:11:12", "x  ")]


def test_statements_are_all_or_nothing(session: Session) -> None:
    made(session)
    with pytest.raises(Refused, match=r"unique constraint \(APP\.T_PK\) violated"):
        many(session, "INSERT INTO t (id, name) VALUES (:1, :2)", (7, "a"), (8, "b"), (7, "c"))
    assert ask(session, "SELECT count(*), sum(amount), max(name) FROM t") == [(Decimal(3), Decimal("6.24"), "two")]


def test_children_go_along(session: Session) -> None:
    made(session)
    session.execute("INSERT INTO child SELECT id FROM t WHERE id > 1", (), ())
    assert session.execute("DELETE FROM t WHERE id = 2", (), ()).count == 1
    assert ask(session, "SELECT a FROM child") == [(Decimal(3),)]
    session.rollback()
    assert one(session, "(SELECT count(*) FROM t)") == 0  # the rows were not committed either


def test_merge(session: Session) -> None:
    made(session)
    using = "SELECT 1 id, 'new' name FROM dual UNION ALL SELECT 9, 'more' FROM dual"
    count = session.execute(
        f"MERGE INTO t USING ({using}) s ON (t.id = s.id) WHEN MATCHED THEN UPDATE SET t.name = s.name "
        "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)", (), (),
    ).count  # fmt: skip
    assert (count, ask(session, "SELECT id, name FROM t ORDER BY id DESC")) == (
        2, [(Decimal(9), "more"), (Decimal(3), "three"), (Decimal(2), "two"), (Decimal(1), "new")],
    )  # fmt: skip


def test_queries(session: Session) -> None:
    made(session)
    joined = "SELECT a.name, b.name FROM t a LEFT JOIN t b ON b.id = a.id + 1 ORDER BY a.id"
    assert ask(session, joined) == [("one", "two"), ("two", "three"), ("three", None)]
    assert ask(
        session, "SELECT * FROM (SELECT name, ROW_NUMBER() OVER (ORDER BY amount DESC) n FROM t) WHERE n = 1"
    ) == [("three", Decimal(1))]
    assert ask(session, "SELECT name FROM t ORDER BY 1 FETCH FIRST 2 ROWS ONLY") == [("one",), ("three",)]
    assert ask(session, "SELECT name FROM t WHERE ROWNUM <= 1 AND id > 1") == [("two",)]
    assert ask(session, "WITH w AS (SELECT id * 2 n FROM t) SELECT sum(n) FROM w") == [(Decimal(12),)]
    assert ask(session, "SELECT MOD(id, 2), COUNT(*) FROM t GROUP BY MOD(id, 2) HAVING COUNT(*) > 1") == [
        (Decimal(1), Decimal(2))
    ]
    session.execute('CREATE VIEW v ("n") AS SELECT name FROM t WHERE id = 2', (), ())
    assert ask(session, 'SELECT v."n" FROM v') == [("two",)]
    with pytest.raises(Refused, match='"N": invalid identifier'):
        ask(session, "SELECT n FROM v")


def test_columns_are_described_by_their_kind(session: Session) -> None:
    made(session)
    described = {one.name: (one.kind.code, one.kind.precision, one.kind.scale, one.nullable)
                 for one in session.describe("SELECT id, amount, seen, c, amount / 3 x, SYSTIMESTAMP s "
                                             "FROM t")}  # fmt: skip
    assert described == {
        "ID": (NUMBER, 10, 0, False), "AMOUNT": (NUMBER, 12, 2, True), "SEEN": (DATE, 0, 0, True),
        "C": (CHAR, 0, 0, True),
        "X": (NUMBER, 0, -127, True), "S": (TIMESTAMP_TZ, 0, 6, False),
    }  # fmt: skip


def test_an_instant_stays_what_it_was(database: Database, session: Session) -> None:
    made(session)
    session.commit()
    before = one(session, "DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER")
    other = database.session("APP")
    other.execute("UPDATE t SET name = 'x'", (), ())
    assert ask(session, "SELECT count(*) FROM t WHERE name = 'x'") == [(Decimal(0),)]  # not committed
    other.commit()
    assert ask(session, "SELECT count(*) FROM t WHERE name = 'x'") == [(Decimal(3),)]
    assert ask(session, f"SELECT count(*) FROM t AS OF SCN {before} WHERE name = 'x'") == [(Decimal(0),)]
    assert ask(session, "SELECT current_scn FROM v$database")[0][0] > before
    database.forget()
    with pytest.raises(Refused, match="ORA-01555"):
        ask(session, f"SELECT count(*) FROM t AS OF SCN {before}")


def test_rows_that_are_replayed_are_read_once(
    database: Database, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(session)
    session.commit()
    scn = int(one(session, "DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER"))
    database.encode = encoded
    database.replay()
    read: list[int] = []
    at = database.at

    def counted(scn: int) -> Instant:
        read.append(scn)
        return at(scn)

    monkeypatch.setattr(database, "at", counted)
    sql = f"SELECT id FROM t AS OF SCN {scn} ORDER BY id"
    assert ask(session, sql) == ask(session, sql.replace("id FROM", "id  FROM")) != []
    assert read == [scn]


def test_the_dictionary(session: Session) -> None:
    made(session)
    session.execute("COMMENT ON COLUMN t.amount IS 'it''s'", (), ())
    session.execute("CREATE INDEX i ON t (UPPER(name), seen DESC)", (), ())
    assert ask(session, "SELECT c.column_name, c.data_type, c.data_precision, c.nullable, d.comments "
               "FROM all_tab_cols c JOIN all_col_comments d "
               "ON d.table_name = c.table_name AND d.column_name = c.column_name "
               "WHERE c.owner = USER AND c.table_name = 'T' ORDER BY c.column_id")[:3] == [
        ("ID", "NUMBER", Decimal(10), "N", None), ("NAME", "VARCHAR2", None, "N", None),
        ("AMOUNT", "NUMBER", Decimal(12), "Y", "it's"),
    ]  # fmt: skip
    constraints = ask(session, "SELECT constraint_name, constraint_type, r_constraint_name FROM all_constraints "
                      "WHERE generated = 'USER NAME' ORDER BY 1")  # fmt: skip
    assert constraints == [("POSITIVE", "C", None), ("T_PK", "P", None), ("UP", "R", "T_PK")]
    assert ask(session, "SELECT index_name, column_position, descend FROM user_ind_columns ORDER BY 1, 2") == [
        ("I", Decimal(1), "ASC"), ("I", Decimal(2), "DESC"), ("T_PK", Decimal(1), "ASC"),
    ]  # fmt: skip
    with pytest.raises(Refused, match="ORA-00904"):
        ask(session, "SELECT nosuch FROM all_tables")


def test_another_account_has_its_own_tables(database: Database, session: Session) -> None:
    made(session)
    session.commit()
    other = database.session("OTHER")
    with pytest.raises(Refused, match="ORA-00942"):
        ask(other, "SELECT 1 FROM t")
    assert ask(other, "SELECT count(*) FROM app.t") == [(Decimal(3),)]
    assert ask(other, "SELECT count(*) FROM user_tables") == [(Decimal(0),)]


def test_an_account_goes_with_all_that_is_its_own(database: Database, session: Session) -> None:
    session.execute("CREATE USER gone IDENTIFIED BY x", (), [()])
    session.execute("CREATE TABLE gone.t (id NUMBER GENERATED ALWAYS AS IDENTITY PRIMARY KEY)", (), [()])
    session.execute("CREATE TABLE stays (id NUMBER REFERENCES gone.t (id))", (), [()])
    session.execute("CREATE VIEW gone.v AS SELECT 1 AS a FROM dual", (), [()])
    with pytest.raises(Refused, match="ORA-01922"):
        session.execute("DROP USER gone", (), [()])
    session.execute("DROP USER gone CASCADE", (), [()])
    assert ask(session, "SELECT object_name FROM all_objects WHERE owner <> 'SYS'") == [("STAYS",)]
    assert ask(session, "SELECT count(*) FROM all_constraints WHERE constraint_type = 'R'") == [(0,)]
    assert database.password("GONE") is None
    with pytest.raises(Refused, match="ORA-01918"):
        session.execute("DROP USER gone CASCADE", (), [()])


def test_locks_go_with_their_session(database: Database, session: Session) -> None:
    other = database.session("APP")
    request = "BEGIN :1 := DBMS_LOCK.REQUEST('x'); END;"

    def answer(of: Session) -> Decimal:
        (value,) = of.execute(request, [NUMERIC], [[None]]).outs
        assert value is not None
        return values.decimal(value)

    assert [answer(session), answer(other)] == [0, 1]
    session.close()
    assert answer(other) == 0


def test_direct_path(session: Session) -> None:
    made(session)
    session.commit()
    columns = session.target("APP", "T", ["NAME", "AMOUNT"])
    assert [column.name for column in columns] == ["NAME", "AMOUNT"]
    session.load([(b"direct", values.number(5)[1:]), (b"path", None)])
    session.finish(keep=True)
    assert ask(session, "SELECT name, amount FROM t WHERE id IS NOT NULL ORDER BY name") == [
        ("direct", Decimal(5)), ("one", Decimal("1.24")), ("path", None), ("three", Decimal(3)), ("two", Decimal(2)),
    ]  # fmt: skip


def test_trouble_on_request(database: Database, session: Session) -> None:
    made(session)
    database.troubles = [Trouble("from t", 1555, after=1), Trouble("from dual", 0)]
    assert len(ask(session, "SELECT 1 FROM t")) == 3
    with pytest.raises(Refused, match="ORA-01555"):
        ask(session, "SELECT 1 FROM t")
    assert len(ask(session, "SELECT 1 FROM t")) == 3
    with pytest.raises(Lost):
        ask(session, "SELECT 1 FROM dual")
