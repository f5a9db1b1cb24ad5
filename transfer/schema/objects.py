"""What stands beside columns and keys: defaults, generated columns, checks, comments, indexes.

Each arrives, or a finding says why not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..plan import ColumnPlan, Finding
from .catalogue import Check, Column, ForeignKey, Index, Relation, Table
from .wording import Wording


def carried(
    table: Table, source: Table, columns: Sequence[ColumnPlan], here: Wording, there: Wording
) -> tuple[Table, list[Finding]]:
    """The target's table with the source's defaults, checks and comments in its own words."""
    findings: list[Finding] = []
    made = [
        _column(column, source, planned, columns, here, there, findings)
        for column, planned in zip(table.columns, columns, strict=True)
    ]
    findings += _folding(source, made, columns, here, there)
    checks = [one for check in source.checks for one in _check(check, source, columns, here, there, findings)]
    checks += _labels(source, columns, checks, here, there)
    indexes = [one for index in table.indexes for one in _index(index, source, columns, here, there, findings)]
    comment = source.comment if there.comments else ""
    silent = [
        name for name, text in [("table", source.comment), *((c.name, c.comment) for c in source.columns)] if text
    ]
    if silent and not there.comments:
        findings.append(Finding("note", str(source.name), f"comments are not carried: those of {', '.join(silent)}",
                                "comments-lost"))  # fmt: skip
    foreign = tuple(_foreign(fk, source, here, there, findings) for fk in table.foreign_keys)
    return replace(
        table, columns=tuple(made), indexes=tuple(indexes), checks=tuple(checks), comment=comment, foreign_keys=foreign,
        own=_own(source, columns, here, there, findings), versioned=_versioned(source, here, there, findings),
    ), findings  # fmt: skip


def _versioned(source: Table, here: Wording, there: Wording, findings: list[Finding]) -> str:
    """The clause by which the table keeps rows that are gone. The rows that it has kept are not moved."""
    if not source.versioned:
        return ""
    if here.dialect == there.dialect and there.versions:
        said = "its history, the rows that are gone or were otherwise, is not carried: the target begins its own"
        findings.append(Finding("note", str(source.name), said, "history-lost"))
        return source.versioned
    said = f"it keeps rows that are gone or were otherwise ({source.versioned.splitlines()[0]}); the target has none"
    remedy = "Move them by a 'query:' (FOR SYSTEM_TIME ALL) into a table of their own, where they matter."
    findings.append(Finding("warning", str(source.name), said, "history-lost", remedy))
    return ""


def _column(
    column: Column, source: Table, planned: ColumnPlan, columns: Sequence[ColumnPlan], here: Wording, there: Wording,
    findings: list[Finding],
) -> Column:  # fmt: skip
    own = source.column(planned.source)
    if own.domain and planned.native != own.native:
        said = f"its domain {own.native} becomes {planned.native}; what the domain checks is not carried"
        findings.append(Finding("note", f"{source.name}.{planned.source}", said, "domain-check-lost"))
    text = own.default
    comment = column.comment if there.comments else ""
    column = replace(column, default="", comment=comment, collation=_collation(own, here, there), folds="")
    if own.collation and here.dialect == there.dialect and not (column.collation or own.folds):
        said = f"its collation {own.collation} is not known there: its texts are ordered otherwise"
        findings.append(Finding("note", f"{source.name}.{planned.source}", said, "collation"))
    column = _worded_column(column, own, source, here, there, findings)
    column = _refreshed(column, own, source, here, there, findings)
    column = _counted(column, own, source, there, findings)
    if own.generated:
        return _generated(column, source, columns, here, there, findings)
    if not text or own.identity:
        return column
    from .expressions import Untranslatable, default  # with sqlglot a tenth of a second

    try:
        return replace(column, default=default(text, here, there, planned.type, planned.native, own.native))
    except Untranslatable as reason:
        where = f"{source.name}.{planned.source}"
        findings.append(Finding("note", where, f"its default is not carried: {text} ({reason})", "default-lost"))
        return column


def _worded_column(
    column: Column, own: Column, source: Table, here: Wording, there: Wording, findings: list[Finding]
) -> Column:
    kept = tuple(word for word in own.words if here.dialect == there.dialect and word in there.words)
    lost = [word for word in own.words if word not in kept]
    if lost:
        said = f"its {' and '.join(lost)} is not carried"
        findings.append(Finding("note", f"{source.name}.{own.name}", said, "column-changed"))
    return replace(column, words=kept)


def _refreshed(
    column: Column, own: Column, source: Table, here: Wording, there: Wording, findings: list[Finding]
) -> Column:
    if not own.refreshed or here.dialect == there.dialect:
        return column
    said = f"an update no longer puts {own.refreshed} into it"
    remedy = "Make a trigger in the target, if the application counts on that."
    findings.append(Finding("warning", f"{source.name}.{own.name}", said, "refresh-lost", remedy))
    return replace(column, refreshed="")


def _counted(column: Column, own: Column, source: Table, there: Wording, findings: list[Finding]) -> Column:
    if not column.identity:
        return column
    step, always = own.step if there.steps else 1, own.always and there.always
    said = [f"its identity counts in steps of {own.step} in the source, of 1 in the target"] if step != own.step else []
    if always != own.always:
        said.append("its identity is ALWAYS given in the source; the target takes other numbers, too")
    findings += [Finding("note", f"{source.name}.{own.name}", one, "identity-changed") for one in said]
    return replace(column, step=step, always=always)


def _foreign(foreign: ForeignKey, source: Table, here: Wording, there: Wording, findings: list[Finding]) -> ForeignKey:
    """The foreign key with those of its further clauses that the target knows."""
    words = foreign.options if here.dialect == there.dialect else foreign.options.replace("MATCH FULL", "").strip()
    words = words if there.deferrable else ""
    if words != foreign.options:
        lost = foreign.options.removesuffix(words).strip()
        said = f"foreign key {foreign.name} arrives without {lost}"
        findings.append(Finding("note", str(source.name), said, "foreign-key-changed"))
    return replace(foreign, options=words)


def _own(
    source: Table, columns: Sequence[ColumnPlan], here: Wording, there: Wording, findings: list[Finding]
) -> tuple[Check, ...]:
    """Constraints in the engine's own words, where these hold in the target."""
    kept = {column.source for column in columns if column.source == column.target}
    same = here.dialect == there.dialect
    missing = sorted({*source.needs} - there.extended) if same else []
    if same and not missing and all(column.name in kept for column in source.columns):
        return source.own
    for one in source.own:
        why = f"{', '.join(missing)} is not known there" if missing else "nothing there forbids such rows"
        said = f"constraint {one.name} is not carried: {one.condition} ({why})"
        remedy = f"Have a trigger forbid such rows{f', or {there.apart}' if there.apart else ''}."
        findings.append(Finding("warning", str(source.name), said, "constraint-lost", remedy))
    return ()


