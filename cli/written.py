"""A plan as a folder: `plan --out` writes it for people to read and review, `run` and `verify` take it as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pydantic import ValidationError

from ..transfer.clean import in_order
from ..transfer.errors import RequestError
from ..transfer.place import Place
from ..transfer.plan import Plan, Statement, from_json, hash_of, to_json
from ..transfer.request import Request
from .job import Wanted, limits, place, withhold
from .options import Asked
from .wire import Secrets

PLAN, HASH = "plan.json", "plan.sha256"
# What may still be chosen when a written plan is carried out.
_FREE = {"job", "source", "target", "verify", "workers", "max_memory"}

_README = """# Plan {run}

From {source}
to   {target}

| file | what it is |
|---|---|
| plan.json | the plan; `ropeway run {folder}` carries it out |
| plan.sha256 | its hash: a plan that was changed by hand is refused |
| statements.sql | every statement on the target, in order, to be read |
| back.sql | the way back, the latest first; what has none is said so |

`ropeway verify {folder}` proves the result afterwards. Nothing has been changed yet.
Passwords are in none of these files: name environment variables in the URLs, or give the URL with its password
again by --source and --target.
"""


def write(plan: Plan, folder: Path) -> None:
    """Write the plan's files; RequestError if the folder holds anything else than a plan."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / PLAN).is_file():
            raise RequestError(f"{folder} holds other files.", remedy="Choose a new folder for the plan.")
        files = {
            PLAN: to_json(plan),
            HASH: hash_of(plan) + "\n",
            "statements.sql": forward(plan),
            "back.sql": back(plan),
            "README.md": _README.format(run=plan.run, source=plan.source, target=plan.target, folder=folder),
        }
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RequestError(f"The plan cannot be written into {folder}: {error.strerror}.") from error


def read(folder: Path) -> Plan:
    """The plan of a folder. RequestError if it is damaged, changed, or of another version of Ropeway."""
    try:
        plan = from_json((folder / PLAN).read_text(encoding="utf-8"))
        known = (folder / HASH).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise RequestError(f"{error.filename} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise RequestError(
            f"{folder / PLAN} is no plan of this version of Ropeway.", remedy="Plan the job again."
        ) from error
    if hash_of(plan) != known:
        raise RequestError(
            f"{folder / PLAN} was changed after it was written: its hash is not the one in {HASH}.",
            remedy="Plan the job again, with what you want to change as an option or in the job file.",
        )
    return plan


def forward(plan: Plan) -> str:
    """The statements in order, as SQL with comments; the rows move between `before` and `after`."""
    parts = [f"-- Run {plan.run}: {plan.source} -> {plan.target}"]
    for phase, title in (("before", "Before the rows"), ("after", "After the rows"), ("swap", "At the very end")):
        made = [statement for statement in in_order(plan) if statement.phase == phase]
        if made:
            parts.append(f"-- {title}")
            parts += [_sql(statement, statement.forward) for statement in made]
        if phase == "before":
            parts.append(
                "\n".join(f"-- rows of {hop.reads} into {hop.into}: {len(hop.slices)} slices" for hop in plan.hops)
            )
    return "\n\n".join(parts) + "\n"


def back(plan: Plan) -> str:
    """The way back, the latest first."""
    parts = [f"-- The way back of run {plan.run}. 'ropeway clean {plan.run}' goes it as far as the run came."]
    parts += [
        _sql(statement, statement.back) if statement.back else f"-- {statement.name}: no way back"
        for statement in reversed(in_order(plan))
    ]
    return "\n\n".join(parts) + "\n"


def _sql(statement: Statement, sql: str) -> str:
    lines = [f"-- {statement.name}"]
    if statement.lock:
        lines.append(f"-- takes {statement.lock}")
    if statement.guard:
        lines.append(f"-- only if this returns no row: {statement.guard}")
    return "\n".join([*lines, f"{sql};"])


def is_written(asked: Asked) -> bool:
    """Whether the job is a folder that `plan --out` wrote."""
    return bool(asked.job and (Path(asked.job) / PLAN).is_file())


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
    wanted = Wanted(Request(plan.source, plan.target), secrets, limits(asked.workers or 2, asked.max_memory or "600MB"))
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
