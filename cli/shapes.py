"""The JSON that commands print, in one place, because scripts depend on it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..transfer.engine import Receipt
from ..transfer.gathering import Merged
from ..transfer.plan import Hop, Plan, hash_of, to_json
from ..transfer.quarantine import Quarantined
from ..transfer.schema.catalogue import Table
from ..transfer.schema.rollback import Ways
from ..transfer.violation import LeftOut, described
from ..verify.report import NOT_VERIFIED, Report, TableReport
from .wire import Outcome

if TYPE_CHECKING:
    from .mending import Repair
    from .staging import Reshaped


def run_shape(outcome: Outcome, seconds: Mapping[str, float]) -> dict[str, Any]:
    """A finished run; `seconds` are those of each hop by the clock."""
    receipts: defaultdict[str, list[Receipt]] = defaultdict(list)
    for receipt in outcome.receipts:
        if receipt.slice:
            receipts[receipt.hop].append(receipt)
    claims = {(one.source, one.target): one for one in outcome.report.tables} if outcome.report else {}
    aside = Counter[str]()
    for one in outcome.quarantined:
        aside[str(one.table)] += one.rows
    tables = [
        _table_shape(
            hop,
            receipts[hop.name],
            claims.get((hop.named, str(hop.writes))),
            seconds,
            aside[str(hop.writes)],
            sum(one.removed for one in outcome.merged if one.hop == hop.name),
        )
        for hop in outcome.plan.hops
    ]
    return {
        "status": "done" if outcome.report is None or outcome.report.equal else "different",
        "run": outcome.plan.run,
        "seconds": outcome.seconds,
        "rows": sum(table["loaded"] for table in tables),
        "waived": list(outcome.plan.waived),
        "sealed": [asdict(seal) for seal in outcome.plan.sealed],
        "left_out_constraints": [_left_out_shape(one) for one in outcome.left_out],
        "quarantined": [_quarantined_shape(one) for one in outcome.quarantined],
        "merged": [_merged_shape(outcome.plan, one) for one in outcome.merged],
        "reshaped": [_reshaped_shape(one) for one in outcome.reshaped],
        "tables": tables,
    }


def _left_out_shape(one: LeftOut) -> dict[str, Any]:
    rule, found = one.constraint, one.offending
    return {
        "constraint": rule.name,
        "kind": rule.kind,
        "table": str(rule.table),
        "columns": list(rule.columns),
        "message": described(rule, found),
        "keys": [list(key) for key in found.keys],
        "rows": found.rows,
        "more": found.more,
        "query": rule.offenders,
        "kept": rule.kept,
        "later": rule.later,
    }


def _merged_shape(plan: Plan, one: Merged) -> dict[str, Any]:
    """`rows` were merged `into` so many others, some by `approved` pairs; the `list` names each, and what stays.

    So many pairs are `proposed`, in the file `review`, and so many that were approved are `left` as they are.
    So many blocks are `uncompared`. Of a table that several sources feed `into` is of these rows alone, and the
    `whole` of those of all.
    """
    hop = plan.hop(one.hop)
    fed = len(plan.feeders(hop)) > 1
    return {
        "source": hop.named, "table": str(hop.writes), "rows": one.removed, "into": one.into, "list": one.file,
        "approved": one.approved, "proposed": one.proposed, "review": one.review, "left": one.left,
        "uncompared": one.uncompared, "whole": one.whole,
        "named": f"{hop.named} in {hop.writes}" if fed else str(hop.writes),
        "map": str(hop.keymap.writes) if hop.keymap else "",
    }  # fmt: skip


def _reshaped_shape(one: Reshaped) -> dict[str, Any]:
    """What a query made: `rows` out of so many of each table that it saw."""
    seen = [{"source": name, "rows": rows, "instant": instant} for name, rows, instant in one.sources]
    return {"table": one.target, "rows": one.rows, "from": seen}


def _quarantined_shape(one: Quarantined) -> dict[str, Any]:
    return {"table": str(one.table), "constraint": one.constraint, "rows": one.rows, "lie_in": str(one.lie_in)}


def _table_shape(
    hop: Hop,
    receipts: Sequence[Receipt],
    claim: TableReport | None,
    seconds: Mapping[str, float],
    aside: int,
    gone: int,
) -> dict[str, Any]:
    """A table's rows balance: those that were moved `aside` again count as rejected, and no longer as loaded."""
    return {
        "source": hop.named,
        "target": str(hop.writes),
        "instant": ", ".join(sorted({receipt.instant for receipt in receipts})),
        "read": sum(receipt.read for receipt in receipts),
        "loaded": sum(receipt.loaded for receipt in receipts) - aside,
        "filtered": sum(r.read - r.loaded - r.rejected for r in receipts) - gone if hop.transforms else 0,
        "deduplicated": gone,
        "rejected": sum(receipt.rejected for receipt in receipts) + aside,
        "verified": {
            "level": claim.level if claim else "none",
            "claim": claim.claim if claim else NOT_VERIFIED,
            "reason": claim.reason if claim else "no verification was asked for",
            "asked": claim.asked if claim else "",
        },
        "seconds": seconds.get(hop.name, round(sum(receipt.seconds for receipt in receipts), 3)),
    }


