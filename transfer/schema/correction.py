"""SQL that sets rows of a target right, by rows that lie in a staging table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..plan import Hop
from .catalogue import Relation
from .sql import Quoting


@dataclass(frozen=True)
class CorrectWords:
    """How an engine tells two values from each other octet by octet, rows from each other, and heeds foreign keys.

    `octets` is what a text is compared by, whatever its collation; `row` names a row, with {t} for its table, where a
    DELETE takes no LIMIT; `heed` makes the connection look at foreign keys.
    """

    same: str = "{t} IS NOT DISTINCT FROM {s}"
    octets: str = "{}"
    row: str = ""
    joined_update: bool = False
    heed: str = ""


@dataclass(frozen=True)
class Correction:
    """The statements that set a target right by the rows of a staging table.

    `heed` comes before the transaction, '' for nothing. `update` gives rows of the same key the staging's values,
    `delete` deletes them. Without a key `surplus` deletes {rows} of the rows that equal the only one of the staging.
    """

    heed: str
    update: str
    delete: str
    surplus: str


def correction(engine: Quoting, hop: Hop, staging: Relation, columns: Sequence[str], words: CorrectWords) -> Correction:
    """What sets a hop's target right; an update changes no other than these columns."""
    target, stage = engine.relation(hop.writes), engine.relation(staging)
    quoted = [engine.quote(name) for name in columns]
    key = [engine.quote(name) for name in hop.key]
    join = " AND ".join(f"t.{k} = s.{k}" for k in key)
    if words.joined_update:
        sets = ", ".join(f"t.{name} = s.{name}" for name in quoted)
        update = f"UPDATE {target} AS t JOIN {stage} AS s ON {join} SET {sets}"
    else:
        sets = ", ".join(f"{name} = s.{name}" for name in quoted)
        update = f"UPDATE {target} AS t SET {sets} FROM {stage} AS s WHERE {join}"
    # By its full name: MariaDB before 11.6 and MySQL before 8.0.16 take no alias in a DELETE of one table.
    same = " AND ".join(f"s.{k} = {target}.{k}" for k in key)
    delete = f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {stage} AS s WHERE {same})"
    return Correction(words.heed, update, delete, _surplus(engine, hop, target, stage, words))


def _surplus(engine: Quoting, hop: Hop, target: str, stage: str, words: CorrectWords) -> str:
    def same(on: str) -> str:
        return (
            " AND ".join(
                words.same.format(
                    **{
                        side: words.octets.format(f"{name}.{engine.quote(column.target)}")
                        if column.canon.form in ("text", "padded", "uuid")
                        else f"{name}.{engine.quote(column.target)}"
                        for side, name in (("t", on), ("s", "s"))
                    }
                )
                for column in hop.columns
            )
            .replace("{", "{{")
            .replace("}", "}}")
        )  # names may have braces, and the number of rows is put in later

    if not words.row:
        return f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {stage} AS s WHERE {same(target)}) LIMIT {{rows}}"
    row, mine = words.row.format(t="t"), words.row.format(t=target)
    return (
        f"DELETE FROM {target} WHERE ({mine}) IN "
        f"(SELECT {row} FROM {target} AS t JOIN {stage} AS s ON {same('t')} LIMIT {{rows}})"
    )
