"""Rows of the source that will break a constraint of the target, looked for where the source cannot vouch for them.

That is where its engine does not check what it declares, where a condition takes the parents away, and where the
target takes for equal what the source tells apart. What the source's engine guarantees costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..access import permitted
from ..plan import Constraint, Finding, Statement
from .catalogue import Check, ForeignKey, Relation, Table
from .entry import Ends, Entry
from .equality import Look, apart, coarser, selected
from .expectations import expected
from .sql import first
from .violations import breaking, nulls, orphans

_LOOKED = 2_000_000  # rows of a table at most: 500,000 took up to 2.4 s
_COUNTED = 1_000


def carried_as(entry: Entry, ends: Ends) -> Entry:
    """The entry with its constraints as unproven as the source's are, where the target has a word for that."""
    if entry.mode not in ("create", "replace"):
        return entry
    words = ends.target_words.unproven
    keys = tuple(replace(fk, state=fk.state if fk.state in words else "") for fk in entry.table.foreign_keys)
    checks = tuple(replace(check, state=check.state if check.state in words else "") for check in entry.table.checks)
    kept = [f"foreign key {fk.name} stays {fk.state}" for fk in keys if fk.state]
    kept += [f"check {check.name} stays {check.state}" for check in checks if check.state]
    notes = tuple(Finding("note", str(entry.table.name), said, "constraint-unproven") for said in kept)
    table = replace(entry.table, foreign_keys=keys, checks=checks)
    return replace(entry, table=table, findings=(*entry.findings, *notes))


def doubts(
    ends: Ends, entries: Sequence[Entry], statements: Sequence[Statement], existing: dict[Relation, Table],
    *, rejects: bool = False,
) -> list[Finding]:  # fmt: skip
    """The findings: blockers where the run would stop, warnings where it does without the constraint, or `rejects`."""
    if ends.target.landing != "transaction":
        return []
    sources = {entry.source.name: entry for entry in entries if entry.asked}
    rules = {
        (s.hop, s.constraint.kind.split()[0], _told(s.constraint)): s.constraint.otherwise
        for s in statements
        if s.constraint
    }
    found: list[Finding] = []
    for entry in sources.values():
        assert entry.hop  # noqa: S101 - hops are made before
        if entry.hop.limit:
            continue
        for kind, name, columns, words, listing in _looks(ends, entry, sources, existing.get(entry.table.name)):
            # An append's rows meet the table's rules all at once, when they are published.
            otherwise = "reject" if rejects and entry.mode != "append" else ""
            choice = rules.get((entry.hop.name, kind, columns), otherwise)
            with permitted(ends.source):
                found += _finding(ends, entry, listing, name, words, choice)
    return found


def _told(rule: Constraint) -> tuple[str, ...]:
    """What tells a constraint of a table from its others."""
    return (rule.name,) if rule.kind == "check" else rule.columns


def _looks(ends: Ends, entry: Entry, sources: dict[Relation, Entry], existing: Table | None) -> Iterator[Look]:
    """What to look for: the constraint's kind, the finding's name, the target's columns or check, words, query."""
    on = selected(ends, entry)
    listed = f"{on} t"
    if entry.mode in ("create", "replace"):
        empty = [name for name in entry.source.key if entry.source.column(name).nullable]
        if empty and entry.table.key:
            yield (
                "null",
                "nulls",
                entry.table.key,
                f"primary key on {', '.join(empty)}",
                nulls(ends.source, listed, empty),
            )
        for fk in entry.table.foreign_keys:
            own = _own(entry, fk, sources)
            if own and not fk.state and _doubtful(ends, own, entry, sources[own.references]):
                parent = selected(ends, sources[own.references])
                words = f"foreign key on {', '.join(own.columns)} to {own.references}"
                otherwise = apart(ends, own, entry, sources[own.references])
                finer = [name for name, one in otherwise.items() if one.finer]
                if finer:
                    words += f" ({', '.join(finer)} takes texts for equal that the target does not)"
                yield "foreign", "orphans", fk.columns, words, orphans(ends.source, on, own, parent, otherwise)
        for check in entry.source.checks:
            if check.state and _is_proven(check, entry.table):
                yield "check", "broken-check", (check.name,), f"check {check.name}", breaking(listed, check.condition)
    elif existing and ends.source.landing == "transaction":  # files take no SQL
        yield from expected(ends, entry, sources, on)
    yield from coarser(ends, entry, existing)


def _own(entry: Entry, fk: ForeignKey, sources: dict[Relation, Entry]) -> ForeignKey | None:
    """The source's foreign key that became one of the target's, perhaps in another order of its columns."""
    goal = {column.source: column.target for column in entry.columns}
    for own in entry.source.foreign_keys:
        parent = sources.get(own.references)
        if not parent or parent.table.name != fk.references:
            continue
        there = {column.source: column.target for column in parent.columns}
        pairs = {(goal.get(c), there.get(r)) for c, r in zip(own.columns, own.referenced, strict=True)}
        if pairs == set(zip(fk.columns, fk.referenced, strict=True)):
            return own
    return None


def _doubtful(ends: Ends, own: ForeignKey, entry: Entry, parent: Entry) -> bool:
    filtered = entry.choice.where or parent.choice.where
    doubted = not ends.source.proves_references or own.state or filtered
    return bool(doubted or any(one.finer for one in apart(ends, own, entry, parent).values()))


def _is_proven(check: Check, table: Table) -> bool:
    return any(one.name == check.name and not one.state for one in table.checks)


def _finding(ends: Ends, entry: Entry, listing: str, name: str, words: str, choice: str) -> list[Finding]:
    """What the rows say; `choice` is what becomes of the constraint, '' where no statement makes it after the rows."""
    where = str(entry.source.name)
    if not listing:
        said = f"nobody looked for rows that break the {words}: only the target can compare them"
        return [Finding("note", where, said, "not-looked-for")]
    if entry.source.rows > _LOOKED:
        said = f"nobody looked for rows that break the {words}: the table is large"
        return [Finding("note", where, said, "not-looked-for", f"This query lists them: {listing}")]
    rows = ends.source_session.ask(first(ends.source, listing, _COUNTED + 1))
    if not rows:
        return []
    most = "more than " if len(rows) > _COUNTED else ""
    what = {"duplicates": "key", "orphans": "reference"}.get(name, "row")
    several = len(rows) > 1
    example = ", ".join("NULL" if value is None else repr(value) for value in rows[0][:4])
    said = f"{most}{min(len(rows), _COUNTED):,} {what}{'s break' if several else ' breaks'} the {words}, as ({example})"
    remedy = f"Mend them in the source; this query lists them: {listing}."
    if choice == "reject":
        remedy += " They are rejected as they come, as far as --max-rejects allows."
    elif not choice:
        remedy += f" {ends.target.name} refuses such rows as they come, whatever --on-violation says."
    elif choice == "stop" and entry.mode != "fill":  # which puts back what was there
        remedy += " Or --on-violation leave-out, which does without it, or quarantine, which moves such rows aside."
    return [Finding("blocker" if choice in ("", "stop") else "warning", where, said, name, remedy)]
