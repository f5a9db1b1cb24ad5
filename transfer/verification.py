"""What the target's own server says of a table: its count, and its checksum where it can compute one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pyarrow as pa

from .calls import function_of
from .canonical import Canon
from .engine import Asked, Engine, Reader, Row, Session
from .errors import EngineError
from .flow import flow
from .place import Address
from .plan import Call, ColumnPlan, Cut, Hop, Slice
from .rules import Read, read_rule, split
from .schema.catalogue import Relation
from .schema.sql import counted, where_of
from .segments import Division
from .specimen import specimens
from .types import MOST_DIGITS, Fidelity
from .unfit import Refuse

MODULUS = 1 << 64
_BATCH_BYTES = 2 << 20


def target_sum(engine: Engine, session: Session, hop: Hop, *, want_sum: bool, where: str = "") -> tuple[int, str]:
    """(rows, checksum text) of a hop's target, or of its rows of which `where` is true.

    The text is '' where the engine computes no checksum.
    """
    relation = Relation(hop.writes.schema, hop.writes.table)
    sql = _checksum_sql(engine, session, hop, relation, where) if want_sum else ""
    if not sql:
        clause = f" WHERE {where}" if where else ""
        ((rows,),) = session.ask(f"SELECT {counted(engine)} FROM {engine.relation(relation)}{clause}")
        return int(str(rows)), ""
    answer = session.ask(sql)[0]
    return int(str(answer[0])), server_sum(answer)


def part_sums(engine: Engine, session: Session, hop: Hop) -> dict[int, str] | None:
    """The checksum of each partition of a hop's target, by its number; None where the engine does not compute these."""
    columns = [(engine.quote(c.target), c.canon, c.stored) for c in hop.columns]
    asked = engine.checksums(session, hop, columns)  # type: ignore[attr-defined]  # an optional verb
    return None if asked is None else {number: server_sum(session.ask(sql)[0]) for number, sql in asked.items()}


def unasked(hop: Hop) -> str:
    """Why a source's own server cannot be asked for checksums of what a hop reads; '' if the plan is not in the way."""
    if hop.query or hop.limit:
        return "a query is read" if hop.query else "a rehearsal reads a part"
    if hop.follows:
        return "its references follow rows that are merged"
    if hop.transforms or hop.over:
        return "transforms change what it holds on its way" if hop.transforms else "rows of it are merged on their way"
    zoned = next((column for column in hop.columns if column.zone), None)
    if zoned:
        return f"{zoned.source} is converted from the wall clock of {zoned.zone} on its way"
    lossy = next((column for column in hop.columns if column.fidelity is Fidelity.LOSSY), None)
    if lossy:
        return f"the values of {lossy.source} are changed on their way"
    return "" if all(column.declared for column in hop.columns) else "an earlier version of Ropeway planned it"


def source_sum(engine: Engine, reader: Reader, hop: Hop, part: Slice) -> str:
    """A slice's checksum by the source's own server, at the reader's instant; '' where it computes none."""
    if hop.query or hop.transforms or hop.over or hop.follows or (unasked(hop) and not hop.raw):
        return ""
    columns = [(engine.quote(c.source), c.canon, c.declared or c.stored) for c in hop.columns]
    where = where_of(engine, hop, part).removeprefix(" WHERE ")
    # As one segment, for without any MySQL's family says nothing: a target it would rather have read back.
    sql = engine.checksum(reader, hop.reads, columns, where, Division())
    if not sql:
        return ""
    _, *answer = next(iter(reader.ask(sql)), ("", 0, 0, 0, 0))
    return "" if int(str(answer[-1])) else server_sum(tuple(answer))


def otherwise_written(
    engine: Engine, asked: Asked, forms: Collection[str], total: Callable[[pa.RecordBatch, Sequence[Canon]], Any]
) -> str:
    """The first of these forms of whose specimen a server's checksum is not the client's; '' if there is none."""
    for canon, batch in specimens():
        sql = engine.specimen(asked, canon) if canon.form in forms else ""
        if sql and server_sum(asked.ask(sql)[0]) != total(batch, [canon]).text():
            return canon.form
    return ""


def server_sum(answer: Row) -> str:
    """The text of a server's answer (rows, high, low, rows without a checksum).

    EngineError if a row has none: MariaDB hashes a row above max_allowed_packet to NULL.
    """
    count, high, low, bad = (int(str(value or 0)) for value in answer)
    if bad:
        raise EngineError(f"The server computed no checksum for {bad} of {count} rows.")
    return sum_text(count, high, low)


