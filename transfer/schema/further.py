"""Sequences and views as statements, and what is only listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from ..engine import Engine
from ..plan import Constraint, Finding, Statement
from ..request import Request
from ..rules import read_rule, split
from ..types import Type
from .catalogue import Column, Further, Listed, Numbers, Relation, Table, View
from .entry import Ends, Entry
from .selection import Selected, matches
from .sql import dropping, names, text_literal

if TYPE_CHECKING:
    from .queries import Place

_SMALLEST, _LARGEST = -(2**63) + 2, 2**63 - 2  # MariaDB's limits, the narrowest


@dataclass(frozen=True)
class Around:
    """A source's further objects, and where its tables go."""

    request: Request
    ends: Ends
    found: Further
    names: Mapping[Relation, Relation]
    upon: frozenset[Relation] = frozenset()  # tables that go into themselves, with their triggers

    @property
    def zoned(self) -> set[str]:
        """Columns that become instants by a zone; a star in a view may mean one of them."""
        names = {name for choice in self.request.choices for name, _ in choice.zones}
        return names | {"*"} if names else names

    @property
    def schemas(self) -> Mapping[str, str]:
        """What the source's queries call the default schema, to its name in the catalogue."""
        default = self.ends.source.default_schema
        return {"": default, self.found.home.lower(): default}

    def is_there(self, relation: Relation) -> bool:
        """Whether the target has a relation of this name already."""
        session = self.ends.target_session
        query = self.ends.target.exists(relation) if session else ""
        return bool(session and query and session.ask(query))

    def home(self, name: Relation) -> Relation:
        """Where an object of the source belongs in the target: as tables of its schema do."""
        return self.ends.home(name, self.request.target_schema)


@dataclass(frozen=True)
class Carried:
    """What becomes of further objects; `made` says what each is called in the target."""

    statements: tuple[Statement, ...] = ()
    findings: tuple[Finding, ...] = ()
    made: Mapping[Relation, Relation] = field(default_factory=dict)


def _makes_tables(entries: Sequence[Entry]) -> bool:
    return any(entry.mode in ("create", "replace") for entry in entries)


def sequences(around: Around, entries: Sequence[Entry]) -> Carried:
    """Sequences, before the tables whose defaults ask them."""
    made: dict[Relation, Relation] = {}
    statements, findings = [], []
    for numbers in around.found.numbers if _makes_tables(entries) else ():
        goal = around.home(numbers.name)
        if not around.ends.target_words.numbers:
            said = (
                f"sequence {numbers.name} is not carried: nothing there counts. It would go on at {numbers.following}"
            )
            findings.append(Finding("note", str(numbers.name), said, "object-lost"))
            continue
        made[numbers.name] = goal
        if around.is_there(goal):
            findings.append(Finding("note", str(goal), "sequence is there already and stays as it is", "object-there"))
            continue
        statements.append(_sequence(around.ends, numbers, goal))
    return Carried(tuple(statements), tuple(findings), made)


def _sequence(ends: Ends, numbers: Numbers, goal: Relation) -> Statement:
    engine = ends.target
    low, high = numbers.low, numbers.high
    forward = ends.target_words.numbers.format(
        name=engine.relation(goal), step=numbers.step, first=numbers.following,
        low=max(_SMALLEST, _SMALLEST if low is None else low), high=min(_LARGEST, _LARGEST if high is None else high),
        cycle="CYCLE" if numbers.cycle else "",
    ).rstrip()  # fmt: skip
    return Statement(
        f"create sequence {goal}", "before", forward, check=engine.exists(goal),
        back=f"DROP SEQUENCE {engine.relation(goal)}", atomic=engine.atomic_ddl,
    )  # fmt: skip


def asking(entry: Entry, around: Around, made: Mapping[Relation, Relation]) -> Entry:
    """The table with columns whose defaults ask the sequences in the target."""
    source = {planned.target: entry.source.column(planned.source) for planned in entry.columns}
    columns = tuple(
        _asking(column, source[column.name], around, made) if column.name in source else column
        for column in entry.table.columns
    )
    return replace(entry, table=replace(entry.table, columns=columns))


def _asking(column: Column, own: Column, around: Around, made: Mapping[Relation, Relation]) -> Column:
    goal = made.get(own.numbers) if own.numbers else None
    if goal is None:
        return column
    name = around.ends.target.relation(goal)
    return replace(column, default=around.ends.target_words.next.format(name=name, text=text_literal(name)))


def views(around: Around, selected: Sequence[Selected], entries: Sequence[Entry], tables: Sequence[Table]) -> Carried:
    """The views whose tables are all moved, after all rows, each after those that it reads."""
    wanted = [view for view in around.found.views if _is_asked_for(view, around, selected)]
    if not wanted or not _makes_tables(entries):
        return Carried()
    if not around.ends.target_words.dialect:
        said = f"not carried: {_plural('view', len(wanted))} {', '.join(str(view.name) for view in wanted)}"
        return Carried(findings=(Finding("note", "source", said, "object-lost"),))
    places = _places(entries, tables)
    shapes = {table.name: table for table in tables}
    statements: list[Statement] = []
    findings: list[Finding] = []
    made: dict[Relation, Relation] = {}
    for found in _ordered(wanted, around):
        new = _view(found, shapes[found.name], around, places, findings)
        statements += new
        made.update({found.name: around.home(found.name)} if new else {})
    return Carried(tuple(statements), tuple(findings), made)


