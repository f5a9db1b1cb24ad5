"""Every error that Ropeway raises on purpose, split by who has to act.

RopewayError
├── RequestError            the user asked for something that cannot be done      exit 2
│   ├── UnfinishedRun       a run is half done: --resume or --fresh decides       exit 2
│   └── BlockedPlan         the plan has findings that stop a run                 exit 2
├── EngineError             a database or a file refused or failed                exit 3
├── DataError               a value does not fit where it must go                 exit 4
└── DifferenceFound         a verification that was asked for did not pass        exit 5
"""

from __future__ import annotations


class RopewayError(Exception):
    """What, where, why and what to do, in one message that holds no secret."""

    exit_status = 1

    def __init__(self, message: str, *, table: str = "", column: str = "", key: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.table = table
        self.column = column
        self.key = key
        self.remedy = remedy

    def __str__(self) -> str:
        where = [
            f"{word} {value}"
            for word, value in (("table", self.table), ("column", self.column), ("key", self.key))
            if value and value not in self.message
        ]
        parts = [self.message + (f" ({', '.join(where)})" if where else "")]
        if self.remedy:
            parts.append(self.remedy)
        return "\n".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions pickle by their positional arguments alone; workers must send the rest too.
        return (_rebuild, (type(self), self.message, self.table, self.column, self.key, self.remedy))


def _rebuild(kind: type[RopewayError], message: str, table: str, column: str, key: str, remedy: str) -> RopewayError:
    return kind(message, table=table, column=column, key=key, remedy=remedy)


class RequestError(RopewayError):
    """The request cannot be carried out as it stands: a job, an option, a mapping, a name."""

    exit_status = 2


class MissingTable(RequestError):
    """A table that is to be there in the target is not."""


class UnfinishedRun(RequestError):
    """The target holds a run of the same job that did not end."""


class BlockedPlan(RequestError):
    """The plan has blockers; `findings` are their fields by name."""

    findings: tuple[dict[str, str], ...] = ()


class EngineError(RopewayError):
    """A database, a file system or a network refused or failed; the driver's error is the cause."""

    exit_status = 3


class Refused(EngineError):
    """A server did not let a connection in; the driver's error is the cause."""


class AnotherServer(EngineError):
    """A connection has led to another server than those before it."""

    def __init__(self, where: object, known: str, found: str) -> None:
        super().__init__(
            f"{where} leads to several servers: to one ({known}), and now to another ({found}).",
            remedy="Name one of them in the URL, in the place of what chooses between them.",
        )


class DataError(RopewayError):
    """A value does not fit where it must go; nothing of its slice was kept."""

    exit_status = 4


class DifferenceFound(RopewayError):
    """A verification that was asked for found a difference."""

    exit_status = 5
