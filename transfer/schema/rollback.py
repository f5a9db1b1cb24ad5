"""How a plan is undone: each statement's class, the rows', and that of the whole."""

from __future__ import annotations

from ..plan import Hop, Plan, Statement

REVERSIBLE, COPY, IRREVERSIBLE = "reversible", "reversible with data copy", "irreversible"
CLASSES = (REVERSIBLE, COPY, IRREVERSIBLE)


def class_of(statement: Statement, plan: Plan) -> tuple[str, str]:
    """A statement's class, and why."""
    added = {name for seal in plan.sealed for name in seal.added}
    name = statement.name.split(" ", 1)[1]
    hop = next((hop for hop in plan.hops if hop.name == statement.hop), None)
    if statement.phase == "swap" and statement.back and name.startswith("swap "):
        return COPY, "the old table is kept until 'ropeway clean'"
    if statement.back:
        publishes = hop is not None and hop.mode == "append" and statement.phase == "after"
        return (COPY, "its rows are known by the staging table") if publishes else (REVERSIBLE, "")
    if statement.name in added or name.startswith(("before: ", "after: ")):
        return IRREVERSIBLE, "nobody but you knows how to undo it"
    if name.startswith("create schema "):
        return REVERSIBLE, "the schema stays, empty"
    if hop and (hop.mode == "create" or (hop.mode == "replace" and _makes(plan, hop))):
        return REVERSIBLE, "it goes with its table"
    return (IRREVERSIBLE, "") if hop else (REVERSIBLE, "it changes nothing that was there")


def _makes(plan: Plan, hop: Hop) -> bool:
    """Whether the run makes the table into which a hop's rows go."""
    return any(s.hop == hop.name and s.name.split(" ", 1)[1].startswith("create table ") for s in plan.statements)


def class_of_rows(hop: Hop, plan: Plan) -> tuple[str, str]:
    """The class of what becomes of a hop's rows and of those that were there, and why."""
    if hop.mode == "truncate":
        return IRREVERSIBLE, "the rows that were there are deleted"
    if hop.mode == "merge":
        return IRREVERSIBLE, "pre-images of changed rows are kept, and nothing tells inserted rows from older ones"
    if hop.mode == "append":
        keyed = any(s.back for s in plan.statements if s.hop == hop.name and s.phase == "after")
        return (
            (COPY, "by the staging table") if keyed else (IRREVERSIBLE, "without a key no row can be taken out again")
        )
    return (COPY, "the old table is kept") if hop.into != hop.writes else (REVERSIBLE, "they go with their table")


def class_of_plan(plan: Plan) -> str:
    """The worst of all."""
    found = [class_of(statement, plan)[0] for statement in plan.statements]
    found += [class_of_rows(hop, plan)[0] for hop in plan.hops]
    return max(found, key=CLASSES.index, default=REVERSIBLE)
