"""Which queries may make a table of others: those that give the same again, and see what they were given alone."""

from __future__ import annotations

import pytest

from ropeway.cli.job import job
from ropeway.transfer.errors import RequestError
from ropeway.transfer.request import job_of
from ropeway.transforms.reshape import check


@pytest.mark.parametrize(
    "query",
    [
        "SELECT o.id, c.name FROM o JOIN c ON c.id = o.cid",
        "WITH x AS (SELECT cid, sum(v) AS s FROM o GROUP BY 1) SELECT * FROM x",
        "SELECT id, unnest(string_split(tags, ',')) AS tag FROM o",
        "SELECT id, t.tag FROM o, unnest(string_split(tags, ',')) AS t(tag)",
        "SELECT j.key, j.value FROM o, json_each(doc) j",
        "SELECT * FROM o ORDER BY id LIMIT 3",
        "SELECT string_agg(v, ',' ORDER BY id) FROM o GROUP BY cid",
        "SELECT *, row_number() OVER (PARTITION BY cid ORDER BY id) FROM o",
        "SELECT id FROM o UNION ALL SELECT id FROM c",
        "SELECT (SELECT max(id) FROM c) FROM O",
        "SELECT today, error FROM o",
        "SELECT sum(v) OVER (PARTITION BY cid), sum(v) OVER (ORDER BY id ROWS 1 PRECEDING) FROM o NATURAL JOIN c",
        "SELECT * FROM o, LATERAL (SELECT max(id) AS m FROM c WHERE c.id < o.id) AS l",
        "SELECT * FROM o LEFT JOIN c USING (id) ANTI JOIN c AS d ON d.id = o.id WHERE EXISTS (SELECT 1 FROM c)",
        "SELECT * FROM (VALUES (1, 'a')) AS v(id, n) JOIN o USING (id)",
        "FROM o;",
    ],
)
def test_what_is_taken(query: str) -> None:
    check(query, ["o", "c"])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM read_csv('x')", "read_csv()"), ("SELECT * FROM 'a.csv'", "'a.csv' is none of the tables"),
        ("SELECT * FROM main.o", "'main.o'"), ("SELECT * FROM ropeway.ropeway_run", "'ropeway.ropeway_run'"),
        ("SELECT random() FROM o", "random()"), ("SELECT now() FROM o", "now()"),
        ("SELECT current_date FROM o", "current_date"), ("SELECT first(v) FROM o", "first()"),
        ("SELECT list(v) FROM o", "list()"), ("SELECT * FROM o LIMIT 1", "LIMIT"),
        ("SELECT DISTINCT ON (cid) * FROM o", "DISTINCT ON"), ("SELECT row_number() OVER () FROM o", "row_number()"),
        ("SELECT rank() OVER () FROM o", "rank()"), ("SELECT * FROM o TABLESAMPLE 10", "sample"),
        ("DROP TABLE o", "SELECT"), ("COPY o TO 'x'", "SELECT"), ("SELECT 1; SELECT 2", "one SELECT"),
        ("SELECT * FROM (SHOW TABLES)", "SHOW"),
        ("SELECT id FROM o UNION ALL SELECT id FROM c LIMIT 5", "LIMIT"),
        ("SELECT * FROM o POSITIONAL JOIN c", "POSITIONAL"), ("SELECT * FROM o ASOF JOIN c ON o.id >= c.id", "ASOF"),
        ("SELECT sum(v) OVER (ROWS UNBOUNDED PRECEDING) FROM o", "some of the rows"),
        ("SELECT json_group_array(v) FROM o", "json_group_array()"), ("SELECT mode(v) FROM o", "mode()"),
        ("SELECT o.rowid FROM o", "rowid"), ("SELECT * FROM (PIVOT o ON v USING sum(id))", "SELECT"),
        ("SELECT * FROM (WITH \"/tmp/x.csv\" AS (SELECT 1) SELECT 1) q, '/tmp/x.csv'", "a file's"),
        ("DESCRIBE o", "SHOW"), ("SELECT * FROM (DESCRIBE o)", "SHOW"),
        ("SELECT * FROM duckdb_tables()", "duckdb_tables()"),
        ("SELECT nextval('s') FROM o", "nextval()"), ("SELECT * FROM query('select 1')", "query()"),
        ("SELECT $1 FROM o", "parameter"), ("FROM read_text('/etc/passwd')", "read_text()"),
        ("WITH x AS (SELECT * FROM glob('*')) SELECT * FROM x", "glob()"),
    ],
)  # fmt: skip
def test_what_is_refused(query: str, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        check(query, ["o", "c"])
    assert said in str(caught.value)


ENTRY = {"to": "r", "from": {"o": "orders"}, "reshape": "SELECT id FROM o"}


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([ENTRY, {"from": "customer"}], "another instant"),
        ([{**ENTRY, "to": ""}], "needs a name in the target"),
        ([{**ENTRY, "from": "orders"}], "with the names that it calls them by"),
        ([{**ENTRY, "from": {"o": "ord*"}}], "may mean several"),
        ([{**ENTRY, "where": "id > 1"}], "'where' is not for an entry that reshapes"),
        ([{**ENTRY, "one_per": "x"}], "one_per names 'x'"),
        ([ENTRY, {**ENTRY, "to": "s", "from": {"O": "other"}, "reshape": "SELECT 1 FROM O"}], "a name of its own"),
        ([{"to": "r", "from": {"o": "orders"}}], "is for an entry with 'reshape'"),
        ([{"from": "orders", "one_per": "o"}], "'one_per' is for an entry with 'reshape'"),
    ],
)
def test_an_entry_that_cannot_be_meant(tables: list[dict[str, object]], said: str) -> None:
    with pytest.raises(RequestError) as caught:
        job(source="sqlite:///a.db", target="duckdb:///b.db", tables=tables)
    assert said in str(caught.value)


def test_another_query_is_another_job() -> None:
    """And has a stage of its own; how it is verified does not make it another."""

    def made(**more: object) -> tuple[str, str]:
        keys = {"tables": [{**ENTRY, **more}], "verify": more.pop("level", "standard")}
        request = job(source="sqlite:///a.db", target="duckdb:///b.db", **keys).request
        return job_of(request), request.source.database

    one = made()
    assert made() == one
    assert not {*one} & {*made(reshape="SELECT id + 1 AS id FROM o")}
