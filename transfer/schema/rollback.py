"""How a plan is undone: each statement's class, the rows', and that of the whole."""

from __future__ import annotations

from functools import cached_property

from ..plan import Hop, Plan, Statement

REVERSIBLE, COPY, IRREVERSIBLE = "reversible", "reversible with data copy", "irreversible"
CLASSES = (REVERSIBLE, COPY, IRREVERSIBLE)


class Ways:
    """The ways back of a plan. What they need to know of it is looked up once: plans have thousands of statements."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._hops = {hop.name: hop for hop in plan.hops}
        self._added = {name for seal in plan.sealed for name in seal.added}

    @cached_property
    def _making(self) -> set[str]:
        """The hops into tables that the run makes."""
        return {s.hop for s in self._plan.statements if s.hop and _plain(s).startswith("create table ")}

    @cached_property
    def _publishing(self) -> set[str]:
        """The hops whose rows can be taken out again."""
        return {s.hop for s in self._plan.statements if s.hop and s.phase == "after" and s.back}

    def of(self, statement: Statement) -> tuple[str, str]:
        """A statement's class, and why."""
        name, hop = _plain(statement), self._hops.get(statement.hop)
        if statement.phase == "swap" and statement.back and name.startswith("swap "):
            return COPY, "the old table is kept until 'ropeway clean'"
        if statement.back:
            publishes = name.startswith("publish into ")
            return (COPY, "its rows are known by the staging table") if publishes else (REVERSIBLE, "")
        if statement.name in self._added or name.startswith(("before: ", "after: ")):
            return IRREVERSIBLE, "nobody but you knows how to undo it"
        if name.startswith("create schema "):
            return REVERSIBLE, "the schema stays, empty"
        if hop and (hop.mode == "create" or (hop.mode == "replace" and hop.name in self._making)):
            return REVERSIBLE, "it goes with its table"
        return (IRREVERSIBLE, "") if hop else (REVERSIBLE, "it changes nothing that was there")

    def of_rows(self, hop: Hop) -> tuple[str, str]:
        """The class of what becomes of a hop's rows and of those that were there, and why."""
        if hop.mode == "truncate":
            return IRREVERSIBLE, "the rows that were there are deleted"
        if hop.mode == "merge":
            return IRREVERSIBLE, "pre-images of changed rows are kept, and nothing tells inserted rows from older ones"
        if hop.mode == "append":
            keyed = hop.name in self._publishing
            return (COPY, "by the staging table") if keyed else (IRREVERSIBLE, "without a key no row can be taken out")
        if hop.mode not in ("create", "replace"):
            return IRREVERSIBLE, "its rows lie in a table that was there"
        return (COPY, "the old table is kept") if hop.into != hop.writes else (REVERSIBLE, "they go with their table")

    def of_all(self) -> str:
        """The worst of all."""
        found = [self.of(statement)[0] for statement in self._plan.statements]
        found += [self.of_rows(hop)[0] for hop in self._plan.hops]
        return max(found, key=CLASSES.index, default=REVERSIBLE)


def _plain(statement: Statement) -> str:
    return statement.name.split(" ", 1)[1]
