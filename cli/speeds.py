"""How fast moves of one table were, as benchmarks/results has them; what an estimate falls back to.

Rows of TPC-H's lineitem (16 columns, 6,001,215 rows), 2 workers, consistency `run`, the slowest repetition, on the
machine of those files: AMD EPYC, 2 cores, the servers on the same machine.
"""

from __future__ import annotations

SOURCE = "benchmarks/results of 2026-11-23 (2 cores of an AMD EPYC)"
COLUMNS = 16

# (source, target): rows in a second without verification, and with `standard`.
PAIRS = {
    ("mariadb", "postgresql"): (336_500, 167_800),
    ("postgresql", "postgresql"): (295_800, 139_100),
    ("sqlite", "duckdb"): (264_700, 177_500),
    ("duckdb", "parquet"): (1_549_900, 295_400),
}


def rows_per_second(source: str, target: str, *, proven: bool) -> tuple[float, bool]:
    """The pair's own figure, else the slowest of all; and whether it is the pair's own."""
    place = 1 if proven else 0
    own = PAIRS.get((source, target))
    return (own[place], True) if own else (min(pair[place] for pair in PAIRS.values()), False)
