"""Whose the target's tables are and who may use them: owner and grants, after all else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import RequestError
from ..plan import Constraint, Finding, Statement
from .catalogue import Grant, Relation, Table
from .entry import Entry
from .further import Around, Carried, listed, sequences, views
from .selection import Selected


@dataclass(frozen=True)
class Beyond:
    """What goes with the tables: sequences before them, views and grants after them, and what is only listed."""

    sequences: Carried
    views: Carried
    grants: Carried
    listed: tuple[Finding, ...]

    @property
    def findings(self) -> list[Finding]:
        """All of theirs."""
        return [*self.sequences.findings, *self.views.findings, *self.grants.findings, *self.listed]


def beyond(around: Around, selected: Sequence[Selected], entries: Sequence[Entry], tables: Sequence[Table]) -> Beyond:
    """All that belongs to the tables that are moved, as far as the target can have it."""
    counting, seen = sequences(around, entries), views(around, selected, entries, tables)
    made = [entry.source.name for entry in entries if entry.mode == "create"]
    return Beyond(counting, seen, granted(around, [*made, *counting.made, *seen.made]), tuple(listed(around)))


# What GRANT calls the same in every engine that has it.
COMMON = ("SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES", "TRIGGER")


def owned(around: Around, made: Sequence[Statement]) -> Carried:
    """Give what the plan makes to the role that was asked for. RequestError if there is none, or no owners."""
    role, words = around.request.target_owner, around.ends.target_words
    if not role:
        return Carried()
    if not words.owner:
        raise RequestError(f"{around.ends.target.name} knows no owners of tables.", remedy="Leave out --target-owner.")
    if role not in words.accounts:
        raise RequestError(f"There is no role {role} in the target.", remedy="Create it there first.")
    statements = []
    for kind, name in _made(made):
        target = around.ends.target.relation(name)
        forward = words.owner.format(kind=kind, name=target, role=words.accounts[role])
        back = words.owner.format(kind=kind, name=target, role="CURRENT_USER")
        statements.append(Statement(f"give {name} to {role}", "after", forward, back=back, after=("*",), atomic=True))
    return Carried(tuple(statements))


def _made(statements: Sequence[Statement]) -> list[tuple[str, Relation]]:
    """The relations that statements make, each with its kind, as GRANT and ALTER say it."""
    found = []
    for statement in statements:
        word, _, rest = statement.name.partition(" ")
        kind, _, name = rest.partition(" ")
        if word == "create" and kind in ("table", "view", "sequence") and not name.endswith(("_staging", "_preimages")):
            schema, _, table = name.partition(".")
            kind = "MATERIALIZED VIEW" if "MATERIALIZED VIEW" in statement.forward[:40] else kind.upper()
            found.append((kind, Relation(schema, table)))
    return found


def granted(around: Around, carried: Sequence[Relation]) -> Carried:
    """Grants to roles that the target has; the others are listed. `carried` are relations of the source."""
    ends, same = around.ends, around.ends.source.family == around.ends.target.family
    statements, lost = [], []
    for grant in around.found.grants:
        if grant.name not in carried:
            continue
        account = ends.target_words.accounts.get(grant.role)
        if account is None or not (same or grant.privilege in COMMON):
            lost.append(f"{grant.privilege} on {grant.name} to {grant.role}")
            continue
        statements.append(_statement(grant, around, account))
    said = f"grants are not carried, as the target has no such role or privilege: {'; '.join(lost)}"
    remedy = "Create the roles in the target and plan again, or grant by hand."
    findings = (Finding("note", "source", said, "grants-lost", remedy),) if lost else ()
    return Carried(tuple(statements), findings)


def _statement(grant: Grant, around: Around, account: str) -> Statement:
    goal = around.names.get(grant.name) or around.home(grant.name)
    name = around.ends.target.relation(goal)
    forward = f"GRANT {grant.privilege} ON {name} TO {account}"
    revoke = getattr(around.ends.target, "revoke", None)  # elsewhere it goes with what it is on, which the run makes
    return Statement(
        f"grant {grant.privilege} on {goal} to {grant.role}", "after", forward,
        back=revoke(grant.privilege, goal, account) if revoke else "", after=("*",), spare=True,
        atomic=around.ends.target.atomic_ddl, constraint=Constraint(
            "grant", f"of {grant.privilege} to {grant.role}", goal, (), "", otherwise="leave-out", later=forward
        ),
    )  # fmt: skip
