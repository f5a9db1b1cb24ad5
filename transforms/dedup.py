"""Which of several rows with one key stays, decided over the whole table by DuckDB on the stage.

Rows are grouped by the hash of their key first, and only those that share one are looked at: ranked within their key by
the rule, and then by a digest of the whole row, never by which came first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..transfer.errors import RequestError
from ..transfer.shaping import Field, found
from ..transfer.stage import KEPT, MERGED, ROW, Stage, keep
from .query import literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KEEPS = ("first", "last", "earliest", "latest", "most_complete", "merge")
# SQL that brings values that mean the same into one form.
NORMALS = {
    "case": "lower({})",
    "spaces": r"trim(regexp_replace({}, '\s+', ' ', 'g'))",
    "accents": "strip_accents({})",
    "email": r"regexp_replace(lower(trim({})), '\+[^@]*@', '@')",
    "phone": r"regexp_replace(regexp_replace({}, '^\s*(\+|00)', '+'), '[^0-9+]', '', 'g')",
}
_MOST = 38  # digits of DuckDB's decimals


@dataclass(frozen=True)
class Dedup:
    """What a job asks for, in the columns' own names; `by` orders, and `key` is the table's own."""

    keys: tuple[str, ...]
    keep: str
    by: str
    primary: tuple[str, ...]
    columns: tuple[str, ...]

    def decide(self, stage: Stage, memory: int, threads: int) -> tuple[int, int]:
        """Write what is removed and changed into the stage; how many rows are removed, and into how many."""
        return decide(stage, self, memory, threads)

    @property
    def order(self) -> str:
        """The first of a group stays."""
        down = self.keep in ("last", "latest", "merge")
        ways = [f"{one} {'DESC' if down else 'ASC'} NULLS LAST" for one in ([self.by] if self.by else self.primary)]
        if self.keep == "most_complete" or (self.keep == "merge" and not self.by):
            filled = " + ".join(f"({name} IS NOT NULL)::INT" for name in self.columns)
            ways = [f"({filled}) DESC", *(ways if self.by else [])]
        row = ", ".join(f"coalesce(CAST({name} AS VARCHAR), '~')" for name in self.columns)
        return ", ".join([*ways, f"md5(concat_ws('|', {row}))", ROW])


def dedup(fields: tuple[Field, ...], spec: str, primary: Sequence[str] = ()) -> Dedup:
    """`{key: [...], normalise: {column: [...]}, keep: ..., by: ...}`. RequestError for what cannot be decided so."""
    given = json.loads(spec)
    normals = {found(fields, name).name: _listed(ways) for name, ways in given.get("normalise", {}).items()}
    names = [found(fields, name).name for name in _listed(given["key"])]
    for name in normals:
        if name not in names:
            raise RequestError(f"{name} is normalised, and no part of the key.", column=name)
    wide = next((field.name for field in fields if field.type.precision > _MOST), "")
    if wide:
        raise RequestError(f"decimals of more than {_MOST} digits are not compared.", column=wide, remedy="Cast it.")
    rule, by = given.get("keep", "first"), given.get("by", "")
    if rule not in KEEPS:
        raise RequestError(f"nothing is kept by {rule!r}.", remedy=f"Choose one of {', '.join(KEEPS)}.")
    if rule in ("earliest", "latest") and not by:
        raise RequestError(f"keep: {rule} needs a column.", remedy="Name it: by: updated_at")
    if rule in ("first", "last") and not by and not primary:
        raise RequestError(f"keep: {rule} has no order: the table has no key.", remedy="Name a column: by: created_at")
    return Dedup(
        tuple(_normal(name, normals.get(name, [])) for name in names), rule,
        quoted(found(fields, by).name) if by else "", tuple(quoted(name) for name in primary),
        tuple(quoted(field.name) for field in fields),
    )  # fmt: skip


def _listed(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _normal(name: str, ways: Sequence[str]) -> str:
    made = quoted(name)
    for way in ways:
        if way not in NORMALS:
            raise RequestError(f"there is no form {way!r}.", column=name, remedy=f"Forms: {', '.join(NORMALS)}.")
        made = NORMALS[way].format(made)
    return made


def decide(stage: Stage, wanted: Dedup, memory: int, threads: int) -> tuple[int, int]:
    """Write what is removed and what is changed into the stage; how many rows are removed, and into how many."""
    with stage.database(memory, threads) as connection:
        _rank(connection, wanted)
        gone = keep(connection, f"SELECT {ROW}, {KEPT} FROM ranked WHERE place > 1 ORDER BY {ROW}", stage.removed)
        ((into,),) = connection.execute(f"SELECT count(DISTINCT {KEPT}) FROM ranked WHERE place > 1").fetchall()
        if wanted.keep == "merge":
            keep(connection, _merged(wanted), stage.changed)
        keep(connection, _report(stage, wanted), stage.folder / MERGED)
    return gone, int(into)


def _rank(connection: DuckDBPyConnection, wanted: Dedup) -> None:
    """The rows that share their key with another, ranked within it. A key with a NULL is nobody's twin."""
    keys = ", ".join(f"{key} AS k{number}" for number, key in enumerate(wanted.keys))
    names = ", ".join(f"k{number}" for number in range(len(wanted.keys)))
    whole = " AND ".join(f"k{number} IS NOT NULL" for number in range(len(wanted.keys)))
    hashed = f"hash({', '.join(wanted.keys)})"
    connection.execute(f"CREATE TEMP TABLE shared AS SELECT {hashed} AS h FROM staged GROUP BY h HAVING count(*) > 1")
    connection.execute(
        f"CREATE TEMP TABLE ranked AS SELECT *, first_value({ROW}) OVER w AS {KEPT}, row_number() OVER w AS place, "
        f"count(*) OVER (PARTITION BY {names}) AS members "
        f"FROM (SELECT *, {keys} FROM staged WHERE {hashed} IN (SELECT h FROM shared)) WHERE {whole} "
        f"WINDOW w AS (PARTITION BY {names} ORDER BY {wanted.order}) QUALIFY members > 1"
    )


def _merged(wanted: Dedup) -> str:
    """The rows that stay, each column the first value that is not NULL in the order of their group; keys their own."""
    made = [
        f"{name}" if name in wanted.primary else f"first({name} ORDER BY place) FILTER ({name} IS NOT NULL) AS {name}"
        for name in wanted.columns
    ]
    own = [name for name in wanted.columns if name in wanted.primary]
    taken = [f"first({name} ORDER BY place) AS {name}" if name in own else one
             for name, one in zip(wanted.columns, made, strict=True)]  # fmt: skip
    return f"SELECT {', '.join(taken)}, {KEPT} AS {ROW} FROM ranked GROUP BY {KEPT} ORDER BY {ROW}"


def _report(stage: Stage, wanted: Dedup) -> str:
    """Each removed row as it was, with the key of the row that stays, and the values that made them one."""
    why = ", ".join(f"CAST(g.k{number} AS VARCHAR)" for number in range(len(wanted.keys)))
    kept = ", ".join(f's.{name} AS "kept {name[1:]}' for name in wanted.primary)
    columns = ", ".join(f"g.{name}" for name in wanted.columns)
    shown = f", {kept}" if kept else ""
    return (
        f"SELECT {columns}{shown}, concat_ws(' / ', {why}) AS {quoted('same')}, {literal(wanted.keep)} AS "
        f"{quoted('rule')}, g.{ROW}, g.{KEPT} FROM ranked g JOIN ranked s ON s.{ROW} = g.{KEPT} WHERE g.place > 1 "
        f"ORDER BY g.{ROW}"
    )
