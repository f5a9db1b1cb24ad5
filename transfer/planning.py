"""Planning: from a request and two catalogues to a frozen plan. Reads only; changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from . import empties, oversized, space
from .access import Readable, permitted, writable
from .calls import call
from .canonical import canon_of
from .cutting import WHOLE, slices
from .errors import MissingTable, RequestError
from .gathering import check
from .ledger import number_of
from .looking import Looked, look
from .plan import Call, ColumnPlan, Finding, Hop, Plan, Rename, Slice, Statement
from .policies import choices, may_pass, shared
from .rekeying import rekeyed
from .request import Request, job_of
from .rights import grants, missing
from .rules import Read, Use, write_rule
from .schema import belongings, filling, further, itself, references, rowrules, traits
from .schema.belongings import Beyond
from .schema.bookkeeping import clashes
from .schema.catalogue import Column, ForeignKey, Part, Relation, Table
from .schema.declaring import declared
from .schema.definitions import defined, renames, scope_of, shape
from .schema.distinct import distinct
from .schema.dividing import divided
from .schema.doubts import carried_as, doubts
from .schema.entry import Ends, Entry
from .schema.fitting import fitted, numbered, ordered
from .schema.following import following
from .schema.further import Around
from .schema.groups import unify
from .schema.keymaps import mapped, orphans
from .schema.leaves import Leaves, leaves_of
from .schema.meaning import chosen, meant
from .schema.modes import Made, Move, is_reference, once_swapped, statements_of, statistics
from .schema.names import check_columns, check_spelt
from .schema.objects import carried, told, unmoved
from .schema.order import parents_first
from .schema.quality import rules_of
from .schema.quarantine import QUARANTINE, undoing
from .schema.references import Added
from .schema.risks import of_column, of_key, waived, worst_first
from .schema.selection import Selected
from .schema.staged import bare
from .schema.storing import stored
from .schema.transformed import Reshaped, behind, check_alike, left, referring
from .schema.violations import check_choice, deciding
from .trial import tried
from .types import Fidelity, Type
from .zones import unworded

CHECKSUM = "ropeway.verify.checksum:of_batch"
_MAPS = 100_000  # the hops of key maps are numbered apart, in jobs of several sources too
PARTED = "ropeway.verify.checksum:of_parts"


def new_run() -> str:
    """A run's name: sortable by time, unlikely twice, safe in any engine's names."""
    return datetime.now(UTC).strftime("%y%m%d%H%M%S") + secrets.token_hex(2)


def plan(request: Request, ends: Ends, run: str = "") -> Plan:
    """Plan a job. RequestError for what cannot be done; nothing is changed anywhere."""
    looked, changed = rekeyed(look(request, ends))
    return decided(looked, drafted(looked, changed), run or new_run())


def drafted(looked: Looked, reshaped: Mapping[Relation, Reshaped] | None = None) -> list[Entry]:
    """Each table in the target's types and names; some may be `reshaped` already."""
    request, ends, made = looked.request, looked.ends, dict(reshaped or {})
    for item in looked.selected:
        if item.choice.transforms and item.table.name not in made:
            made[item.table.name] = behind(ends, item, looked.readable.profile(item, raw=False))
    choices = {name: one.selected.choice for name, one in made.items()}
    items = [Selected(item.table, choices.get(item.table.name, item.choice)) for item in looked.selected]
    return [_table_plan(request, ends, item, looked.names, looked.readable, made) for item in items]


