"""Defaults and checks from dialect to dialect: what is known to mean the same, and what is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ropeway.transfer.engines import engine_of
from ropeway.transfer.schema.expressions import Untranslatable, check, compared, default, generated
from ropeway.transfer.types import Type

INT, TEXT, BOOL, DAY = Type("int32"), Type("text"), Type("bool"), Type("date")
FLOAT, NOW, INSTANT, UUID = Type("float64"), Type("timestamp", digits=3), Type("instant"), Type("uuid")
BITS = Type("text", length=5, native="bit(5)")

# (default, its engine, the column's Type): what it becomes where, or the reason why not
DEFAULTS = [
    ("5", "postgresql", INT, {"mariadb": "5", "sqlite": "5", "duckdb": "5"}),
    ("'-1.50'::numeric", "postgresql", Type("decimal", precision=5, scale=2), {"mysql": "-1.50", "duckdb": "-1.50"}),
    ("(-1)", "sqlite", INT, {"postgresql": "-1"}),
    ("'new'::character varying", "postgresql", TEXT, {"mariadb": "'new'", "sqlite": "'new'", "duckdb": "'new'"}),
    ("'it''s \\ back'::text", "postgresql", TEXT, {"mariadb": "'it''s \\\\ back'", "sqlite": "'it''s \\ back'"}),
    ("'a'::mood", "postgresql", TEXT, {"duckdb": "'a'"}),
    ("true", "postgresql", BOOL, {"mariadb": "1", "sqlite": "1", "duckdb": "TRUE"}),
    ("1", "sqlite", BOOL, {"postgresql": "TRUE"}),
    ("b'0'", "mysql", BOOL, {"postgresql": "FALSE"}),
    ("b'101'", "mysql", BITS, {"sqlite": "'00101'", "duckdb": "'00101'"}),
    ("b'101'", "mariadb", INT, {"postgresql": "5"}),
    ("'00101'::\"bit\"", "postgresql", BITS, {"sqlite": "'00101'"}),
    ("(37)::bit(5)", "postgresql", BITS, {"duckdb": "'00101'"}),
    ("(-1)::bit(5)", "postgresql", BITS, {"duckdb": "is no plain row of bits"}),
    ("NULL::text", "postgresql", TEXT, {"mysql": "", "duckdb": ""}),
    ("7", "sqlite", TEXT, {"postgresql": "'7'"}),
    ("'2024-02-29'", "mariadb", DAY, {"postgresql": "'2024-02-29'", "sqlite": "'2024-02-29'"}),
    ("DATE '2024-02-29'", "oracle", DAY, {"postgresql": "'2024-02-29'", "oracle": "DATE '2024-02-29'"}),
    ("TIMESTAMP '2024-02-29 10:00:00'", "oracle", NOW, {"sqlite": "'2024-02-29 10:00:00'"}),
    ("TO_DATE('29.02.2024', 'DD.MM.YYYY')", "oracle", DAY, {"postgresql": "not known to mean the same"}),
    ("'2024-02-29'", "mariadb", DAY, {"oracle": "DATE '2024-02-29'"}),
    ("'2024-02-29 10:00'", "sqlite", NOW, {"oracle": "TIMESTAMP '2024-02-29 10:00:00'"}),
    ("'2024-02-29'", "sqlite", NOW, {"oracle": "TIMESTAMP '2024-02-29 00:00:00'", "duckdb": "'2024-02-29'"}),
    ("'0000-00-00'", "mysql", DAY, {"postgresql": "is no plain date"}),
    ("current_timestamp()", "mariadb", NOW, {"postgresql": "LOCALTIMESTAMP", "mysql": "CURRENT_TIMESTAMP(3)"}),
    ("now()", "postgresql", INSTANT, {"duckdb": "current_timestamp", "mariadb": "(UTC_TIMESTAMP(6))"}),
    ("now()", "postgresql", INSTANT, {"mysql": "has no counterpart"}),
    ("CURRENT_DATE", "postgresql", DAY, {"sqlite": "CURRENT_DATE", "mariadb": "(CURRENT_DATE)"}),
    ("gen_random_uuid()", "postgresql", UUID, {"mariadb": "(UUID())", "duckdb": "uuid()", "sqlite": "no counterpart"}),
    ("my_default()", "postgresql", TEXT, {"duckdb": "my_default() is not known"}),
    ("lower('A')", "postgresql", TEXT, {"duckdb": "not known to mean the same"}),
    ("'NaN'::double precision", "postgresql", FLOAT, {"postgresql": "'NaN'", "duckdb": "'NaN'", "mariadb": "no plain"}),
    ("'-Infinity'::real", "postgresql", FLOAT, {"postgresql": "'-Infinity'", "duckdb": "'-Infinity'"}),
    ("'NaN'::numeric", "postgresql", Type("decimal", precision=9, scale=2), {"duckdb": "no plain decimal"}),
    ("'NaN'", "sqlite", FLOAT, {"postgresql": "no plain float64"}),
    ("'x'", "sqlite", INT, {"postgresql": "no plain int32"}),
    ("'x'", "postgresql", TEXT, {"parquet": "nothing there has defaults"}),
    ("((", "postgresql", TEXT, {"duckdb": "cannot be read"}),
    ("''", "oracle", TEXT, {"postgresql": "", "oracle": "''"}),
    ("''", "postgresql", TEXT, {"oracle": "a text of no length is NULL there", "duckdb": "''"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "engine", "meaning", "there"), DEFAULTS, ids=lambda one: str(one)[:24])
def test_defaults(text: str, engine: str, meaning: Type, there: dict[str, str]) -> None:
    for target, expected in there.items():
        made = said(default, text, engine_of(engine).words(None), engine_of(target).words(None), meaning, "varchar(9)")
        assert made == expected or (made.startswith("no: ") and expected in made), target


def said(translate: Callable[..., str], *arguments: Any) -> str:
    """The translation, or `no: ` and the reason."""
    try:
        return translate(*arguments)
    except Untranslatable as reason:
        return f"no: {reason}"


def test_long_types_of_old_mysql_take_no_default() -> None:
    one, other = engine_of("postgresql").words(None), engine_of("mysql").words(None)
    with pytest.raises(Untranslatable, match="longtext takes none"):
        default("'x'::text", one, other, TEXT, "longtext")


COLUMNS = {
    "status": ("status", TEXT), "amount": ("Amount", Type("decimal", precision=9, scale=2)), "qty": ("qty", INT),
    "active": ("active", BOOL), "day": ("day", DAY),
}  # fmt: skip
CHECKS = [
    ("(amount > (0)::numeric)", "postgresql", {"mariadb": "(`Amount` > 0)", "sqlite": '("Amount" > 0)'}),
    (
        "((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
        "postgresql",
        {"mysql": "(`status` IN ('a', 'b'))", "duckdb": "(\"status\" IN ('a', 'b'))"},
    ),
    ("status <> ALL (ARRAY['a'::text])", "postgresql", {"sqlite": "NOT \"status\" IN ('a')"}),
    ("`qty` between 1 and 10 or `qty` is null", "mariadb", {"postgresql": '"qty" BETWEEN 1 AND 10 OR "qty" IS NULL'}),
    ("Active IN (0, 1)", "sqlite", {"postgresql": '"active" IN (FALSE, TRUE)'}),
    ("length(status) > 2", "postgresql", {"mysql": "CHAR_LENGTH(`status`) > 2"}),
    ("day >= '2000-01-01'::date", "postgresql", {"duckdb": "\"day\" >= '2000-01-01'"}),
    ("status LIKE 'a%'", "postgresql", {"duckdb": "\"status\" LIKE 'a%'", "sqlite": "not known"}),
    ("qty / 2 > 1", "postgresql", {"mysql": "not known", "postgresql": '"qty" / 2 > 1'}),
    ("length(status) > 2", "mysql", {"postgresql": "not known"}),
    ("status ~ '^a'", "postgresql", {"duckdb": "not known", "postgresql": "\"status\" ~ '^a'"}),
    ("mine(status)", "postgresql", {"postgresql": "not known"}),
    ("other > 1", "postgresql", {"duckdb": "not moved"}),
    ("qty > (SELECT 1)", "postgresql", {"postgresql": "not known"}),
    # There a text is read as a date by the session's own settings.
    ("day >= '2000-01-01'::date", "postgresql", {"oracle": "\"day\" >= DATE '2000-01-01'"}),
    (
        "day BETWEEN '2000-01-01' AND '2001-01-01'",
        "sqlite",
        {
            "oracle": "\"day\" BETWEEN DATE '2000-01-01' AND DATE '2001-01-01'",
            "postgresql": "\"day\" BETWEEN '2000-01-01' AND '2001-01-01'",
        },
    ),
    ("day > DATE '2000-01-01'", "oracle", {"postgresql": "\"day\" > '2000-01-01'"}),
    ("day <> 'today'", "postgresql", {"oracle": "is no plain date"}),
    # In Oracle '' is NULL, and NULL joined to a text is that text.
    ("status || 'x' = 'ax'", "oracle", {"postgresql": "COALESCE(\"status\", '') || 'x' = 'ax'"}),
    (
        "STATUS || status IS NOT NULL",
        "oracle",
        {
            "sqlite": "NOT NULLIF(COALESCE(\"status\", '') || COALESCE(\"status\", ''), '') IS NULL",
            "oracle": 'NOT "status" || "status" IS NULL',
        },
    ),
    ("status <> ''", "oracle", {"duckdb": '"status" <> NULL'}),
    ("status || 'x' = 'ax'", "postgresql", {"oracle": "not known", "duckdb": "\"status\" || 'x' = 'ax'"}),
    ("status <> ''", "postgresql", {"oracle": "not known"}),
]


@pytest.mark.parametrize(("text", "engine", "there"), CHECKS, ids=lambda one: str(one)[:24])
def test_checks(text: str, engine: str, there: dict[str, str]) -> None:
    for target, expected in there.items():
        made = said(check, text, engine_of(engine).words(None), engine_of(target).words(None), COLUMNS)
        assert made == expected or (made.startswith("no: ") and expected in made), target


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("[a] > 0 AND NOT [b] IS NULL", "[a] > 0 AND [b] IS NOT NULL"),
        ("([a] IS NULL) AND ([b] IN (1, 2) AND [c] <> 'x')", "[a] IS NULL AND [b] IN (1, 2) AND [c] <> 'x'"),
        ("[a] > 0 OR [b] > 0", "no: conditions of indexes there compare"),
        ("NOT [a] > 0", "no: conditions of indexes there compare"),
        ("[a] > [b]", "no: conditions of indexes there compare"),
        ("[a] + 1 > 2", "no: conditions of indexes there compare"),
    ],
)
def test_conditions_of_filtered_indexes(text: str, made: str) -> None:
    assert said(compared, text, engine_of("sqlserver").words(None)).startswith(made)


def test_a_function_that_an_older_server_lacks() -> None:
    words = replace(engine_of("postgresql").words(None), routines=frozenset())
    new, old = (replace(words, functions=frozenset(known)) for known in (("uuidv7", "abs"), ("abs",)))
    assert default("uuidv7()", new, new, UUID, "uuid", "uuid") == "(uuidv7())"
    with pytest.raises(Untranslatable, match=r"the server there knows no uuidv7\(\)"):
        default("uuidv7()", new, old, UUID, "uuid", "uuid")
    for translated in (check, generated):
        assert translated("abs(n) > 1", new, old, {"n": ("n", INT)}) == 'ABS("n") > 1'
        with pytest.raises(Untranslatable, match="knows no uuidv7"):
            translated("uuidv7() = u", new, old, {"u": ("u", UUID)})
