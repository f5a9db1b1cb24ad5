"""The SHA-256 of one row with long values, without making its canonical text: that took seven times the row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from ..transfer.canonical import Canon
from .rowtext import row_texts

LONG = 4 << 20  # octets of a row; shorter ones are hashed many at a time
_PIECE = 1 << 20  # octets, whose hexadecimal digits are held


def long_digest(row: pa.RecordBatch, canons: Sequence[Canon], salt: str = "") -> str:
    """The digest of the one row of a batch, as hexadecimal digits: what docs/checksum.md defines, piece by piece."""
    found = hashlib.sha256(f"{salt}|".encode() if salt else b"")
    for place, (name, canon) in enumerate(zip(row.schema.names, canons, strict=True)):
        if place:
            found.update(b"|")
        octets = _octets(row.column(place))
        if canon.form in ("text", "padded", "binary") and octets is not None and len(octets) > _PIECE:
            for piece in _pieces(octets, canon.form):
                found.update(piece)
        else:
            found.update(row_texts(row.select([name]), [canon])[0].encode())
    return found.hexdigest()


def _octets(values: pa.Array[Any]) -> memoryview | None:
    if not (pa.types.is_string(values.type) or pa.types.is_binary(values.type)) or values.null_count:
        return None
    buffer = values[0].as_buffer()
    return memoryview(buffer) if buffer is not None else None


def _pieces(octets: memoryview, form: str) -> Iterator[bytes | memoryview]:
    size = len(octets)
    while form == "padded" and size and octets[size - 1] == ord(" "):
        size -= 1
    yield f"{size}|".encode()
    for start in range(0, size, _PIECE):
        piece = octets[start : min(start + _PIECE, size)]
        yield piece if form != "binary" else piece.hex().upper().encode()