def decided(
    looked: Looked, planned: Sequence[Entry], run: str, first: int = 1, beside: Sequence[Table] = ()
) -> Plan:  # fmt: skip
    """The plan of one source's tables, their hops numbered from the first one on; others will be `beside` them."""
    request, ends, around, readable = looked.request, looked.ends, looked.around, looked.readable
    known = {item.table.name: item.table for item in looked.selected}
    there = _there(ends, [entry.table.name for entry in planned])
    others = [one for one in beside if one.name not in {entry.table.name for entry in planned}]
    entries, existing = _placed(request, ends, planned, there, readable, first, others)
    entries = itself.settled(request, ends, following(entries))
    around = replace(around, upon=frozenset(e.read.name for e in entries if e.hop and e.hop.upon))
    beyond = belongings.beyond(around, looked.selected, entries, looked.tables)
    entries = parents_first([further.asking(entry, around, beyond.sequences.made) for entry in entries], ends)
    hops, statements = _assemble(around, entries, run, existing, beyond, looked.tables)
    findings = [*looked.skipped, *(finding for entry in entries for finding in entry.findings), *beyond.findings]
    findings += readable.findings
    if request.moves:
        findings += doubts(ends, entries, statements, existing, rejects=bool(request.max_rejects))
    findings += [*itself.told(statements), *rowrules.told(hops, statements)]
    check(hops)
    for hop in hops:
        if hop.transforms and ends.source_address:
            tried(ends.source, ends.source_address, hop)
    if ends.target_session:
        findings += ends.target.check_target(ends.target_session, hops)
    writing = writable(ends, hops, statements, there)
    findings += [*missing(writing), *space.findings(ends, entries)]
    findings += oversized.findings(ends, [entry for entry in entries if readable.may(entry.source)])
    return Plan(
        source=request.source, target=request.target, hops=tuple(hops), statements=tuple(statements),
        findings=tuple(worst_first(findings)), consistency=request.consistency, level=request.level,
        checksum=_checksum(request), parted=_checksum(request, PARTED),
        locks=ends.source.locks(request.consistency, hops),
        job=job_of(request), run=run, slice_rows=request.slice_rows, waived=waived(request.waive, findings),
        definitions=tuple(
            defined(hop.name, known[e.source.name], e.choice.columns, mode=e.mode, divided=bool(e.table.partitioned))
            for hop, e in zip(hops, entries, strict=True)
        ),
        tables=tuple(shape(entry.table, hop.writes) for hop, entry in zip(hops, entries, strict=True)),
        listed=further.concerned(around), grants=grants(readable.rights, writing),
        renames=tuple(rename for entry in entries for rename in _renames(entry, ends)),
        scope=scope_of(request, around.found, (*beyond.views.made, *beyond.sequences.made)),
        max_rejects=request.max_rejects, keep=request.keep,
    )  # fmt: skip


def _placed(
    request: Request,
    ends: Ends,
    planned: Sequence[Entry],
    there: Sequence[Table],
    readable: Readable,
    first: int,
    beside: Sequence[Table],
) -> tuple[list[Entry], dict[Relation, Table]]:
    """The tables as they fit beside each other and into what is there already, each with its hop."""
    check_alike(planned)
    taken = [*there, *beside]
    planned = ordered(ends.target, distinct(unify(planned, ends), ends, taken))
    planned = [numbered(ends.target, entry) for entry in planned]
    fitting = [fitted(ends.target, entry.mode, entry.table, entry.columns) for entry in planned]
    planned = [
        carried_as(replace(e, table=table, columns=made), ends)
        for e, (table, made) in zip(planned, fitting, strict=True)
    ]
    planned = stored(divided(declared(planned, ends, taken, readable.may), ends, request, taken), ends)
    existing = filling.existing_tables(there, [(entry.table.name, entry.mode) for entry in planned])
    return [
        _with_hop(readable.asked(entry.source), ends, entry, number, existing)
        for number, entry in enumerate(planned, start=first)
    ], existing


def _renames(entry: Entry, ends: Ends) -> list[Rename]:
    made = renames(entry.source, entry.table, entry.columns, (ends.source.default_schema, ends.target.default_schema))
    if entry.reshaped:
        there = f"column of {entry.table.name}"
        made += [Rename(there, old, ends.name(new)) for old, new in entry.reshaped.names.items() if old != new]
    return made


def _checksum(request: Request, function: str = CHECKSUM) -> Call | None:
    return call(function) if request.level in ("standard", "full") else None


