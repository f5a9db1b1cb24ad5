"""What a person asks for, before anything was looked at: the input of planning."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .place import Place

if TYPE_CHECKING:  # a command's help needs the words of this file, and no Arrow
    from .plan import Call

MODES = ("create", "append", "replace", "truncate", "merge", "fill")
CONSISTENCIES = ("run", "table", "frozen", "none")
LEVELS = ("none", "count", "standard", "full")
VIOLATIONS = ("stop", "leave-out", "quarantine")
STYLES = ("keep", "lower", "upper", "snake")
PARTITIONS = ("keep", "flatten")
WRITES = ("prove", "block")
_LATER = ("origin", "shared", "provenance", "clash", "defaults", "rekey")
_JOBS_LATER = ("sources", "staging", "bare")


@dataclass(frozen=True)
class Rule:
    """What is asked of a table's rows, as JSON, and what becomes of a run whose rows break it.

    One that is `asked` in the `target` is not asked of rows on their way.
    """

    name: str
    kind: str
    spec: str
    on_fail: str = "fail"
    asked: str = ""


@dataclass(frozen=True)
class Choice:
    """A selection of source tables and what to do with them; empty fields mean the job's own.

    A `shared` one names one table of several sources' that go into one: choices with the same `to` belong together.
    `provenance` is then the column that says where a row came from, `clash` the rule for keys that meet and its words,
    `defaults` are values, as text, of columns that a table lacks. `rekey` is a rule by which keys become others: its
    word and what is given for it, as JSON.
    """

    table: str = "*"
    exclude: tuple[str, ...] = ()
    to: str = ""
    where: str = ""
    columns: tuple[str, ...] = ()
    query: str = ""
    mode: str = ""
    key: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    policies: tuple[tuple[str, str], ...] = ()
    on_violation: str = ""
    zones: tuple[tuple[str, str], ...] = ()
    zone_rule: str = ""
    transforms: tuple[Call, ...] = ()
    over: tuple[Call, ...] = ()
    rules: tuple[Rule, ...] = ()
    partition: Call | None = None
    storage: tuple[tuple[str, str], ...] = ()  # option to JSON
    origin: str = ""
    shared: bool = False
    provenance: str = ""
    clash: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    rekey: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """A whole job as asked for. `slice_rows` is how many rows a slice should hold, by estimate.

    Of several `sources`, each with its alias, `source` is the first, and each choice names its own by `origin`.
    One that does not move anything only pairs the tables and columns of two places. `writes` is what becomes of writers
    to a table that goes into itself, `keep` for how many seconds at least a replaced table stays.
    What reads from a stage says by `staging` how that is filled; `bare` tables get rows and no keys.
    """

    source: Place
    target: Place
    choices: tuple[Choice, ...] = (Choice(),)
    mode: str = "create"
    consistency: str = "run"
    level: str = "standard"
    limit: int = 0
    target_schema: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    slice_rows: int = 400_000
    raw: bool = True
    policies: tuple[tuple[str, str], ...] = ()
    waive: tuple[str, ...] = ()
    names: str = "keep"
    target_owner: str = ""
    partitions: str = "keep"
    on_violation: str = "stop"
    moves: bool = True
    max_rejects: str = ""
    writes: str = "prove"
    keep: int = 0
    sources: tuple[tuple[str, Place], ...] = ()
    staging: Staging | None = None
    bare: bool = False


@dataclass(frozen=True)
class Reshaping:
    """A query over the tables of a stage that it has `seen`, and the table there that it `makes`. Each row of `one_per`
    is to give one row.
    """

    query: str
    makes: str
    seen: tuple[str, ...]
    one_per: str = ""


@dataclass(frozen=True)
class Staging:
    """What fills a stage: a job of its own, whose target it is, and queries over what that brought."""

    request: Request
    queries: tuple[Reshaping, ...]


def job_of(request: Request) -> str:
    """A name for the job that is equal for equal requests, so that an unfinished run is recognised."""
    content = asdict(request)
    # How a run is verified, or what is put up with, does not make it another job.
    for name in ("level", "waive", "on_violation", "moves", "max_rejects", "keep"):
        content.pop(name)
    for choice in content["choices"]:
        choice.pop("on_violation")
        for over in choice["over"]:  # what a person approves meanwhile does not either
            over["arguments"] = [one for one in over["arguments"] if one[0] not in ("approved", "wait")]
    # What came later, and says nothing, changes no name of a job that was begun before.
    rules = [(rule, ("asked",)) for one in content["choices"] for rule in one["rules"]]
    for known, names in ((content, _JOBS_LATER), *((one, _LATER) for one in content["choices"]), *rules):
        for name in names:
            if not known[name]:
                known.pop(name)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
