"""The way back of runs that replaced tables, as a call."""

from __future__ import annotations

from collections.abc import Sequence

from ..transfer.reversal import Returned, put_back, returning
from .wire import located


def rollback(run: str, url: str, *, discard_writes: bool = False) -> Sequence[Returned]:
    """Put back the tables that a run replaced; each of them.

    RequestError where a new one was written to since, or that cannot be known, unless `discard_writes`.
    """
    return put_back(run, located(url), discard=discard_writes)


def would_return(run: str, url: str) -> Sequence[Returned]:
    """What `rollback` would put back."""
    return returning(run, located(url))