def _table_plan(
    request: Request, ends: Ends, item: Selected, names: dict[Relation, Relation], readable: Readable,
    shaped: Mapping[Relation, Reshaped],
) -> Entry:  # fmt: skip
    """Where bytes may pass undecoded, the values decide nothing: then the table is not looked through."""
    mode = item.choice.mode or request.mode
    called = {name: made.names for name, made in shaped.items()}
    if made := shaped.get(item.table.name):
        table, lost = referring(made.selected.table, called)
        entry = _shaped(request, ends, Selected(table, item.choice), names, ({}, [*made.findings, *lost]), made)
        return empties.settled(ends, entry, _empty_string(request, ends, item), readable=readable.may(item.table))
    table, lost = referring(item.table, called)
    item = Selected(table, item.choice)
    if mode in ("create", "replace") and may_pass(request, item.choice, ends.source, ends.target):
        decided, found = readable.profile(item, raw=True)
        entry = _shaped(request, ends, item, names, (decided, [*found, *lost]))
        if _raw_form(entry, ends, readable.asked(item.table)):
            return entry
    decided, found = readable.profile(item, raw=False)
    entry = _shaped(request, ends, item, names, (decided, [*found, *lost]))
    return empties.settled(ends, entry, _empty_string(request, ends, item), readable=readable.may(item.table))


def _empty_string(request: Request, ends: Ends, item: Selected) -> str:
    return choices(request, item.choice, ends.source, ends.target)[empties.POLICY]


def _shaped(
    request: Request, ends: Ends, item: Selected, names: dict[Relation, Relation],
    profile: tuple[dict[str, str], list[Finding]], past: Reshaped | None = None,
) -> Entry:  # fmt: skip
    source = item.table
    decided, findings = profile
    members = [index.columns for index in source.indexes if index.unique] + [fk.columns for fk in source.foreign_keys]
    key_columns = set(source.key).union(*members)
    zones = {} if past else dict(item.choice.zones)
    overrides = {**dict(item.choice.types), **zones}  # whose native words and bytes are not the target's either
    if past:
        overrides = {field.name: "" for field in past.fields if field.changed}
    unzoned, unsaid = unworded(source, zones)
    columns, made = [], []
    for column in unzoned.columns if past else chosen(Selected(unzoned, item.choice)):
        use = Use(key=column.name in key_columns, identity=column.identity)
        within = ends.source.family == ends.target.family
        meaning, rule = left(past, column) if past else meant(ends.source, item, column, decided, within=within)
        planned = _column_plan(ends, source, column, meaning, rule, use, overrides)
        if column.name in zones:
            planned = replace(planned, zone=zones[column.name], zone_rule=item.choice.zone_rule or "stop")
        columns.append(planned)
        made.append(replace(
            column, name=planned.target, native=planned.native, base=planned.base, nullable=planned.nullable,
            generated="",
        ))  # fmt: skip
    goals = [(column.source, column.target) for column in columns]
    check_columns(source.name, goals, ends.target.name, fold=ends.target.folds_columns)
    if (item.choice.mode or request.mode) in ("create", "replace"):
        check_spelt(source.name, goals, ends.target)
    table = _target_table(unzoned, tuple(made), columns, names, ends)
    table, untold = carried(table, unzoned, columns, ends.source_words, ends.target_words)
    table = replace(table, checks=tuple(replace(check, name=ends.name(check.name)) for check in table.checks))
    if ends.source.family == ends.target.family:
        table = _divided(table, source, item, request, ends)
    table, behind = traits.kept(table, unzoned, ends)
    untold += [*unsaid, *behind, *told(table, source)]
    mode = item.choice.mode or request.mode
    untold += unmoved(source, columns, names)
    untold += [Finding("note", str(source.name), f"not carried: {what}", "object-lost") for what in source.left_out]
    if request.bare:
        table, untold = bare(table), []
    findings += untold if mode in ("create", "replace") else []  # a table that is there has its own
    columns = [replace(c, computed=bool(table.column(c.target).generated)) for c in columns]
    if request.limit and table.foreign_keys:
        table = replace(table, foreign_keys=())
        said = "a rehearsal leaves out foreign keys: its rows are a part"
        findings.append(Finding("note", str(source.name), said, "foreign-key-lost"))
    return Entry(item.choice, source, table, tuple(columns), tuple(findings), mode, reshaped=past)


