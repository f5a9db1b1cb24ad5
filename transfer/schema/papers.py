"""The parts of a written plan that are prose: mapping.md and risks.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..clean import in_order
from ..engine import Engine
from ..plan import ColumnPlan, Finding, Hop, Plan
from ..rules import read_rule
from .risks import GRADES, grade_of
from .rollback import Ways

_TIME = "## Time and downtime"


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [[_cell(value) for value in row] for row in rows]
    if not lines:
        return "None."
    made = [list(heads), ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in made)


def mapping(plan: Plan, source: Engine, target: Engine) -> str:
    """The text of mapping.md: each column, each name that changed, and what is not carried."""
    parts = [f"# Mapping of plan {plan.run}\n\nFrom {plan.read_from}\\\nto {plan.target}"]
    parts += [_hop(hop, source, target) for hop in plan.hops]
    parts.append("## Names that changed\n\n" + _table(
        ("what", "source", "target"), [(one.kind, one.source, one.target) for one in plan.renames]
    ))  # fmt: skip
    lost = [one for one in plan.findings if one.name.endswith(("-lost", "-changed")) or one.name == "generated-column"]
    rows = [(one.where, one.message, one.remedy) for one in lost]
    parts.append("## What is not carried, or changed\n\n" + _table(("where", "what", "proposal"), rows))
    if plan.listed:
        parts.append("## Texts of routines, triggers and the like\n\nFor their owner to carry over by hand.")
    parts += [f"### {_cell(one.kind)} {_cell(one.name)}\n\n{_fenced(one.text)}" for one in plan.listed if one.text]
    return "\n\n".join(parts) + "\n"


def _fenced(text: str) -> str:
    """A code block whose fence is longer than any inside."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}sql\n{text.strip()}\n{fence}"


def _hop(hop: Hop, source: Engine, target: Engine) -> str:
    said = [f"## {_cell(hop.named)} to {_cell(hop.writes)}", f"Mode {hop.mode}; slices: {len(hop.slices)}."]
    said += [f"Only rows WHERE {_cell(hop.where)}."] if hop.where else []
    said += [f"The query {_cell(hop.query)}."] if hop.query else []
    said += [
        f"Transform {number}: {call.function.rpartition(':')[2]} {_cell(' '.join(text for _, text in call.arguments))}."
        for number, call in enumerate(hop.transforms, start=1)
    ]
    said += [f"Over all rows: {_cell(dict(call.arguments)['spec'])}." for call in hop.over]
    rows = [
        (f"{hop.named}.{c.source}", c.type.native, c.type, f"{hop.writes}.{c.target}",
         c.native + ("" if c.nullable else " NOT NULL"), _rule(c, source, target), c.fidelity, c.why)
        for c in hop.columns
    ]  # fmt: skip
    heads = ("source", "source type", "Type", "target", "target type", "rule", "fidelity", "why")
    return "\n\n".join([*said, _table(heads, rows)])


def _rule(column: ColumnPlan, source: Engine, target: Engine) -> str:
    """How a value passes: the rule that read the source's type, what it is read by, the rule that writes it."""
    found = read_rule(source.reads, column.type.native) if column.type.native else None
    made = f"{source.name} {found.native if found else column.type.native or 'without a type'} → {column.type.kind}"
    if column.project != source.quote(column.source):
        made += f", read as {column.project}"
    return f"{made} → {target.name} {column.stored}"


def risks(plan: Plan, told: Sequence[str] = ()) -> str:
    """The text of risks.md: findings by grade, ways back, locks on both sides; `told` is what follows on time."""
    parts = [
        f"# Risks of plan {plan.run}",
        f"As a whole the plan is **{Ways(plan).of_all()}**.",
    ]
    if plan.waived:
        parts.append(f"Waived, by name: {', '.join(map(_cell, plan.waived))}.")
    parts += [f"Edited by hand and sealed {_cell(seal)}." for seal in plan.sealed]
    parts += [f"## {grade.capitalize()}s\n\n{_findings(plan, grade)}" for grade in GRADES]
    parts.append(f"## Ways back\n\n{_ways(plan)}")
    parts.append(f"## Locks on the source\n\n{_list(plan.locks)}")
    locks = [f"{statement.name.split(' ', 1)[1]}: {statement.lock}" for statement in plan.statements if statement.lock]
    parts.append(f"## Locks on the target\n\n{_list(locks)}")
    parts.append(f"## The least that the accounts need\n\n{_grants(plan)}")
    parts += [f"{_TIME}\n\n{_list(told)}"] if told else []
    return "\n\n".join(parts) + "\n"


def time_of(text: str) -> list[str]:
    """What a risks.md says on time; it is measured, not planned, so that it cannot be made again."""
    return [line.removeprefix("- ") for line in text.partition(_TIME)[2].splitlines() if line.startswith("- ")]


def _grants(plan: Plan) -> str:
    """Statements for who administers both ends; what is held already stands there too."""
    sides = (("source", plan.grants.source), ("target", plan.grants.target))
    made = [f"On the {side}:\n\n{_code(lines)}" for side, lines in sides if lines]
    return "\n\n".join(made) or "Nothing that SQL gives."


def _code(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _findings(plan: Plan, grade: str) -> str:
    found: list[Finding] = [one for one in plan.findings if one.grade == grade]
    rows = [(one.name, grade_of(one, plan.waived), one.where, one.message, one.remedy) for one in found]
    return _table(("name", "grade", "where", "evidence", "remedy"), rows)


def _ways(plan: Plan) -> str:
    ways = Ways(plan)
    rows = [(statement.name, *ways.of(statement)) for statement in in_order(plan)]
    rows += [(f"the rows of {hop.writes} (mode {hop.mode})", *ways.of_rows(hop)) for hop in plan.hops]
    return _table(("what", "class", "why"), rows)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_cell(line)}" for line in dict.fromkeys(lines)) or "None."
