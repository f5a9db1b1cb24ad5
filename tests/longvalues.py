"""A table of one very long text and one very long run of bytes, and its comparison with another's."""

from __future__ import annotations

from moves import requested
from ropeway.cli import wire
from ropeway.verify.report import TableReport
from spots import Spot

_LETTERS = "abcdefghij"
_TYPES = {
    "postgresql": ("text", "bytea"), "mariadb": ("longtext", "longblob"), "duckdb": ("varchar", "blob"),
    "sqlite": ("text", "blob"),
}  # fmt: skip


def filled(place: Spot, size: int) -> None:
    """Row 1 has the text, row 2 the bytes, row 3 neither. MariaDB needs a max_allowed_packet above `size`."""
    text, data = _TYPES[place.engine]
    place.ask(f"CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, body {text}, data {data})")
    long = _long(place.engine, size)
    place.ask(f"INSERT INTO t VALUES (1, {long}, NULL), (2, NULL, {_bytes(place.engine, long)}), (3, 'x', NULL)")


def _long(engine: str, size: int) -> str:
    if engine == "sqlite":
        return f"replace(replace(hex(zeroblob({size // 10})), '00', '0'), '0', '{_LETTERS}')"
    return f"repeat('{_LETTERS}', {size // 10})"


def _bytes(engine: str, text: str) -> str:
    made = {"postgresql": f"convert_to({text}, 'UTF8')", "mariadb": text}
    return made.get(engine, f"CAST({text} AS blob)")


def spoiled(place: Spot, column: str) -> None:
    """The last letter of the text, or the last byte, becomes another one."""
    engine, text = place.engine, column
    if column == "data":
        text = {"postgresql": "convert_from(data, 'UTF8')", "mariadb": "data"}.get(
            engine, f"CAST(data AS {_TYPES[engine][0]})"
        )
    last = f"concat(left({text}, length({text}) - 1), 'Z')"
    if engine == "sqlite":
        last = f"substr({text}, 1, length({text}) - 1) || 'Z'"
    elif engine == "mariadb":
        last = f"insert({text}, length({text}), 1, 'Z')"
    value = _bytes(engine, last) if column == "data" else last
    place.ask(f"UPDATE t SET {column} = {value} WHERE {column} IS NOT NULL AND id < 3")


def compared(one: Spot, other: Spot) -> TableReport:
    request, secrets = requested(one, other)
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    return table


def told(table: TableReport) -> list[tuple[str | None, str]]:
    """Key and column of each cell that is told to differ."""
    assert table.found
    return [(one.key["id"], one.column) for one in table.found.first if one.kind == "changed"]
