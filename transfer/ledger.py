"""The ledger in SQL: three tables in the target, written by the loader's own connection.

`ropeway_run` holds frozen plans, `ropeway_slice` a row for each landed unit, `ropeway_statement` the
journal. Slice 0 of a hop is what its table held before the run, a negative number what the source's own server
said of that slice. Of a slice whose checksums of partitions are longer than a text of these may be, the entry SUMS
further on has them as its instant, which is as long as it likes. `ropeway_reject` is made once a row is rejected. A
claim inserts the unit's row first of all: the primary key makes a second claim wait for the first transaction to end
and then fail, so at most one attempt lands (research: online.md 3.3).
"""

from __future__ import annotations

import socket
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, cast

from .engine import Claim, Ledger, Receipt, Rejected, Row
from .errors import EngineError

RUN, SLICE, STATEMENT, REJECT = "ropeway_run", "ropeway_slice", "ropeway_statement", "ropeway_reject"
# Numbers of entries from here on are of slices that have landed in part: that of the slice is added.
PARTS = 1_000_000_000
SUMS = 2 * PARTS  # and from here on, of what has no room in the entry so many before it
UNDOING = "undoing"  # by 'ropeway clean', which may be repeated; what was undone is not there to go on from
ROLLED_BACK = "rolled back"  # the state of a run whose replaced tables are in their places again
LEFT_OUT = "left out"  # in the journal, of a constraint that the run does without
# The entry of the journal whose state is a run's place among the runs: clocks of machines differ. A run that an earlier
# version has begun has none, and came before.
PLACE = 8_000_000
_KEPT = ("stage", "reason", "column_name", "row_key", "row_values", "row_bytes")  # of a rejected row
_LISTED = 500  # values of an IN; Oracle takes 1,000
_UNKNOWN = -1  # rows that a statement changed, where a driver does not say
_FIGURES = ("read", "loaded", "inserted", "updated", "unchanged", "rejected", "bytes")


class Statements(Protocol):
    """What the ledger needs of its connection."""

    def ask(self, sql: str) -> list[Row]: ...

    def execute(self, sql: str) -> int: ...


@dataclass(frozen=True)
class Words:
    """How an engine spells the ledger: types, literals, the schema before the table names.

    `create` makes the table {name} of these {columns} where it is missing, `plan` is that column's name where the word
    is the engine's own, `past` stands behind a table that is read without waiting for those who write it. A `short`
    text has up to `longest` characters, or any number if that is 0. Between the two `lasting` statements a commit, and
    with it all before, is on the disk when it returns.
    """

    literal: Callable[[object], str]
    prefix: str = ""
    short: str = "varchar(200)"
    long: str = "text"
    whole: str = "bigint"
    real: str = "double precision"
    create_schema: str = ""
    schema_exists: str = ""
    table_suffix: str = ""
    exists: str = ""
    number: str = "number"  # the name of that column, where it is a word of the language
    filled: str = " NOT NULL"  # of texts; '' where an empty one is NULL
    create: str = "CREATE TABLE IF NOT EXISTS {name} {columns}"
    plan: str = "plan"
    past: str = ""
    longest: int = 0
    lasting: tuple[str, str] = ("", "")


class Overtaken(Exception):
    """What has landed of a slice is not what it was: it is to be looked at again."""


