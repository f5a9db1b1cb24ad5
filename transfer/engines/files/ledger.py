"""The ledger of a folder: `.ropeway` below it, one small file for each entry.

    .ropeway/runs/<run>/run.json, plan.json
                        receipts/<hop>-<slice>.json    what landed, and its files: a part counts from here on
                        claims/<hop>-<slice>.json      who lands it
                        journal/<number>.json
                        rejects/<hop>-<slice>.json     rows that a rule set aside, where the receipt counts some
    .ropeway/kept/<run>.json                           the files of a run that was forgotten

A part is written aside, synced, renamed, and its receipt written last. A reader of the folder takes the
files that receipts name; what a killed process left has none.
"""

from __future__ import annotations

import os
import re
import shutil
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ...engine import Claim, Receipt, Rejected, Row
from ...errors import EngineError
from ...ledger import UNDOING, in_order, now, number_of, with_answers
from ...plan import from_json
from .durable import ASIDE, is_alive, locked, read, sync, this_owner, write
from .hive import is_partition

FOLDER = ".ropeway"
_PART = re.compile(r"([0-9a-f]{12,})-\d+-\d+(?:-\d+)?\.[a-z.]+")


class Landed(NamedTuple):
    """A file that is written and not yet a part: where it lies, where it goes below the folder, its rows."""

    aside: Path
    part: str
    rows: int


@dataclass(frozen=True)
class Published:
    """What receipts say: table and run to the parts with their rows, and the runs that the ledger knows."""

    parts: dict[str, dict[str, dict[str, int]]]
    runs: frozenset[str]

    def listed(self, table: str, files: Iterable[str]) -> dict[str, int]:
        """The parts that receipts name, with their rows. A run none of whose parts is left was removed by hand."""
        present = set(files)
        groups = [parts for parts in self.parts.get(table, {}).values() if present & parts.keys()]
        return {part: rows for parts in groups for part, rows in parts.items()}

    def visible(self, table: str, files: Sequence[str]) -> list[str]:
        """Which of a table's files hold rows of it."""
        listed = self.listed(table, files)
        return sorted(listed) or [file for file in files if not self.is_ours(file)]

    def is_ours(self, file: str) -> bool:
        """Whether a run of this ledger wrote the file, so that only a receipt makes it a part."""
        found = _PART.fullmatch(Path(file).name)
        return bool(found) and found[1] in self.runs  # type: ignore[index]  # bool() says so


def published(root: Path) -> Published:
    """All receipts below a folder, of runs that are known and of those that were forgotten."""
    parts: dict[str, dict[str, dict[str, int]]] = {}
    runs = set()
    for folder in _folders(root / FOLDER / "runs"):
        runs.add(folder.name)
        for entry in _entries(folder / "receipts"):
            parts.setdefault(entry["table"], {}).setdefault(folder.name, {}).update(entry["files"])
    for file in sorted((root / FOLDER / "kept").glob("*.json")):
        runs.add(file.stem)
        for table, files in read(file).items():
            parts.setdefault(table, {})[file.stem] = files
    return Published(parts, frozenset(runs))


def partitions(folder: Path) -> Iterator[Path]:
    """The folders of partitions below a table's, each before those inside."""
    for one in sorted(folder.iterdir()):
        if one.is_dir() and is_partition(one.name):
            yield one
            yield from partitions(one)


def _folders(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_dir()) if path.is_dir() else []


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_dir():
        yield from (read(one) for one in sorted(path.iterdir()) if not one.name.startswith(ASIDE))