def _column_plan(
    ends: Ends, table: Table, column: Column, meaning: Type, rule: Read, use: Use, overrides: dict[str, str]
) -> ColumnPlan:
    quoted = ends.source.quote(column.name)
    same = column.name not in overrides and shared(ends.source, ends.target, column)
    try:
        write = write_rule(ends.target.writes, meaning, use)
        native = write.native(meaning)
    except RequestError:
        if not same:
            raise RequestError(
                f"{table.name}.{column.name} is {meaning}, which {ends.target.name} cannot hold.",
                table=str(table.name), column=column.name,
                remedy=f"Name a type that it can: types: {{{column.name}: text}}, or leave the column out. "
                f"'ropeway types {ends.target.name}' lists them.",
            ) from None  # fmt: skip
        write, native = None, column.native
    # Inside one family the native words are kept: they say more than any Type.
    native = column.native if same and column.native else native
    kept = same and rule.fidelity is not Fidelity.LOSSY
    fidelity = Fidelity.EXACT if kept else _worse(rule.fidelity, write.fidelity if write else Fidelity.EXACT)
    why = "" if kept else "; ".join(filter(None, (rule.why, write.why if write else "")))
    return ColumnPlan(
        source=column.name, target=ends.name(column.name), type=meaning, native=native,
        project=rule.projected(meaning.native or column.native, quoted), fidelity=fidelity, why=why,
        canon=canon_of(meaning), nullable=column.nullable or rule.nulls,
        base="" if not same else meaning.native if ends.target.loose else column.base,
        declared=column.base or column.native,
    )  # fmt: skip


def _worse(first: Fidelity, second: Fidelity) -> Fidelity:
    order = list(Fidelity)
    return max(first, second, key=order.index)


def _target_table(
    source: Table, made: tuple[Column, ...], columns: Sequence[ColumnPlan],
    names: dict[Relation, Relation], ends: Ends,
) -> Table:  # fmt: skip
    """The target's table: the source's keys, indexes and foreign keys in the target's names."""
    renamed = {column.source: column.target for column in columns}

    def kept(members: Sequence[str]) -> tuple[str, ...]:
        return tuple(renamed[m] for m in members) if all(m in renamed for m in members) else ()

    key = kept(source.key)
    shaped = tuple(replace(c, nullable=c.nullable and c.name not in key) for c in made)
    indexes = tuple(
        replace(
            index,
            name=ends.name(index.name),
            columns=kept(index.columns),
            descending=kept(index.descending),
            include=kept(index.include),
        )
        for index in source.indexes
        if kept(index.columns) or index.keys
    )
    foreign = tuple(
        ForeignKey(
            ends.name(fk.name), kept(fk.columns), names[fk.references],
            tuple(ends.name(c) for c in fk.referenced), fk.on_delete, fk.on_update, fk.options, fk.state,
        )
        for fk in source.foreign_keys
        if kept(fk.columns) and fk.references in names
    )  # fmt: skip
    return Table(names[source.name], shaped, key, indexes, foreign, rows=source.rows)


def _divided(table: Table, source: Table, item: Selected, request: Request, ends: Ends) -> Table:
    """The table with the source's partitions and tablespace, where the target's words for them are the same."""
    space = source.space if source.space in ends.target_words.spaces else ""
    keeps = request.partitions == "keep" and (item.choice.mode or request.mode) == "create" and not request.limit
    keeps = keeps and not item.choice.zones  # bounds of partitions mean the wall clock
    if not keeps or any(column.name not in {c.name for c in table.columns} for column in source.columns):
        return replace(table, space=space, storage=source.storage)
    homes = {part.name: Relation(table.name.schema, part.name.table) for part in source.parts} | {
        source.name: table.name
    }
    parts = tuple(Part(homes[part.name], homes[part.owner], part.clause) for part in source.parts)
    return replace(table, partitioned=source.partitioned, parts=parts, space=space, storage=source.storage)


def _there(ends: Ends, names: Sequence[Relation]) -> list[Table]:
    """What the target holds already in the schemas that rows go to."""
    if ends.target_session is None:
        return []
    session = ends.target_session
    return [table for schema in sorted({n.schema for n in names}) for table in ends.target.tables(session, schema)]


