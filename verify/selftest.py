"""The look at a server before it is believed: does it write the canonical forms as Ropeway does?"""

from __future__ import annotations

from collections.abc import Collection

from ..transfer.engine import Engine, Session
from ..transfer.errors import EngineError
from ..transfer.specimen import specimens
from ..transfer.verification import server_sum
from .checksum import of_batch


def check_forms(engine: Engine, session: Session, forms: Collection[str]) -> None:
    """EngineError where the server's checksum of the specimen of one of these forms is not the client's."""
    for canon, batch in specimens():
        sql = engine.specimen(session, canon) if canon.form in forms else ""
        if sql and server_sum(session.ask(sql)[0]) != of_batch(batch, [canon]).text():
            raise EngineError(
                f"This {engine.name} writes values of the form {canon.form} otherwise than Ropeway does, so that its "
                "checksums would differ where nothing does.",
                remedy="Look at the settings of the server and of the account (date and number formats, time zone, "
                "encoding). --level count compares counts meanwhile; please report it with the server's version.",
            )
