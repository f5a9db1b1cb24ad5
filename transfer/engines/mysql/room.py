"""What a table has room for: 65,535 declared bytes in a row, 3,072 in an index. A character counts as four bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...rules import split
from ...schema.catalogue import Table

ROW, INDEX = 65_535, 3_072
_POINTER = 12  # bytes of a longtext or longblob in the row
_FIXED = 32  # no number and no moment takes more


def _size(native: str) -> int:
    """Declared bytes of a column."""
    kind = split(native)
    length = kind.argument(0, 1)
    if kind.name in ("char", "varchar"):
        return 4 * length + (2 if kind.name == "varchar" else 0)
    if kind.name in ("binary", "varbinary"):
        return length + (2 if kind.name == "varbinary" else 0)
    return _POINTER if kind.name.endswith(("text", "blob", "json")) else _FIXED


def fitted(table: Table) -> dict[str, tuple[str, str]]:
    """Columns that need another native type for CREATE TABLE and its keys to be taken: the type, and why."""
    natives = {column.name: column.native for column in table.columns}
    changed = {**_keyed(table, natives)}
    natives |= {name: native for name, (native, _) in changed.items()}
    return changed | _rowed(natives, {name for members in _whole(table) for name in members})


def _whole(table: Table) -> list[tuple[str, ...]]:
    """The columns that an index holds whole: keys, unique indexes, what foreign keys refer with."""
    unique = [index.columns for index in table.indexes if index.unique]
    return [members for members in (table.key, *unique, *(fk.columns for fk in table.foreign_keys)) if members]


def _keyed(table: Table, natives: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Give the long members of a composite key that is too large equal shares of it."""
    made: dict[str, tuple[str, str]] = {}
    for members in _whole(table):
        now = {name: made.get(name, (natives[name], ""))[0] for name in members}
        sizes = {name: _bytes(native) for name, native in now.items()}
        if sum(sizes.values()) <= INDEX:
            continue
        for name, share in _shares(sizes):
            kind = split(now[name])
            if kind.name in ("varchar", "varbinary", "char", "binary") and sizes[name] > share:
                unit = 4 if kind.name in ("char", "varchar") else 1
                word = "varchar" if unit == 4 else "varbinary"
                why = f"an index of {len(members)} columns holds {INDEX:,} bytes; a longer value stops the run"
                made[name] = (f"{word}({share // unit})", why)
    return made


def _bytes(native: str) -> int:
    kind = split(native)
    return {"char": 4, "varchar": 4, "binary": 1, "varbinary": 1}.get(kind.name, 0) * kind.argument(0, 1) or 9


def _shares(sizes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """What each may take, the smallest first, so that what they leave goes to the larger ones."""
    room, left = INDEX, len(sizes)
    for name, size in sorted(sizes.items(), key=lambda item: item[1]):
        share = min(size, room // left)
        yield name, share
        room, left = room - share, left - 1


def _rowed(natives: Mapping[str, str], keyed: set[str]) -> dict[str, tuple[str, str]]:
    """Move the longest texts out of a row that is too long; those in a key must stay."""
    sizes = {name: _size(native) for name, native in natives.items()}
    made = {}
    movable = sorted((n for n in sizes if n not in keyed and sizes[n] > _FIXED), key=lambda n: -sizes[n])
    for name in movable:
        if sum(sizes.values()) + len(sizes) // 8 + 1 <= ROW:
            break
        word = "longblob" if "binary" in split(natives[name]).name else "longtext"
        made[name] = (word, f"a row holds {ROW:,} declared bytes")
        sizes[name] = _POINTER
    return made