class SqlLedger:
    """The ledger over a connection; it neither begins nor ends that connection's transactions."""

    def __init__(self, connection: Statements, words: Words) -> None:
        self._connection = connection
        self._words = words

    def prepare(self) -> None:
        """Create the three tables where they are missing."""
        words = self._words
        # Making a schema that is there takes CREATE on a PostgreSQL database all the same.
        if words.create_schema and not (words.schema_exists and self._connection.ask(words.schema_exists)):
            self._connection.execute(words.create_schema)
        short, long, text, texts = (
            words.short,
            words.long,
            f"{words.short}{words.filled}",
            f"{words.long}{words.filled}",
        )
        whole, key = f"{words.whole} NOT NULL", f"{short} NOT NULL"
        figures = ", ".join(f"n_{name} {whole}" for name in _FIGURES)
        tables = (
            (RUN, f"(run {key} PRIMARY KEY, plan_hash {text}, job {text}, state {text}, started {text}, "
             f"finished {text}, run_by {text}, {words.plan} {long} NOT NULL)"),
            (SLICE, f"(run {key}, hop {whole}, slice {whole}, hop_name {long} NOT NULL, attempt {text}, "
             f"instant {texts}, {figures}, checksum {text}, seconds {words.real} NOT NULL, landed {text}, "
             "PRIMARY KEY (run, hop, slice))"),
            (STATEMENT, f"(run {key}, {words.number} {whole}, name {long} NOT NULL, state {text}, changed {text}, "
             f"PRIMARY KEY (run, {words.number}))"),
        )  # fmt: skip
        for name, columns in tables:
            self._make(f"{words.prefix}{name}", columns + words.table_suffix)

    def _make(self, name: str, columns: str) -> None:
        """CREATE TABLE, unless it is there."""
        self._connection.execute(self._words.create.format(name=name, columns=columns))

    def present(self) -> bool:
        """Whether this target has a ledger at all; asks the catalogue, changes nothing."""
        return bool(self._connection.ask(self._words.exists))

    def runs(self) -> list[Row]:
        if not self.present():
            return []
        rows = self._connection.ask(
            f"SELECT run, plan_hash, job, state, started, run_by FROM {self._words.prefix}{RUN}{self._words.past}"
        )
        places = self._places() if rows else {}  # after the runs: each has its place before it is there
        return in_order((tuple("" if value is None else value for value in row) for row in rows), places)

    def _places(self) -> dict[str, int]:
        words = self._words
        rows = self._connection.ask(
            f"SELECT run, state FROM {words.prefix}{STATEMENT}{words.past} WHERE {self._equal(**{words.number: PLACE})}"
        )
        return {str(run): int(str(place)) for run, place in rows}

    def open(self, run: str, plan_hash: str, plan_json: str, job: str, by: str) -> None:
        with self._lasting():
            # Runs that write one table begin one after another, for they hold it; of others two may have one place.
            place = 1 + max(self._places().values(), default=0)
            self.journal(run, f"{PLACE} place among the runs", str(place))
            self._insert(RUN, run, plan_hash, job, "running", now(), "", by, plan_json)

    def plan(self, run: str) -> str:
        (row,) = self._connection.ask(
            f"SELECT {self._words.plan} FROM {self._words.prefix}{RUN} WHERE {self._equal(run=run)}"
        )
        return str(row[0])

    def finish(self, run: str, state: str) -> None:
        with self._lasting():
            self._update(RUN, self._equal(run=run), state=state, finished=now())

    @contextmanager
    def _lasting(self) -> Iterator[None]:
        """What a run begins and ends with is not lost with the server, and so nothing of what it did before."""
        before, after = self._words.lasting
        if before:
            self._connection.execute(before)
        yield
        if after:
            self._connection.execute(after)

    def forget(self, run: str) -> None:
        mine = self._equal(run=run)
        rejects = any(entry.rejected for entry in self._entries(run))
        for table in (*((REJECT,) if rejects else ()), SLICE, STATEMENT, RUN):
            self._connection.execute(f"DELETE FROM {self._words.prefix}{table} WHERE {mine}")

    def claim(self, claim: Claim) -> bool:
        # Looked at first so that a resume over many receipts is cheap; the insert decides.
        unit = self._equal(run=claim.run, hop=number_of(claim.hop), slice=claim.slice)
        if self._connection.ask(f"SELECT 1 FROM {self._words.prefix}{SLICE} WHERE {unit}"):
            return False
        zeros = (0,) * len(_FIGURES)
        self._insert(
            SLICE, claim.run, number_of(claim.hop), claim.slice, claim.hop, claim.attempt, claim.instant,
            *zeros, "", 0.0, "",
        )  # fmt: skip
        return True

    def settle(self, run: str, receipt: Receipt) -> None:
        figures = {f"n_{name}": getattr(receipt, name) for name in _FIGURES}
        sums = f"{receipt.checksum};{receipt.partitions}" if receipt.partitions else receipt.checksum
        if 0 < self._words.longest < len(sums):
            self._sums(run, receipt)
            sums = receipt.checksum
        more = {"checksum": sums, "seconds": receipt.seconds, "landed": now()}
        unit = self._equal(run=run, hop=number_of(receipt.hop), slice=receipt.slice)
        self._update(SLICE, unit, **figures, **more)

    def _sums(self, run: str, receipt: Receipt) -> None:
        """Write the checksums of a slice's partitions into an entry of their own, or anew."""
        number = SUMS + receipt.slice
        self._drop(run, receipt.hop, number)  # not updated: of a long text Oracle takes no literal
        self.claim(Claim(run, receipt.hop, number, receipt.attempt, receipt.partitions))

    def receipts(self, run: str) -> list[Receipt]:
        return with_answers(one for one in self._entries(run) if one.slice < PARTS)

    def parts(self, run: str) -> list[Receipt]:
        """What has landed of slices that land in several transactions, and have no receipt yet."""
        return [replace(one, slice=one.slice - PARTS) for one in self._entries(run) if one.slice >= PARTS]

    def part(self, run: str, receipt: Receipt, before: Receipt | None) -> bool:
        """Inside a transaction: how much of a slice has landed, behind what had `before`; False where all has.

        Raises Overtaken where that is not what there is.
        """
        entry = replace(receipt, slice=PARTS + receipt.slice)
        unit = self._equal(run=run, hop=number_of(receipt.hop), slice=receipt.slice)
        if self._connection.ask(f"SELECT 1 FROM {self._words.prefix}{SLICE} WHERE {unit}"):
            return False
        self._take(run, entry, before)
        self.settle(run, entry)
        return True

    def _take(self, run: str, entry: Receipt, before: Receipt | None) -> None:
        """Make what is said of a slice's parts, or lock it. A transaction of a lost connection may end only now."""
        if before is None:
            if not self.claim(Claim(run, entry.hop, entry.slice, entry.attempt, entry.instant)):
                raise Overtaken
            return
        unit = self._equal(run=run, hop=number_of(before.hop), slice=PARTS + before.slice)
        same = self._equal(n_loaded=before.loaded, n_rejected=before.rejected)
        table, said = f"{self._words.prefix}{SLICE}", self._set(landed=now())
        if self._connection.execute(f"UPDATE {table} SET {said} WHERE {unit} AND {same}") != 1:
            raise Overtaken

    def whole(self, run: str, receipt: Receipt, before: Receipt | None) -> None:
        """Inside the transaction of a slice's last part, behind what had landed: it has a receipt of its own."""
        self._take(run, replace(receipt, slice=PARTS + receipt.slice), before)
        for number in (PARTS + receipt.slice, SUMS + PARTS + receipt.slice):
            self._drop(run, receipt.hop, number)

    def _drop(self, run: str, hop: str, number: int) -> None:
        """Delete an entry, if it is there: looked at first, as in `journal`."""
        unit = self._equal(run=run, hop=number_of(hop), slice=number)
        if self._connection.ask(f"SELECT 1 FROM {self._words.prefix}{SLICE} WHERE {unit}"):
            self._connection.execute(f"DELETE FROM {self._words.prefix}{SLICE} WHERE {unit}")

    def _entries(self, run: str) -> list[Receipt]:
        columns = ", ".join(f"n_{name}" for name in _FIGURES)
        rows = self._connection.ask(
            f"SELECT hop_name, slice, attempt, instant, {columns}, checksum, seconds "
            f"FROM {self._words.prefix}{SLICE}{self._words.past} WHERE {self._equal(run=run)} ORDER BY hop, slice"
        )
        found = [_receipt(row) for row in rows]
        sums = {(one.hop, one.slice - SUMS): one.instant for one in found if one.slice >= SUMS}
        return [
            replace(one, partitions=one.partitions or sums.get((one.hop, one.slice), ""))
            for one in found if one.slice < SUMS
        ]  # fmt: skip

    def prepare_rejects(self) -> None:
        """Create the table of rejected rows where it is missing."""
        words = self._words
        whole, key, text = f"{words.whole} NOT NULL", f"{words.short} NOT NULL", f"{words.long}{words.filled}"
        columns = ", ".join(f"{name} {text}" for name in ("hop_name", *_KEPT))
        self._make(
            f"{words.prefix}{REJECT}",
            f"(run {key}, hop {whole}, slice {whole}, n_row {whole}, {columns}, PRIMARY KEY (run, hop, slice, n_row))"
            + words.table_suffix,
        )

    def reject(self, run: str, rows: Sequence[Rejected]) -> None:
        for one in rows:
            self._insert(
                REJECT, run, number_of(one.hop), one.slice, one.number, one.hop, one.stage, one.reason, one.column,
                one.key, one.values, b64encode(one.row).decode(),
            )  # fmt: skip

    def rejected(self, run: str) -> list[Rejected]:
        rows = self._connection.ask(
            f"SELECT hop_name, slice, n_row, {', '.join(_KEPT)} FROM {self._words.prefix}{REJECT}{self._words.past} "
            f"WHERE {self._equal(run=run)} ORDER BY hop, slice, n_row"
        )
        return [_rejected(row) for row in rows]

    def unreject(self, run: str, hop: str, part: int, rows: Sequence[int]) -> None:
        """Delete what is rejected of a slice, by these numbers. EngineError, inside the transaction, for any that is
        not there: whoever deleted it has loaded it.
        """
        unit = self._equal(run=run, hop=number_of(hop), slice=part)
        for some in (rows[at : at + _LISTED] for at in range(0, len(rows), _LISTED)):
            listed = ", ".join(map(str, some))
            table = f"{self._words.prefix}{REJECT}"
            gone = self._connection.execute(f"DELETE FROM {table} WHERE {unit} AND n_row IN ({listed})")
            if gone not in (len(some), _UNKNOWN):
                raise EngineError(
                    f"{len(some)} rejected rows of slice {part} of {hop} were to be taken out of {table}, and {gone} "
                    "were there: another has taken them, or a rule or a trigger keeps the ledger's rows.",
                    remedy="It is rolled back. 'ropeway rejects RUN' says what is kept now.",
                )

    def numbers(self, run: str, hop: str) -> dict[int, list[int]]:
        """The numbers of a hop's rejected rows by their slice, in order."""
        unit, found = self._equal(run=run, hop=number_of(hop)), dict[int, list[int]]()
        table = f"{self._words.prefix}{REJECT}{self._words.past}"
        for part, row in self._connection.ask(f"SELECT slice, n_row FROM {table} WHERE {unit} ORDER BY slice, n_row"):
            found.setdefault(int(str(part)), []).append(int(str(row)))
        return found

    def revoke(self, run: str, hop: str, *, rejected: bool = True) -> None:
        """Forget what landed of a hop; what is `rejected` of it may go by itself."""
        unit = self._equal(run=run, hop=number_of(hop))
        if rejected and any(one.rejected for one in self._entries(run) if one.hop == hop):  # those of parts, too
            self._connection.execute(f"DELETE FROM {self._words.prefix}{REJECT} WHERE {unit}")
        # Slice 0 stays: what the table held before the run is true however often the run starts over.
        table = f"{self._words.prefix}{SLICE}"
        self._connection.execute(f"DELETE FROM {table} WHERE {unit} AND slice <> 0")
        _taken(not self._connection.ask(f"SELECT 1 FROM {table} WHERE {unit} AND slice <> 0"), table)

    def journal(self, run: str, statement: str, state: str) -> None:
        # Looked at first: deleting what is not there locks the gap in InnoDB, in which another worker's entry belongs.
        entry = self._entry(run, statement)
        if self._connection.ask(f"SELECT 1 FROM {self._words.prefix}{STATEMENT} WHERE {entry}"):
            self._update(STATEMENT, entry, name=statement, state=state, changed=now())
            return
        self._insert(STATEMENT, run, number_of(statement), statement, state, now())

    def journaled(self, run: str) -> dict[str, str]:
        rows = self._connection.ask(
            f"SELECT name, state FROM {self._words.prefix}{STATEMENT} "
            f"WHERE {self._equal(run=run)} AND {self._words.number} <> {PLACE}"
        )
        return {str(name): str(state) for name, state in rows}

    def stands(self, run: str, statement: str) -> str:
        entry = self._entry(run, statement)
        rows = self._connection.ask(f"SELECT state FROM {self._words.prefix}{STATEMENT} WHERE {entry}")
        return str(rows[0][0]) if rows else ""

    def turn(self, run: str, statement: str, state: str, *, before: str) -> None:
        if not before:
            self._insert(STATEMENT, run, number_of(statement), statement, state, now())
            return
        entry = f"{self._entry(run, statement)} AND {self._equal(state=before)}"
        said = self._set(name=statement, state=state, changed=now())
        if self._connection.execute(f"UPDATE {self._words.prefix}{STATEMENT} SET {said} WHERE {entry}") == 0:
            raise EngineError(f"Another process has done something about '{statement}' of run {run} meanwhile.")

    def _entry(self, run: str, statement: str) -> str:
        return self._equal(**{"run": run, self._words.number: number_of(statement)})

    def _insert(self, table: str, *values: object) -> None:
        name = f"{self._words.prefix}{table}"
        _taken(self._put(name, values), name)

    def _put(self, name: str, values: Sequence[object]) -> int:
        literals = ", ".join(self._words.literal(value) for value in values)
        return self._connection.execute(f"INSERT INTO {name} VALUES ({literals})")

    def _update(self, table: str, entry: str, **values: object) -> None:
        """Change the one entry that there is."""
        name = f"{self._words.prefix}{table}"
        changed = self._connection.execute(f"UPDATE {name} SET {self._set(**values)} WHERE {entry}")
        if changed == _UNKNOWN:
            changed = len(self._connection.ask(f"SELECT 1 FROM {name} WHERE {entry}"))
        _taken(changed, name)

    def _set(self, **values: object) -> str:
        return ", ".join(f"{name} = {self._words.literal(value)}" for name, value in values.items())

    def _equal(self, **values: object) -> str:
        return " AND ".join(f"{name} = {self._words.literal(value)}" for name, value in values.items())


