"""Tables whose rows go into themselves: found by what both places really reach, refused where that cannot be right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..commit import script
from ..engine import Engine
from ..errors import RequestError
from ..plan import Finding, Hop, Statement, Swap, Upon
from ..request import Request
from .attached import Attached, Child, Exchange
from .catalogue import Relation
from .entry import Ends, Entry


def settled(request: Request, ends: Ends, entries: Sequence[Entry]) -> list[Entry]:
    """The tables, of which those that go into themselves know it. RequestError for what such a table cannot have."""
    _check_kept(request, ends, entries)
    if not request.moves or not _is_one_place(ends):
        return list(entries)
    mine = [
        entry for entry in entries
        if entry.read.kind != "query" and _spelled(entry, ends, entry.read.name) == _spelled(entry, ends)
    ]  # fmt: skip
    for entry in entries:
        if entry not in mine:
            texts = _texts(ends, entry) if entry.read.kind in ("query", "view") else []
            _check_other(entry, texts)
            _check_crossed(ends, entry, entries, texts)
    for entry in mine:
        _check(request, ends, entry)
    among = tuple(entry.table.name for entry in mine)
    return [_upon(request, ends, entry, among) if entry in mine else entry for entry in entries]


def _check_kept(request: Request, ends: Ends, entries: Sequence[Entry]) -> None:
    """RequestError where `keep` would promise what nobody keeps."""
    replaced = [str(entry.table.name) for entry in entries if entry.mode == "replace"]
    if request.keep and replaced and not hasattr(ends.target, "shut"):
        raise RequestError(
            f"{ends.target.name} does not say when a table was replaced, so {replaced[0]} cannot be kept for a time.",
            table=replaced[0], remedy="Leave out keep: replaced tables are there until 'ropeway clean'.",
        )  # fmt: skip


def _is_one_place(ends: Ends) -> bool:
    """Two URLs may spell one place in many ways, so the places themselves are asked where they can tell."""
    if ends.source.name != ends.target.name or ends.target_session is None:
        return False
    if same := getattr(ends.target, "same", None):
        return bool(same(ends.source_session, ends.target_session))
    one, other = ends.source_address, ends.target_address
    if one is None or other is None:
        return False
    files = [Path(address.database) for address in (one, other)]
    if not one.host and all(file.exists() for file in files):
        return files[0].samefile(files[1])
    accounts = [address.username.lower() if getattr(ends.target, "owned", False) else "" for address in (one, other)]
    places = [(address.host.lower(), address.port, address.database.lower()) for address in (one, other)]
    return places[0] == places[1] and accounts[0] == accounts[1]


def _spelled(entry: Entry, ends: Ends, name: Relation | None = None) -> tuple[str, str]:
    found, address = name or entry.table.name, ends.source_address if name else ends.target_address
    home = address.database if address and getattr(ends.target, "within_database", False) else ""
    made = (found.schema or ends.target.default_schema or home, found.table)
    return (made[0].lower(), made[1].lower()) if ends.target.folds_tables(ends.target_session) else made


def _check(request: Request, ends: Ends, entry: Entry) -> None:
    name, hop = str(entry.table.name), entry.hop
    assert hop  # noqa: S101 - made before
    said = ""
    if entry.read.kind != "table":
        said, remedy = "is its own source, and no ordinary table", "Give it another name with 'to:'."
    elif entry.read.name != entry.table.name and getattr(ends.target, "within_database", False):
        said, remedy = "is its own source by another database than the target's", "Name its database in both URLs."
    elif hop.mode != "replace":
        said = f"is its own source, and mode {hop.mode} would read what it writes"
        remedy = "A table is cleaned up in place with mode: replace."
    elif getattr(ends.target, "attached", None) is None:
        said = f"is its own source, and {ends.target.name} tables cannot be cleaned up in place"
        remedy = "Give it another name with 'to:', and swap the two by hand."
    elif hop.limit:
        said, remedy = "would keep a part of its rows", "Leave out --limit; 'where' says which rows stay."
    elif request.consistency not in ("run", "table"):
        said = f"is its own source, and with --consistency {request.consistency} it is read at no instant that can "
        said += "be proven to be the last one"
        remedy = "Choose run or table."
    elif request.writes not in ends.target.keeps_writers:  # type: ignore[attr-defined]  # where there is `attached`
        said = f"cannot be cleaned up with writes: {request.writes} in {ends.target.name}"
        remedy = "Choose writes: prove, and let writers rest for the time of the run if it has to succeed at once."
    else:
        return
    raise RequestError(f"{name} {said}.", table=name, remedy=remedy)


def _check_other(entry: Entry, texts: Sequence[str]) -> None:
    """A query or a view that may read the table which it replaces: nothing would prove that no write is lost."""
    assert entry.hop  # noqa: S101 - made before
    if entry.mode != "replace" or entry.read.kind not in ("query", "view"):
        return
    if any(_says(text, entry.table.name.table) for text in texts):
        raise RequestError(
            f"{entry.table.name} would be replaced by a {entry.read.kind} that may read it.",
            table=str(entry.table.name),
            remedy="Read the table itself (from:) with where, transforms and dedup, or choose another name with 'to:'.",
        )


def _check_crossed(ends: Ends, entry: Entry, entries: Sequence[Entry], texts: Sequence[str]) -> None:
    """What one table of a job reads, and another writes: what is read later on would be the new rows."""
    assert entry.hop  # noqa: S101 - made before
    read = None if entry.hop.query else _spelled(entry, ends, entry.read.name)
    for other in entries:
        into = other.table.name
        same = read == _spelled(other, ends)
        if other is entry or other.mode == "create" or not (same or any(_says(text, into.table) for text in texts)):
            continue
        raise RequestError(
            f"{into} {'is' if same else 'may be'} read for {entry.table.name}, and is written by the same job.",
            table=str(into),
            remedy="Use two jobs, one after the other; tables that change places are swapped by hand.",
        )


def _texts(ends: Ends, entry: Entry) -> list[str]:
    """What a query or a view is made of: its text, those of the views and functions that it names, and of theirs."""
    assert entry.hop  # noqa: S101 - made before
    there = ends.source.further(ends.source_session)
    named = [(view.name, view.query) for view in there.views] + [(one.name, one.text) for one in there.listed]
    found = [entry.hop.query or next((text for name, text in named if name == entry.read.name), "")]
    if not found[0]:
        return [text for _, text in named]  # a view whose text nobody gives
    for text in found:  # grows as it goes
        found += [of for name, of in named if of not in found and _says(text, name.table)]
    return found


def _says(text: str, name: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE))


def _upon(request: Request, ends: Ends, entry: Entry, among: tuple[Relation, ...]) -> Entry:
    assert entry.hop  # noqa: S101 - made before
    # What hangs on the table goes over with the swap, or is in its way; so do foreign keys to tables that stay.
    staying = {f"foreign key {fk.name}" for fk in entry.read.foreign_keys if ends.home(fk.references, "") not in among}
    findings = [
        one for one in entry.findings
        if not one.message.startswith("not carried: trigger ")
        and not (one.name == "foreign-key-lost" and any(said in one.message for said in staying))
    ]  # fmt: skip
    hop = replace(entry.hop, upon=Upon(request.writes, among))
    why = getattr(ends.target, "unsuited", None)
    if why and (said := why(ends.target_session)):
        raise RequestError(f"{entry.table.name} cannot be cleaned up in place: {said}", table=str(entry.table.name))
    return replace(entry, hop=hop, findings=(*findings, _told(hop, ends.target.proves)))  # type: ignore[attr-defined]  # where there is `attached`


def _told(hop: Hop, speed: int) -> Finding:
    """How long writers wait, by how many rows a second's proof is sure of."""
    assert hop.upon  # noqa: S101 - set by the caller
    rows = max(hop.rows, 0)
    seconds = max(1, round(rows / speed))
    about = f"about {seconds} s for its {rows:,} rows" if hop.rows >= 0 else "the time of one pass over its rows"
    if hop.upon.writes == "block":
        said = (
            "is cleaned up in place: writers wait from the first row that is read to the swap, which is nearly all of "
        )
        said += f"the run (see its time), and readers for the proof that nobody wrote: {about}"
    else:
        said = (
            "is cleaned up in place: readers and writers wait only while the swap proves that nobody wrote since the "
        )
        said += f"rows were read ({about}); if somebody did, the swap stops and the table stays as it is"
    return Finding("note", str(hop.writes), said, "in-place")