def _with_hop(request: Request, ends: Ends, entry: Entry, number: int, existing: dict[Relation, Table]) -> Entry:
    entry = _onto(entry, ends, existing.get(entry.table.name), moves=request.moves)
    known = [finding for c in entry.columns for finding in of_column(entry.source, entry.source.column(c.source), c)]
    keyed = of_key(entry.source.name, entry.table, entry.mode) if ends.target.landing == "transaction" else []
    entry = replace(entry, findings=(*entry.findings, *known, *keyed))
    choice = entry.choice
    of = f"{choice.origin}:" if choice.origin else ""
    name = f"{number} {of}{entry.source.name} -> {entry.table.name}"
    raw = _raw_form(entry, ends, request)
    key = entry.choice.key or entry.table.key
    hop = Hop(
        name=name, reads=entry.source.name, writes=entry.table.name, into=entry.table.name,
        columns=entry.columns, slices=_slices(request, ends, entry), mode=entry.mode, key=key,
        where=choice.where, query=choice.query, limit=request.limit, rows=entry.source.rows, raw=raw,
        transforms=choice.transforms, reading=entry.reshaped.reading if entry.reshaped else (), over=choice.over,
        leaves=_leaves(entry, ends), storage=choice.storage, origin=choice.origin,
        rules=rowrules.row_rules(ends, entry, rejects=bool(request.max_rejects)) if request.moves else (),
    )  # fmt: skip
    return replace(entry, hop=hop)


def _leaves(entry: Entry, ends: Ends) -> Leaves | None:
    types = {column.target: column.type for column in entry.columns if not column.computed}
    named = hasattr(ends.target, "lying") or hasattr(ends.target, "checksums")
    return leaves_of(entry.table, types, named=named) if entry.mode in ("create", "replace") else None


def _raw_form(entry: Entry, ends: Ends, request: Request) -> str:
    """The form in which bytes may pass undecoded, or ''. Nothing sums in flight then, so the source's engine must."""
    linked = entry.table.foreign_keys or entry.source.foreign_keys
    follows = linked and any(choice.over for choice in request.choices)  # they may follow
    changed = entry.choice.zones or entry.reshaped or entry.choice.over or follows
    apart = (entry.choice.partition or entry.choice.storage) and ends.target.landing == "files"  # written here then
    if not request.raw or request.max_rejects or entry.mode == "merge" or request.limit or changed or apart:
        return ""
    columns = [(entry.source.column(column.source), column) for column in entry.columns]
    form = next((form for form in ends.source.gives(columns) if form in ends.target.takes), "")
    if not form or not _checksum(request):
        return form
    summed = [(ends.source.quote(there.name), column.canon, there.base or there.native) for there, column in columns]
    able = not entry.choice.query and ends.source.checksum(ends.source_session, entry.source.name, summed, "")
    return form if able else ""


def _onto(entry: Entry, ends: Ends, existing: Table | None, *, moves: bool) -> Entry:
    """For modes that fill a table which is there: take its types, and refuse what cannot fit."""
    if entry.mode in ("create", "replace"):
        if existing and moves:
            filling.check_made(entry.table.name, existing, entry.mode, ends.target, ends.target_session)
        return entry
    if existing is None:
        raise MissingTable(
            f"{entry.table.name} is not in the target, and mode {entry.mode} fills a table that is there.",
            table=str(entry.table.name), remedy="Use --mode create.",
        )  # fmt: skip
    findings = clashes(existing.name, entry.mode)
    if entry.mode == "fill":
        with permitted(ends.target):
            findings += filling.check_fillable(existing, entry.source.name, ends.target, ends.target_session)
    columns, renamed = filling.matched(entry.columns, existing, entry.mode, ends.target, moves=moves)
    return replace(entry, table=existing, columns=columns, findings=(*entry.findings, *findings, *renamed))


def _slices(request: Request, ends: Ends, entry: Entry) -> tuple[Slice, ...]:
    if entry.choice.query or request.limit:
        return WHOLE
    return slices(ends.source, ends.source_session, entry.read, entry.choice.where, request.slice_rows)


