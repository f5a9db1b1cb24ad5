"""Partition functions and schemes, the tables on them, and in which partition a value is.

The rows of a table lie together in SQLite: what tells them apart is asked by $PARTITION.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..spoken import Kind, Refused
from . import logins, types, values
from .words import Words

if TYPE_CHECKING:
    from .catalogue import Catalogue, Index, Table
    from .session import Session


@dataclass
class Partitioning:
    """A partition function and the schemes that use it."""

    name: str
    number: int
    native: str
    right: bool
    bounds: tuple[str, ...]
    schemes: dict[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return types.of_text(self.native)


def create(session: Session, words: Words) -> None:
    """FUNCTION f (type) AS RANGE RIGHT FOR VALUES (...), or SCHEME s AS PARTITION f ALL TO (...)."""
    if not logins.may(session, "ALTER ANY DATASPACE"):
        raise Refused(262, f"CREATE PARTITION {words.peek()} permission denied in database '{session.kept.name}'.",
                      severity=14)  # fmt: skip
    known, kind, name = session.catalogue.partitionings, words.next().upper(), words.name()
    schemes = {scheme.lower() for one in known.values() for scheme in one.schemes}
    if name.lower() in (known if kind == "FUNCTION" else schemes):
        raise Refused(2714, f"There is already an object named '{name}' in the database.", state=6)
    if kind == "FUNCTION":
        known[name.lower()] = _function(session, name, words)
        return
    words.expect("AS", "PARTITION")
    used = words.name()
    if used.lower() not in known:
        raise Refused(7707, f"The associated partition function '{used}' does not exist.")
    known[used.lower()].schemes[name] = 65_601 + session.catalogue.number() % 1_000_000


def _function(session: Session, name: str, words: Words) -> Partitioning:
    native = words.inside()
    words.expect("AS", "RANGE")
    right = words.take("RIGHT")
    words.take("LEFT")
    words.expect("FOR", "VALUES")
    inside, bounds = Words(words.inside()), []
    while not inside.done:
        bounds.append(inside.until())
        inside.take(",")
    number = 65_536 + session.catalogue.number() % 1_000_000
    made = Partitioning(name, number, native, right, tuple(bounds))
    found = held_bounds(session, made)
    if len(set(found)) < len(found):
        raise Refused(7708, "Duplicate range boundary values are not allowed in partition function boundary values "
                            "list.")  # fmt: skip
    # The server sorts them, so that one after another may be given in any order.
    order = sorted(range(len(bounds)), key=lambda at: (found[at] is not None, found[at]))
    made.bounds = tuple(bounds[at] for at in order)
    return made


def held_bounds(session: Session, one: Partitioning) -> list[values.Held]:
    return [values.held(session.value(text, one.kind), one.kind) for text in one.bounds]


def drop(session: Session, words: Words) -> None:
    kind = words.next().upper()
    exists = words.take("IF", "EXISTS")
    name = words.name()
    known = session.catalogue.partitionings
    if kind == "FUNCTION":
        found = known.get(name.lower())
        if found and found.schemes:
            raise Refused(7706, f"Partition function '{name}' is being used by one or more partition schemes.")
        known.pop(name.lower(), None)
    else:
        found = next((one for one in known.values() if name.lower() in map(str.lower, one.schemes)), None)
        number = space(session.catalogue, name)
        if found and any(number == table.space for table in session.catalogue.tables.values()):
            raise Refused(7717, f'The partition scheme "{name}" is currently being used to partition one or more '
                                "tables.")  # fmt: skip
        if found:
            found.schemes = {scheme: at for scheme, at in found.schemes.items() if scheme.lower() != name.lower()}
    if not found and not exists:
        raise Refused(3701, f"Cannot drop the partition {kind.lower()} '{name}', because it does not exist or you do "
                            "not have permission.", state=5, severity=11)  # fmt: skip


def space(catalogue: Catalogue, scheme: str) -> int:
    """The number of a partition scheme, by its name; 1 is the file group PRIMARY."""
    for one in catalogue.partitionings.values():
        for name, number in one.schemes.items():
            if name.lower() == scheme.lower():
                return number
    return 1


def of_space(catalogue: Catalogue, number: int) -> Partitioning | None:
    """The partition function of a scheme."""
    return next((one for one in catalogue.partitionings.values() if number in one.schemes.values()), None)


def place(session: Session, table: Table, words: Words) -> None:
    """ON scheme(column), behind the columns."""
    if not words.take("ON"):
        return
    table.space = space(session.catalogue, words.name())
    if words.peek() == "(":
        shape = table.column(words.names()[0])
        table.spread = shape.name
        function = of_space(session.catalogue, table.space)
        if function and function.kind.name != shape.kind.name:
            raise Refused(7726, f"Partition column '{shape.name}' has data type {shape.kind.name} which is different "
                                f"from the partition function '{function.name}' parameter data type "
                                f"{function.kind.name}.")  # fmt: skip


def check_aligned(table: Table, index: Index) -> None:
    """What is unique on a partitioned table has its column, unless it lies elsewhere."""
    names = [name.lower() for name, _ in index.columns]
    if index.unique and table.spread and not index.apart and table.spread.lower() not in names:
        raise Refused(1908, f"Column '{table.spread}' is partitioning column of the index '{index.name}'. Partition "
                            "columns for a unique index must be a subset of the index key.")  # fmt: skip


def number_of(session: Session, one: Partitioning, sql: str) -> str:
    """SQL for the number of the partition that a value is in; a NULL is in the first."""
    sign = ">=" if one.right else ">"
    found = [value for value in held_bounds(session, one) if value is not None]
    if one.kind.name == "datetimeoffset":  # the same moments in other zones are equal
        sql, found = f"substr({sql}, 1, 8)", [value[:8] for value in found if isinstance(value, bytes)]
    return " + ".join(["1", *(f"ifnull({sql} {sign} {_literal(value)}, 0)" for value in found)])


def _literal(value: values.Held) -> str:
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def counts(session: Session, table: Table) -> list[int]:
    """The rows of each partition; those of a table without some are one."""
    function = of_space(session.catalogue, table.space) if table.spread else None
    if function is None:
        found = session.one(f"SELECT count(*) FROM {table.held}")
        return [found[0] if found else 0]
    number = number_of(session, function, '"' + table.spread.replace('"', '""') + '"')
    rows = dict(session.connection.execute(f"SELECT {number} AS n, count(*) FROM {table.held} GROUP BY n"))
    return [rows.get(at, 0) for at in range(1, len(function.bounds) + 2)]
