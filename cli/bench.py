"""Measuring a job: the whole, its reader alone, its loader alone, each in a process of its own.

The tables that the whole and the loader fill are scratch tables of theirs, which they remove.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from ..transfer.clean import only_tables, remove
from ..transfer.engines import engine_of
from ..transfer.errors import DataError, DifferenceFound, EngineError, RequestError, RopewayError
from ..transfer.flow import flow
from ..transfer.place import parse, resolve
from ..transfer.plan import Plan
from ..transfer.planning import new_run
from ..transfer.proposals import rehearsed
from ..transfer.request import Choice, Request
from ..transfer.schema.risks import regardless
from ..transfer.schema.selection import select_tables
from . import wire
from .job import Wanted, wanted
from .keys import JobKeys
from .places import as_they_are, single

PARTS = ("whole", "reader", "loader")
_HELD = 256 << 20  # bytes of rows that the loader's part keeps in memory to load from
_ERRORS = {kind.exit_status: kind for kind in (RequestError, EngineError, DataError, DifferenceFound)}
_NEAR = 0.7  # a whole that comes so near to its slower side is held up by that side


@dataclass(frozen=True)
class Part:
    """What a part of the job did. Bytes are Arrow's; `peak` is the process' resident size at its largest."""

    name: str
    rows: int
    bytes: int
    seconds: float
    cpu_seconds: float
    peak: int

    @property
    def rows_per_second(self) -> float:
        return self.rows / max(self.seconds, 0.001)

    @property
    def megabytes_per_second(self) -> float:
        return self.bytes / max(self.seconds, 0.001) / 1e6


@dataclass(frozen=True)
class Measured:
    """All parts, and which side holds the whole up, in words."""

    parts: tuple[Part, ...]
    bottleneck: str


def bench(keys: JobKeys | Mapping[str, Any], told: Callable[[str], None] = lambda _text: None) -> Measured:
    """Measure a job, given by the keys of a job file. What a part raises is raised here."""
    keys = keys if isinstance(keys, JobKeys) else JobKeys.model_validate(keys)
    as_they_are(wanted(keys).request, "bench")  # so that a wrong request is refused before a process starts
    parts = []
    for name in PARTS:
        told(f"measuring the {name} ...")
        parts.append(_part(name, keys))
    return Measured(tuple(parts), bottleneck(*parts))


def bottleneck(whole: Part, reader: Part, loader: Part) -> str:
    """Which side holds the whole up, from the three speeds."""
    speeds = f"{reader.rows_per_second:,.0f} rows/s out of the source, {loader.rows_per_second:,.0f} into the target"
    slower = min(reader, loader, key=lambda part: part.rows_per_second)
    side = "source" if slower is reader else "target"
    cores = os.cpu_count() or 1
    load = whole.cpu_seconds / max(whole.seconds, 0.001)
    if whole.rows_per_second >= _NEAR * slower.rows_per_second:
        return f"The {side} is the bottleneck: {speeds}, {whole.rows_per_second:,.0f} through both."
    if load >= _NEAR * cores:
        return f"The processor is the bottleneck: our process alone keeps {load:.1f} of {cores} cores busy ({speeds})."
    return (
        f"No side alone is the bottleneck: {speeds}, but only {whole.rows_per_second:,.0f} through both, with "
        f"{load:.1f} of {cores} cores busy in our process. They may share a disk or a machine; more workers may help."
    )


def _part(name: str, keys: JobKeys) -> Part:
    """Run a part in a process of its own; what it needs goes through standard input, for it may hold a password."""
    job = json.dumps({"part": name, "keys": keys.model_dump(by_alias=True)})
    found = subprocess.run(
        [sys.executable, "-m", f"{__package__}.bench"], input=job, capture_output=True, text=True, check=False
    )  # fmt: skip
    try:
        answer = json.loads(found.stdout)
    except ValueError as error:
        raise EngineError(
            f"The process that measured the {name} ended with status {found.returncode}: {found.stderr[-500:].strip()}"
        ) from error
    if "error" in answer:
        raise _ERRORS.get(answer["status"], RequestError)(answer["error"])
    return Part(**answer)


def _main() -> None:
    asked = json.loads(sys.stdin.read())
    try:
        job = wanted(JobKeys.model_validate(asked["keys"]))
        part = {"whole": _whole, "reader": _reader, "loader": _loader}[asked["part"]](job)
        answer: dict[str, Any] = asdict(part)
    except RopewayError as error:
        answer = {"error": str(error), "status": error.exit_status}
    sys.stdout.write(json.dumps(answer))


def _whole(job: Wanted) -> Part:
    return _into_scratch("whole", _scratch(job), job)


def _reader(job: Wanted) -> Part:
    request = replace(_scratch(job), target=parse("discard:///")[0], level="none", target_schema="")
    return _measured("reader", wire.plan(request, job.secrets), job)


def _loader(job: Wanted) -> Part:
    """Load from memory what the source gives, as much of it as the memory may hold."""
    scratch = _scratch(job)
    rows = _held(wire.plan(replace(scratch, target=parse("discard:///")[0], target_schema=""), job.secrets), job)
    names = {f"t{number}": table for number, table in enumerate(rows.values(), start=1)}
    from ..transfer.engines import memory

    for name, table in names.items():
        memory.put("bench", name, table)
    choices = tuple(
        Choice(name, to=choice.to) for name, choice in zip(names, scratch.choices, strict=True)
    )  # fmt: skip
    request = replace(scratch, source=parse("memory://bench")[0], choices=choices, limit=0)
    return _into_scratch("loader", request, replace(job, secrets=replace(job.secrets, source="")))


def _scratch(job: Wanted) -> Request:
    """The job with each table going into a scratch table of its own, and nothing else done to the target."""
    single(job.request, "bench")
    request, engine = job.request, engine_of(job.request.source.scheme)
    with closing(engine.connect(resolve(request.source, job.secrets.source))) as session:
        selected, _ = select_tables(request, engine, session, engine.tables(session))
    run = new_run()
    choices = tuple(
        replace(
            item.choice, table=_exactly(str(item.table.name)), exclude=(), to=f"ropeway_bench_{run}_{number}",
            mode="", key=(), before=(), after=(), over=rehearsed(item.choice.over),
        )
        for number, item in enumerate(selected, start=1)
    )  # fmt: skip
    return replace(request, choices=choices, mode="create", before=(), after=(), waive=())


def _exactly(name: str) -> str:
    """A glob that means this name alone."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _held(plan: Plan, job: Wanted) -> dict[str, pa.Table]:
    """The rows of each hop, in turn, until so many bytes are held."""
    engine = engine_of(plan.source.scheme)
    held, found = 0, {}
    with closing(engine.open(resolve(plan.source, job.secrets.source), plan.hops, "none", 1)) as source:
        reader = source.readers()[0]
        for hop in plan.hops:
            batches = []
            for part in hop.slices:
                for batch in flow(hop, part, reader, job.limits.batch_bytes):
                    batches.append(batch)
                    held += batch.nbytes
                    if held > _HELD:
                        break
                if held > _HELD:
                    break
            schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
            found[hop.name] = pa.Table.from_batches(batches, schema)
    return found


def _into_scratch(name: str, request: Request, job: Wanted) -> Part:
    plan = only_tables(wire.plan(request, job.secrets))
    target = resolve(plan.target, job.secrets.target)
    try:
        return _measured(name, plan, job)
    finally:
        remove(plan.run, target, undo=True)


def _measured(name: str, plan: Plan, job: Wanted) -> Part:
    started, used = time.monotonic(), _cpu()
    outcome = wire.run(regardless(plan), job.secrets, limits=job.limits)
    seconds, cpu = time.monotonic() - started, _cpu() - used
    receipts = [receipt for receipt in outcome.receipts if receipt.slice]
    # Linux counts the resident size in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Part(
        name, sum(r.loaded for r in receipts), sum(r.bytes for r in receipts), round(seconds, 3), round(cpu, 3),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    )  # fmt: skip


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    _main()