def _checksum_sql(engine: Engine, session: Session, hop: Hop, relation: Relation, where: str) -> str:
    columns = [(engine.quote(c.target), c.canon, c.stored) for c in hop.columns]
    return engine.checksum(session, relation, columns, where)


def sum_text(count: int, high: int, low: int) -> str:
    """The printable form of a checksum, as ropeway.verify.checksum.Sum prints it."""
    return f"{count}:{high % MODULUS:016x}{low % MODULUS:016x}"


def read_back(engine: Engine, address: Address, hop: Hop, checksum: Call, where: str = "") -> str:
    """The checksum of a hop's target, read by the target's own mapping rules through Ropeway's driver."""
    add, canons = function_of(checksum), [column.canon for column in hop.columns]
    total = None
    for batch in rows_of(engine, address, replace(backwards(engine, hop), where=where)):
        one = add(batch, canons)
        total = one if total is None else total + one
    return str(total.text()) if total else sum_text(0, 0, 0)


def parts_back(
    engine: Engine, address: Address, hop: Hop, checksum: Call, lying: Mapping[int, Sequence[Cut]]
) -> dict[int, str] | None:
    """The checksum of each part of a hop's target, read back; None where the parts are not all that it holds."""
    add, canons, back = function_of(checksum), [column.canon for column in hop.columns], backwards(engine, hop)
    source = engine.open(address, [back], "none", 1)
    try:
        reader, found, rows = source.readers()[0], {}, 0
        for number, cuts in lying.items():
            total = None
            for cut in cuts:
                for batch in flow(back, Slice(1, cut), reader, _BATCH_BYTES):
                    one = add(batch, canons)
                    total = one if total is None else total + one
                    rows += batch.num_rows
            found[number] = str(total.text()) if total else sum_text(0, 0, 0)
        return found if rows == reader.count(back) else None
    finally:
        source.close()


def rows_again(engine: Engine, address: Address, hop: Hop) -> Iterator[pa.RecordBatch] | None:
    """All rows of a hop by another driver than the one that moves them; None where the engine has no second one."""
    again = getattr(engine, "again", None)
    return _read_by(again(address), hop) if again and not hop.query and not hop.transforms else None


def _read_by(reader: Any, hop: Hop) -> Iterator[pa.RecordBatch]:
    with closing(reader):
        yield from flow(hop, Slice(1, Cut()), reader, _BATCH_BYTES)


def rows_of(
    engine: Engine, address: Address, hop: Hop, refuse: Refuse | None = None
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """All rows of a hop, in one stream of its own; those that cannot come are an error, or are told to `refuse`."""
    source = engine.open(address, [hop], "none", 1)
    try:
        yield from flow(hop, Slice(1, Cut()), source.readers()[0], _BATCH_BYTES, refuse=refuse)
    finally:
        source.close()


def backwards(engine: Engine, hop: Hop) -> Hop:
    """The hop that reads what a hop wrote, by the target's own mapping rules, under the same names."""
    columns = []
    for column in hop.columns:
        stored, rule = _written(engine, column)
        project = rule.projected(stored, engine.quote(column.target))
        meaning = rule.type(split(stored))
        columns.append(replace(column, source=column.target, project=project, type=meaning, zone=""))
    whole = (Slice(1, Cut()),)
    return replace(hop, reads=hop.writes, columns=tuple(columns), slices=whole, where="", query="", limit=0, raw="",
                   transforms=(), reading=(), over=(), follows=())  # fmt: skip


def _written(engine: Engine, column: ColumnPlan) -> tuple[str, Read]:
    """The word that a written column is read back by, and its rule."""
    # Where the profile decided for another kind than the declaration's, the same word brings it back.
    declared = ((column.stored, f"{column.stored}, as {column.type.kind}"), (column.stored, column.stored))
    # A column of any size takes values with more digits than were written.
    spare = MOST_DIGITS - column.type.precision
    wide = f"{column.stored}({MOST_DIGITS},{column.type.scale + spare // 2})"
    for word, asked in (*declared, *([(wide, wide)] if column.type.unbounded else [])):
        if rule := read_rule(engine.reads, asked):
            return word, rule
    raise AssertionError(f"{engine.name} writes {column.native} and cannot read it")
