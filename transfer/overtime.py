"""Statements that took longer than a URL's `statement_timeout` allows, where the driver ends them."""

from __future__ import annotations

from .errors import EngineError
from .silence import LIMIT


class Overtime(EngineError):
    """One was ended. To repeat it as it is would take as long once more."""

    @classmethod
    def of(cls, seconds: float, said: str) -> Overtime:
        return cls(
            f"A statement took longer than {LIMIT}={seconds:g} of the URL allows, and was ended: {said}",
            remedy="What has landed stays: write more seconds there, or leave the option out, and go on with --resume. "
            "What reads a slice takes less time with fewer --slice-rows.",
        )
