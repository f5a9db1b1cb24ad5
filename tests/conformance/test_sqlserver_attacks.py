"""What SQL Server could lose, change or double without a word; each test was red once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from moves import moved, planned, refusal, requested
from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.sqlserver.options import keywords
from ropeway.transfer.engines.sqlserver.session import connection_string
from ropeway.transfer.errors import RequestError, RopewayError
from ropeway.transfer.job import Limits
from ropeway.transfer.place import Address, parse, resolve
from ropeway.transfer.plan import Cut
from ropeway.transfer.request import Choice
from ropeway.transfer.steps import TRIES
from servers.sqlserver.process import ADMINISTRATOR, Databases
from servers.sqlserver.wire.apart import Apart
from spots import Servers, Spot, spot


@pytest.fixture
def ends(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("sqlserver", tmp_path, servers), spot("duckdb", tmp_path, servers)


# Slices

KEYS: tuple[tuple[str, str, int], ...] = (
    ("bigint", "CAST(-9223372036854775807 AS bigint) + {n} * CAST(150000000000000000 AS bigint)", 60),
    ("tinyint", "{n} * 4", 60),
    ("decimal(38,0)", "CAST({n} - 30 AS decimal(38,0)) * 1000000000000000000000", 60),
    ("uniqueidentifier", "CAST(HASHBYTES('SHA2_256', '{n}') AS uniqueidentifier)", 60),
    ("datetime", "DATEADD(millisecond, {n} * 10, CAST('2024-02-29T00:00:00' AS datetime))", 60),
    ("datetime2(7)", "DATEADD(nanosecond, {n} * 100, CAST('2024-02-29T00:00:00' AS datetime2(7)))", 60),
    ("datetimeoffset(3)", "DATEADD(hour, {n}, CAST('2024-02-29T00:00:00+05:30' AS datetimeoffset(3)))", 60),
    ("date", "DATEADD(day, {n}, CAST('2024-02-29' AS date))", 60),
    ("nvarchar(20)", "N'{n}'", 1),
    ("decimal(9,2)", "{n} * 0.01", 1),
)


def test_keys_of_all_sizes_are_cut_once(ends: tuple[Spot, Spot]) -> None:
    """In the order of the server: a uniqueidentifier's is not that of its text."""
    source, _ = ends
    engine = engine_of("sqlserver")
    place, secret = parse(source.url)
    with closing(engine.connect(resolve(place, secret))) as session:
        for number, (native, literal, most) in enumerate(KEYS):
            source.ask(f"CREATE TABLE k{number} (k {native} NOT NULL, other int, PRIMARY KEY (k, other))")
            rows = ", ".join(f"({literal.format(n=n)}, {copy})" for n in range(60) for copy in range(1 + n % 2))
            source.ask(f"INSERT INTO k{number} VALUES {rows}")
            (table,) = [one for one in engine.tables(session) if one.name.table == f"k{number}"]
            cuts = engine.cuts(session, table, "", 7)
            assert (len(cuts) > 5) == (most > 1), native
            counts = [
                int(str(session.ask(f"SELECT COUNT(*) FROM k{number}{_where(engine.condition(cut))}")[0][0]))
                for cut in cuts
            ]
            assert sum(counts) == 90, (native, cuts, counts)
            assert min(counts) > 0


def _where(condition: str) -> str:
    return f" WHERE {condition}" if condition else ""


def test_a_bigint_is_compared_with_bigints() -> None:
    """3000000000 is a numeric, to which each value of the column would be converted, without its index."""
    condition = engine_of("sqlserver").condition
    assert condition(Cut("range", "k", 5, 3_000_000_000)) == "[k] >= 5 AND [k] < CAST(3000000000 AS bigint)"
    assert condition(Cut("range", "k]", None, 10**19)) == "[k]]] < 10000000000000000000"
    assert condition(Cut("range", "k", "a'b", None)) == "[k] >= N'a''b'"


# Instants


