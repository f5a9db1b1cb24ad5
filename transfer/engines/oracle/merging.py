"""SQL by which rows of a staging table change those of a target: MERGE, and what sets single rows right."""

from __future__ import annotations

from collections.abc import Sequence

from ...plan import ColumnPlan, Hop
from ...rules import split
from ...schema.catalogue import Relation
from ...schema.correction import Correction
from ...schema.sql import Quoting, double_quoted, names
from .session import qualified

_LOBS = ("clob", "nclob", "blob")


def merge(engine: Quoting, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
    """The statements of one merged slice, in the order of schema/sql.py. MERGE cannot say how many it updated alone."""
    target, stage = qualified(hop.writes), qualified(staging)
    columns = [column.target for column in hop.columns]
    join, every, keys = _joined(hop), names(engine, columns), names(engine, hop.key)
    changed = _changed(hop)
    both = f"FROM {target} t JOIN {stage} s ON {join}"
    old = ", ".join(f"t.{double_quoted(name)}" for name in columns)
    new = ", ".join(f"s.{double_quoted(name)}" for name in columns)
    others = [name for name in columns if name not in hop.key]
    sets = ", ".join(f"t.{double_quoted(name)} = s.{double_quoted(name)}" for name in others)
    update = f"MERGE INTO {target} t USING {stage} s ON ({join}) WHEN MATCHED THEN UPDATE SET {sets} WHERE {changed}"
    return (
        f"DELETE FROM {stage}",
        f"SELECT 1 FROM {stage} GROUP BY {keys} HAVING COUNT(*) > 1 FETCH FIRST 1 ROWS ONLY",
        f"INSERT INTO {qualified(preimages)} ({every}) SELECT {old} {both} WHERE {changed}",
        f"SELECT COUNT(*) {both}",
        f"SELECT COUNT(*) {both} WHERE {changed}",
        update if others else "BEGIN NULL; END;",
        f"INSERT INTO {target} ({every}) SELECT {new} FROM {stage} s "
        f"WHERE NOT EXISTS (SELECT 1 FROM {target} t WHERE {join})",
    )


def _joined(hop: Hop, on: str = "t") -> str:
    return " AND ".join(f"{on}.{double_quoted(name)} = s.{double_quoted(name)}" for name in hop.key)


def _changed(hop: Hop) -> str:
    found = [_differs(column) for column in hop.columns if column.target not in hop.key]
    return f"({' OR '.join(found)})" if found else "1 = 0"


def _differs(column: ColumnPlan, on: str = "t") -> str:
    """NULL beside a value, or another value; LOBs have no operators."""
    one, other = (f"{side}.{double_quoted(column.target)}" for side in (on, "s"))
    differ = f"DBMS_LOB.COMPARE({one}, {other}) <> 0" if _is_lob(column) else f"{one} <> {other}"
    return f"{differ} OR ({one} IS NULL AND {other} IS NOT NULL) OR ({one} IS NOT NULL AND {other} IS NULL)"


def _alike(column: ColumnPlan) -> str:
    """Equal, or both NULL; what NOT makes of _differs is unknown where both are."""
    one, other = (f"{side}.{double_quoted(column.target)}" for side in ("t", "s"))
    same = f"DBMS_LOB.COMPARE({one}, {other}) = 0" if _is_lob(column) else f"{one} = {other}"
    return f"{same} OR ({one} IS NULL AND {other} IS NULL)"


def _is_lob(column: ColumnPlan) -> bool:
    return split(column.stored).name in _LOBS


def correct(hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
    """The statements that set rows of the hop's target right; an update changes these columns."""
    target, stage, join = qualified(hop.writes), qualified(staging), _joined(hop)
    sets = ", ".join(f"t.{double_quoted(name)} = s.{double_quoted(name)}" for name in columns)
    update = f"MERGE INTO {target} t USING {stage} s ON ({join}) WHEN MATCHED THEN UPDATE SET {sets}"
    delete = f"DELETE FROM {target} t WHERE EXISTS (SELECT 1 FROM {stage} s WHERE {join})"
    same = " AND ".join(f"({_alike(column)})" for column in hop.sent.columns)
    surplus = f"DELETE FROM {target} t WHERE EXISTS (SELECT 1 FROM {stage} s WHERE {same}) AND ROWNUM <= "
    return Correction(
        "", f"SELECT COUNT(*) FROM {target} t JOIN {stage} s ON {join}", update, delete,
        surplus.replace("{", "{{").replace("}", "}}") + "{rows}",
    )  # fmt: skip
