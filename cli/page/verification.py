"""The part of the page that shows a verification: each table's claim, where it differs, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from . import markup, plots
from .markup import text

_MEANINGS = {
    "target equals source": "the checksums that both servers computed are equal",
    "target equals what was read": "the checksums of the rows that were read and of the rows that the target holds are "
    "equal; it says nothing of what the source holds by now",
    "counts equal": "both have the same number of rows; their values were not compared",
    "different": "what was compared is not equal",
    "not verified": "nothing was compared, for the reason that stands beside it",
}
_OPEN = 6  # stretches that are listed without being asked for


def verdict(claims: Sequence[str]) -> tuple[str, str]:
    """What all claims together say, and no more: its class and its words."""
    many, found = len(claims), Counter(claims)
    tables = f"all {many:,} tables" if many > 1 else "the table"
    if found["different"]:
        return "differs", f"{found['different']:,} of {many:,} {'tables differ' if many > 1 else 'table differs'}"
    if found["not verified"] or not many:
        return "open", f"{found['not verified']:,} of {many:,} {'tables' if many > 1 else 'table'} not verified"
    if found["counts equal"]:
        counted = "the same number of rows" if found["counts equal"] == many else "no difference, by checksum or count"
        return "counted", f"Counted: {tables} with {counted}"
    same = "source" if found["target equals source"] == many else "what was read"
    return "proven", f"Proven: in {tables}, target equals {same}"


def claims(found: Sequence[str]) -> str:
    """How many tables have which claim: a bar, and in words what each means."""
    counts = sorted(Counter(found).items(), key=lambda one: list(_MEANINGS).index(one[0]))
    drawn = plots.shares([(markup.CLAIMS[name][0], name, many) for name, many in counts])
    words = "".join(f"<li>{many:,} × {markup.worded(name)}: {_MEANINGS[name]}</li>" for name, many in counts)
    return f"<figure>{drawn}<figcaption><ul class=legend>{words}</ul></figcaption></figure>"


def verification(shape: Mapping[str, Any]) -> str:
    """A verification as a page of its own."""
    found = [str(table["claim"]) for table in shape["tables"]]
    kind, words = verdict(found)
    of_run = f" of run {text(shape['run'])}" if shape["run"] else ""
    return (
        f"<header class={kind}><p class=kicker>Ropeway: verification{of_run}, {markup.moment(shape['at'])}, level "
        f"{text(shape['level'])}</p>\n<h1>{text(words)}</h1>\n"
        f"<p>{text(shape['source'])} → {text(shape['target'])}</p>\n{markup.figures(figures(shape))}</header>\n"
        f"{details(shape)}\n<footer>Ropeway {text(shape['version'])}. Neither place was changed.</footer>"
    )


def figures(shape: Mapping[str, Any]) -> list[tuple[str, str]]:
    tables = shape["tables"]
    segments = sum(table["partitions"] or 0 for table in tables)
    differing = sum(table["differing_partitions"] or 0 for table in tables)
    rows = Counter[str]()
    for table in tables:
        rows.update({kind: table["found"][kind] for kind in ("missing", "extra", "changed")} if table["found"] else {})
    pairs = [
        ("tables", f"{len(tables):,}"),
        ("rows in the source", f"{sum(max(table['rows_source'], 0) for table in tables):,}"),
        ("rows in the target", f"{sum(max(table['rows_target'], 0) for table in tables):,}"),
    ]
    if segments:
        pairs.append(("segments that differ", f"{differing:,} of {segments:,}"))
    return pairs + [(f"rows {kind}", f"{many:,}") for kind, many in rows.items() if many]


def details(shape: Mapping[str, Any]) -> str:
    """Each table's claim, those that differ first; then what differs in each of them."""
    tables = sorted(shape["tables"], key=lambda one: list(markup.CLAIMS).index(one["claim"]), reverse=True)
    parts = ["<h2>What was compared</h2>", markup.card(_tables(tables))]
    differing = [table for table in tables if table["claim"] == "different"]
    if differing:
        parts += ["<h2>What differs</h2>", *(_difference(n, table) for n, table in enumerate(differing))]
    return "\n".join(parts)


def _tables(tables: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f'<a href="#difference-{n}">{pair(table)}</a>' if table["claim"] == "different" else pair(table),
            _many(table["rows_source"]), _many(table["rows_target"]),
            f"{table['partitions']:,}" if table["partitions"] is not None else "", markup.worded(table["claim"]),
            how(table["reason"], table["how"], table["left_out"], table.get("asked", "")),
        )
        for n, table in enumerate(tables)
    ]  # fmt: skip
    headings = ("table", "rows in the source", "rows in the target", "segments", "claim", "how it was compared")
    found = [str(table["claim"]) for table in tables]
    return claims(found) + markup.table("Each table's claim", headings, rows, numbers=(1, 2, 3), kind="claims")


