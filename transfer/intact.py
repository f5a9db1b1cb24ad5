"""A run's frozen plan, once it is seen to be the one that the run wrote into the ledger."""

from __future__ import annotations

import hashlib

from pydantic import ValidationError

from .engine import Loader
from .errors import RequestError
from .plan import Plan, from_json


def intact(run: str, loader: Loader) -> Plan:
    """The plan of a run that the ledger knows. RequestError where it is damaged, or was changed since."""
    written = next(str(row[1]) for row in loader.ledger.runs() if row[0] == run)
    text = loader.ledger.plan(run)
    if (there := hashlib.sha256(text.encode()).hexdigest()) != written:
        raise RequestError(
            f"The plan of run {run} in the target's ledger is damaged, or was changed: its SHA-256 is {there[:16]}…, "
            f"and the run wrote one of {written[:16]}….",
            remedy=f"Nothing was done. Put the plan back into its entry in ropeway_run: .ropeway/{run}/plan.json, "
            "where the run was started, is a copy of it, else a backup of the target has it. Without it Ropeway "
            "neither goes on with the run nor undoes it: what it made is then to be removed by hand, with its entries.",
        )
    try:
        return from_json(text)
    except ValidationError as error:
        found = error.errors()[0]
        raise RequestError(
            f"The plan of run {run} in the target's ledger is as it was written, and this version of Ropeway does not "
            f"understand it: {'.'.join(map(str, found['loc']))}: {found['msg']}.",
            remedy="Use the version that has begun the run.",
        ) from error
