"""The tables of the benchmarks: columns in words that each source understands, and the key."""

from __future__ import annotations

from dataclasses import dataclass

# word here: word there, where an engine calls it something else
_WORDS = {
    "postgresql": {"double": "double precision"},
    "mariadb": {"timestamp": "datetime(6)", "text": "longtext"},
    "duckdb": {},
    "sqlite": {"text": "text"},
}


@dataclass(frozen=True)
class Shape:
    """A table; its first key column is an integer that grows from row to row."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    rows_at_1: int

    def create(self, engine: str) -> str:
        """CREATE TABLE in an engine's words; DuckDB's has no key, which would only cost memory there."""
        words = _WORDS[engine]
        parts = [
            f"{name} {words.get(word, word)}{' NOT NULL' if name in self.key else ''}" for name, word in self.columns
        ]
        if engine != "duckdb":
            parts.append(f"PRIMARY KEY ({', '.join(self.key)})")
        return f"CREATE TABLE {self.name} ({', '.join(parts)})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _word in self.columns)


LINEITEM = Shape(
    "lineitem",
    (
        ("l_orderkey", "bigint"), ("l_partkey", "bigint"), ("l_suppkey", "bigint"), ("l_linenumber", "integer"),
        ("l_quantity", "decimal(15,2)"), ("l_extendedprice", "decimal(15,2)"), ("l_discount", "decimal(15,2)"),
        ("l_tax", "decimal(15,2)"), ("l_returnflag", "char(1)"), ("l_linestatus", "char(1)"), ("l_shipdate", "date"),
        ("l_commitdate", "date"), ("l_receiptdate", "date"), ("l_shipinstruct", "char(25)"), ("l_shipmode", "char(10)"),
        ("l_comment", "varchar(44)"),
    ),
    ("l_orderkey", "l_linenumber"),
    6_001_215,
)  # fmt: skip

WIDE = Shape(
    "wide",
    (
        ("id", "bigint"),
        *((f"whole_{n}", word) for n, word in enumerate(("integer", "bigint", "smallint", "integer", "bigint"), 1)),
        *((f"amount_{n}", word) for n, word in enumerate(
            ("decimal(10,2)", "decimal(18,4)", "decimal(38,10)", "decimal(15,2)", "decimal(5,0)"), 1)),
        *((f"real_{n}", "double") for n in range(1, 6)),
        *((f"flag_{n}", "boolean") for n in range(1, 5)),
        *((f"day_{n}", "date") for n in range(1, 5)),
        *((f"moment_{n}", "timestamp") for n in range(1, 6)),
        *((f"code_{n}", "varchar(12)") for n in range(1, 4)),
        *((f"name_{n}", "varchar(80)") for n in range(1, 5)),
        *((f"note_{n}", "text") for n in range(1, 4)),
        ("long_text", "text"),
    ),
    ("id",),
    300_000,
)  # fmt: skip

SHAPES = {shape.name: shape for shape in (LINEITEM, WIDE)}