def verify_shape(report: Report) -> dict[str, Any]:
    """A verification. Partitions are null where no checksum of theirs is known."""
    return {
        "equal": report.equal and all(table.equal for table in report.tables),
        "level": report.level,
        "source": report.source,
        "target": report.target,
        "run": report.run,
        "tables": [
            {
                "source": table.source,
                "target": table.target,
                "equal": table.equal,
                "claim": table.claim,
                "rows_source": table.rows_source,
                "rows_target": table.rows_target,
                "partitions": table.segments if table.segments >= 0 else None,
                "differing_partitions": table.differing_segments if table.segments >= 0 else None,
                "stretches": [asdict(one) for one in table.stretches],
                "differences": [asdict(one) for one in table.found.first] if table.found else [],
                "found": _found_shape(table),
                "reason": table.reason,
                "how": table.how,
                "asked": table.asked,
                "left_out": list(table.left_out),
                "rejected": table.rejected,
                "refused": table.refused,
                "checksum_source": table.checksum_source,
                "checksum_target": table.checksum_target,
            }
            for table in report.tables
        ],
    }


def repair_shape(found: Repair, *, done: bool) -> dict[str, Any]:
    """What would set the target right, and whether that was done."""
    tables = [
        {
            "target": one.target, "insert": one.tasks.insert, "update": one.tasks.update, "delete": one.tasks.delete,
            "columns": list(one.tasks.columns), "statements": list(one.statements),
            "reaches": [asdict(reach) for reach in one.reaches],
        }
        for one in found.tables
    ]  # fmt: skip
    return {"done": done, "tables": tables}


def _found_shape(table: TableReport) -> dict[str, Any] | None:
    """What the rows of differing segments showed: of so many segments, so many rows of each kind."""
    if table.found is None:
        return None
    kinds = {kind: getattr(table.found, kind) for kind in ("missing", "extra", "changed")}
    return {"segments": table.looked_at, "rows": table.found.rows, **kinds, "columns": dict(table.found.columns)}


def plan_shape(plan: Plan) -> dict[str, Any]:
    """A plan as it is stored, with its hash and how it is undone."""
    return {"run": plan.run, "hash": hash_of(plan), "rollback": _ways_shape(plan), **json.loads(to_json(plan))}


def _ways_shape(plan: Plan) -> dict[str, Any]:
    """The class of the whole, of each statement and of each table's rows, with the reason where one is given."""
    ways = Ways(plan)
    statements = [(statement.name, *ways.of(statement)) for statement in plan.statements]
    rows = [(str(hop.writes), *ways.of_rows(hop)) for hop in plan.hops]
    return {
        "class": ways.of_all(),
        "statements": [{"name": name, "class": kind, "why": why} for name, kind, why in statements],
        "rows": [{"table": name, "class": kind, "why": why} for name, kind, why in rows],
    }


def inspect_shape(place: str, tables: Sequence[Table]) -> dict[str, Any]:
    """The tables of a place; rows and bytes are the engine's estimates, null where it has none."""
    return {
        "place": place,
        "tables": [
            {
                "table": str(table.name),
                "kind": table.kind,
                "rows": table.rows if table.rows >= 0 else None,
                "bytes": table.bytes if table.bytes >= 0 else None,
                "key": list(table.key),
                "columns": [
                    {"name": c.name, "type": c.native, "nullable": c.nullable, "identity": c.identity}
                    for c in table.columns
                ],
                "indexes": [{"name": i.name, "columns": list(i.columns), "unique": i.unique} for i in table.indexes],
                "foreign_keys": [
                    {"columns": list(f.columns), "references": str(f.references), "referenced": list(f.referenced)}
                    for f in table.foreign_keys
                ],
                "not_carried": list(table.left_out),
            }
            for table in tables
        ],
    }