def _collation(own: Column, here: Wording, there: Wording) -> str:
    """A column's collation in the target: its own where that is known, or one of the same rules for all characters."""
    if not own.collation or here.dialect != there.dialect:
        return ""
    rules = own.collation.partition("_")[2]  # latin1_swedish_ci has those of utf8mb4_swedish_ci
    return next((name for name in (own.collation, f"utf8mb4_{rules}") if name in there.collations), "")


def _folding(
    source: Table, made: Sequence[Column], columns: Sequence[ColumnPlan], here: Wording, there: Wording
) -> list[Finding]:
    """Columns whose equality takes no notice of something in the source, and does in the target."""
    natives = {c.target: source.column(c.source).native for c in columns if not source.column(c.source).collation}
    same = here.dialect == there.dialect  # then a type that folds by itself does so there
    kept = {column.name for column in made if column.collation or (same and natives.get(column.name) == column.native)}
    lost = {
        c.source: source.column(c.source).folds
        for c in columns
        if source.column(c.source).folds and c.target not in kept
    }
    if not lost:
        return []
    what = " and ".join(sorted({word for folds in lost.values() for word in folds.split(" and ")}))
    unique = [index.name for index in source.indexes if index.unique and set(index.columns) & lost.keys()]
    unique += ["the primary key"] if set(source.key) & lost.keys() else []
    unique = unique if here.keys_fold else []
    said = f"equality of {', '.join(lost)} ignores {what} in the source and not in the target"
    if not unique:
        return [Finding("note", str(source.name), said, "collation")]
    said += f": what {', '.join(unique)} forbids there is allowed here"
    remedy = "Make a unique index over lower() of the columns in the target ('after:'), where that matters."
    return [Finding("warning", str(source.name), said, "collation", remedy)]


