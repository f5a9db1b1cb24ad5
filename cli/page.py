"""A report as one HTML page: complete in itself, with drawn pictures, no script and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..transfer.plan import Seal

_CLAIMS = {
    "target equals source": "proven",
    "target equals what was read": "proven",
    "counts equal": "counted",
    "not verified": "open",
    "different": "differs",
}
_HUES = 12  # colours of the timeline, then they begin again
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --line: #d5dae2; --soft: #667085;
  --proven: #2e8b57; --counted: #3b7dd8; --open: #98a2b3; --differs: #c8322b }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --paper: #14181f; --line: #333b47; --soft: #98a2b3 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2.5rem auto;
  max-width: 62rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .25rem } h2 { font-size: 1.1rem; margin-top: 2.5rem }
p.where, td.soft, figcaption { color: var(--soft) } figure { margin: 0; overflow-x: auto }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
svg text { fill: var(--ink); font-size: 12px } svg .soft { fill: var(--soft) } svg line { stroke: var(--line) }
.proven { fill: var(--proven); color: var(--proven) } .counted { fill: var(--counted); color: var(--counted) }
.open { fill: var(--open); color: var(--open) } .differs { fill: var(--differs); color: var(--differs) }
"""


def page(*reports: Mapping[str, Any]) -> str:
    """The page of one run, or of several that belong together."""
    title = f"Ropeway: run {', '.join(str(one['run']) for one in reports)}"
    body = "\n".join(_run(one) for one in reports)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def _run(report: Mapping[str, Any]) -> str:
    seconds = max(report["seconds"], 0.001)
    facts = (
        f"{report['rows']:,} rows in {seconds:,.1f} s ({report['rows'] / seconds:,.0f} rows/s), "
        f"{len(report['tables'])} tables; status: {escape(str(report['status']))}."
    )
    where = f"{escape(str(report['source']))} → {escape(str(report['target']))}"
    parts = [
        f"<h1>Run {escape(str(report['run']))}</h1>\n<p class=where>{where}</p>\n<p>{facts}</p>",
        f"<h2>Rows of each table</h2>\n<figure>{rows_picture(report['tables'])}<figcaption>The colour is the claim: "
        "green proven by checksum, blue by count, grey not verified, red different.</figcaption></figure>",
        _table(report),
    ]
    timed = [part for part in report["slices"] if part["ended"] is not None]
    if timed:
        parts.append(
            f"<h2>Slices over time</h2>\n<figure>{timeline(timed)}<figcaption>Each bar is a slice, from its first "
            "row to its receipt; a colour is a table.</figcaption></figure>"
        )
    parts += [f"<p>The plan was edited by hand and sealed {escape(str(Seal(**one)))}." for one in report["sealed"]]
    parts.append(_findings(report["findings"]))
    return "\n".join(parts)


def _table(report: Mapping[str, Any]) -> str:
    head = "<tr><th>source<th>target<th class=n>rows<th class=n>seconds<th>claim<th>how</tr>"
    lines = []
    for table in report["tables"]:
        verified = table["verified"]
        proof = report["proofs"].get(table["target"], {})
        missing = [f"not compared: {what}" for what in proof.get("left_out", ())]
        how = "; ".join(filter(None, [verified["reason"], proof.get("how", ""), *missing]))
        lines.append(
            f"<tr><td>{escape(table['source'])}<td>{escape(table['target'])}<td class=n>{table['loaded']:,}"
            f"<td class=n>{table['seconds']:,.1f}<td class={_CLAIMS.get(verified['claim'], 'open')}>"
            f"{escape(verified['claim'])}<td class=soft>{escape(how)}</tr>"
        )
    return f"<h2>Tables</h2>\n<figure><table>{head}{''.join(lines)}</table></figure>"


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    if not findings:
        return ""
    lines = "".join(
        f"<tr><td>{escape(one['grade'])}{', waived' if one['waived'] else ''}<td>{escape(one['name'])}"
        f"<td>{escape(one['where'])}<td>{escape(one['message'])}<td class=soft>{escape(one['remedy'])}</tr>"
        for one in findings
    )
    return f"<h2>What to know</h2>\n<figure><table>{lines}</table></figure>"