def _taken(changed: int, table: str) -> None:
    """EngineError where a statement for one entry changed none: rows would be there without their receipt."""
    if changed == 0:
        raise EngineError(
            f"The ledger's table {table} has not taken an entry of this run: its statement was not refused, and "
            "changed no row. What belongs to it is rolled back.",
            remedy="A rule, a trigger or a policy of row security on that table may keep entries out: remove it, and "
            "go on with --resume.",
        )


def in_order(rows: Iterable[Row], places: Mapping[str, int]) -> list[Row]:
    """Runs as `runs` gives them by their places, those of earlier versions first, by the clocks of their machines."""
    return sorted(rows, key=lambda row: (places.get(str(row[0]), 0), str(row[4]), str(row[0])))


class Keeper(Protocol):
    """A ledger that keeps rows that do not land: a database's, and that of files for what their rules set aside."""

    def reject(self, run: str, rows: Sequence[Rejected]) -> None:
        """Keep rows, by the transaction of their slice."""
        ...

    def rejected(self, run: str) -> list[Rejected]:
        """All that a run's receipts count."""
        ...


def keeper(ledger: Ledger) -> Keeper:
    """The ledger as one that keeps rows."""
    assert hasattr(ledger, "reject")  # noqa: S101 - planning sees to it
    return cast("Keeper", ledger)