def _generated(
    column: Column, source: Table, columns: Sequence[ColumnPlan], here: Wording, there: Wording, findings: list[Finding]
) -> Column:
    """The column as the target generates it, or a plain one with the values that the source generated."""
    from .expressions import Untranslatable, generated

    own = source.column(next(one.source for one in columns if one.target == column.name))
    try:
        if not there.generated:
            raise Untranslatable("nothing there is generated")
        if not there.constrained and (not column.nullable or own.name in _bound(source)):
            raise Untranslatable("no constraint may be on a generated column there")
        known = {one.source: (one.target, one.type) for one in columns}
        text = generated(own.generated, here, there, known)
    except Untranslatable as reason:
        said = f"its values arrive in a plain column: it is generated as {own.generated} ({reason})"
        findings.append(Finding("warning", f"{source.name}.{own.name}", said, "generated-column"))
        return column
    kind = "VIRTUAL" if own.virtual else "STORED"
    return replace(
        column, generated=text, virtual=(kind if kind in there.generated else there.generated[0]) == "VIRTUAL"
    )


def _bound(table: Table) -> set[str]:
    """Columns that a key, a unique index, a foreign key or (perhaps) a check is on."""
    members = [index.columns for index in table.indexes if index.unique] + [fk.columns for fk in table.foreign_keys]
    told = " ".join(check.condition.lower() for check in table.checks)
    checked = [column.name for column in table.columns if column.name.lower() in told]
    return set(table.key).union(checked, *members)


def _labels(
    source: Table, columns: Sequence[ColumnPlan], checks: Sequence[Check], here: Wording, there: Wording
) -> list[Check]:
    """What an enum allows, as a check where the target's column is plain text."""
    made: list[Check] = []
    for column in columns if there.dialect and here.dialect != there.dialect else ():
        if not column.type.labels or column.native.lower().startswith("enum"):
            continue
        from sqlglot import exp

        listed = [exp.Literal.string(label) for label in column.type.labels]
        condition = exp.In(this=exp.column(column.target, quoted=True), expressions=listed)
        taken = {check.name.lower() for check in (*checks, *made)}
        plain = f"{source.name.table}_{column.target}_labels"
        name = next(n for n in (plain, *(f"{plain}_{k}" for k in range(2, 1000))) if n.lower() not in taken)
        made.append(Check(name, condition.sql(dialect=there.dialect)))
    return made


def _check(
    check: Check, source: Table, columns: Sequence[ColumnPlan], here: Wording, there: Wording, findings: list[Finding]
) -> list[Check]:
    from .expressions import Untranslatable
    from .expressions import check as translated

    known = {column.source: (column.target, column.type) for column in columns}
    try:
        return [replace(check, condition=translated(check.condition, here, there, known))]
    except Untranslatable as reason:
        said = f"check {check.name} is not carried: {check.condition} ({reason})"
        findings.append(Finding("warning", str(source.name), said, "check-lost"))
        return []


def _index(
    index: Index, source: Table, columns: Sequence[ColumnPlan], here: Wording, there: Wording, findings: list[Finding]
) -> list[Index]:
    """An index without what the target's indexes cannot have; none where that would change what it allows."""
    from .expressions import Untranslatable

    try:
        if index.native or index.keys or index.where or index.method or index.needs:
            index = _worded(index, columns, here, there)
    except Untranslatable as reason:
        shape = index.native or ", ".join(index.keys) + (f" WHERE {index.where}" if index.where else "")
        said = f"index {index.name} is not carried: {shape.strip()} ({reason})"
        remedy = ""
        if index.unique:
            said += "; what it forbids is allowed in the target"
            remedy = (
                "Have the application or a trigger forbid it, or make a generated column and a unique index on that."
            )
        findings.append(Finding("warning" if index.unique else "note", str(source.name), said, "index-lost", remedy))
        return []
    return [_plainer(index, source, there, findings)]