def pair(table: Mapping[str, Any]) -> str:
    """A table by its name, or by both where they differ."""
    source, target = str(table["source"]), str(table["target"])
    return text(target) if source == target else f"{text(source)} → {text(target)}"


def how(reason: str, told: str, left_out: Sequence[str], asked: str = "") -> str:
    """How a claim came about, what the source's own server was asked for, and what was left out."""
    words = ". ".join(_sentence(one) for one in (reason, told, asked) if one)
    missing = "".join(f"<br>Not compared: {text(what)}" for what in left_out)
    return f"{text(words)}{missing}"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _many(rows: int) -> str:
    return f"{rows:,}" if rows >= 0 else ""


def _difference(number: int, table: Mapping[str, Any]) -> str:
    parts = [f"<p>{_rows_in_words(table)}</p>"]
    if table["stretches"] and table["partitions"] > 1:
        parts.append(_segments(table))
    if table["found"] and table["found"]["columns"]:
        parts.append(_columns(table))
    if table["differences"]:
        parts += [_FILTER, _cells(table)]
    return markup.card(*parts, heading=f"{table['source']} → {table['target']}", name=f"difference-{number}")


def _rows_in_words(table: Mapping[str, Any]) -> str:
    words = [
        f"{_many(table['rows_source']) or '?'} rows in the source, {_many(table['rows_target']) or '?'} in the target."
    ]
    if table["partitions"]:
        words.append(f"{table['differing_partitions']:,} of {table['partitions']:,} segments differ.")
    if found := table["found"]:
        kinds = ", ".join(f"{found[kind]:,} {kind}" for kind in ("missing", "extra", "changed") if found[kind])
        words.append(f"Of {found['segments']:,} of them each row was held against the other side's: {kinds}.")
    elif table["reason"]:
        words.append(f"{text(_sentence(table['reason']))}.")
    if table["partitions"] is None:
        words.append("'ropeway verify' at level full names the segments, rows and cells.")
    return " ".join(words)


_KINDS = {
    "fewer": "the target has fewer rows",
    "changed": "as many rows, other values",
    "more": "the target has more rows",
}


def _segments(table: Mapping[str, Any]) -> str:
    stretches = table["stretches"]
    there = {plots.change(one) for one in stretches}
    legend = "".join(
        f"<li><span class='key {kind}'></span>{told}</li>" for kind, told in _KINDS.items() if kind in there
    )
    rows = [
        (text(one["where"]), f"{one['rows_source']:,}", f"{one['rows_target']:,}",
         f"{one['differing']:,} of {one['segments']:,}")
        for one in stretches
    ]  # fmt: skip
    headings = ["where", "rows in the source", "rows in the target", "segments that differ"]
    if all(one["segments"] == 1 for one in stretches):
        headings = headings[:-1]
    listed = markup.table(
        "Segments that differ, with their rows", headings, [row[: len(headings)] for row in rows], numbers=(1, 2, 3)
    )
    is_open = " open" if len(rows) <= _OPEN else ""
    return (
        f"<figure>{plots.strip(table['partitions'], stretches)}<figcaption>All {table['partitions']:,} segments from "
        f"the first to the last.<ul class=legend>{legend}<li><span class='key track'></span>equal</li></ul>"
        "</figcaption>"
        f"</figure><details{is_open}><summary>Where they lie</summary>{listed}</details>"
    )


def _columns(table: Mapping[str, Any]) -> str:
    columns = table["found"]["columns"]
    most = max(columns.values())
    causes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in table["differences"]:
        if one["cause"]:
            causes[one["column"]][one["cause"]] += 1
    rows = [
        (text(name), f"{many:,}{plots.bar(many / most, 'changed')}",
         ", ".join(f"{text(word)} ({told:,})" for word, told in causes[name].most_common()))
        for name, many in columns.items()
    ]  # fmt: skip
    return markup.table(
        "Columns whose cells differ", ("column", "rows", "causes, of the differences below"), rows, numbers=(1,),
        kind="columns",
    )  # fmt: skip


_FILTER = (
    "<p class=filter hidden><label>Show only <input type=search placeholder='a column, a cause, a value'></label>"
    "<output aria-live=polite></output></p>"
)


def _cells(table: Mapping[str, Any]) -> str:
    rows = []
    for one in table["differences"]:
        pair = markup.values(one["source"], one["target"]) if one["column"] else ("", "")
        rows.append((text(one["kind"]), markup.key(one["key"]), text(one["column"]), *pair, text(one["cause"])))
    told, found = len(rows), table["found"]
    whole = found["missing"] + found["extra"] + found["changed"] if found else told
    caption = f"The first {told:,} differences, of {whole:,} rows" if told < whole else "Rows and cells that differ"
    headings = ("row", "key", "column", "source", "target", "cause")
    return markup.table(caption, headings, rows, kind="differences")
