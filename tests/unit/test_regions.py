"""The demo's data: the same everywhere, consistent in itself, and as odd as real data."""

import hashlib
import sqlite3
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ropeway.cli.names import PEOPLE, folded
from ropeway.cli.regions import make_regions
from ropeway.transfer.errors import EngineError, RequestError

ROWS = 2_000
TABLES = {
    "customers": "customer_id",
    "addresses": "address_id",
    "products": "product_id",
    "orders": "order_id",
    "order_lines": "order_id, line",
    "payments": "payment_id",
}
CHECKSUM = "f3cdd35a1b809c063b52b3005fcc8ccadfc2063360bd07d5cd7e1544cd4e901a"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_regions(tmp_path_factory.mktemp("regions"), ROWS)


@pytest.fixture(params=["eu", "us"])
def region(request: pytest.FixtureRequest, files: tuple[Path, Path]) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(files[request.param == "us"])) as connection:
        yield connection


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def checksum(paths: tuple[Path, Path]) -> str:
    """Of all values with their storage classes; repr() of a float names it exactly."""
    text = hashlib.sha256()
    for path in paths:
        for table, key in TABLES.items():
            for row in ask(path, f"SELECT * FROM {table} ORDER BY {key}"):
                text.update(repr(row).encode())
    return text.hexdigest()


def cents(value: float) -> int:
    return int(Decimal(repr(value)) * 100)


def test_rows_are_the_same_on_every_machine(files: tuple[Path, Path], tmp_path: Path) -> None:
    assert checksum(files) == CHECKSUM
    assert checksum(make_regions(tmp_path, ROWS)) == CHECKSUM


@pytest.mark.parametrize("rows", [1_000, 2_001, 54_321])
def test_rows_are_as_many_as_asked(tmp_path: Path, rows: int) -> None:
    paths = make_regions(tmp_path / "made", rows)
    assert [path.name for path in paths] == ["eu.sqlite", "us.sqlite"]
    assert sorted(tmp_path.joinpath("made").iterdir()) == list(paths)
    counts = [ask(path, f"SELECT count(*) FROM {table}")[0][0] for path in paths for table in TABLES]
    assert sum(counts) == rows
    assert min(counts) > 0
    assert sum(counts[:6]) == rows * 55 // 100
    assert all(ask(path, "PRAGMA foreign_key_check") == [] for path in paths)


def test_keys_hold(region: sqlite3.Connection) -> None:
    assert region.execute("PRAGMA foreign_key_check").fetchall() == []
    assert region.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_schema_has_what_a_migration_must_carry(region: sqlite3.Connection) -> None:
    def names(sql: str) -> set[tuple[Any, ...]]:
        return set(region.execute(sql).fetchall())

    assert names("SELECT name FROM pragma_table_info('order_lines') WHERE pk") == {("order_id",), ("line",)}
    assert names("SELECT \"table\" FROM pragma_foreign_key_list('products')") == {("products",)}
    assert names("SELECT on_delete FROM pragma_foreign_key_list('order_lines')") == {("CASCADE",), ("NO ACTION",)}
    assert names("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE%'") == {
        ("customers_email",),
        ("products_sku",),
        ("orders_number",),
        ("payments_reference",),
    }
    assert names("SELECT name FROM pragma_index_info('orders_customer')") == {("customer_id",), ("ordered_at",)}
    ((sequence, last),) = names("SELECT seq, max(payment_id) FROM sqlite_sequence, payments WHERE name = 'payments'")
    assert sequence > last


@pytest.mark.parametrize(
    ("table", "condition"),
    [
        ("customers", "phone IS NULL"),
        ("customers", "phone = ''"),
        ("customers", "notes IS NULL"),
        ("customers", "notes = ''"),
        ("customers", "name LIKE '%  '"),
        ("customers", "name = 'Jennifer Null'"),
        ("customers", "name LIKE '%🦊%'"),
        ("customers", "length(CAST(notes AS BLOB)) BETWEEN 10000 AND 100000"),
        ("customers", "length(CAST(notes AS BLOB)) > 200000"),
        ("customers", "avatar IS NULL"),
        ("customers", "length(avatar) = 0 AND typeof(avatar) = 'blob'"),
        ("customers", "instr(avatar, x'00') > 0"),
        ("customers", "length(avatar) = 102 AND substr(avatar, 1, 2) = x'424d'"),
        ("customers", "credit_limit = 9999999999.99"),
        ("customers", "credit_limit < 0"),
        ("customers", "score = 1.7976931348623157e308"),
        ("customers", "birth_date = '0001-01-01'"),
        ("customers", "birth_date = '9999-12-31'"),
        ("customers", "birth_date = '1970-01-01'"),
        ("customers", "birth_date = '2000-02-29'"),
        ("customers", "last_login = '9999-12-31 23:59:59.999999'"),
        ("customers", "last_login = '0001-01-01 00:00:00'"),
        ("addresses", "postcode LIKE '0%'"),
        ("addresses", "valid_to = '9999-12-31'"),
        ("addresses", "instructions LIKE '%   '"),
        ("orders", "note = '\\N'"),
        ("orders", "note = ''"),
        ("orders", "note LIKE '%' || char(10) || '%'"),
        ("orders", "order_id > 4294967296"),
        ("orders", "length(ordered_at) = 26"),
        ("orders", "length(ordered_at) = 19"),
        ("orders", "typeof(total) = 'integer'"),
        ("orders", "typeof(total) = 'real'"),
        ("orders", "status IN ('open', 'cancelled') AND shipped_on IS NULL"),
        ("products", "replaces > product_id"),
        ("products", "length(photo) = 822"),
        ("products", "length(description) > 10000"),
        ("payments", "reference IS NULL"),
    ],
)
def test_oddities_are_there(region: sqlite3.Connection, table: str, condition: str) -> None:
    assert region.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()[0] > 0