def told(statements: Sequence[Statement]) -> list[Finding]:
    """What is different once tables were cleaned up in place."""
    return [
        Finding("warning", str(one.swap.relation), said, "in-place-changed")
        for one in statements
        if one.swap
        for said in one.swap.told
    ]


def swap_of(hop: Hop, shadow: Relation, kept: Relation, lock: str) -> Swap:
    """What a hop's swap is."""
    return Swap(hop.writes, shadow, kept, lock, proven=hop.upon is not None)


def refuse(what: Exchange, gone: Attached) -> None:
    """RequestError for what hangs on the table and cannot go over, by name."""
    if gone.refused:
        raise RequestError(
            f"{what.relation} cannot be cleaned up in place: {', '.join(gone.refused)} would not go over to the new "
            "table.", table=str(what.relation),
            remedy="Drop that first and make it again afterwards, or write into another table with 'to:'.",
        )  # fmt: skip


def proven(engine: Engine, swap: Swap, gone: Attached, what: Exchange, hanging: str) -> Swap:
    """The swap with what has to hold for it."""
    counts = partial(_counts, engine, gone.children)
    found = replace(swap, told=gone.told, hanging=hanging)
    if engine.atomic_ddl:
        return replace(found, counts=(*gone.counts, *counts(what.kept, what.relation)))
    back = counts(what.relation, what.kept, "the table of before")
    found = replace(found, counts=(*gone.counts, *counts(what.relation, what.shadow)), back_counts=back)
    beside = tuple(dict.fromkeys(child.table for child in gone.children))
    return replace(found, beside=beside, parents=gone.parents, mend=script(gone.mend))


def _counts(
    engine: Engine, children: Sequence[Child], before: Relation, after: Relation, where: str = "the new table"
) -> tuple[tuple[str, str], ...]:  # fmt: skip
    """Of each foreign key of others, what it is about and how many rows had a parent in one table and have none in
    the other. By the tables' own names: those that somebody holds locked have no others.
    """
    relation, quote, made = engine.relation, engine.quote, []
    for child in children:
        here = relation(child.table)

        def parent(name: str, child: Child = child, here: str = here) -> str:
            same = [
                f"{name}.{quote(there)} = {here}.{quote(own)}"
                for own, there in zip(child.columns, child.referenced, strict=True)
            ]
            return f"EXISTS (SELECT 1 FROM {name} WHERE {' AND '.join(same)})"

        does = f", and a cascade would {child.does}" if child.does else ""
        made.append((
            f"rows of {child.table} refer by {child.name} to rows that are not in {where}{does}",
            f"SELECT count(*) FROM {here} WHERE {parent(relation(before))} AND NOT {parent(relation(after))}",
        ))  # fmt: skip
    return tuple(made)
