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
from ..transfer.schema.sql import double_quoted, text_literal
from ..transfer.shaping import Field, found
from ..transfer.stage import KEPT, MERGED, PAIRS, ROW, Stage, column_of, keep
from .similar import Similar, similar

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KEEPS = ("first", "last", "earliest", "latest", "most_complete", "merge")
# SQL that brings values that mean the same into one form; of one that says nothing comes NULL, which is nobody's twin.
_BARE = r"regexp_replace({}, '^\s+|\s+$', '', 'g')"
_CALLED = r"regexp_replace({}, '^\s*(\+|00)', '+')"
NORMALS = {
    "case": "lower({})",
    "spaces": r"trim(regexp_replace({}, '\s+', ' ', 'g'))",
    "accents": "strip_accents({})",
    "email": rf"nullif(regexp_replace(lower({_BARE}), '\+[^@]*@', '@'), '')",
    "phone": rf"nullif(nullif(CASE WHEN {_CALLED} LIKE '+%' THEN '+' ELSE '' END || "
    rf"regexp_replace({_CALLED}, '[^0-9]', '', 'g'), ''), '+')",
}
_MOST = 38  # digits of DuckDB's decimals


@dataclass(frozen=True)
class Decision:
    """How many rows are removed, and into how many; of them those by approved pairs, and which of these are none."""

    removed: int
    into: int
    approved: int = 0
    left: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Dedup:
    """What a job asks for, in SQL: `keys` are compared, `by` orders, `primary` is the table's own key.

    Columns are called as in the stage; `names` are their own, `named` those of what is compared. `similar` rows are
    proposed, and merged where that is approved.
    """

    keys: tuple[str, ...]
    keep: str
    by: str
    primary: tuple[str, ...]
    columns: tuple[str, ...]
    names: tuple[str, ...]
    named: tuple[str, ...]
    similar: Similar | None = None

    @property
    def ways(self) -> tuple[tuple[str, ...], bool]:
        """SQL by which rows of a group are ordered, and whether the greatest comes first. NULL always comes last."""
        if self.keep == "most_complete" or (self.keep == "merge" and not self.by):
            filled = " + ".join(f"({name} IS NOT NULL)::INT" for name in self.columns)
            return (f"-({filled})", *([self.by] if self.by else [])), False
        return ((self.by,) if self.by else self.primary), self.keep in ("last", "latest", "merge")

    def decide(self, stage: Stage, memory: int, threads: int) -> Decision:
        """Write what is removed and what is changed into the stage."""
        with stage.database(memory, threads) as connection:
            _pick(connection, self)
            group = _numbered("k", self.keys)
            gone = self._keep(connection, stage, group)
            left: tuple[tuple[str, str], ...] = ()
            approved = 0
            if self.similar and self.similar.approved:
                left = self.similar.unite(connection, stage)
                _regroup(connection, self)
                gone = self._keep(connection, stage, ["grp"])
                query = f"SELECT count({PAIRS}) FROM read_parquet({text_literal(str(stage.removed))})"
                ((approved,),) = connection.execute(query).fetchall()
            ((into,),) = connection.execute("SELECT count(*) FROM best").fetchall()
        return Decision(gone, int(into), int(approved), left)

    def _keep(self, connection: DuckDBPyConnection, stage: Stage, group: Sequence[str]) -> int:
        gone = keep(connection, _removed(self, group), stage.removed)
        if self.keep == "merge":
            keep(connection, _merged(self, group), stage.changed)
        return gone

    def report(self, stage: Stage, memory: int, threads: int) -> None:
        """List each removed row as it was, with the key of the row that stays, and the values that made them one."""
        same, rule = _said(self.keys), text_literal(self.keep)
        if self.similar:
            same = f"CASE WHEN {PAIRS} IS NULL THEN {same} ELSE {_said(self.similar.compared)} END"
            rule = f"concat({rule}, ', approved as pair ' || {PAIRS})"
        kept = [f"kept {self.names[self.columns.index(name)]}" for name in self.primary]
        taken = [*self.columns, *(f'r."new {number}"' for number in range(len(kept)))]
        taken += [same, rule]
        heads = _apart([*self.names, *kept, "same", "rule"])
        listed = ", ".join(f"{sql} AS {double_quoted(head)}" for sql, head in zip(taken, heads, strict=True))
        with stage.database(memory, threads) as connection:
            query = (
                f"SELECT {listed} FROM staged g JOIN read_parquet({text_literal(str(stage.removed))}) r USING ({ROW}) "
                f"ORDER BY g.{ROW}"
            )
            keep(connection, query, stage.folder / MERGED)


