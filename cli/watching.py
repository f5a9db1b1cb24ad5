"""What looks at a run from outside: told of its end as well, and of what was proven."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..transfer.progress import Progress


class Watching(Progress):
    """A Progress that is closed when the run is over, whatever its end."""

    def close(self, status: str, shape: Mapping[str, Any] | None = None) -> None:
        """The run is over: `done`, `different`, `failed` or `interrupted`; `shape` is its JSON, where it has one."""


def watchers(metrics: Path | None) -> list[Watching]:
    """Those that were asked for."""
    made: list[Watching] = []
    if metrics:
        from .metrics import Metrics

        made.append(Metrics(metrics))
    from . import spans

    return [*made, *spans.asked()]
