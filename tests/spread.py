"""Which variants of a test `make test` runs: each engine on each side, each case, not each with each.

Tests from each engine to each, or of each mistake on each engine, are most of the suite's time (`make wide` runs them
all). Spread, a test meets every value of every parameter at least once, in as few variants as that takes. Which ones
is drawn by a hash of the test's name: the same in each run, and another pair of engines in each test.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import pytest

FEW = 8  # variants of a test that are not worth thinning
QUICK = {"unit", "house"}  # folders of tests that start no run


def thinned(items: Sequence[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Those to run, in their order, and those that are left to `make wide`."""
    tests: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        tests[item.nodeid.partition("[")[0]].append(item)
    kept = {item.nodeid for variants in tests.values() for item in _covering(variants)}
    kept |= {item.nodeid for item in items if item.path.parent.name in QUICK}
    return [one for one in items if one.nodeid in kept], [one for one in items if one.nodeid not in kept]


def _covering(variants: list[pytest.Item]) -> Iterable[pytest.Item]:
    """Greedy: the variant that brings the most values that none has brought yet, until there are no more."""
    values = {item.nodeid: _values(item) for item in variants}
    if len(variants) < FEW or max(map(len, values.values())) < 2:
        return variants
    left = sorted(variants, key=lambda item: hashlib.sha256(item.nodeid.encode()).digest())
    missing, kept = set().union(*values.values()), []
    while missing:
        best = max(left, key=lambda item: len(missing & values[item.nodeid]))
        kept.append(best)
        missing -= values[best.nodeid]
    return kept


def _values(item: pytest.Item) -> frozenset[tuple[str, str]]:
    """The values that a variant has for each parameter; a pair of engines has two."""
    called = getattr(item, "callspec", None)
    found: set[tuple[str, str]] = set()
    for name, value in (called.params if called else {}).items():
        sides = value if isinstance(value, tuple) and all(isinstance(one, str) for one in value) else (value,)
        found |= {(f"{name} {side}", repr(one)) for side, one in enumerate(sides)}
    return frozenset(found)