def test_names_come_composed_and_decomposed_and_in_many_scripts(files: tuple[Path, Path]) -> None:
    everyone = "".join(row[0] for path in files for row in ask(path, "SELECT name FROM customers"))
    scripts = {unicodedata.name(letter).split()[0] for letter in everyone if letter.isalpha()}
    assert scripts >= {"LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "CJK", "HANGUL", "DEVANAGARI"}
    for form in ("NFC", "NFD"):
        assert unicodedata.normalize(form, everyone) != everyone


def test_dates_and_timestamps_are_iso_text(region: sqlite3.Connection) -> None:
    for table in TABLES:
        for column, kind in region.execute(f"SELECT name, type FROM pragma_table_info('{table}')").fetchall():
            if kind not in {"DATE", "TIMESTAMP"}:
                continue
            parse = date.fromisoformat if kind == "DATE" else datetime.fromisoformat
            for (text,) in region.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):
                moment = parse(text)
                assert str(moment) == text


def test_money_is_exact_to_the_cent(region: sqlite3.Connection) -> None:
    for table in TABLES:
        for column, kind in region.execute(f"SELECT name, type FROM pragma_table_info('{table}')").fetchall():
            if kind != "DECIMAL(12,2)":
                continue
            for (value,) in region.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):
                exact = Decimal(repr(value))
                assert exact == exact.quantize(Decimal("0.01"))
                assert abs(exact) < 10**10


def test_an_order_is_the_sum_of_its_lines_and_payments(region: sqlite3.Connection) -> None:
    lines: defaultdict[int, int] = defaultdict(int)
    for order, quantity, unit, amount in region.execute(
        "SELECT order_id, quantity, unit_price, amount FROM order_lines"
    ):
        assert cents(amount) == quantity * cents(unit) > 0
        lines[order] += cents(amount)
    orders = region.execute("SELECT order_id, total, status FROM orders").fetchall()
    assert {order: cents(total) for order, total, _ in orders} == lines
    paid: defaultdict[int, int] = defaultdict(int)
    for order, amount in region.execute("SELECT order_id, amount FROM payments"):
        paid[order] += cents(amount)
    assert {order: lines[order] for order in paid} == paid
    assert {order for order, _, status in orders if status not in {"open", "cancelled"}} == set(paid)
    assert len(paid) < region.execute("SELECT count(*) FROM payments").fetchone()[0]  # some in instalments


def test_lines_are_numbered_from_one(region: sqlite3.Connection) -> None:
    wrong = "SELECT order_id FROM order_lines GROUP BY order_id HAVING min(line) <> 1 OR max(line) <> count(*)"
    assert region.execute(wrong).fetchall() == []


def test_an_order_goes_to_an_address_of_its_customer(region: sqlite3.Connection) -> None:
    strange = "SELECT 1 FROM orders AS o JOIN addresses AS a USING (address_id) WHERE a.customer_id <> o.customer_id"
    assert region.execute(strange).fetchall() == []


def test_one_us_customer_in_five_is_known_in_europe(files: tuple[Path, Path]) -> None:
    wanted = "SELECT email, phone, updated_at, customer_id FROM customers"
    eu, us = ({folded(row[0]): row for row in ask(path, wanted)} for path in files)
    known = eu.keys() & us.keys()
    assert len(eu) == ask(files[0], "SELECT count(*) FROM customers")[0][0]
    assert len(known) == -(-len(us) // 5)
    assert all(us[one][1] and us[one][1] != eu[one][1] for one in known)
    assert all(us[one][2] > eu[one][2] for one in known)
    assert sum(us[one][0] != eu[one][0] for one in known) > 0.9 * len(known)
    assert any(us[one][0] != us[one][0].strip() for one in known)
    assert any(not us[one][0].isascii() for one in known)


def test_keys_are_disjoint_but_for_the_catalogue(files: tuple[Path, Path]) -> None:
    for table in ("customers", "addresses", "orders", "payments"):
        (_, last), (first, _) = (
            ask(path, f"SELECT min({TABLES[table]}), max({TABLES[table]}) FROM {table}")[0] for path in files
        )
        assert last < first
    eu, us = (ask(path, "SELECT product_id, sku, name, weight_kg, photo FROM products ORDER BY 1") for path in files)
    assert eu == us


def test_accents_are_all_that_a_typed_address_adds() -> None:
    assert all(folded(one.accented) == one.stem for one in PEOPLE)
    assert all(one.stem.isascii() and " " not in one.stem for one in PEOPLE)
    assert sum(one.accented != one.stem for one in PEOPLE) > 100


def test_what_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="at least 1,000 rows"):
        make_regions(tmp_path, 999)
    tmp_path.joinpath("us.sqlite").write_bytes(b"mine")
    with pytest.raises(RequestError, match=r"us\.sqlite exists already"):
        make_regions(tmp_path, ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["us.sqlite"]
    assert tmp_path.joinpath("us.sqlite").read_bytes() == b"mine"
    with pytest.raises(EngineError, match="could not be written"):
        make_regions(tmp_path / "us.sqlite", ROWS)
