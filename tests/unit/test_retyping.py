"""What may be made of a column's type by hand, and what it then does to the values."""

from __future__ import annotations

import pytest

from ropeway.transfer.canonical import canon_of
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.plan import ColumnPlan
from ropeway.transfer.rules import read_rule, split
from ropeway.transfer.schema.retyping import retyped
from ropeway.transfer.types import Fidelity

EXACT, WIDENED, CONSTRAINED = Fidelity.EXACT, Fidelity.WIDENED, Fidelity.CONSTRAINED
NORMALISED, TEXT = Fidelity.NORMALISED, Fidelity.TEXT


def column(declared: str, native: str, fidelity: Fidelity, source: str = "postgresql") -> ColumnPlan:
    """A column of the source as a plan brings it into `native`."""
    rule = read_rule(engine_of(source).reads, declared)
    assert rule
    meaning = rule.type(split(declared))
    return ColumnPlan("c", "c", '"c"', meaning, native, fidelity, "as planned", canon_of(meaning))


# The target, the source's type, what the plan makes of it and how; by hand, and what that does to the values.
TAKEN = [
    ("duckdb", "bigint", "BIGINT", EXACT, "HUGEINT", WIDENED),
    ("duckdb", "bigint", "BIGINT", EXACT, "long", EXACT),
    ("duckdb", "bigint", "BIGINT", EXACT, "SMALLINT", CONSTRAINED),
    ("duckdb", "bigint", "BIGINT", EXACT, "UBIGINT", CONSTRAINED),
    ("postgresql", "bigint", "bigint", EXACT, "numeric(19,0)", EXACT),
    ("postgresql", "bigint", "bigint", EXACT, "numeric(25,2)", WIDENED),
    ("duckdb", "numeric(9,2)", "DECIMAL(9,2)", EXACT, "DECIMAL(12,4)", WIDENED),
    ("duckdb", "numeric(9,2)", "DECIMAL(9,2)", EXACT, "DECIMAL(9,3)", CONSTRAINED),
    ("duckdb", "real", "FLOAT", EXACT, "DOUBLE", WIDENED),
    ("postgresql", "varchar(20)", "character varying(20)", EXACT, "varchar(30)", WIDENED),
    ("postgresql", "varchar(20)", "character varying(20)", EXACT, "text", WIDENED),
    ("postgresql", "text", "text", EXACT, "varchar(30)", CONSTRAINED),
    ("mariadb", "text", "longtext", EXACT, "varchar(300)", CONSTRAINED),
    ("duckdb", "varchar(20)", "VARCHAR", WIDENED, "VARCHAR(3)", WIDENED),  # whose lengths DuckDB does not keep
    ("mariadb", "bytea", "longblob", EXACT, "varbinary(20)", CONSTRAINED),
    ("postgresql", "timestamp(3)", "timestamp(3) without time zone", EXACT, "timestamp", WIDENED),
    ("duckdb", "timestamp", "TIMESTAMP", EXACT, "TIMESTAMP_NS", CONSTRAINED),
    ("mysql", "timestamptz", "datetime(6)", NORMALISED, "timestamp(6)", CONSTRAINED),
    ("mysql", "uuid", "char(36)", TEXT, "varchar(40)", TEXT),
    ("mysql", "json", "longtext", TEXT, "varchar(900)", TEXT),
    ("sqlite", "varchar(20)", "VARCHAR(20)", EXACT, "TEXT", WIDENED),
]


@pytest.mark.parametrize(("target", "declared", "native", "planned", "by_hand", "fidelity"), TAKEN)
def test_what_holds_the_values_is_taken(
    target: str, declared: str, native: str, planned: Fidelity, by_hand: str, fidelity: Fidelity
) -> None:
    made = retyped(column(declared, native, planned), by_hand, engine_of("postgresql"), engine_of(target))
    assert (made.native, made.fidelity) == (by_hand, fidelity)
    if fidelity is CONSTRAINED:
        assert "what does not fit stops the run" in made.why
    assert ("as planned" in made.why) == (fidelity in (NORMALISED, TEXT))


REFUSED = [
    ("duckdb", "varchar(20)", "VARCHAR", "INTEGER", "which means int32 and is not text"),
    ("duckdb", "numeric(9,2)", "DECIMAL(9,2)", "DECIMAL(9,1)", "rounds to 1 decimals"),
    ("duckdb", "numeric(9,2)", "DECIMAL(9,2)", "DOUBLE", "is not decimal"),
    ("duckdb", "timestamp", "TIMESTAMP", "DATE", "is not timestamp"),
    ("duckdb", "timestamp", "TIMESTAMP", "TIMESTAMP_MS", "rounds seconds to 3 digits"),
    ("duckdb", "timestamp", "TIMESTAMP", "TIMESTAMPTZ", "is not timestamp"),
    ("duckdb", "double precision", "DOUBLE", "FLOAT", "rounds"),
    ("duckdb", "text", "VARCHAR", "BIT", "in its own way"),
    ("duckdb", "text", "VARCHAR", "UNION(a INT)", "no rule"),
    ("duckdb", "integer", "INTEGER", "VARCHAR", "is not int32"),
    ("postgresql", "json", "json", "jsonb", "spells JSON in another way"),
    ("postgresql", "text", "text", "character(9)", "trailing blanks"),
    ("postgresql", "text", "text", "inet", "in its own way"),
    ("mariadb", "text", "longtext", "enum('a','b')", "in its own way"),
    ("mariadb", "bytea", "longblob", "binary(9)", "zeros"),
    ("mysql", "json", "longtext", "json", "in its own way"),
    ("mysql", "timestamptz", "datetime(6)", "datetime(3)", "rounds seconds"),
    ("sqlite", "numeric(9,2)", "DECIMAL(9,2)", "DECIMAL(20,7)", "may store values otherwise"),
    ("sqlite", "text", "TEXT", "STRING", "may store values otherwise"),
]


@pytest.mark.parametrize(("target", "declared", "native", "by_hand", "said"), REFUSED)
def test_what_would_change_values_is_refused(target: str, declared: str, native: str, by_hand: str, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        retyped(column(declared, native, EXACT), by_hand, engine_of("postgresql"), engine_of(target))
    assert said in caught.value.message
