"""Pairs of rows that are much alike: what a run says of those that it proposes, and of those that a person approved.

What is approved is part of the plan, and the journal keeps its sum with what was decided by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import RequestError
from .job import Job
from .plan import Call, Hop, Plan
from .stage import Stage

FOLDER = Path(".ropeway")
_SHOWN = 3  # pairs or blocks that a message names


def review_of(run: str) -> Path:
    """Where the files lie for people. They stay when a run is forgotten, for a person's work is in them."""
    return FOLDER / run / "review"


def approved_sum(hop: Hop) -> str:
    """By which the pairs are told that are approved of a hop's rows; '' for none."""
    texts = [text for call in hop.over for name, text in call.arguments if name == "approved"]
    return hashlib.sha256(texts[0].encode()).hexdigest()[:12] if texts else ""


def check_approved(hop: Hop, known: str) -> None:
    """RequestError if other pairs are approved now than those by which was decided."""
    if approved_sum(hop) != known:
        raise RequestError(
            f"{hop.reads}: other pairs are approved now than when the run decided which rows are one.",
            table=str(hop.reads),
            remedy="Go on with the file as it was (or without one, if there was none), or begin anew with --fresh.",
        )


def approving(plan: Plan, over: Mapping[str, tuple[Call, ...]]) -> Plan:
    """The plan with the pairs that the steps over all rows, by hop, approve; nothing else of a step is another."""

    def asked(calls: tuple[Call, ...]) -> list[tuple[str, list[tuple[str, str]]]]:
        return [(call.function, [one for one in call.arguments if one[0] in ("spec", "map")]) for call in calls]

    hops = [
        replace(hop, over=over[hop.name]) if asked(hop.over) == asked(over.get(hop.name, ())) else hop
        for hop in plan.hops
    ]
    return replace(plan, hops=tuple(hops))


def rehearsed(over: tuple[Call, ...]) -> tuple[Call, ...]:
    """The steps over all rows of a rehearsal, which waits for nobody and makes nothing but its scratch tables."""
    return tuple(
        replace(call, arguments=tuple(one for one in call.arguments if one[0] not in ("map", "wait"))) for call in over
    )


def reviewed(job: Job, stage: Stage, similar: Any, decision: Any, proposed: Any) -> dict[str, Any]:
    """Say what is proposed and what was not merged; the journal's figures of it. RequestError where the run waits."""
    hop, said = stage.hop, job.progress.said
    review = review_of(job.plan.run)
    if decision.left:
        similar.leave(stage, review, decision.left)
        first = "; ".join(f"pair {pair}: {why}" for pair, why in decision.left[:_SHOWN])
        said(f"{hop.reads}: {len(decision.left):,} approved pairs are not merged ({first}), all listed in {review}.")
    if proposed.blocks:
        first = ", ".join(f"{name!r} ({rows:,} rows)" for name, rows in proposed.blocks[:_SHOWN])
        said(
            f"{hop.reads}: {len(proposed.blocks):,} blocks of more than {similar.largest:,} rows were not compared: "
            f"{first}, all listed in {review}."
        )
    if proposed.pairs:
        said(f"{hop.reads}: {proposed.pairs:,} pairs are much alike, and are not merged: see {proposed.file}.")
    if proposed.pairs and similar.wait and similar.approved is None:
        raise RequestError(
            f"{hop.reads}: the run waits for what becomes of {proposed.pairs:,} pairs of rows in {proposed.file}. "
            "Nothing of the table is loaded yet.",
            table=str(hop.reads),
            remedy="Write yes in the column approve where two rows are one, name the file in the job (approved: FILE, "
            "beside wait), and go on with --resume.",
        )  # fmt: skip
    # In short words: a journal's entry has 200 letters at most.
    figures = {
        "by": decision.approved, "alike": proposed.pairs, "left": len(decision.left), "large": len(proposed.blocks),
        "file": proposed.file.name if proposed.file else "", "pairs": approved_sum(hop),
    }  # fmt: skip
    return {name: figure for name, figure in figures.items() if figure}
