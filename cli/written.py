"""A plan as a folder: `plan --out` writes it for people to read and review, `run` and `verify` take it as it is.

What docs/plans.md says of plan.sum is here.
"""

from __future__ import annotations

import dataclasses
import getpass
import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from ..transfer.clean import in_order
from ..transfer.engine import Engine
from ..transfer.engines import engine_of
from ..transfer.errors import RequestError
from ..transfer.place import Place
from ..transfer.plan import Plan, from_json, to_json
from ..transfer.request import Request
from ..transfer.schema.checks import checks
from ..transfer.schema.papers import mapping, risks, time_of
from ..transfer.schema.scripts import FILES, unix, written
from ..transfer.schema.sealing import sealed
from .job import Wanted, limits, place, withhold
from .options import Asked
from .places import Secrets, single
from .sums import SUM, changed, is_listed, sums

PLAN = "plan.json"
# What may still be chosen when a written plan is carried out.
_FREE = {"job", "source", "target", "verify", "workers", "max_memory", "throttle"}

_README = """# Plan {run}

From {source}\\
to {target}

| file | what it is |
|---|---|
| plan.json | the plan, which `ropeway run {folder}` carries out; not to be edited |
| before.sql | what is done on the target before the rows, in order |
| after.sql | what is done after them, and at the very end |
| down.sql | the way back of a run that ended, the latest first |
| mapping.md | each column's way, each name that changed, and what is not carried |
| risks.md | what to know, ways back, locks, the accounts' least privileges, time |
| checks.sql | queries for the target, to be run afterwards with any client |
| plan.sum | a checksum of each file, and one of all |

Nothing has been changed yet. `ropeway verify {folder}` proves the result afterwards. A folder of which a file was
changed, added or removed is refused; `ropeway plan --seal {folder}` takes edits of the SQL files into the plan.
Passwords are in none of these files: name environment variables in the URLs, or give the URL with its password
again by --source and --target.
"""

_READING = """# Plan {run}, for reading

From {source}\\
through a stage of this machine\\
to {target}

| file | what it is |
|---|---|
| stage.sql | the tables of the stage, and the queries that make others of them there |
| stage.md | each column's way into the stage |
| before.sql | what is done on the target before the rows that the queries made, in order |
| after.sql | what is done after them, and at the very end |
| down.sql | the way back of a run that ended, the latest first |
| mapping.md | the way of each column that the queries make, and what is not carried |
| risks.md | what to know, ways back, locks, the accounts' least privileges, time |
| checks.sql | queries for the target, to be run afterwards with any client |
| plan.json | the plan |
| plan.sum | a checksum of each file, and one of all |

Nothing has been changed yet. The job reshapes: what the queries make is planned by an empty stage here, and anew once
it is filled. Slices are others then, and what hangs on values may be. So `ropeway run` takes the job, and not this
folder.
"""


def write(plan: Plan, folder: Path, told: Sequence[str] = ()) -> None:
    """Write the plan's files, `told` on time among them; RequestError if the folder holds anything else than a plan."""
    files = _files(plan, folder, told)
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.is_dir() else set()
    if there and (PLAN not in there or there - files.keys() - {SUM}):
        raise RequestError(f"{folder} holds other files.", remedy="Choose a new folder for the plan.")
    _store(folder, files)


def _files(plan: Plan, folder: Path, told: Sequence[str]) -> dict[str, str]:
    source, target = engine_of(plan.source.scheme), engine_of(plan.target.scheme)
    return {
        "README.md": (_READING if plan.staging else _README).format(
            run=plan.run, source=(plan.staging or plan).read_from, target=plan.target, folder=folder.resolve().name
        ),
        **(_of_stage(plan.staging, source) if plan.staging else {}),
        **{name: written(plan, name, target) for name in FILES},
        "checks.sql": checks(plan, target),
        "mapping.md": mapping(plan, source, target),
        PLAN: to_json(plan),
        "risks.md": risks(plan, told),
    }


def _of_stage(first: Plan, stage: Engine) -> dict[str, str]:
    """What of a plan becomes a stage, which no one is to carry out by hand: its names are not marks of statements."""
    made = [f"-- {one.name}\n{one.forward.rstrip()}\n;" for one in in_order(first)]
    head = f"-- What is done in the stage of plan {first.run}: tables are made, filled, and others made of them."
    whole = "\n\n".join([head, *made]) + "\n"
    return {"stage.sql": whole, "stage.md": mapping(first, engine_of(first.source.scheme), stage)}