def test_a_query_is_of_the_same_instant(ends: tuple[Spot, Spot], sqlserver: Databases) -> None:
    """It may read any table; so none may be written while its reader begins."""
    source, target = ends
    source.ask("CREATE TABLE one (id int PRIMARY KEY, v int)")
    source.ask("CREATE TABLE other (id int PRIMARY KEY, v int)")
    source.ask(f"INSERT INTO one VALUES {', '.join(f'({n}, 0)' for n in range(40))}")
    choices = (Choice("one"), Choice(query="SELECT id, v FROM other WHERE id >= 0", to="asked"))
    request, secrets = requested(replace(source, url=f"{source.url}&snapshot=no"), target, slice_rows=10,
                                 choices=choices)  # fmt: skip
    plan = wire.plan(request, secrets)
    engine = engine_of("sqlserver")
    address = resolve(plan.source, secrets.source)
    name = plan.source.database
    with closing(sqlserver.connect(name)) as writer:
        writer.execute("SET LOCK_TIMEOUT 0")
        seen: list[int] = []
        from ropeway.transfer.engines.sqlserver.reader import SqlServerReader

        begin = SqlServerReader.begin

        def watched(self: SqlServerReader, first: str) -> None:
            begin(self, first)
            try:
                writer.execute("INSERT INTO other VALUES (1, 1)")
            except Exception as error:
                seen.append("1222" in str(error))

        SqlServerReader.begin = watched  # type: ignore[method-assign]
        try:
            with closing(engine.open(address, plan.hops, "run", 3)) as opened:
                assert len(opened.readers()) == 3
        finally:
            SqlServerReader.begin = begin  # type: ignore[method-assign]
    assert seen == [True] * 3


def test_a_url_may_name_a_snapshot(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id int PRIMARY KEY, v int)")
    source.ask("INSERT INTO t VALUES (1, 1), (2, 2)")
    name = parse(source.url)[0].database
    ((logical, file),) = source.ask("SELECT name, physical_name FROM sys.database_files WHERE type = 0")
    source.ask(f"CREATE DATABASE {name}_then ON (NAME = [{logical}], FILENAME = '{file}.then') AS SNAPSHOT OF {name}")
    source.ask("UPDATE t SET v = 9")
    outcome = moved(replace(source, url=source.url.replace(name, f"{name}_then")), target)
    assert target.ask("SELECT sum(v) FROM t") == [(3,)]
    assert {one.instant for one in outcome.receipts if one.slice} == {f"sqlserver database snapshot {name}_then"}
    assert source.ask(f"SELECT count(*) FROM sys.databases WHERE name = '{name}_then'") == [(1,)]
    source.ask(f"DROP DATABASE {name}_then")


def test_a_lost_line_says_so_without_a_secret(ends: tuple[Spot, Spot], sqlserver: Databases) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id int PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES (1)")
    plan = planned(source, target)
    sqlserver.tell("trouble", r"AS \[id\] FROM \[dbo\].\[t\]", 0, "", TRIES)
    _, secrets = requested(source, target)
    with pytest.raises(RopewayError, match=r"SQL Server refused to read dbo\.t") as caught:
        wire.run(plan, secrets)
    assert secrets.source not in str(caught.value)
    assert "--resume" in str(caught.value)


# Values


def test_empty_is_not_null_and_blanks_stay(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id int PRIMARY KEY, a nvarchar(9), b varchar(max), c varbinary(9), d varbinary(max))")
    source.ask("INSERT INTO t VALUES (1, N'', '', 0x, 0x), (2, NULL, NULL, NULL, NULL), (3, N' ', '  ', 0x20, 0x2000)")
    moved(source, target)
    assert target.ask("SELECT a, b, c, d FROM t ORDER BY id") == [
        ("", "", b"", b""), (None, None, None, None), (" ", "  ", b" ", b" \0"),
    ]  # fmt: skip


def test_the_order_of_octets_in_a_uniqueidentifier(ends: tuple[Spot, Spot]) -> None:
    """Its first eight lie backwards in the server: as binary(16) it would be another value."""
    source, target = ends
    source.ask("CREATE TABLE t (id uniqueidentifier PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES ('00112233-4455-6677-8899-AABBCCDDEEFF')")
    moved(source, target)
    assert [str(row[0]) for row in target.ask("SELECT id FROM t")] == ["00112233-4455-6677-8899-aabbccddeeff"]


def test_long_values_bound_their_batches(ends: tuple[Spot, Spot]) -> None:
    """A batch has as many rows as fit its bytes by the longest value, whatever the others are."""
    source, target = ends
    source.ask("CREATE TABLE t (id int PRIMARY KEY, v nvarchar(max))")
    source.ask("INSERT INTO t VALUES (1, REPLICATE(CAST(N'x' AS nvarchar(max)), 300000)), (2, N'y'), (3, N'z')")
    plan = planned(source, target)
    (hop,), engine = plan.hops, engine_of("sqlserver")
    with closing(engine.open(resolve(plan.source, parse(source.url)[1]), plan.hops, "run", 1)) as opened:
        (reader,) = opened.readers()
        assert [batch.num_rows for batch in reader.read(hop, hop.slices[0], 1 << 20)] == [1, 1, 1]
        assert [batch.num_rows for batch in reader.read(hop, hop.slices[0], 64 << 20)] == [3]
    moved(source, target)
    assert target.ask("SELECT max(length(v)), count(*) FROM t") == [(300_000, 3)]


