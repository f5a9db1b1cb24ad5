"""The look at a server before it is believed: does it write the canonical forms as Ropeway does?"""

from __future__ import annotations

from collections.abc import Collection

from ..transfer.engine import Engine, Session
from ..transfer.errors import EngineError
from ..transfer.verification import otherwise_written
from .checksum import of_batch


def check_forms(engine: Engine, session: Session, forms: Collection[str]) -> None:
    """EngineError where the server's checksum of the specimen of one of these forms is not the client's."""
    form = otherwise_written(engine, session, forms, of_batch)
    if form:
        raise EngineError(
            f"This {engine.name} writes values of the form {form} otherwise than Ropeway does, so that its "
            "checksums would differ where nothing does.",
            remedy="Look at the settings of the server and of the account (date and number formats, time zone, "
            "encoding). --level count compares counts meanwhile; please report it with the server's version.",
        )