def _assemble(
    around: Around,
    entries: Sequence[Entry],
    run: str,
    existing: dict[Relation, Table],
    beyond: Beyond,
    tables: Sequence[Table],
) -> tuple[list[Hop], list[Statement]]:
    """Statements by mode, and the hops as the modes aim them; then everything is numbered."""
    request, ends = around.request, around.ends
    hops: list[Hop] = []
    before, after = [], []
    added = []
    for schema in sorted({entry.table.name.schema for entry in entries}):
        forward = ends.target.create_schema(schema)
        if forward and not (ends.target_session and ends.target.has_schema(ends.target_session, schema)):
            before.append(Statement(f"create schema {schema}", "before", forward, atomic=ends.target.atomic_ddl))
    before += [*_types(ends, entries), *beyond.sequences.statements, *_own("before", request.before, "")]
    moves = [_aimed(ends, entry, run, existing) for entry in entries]
    taken = {entry.table.name for entry in entries}
    moves = [
        mapped(ends, entry, made, _MAPS + number_of(made[0].name), taken, run)
        for entry, made in zip(entries, moves, strict=True)
    ]
    aimed = {hop.writes: hop for hop, _, _ in moves}
    for entry, (hop, making, finishing) in zip(entries, moves, strict=True):
        there = existing.get(entry.table.name)
        otherwise = entry.choice.on_violation or request.on_violation
        check_choice(entry.mode, otherwise, entry.table.name)
        closing = [*rules_of(ends, entry, hop, aimed), *deciding(finishing, otherwise)]
        aside = any(one.constraint and one.constraint.otherwise == QUARANTINE for one in closing)
        opening = [undoing(ends.target, hop, run, statement) for statement in making] if aside else making
        hops.append(hop)
        if there and entry.mode in ("append", "truncate", "merge"):
            added.append(Added(hop, there, "stop" if otherwise == QUARANTINE else otherwise))
        before += _own("before", entry.choice.before, hop.name) + opening
        after += closing + _own("after", entry.choice.after, hop.name)
    after = once_swapped(hops, after)
    swapped = [s for s in after if s.phase == "swap" and is_reference(s)]  # their parents have to have their names
    after = [s for s in after if s not in swapped] + swapped
    after = references.kept(ends.target, added, after)
    opening, closing = filling.around(hops, ends.target, ends.target_session)
    before, after = before + opening, closing + after
    after += beyond.views.statements
    for entry, hop in zip(entries, hops, strict=True):
        after += orphans(ends, entry, hop, tables, around.names)
    owned = belongings.owned(around, [*before, *after]).statements
    after += [*beyond.grants.statements, *owned, *statistics(ends.target, hops)]
    return hops, _numbered([*before, *after, *_own("after", request.after, "")])


def _aimed(ends: Ends, entry: Entry, run: str, existing: dict[Relation, Table]) -> Made:
    assert entry.hop  # noqa: S101 - made above
    there = existing.get(entry.table.name)
    return statements_of(Move(ends.target, ends.target_session, entry.hop, entry.table, there, run))


def _types(ends: Ends, entries: Sequence[Entry]) -> list[Statement]:
    """The user-made types that are still to be made where the target is of the source's family."""
    made: dict[Relation, Statement] = {}
    if ends.source.family != ends.target.family or ends.target_session is None:
        return []
    for entry in entries:
        for found in entry.source.types if entry.mode in ("create", "replace") else ():
            if found.name in made or ends.target_session.ask(found.check):
                continue
            schema = ends.target.create_schema(found.name.schema)
            if schema:
                made[Relation(found.name.schema, "")] = Statement(
                    f"create schema {found.name.schema}", "before", schema, atomic=True
                )
            made[found.name] = Statement(
                f"create type {found.name}", "before", found.forward, check=found.check, back=found.back, atomic=True
            )
    return list(made.values())


def _own(phase: str, statements: Sequence[str], hop: str) -> list[Statement]:
    """The user's SQL as journaled steps; nobody but the user knows how to undo it."""
    after = ((hop,) if hop else ("*",)) if phase == "after" else ()
    return [Statement(f"{phase}: {sql[:60]}", phase, sql, hop=hop, after=after, atomic=True) for sql in statements]


def _numbered(statements: Sequence[Statement]) -> list[Statement]:
    """Lead each name by its number: the order of the plan, and the ledger's key."""
    return [replace(s, name=f"{number} {s.name}") for number, s in enumerate(statements, start=1)]