def _store(folder: Path, files: dict[str, str]) -> None:
    contents = {name: text.encode() for name, text in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in {**contents, SUM: sums(contents).encode()}.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise RequestError(f"The plan cannot be written into {folder}: {error.strerror}.") from error


def _contents(folder: Path) -> dict[str, bytes]:
    """The folder's files, but for hidden ones: those are of editors and of version control."""
    try:
        return {path.name: _bytes(path) for path in sorted(folder.iterdir()) if not path.name.startswith(".")}
    except OSError as error:
        raise RequestError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise RequestError(f"{path} is not of the plan.", remedy="Move it out of the folder.")
    return path.read_bytes()


def read(folder: Path) -> Plan:
    """The plan of a folder. RequestError if it is damaged, changed, or of another version of Ropeway."""
    contents = _contents(folder)
    _check(folder, contents, ())
    return _parsed(folder, contents)


def _check(folder: Path, contents: dict[str, bytes], editable: Iterable[str]) -> None:
    """RequestError if a file but an editable one is not what plan.sum says."""
    found = changed(contents, editable)
    if not found:
        return
    name, said = found
    remedy = "Plan the job again, with what you want to change as an option or in the job file."
    if name in FILES:
        remedy = f"'ropeway plan --seal {folder}' takes edits of it into the plan, after looking at them."
    elif name not in contents:
        remedy = "Put it back, or plan the job again."
    elif "is not of the plan" in said:
        remedy = "Move it out of the folder."
    elif name.endswith(".md") or name == "checks.sql":
        remedy = f"'ropeway plan --seal {folder}' accepts edits of it."
    raise RequestError(f"{folder / name} {said}.", remedy=remedy)


def _parsed(folder: Path, contents: dict[str, bytes]) -> Plan:
    """RequestError for what is no plan that could be carried out."""
    try:
        plan = from_json(contents[PLAN].decode())
    except (ValidationError, UnicodeDecodeError) as error:
        raise RequestError(
            f"{folder / PLAN} is no plan of this version of Ropeway.", remedy="Plan the job again."
        ) from error
    if plan.staging:
        raise RequestError(
            f"{folder} is for reading: its job reshapes, and what its queries make is planned once they have made it.",
            remedy="Give the job itself: ropeway run JOB, ropeway verify JOB.",
        )
    return plan


def seal(folder: Path) -> tuple[Plan, list[str]]:
    """Take the edits of a folder's SQL files into its plan, and edits of its prose as they are; what was edited."""
    contents = _contents(folder)
    _check(folder, contents, [name for name in contents if name not in (PLAN, SUM)])
    plan = _parsed(folder, contents)
    single(plan, "plan --seal")
    texts = {name: _text(folder / name, content) for name, content in contents.items()}
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    made = sealed(plan, texts, engine_of(plan.target.scheme), f"{getpass.getuser()}@{socket.gethostname()}", now)
    edited = [name for name in contents if name != SUM and not is_listed(name, contents)]
    if edited:
        told = time_of(texts["risks.md"])
        before = _files(plan, folder, told)
        kept = {name for name in before if name not in FILES and unix(texts[name]) != unix(before[name])}
        _store(folder, {**_files(made, folder, told), **{name: unix(texts[name]) for name in kept}})
    return made, edited


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is not UTF-8.", remedy="Save it as UTF-8.") from error


def is_written(asked: Asked) -> bool:
    """Whether the job is a folder that `plan --out` wrote; one that has lost a file still is."""
    return bool(asked.job and any((Path(asked.job) / name).is_file() for name in (PLAN, SUM)))


def written_of(asked: Asked) -> tuple[Plan, Wanted]:
    """The folder's plan, with the secrets and limits of the command line."""
    assert asked.job  # noqa: S101 - is_written() said so
    for one in dataclasses.fields(asked):
        if one.name not in _FREE and getattr(asked, one.name) not in ("", None, []):
            raise RequestError(
                f"{asked.job} is a finished plan: --{one.name.replace('_', '-')} cannot change it.",
                remedy="Plan the job again with that option.",
            )
    plan = read(asked.job)
    if asked.verify:
        plan = dataclasses.replace(plan, level=asked.verify)
    secrets = Secrets(_secret(plan.source, asked.source, "source"), _secret(plan.target, asked.target, "target"))
    wanted = Wanted(
        Request(plan.source, plan.target),
        secrets,
        limits(asked.workers or 2, asked.max_memory or "600MB", asked.throttle),
    )
    withhold(wanted)
    return plan, wanted


def _secret(planned: Place, url: str, name: str) -> str:
    """The password that a URL gives again; the place must be the plan's own."""
    if not url:
        return ""
    found, secret = place(url)
    if found != planned:
        raise RequestError(f"--{name} is {found}, and the plan is for {planned}.", remedy="Plan the job again.")
    return secret
