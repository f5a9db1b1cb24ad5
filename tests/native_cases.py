"""The native types of the servers, as data: declaration, values as SQL, and what they are elsewhere.

A type of a server that stands neither here nor among the refused or the excused fails the tests.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

UTC = dt.UTC


@dataclass(frozen=True)
class Kind:
    """A column: `reads` is its Type's word where the target is of another family, `values` pairs of SQL and meaning."""

    native: str
    reads: str
    values: tuple[tuple[str, object], ...]
    engines: tuple[str, ...] = ("mariadb", "mysql")


def _numbers(*numbers: int) -> tuple[tuple[str, object], ...]:
    return tuple((str(number), number) for number in numbers)


def _limits(bits: int, *, signed: bool = True) -> tuple[tuple[str, object], ...]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return _numbers(low, high, 0, 1)


def _texts(*texts: str) -> tuple[tuple[str, object], ...]:
    return tuple((f"CONVERT(x'{text.encode().hex()}' USING utf8mb4)", text) for text in texts)


def _blobs(*blobs: bytes) -> tuple[tuple[str, object], ...]:
    return tuple((f"x'{blob.hex()}'", blob) for blob in blobs)


def _decimals(*numbers: str) -> tuple[tuple[str, object], ...]:
    return tuple((number, Decimal(number)) for number in numbers)


def _moments(digits: int, *moments: str, zone: dt.tzinfo | None = None) -> tuple[tuple[str, object], ...]:
    made = []
    for moment in moments:
        text = moment if not digits else f"{moment}.{'123456'[:digits]}"
        sql = f"'{text}'" if zone is None else f"CONVERT_TZ('{text}', '+00:00', '-03:30')"
        made.append((sql, dt.datetime.fromisoformat(text).replace(tzinfo=zone)))
    return tuple(made)


_FAR = ("0001-01-01 00:00:00", "9999-12-31 23:59:59", "1582-10-10 12:00:00", "1970-01-01 00:00:00")
_STAMPS = ("1970-01-01 00:00:01", "2038-01-19 03:14:06", "2024-03-10 02:30:00")
_LONGEST = "9" * 35 + "." + "9" * 30