def keeping(ledger: Ledger) -> SqlLedger:
    """The ledger of a target that keeps rejected rows."""
    assert isinstance(ledger, SqlLedger)  # noqa: S101 - no other target may reject: planning sees to it
    return ledger


def with_answers(found: Iterable[Receipt]) -> list[Receipt]:
    """A ledger's receipts, each with what the source said of its slice; in that entry the attempt says why."""
    every = list(found)
    answers = {(one.hop, -one.slice): one for one in every if one.slice < 0}
    return [
        replace(one, asked=answer.checksum, asked_for=answer.attempt)
        if (answer := answers.get((one.hop, one.slice)))
        else one
        for one in every
        if one.slice >= 0
    ]


def number_of(name: str) -> int:
    """The number that leads a hop's or statement's name: '12 create shop.orders' is 12.

    Names of tables may be longer than any engine's key, so the ledger's keys are these numbers.
    """
    return int(name.split(" ", 1)[0])


def now() -> str:
    """This moment in UTC, sortable as text."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def this_process(pid: int) -> str:
    """Who runs, for people: host and process."""
    return f"{socket.gethostname()}, process {pid}"


def _rejected(row: Row) -> Rejected:
    hop, part, number, *kept = ("" if value is None else str(value) for value in row)
    stage, reason, column, key, values, row_bytes = kept
    return Rejected(hop, int(part), int(number), stage, reason, column, key, values, b64decode(row_bytes))


def _receipt(row: Row) -> Receipt:
    hop, part, attempt, instant, *figures, checksum, seconds = ("" if value is None else value for value in row)
    whole, _, partitions = str(checksum).partition(";")
    numbers = {name: int(str(value)) for name, value in zip(_FIGURES, figures, strict=True)}
    return Receipt(
        str(hop), int(str(part)), str(attempt), str(instant), **numbers,
        checksum=whole, seconds=float(str(seconds)), partitions=partitions, asked="", asked_for="", broken="",
    )  # fmt: skip
