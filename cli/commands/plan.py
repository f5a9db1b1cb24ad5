"""`ropeway plan`: what would happen, before anything does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import say
from ..options import Asked, Manner

if TYPE_CHECKING:
    import pyarrow as pa

    from ...transfer.plan import Finding, Hop, Plan

_WORDS = {
    "run": "one instant for the whole run",
    "table": "one instant for each table",
    "frozen": "the source, proven unwritten",
    "none": "no instant: rows may change while they are read",
}
_FEW = 5
_TITLES = {"before": "Statements before the rows", "after": "Statements after the rows", "swap": "At the very end"}
_FEW = 12
_Seal = Annotated[
    Path | None,
    typer.Option("--seal", metavar="DIR", help="Take edits of a written plan's SQL files into it.", show_default=False),
]
_Probe = Annotated[
    bool,
    typer.Option("--probe", help="Also try it: the first 1,000 rows of each table, in scratch tables, removed again."),
]


def plan(
    *,
    asked: Asked,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write the plan into a folder, for 'run DIR'.", show_default=False),
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", min=1, help="Show N rows of each table.", show_default=False)
    ] = None,
    probe: _Probe = False,
    seal: _Seal = None,
    manner: Manner,
) -> None:
    """Show what would happen: every statement, type decision, lock, risk and slice. Changes nothing but by --probe.

    Examples:

      ropeway plan --source sqlite:///shop.sqlite --target duckdb:///shop.duckdb

      ropeway plan job.yaml --out plan-monday

      ropeway plan job.yaml --table sales.orders --limit 1000 --sample 5

      ropeway plan --seal plan-monday
    """
    if seal:
        _seal(seal, asked, others=bool(out or sample or probe))
        return
    from ..estimate import downtime, estimate, of_outcome, prose
    from ..overlay import wanted_of
    from ..samples import sampled, unsampled
    from ..shapes import plan_shape
    from ..wire import plan as make
    from ..wire import probe as try_out
    from ..written import write

    wanted = wanted_of(asked)
    made = make(wanted.request, wanted.secrets)
    measured = None
    if probe:
        tried = try_out(wanted.request, wanted.secrets)
        count = sum(receipt.loaded for receipt in tried.receipts if receipt.slice)
        say.note(f"Probed: {count:,} rows of {len(tried.plan.hops)} tables went into scratch tables and are removed.")
        measured = of_outcome(tried)
    rows = sampled(made, sample, wanted.secrets) if sample else {}
    known = estimate(made, measured)
    if out:
        write(made, out, prose(made, known))
        say.keep(f"The plan is in {out}.")
    shape: dict[str, Any] = {**plan_shape(made), "estimate": {**known.shape(), "downtime": downtime(made)}}
    hidden = unsampled(made) if sample else {}
    say.data({**shape, **(_sample_shape(rows, hidden) if rows else {})})
    if not say.voice().json:
        show(made, rows, hidden)
        for line in prose(made, known):
            say.out(line)
    if out:
        then = "It is for reading." if made.staging else f"Carry it out with: ropeway run {out}"
        say.note(f"Written into {out}. {then}")


def _sample_shape(
    rows: Mapping[str, tuple[pa.Table, pa.Table, list[bool]]], hidden: Mapping[str, str]
) -> dict[str, Any]:  # fmt: skip
    """Rows as they would be loaded and as they are read, and the numbers of those that transforms leave out."""
    return {
        **({"sample_hidden": dict(hidden)} if hidden else {}),
        "sample": {name: loaded.to_pylist() for name, (_, loaded, _) in rows.items()},
        "sample_read": {name: read.to_pylist() for name, (read, _, _) in rows.items()},
        "sample_left_out": {name: [n for n, one in enumerate(kept) if not one] for name, (*_, kept) in rows.items()},
    }


def _seal(folder: Path, asked: Asked, *, others: bool) -> None:
    from ..shapes import plan_shape
    from ..written import seal as sealed

    if others or asked != Asked():
        raise typer.BadParameter("--seal takes a written plan as it is: no other option goes with it.")
    made, edited = sealed(folder)
    say.data({**plan_shape(made), "edited": edited})
    if not edited:
        say.note("No file was edited: there is nothing to seal.")
        return
    if not say.voice().json:
        show(made)
    say.note(f"Edited: {', '.join(edited)}. Carry it out with: ropeway run {folder}")


def show(
    plan: Plan, rows: Mapping[str, tuple[pa.Table, pa.Table, list[bool]]] | None = None,
    hidden: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """The whole plan, for people; of `hidden` hops it says why none of their rows are shown."""
    from ...transfer.plan import hash_of
    from ...transfer.schema.rollback import Ways

    say.out(f"Plan {plan.run}, hash {hash_of(plan)[:12]}")
    for one in plan.origins:
        say.out(f"  from {one.alias + ': ' if one.alias else ''}{one.place}")
    say.out(f"  to   {plan.target}")
    apart = "; each source at an instant of its own" if plan.sources else ""
    say.out(f"  reads {_WORDS.get(plan.consistency, plan.consistency)}{apart}; verification: {plan.level}")
    say.out(f"  as a whole {Ways(plan).of_all()}")
    for seal in plan.sealed:
        say.out(f"  edited by hand and sealed {seal}")
    say.out()
    _findings(plan)
    if plan.staging:
        _staging(plan.staging, rows or {})
    for hop in plan.hops:
        _hop(hop)
        if rows and hop.name in rows:
            _rows(*rows[hop.name], changed=bool(hop.transforms))
        if hidden and hop.name in hidden:
            why = f"its query has {hidden[hop.name]}, and could make others of the first rows than of all"
            say.out(f"  no rows are shown: {why}")
    _statements(plan)
    _locks(plan)
    _grants(plan)


def _staging(first: Plan, rows: Mapping[str, tuple[pa.Table, pa.Table, list[bool]]]) -> None:
    """What comes before the rest where queries make the tables."""
    say.out(f"First these are brought into a stage, {first.target.database}, and proven there:")
    for hop in first.hops:
        _hop(hop)
        if hop.name in rows:
            _rows(*rows[hop.name], changed=False)
    say.out("There the queries make what is moved then:")
    for statement in first.statements:
        if statement.phase == "after" and statement.forward.startswith(("CREATE TABLE", "CREATE SCHEMA")):
            say.out(f"  {statement.forward.strip()}")
    say.out()


def _findings(plan: Plan) -> None:
    from ...transfer.schema.risks import grade_of

    found = list(plan.findings)
    rows = []
    if not say.voice().verbose:
        found, columns = _without_types(found)
        rows = [
            ("note", name, f"{count:,} columns", "said with each column below", f"-v has advice on {advised:,} of them"
             if advised else "") for name, count, advised in columns
        ]  # fmt: skip
    rows = [(grade_of(one, plan.waived), one.name, one.where, one.message, one.remedy) for one in found] + rows
    say.table(("", "name", "where", "what to know", "what to do"), rows, title="Findings")


def _without_types(findings: list[Finding]) -> tuple[list[Finding], list[tuple[str, int, int]]]:
    """Notes of columns' types stand beside the columns, too: here their number is enough, if there are many.

    Name, number, and how many of them have a remedy.
    """
    names = Counter(one.name for one in findings if one.grade == "note" and one.name.endswith("-type"))
    many = {name for name, count in names.items() if count > _FEW}
    kept = [one for one in findings if one.grade != "note" or one.name not in many]
    left = [one for one in findings if one not in kept]
    advised = Counter(one.name for one in left if one.remedy)
    return kept, [(name, names[name], advised[name]) for name in names if name in many]


def _hop(hop: Hop) -> None:
    from ...transforms.steps import told

    rows = f"about {hop.rows:,} rows" if hop.rows >= 0 else "rows unknown"
    through = f" through {hop.into}" if hop.into != hop.writes else ""
    say.out(f"{hop.named} -> {hop.writes}{through}: {hop.mode}, {rows}, {_slices(hop)}")
    for word, text in (("where", hop.where), ("query", hop.query), ("key", ", ".join(hop.key))):
        if text and (word != "key" or hop.mode == "merge"):
            say.out(f"  {word} {text}")
    for number, call in enumerate(hop.transforms, start=1):
        say.out(f"  transform {number}: {told(call)}")
    for call in hop.over:
        say.out(f"  over all rows: {told(call)}")
    if hop.limit:
        say.out(f"  at most {hop.limit:,} rows: a rehearsal")
    if hop.raw:
        say.out(f"  bytes pass undecoded, as {hop.raw}")
    if hop.after:
        say.out(f"  after {', '.join(name.split(' ', 1)[1] for name in hop.after)}")
    say.table(
        ("column", "type", "means", "target", "type", "fidelity", "why"),
        [
            (c.source, c.type.native, str(c.type), c.target, c.native, str(c.fidelity), c.why)
            for c in hop.columns
        ],
    )  # fmt: skip


def _slices(hop: Hop) -> str:
    cuts = [str(part.cut) for part in hop.slices]
    if len(cuts) == 1:
        return f"1 slice ({cuts[0]})"
    shown = cuts if say.voice().verbose or len(cuts) <= 3 else [cuts[0], cuts[1], "...", cuts[-1]]
    return f"{len(cuts)} slices ({', '.join(shown)})"


def _rows(read: pa.Table, loaded: pa.Table, kept: Sequence[bool], *, changed: bool) -> None:
    """The rows that would be loaded; beside those as they are read, where transforms change them."""
    if not changed:
        say.table(loaded.column_names, [[_short(value) for value in row.values()] for row in loaded.to_pylist()])
        return
    after = iter(loaded.to_pylist())
    rows = [
        [*map(_short, row.values()), "→", *(map(_short, next(after).values()) if stays else ("left out",))]
        for row, stays in zip(read.to_pylist(), kept, strict=True)
    ]
    heads = [*read.column_names, "→", *loaded.column_names]
    say.table(heads, [[*row, *[""] * (len(heads) - len(row))] for row in rows])


def _short(value: object) -> str:
    text = "NULL" if value is None else value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _statements(plan: Plan) -> None:
    from ...transfer.clean import in_order
    from ...transfer.schema.rollback import Ways

    ways = Ways(plan)
    for phase, title in _TITLES.items():
        made = [statement for statement in in_order(plan) if statement.phase == phase]
        if not made:
            continue
        say.out(title)
        for statement in made:
            say.out(f"\n  {statement.name}")
            say.out("    " + statement.forward.replace("\n", "\n    "))
            if statement.guard:
                say.out(f"    only if this returns no row: {statement.guard}")
            if statement.constraint and statement.constraint.otherwise != "stop":
                say.out(f"    if {'the target refuses' if statement.spare else 'rows break'} it, it is left out")
            if statement.lock:
                say.out(f"    takes {statement.lock}")
            back = statement.back.replace("\n", " ") or "none"
            say.out(f"    way back: {back}")
            if say.voice().verbose:
                say.out(f"    {': '.join(filter(None, ways.of(statement)))}")
        say.out()


def _locks(plan: Plan) -> None:
    for lock in plan.locks:
        say.out(f"Lock on the source: {lock}")


def _grants(plan: Plan) -> None:
    for side, statements in (("source", plan.grants.source), ("target", plan.grants.target)):
        shown = statements if say.voice().verbose or len(statements) <= _FEW else statements[:_FEW]
        if shown:
            say.out(f"The least that the account of the {side} needs:")
        for statement in shown:
            say.out(f"  {statement}")
        if len(shown) < len(statements):
            say.out(f"  ... and {len(statements) - len(shown)} more: -v, or risks.md of --out, has them all")