def _said(keys: Sequence[str]) -> str:
    """The values of some columns as one text."""
    return f"concat_ws(' / ', {', '.join(f'CAST({key} AS VARCHAR)' for key in keys)})"


def _apart(names: Sequence[str]) -> list[str]:
    """The names, with a number behind those that DuckDB would take for others of them."""
    made: list[str] = []
    for name in names:
        tries = (name, *(f"{name} ({number})" for number in range(2, len(names) + 2)))
        made.append(next(one for one in tries if one.casefold() not in {other.casefold() for other in made}))
    return made


def dedup(
    fields: tuple[Field, ...],
    spec: str,
    primary: Sequence[str] = (),
    approved: str = "",
    wait: str = "",
    map: str = "",
) -> Dedup:
    """`{key: [...], normalise: {column: [...]}, keep: ..., by: ..., similar: {...}}`. RequestError for what cannot be
    decided so. A `map` of keys is made of what is decided, elsewhere.
    """
    del map
    given = json.loads(spec)
    there = {field.name: column_of(place) for place, field in enumerate(fields)}
    normals = {found(fields, name).name: _listed(ways) for name, ways in given.get("normalise", {}).items()}
    keys = [found(fields, name) for name in _listed(given["key"])]
    if not keys:
        raise RequestError("it names no key.", remedy="Name the columns that make rows one: key: [email]")
    for name in normals:
        if name not in {field.name for field in keys}:
            raise RequestError(f"{name} is normalised, and no part of the key.", column=name)
    wide = next((field.name for field in fields if field.type.precision > _MOST), "")
    if wide:
        raise RequestError(f"decimals of more than {_MOST} digits are not compared.", column=wide, remedy="Cast it.")
    rule, by = given.get("keep", "first"), given.get("by", "")
    _check_rule(rule, by, primary)
    alike = similar(fields, given["similar"], primary, approved, wait=bool(wait)) if given.get("similar") else None
    return Dedup(
        tuple(_normal(field, there[field.name], normals.get(field.name, [])) for field in keys), rule,
        there[found(fields, by).name] if by else "", tuple(there[name] for name in primary if name in there),
        tuple(there.values()), tuple(there), (*(field.name for field in keys), *(alike.named if alike else ())), alike,
    )  # fmt: skip


def _check_rule(rule: str, by: str, primary: Sequence[str]) -> None:
    if rule not in KEEPS:
        raise RequestError(f"nothing is kept by {rule!r}.", remedy=f"Choose one of {', '.join(KEEPS)}.")
    if rule in ("earliest", "latest") and not by:
        raise RequestError(f"keep: {rule} needs a column.", remedy="Name it: by: updated_at")
    if rule in ("first", "last") and not by and not primary:
        raise RequestError(f"keep: {rule} has no order: the table has no key.", remedy="Name a column: by: created_at")


