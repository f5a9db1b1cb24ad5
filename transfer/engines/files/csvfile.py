"""CSV: UTF-8, a header, commas, quotes around text; nothing between two commas is NULL, "" is empty text.

A file says nothing of its types. What Ropeway writes has them beside it, in `<table>.schema.json`; of
any other file every column is text until the user says more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ...errors import DataError, EngineError
from ..alphabet import field_of, word_of
from ..exact import Field, Values, check_moments, join, parsed, plain_decimals
from .durable import read, write
from .format import Format, Piece, check_names

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
    block = _BLOCK
    while True:
        try:
            with _reader(path, [], block) as reader:
                return list(reader.schema.names)
        except pa.ArrowInvalid as error:
            block = _larger(path, block, error)


def _larger(path: Path, block: int, error: pa.ArrowInvalid) -> int:
    """A block that holds the row that was too large for the last one, or what is wrong with the file."""
    if "straddling" in str(error) and block < _LARGEST_BLOCK:
        return block * 8
    if "Empty CSV file" in str(error):
        raise EngineError(f"{path} is empty: not even a header names its columns.") from error
    raise EngineError(f"{path} cannot be read as CSV: {error}") from error


def _reader(path: Path, columns: list[str], block: int) -> pa.csv.CSVStreamingReader:
    """All of the columns, or the named ones as text."""
    return pa.csv.open_csv(
        path,
        read_options=pa.csv.ReadOptions(block_size=block, use_threads=False),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.string()), null_values=[""],
            strings_can_be_null=True, quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip


def _borders(path: Path) -> list[int]:
    return []


def _rows(path: Path) -> int:
    """Counted by reading one column."""
    names = _header(path)
    return sum(batch.num_rows for batch in _texts(path, names[:1]))


def _texts(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The columns as text; a row larger than a block makes it start over with larger ones."""
    block, passed = _BLOCK, 0
    while True:
        seen = 0
        try:
            with _reader(path, columns, block) as reader:
                for batch in reader:
                    fresh = batch.slice(min(max(passed - seen, 0), batch.num_rows))
                    seen += batch.num_rows
                    passed += fresh.num_rows
                    if fresh.num_rows:
                        yield fresh
                return
        except pa.ArrowInvalid as error:
            block = _larger(path, block, error)


def _batches(path: Path, piece: Piece, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    declared = {one.name: one for one in _fields(path)}
    wanted = [declared[name] for name in piece.columns]
    for batch in _texts(path, list(piece.columns)):
        rows = max(1, batch_bytes * batch.num_rows // max(batch.nbytes, 1))
        for start in range(0, batch.num_rows, rows):
            part = batch.slice(start, rows)
            arrays = [_value(texts, one) for texts, one in zip(part.columns, wanted, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(wanted))


def _value(texts: Values, one: Field) -> Values:
    if pa.types.is_string(one.type):
        return texts
    try:
        return _octets(texts) if pa.types.is_binary(one.type) else parsed(texts, one.type)
    except pa.ArrowInvalid as error:
        raise DataError(f"{one.name} holds a text that is no {word_of(one)}: {error}", column=one.name) from error


def _octets(texts: Values) -> Values:
    import polars as pl  # as in exact.py

    try:
        octets = pl.Series(texts).str.decode("hex", strict=True)
    except pl.exceptions.PolarsError as error:
        raise pa.ArrowInvalid(str(error)) from error
    return octets.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.binary())


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


FORMAT = Format((".csv", ".csv.gz"), _fields, _borders, _rows, _batches, _Writer, typed=False)
