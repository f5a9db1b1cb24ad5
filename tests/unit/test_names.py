"""Names in a style, and those that would meet."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ropeway.cli import wire
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Request
from ropeway.transfer.schema.names import styled
from ropeway.transfer.schema.sql import shortened


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("OrderLine", "order_line"), ("orderLine", "order_line"), ("ORDER_LINE", "order_line"),
        ("Order Line", "order_line"),
        ("HTTPServerName", "http_server_name"), ("TrackID", "track_id"), ("Line2Go", "line2_go"), ("a.b-c", "a_b_c"),
        ("ÄrgerÜber", "ärger_über"), ("already_snake", "already_snake"), ("X", "x"), ("select", "select"),
    ],
)  # fmt: skip
def test_snake_case(name: str, snake: str) -> None:
    assert styled(name, "snake") == snake
    assert styled(snake, "snake") == snake


def test_other_styles() -> None:
    assert [styled("Ab C", style) for style in ("keep", "lower", "upper")] == ["Ab C", "ab c", "AB C"]


def planned(tmp_path: Path, sql: str, **options: str) -> object:
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(sql)
    connection.close()
    (one, _), (other, _) = parse(f"sqlite:///{file}"), parse(f"duckdb:///{tmp_path}/shop.duckdb")
    return wire.plan(Request(one, other, **options))  # type: ignore[arg-type]  # of text options only


def test_columns_that_would_meet_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="OrderLine and order_line would both be order_line"):
        planned(tmp_path, "CREATE TABLE t (OrderLine, order_line)", names="snake")


def test_tables_that_would_meet_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"would both become main\.order_line"):
        planned(tmp_path, "CREATE TABLE OrderLine (a); CREATE TABLE order_line (a)", names="snake")


def test_keys_views_and_conditions_follow(tmp_path: Path) -> None:
    made = """
        CREATE TABLE "Order Head" ("Id" INTEGER PRIMARY KEY, "Whole Sum" INTEGER CHECK ("Whole Sum" > 0));
        CREATE TABLE "OrderLine" ("Id" INTEGER PRIMARY KEY, "HeadId" INTEGER REFERENCES "Order Head"("Id"));
        CREATE INDEX "By Head" ON "OrderLine" ("HeadId");
        CREATE VIEW "Big Ones" AS SELECT h."Id" AS "HeadId", l."Id" FROM "Order Head" h JOIN "OrderLine" l
            ON l."HeadId" = h."Id" WHERE h."Whole Sum" > 10;
        INSERT INTO "Order Head" VALUES (1, 11); INSERT INTO "OrderLine" VALUES (5, 1);
    """
    plan = planned(tmp_path, made, names="snake")
    wire.run(plan)  # type: ignore[arg-type]
    (view,) = [table for table in wire.inspect(f"duckdb:///{tmp_path}/shop.duckdb") if table.kind == "view"]
    assert (view.name.table, [column.name for column in view.columns]) == ("big_ones", ["head_id", "id"])
    tables = {table.name.table: table for table in wire.inspect(f"duckdb:///{tmp_path}/shop.duckdb")}
    assert tables["order_line"].foreign_keys[0].referenced == ("id",)
    assert [index.name for index in tables["order_line"].indexes] == ["order_line_by_head"]
    assert "whole_sum" in tables["order_head"].checks[0].condition


@pytest.mark.parametrize(
    ("encoding", "letters", "kept"),
    [("utf-8", "é" * 40, 27), ("utf-16-le", "🚡" * 40, 27), ("utf-32-le", "é" * 70, 54)],
)
def test_long_names_end_in_a_hash(encoding: str, letters: str, kept: int) -> None:
    """By bytes, UTF-16 units or characters, never within a letter; two that begin alike stay two."""
    one, other = shortened(f"{letters}a", 63, encoding), shortened(f"{letters}b", 63, encoding)
    assert one != other
    assert one[:-9] == letters[:kept]
    assert len(one.encode(encoding)) <= 63 * len("_".encode(encoding))
    assert shortened("short", 63, encoding) == "short"