def _worded(index: Index, columns: Sequence[ColumnPlan], here: Wording, there: Wording) -> Index:
    """The index in the target's words: its own ones where they hold there, else key by key."""
    from .expressions import Untranslatable, check, compared, generated

    known = {column.source: (column.target, column.type) for column in columns}
    same = here.dialect == there.dialect and all(column.source == column.target for column in columns)
    if index.method and not same:
        raise Untranslatable(f"indexes there know no {index.method}")
    missing = [one for one in index.needs if one not in there.extended]
    if missing and (index.native or here.dialect == there.dialect):
        raise Untranslatable(f"{', '.join(missing)} is not known there")
    if index.keys and not there.expressions:
        raise Untranslatable("indexes there are over columns only")
    if index.where and not there.partial:
        raise Untranslatable("indexes there have no condition")
    keys = tuple(generated(key, here, there, known) for key in index.keys)
    where = check(index.where, here, there, known) if index.where else ""
    if where and there.compared:
        where = compared(where, there)
    return replace(index, keys=keys, where=where, native=index.native if same else "")


def _plainer(index: Index, source: Table, there: Wording, findings: list[Finding]) -> Index:
    lost = []
    if index.native:
        return index
    if index.strict and index.strict not in there.strict:
        said = f"index {index.name} arrives without {index.strict}: what that forbids is allowed in the target"
        findings.append(Finding("warning", str(source.name), said, "index-changed"))
        index = replace(index, strict="")
    if index.include and not there.include:
        lost.append(f"its further columns {', '.join(index.include)}")
        index = replace(index, include=())
    if index.descending and not there.descending:
        lost.append(f"the direction of {', '.join(index.descending)}")
        index = replace(index, descending=())
    if lost:
        said = f"index {index.name} arrives without {' and '.join(lost)}"
        findings.append(Finding("note", str(source.name), said, "index-changed"))
    return index


def told(table: Table, source: Table) -> list[Finding]:
    """What becomes of partitions that only their own words tell, of a tablespace, and of options of the table."""
    findings = []
    if source.storage and not table.storage:
        said = f"not carried: its options, which mean something to its own kind of engine only: {source.storage}"
        findings.append(Finding("note", str(source.name), said, "object-lost"))
    if source.partitioned and not table.partitioned and not (source.division or source.undivided):
        said = f"it is partitioned in the source ({source.partitioned}) and becomes a plain table"
        findings.append(Finding("note", str(source.name), said, "partitions-lost"))
    if source.space and not table.space:
        said = f"its tablespace {source.space} is not carried"
        remedy = "Name one in the SQL of the plan's folder, and seal it."
        findings.append(Finding("note", str(source.name), said, "tablespace-lost", remedy))
    return findings


def unmoved(source: Table, columns: Sequence[ColumnPlan], names: Mapping[Relation, Relation]) -> list[Finding]:
    """Indexes and foreign keys that stay behind because a column or the table that they refer to does."""
    kept = {column.source for column in columns}
    findings = []
    for index in source.indexes:
        missing = [name for name in index.columns if name not in kept]
        if missing:
            said = f"index {index.name} is not carried: column {', '.join(missing)} is not moved"
            findings.append(Finding("note", str(source.name), said, "index-lost"))
    for foreign in source.foreign_keys:
        missing = [f"column {name}" for name in foreign.columns if name not in kept]
        missing += [] if foreign.references in names else [str(foreign.references)]
        if missing:
            said = f"foreign key {foreign.name} is not carried: {', '.join(missing)} is not moved"
            findings.append(Finding("note", str(source.name), said, "foreign-key-lost"))
    return findings