class FileLedger:
    """The ledger of one loader. What it claims and settles becomes true in `commit`."""

    def __init__(self, root: Path, present: Callable[[str], dict[str, int]]) -> None:
        self._root = root
        self._folder = root / FOLDER
        # The parts that a table has now, with their rows; an append notes them before its own.
        self._present = present
        self.claimed: Claim | None = None
        self.table = ""
        self.landed: list[Landed] = []
        self._receipt: Receipt | None = None
        self._rejects: list[Rejected] = []
        self._revoked: tuple[str, str] | None = None

    def prepare(self) -> None:
        for name in ("runs", "kept"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)

    def runs(self) -> list[Row]:
        known = self._known()
        rows = ((run, *(str(one[key]) for key in ("plan_hash", "job", "state", "started", "by"))) for run, one in known)
        return in_order(rows, {run: one.get("place", 0) for run, one in known})

    def _known(self) -> list[tuple[str, dict[str, Any]]]:
        files = [folder / "run.json" for folder in _folders(self._folder / "runs")]
        return [(file.parent.name, read(file)) for file in files if file.exists()]

    def open(self, run: str, plan_hash: str, plan_json: str, job: str, by: str) -> None:
        folder = self._run(run)
        for name in ("receipts", "claims", "journal"):
            (folder / name).mkdir(parents=True)
        (folder / "plan.json").write_text(plan_json, "utf-8")
        sync(folder / "plan.json")
        # As in the ledger in SQL: those that write one table begin one after another.
        place = 1 + max((one.get("place", 0) for _, one in self._known()), default=0)
        known = {"plan_hash": plan_hash, "job": job, "state": "running", "started": now(), "finished": "", "by": by}
        write(folder / "run.json", {**known, "place": place})

    def plan(self, run: str) -> str:
        return (self._run(run) / "plan.json").read_text("utf-8")

    def finish(self, run: str, state: str) -> None:
        file = self._run(run) / "run.json"
        write(file, {**read(file), "state": state, "finished": now()})

    def forget(self, run: str) -> None:
        """Forget a run. The files of one that ended stay listed; those of another are deleted."""
        folder = self._run(run)
        listed: dict[str, dict[str, int]] = {}
        for entry in _entries(folder / "receipts"):
            if entry["receipt"]["slice"]:
                listed.setdefault(entry["table"], {}).update(entry["files"])
        if read(folder / "run.json")["state"] not in ("running", UNDOING):
            kept = {table: self._listed(table, files, run) for table, files in listed.items()}
            write(self._folder / "kept" / f"{run}.json", kept)
            shutil.rmtree(folder)
            return
        for table in {hop.writes.table for hop in from_json(self.plan(run)).hops}:
            self._clear(table, run)
        shutil.rmtree(folder)

    def _listed(self, table: str, files: dict[str, int], run: str) -> dict[str, int]:
        """A forgotten run's parts of a table with those that were there before it."""
        before = [
            entry["files"] for entry in _entries(self._run(run) / "receipts")
            if entry["table"] == table and not entry["receipt"]["slice"]
        ]  # fmt: skip
        return {path: rows for part in (*before, files) for path, rows in part.items()}

    def _clear(self, table: str, run: str) -> None:
        folder = self._root / table
        if not folder.is_dir():
            return
        for below in reversed([folder, *partitions(folder)]):
            for file in below.iterdir():
                if file.is_file() and file.name.removeprefix(ASIDE).startswith(f"{run}-"):
                    file.unlink()
            if not any(below.iterdir()):
                below.rmdir()
        if not folder.exists():
            (self._root / f"{table}.schema.json").unlink(missing_ok=True)

    def claim(self, claim: Claim) -> bool:
        if self._file(claim.run, "receipts", claim.hop, claim.slice).exists():
            return False
        file = self._file(claim.run, "claims", claim.hop, claim.slice)
        with locked(self._folder / "claims.lock"):
            if file.exists() and is_alive(read(file)):
                raise EngineError(f"Slice {claim.slice} of {claim.hop} is being landed by another worker.")
            write(file, this_owner(), lasting=False)
        self.claimed = claim
        return True

    def settle(self, run: str, receipt: Receipt) -> None:
        self._receipt = receipt

    def reject(self, run: str, rows: Sequence[Rejected]) -> None:
        del run
        self._rejects = list(rows)

    def rejected(self, run: str) -> list[Rejected]:
        """Of slices whose receipts count some: what a killed process left has none."""
        counted = [one for one in self.receipts(run) if one.rejected]
        kept = [one for receipt in counted for one in read(self._file(run, "rejects", receipt.hop, receipt.slice))]
        return [Rejected(**{**one, "row": b64decode(one["row"])}) for one in kept]

    def receipts(self, run: str) -> list[Receipt]:
        found = [Receipt(**entry["receipt"]) for entry in _entries(self._run(run) / "receipts")]
        return sorted(with_answers(found), key=lambda one: (number_of(one.hop), one.slice))

    def revoke(self, run: str, hop: str) -> None:
        self._revoked = run, hop

    def journal(self, run: str, statement: str, state: str) -> None:
        entry = {"statement": statement, "state": state, "changed": now()}
        write(self._run(run) / "journal" / f"{number_of(statement)}.json", entry)

    def stands(self, run: str, statement: str) -> str:
        return self.journaled(run).get(statement, "")

    def turn(self, run: str, statement: str, state: str, *, before: str) -> None:
        del before  # nobody else has the folder
        self.journal(run, statement, state)

    def journaled(self, run: str) -> dict[str, str]:
        return {str(e["statement"]): str(e["state"]) for e in _entries(self._run(run) / "journal")}

    def commit(self) -> None:
        """Make the landed files parts and write their receipt, or carry out a revocation."""
        if self._revoked:
            self._undo(*self._revoked)
        if self.claimed and self._receipt:
            for one in self.landed:
                one.aside.replace(self._root / one.part)
            for folder in {(self._root / one.part).parent for one in self.landed}:
                sync(folder)
            claim = self.claimed
            files = {one.part: one.rows for one in self.landed} if claim.slice else self._before(claim)
            if self._rejects:
                self._keep(claim)
            entry = {"table": self._table_of(claim), "files": files, "receipt": asdict(self._receipt)}
            write(self._file(claim.run, "receipts", claim.hop, claim.slice), entry)
            self.landed = []
        self.rollback()

    def _keep(self, claim: Claim) -> None:
        """The rows that are set aside, before the receipt that counts them."""
        (self._run(claim.run) / "rejects").mkdir(exist_ok=True)
        kept = [{**asdict(one), "row": b64encode(one.row).decode()} for one in self._rejects]
        write(self._file(claim.run, "rejects", claim.hop, claim.slice), kept)

    def _table_of(self, claim: Claim) -> str:
        return self.table or from_json(self.plan(claim.run)).hop(claim.hop).writes.table

    def _before(self, claim: Claim) -> dict[str, int]:
        """What a table held before a run: with receipts in the folder, unlisted files would count no longer."""
        return self._present(self._table_of(claim))

    def _undo(self, run: str, hop: str) -> None:
        """Receipts first: files without them are no parts."""
        names: list[str] = []
        for file in sorted((self._run(run) / "receipts").glob(f"{number_of(hop)}-*.json")):
            entry = read(file)
            if entry["receipt"]["slice"]:
                names += entry["files"]
                file.unlink()
        sync(self._run(run) / "receipts")
        for name in names:
            (self._root / name).unlink(missing_ok=True)

    def rollback(self) -> None:
        """Delete what was written aside, or renamed and not named by a receipt, and give up the claim."""
        claim = self.claimed
        named = claim and self._file(claim.run, "receipts", claim.hop, claim.slice).exists()
        for one in self.landed:
            one.aside.unlink(missing_ok=True)
            if claim and not named:
                (self._root / one.part).unlink(missing_ok=True)
        if claim:
            self._file(claim.run, "claims", claim.hop, claim.slice).unlink(missing_ok=True)
        self.claimed = self._receipt = self._revoked = None
        self._rejects = []
        self.landed = []
        self.table = ""

    def sweep(self, table: str) -> None:
        """Delete what killed processes left of a table. Its lock must be held: then nobody else writes it."""
        known = published(self._root)
        folder = self._root / table
        folders = [folder, *partitions(folder)] if folder.is_dir() else []
        files = [file for below in folders for file in below.iterdir() if file.is_file()]
        listed = known.listed(table, [str(file.relative_to(self._root)) for file in files])
        for file in files:
            orphan = known.is_ours(file.name) and str(file.relative_to(self._root)) not in listed
            if file.name.startswith(ASIDE) or orphan:
                file.unlink(missing_ok=True)

    def _run(self, run: str) -> Path:
        return self._folder / "runs" / run

    def _file(self, run: str, kind: str, hop: str, part: int) -> Path:
        return self._run(run) / kind / f"{number_of(hop)}-{part}.json"


def aside_of(root: Path, table: str, claim: Claim, suffix: str) -> Landed:
    """Where the claimed unit's file is written, and where it goes."""
    name = f"{claim.run}-{number_of(claim.hop)}-{claim.slice:06d}{suffix}"
    return Landed(root / table / f"{ASIDE}{name}-{os.getpid()}{suffix}", f"{table}/{name}", 0)
