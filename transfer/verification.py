"""What the target's own server says of a table: its count, and its checksum where it can compute one."""

from __future__ import annotations

from .engine import Engine, Row, Session
from .errors import EngineError
from .plan import Hop
from .schema.catalogue import Relation

MODULUS = 1 << 64


def target_sum(engine: Engine, session: Session, hop: Hop, *, want_sum: bool) -> tuple[int, str]:
    """(rows, checksum text) of a hop's target; the text is '' where the engine computes no checksum."""
    relation = Relation(hop.writes.schema, hop.writes.table)
    sql = _checksum_sql(engine, session, hop, relation) if want_sum else ""
    if not sql:
        return int(str(session.ask(f"SELECT count(*) FROM {engine.relation(relation)}")[0][0])), ""
    answer = session.ask(sql)[0]
    return int(str(answer[0])), server_sum(answer)


def server_sum(answer: Row) -> str:
    """The text of a server's answer (rows, high, low, rows without a checksum).

    EngineError if a row has none: MariaDB hashes a row above max_allowed_packet to NULL.
    """
    count, high, low, bad = (int(str(value or 0)) for value in answer)
    if bad:
        raise EngineError(f"The server computed no checksum for {bad} of {count} rows.")
    return sum_text(count, high, low)


def _checksum_sql(engine: Engine, session: Session, hop: Hop, relation: Relation) -> str:
    columns = [(engine.quote(c.target), c.canon, c.native) for c in hop.columns]
    return engine.checksum(session, relation, columns, "")


def sum_text(count: int, high: int, low: int) -> str:
    """The printable form of a checksum, as ropeway.verify.checksum.Sum prints it."""
    return f"{count}:{high % MODULUS:016x}{low % MODULUS:016x}"