def test_room_that_is_declared_and_not_used_makes_no_small_batches(ends: tuple[Spot, Spot]) -> None:
    """The driver would make room for 8,000 characters a value, and a batch have 16 rows."""
    source, target = ends
    source.ask("CREATE TABLE t (id int PRIMARY KEY, a varchar(8000), b nvarchar(4000), c varbinary(8000), d char(500))")
    rows = ", ".join(f"({n}, 'ä', N'€', 0x00FF, 'd')" for n in range(400))
    source.ask(f"INSERT INTO t VALUES {rows}")
    plan = planned(source, target)
    (hop,), engine = plan.hops, engine_of("sqlserver")
    with closing(engine.open(resolve(plan.source, parse(source.url)[1]), plan.hops, "run", 1)) as opened:
        (reader,) = opened.readers()
        assert [batch.num_rows for batch in reader.read(hop, hop.slices[0], 1 << 20)] == [400]
        source.ask("UPDATE t SET a = REPLICATE('ä', 8000), b = REPLICATE(N'€', 4000) WHERE id = 7")
    moved(source, target)
    assert target.ask("SELECT sum(length(a)), sum(length(b)), sum(octet_length(c)), sum(length(d)) FROM t") == [
        (8_399, 4_399, 800, 200_000)
    ]  # fmt: skip


