"""The part of the page that shows a run: what moved, how fast, what of it is proven, what there is to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ...transfer.plan import Seal
from . import markup, plots
from .markup import text
from .merging import removed
from .verification import claims, details, how, pair, verdict


def run(report: Mapping[str, Any]) -> str:
    """A run as the main part of a page."""
    parts = [_header(report)]
    later = report.get("verified_later")
    if later:
        parts.append(details(later))
    parts += [
        "<h2>What moved</h2>",
        markup.card(_tables(report)),
        _over_time(report),
        _aside(report),
        removed(report.get("merged", ())),  # earlier reports have none
        _findings(report["findings"]),
        _footer(report),
    ]
    return "\n".join(filter(None, parts))


def _header(report: Mapping[str, Any]) -> str:
    """The verdict: the latest verification's where there is one, and then the run's own below it."""
    own = verdict([str(table["verified"]["claim"]) for table in report["tables"]])
    kind, words, more = *own, ""
    if later := report.get("verified_later"):
        kind, words = verdict([str(table["claim"]) for table in later["tables"]])
        more = (
            f"<p>Found by the verification of {markup.moment(later['at'])}, level {text(later['level'])}. Of "
            f"itself the run says: {text(own[1])}.</p>\n"
        )
    elif kind == "differs":
        more = "<p>'ropeway verify' at level full names the segments, rows and cells; this page then shows them.</p>\n"
    ended = f", ended {markup.moment(report['at'])}" if "at" in report else ""  # as `pace` below
    return (
        f"<header class={kind}><p class=kicker>Ropeway: run {text(report['run'])}{ended}</p>\n<h1>{text(words)}</h1>\n"
        f"{more}<p>{text(report['source'])} → {text(report['target'])}</p>\n{markup.figures(_figures(report))}</header>"
    )


def _figures(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    seconds = max(report["seconds"], 0.001)
    pairs = [
        ("rows", f"{report['rows']:,}"),
        ("tables", f"{len(report['tables']):,}"),
        ("seconds", f"{seconds:,.1f}"),
        ("rows a second", f"{report['rows'] / seconds:,.0f}"),
        ("megabytes", f"{report['bytes'] / 1e6:,.1f}"),
        ("slices", f"{len(report['slices']):,}"),
    ]
    aside = sum(table["rejected"] for table in report["tables"])
    return [*pairs, ("rows moved aside", f"{aside:,}")] if aside else pairs


def _tables(report: Mapping[str, Any]) -> str:
    tables = report["tables"]
    most = max((table["loaded"] for table in tables), default=0) or 1
    slices = Counter(part["hop"].partition(" ")[2] for part in report["slices"])
    rows = []
    for table in tables:
        proof = report["proofs"].get(table["target"], {})
        verified = table["verified"]
        kind = markup.CLAIMS.get(verified["claim"], ("open", ""))[0]
        parts = slices[f"{table['source']} -> {table['target']}"]
        rows.append(
            (
                pair(table), f"{table['loaded']:,}{plots.bar(table['loaded'] / most, kind)}",
                f"{table['seconds']:,.1f}", f"{table['loaded'] / max(table['seconds'], 0.001):,.0f}",
                f"{parts:,}" if parts else "", markup.worded(verified["claim"]),
                how(verified["reason"], proof.get("how", ""), proof.get("left_out", ()), proof.get("asked", "")),
            )
        )  # fmt: skip
    headings = ("table", "rows", "seconds", "rows a second", "slices", "claim of the run", "how it was compared")
    found = [str(table["verified"]["claim"]) for table in tables]
    return claims(found) + markup.table(
        "Rows and claims of each table", headings, rows, numbers=(1, 2, 3, 4), kind="claims"
    )


def _over_time(report: Mapping[str, Any]) -> str:
    timed = [part for part in report["slices"] if part["ended"] is not None]
    points = report.get("pace", [])  # reports of an earlier version have none
    end = max([part["ended"] for part in timed] + [point[0] for point in points], default=0.0)
    if not timed or not points or end <= 0:
        return ""
    earlier = len(report["slices"]) - len(timed)
    said = f" {earlier:,} slices landed in an earlier process and are not drawn." if earlier else ""
    return "<h2>Over time</h2>\n" + markup.card(
        markup.figure(
            plots.throughput([(at, size / 1e6) for at, _, size, _ in points], end),
            "Throughput: megabytes that left the source in each second.",
        ),
        markup.figure(
            plots.rows([(at, rows) for at, rows, _, _ in points], [(at, rows) for at, *_, rows in points], end),
            "Rows that are durable in the target (filled) and that have left the source (dashed).",
        ),
        markup.figure(
            plots.timeline(timed, end),
            f"Slices: each bar is one, from its first row to its receipt; a colour is a table.{said}",
        ),
    )


def _aside(report: Mapping[str, Any]) -> str:
    """What the target does without, and what people decided."""
    lines = [
        f"<p>Left out of {text(one['table'])}: {text(one['kind'])} {text(one['constraint'])}. "
        f"{text(one['message'])}.</p>"
        + (f"<p>Once its rows are mended: <code>{text(one['later'])}</code></p>" if one["later"] else "")
        for one in report["left_out_constraints"]
    ]
    lines += [
        f"<p>Moved aside: {one['rows']:,} rows of {text(one['table'])} that broke {text(one['constraint'])}. They "
        f"lie in {text(one['lie_in'])}.</p>"
        for one in report["quarantined"]
    ]
    lines += [f"<p>The plan was edited by hand and sealed {text(Seal(**one))}</p>" for one in report["sealed"]]
    if report["waived"]:
        lines.append(f"<p>Waived: {text(', '.join(report['waived']))}.</p>")
    return "<h2>What was decided</h2>\n" + markup.card(*lines) if lines else ""


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    if not findings:
        return ""
    rows = [
        (f'<span class="{text(one["grade"])}">{text(one["grade"])}{", waived" if one["waived"] else ""}</span>',
         text(one["name"]), text(one["where"]),
         f"{text(one['message'])}<br><span class=soft>{text(one['remedy'])}</span>")
        for one in findings
    ]  # fmt: skip
    headings = ("grade", "name", "where", "what was found, and what can be done")
    return "<h2>What to know</h2>\n" + markup.card(
        markup.table("Findings of the plan", headings, rows, kind="findings")
    )


def _footer(report: Mapping[str, Any]) -> str:
    return (
        f"<footer>Ropeway {text(report['version'])}. Plan <code>{text(report['plan_hash'])}</code>, consistency "
        f"{text(report['consistency'])}.</footer>"
    )
