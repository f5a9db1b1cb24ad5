"""Which files a folder's tables consist of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from ...errors import EngineError
from ...place import Address
from ...plan import Finding
from ...schema.catalogue import Column, Relation, Table
from ..alphabet import word_of
from ..exact import Field, family
from ..nested import is_nested
from .csvfile import schema_file
from .format import Format, format_of
from .ledger import Published, partitions, published


@dataclass(frozen=True)
class Listing:
    """The tables of a place as they are now: names to parts, which are paths below `root`."""

    root: Path
    form: Format
    tables: dict[str, tuple[str, ...]]
    left_out: dict[str, tuple[str, ...]]
    counted: dict[str, int]

    def parts(self, table: str) -> tuple[str, ...]:
        """The parts of a table; EngineError if there is none of this name."""
        if table not in self.tables:
            raise EngineError(f"{self.root} holds no table {table}.", table=table)
        return self.tables[table]

    def rows(self, table: str) -> int:
        """The rows of a table, by receipts or by counting in its files."""
        return sum(self.part_rows(part) for part in self.parts(table))

    def part_rows(self, part: str) -> int:
        """The rows of one part."""
        known = self.counted.get(part)
        return self.form.rows(self.root / part) if known is None else known

    def state(self, tables: Iterable[str]) -> str:
        """A checksum of path, size and time of change of the tables' parts."""
        lines = [f"{part} {size_and_time(self.root / part)}" for table in tables for part in self.parts(table)]
        return sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def size_and_time(path: Path) -> str:
    """What changes when a file is written to. EngineError if it is gone."""
    try:
        found = path.stat()
    except OSError as error:
        raise EngineError(f"{path} is gone: {error.strerror}.") from error
    return f"{found.st_size} {found.st_mtime_ns}"


def listing(address: Address) -> Listing:
    """List a place: a folder of files and of folders of files, or one file."""
    form = format_of(address.place.scheme)
    root = Path(address.database or ".")
    if root.is_file():
        stem = form.stem(root.name)
        if not stem:
            raise EngineError(f"{root} is no file of {form.suffixes[0]}.")
        return Listing(root.parent, form, {stem: (root.name,)}, {}, {})
    if not root.is_dir():
        return Listing(root, form, {}, {}, {})
    receipts = published(root)
    tables: dict[str, tuple[str, ...]] = {}
    left_out: dict[str, tuple[str, ...]] = {}
    for entry in sorted(root.iterdir()):
        name, parts, left = _table_at(entry, root, form, receipts)
        if parts and name in tables:
            raise EngineError(f"{root} holds the table {name} twice: as {tables[name][0]} and as {parts[0]}.")
        if parts:
            tables[name], left_out[name] = parts, left
    counted = {p: n for table in receipts.parts.values() for run in table.values() for p, n in run.items()}
    return Listing(root, form, tables, left_out, counted)


def _table_at(
    entry: Path, root: Path, form: Format, receipts: Published
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """(name, parts, what is left out) of what stands in a folder; no parts if it is no table."""
    if entry.name.startswith("."):
        return "", (), ()
    if entry.is_file():
        stem = form.stem(entry.name)
        return stem, (entry.name,) if stem else (), ()
    inside = sorted(one for one in entry.iterdir() if not one.name.startswith("."))
    files = [f"{entry.name}/{one.name}" for one in inside if one.is_file() and form.stem(one.name)]
    deep = [str(one.relative_to(root)) for below in partitions(entry) for one in below.iterdir() if one.is_file()]
    # Files in folders of partitions are parts where a receipt says so: of others the folders may say what they lack.
    known = receipts.listed(entry.name, [*files, *deep])
    parts = tuple(one for one in receipts.visible(entry.name, [*files, *deep]) if one in known or one not in deep)
    for part in parts:
        if not (root / part).is_file():
            raise EngineError(f"{root / part} is gone, and a receipt says that it holds rows of {entry.name}.")
    read = {part.split("/")[1] for part in parts}
    left = [f"the folder {one.name} in it" for one in inside if one.is_dir() and one.name not in read]
    left += [f"{file}, which no receipt names" for file in files if file not in parts]
    return entry.name, parts, tuple(left)


def table_of(found: Listing, name: str) -> Table:
    """A table by its parts: columns by their names, of the widest type. EngineError if that cannot be."""
    parts = found.parts(name)
    fields = found.form.fields(found.root / parts[0])
    for part in parts[1:]:
        fields = _widened(found, parts[0], fields, part)
    columns = tuple(Column(one.name, word_of(one), one.nullable) for one in fields)
    paths = [found.root / part for part in parts]
    folders = any(part.count("/") > 1 for part in parts)
    rows = found.rows(name) if found.form.typed or all(part in found.counted for part in parts) else -1
    return Table(
        Relation("", name), columns, rows=rows, bytes=sum(path.stat().st_size for path in paths),
        left_out=found.left_out.get(name, ()),
        undivided="what its folders are for is not read back from their names" if folders else "",
    )  # fmt: skip


def _widened(found: Listing, first: str, fields: list[Field], part: str) -> list[Field]:
    """The columns with room for another part's values, in the order of the first."""
    others = {one.name: one for one in found.form.fields(found.root / part)}
    odd = {one.name for one in fields} ^ others.keys()
    if odd:
        raise EngineError(f"{first} and {part} are no parts of one table: only one of them has a column {min(odd)}.")
    return [_wider(one, others[one.name], first, part) for one in fields]


def _wider(one: Field, other: Field, first: str, part: str) -> Field:
    if word_of(one) == word_of(other):
        return one.with_nullable(one.nullable or other.nullable)
    try:
        alike = family(one.type) == family(other.type)
        bare = [pa.schema([pa.field(one.name, kind)]) for kind in (one.type, other.type)]
        made = pa.unify_schemas(bare, promote_options="permissive").field(0) if alike else None
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        made = None
    if made is None:
        raise EngineError(
            f"{first} and {part} are no parts of one table: {one.name} is {word_of(one)} in one, {word_of(other)} in "
            "the other."
        )
    return made.with_nullable(one.nullable or other.nullable)


def flattened(found: Listing, name: str) -> list[Finding]:
    """Said of a table with nested columns, which are read as JSON."""
    fields = found.form.fields(found.root / found.parts(name)[0])
    return [
        Finding("note", f"{name}.{one.name}", f"{one.type} is read as JSON", "text-type")
        for one in fields
        if is_nested(one.type)
    ]


def untyped(found: Listing, name: str) -> list[Finding]:
    """Said of a table whose file says nothing of its types."""
    path = found.root / found.parts(name)[0]
    if found.form.typed or schema_file(path).exists():
        return []
    wanted = f"{name}.schema.json"
    return [
        Finding(
            "note",
            name,
            f"every column is read as text: no {wanted} beside it says more",
            "untyped-file",
            f"Name types with 'types:' in a job file, or write {wanted}.",
        )
    ]