def _places(entries: Sequence[Entry], tables: Sequence[Table]) -> dict[tuple[str, str], Place]:
    """What a view's query may read, by names without case: where only case tells two apart, a Place without columns."""
    from .queries import Place

    spelt = Counter(_spelled(table.name) for table in tables)
    places = {name: Place(Relation(*name), {}) for name, count in spelt.items() if count > 1}
    for entry in entries:
        columns = {c.source.lower(): (c.target, c.type) for c in entry.columns}
        apart = len(columns) == len(entry.columns) and not entry.reshaped
        places.setdefault(_spelled(entry.source.name), Place(entry.table.name, columns if apart else {}))
    return places


def _view(
    found: View, shape: Table, around: Around, places: dict[tuple[str, str], Place], findings: list[Finding]
) -> list[Statement]:
    from .expressions import Untranslatable
    from .queries import Place, view

    ends, goal = around.ends, around.home(found.name)
    zoned = sorted(name for name in around.zoned if name.lower() in found.query.lower())
    if zoned:
        said = f"view is not carried: {', '.join(zoned)} meant the wall clock, and is an instant now"
        findings.append(Finding("warning", str(found.name), said, "zone-lost"))
        return []
    try:
        query = view(found, ends.source_words, ends.target_words, places, around.schemas)
    except Untranslatable as reason:
        said = f"view is not carried ({reason}): {' '.join(found.query.split())}"
        findings.append(Finding("warning", str(found.name), said, "view-lost"))
        return []
    columns = [ends.name(name) for name in found.columns]
    places.setdefault(_spelled(found.name), Place(goal, _meanings(ends.source, shape, columns)))
    if around.is_there(goal):
        findings.append(Finding("note", str(goal), "view is there already and stays as it is", "object-there"))
        return []
    if found.stored and not ends.target_words.stored_views:
        said = "its rows are stored in the source; in the target it is an ordinary view"
        findings.append(Finding("note", str(found.name), said, "view-changed"))
    word = "MATERIALIZED VIEW" if found.stored and ends.target_words.stored_views else "VIEW"
    name = ends.target.relation(goal)
    forward = f"CREATE {word} {name} ({names(ends.target, columns)}) AS {query}"
    if found.comment:
        forward += _remark(found, f"{word} {name}", ends, findings)
    return [Statement(
        f"create view {goal}", "after", forward, check=ends.target.exists(goal), back=dropping(ends.target, word, goal),
        after=("*",), atomic=ends.target.atomic_ddl, spare=True,
        constraint=Constraint("view", goal.table, goal, (), "", otherwise="leave-out", later=forward),
    )]  # fmt: skip


def _remark(found: View, made: str, ends: Ends, findings: list[Finding]) -> str:
    """What a view's statement ends with: it is left out with the view where the target refuses that."""
    if ends.target_words.view_comments:
        return f";\nCOMMENT ON {made} IS {text_literal(found.comment)}"
    findings.append(Finding("note", str(found.name), f"its comment is not carried: {found.comment}", "comments-lost"))
    return ""


def _spelled(name: Relation) -> tuple[str, str]:
    return name.schema.lower(), name.table.lower()


def _is_asked_for(view: View, around: Around, selected: Sequence[Selected]) -> bool:
    """Globs take views along; a view that is named is moved as a table, and one that is excluded stays behind."""
    default = around.ends.source.default_schema
    if around.request.limit or any(item.table.name == view.name for item in selected):
        return False
    return any(
        not choice.query and matches(view.name, choice.table, default)
        and not any(matches(view.name, pattern, default) for pattern in choice.exclude)
        and (choice.mode or around.request.mode) in ("create", "replace")
        for choice in around.request.choices
    )  # fmt: skip


def _ordered(wanted: Sequence[View], around: Around) -> list[View]:
    """The views in an order in which each comes after those that it reads."""
    from .expressions import Untranslatable
    from .queries import used

    by_name = {_spelled(view.name): view for view in wanted}
    graph: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for name, view in by_name.items():
        try:
            reads = used(view.query, around.ends.source_words.dialect, around.schemas)
        except Untranslatable:
            reads = set()
        graph[name] = reads & by_name.keys() - {name}
    return [by_name[name] for name in TopologicalSorter(graph).static_order()]  # views read in no circle


def _meanings(engine: Engine, table: Table, targets: Sequence[str]) -> dict[str, tuple[str, Type]]:
    """A view's columns as other views see them."""
    found: dict[str, tuple[str, Type]] = {}
    for column, goal in zip(table.columns, targets, strict=True):
        native = column.base or column.native
        rule = read_rule(engine.reads, native)
        found[column.name.lower()] = (goal, rule.type(split(native)) if rule else Type("text"))
    return found


def concerned(around: Around) -> tuple[Listed, ...]:
    """Routines, triggers and the like beside what is moved, with their texts."""
    return tuple(one for one in around.found.listed if _concerns(one.name, one.kind, around))


def listed(around: Around) -> list[Finding]:
    """Routines, triggers and the like, which are for their owner to carry over."""
    found = concerned(around)
    kinds: dict[str, list[str]] = {}
    for one in found:
        kinds.setdefault(one.kind, []).append(str(one.name))
    return [
        Finding("note", "source", f"not carried: {_plural(kind, len(names))} {', '.join(names)}", "object-lost",
                "Carry over by hand what the application needs; the plan's folder has their texts.")
        for kind, names in sorted(kinds.items())
    ]  # fmt: skip


def _concerns(name: Relation, kind: str, around: Around) -> bool:
    """Triggers, rules and policies concern the tables that are moved; routines and events the whole place."""
    if kind not in ("trigger", "rule", "policy"):
        return True
    owner = Relation(name.schema, name.table.rpartition(".")[0])
    return owner in around.names and owner not in around.upon


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("x", "s")) else f"{word}s"
