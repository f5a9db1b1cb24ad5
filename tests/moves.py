"""Moving from one spot to another as a test wants it: done and proven, or refused with what the message says."""

from __future__ import annotations

from typing import Any

import pytest

from ropeway.cli import wire
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.plan import Plan
from ropeway.transfer.request import Request
from spots import Spot


def requested(source: Spot, target: Spot, **options: Any) -> tuple[Request, wire.Secrets]:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    return Request(one, other, **options), wire.Secrets(one_secret, other_secret)


def moved(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    request, secrets = requested(source, target, **options)
    outcome = wire.run(request, secrets)
    assert outcome.report
    assert outcome.report.equal, outcome.report
    return outcome


def planned(source: Spot, target: Spot, **options: Any) -> Plan:
    return wire.plan(*requested(source, target, **options))


def refusal(source: Spot, target: Spot, **options: Any) -> str:
    request, secrets = requested(source, target, **options)
    with pytest.raises(RequestError) as caught:
        wire.plan(request, secrets)
    return str(caught.value)


def natives(place: Spot, table: str) -> list[str]:
    rows = place.ask(
        "SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() "
        f"AND TABLE_NAME = '{table}' ORDER BY ORDINAL_POSITION"
    )
    return [str(row[0]) for row in rows]


def accounts(source: Spot, rows: int) -> None:
    """A table of so many accounts, each with 100."""
    source.ask("CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL)")
    source.ask(f"INSERT INTO account VALUES {', '.join(f'({n}, 100)' for n in range(1, rows + 1))}")