def rows_picture(tables: Sequence[Mapping[str, Any]]) -> str:
    """A bar for each table, as long as its rows."""
    largest = max((table["loaded"] for table in tables), default=0) or 1
    height, parts = 24, []
    for place, table in enumerate(tables):
        top, width = place * height, max(1.0, 480 * table["loaded"] / largest)
        kind = _CLAIMS.get(table["verified"]["claim"], "open")
        name = str(table["target"])
        short = name if len(name) <= 30 else name[:29] + "…"
        parts.append(
            f'<text x="210" y="{top + 16}" text-anchor="end"><title>{escape(name)}</title>{escape(short)}</text>'
            f'<rect class="{kind}" x="220" y="{top + 4}" width="{width:.1f}" height="16" rx="2"/>'
            f'<text class="soft" x="{226 + width:.1f}" y="{top + 16}">{table["loaded"]:,}</text>'
        )
    return _svg(820, max(1, len(tables)) * height, parts)


def timeline(slices: Sequence[Mapping[str, Any]]) -> str:
    """A bar for each slice, in as few lanes as they ran side by side."""
    hops = sorted({str(part["hop"]) for part in slices})
    end = max(part["ended"] for part in slices) or 1.0
    lanes: list[float] = []
    parts = []
    for part in sorted(slices, key=lambda one: float(one["ended"]) - float(one["seconds"])):
        start = max(0.0, part["ended"] - part["seconds"])
        # A thousandth of a second's overlap is rounding, not a worker more.
        lane = next((n for n, free in enumerate(lanes) if free <= start + 0.002), len(lanes))
        lanes[lane : lane + 1] = [part["ended"]]
        left, width = 800 * start / end, max(1.0, 800 * (part["ended"] - start) / end)
        told = f"{part['hop']}, slice {part['slice']}: {part['rows']:,} rows in {part['seconds']:.2f} s"
        hue = 360 * (hops.index(str(part["hop"])) % _HUES) // _HUES
        parts.append(
            f'<rect x="{left + 10:.1f}" y="{lane * 22 + 2}" width="{width:.1f}" height="18" rx="2" '
            f'fill="hsl({hue}, 55%, 50%)"><title>{escape(told)}</title></rect>'
        )
    bottom = len(lanes) * 22
    anchors = ("start", "middle", "middle", "middle", "end")
    parts += [
        f'<text class="soft" x="{10 + 200 * n}" y="{bottom + 16}" text-anchor="{anchor}">{end * n / 4:.1f} s</text>'
        for n, anchor in enumerate(anchors)
    ]
    return _svg(820, bottom + 22, parts)


def speeds(parts: Sequence[Mapping[str, Any]]) -> str:
    """A measurement as a picture of its own: rows for each second of the whole and of each side."""
    fastest = max(part["rows_per_second"] for part in parts) or 1
    drawn = ["<style>text { font: 13px system-ui, sans-serif; fill: #1c2430 } .soft { fill: #667085 }</style>",
             '<rect width="100%" height="100%" fill="#fff"/>']  # fmt: skip
    for place, part in enumerate(parts):
        top, width = 14 + place * 34, max(1.0, 430 * part["rows_per_second"] / fastest)
        told = f"{part['rows_per_second']:,} rows/s, {part['mb_per_second']:,.1f} MB/s"
        drawn.append(
            f'<text x="70" y="{top + 17}" text-anchor="end">{escape(str(part["part"]))}</text>'
            f'<rect x="80" y="{top}" width="{width:.1f}" height="24" rx="3" fill="#3b7dd8"/>'
            f'<text class="soft" x="{88 + width:.1f}" y="{top + 17}">{told}</text>'
        )
    return _svg(760, 20 + 34 * len(parts), drawn) + "\n"


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img">{"".join(parts)}</svg>'
    )