def _listed(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _normal(field: Field, name: str, ways: Sequence[str]) -> str:
    if ways and field.type.kind != "text":
        raise RequestError(f"{field.name} is {field.type}, and forms are for texts.", column=field.name)
    made = name
    for way in ways:
        if way not in NORMALS:
            raise RequestError(f"there is no form {way!r}.", column=field.name, remedy=f"Forms: {', '.join(NORMALS)}.")
        made = NORMALS[way].format(*[made] * NORMALS[way].count("{}"))
    return made


def _pick(connection: DuckDBPyConnection, wanted: Dedup) -> None:
    """Of the rows that share their key with another, the one that stays. A key with a NULL is nobody's twin.

    Few columns are looked at: those of the key, of the order, of the table's own key, and the hash of the whole row, by
    which ties go.
    """
    ways, _ = wanted.ways
    named = [f"{sql} AS {letter}{n}" for letter, sqls in (("k", wanted.keys), ("o", ways), ("p", wanted.primary))
             for n, sql in enumerate(sqls)]  # fmt: skip
    hashed = f"hash({', '.join(wanted.keys)})"
    whole = " AND ".join(f"({key}) IS NOT NULL" for key in wanted.keys)
    connection.execute(f"CREATE TEMP TABLE shared AS SELECT {hashed} AS h FROM staged GROUP BY h HAVING count(*) > 1")
    connection.execute(
        f"CREATE TEMP TABLE twins AS SELECT {ROW}, {', '.join(named)}, hash({', '.join(wanted.columns)}) AS digest "
        f"FROM staged WHERE {hashed} IN (SELECT h FROM shared) AND {whole}"
    )
    group = ", ".join(_numbered("k", wanted.keys))
    connection.execute(
        f"CREATE TEMP TABLE best AS SELECT {group}, {_first(wanted)} AS {KEPT} FROM twins GROUP BY ALL "
        "HAVING count(*) > 1"
    )


def _regroup(connection: DuckDBPyConnection, wanted: Dedup) -> None:
    """Make one of the groups and the single rows that approved pairs make one; `twins` and `best` are then of `grp`."""
    ways, _ = wanted.ways
    group = ", ".join(_numbered("k", wanted.keys))
    parts = [("k", wanted.keys), ("o", ways), ("p", wanted.primary)]
    names = ", ".join([f"t.{name}" for letter, sqls in parts for name in _numbered(letter, sqls)])
    given = ", ".join(sql for _, sqls in parts for sql in sqls)
    connection.execute(
        f"CREATE TEMP TABLE joined AS SELECT t.{ROW}, {names}, digest, coalesce(grp, {KEPT}) AS grp, {PAIRS} "
        f"FROM twins t JOIN best USING ({group}) LEFT JOIN united ON anchor = {KEPT} UNION ALL "
        f"SELECT {ROW}, {given}, hash({', '.join(wanted.columns)}), grp, {PAIRS} "
        f"FROM staged JOIN united ON anchor = {ROW} WHERE anchor NOT IN (SELECT {KEPT} FROM best)"
    )
    connection.execute("DROP TABLE twins; DROP TABLE best; ALTER TABLE joined RENAME TO twins")
    connection.execute(f"CREATE TEMP TABLE best AS SELECT grp, {_first(wanted)} AS {KEPT} FROM twins GROUP BY grp")


def _first(wanted: Dedup) -> str:
    """The aggregate that gives the number of a group's first row; by one binary key, which takes two thirds of the time
    that a row of the same values took.
    """
    ways, down = wanted.ways
    way = f"'ASC NULLS {'FIRST' if down else 'LAST'}'"
    ordered = ", ".join(f"{name}, {way}" for name in (*_numbered("o", ways), "digest", ROW))
    return f"arg_{'max' if down else 'min'}({ROW}, create_sort_key({ordered}))"


def _numbered(letter: str, parts: Sequence[str]) -> list[str]:
    return [f"{letter}{number}" for number in range(len(parts))]


def _removed(wanted: Dedup, group: Sequence[str]) -> str:
    """The rows that go, each with the one that stays, the keys of both, and the approved pairs that made them one."""
    both = range(len(wanted.primary))
    pairs = "".join(f', t.p{number} AS "old {number}", s.p{number} AS "new {number}"' for number in both)
    same = " AND ".join(f"t.{key} = s.{key}" for key in _numbered("k", wanted.keys))
    approved = f"CASE WHEN {same} THEN NULL ELSE t.{PAIRS} END" if "grp" in group else "NULL::VARCHAR"
    return (
        f"SELECT t.{ROW}, {KEPT}, {approved} AS {PAIRS}{pairs} FROM twins t JOIN best USING ({', '.join(group)}) "
        f"JOIN twins s ON s.{ROW} = {KEPT} WHERE t.{ROW} <> {KEPT} ORDER BY t.{ROW}"
    )


def _merged(wanted: Dedup, group: Sequence[str]) -> str:
    """The rows that stay, each column the first value that is not NULL in the order of their group; keys their own."""
    ways, down = wanted.ways
    way = "DESC" if down else "ASC"
    order = ", ".join(f"{name} {way} NULLS LAST" for name in (*_numbered("o", ways), "digest", f"t.{ROW}"))
    taken = [
        f"first(s.{name} ORDER BY place)" + ("" if name in wanted.primary else f" FILTER (s.{name} IS NOT NULL)")
        for name in wanted.columns
    ]
    listed = ", ".join(f"{sql} AS {name}" for name, sql in zip(wanted.columns, taken, strict=True))
    return (
        f"WITH ranked AS (SELECT t.{ROW}, {KEPT}, row_number() OVER (PARTITION BY {KEPT} ORDER BY {order}) AS place "
        f"FROM twins t JOIN best USING ({', '.join(group)})) "
        f"SELECT {listed}, {KEPT} AS {ROW} FROM ranked r JOIN staged s ON s.{ROW} = r.{ROW} GROUP BY {KEPT} "
        f"ORDER BY {KEPT}"
    )