MYSQL = (
    Kind("tinyint(1)", "bool", _numbers(0, 1)),
    # pgloader and sling make true of it
    Kind("tinyint(1) ", "int8", _numbers(0, 1, 2, -128, 127)),
    Kind("tinyint", "int8", _limits(8)),
    Kind("tinyint unsigned", "uint8", _limits(8, signed=False)),
    Kind("smallint", "int16", _limits(16)),
    Kind("smallint(5) unsigned zerofill", "uint16", _limits(16, signed=False)),
    Kind("mediumint", "int32", _limits(24)),
    Kind("mediumint unsigned", "uint32", _limits(24, signed=False)),
    Kind("int", "int32", _limits(32)),
    Kind("int(10) unsigned", "uint32", _limits(32, signed=False)),
    Kind("bigint(20)", "int64", _limits(64)),
    Kind("bigint(20) unsigned", "uint64", _numbers(0, 2**63, 2**64 - 1)),
    Kind("bigint(20) unsigned zerofill", "uint64", _numbers(0, 7, 2**64 - 1)),
    Kind("year", "int16", (("'0000'", 0), ("1901", 1901), ("2155", 2155))),
    Kind("bit(1)", "bool", _numbers(0, 1)),
    Kind("bit(8)", "text(8)", (("5", "00000101"), ("255", "11111111"), ("0", "00000000"))),
    Kind("bit(64)", "text(64)", (("1", "0" * 63 + "1"), ("18446744073709551615", "1" * 64))),
    # As text a server prints six digits of a float
    Kind("float", "float32", (("3.4028234663852886e38", 3.4028234663852886e38), ("16777215", 16777215.0),
                              ("0.1", 0.10000000149011612), ("1.17549435e-38", 1.1754943508222875e-38))),
    Kind("float unsigned", "float32", (("0", 0.0), ("123456.7", 123456.703125))),
    Kind("float(7,3)", "float32", (("1.234", 1.2339999675750732),)),
    Kind("double", "float64", (("1.7976931348623157e308", 1.7976931348623157e308), ("2.2250738585072014e-308",
                               2.2250738585072014e-308), ("0.1", 0.1), ("-123456789.12345679", -123456789.12345679))),
    Kind("double(10,2)", "float64", (("12345678.25", 12345678.25),)),
    Kind("decimal(10,0)", "decimal(10,0)", _decimals("9999999999", "-1")),
    Kind("decimal(12,2) unsigned", "decimal(12,2)", _decimals("9999999999.99", "0.10")),
    Kind("decimal(8,2) unsigned zerofill", "decimal(8,2)", _decimals("1.50", "0.00")),
    Kind("char(10)", "padded text(10)", _texts("ab", "", "ä", "  x")),
    Kind("char(5) CHARACTER SET latin1", "padded text(5)", _texts("äöü", "€")),
    Kind("varchar(30) CHARACTER SET latin1", "text(30)", _texts("äöüß", "€", "trailing  ")),
    Kind("varchar(30) CHARACTER SET utf8", "text(30)", _texts("漢字", "é")),
    Kind("varchar(30) CHARACTER SET ucs2", "text(30)", _texts("漢字", "é")),
    Kind("varchar(30) CHARACTER SET utf16", "text(30)", _texts("🚡", "é")),
    Kind("varchar(30) CHARACTER SET utf32", "text(30)", _texts("🚡", "é")),
    Kind("varchar(30) CHARACTER SET gbk", "text(30)", _texts("漢字", "a")),
    Kind("varchar(30) CHARACTER SET sjis", "text(30)", _texts("漢字", "ア")),
    Kind("varchar(30) CHARACTER SET cp1251", "text(30)", _texts("Привет", "a")),
    Kind("varchar(30) CHARACTER SET ascii", "text(30)", _texts("a\\b", "tab\there")),
    Kind("varchar(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "text(30)", _texts("🚡\n", "'\"`", "A", "a")),
    Kind("tinytext", "text", _texts("x" * 255, "")),
    Kind("text", "text", _texts("é" * 5000, "\\N", "NULL")),
    Kind("mediumtext CHARACTER SET latin1", "text", _texts("é" * 70_000)),
    Kind("longtext", "text", _texts("漢" * 30_000, " ")),
    Kind("binary(4)", "binary(4)", _blobs(b"ab\0\0", b"\xff\xfe\xfd\xfc")),
    Kind("varbinary(20)", "binary(20)", _blobs(b"", b"\0", b"\xff\xfe\t\n\\")),
    Kind("tinyblob", "binary", _blobs(bytes(range(255)))),
    Kind("blob", "binary", _blobs(b"", bytes(range(256)))),
    Kind("mediumblob", "binary", _blobs(b"\0" * 70_000)),
    Kind("longblob", "binary", _blobs(b"\\", b"'")),
    Kind("date", "date", (("'0001-01-01'", dt.date(1, 1, 1)), ("'9999-12-31'", dt.date(9999, 12, 31)),
                          ("'2024-02-29'", dt.date(2024, 2, 29)))),
    # pgloader gives it a zone
    Kind("datetime", "timestamp(0)", _moments(0, *_FAR)),
    *(Kind(f"datetime({n})", f"timestamp({n})" if n < 6 else "timestamp", _moments(n, *_FAR)) for n in range(1, 7)),
    Kind("timestamp NULL", "instant(0)", _moments(0, *_STAMPS, zone=UTC)),
    Kind("timestamp(3) NULL", "instant(3)", _moments(3, *_STAMPS, zone=UTC)),
    Kind("timestamp(6) NULL", "instant", _moments(6, *_STAMPS, zone=UTC)),
    Kind("time", "time(0)", (("'00:00:00'", dt.time(0)), ("'23:59:59'", dt.time(23, 59, 59)))),
    Kind("time(3)", "time(3)", (("'23:59:59.999'", dt.time(23, 59, 59, 999_000)),)),
    Kind("time(6)", "time", (("'12:30:15.000001'", dt.time(12, 30, 15, 1)),)),
    Kind("time ", "duration", (("'-838:59:59'", dt.timedelta(hours=-838, minutes=-59, seconds=-59)),
                               ("'24:00:00'", dt.timedelta(days=1)), ("'00:00:01'", dt.timedelta(seconds=1)))),
    Kind("time(6) ", "duration", (("'-00:00:00.000001'", dt.timedelta(microseconds=-1)),
                                  ("'838:59:58.999999'", dt.timedelta(hours=838, minutes=59, seconds=58.999999)))),
    Kind("enum('a','it''s','Ä b','c(d)','x,y')", "text", (("'it''s'", "it's"), ("'Ä b'", "Ä b"), ("'c(d)'", "c(d)"),
                                                          ("5", "x,y"))),
    Kind("enum('','full')", "text", (("''", ""), ("'full'", "full"))),
    Kind("set('a','b','c')", "text", (("''", ""), ("'a,c'", "a,c"), ("7", "a,b,c"))),
    Kind("json", "json", (("'{\"b\": 1.0, \"a\": [1]}'", '{"b": 1.0, "a": [1]}'), ("'[]'", "[]")), ("mariadb",)),
    Kind("uuid", "uuid", (("'123e4567-e89b-12d3-a456-426614174000'", "123e4567-e89b-12d3-a456-426614174000"),),
         ("mariadb",)),
    Kind("inet4", "text(43)", (("'10.0.0.1'", "10.0.0.1"),), ("mariadb",)),
    Kind("inet6", "text(43)", (("'2001:db8::ff00:42:8329'", "2001:db8::ff00:42:8329"), ("'::1'", "::1")), ("mariadb",)),
)  # fmt: skip

# 65 digits are more than DuckDB's decimals hold, so they have a table of their own.
WIDE = Kind("decimal(65,30)", "decimal(65,30)", _decimals(_LONGEST, f"-{_LONGEST}", "0." + "0" * 29 + "1"))


@dataclass(frozen=True)
class Printed:
    """A column of PostgreSQL: values as the server prints them, and its Type's word where another family reads it."""

    native: str
    reads: str
    values: tuple[str, ...]


_BITS65 = "1" + "0" * 63 + "1"
POSTGRESQL = (
    Printed("boolean", "bool", ("t", "f")),
    Printed("smallint", "int16", ("-32768", "32767")),
    Printed("integer", "int32", ("-2147483648", "2147483647")),
    Printed("bigint", "int64", ("-9223372036854775808", "9223372036854775807")),
    Printed("oid", "int64", ("0", "4294967295")),
    Printed("real", "float32", ("3.4028235e+38", "1e-45", "0.1", "16777216")),
    Printed("double precision", "float64", ("1.7976931348623157e+308", "5e-324", "0.1", "-123456789.12345679")),
    Printed("numeric(12,2)", "decimal(12,2)", ("9999999999.99", "-0.01")),
    Printed("numeric(20,7)", "decimal(20,7)", ("0.0000001", "-9999999999999.9999999")),
    Printed("numeric(3,5)", "decimal(5,5)", ("0.00999", "-0.00001")),
    Printed("numeric(2,-3)", "decimal(5,0)", ("99000", "-1000", "0")),
    Printed("numeric", "decimal(38,5)", ("1234567890123456789.12345", "-1", "1e-5")),
    Printed("money", "decimal(19,2)", ("$92,233,720,368,547,758.07", "-$0.01")),
    Printed("text", "text", ("", " ", "漢字 🚡", "\\N", "a\tb\nc\\", "x" * 70_000)),
    Printed("character varying(20)", "text(20)", ("trailing  ", "ä")),
    Printed("character(10)", "padded text(10)", ("ab", "ä")),
    Printed('"char"', "text", ("x",)),
    Printed("name", "text", ("a" * 63,)),
    Printed("citext", "text", ("MiXed",)),
    Printed("bytea", "binary", ("\\x", "\\x00ff5c0a09")),
    Printed("date", "date", ("0001-01-01", "9999-12-31", "2024-02-29")),
    Printed("time without time zone", "time", ("00:00:00", "23:59:59.999999")),
    *(Printed(f"time({n}) without time zone", f"time({n})", ("23:59:59" + ".123456"[: n + 1 if n else 0],))
      for n in range(6)),
    *(Printed(f"timestamp({n}) without time zone", f"timestamp({n})", ("2024-03-10 02:30:00" + ".123456"[: n + 1 if n
              else 0],)) for n in range(6)),
    *(Printed(f"timestamp({n}) with time zone", f"instant({n})", ("2024-03-10 02:30:00" + ".123456"[: n + 1 if n
              else 0] + "+00",)) for n in range(6)),
    Printed("timestamp without time zone", "timestamp", ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999")),
    Printed("timestamp with time zone", "instant", ("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00")),
    Printed("time with time zone", "text", ("10:00:00+02", "24:00:00-15:59:59")),
    Printed("interval", "duration", ("PT0S", "P2DT3H4M5.678901S", "PT-0.000001S")),
    Printed("interval(3)", "text", ("P1Y2M3DT4H5M6.789S",)),
    Printed("interval year to month", "text", ("P1Y2M", "P-178Y")),
    Printed("interval day to second(2)", "duration", ("P3DT4H5M6.78S",)),
    Printed("uuid", "uuid", ("123e4567-e89b-12d3-a456-426614174000",)),
    Printed("json", "json", ('{"b": 1.0,  "a": 1, "b": 2}', "[]")),
    Printed("jsonb", "json", ('{"a": 123456789012345678901234567890.123456789, "b": 1E400}'.replace("1E400", "1"),)),
    Printed("jsonpath", "text", ('$."a"',)),
    Printed("xml", "text", ()),  # the wheel's server is built without libxml, and takes no values
    Printed("inet", "text", ("10.0.0.1", "10.0.0.1/24", "::1", "2001:db8::/32")),
    Printed("cidr", "text", ("10.0.0.0/8",)),
    Printed("macaddr", "text", ("08:00:2b:01:02:03",)),
    Printed("macaddr8", "text", ("08:00:2b:01:02:03:04:05",)),
    Printed("bit(1)", "text", ("1", "0")),
    Printed("bit(5)", "text", ("00101",)),
    Printed("bit(65)", "text", (_BITS65,)),
    Printed("bit varying(8)", "text", ("", "0001")),
    Printed("point", "text", ("(1,2.5)",)),
    Printed("line", "text", ("{1,2,3}",)),
    Printed("lseg", "text", ("[(0,0),(1,1)]",)),
    Printed("box", "text", ("(1,1),(0,0)",)),
    Printed("path", "text", ("((0,0),(1,1))", "[(0,0),(1,1)]")),
    Printed("polygon", "text", ("((0,0),(1,1),(1,0))",)),
    Printed("circle", "text", ("<(1,2),3>",)),
    Printed("int4range", "text", ("[1,5)", "empty", "(,)")),
    Printed("int8range", "text", ("[1,9223372036854775807)",)),
    Printed("numrange", "text", ("(1.50,2.5]",)),
    Printed("daterange", "text", ("[2024-01-01,infinity)",)),
    Printed("tsrange", "text", ('["2024-01-01 00:00:00",)',)),
    Printed("tstzrange", "text", ('["2024-01-01 00:00:00+00",infinity]',)),
    Printed("int4multirange", "text", ("{[1,5),[7,8)}", "{}")),
    Printed("tsvector", "text", ("'a':1 'b':2",)),
    Printed("tsquery", "text", ("'a' & 'b'",)),
    Printed("pg_lsn", "text", ("16/B374D848",)),
    Printed("xid", "text", ("4294967295",)),
    Printed("xid8", "text", ("18446744073709551615",)),
    Printed("cid", "text", ("7",)),
    Printed("tid", "text", ("(0,1)",)),
    Printed("pg_snapshot", "text", ("10:20:10,14",)),
    Printed("txid_snapshot", "text", ("10:20:10,14",)),
    Printed("refcursor", "text", ("c",)),
    Printed("regclass", "text", ("pg_class",)),
    Printed("regtype", "text", ("integer",)),
    Printed("integer[]", "text", ("{1,2,NULL}", "{}", "[0:1]={1,2}", "{{1,2},{3,4}}")),
    Printed("text[]", "text", ('{"a,b",NULL,"NULL","\\"",""}',)),
    Printed("numeric(4,1)[]", "text", ("{1.5,NaN}",)),
    Printed("timestamp without time zone[]", "text", ('{infinity,"2024-01-01 00:00:00"}',)),
    Printed("hstore", "text", ('"a"=>"1", "b"=>NULL',)),
    Printed("ltree", "text", ("a.b.c",)),
    Printed("cube", "text", ("(1, 2, 3)",)),
    Printed("vector(3)", "text", ("[1,2.5,3]",)),
    Printed("oidvector", "text", ("1 2",)),
    Printed("int2vector", "text", ("1 2",)),
)  # fmt: skip

# Types of pg_catalog that no user's table needs, and why they are refused.
REFUSED = {
    "aclitem": "it names roles of its server",
    "gtsvector": "an index's own",
    "pg_node_tree": "the server's own form of expressions",
    "pg_ndistinct": "statistics",
    "pg_dependencies": "statistics",
    "pg_mcv_list": "statistics",
    "pg_brin_bloom_summary": "an index's own",
    "pg_brin_minmax_multi_summary": "an index's own",
}
