"""CSV: UTF-8, a header, commas, quotes around text; nothing between two commas is NULL, "" is empty text.

A file says nothing of its types. What Ropeway writes has them beside it, in `<table>.schema.json`; of
any other file every column is text until the user says more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ...errors import DataError, EngineError
from ...unfit import Unread, sifted
from ..alphabet import field_of, word_of
from ..exact import Field, Values, check_moments, join, plain_decimals
from .durable import read, write
from .fitting import ROW, Column, fitted
from .format import Format, Piece, check_names
from .quoting import Checked, NoUtf8

Reading: TypeAlias = pa.csv.CSVStreamingReader
_BLOCK = 4 << 20
_LARGEST_BLOCK = 1 << 30


def _fields(path: Path) -> list[Field]:
    names = _header(path)
    check_names(path, names)
    declared = {one.name: one for one in declared_fields(schema_file(path))}
    missing = [name for name in declared if name not in names]
    if missing:
        raise EngineError(f"{path} has no column {missing[0]}, which {schema_file(path)} declares.")
    return [declared.get(name) or field_of(name, "text") for name in names]


def schema_file(path: Path) -> Path:
    """Where the types of a CSV file are declared: beside it, or beside the folder that is its table."""
    single = path.with_name(path.name.partition(".csv")[0] + ".schema.json")
    folder = path.parent.with_name(path.parent.name + ".schema.json")
    return folder if folder.exists() and not single.exists() else single


def declared_fields(file: Path) -> list[Field]:
    """The columns that a schema file declares; none if there is no such file."""
    if not file.exists():
        return []
    try:
        columns = read(file)["columns"]
        return [field_of(one["name"], one["type"], nullable=one.get("nullable", True)) for one in columns]
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{file} declares no columns that Ropeway knows: {error!r}") from error


def declare(file: Path, schema: pa.Schema) -> None:
    """Write a schema file, in one step."""
    write(file, {"columns": [{"name": one.name, "type": word_of(one), "nullable": one.nullable} for one in schema]})


def _header(path: Path) -> list[str]:
    block, malformed = _BLOCK, Malformed()
    while True:
        try:
            with _reader(path, [], block, malformed, blank=True) as reader:
                return list(reader.schema.names)
        except NoUtf8:
            malformed.hears = False
        except UnicodeDecodeError as error:
            raise EngineError(f"{path} has a header that is no UTF-8.", remedy="Write the file in UTF-8.") from error
        except pa.ArrowInvalid as error:
            block = _larger(path, block, error)


def _larger(path: Path, block: int, error: pa.ArrowInvalid) -> int:
    """A block that holds the row that was too large for the last one, or what is wrong with the file."""
    if "straddling" in str(error) and block < _LARGEST_BLOCK:
        return block * 8
    if "Empty CSV file" in str(error):
        raise EngineError(f"{path} is empty: not even a header names its columns.") from error
    raise EngineError(f"{path} cannot be read as CSV: {error}") from error


def _reader(path: Path, columns: list[str], block: int, malformed: Malformed, *, blank: bool) -> Reading:
    """All of the columns, or the named ones in bytes. `blank`: whether an empty line is a row."""
    made: Any = Checked(path, utf8=malformed.hears)  # as much of a file as Arrow asks for
    opened: Any = pa.PythonFile(made, mode="r")
    heard = malformed.heard if malformed.hears else None
    parse = pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=not blank, invalid_row_handler=heard)
    return pa.csv.open_csv(
        opened,
        read_options=pa.csv.ReadOptions(block_size=block, use_threads=False),
        parse_options=parse,
        convert_options=pa.csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.binary()), null_values=[""],
            strings_can_be_null=True, quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip


class Malformed:
    """The rows of a file that have too few or too many fields, by their numbers; Arrow tells of them as it parses.

    It cannot tell of one that is no UTF-8: where a file has some such text nothing is heard, and the first is an error.
    """

    hears = True

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, int, str]] = {}

    def heard(self, row: pa.csv.InvalidRow) -> Literal["skip"]:
        assert row.number  # noqa: S101 - known where one thread reads
        self.rows[row.number] = (row.actual_columns, row.expected_columns, row.text)
        return "skip"

    def numbers(self, first: int, count: int) -> Values:
        """The numbers in the file of so many good rows, by that of the first among them; the header is row 1."""
        good = np.arange(first, first + count)
        before = np.array(sorted(self.rows), np.int64) - 2 - np.arange(len(self.rows))
        return pa.array(good + 2 + np.searchsorted(before, good, side="right"), pa.int64())


def _borders(path: Path) -> list[int]:
    return []


def _rows(path: Path) -> int:
    """Counted by reading one column. Rows that have too few or too many fields count."""
    names, malformed = _header(path), Malformed()
    return sum(batch.num_rows for batch in _octets(path, names[:1], malformed)) + len(malformed.rows)


def _octets(path: Path, columns: list[str], malformed: Malformed) -> Iterator[pa.RecordBatch]:
    """The columns in bytes; a row larger than a block makes it start over with larger ones."""
    block, passed, blank = _BLOCK, 0, len(_header(path)) == 1
    while True:
        seen = 0
        try:
            with _reader(path, columns, block, malformed, blank=blank) as reader:
                for batch in reader:
                    fresh = batch.slice(min(max(passed - seen, 0), batch.num_rows))
                    seen += batch.num_rows
                    passed += fresh.num_rows
                    if fresh.num_rows:
                        yield fresh
                return
        except NoUtf8:
            malformed.hears = False
        except pa.ArrowInvalid as error:
            block = _larger(path, block, error)


def _batches(path: Path, piece: Piece, batch_bytes: int, unread: Unread | None = None) -> Iterator[pa.RecordBatch]:
    """The rows as declared, and their numbers; of the others `unread` is told, or the first of them is raised."""
    declared = {one.name: one for one in _fields(path)}
    columns = [Column.of(declared[name]) for name in piece.columns]
    malformed, told, first = Malformed(), set[int](), 0

    def tell(row: pa.RecordBatch, error: DataError) -> None:
        if not unread:
            raise error
        unread(row.drop_columns([ROW]), error)

    def made(part: pa.RecordBatch) -> pa.RecordBatch:
        where = f"{path}, row {part.column(ROW)[0].as_py()}"
        arrays = [fitted(values, one, where) for values, one in zip(part.columns, columns, strict=False)]
        return pa.RecordBatch.from_arrays([*arrays, part.column(ROW)], names=[*piece.columns, ROW])

    for batch in _octets(path, list(piece.columns), malformed):
        _tell_malformed(path, piece, malformed, told, tell)
        numbered = batch.append_column(ROW, malformed.numbers(first, batch.num_rows))
        first += batch.num_rows
        rows = max(1, batch_bytes * batch.num_rows // max(batch.nbytes, 1))
        for start in range(0, batch.num_rows, rows):
            yield from sifted(numbered.slice(start, rows), made, tell)
    _tell_malformed(path, piece, malformed, told, tell)


def _tell_malformed(path: Path, piece: Piece, malformed: Malformed, told: set[int], tell: Unread) -> None:
    """A row whose fields are not those of the header is told of in the first column: whose they are is not sure."""
    for number in sorted(malformed.rows.keys() - told):
        told.add(number)
        count, expected, text = malformed.rows[number]
        texts = [text.encode(), *[None] * (len(piece.columns) - 1)]
        arrays = [pa.array([one], pa.binary()) for one in texts]
        row = pa.RecordBatch.from_arrays([*arrays, pa.array([0])], names=[*piece.columns, ROW])
        tell(row, DataError(f"{path}, row {number} has {count} fields, and its header has {expected}"))


class _Writer:
    """Rows as text; the types go into the schema file."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file: BinaryIO = path.open("wb")
        names = ",".join(_quote(name) for name in schema.names)
        self._file.write(f"{names}\n".encode())

    def write(self, batch: pa.RecordBatch) -> None:
        fields = [_field(values, one) for values, one in zip(batch.columns, batch.schema, strict=True)]
        lines = join(*fields, ",", null_handling="replace", null_replacement="")
        lines = join(lines, "", "\n")
        _, ends, text = lines.buffers()
        if ends is not None and text is not None and batch.num_rows:
            self._file.write(text.slice(0, memoryview(ends).cast("i")[batch.num_rows]))

    def close(self) -> None:
        self._file.close()


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _field(values: Values, one: Field) -> Values:
    """A column's texts, NULL where it is NULL."""
    kind = values.type
    if pa.types.is_string(kind):
        return _quoted(values)
    if pa.types.is_binary(kind):
        import polars as pl  # as in exact.py

        digits = pl.Series(values).bin.encode("hex").to_arrow(compat_level=pl.CompatLevel.oldest())
        return _quoted(digits.cast(pa.string()))
    if pa.types.is_decimal(kind):
        return plain_decimals(values)
    if pa.types.is_time(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        check_moments(values, one.name, "CSV")
    return values.cast(pa.string())


def _quoted(texts: Values) -> Values:
    if pc.any(pc.match_substring(texts, '"')).as_py():
        texts = pc.replace_substring(texts, '"', '""')
    # The third argument of each is the separator, so this is quote, text, quote.
    return join('"', texts, '"', "")


FORMAT = Format((".csv", ".csv.gz"), _fields, _borders, _rows, _batches, _Writer, typed=False, apart=_batches)