def test_hundreds_of_columns(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask(f"CREATE TABLE t (id int PRIMARY KEY, {', '.join(f'c{n} datetime2(7)' for n in range(1, 401))})")
    source.ask("INSERT INTO t (id, c1, c400) VALUES (1, '2024-02-29T12:00:00.1234567', '2024-02-29T12:00:00')")
    outcome = moved(source, target)
    assert outcome.report
    assert "computed the checksum of all rows" in outcome.report.tables[0].asked
    assert target.ask("SELECT c400, c2 FROM t") == [(dt.datetime(2024, 2, 29, 12), None)]


def test_names_of_all_kinds(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE [a \"b]] c] ([it's] int PRIMARY KEY, [größe €] nvarchar(9), [select] int, [a.b] int)")
    source.ask("INSERT INTO [a \"b]] c] VALUES (1, N'ü', 2, 3)")
    moved(source, target, choices=(Choice("*", where="[größe €] = N'ü'"),))
    assert target.ask('SELECT "it\'s", "größe €", "select", "a.b" FROM "a ""b] c"') == [(1, "ü", 2, 3)]


def test_tables_of_one_name_in_two_schemas(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE SCHEMA sales")
    for schema, value in (("dbo", 1), ("sales", 2)):
        source.ask(f"CREATE TABLE {schema}.t (id int PRIMARY KEY)")
        source.ask(f"INSERT INTO {schema}.t VALUES ({value})")
    moved(source, target)
    assert target.ask("SELECT (SELECT id FROM main.t), (SELECT id FROM sales.t)") == [(1, 2)]


def test_a_decimal_identity_goes_on_counting(ends: tuple[Spot, Spot], tmp_path: Path, servers: Servers) -> None:
    """Elsewhere identities are integers; old schemas have numeric(18,0)."""
    source, target = ends[0], spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id numeric(18,0) IDENTITY PRIMARY KEY, code varchar(9))")
    source.ask("CREATE UNIQUE INDEX coded ON t (code) WHERE [code] IS NOT NULL")
    source.ask("INSERT INTO t (code) VALUES ('a'), (NULL), (NULL)")
    outcome = moved(source, target)
    assert target.ask("INSERT INTO t (code) VALUES ('b') RETURNING id, pg_typeof(id)::text") == [(4, "bigint")]
    assert outcome.report
    assert outcome.report.tables[0].asked.startswith("the source's own server computed the checksum")
    assert "NULLS NOT DISTINCT" not in "".join(one.message for one in outcome.plan.findings)


def test_what_no_rule_reads_is_refused(ends: tuple[Spot, Spot], monkeypatch: pytest.MonkeyPatch) -> None:
    from ropeway.transfer.engines.sqlserver import catalogue

    source, target = ends
    source.ask("CREATE TABLE t (id int PRIMARY KEY, secret nvarchar(20))")
    right = catalogue._column
    monkeypatch.setattr(catalogue, "_column", lambda row: right((*row[:16], 1 if row[1] == "secret" else None)))
    assert "encrypted nvarchar(20)" in refusal(source, target)


def test_a_choice_that_is_not_carried_out_is_said(ends: tuple[Spot, Spot], tmp_path: Path, servers: Servers) -> None:
    source, _ = ends
    source.ask("CREATE TABLE t (id int PRIMARY KEY, v nvarchar(9))")
    target = spot("postgresql", tmp_path, servers)
    plan = planned(source, target, policies=(("nul", "remove"),))
    (found,) = [one.message for one in plan.findings if one.name == "not-profiled"]
    assert found.startswith("policy nul=remove is not carried out for SQL Server")
    source.ask("INSERT INTO t VALUES (1, N'a' + NCHAR(0) + N'b')")
    with pytest.raises(RopewayError, match=r"t\b.*v\b"):
        wire.run(*requested(source, target), limits=Limits(workers=1))


# URLs


def words(url: str) -> dict[str, str]:
    return keywords(resolve(parse(url)[0], parse(url)[1]))


def test_options_reach_the_driver() -> None:
    assert words("mssql://app:x@h/d") == {
        "Driver": "", "Server": "tcp:h,1433", "Database": "d", "UID": "app", "PWD": "x", "Encrypt": "yes"
    }  # fmt: skip
    strict = words("sqlserver://app:x@h:1/d?encrypt=strict&HostNameInCertificate=db.example&trustservercertificate=no")
    assert (strict["Encrypt"], strict["HostnameInCertificate"], strict["Server"]) == ("strict", "db.example", "tcp:h,1")
    assert words("mssql://h/d?instance=old")["Server"] == "h\\old"
    integrated = words("mssql://h/d?Trusted_Connection=yes&ServerSPN=MSSQLSvc/h")
    assert (integrated["Trusted_Connection"], "UID" in integrated) == ("yes", False)
    assert words("mssql://me@h/d?authentication=ActiveDirectoryInteractive")["UID"] == "me"
    plain = words("mssql://app:x@h/d?driver=FreeTDS")
    assert (plain["Encryption"], plain["Port"], plain["Server"]) == ("require", "1433", "h")
    assert words("mssql://app:x@h/d?driver=FreeTDS&encrypt=no")["Encryption"] == "off"
    with pytest.raises(RequestError, match="FreeTDS does not know HostnameInCertificate"):
        words("mssql://h/d?driver=FreeTDS&HostnameInCertificate=x")


@pytest.mark.parametrize("secret", ["a;Encrypt=no", "a}b", "{a", "a b", "ü€=", "'\""])
def test_a_secret_ends_no_word(secret: str, sqlserver: Databases) -> None:
    """By both drivers, against a server that knows it."""
    place, _ = parse(sqlserver.url("master"))
    address = resolve(place, secret)
    text = connection_string(address, driver=False)
    from mssql_python.connection_string_parser import _ConnectionStringParser

    assert _ConnectionStringParser(validate_keywords=True)._parse(text)["pwd"] == secret
    with pytest.raises(RopewayError, match="18456") as caught:
        engine_of("sqlserver").connect(address)
    assert secret not in str(caught.value)


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Apart]:
    """A server with a certificate of its own making."""
    from certificates import self_signed

    server = Apart("servers.sqlserver.store:fresh", self_signed(tmp_path))
    yield server
    server.close()


def test_a_connection_is_encrypted_unless_it_is_said(sealed: Apart, odbc: None) -> None:
    del odbc
    url = f"mssql://{ADMINISTRATOR}:secret@127.0.0.1:{sealed.port}/test"

    def address(options: str) -> Address:
        place, secret = parse(url + options)
        return resolve(place, secret)

    engine = engine_of("sqlserver")
    with pytest.raises(RopewayError, match=r"(?i)certificate") as caught:
        engine.connect(address(""))
    assert "TrustServerCertificate=yes" in str(caught.value)
    for options in ("?TrustServerCertificate=yes", "?driver=FreeTDS"):
        with closing(engine.open(address(options), [], "none", 1)) as opened:
            rows: list[Any] = opened.readers()[0].ask("SELECT 1 AS one")
            assert rows == [(1,)]
