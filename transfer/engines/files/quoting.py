"""The bytes of a CSV file on their way to Arrow's parser, which takes a quote without its end for a value of many rows.

Where quotes do not come in pairs, nothing after them says where a row ends: rows would be lost in the values of
others. So such a file is refused as a whole.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...errors import EngineError

_QUOTE, _LINE = ord('"'), ord("\n")
_BESIDE = b",\r\n"  # what a quoted value may lie between
_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16, and of UTF-32
_AFTER = "Mend the file: --max-rejects sets no row aside here, for where the rows after it begin is not sure."

Bytes = npt.NDArray[np.uint8]


class NoUtf8(Exception):
    """Some of the file is no UTF-8."""


class Checked:
    """A file to read once, from its start. EngineError at a quote that has no end, or that text stands behind.

    With `utf8` it is NoUtf8 at the first block that is none.
    """

    closed = False

    def __init__(self, path: Any, *, utf8: bool = False) -> None:
        self._path = path
        self._decoder = getincrementaldecoder("utf-8")() if utf8 else None
        self._file = pa.input_stream(str(path))  # unpacks what is packed
        self._inside = self._closing = False  # of a quoted value; right behind the quote that may end it
        self._last = _LINE
        self._line, self._opened = 1, 1  # of the next byte, and of the last quote that began a value
        self._started = self._ended = False

    def read(self, size: int = -1) -> bytes:
        if self._ended:
            return b""
        block: bytes = self._file.read(size if size > 0 else None)
        if not self._started:
            block = self._first(block)
        if block:
            self._check(np.frombuffer(block, np.uint8), block)
        if 0 < size <= len(block):
            return block
        self._ended = True
        self._decode(b"", final=True)
        if self._inside:
            raise self._broken("has no end")
        return block if self._last in b"\r\n" else block + b"\n"  # a header alone is a table without rows

    def _decode(self, block: bytes, *, final: bool = False) -> None:
        try:
            if self._decoder:
                self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            raise NoUtf8 from error

    def _first(self, block: bytes) -> bytes:
        self._started = True
        if block.startswith(_OTHER_MARKS):
            raise EngineError(f"{self._path} is no CSV in UTF-8 but in UTF-16.", remedy="Write it anew in UTF-8.")
        if block.startswith(_MARK):
            return block[len(_MARK) :] + self._file.read(len(_MARK))
        return block

    def close(self) -> None:
        self.closed = True
        self._file.close()

    def _check(self, block: Bytes, raw: bytes) -> None:
        self._decode(raw)
        quotes = np.flatnonzero(block == _QUOTE)
        if self._closing and block[0] not in (_QUOTE, *_BESIDE):
            raise self._broken("is followed by text")
        if len(quotes) and not self._paired(block, quotes):
            self._one_by_one(raw, quotes.tolist())
        elif not len(quotes):
            self._closing = False
        self._last = int(block[-1])
        self._line += int(np.count_nonzero(block == _LINE))

    def _paired(self, block: Bytes, quotes: npt.NDArray[np.intp]) -> bool:
        """Whether each other quote begins a value, or is the second of two, and each of the others ends one."""
        opens, ends = (quotes[1::2], quotes[::2]) if self._inside else (quotes[::2], quotes[1::2])
        before = block[opens - 1]
        if len(opens) and opens[0] == 0:  # a quote in the block before that is part of its value begins nothing here
            before[0] = _QUOTE if self._closing else self._last if self._last != _QUOTE else 0
        fits = _is_beside(before) | (before == _QUOTE)
        last = len(block) - 1
        behind = block[np.minimum(ends + 1, last)]
        if not fits.all() or not (_is_beside(behind) | (behind == _QUOTE) | (ends == last)).all():
            return False
        first = opens[before != _QUOTE] if len(opens) else opens
        if len(first):
            self._opened = self._line + int(np.count_nonzero(block[: first[-1]] == _LINE))
        self._inside ^= bool(len(quotes) % 2)
        self._closing = bool(len(ends)) and bool(ends[-1] == last)
        return True

    def _one_by_one(self, raw: bytes, quotes: list[int]) -> None:
        """The same where a quote is part of a value that is not quoted, or is wrong."""
        passed, last = -1, len(raw) - 1
        closing = False
        for place in quotes:
            if place == passed:
                continue
            if not self._inside:
                again = place == 0 and self._closing
                if again or (raw[place - 1] if place else self._last) in _BESIDE:
                    self._inside = True
                    self._opened = self._opened if again else self._line + raw.count(b"\n", 0, place)
            elif place == last:
                self._inside, closing = False, True
            elif raw[place + 1] == _QUOTE:
                passed = place + 1
            elif raw[place + 1] in _BESIDE:
                self._inside = False
            else:
                raise self._broken("is followed by text")
        self._closing = closing

    def _broken(self, how: str) -> EngineError:
        what = f"the quote that begins a value in line {self._opened}"
        said = f"{what} has no end" if how == "has no end" else f"the end of {what} {how}"
        return EngineError(f"{self._path} cannot be read as CSV: {said}.", remedy=_AFTER)


def _is_beside(values: Bytes) -> npt.NDArray[np.bool_]:
    comma, carriage, line = _BESIDE
    found: npt.NDArray[np.bool_] = (values == comma) | (values == carriage) | (values == line)
    return found
