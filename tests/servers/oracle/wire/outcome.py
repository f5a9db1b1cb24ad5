"""How a reply ends: with a STATUS where nothing can be said but that all is well, else with an ERROR.

STATUS is 9, the call's status (2: a transaction is open) and a sequence number. ERROR is 4 and the long list of fields
that `error` writes, of which clients look at: the status, the cursor, the place in the statement, the rows and numbers
of batch errors, the error's number (0: none; 1403: no more rows) and text, and the count of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..spoken import Refused
from .octets import number, value

ERROR, PARAMETER, STATUS = 4, 8, 9
IN_TRANSACTION = 2
NO_MORE_ROWS, BATCH_ERRORS = 1403, 24381


@dataclass(frozen=True)
class Failed:
    """A row of a batch that was refused."""

    row: int
    refused: Refused


def status(*, in_transaction: bool) -> bytes:
    return bytes((STATUS,)) + number(IN_TRANSACTION if in_transaction else 0) + number(0)


def _list(numbers: Sequence[int]) -> bytes:
    """A count, and unless it is 0 an octet that nobody reads, then the numbers."""
    return number(len(numbers)) + (b"\1" if numbers else b"") + b"".join(map(number, numbers))


def _batch(failed: Sequence[Failed]) -> bytes:
    parts = [_list([each.refused.number for each in failed]), _list([each.row for each in failed])]
    parts += (number(len(failed)), b"\1" if failed else b"")
    for each in failed:
        text = str(each.refused).encode()
        parts += (number(len(text)), value(text), b"\0\0")
    return b"".join(parts)


def error(
    refused: Refused | None = None,
    *,
    in_transaction: bool,
    cursor: int = 0,
    count: int = 0,
    failed: Sequence[Failed] = (),
) -> bytes:
    """An ERROR message: without `refused` all went well."""
    code, place = (refused.number, refused.offset) if refused else (0, 0)
    parts = [
        bytes((ERROR,)),
        number(IN_TRANSACTION if in_transaction else 0),
        number(0),  # sequence
        number(count & 0xFFFFFFFF),
        number(code & 0xFFFF),
        number(0) * 2,  # of arrays
        number(cursor),
        number(place),
        bytes(6),  # kind of statement, fatal, flags, options, parameter, warnings
        bytes(5),  # the last ROWID
        bytes(6),  # of the system: error, statement, call, padding, iterations, logical ROWID
        _batch(failed),
        number(code),
        number(count),
    ]
    if refused:
        parts.append(value(str(refused).encode()))
    return b"".join(parts)


def no_more_rows() -> Refused:
    return Refused(NO_MORE_ROWS, "no data found")
