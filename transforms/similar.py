"""Rows that are much alike: pairs within a block are proposed, and are merged where a person has approved them.

Compared are texts in small letters, without accents, with single blanks; two are as alike as their Jaro-Winkler
similarity says, of the bytes of their UTF-8. A pair is as alike as the least of its columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..transfer.errors import RequestError
from ..transfer.schema.sql import text_literal
from ..transfer.shaping import Field, found
from ..transfer.stage import ROW, Stage, column_of
from .review import PAIR, Approved, Pair, heads_of, listed, parsed, read, sum_of, unique, write

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LEAST, LARGEST = 0.92, 1_000  # the similarity, and the rows of a block, if a job names none
_FORM = r"nullif(trim(regexp_replace(strip_accents(lower({})), '\s+', ' ', 'g')), '')"
_MANY = 10_000  # pairs that are fetched at a time


@dataclass(frozen=True)
class Proposed:
    """How many pairs were written down, and in which file; the blocks that are too large to be compared, with their
    rows.
    """

    pairs: int
    file: Path | None
    blocks: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Similar:
    """What a job asks for, in SQL: `compared` columns, within rows of equal `blocks`.

    `shown` are the columns that a person sees, the `keys` of the table first; `names` are theirs.
    """

    compared: tuple[str, ...]
    blocks: tuple[str, ...]
    keys: tuple[str, ...]
    shown: tuple[str, ...]
    names: tuple[str, ...]
    named: tuple[str, ...]
    least: float = LEAST
    largest: int = LARGEST
    wait: bool = False
    approved: Approved | None = None

    @property
    def heads(self) -> tuple[str, ...]:
        return heads_of(self.names)

    def propose(self, stage: Stage, review: Path, memory: int, threads: int) -> Proposed:
        """Write down the pairs of rows that stay and are alike, the most alike first, then in the order of their keys.

        Of the files in `review` those of this hop begin with its number.
        """
        review.mkdir(parents=True, exist_ok=True)
        new = review / f"{stage.folder.name}-pairs.new.csv"
        with stage.database(memory, threads) as connection:
            stage.standing(connection)
            large = _candidates(connection, self)
            pairs = write(new, self.heads, 2 * len(self.keys), self._pairs(connection))
        if large:
            listed(review / f"{stage.folder.name}-blocks.csv", ("block", "rows"), large)
        if not pairs:
            new.unlink()
        return Proposed(pairs, unique(new) if pairs else None, large)

    def leave(self, stage: Stage, review: Path, left: Sequence[tuple[str, str]]) -> None:
        """Write down the approved pairs that were not merged, and why."""
        review.mkdir(parents=True, exist_ok=True)
        listed(review / f"{stage.folder.name}-left.csv", (PAIR, "why it was not merged"), left)

    def _pairs(self, connection: DuckDBPyConnection) -> Iterator[tuple[float, list[str]]]:
        each = [f"jaro_winkler_similarity(a.n{n}, b.n{n})" for n in range(len(self.compared))]
        alike = f"least({', '.join(each)})"
        keys = [", ".join(f"{row}.p{n}" for n in range(len(self.keys))) for row in "ab"]
        cells = ", ".join(f"{row}.t{n}" for n in range(len(self.shown)) for row in "ab")
        blocks = ", ".join(f"b{n}" for n in range(len(self.blocks)))
        connection.execute(
            f"SELECT {alike} AS likeness, {cells} FROM candidates a JOIN candidates b USING ({blocks}) "
            f"WHERE row({keys[0]}) < row({keys[1]}) AND {alike} >= {self.least!r} "
            f"ORDER BY likeness DESC, {keys[0]}, {keys[1]}"
        )
        while rows := connection.fetchmany(_MANY):
            yield from ((float(likeness), list(found)) for likeness, *found in rows)

    def unite(self, connection: DuckDBPyConnection, stage: Stage) -> tuple[tuple[str, str], ...]:
        """Make the table `united` of the rows that approved pairs make one, by group; the pairs that are none any more.

        `anchor` is a row that stays by the exact key, `grp` the least anchor of those that are one, `pairs` the numbers
        of the pairs that make them one.
        """
        pairs = self.approved.pairs if self.approved else ()
        stage.standing(connection)
        rows, left = self._rows(connection, pairs), []
        edges = []
        for pair in pairs:
            number, one, other, sum_ = pair
            both = [rows.get(one, []), rows.get(other, [])]
            if any(len(found) != 1 for found in both):
                gone = one if len(both[0]) != 1 else other
                left.append((number, f"no row that stays by its own key is {', '.join(gone)}"))
                continue
            ((a, seen), (b, others)) = (found[0] for found in both)
            cells = [cell for two in zip(seen, others, strict=True) for cell in two]
            if sum_of(self.heads, cells) != sum_:
                left.append((number, "what was compared has changed since"))
                continue
            edges.append((number, a, b))
        connection.register("given", _components(edges))
        connection.execute("CREATE TEMP TABLE united AS SELECT * FROM given")
        connection.unregister("given")
        return tuple(left)

    def _rows(self, connection: DuckDBPyConnection, pairs: Sequence[Pair]) -> dict[Any, list[tuple[int, list[str]]]]:
        """The rows of all keys that pairs name, each with its number and what is to be seen of it."""
        keys = list(dict.fromkeys(key for _, one, other, _ in pairs for key in (one, other)))
        names = [f"k{n}" for n in range(len(self.keys))]
        asked = pa.table({name: pa.array([key[n] for key in keys], pa.string()) for n, name in enumerate(names)})
        connection.register("asked", asked)
        same = " AND ".join(f"CAST(s.{key} AS VARCHAR) = k.{name}" for key, name in zip(self.keys, names, strict=True))
        cells = ", ".join(f"coalesce(CAST(s.{name} AS VARCHAR), '')" for name in self.shown)
        connection.execute(f"SELECT s.{ROW}, {cells} FROM standing s JOIN asked k ON {same}")
        made: defaultdict[Any, list[tuple[int, list[str]]]] = defaultdict(list)
        for number, *seen in connection.fetchall():
            made[tuple(seen[: len(self.keys)])].append((number, seen))
        connection.unregister("asked")
        return made


def similar(
    fields: Sequence[Field], spec: dict[str, Any], primary: Sequence[str], approved: str, *, wait: bool
) -> Similar:
    """`{columns: [...], within: [...], similarity: ...}`. RequestError for what cannot be compared so."""
    there = {field.name: column_of(place) for place, field in enumerate(fields)}
    columns, within = ([found(fields, name) for name in _listed(spec.get(word))] for word in ("columns", "within"))
    for word, given in (("columns", columns), ("within", within)):
        if not given:
            raise RequestError(
                f"similar names nothing {'to compare' if word == 'columns' else 'within which rows are compared'}.",
                remedy="As similar: {columns: [name, city], within: [postcode], similarity: 0.92}",
            )  # fmt: skip
    for field in columns:
        if field.type.kind != "text":
            raise RequestError(f"{field.name} is {field.type}, and texts are compared.", column=field.name)
    if not primary or not set(primary) <= there.keys():
        raise RequestError("similar rows are named by the table's key, and it has none.", remedy="Give it a key.")
    least, largest = float(spec.get("similarity", LEAST)), int(spec.get("largest", LARGEST))
    if not 0 < least <= 1 or largest < 2:
        raise RequestError(f"similarity: {least}, largest: {largest} compare nothing.", remedy="As 0.92 and 1000.")
    names = tuple(dict.fromkeys((*primary, *(field.name for field in (*within, *columns)))))
    forms = {field.name: _FORM.format(there[field.name]) if field.type.kind == "text" else there[field.name]
             for field in (*within, *columns)}  # fmt: skip
    made = Similar(
        tuple(forms[field.name] for field in columns), tuple(forms[field.name] for field in within),
        tuple(there[name] for name in primary), tuple(there[name] for name in names), names,
        tuple(field.name for field in (*within, *columns)), least, largest, wait,
        parsed(approved) if approved else None,
    )  # fmt: skip
    if made.approved and made.approved.heads != made.heads:
        raise RequestError(
            f"the approved pairs are of {', '.join(made.approved.heads)}, and here are {', '.join(made.heads)}.",
            remedy="Name the file that a run of this table wrote with these columns.",
        )  # fmt: skip
    return made


def _listed(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given or [])


def _candidates(connection: DuckDBPyConnection, wanted: Similar) -> tuple[tuple[str, int], ...]:
    """The rows to compare, with what is compared; the blocks that are too large for it."""
    named = [f"{sql} AS {letter}{n}" for letter, sqls in (("p", wanted.keys), ("n", wanted.compared),
             ("b", wanted.blocks)) for n, sql in enumerate(sqls)]  # fmt: skip
    named += [f"CAST({name} AS VARCHAR) AS t{n}" for n, name in enumerate(wanted.shown)]
    filled = " AND ".join(f"({sql}) IS NOT NULL" for sql in (*wanted.compared, *wanted.blocks, *wanted.keys))
    blocks = ", ".join(f"b{n}" for n in range(len(wanted.blocks)))
    given = ", ".join(f"{sql} AS b{n}" for n, sql in enumerate(wanted.blocks))
    connection.execute(
        f"CREATE TEMP TABLE blocks AS SELECT {blocks}, count(*) AS size "
        f"FROM (SELECT {given} FROM standing WHERE {filled}) GROUP BY ALL HAVING count(*) > 1"
    )
    connection.execute(
        f"CREATE TEMP TABLE candidates AS SELECT s.* FROM (SELECT {', '.join(named)} FROM standing WHERE {filled}) s "
        f"JOIN blocks USING ({blocks}) WHERE size <= {wanted.largest}"
    )
    said = ", ".join(f"CAST(b{n} AS VARCHAR)" for n in range(len(wanted.blocks)))
    found = connection.execute(
        f"SELECT concat_ws({text_literal(', ')}, {said}), size FROM blocks WHERE size > {wanted.largest} "
        f"ORDER BY size DESC, {blocks}"
    )
    return tuple((str(name), int(size)) for name, size in found.fetchall())


def _components(edges: Sequence[tuple[str, int, int]]) -> pa.Table:
    """Which rows are one, by way of others too."""
    above: dict[int, int] = {}

    def top(row: int) -> int:
        while above.setdefault(row, row) != row:
            above[row] = row = above[above[row]]
        return row

    for _, a, b in edges:
        low, high = sorted((top(a), top(b)))
        above[high] = low
    pairs: defaultdict[int, list[str]] = defaultdict(list)
    for number, a, _ in edges:
        pairs[top(a)].append(number)
    rows = [(row, top(row), ", ".join(pairs[top(row)])) for row in sorted(above)]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.table(
        {"anchor": pa.array(columns[0], pa.int64()), "grp": pa.array(columns[1], pa.int64()),
         "pairs": pa.array(columns[2], pa.string())}
    )  # fmt: skip


def apart(dedup: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A job's `dedup` without what may be another when its run is taken up again, and that: what the file says that it
    names as approved, and whether the run waits for one.
    """
    given = dict(dedup.get("similar") or {})
    if not given:
        return dict(dedup), {}
    file, wait = given.pop("approved", ""), given.pop("wait", False)
    more = {"approved": read(Path(file)).text} if file else {}
    return {**dedup, "similar": given}, more | ({"wait": "yes"} if wait else {})
