"""Plots as inline SVG. Places are percentages, so that a plot is as wide as its page and its text keeps its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from .markup import short, text

_HUES = 12  # colours of the slices, then they begin again
_BINS = 60  # steps of the throughput
_HEIGHT = 120  # pixels of a plot over time
_LANE = 16

Point = tuple[float, float]  # seconds, and what there was by then


def _svg(kind: str, height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="{kind}" width="100%" height="{height}" role="img"><title>{text(title)}</title>'
        f"{''.join(parts)}</svg>"
    )


def bar(share: float, kind: str = "counted") -> str:
    """A bar beside its number, which says the same."""
    return (
        '<svg class="bar" width="100%" height="6" aria-hidden="true"><rect class="track" width="100%" height="6"/>'
        f'<rect class="{kind}" width="{max(0.4, 100 * share) if share else 0:.1f}%" height="6" rx="2"/></svg>'
    )


def shares(parts: Sequence[tuple[str, str, int]]) -> str:
    """One bar for a whole: (class, name, how many) of each part."""
    whole, left, drawn = sum(many for _, _, many in parts) or 1, 0.0, []
    for kind, name, many in parts:
        width = 100 * many / whole
        drawn.append(
            f'<rect class="{kind}" x="{left:.2f}%" width="{width:.2f}%" height="10">'
            f"<title>{many:,} {text(name)}</title></rect>"
        )
        left += width
    return _svg("strip", 10, ", ".join(f"{many:,} {name}" for _, name, many in parts), drawn)


def strip(segments: int, stretches: Sequence[Mapping[str, Any]]) -> str:
    """A table's segments from the first to the last; those that differ are coloured, the more the stronger."""
    drawn = ['<rect class="track" width="100%" height="32"/>']
    for one in stretches:
        differ = "1 segment differs" if one["differing"] == 1 else f"{one['differing']:,} segments differ"
        told = f"{one['where']}: {differ}, {one['rows_source']:,} rows in the source, {one['rows_target']:,} there"
        drawn.append(
            f'<rect class="{change(one)}" x="{100 * one["place"] / segments:.3f}%" '
            f'width="{max(0.25, 100 * one["segments"] / segments):.3f}%" height="32" '
            f'fill-opacity="{0.45 + 0.55 * one["differing"] / one["segments"]:.2f}"><title>{text(told)}</title></rect>'
        )
    many = sum(one["differing"] for one in stretches)
    return _svg("strip segments", 32, f"{many:,} of {segments:,} segments differ; the table below says which", drawn)


def change(stretch: Mapping[str, Any]) -> str:
    """What the numbers of rows say of segments that differ."""
    more = stretch["rows_target"] - stretch["rows_source"]
    return "more" if more > 0 else "fewer" if more else "changed"


def throughput(points: Sequence[Point], end: float) -> str:
    """What flowed in each second, from how much had flowed by then."""
    steps = min(_BINS, max(1, len(points)))
    edges = [end * step / steps for step in range(steps + 1)]
    totals = [_at(points, moment) for moment in edges]
    rates = [(b - a) * steps / end for a, b in pairwise(totals)]
    top = _round(max(rates))
    path = "M0 100" + "".join(
        f"V{100 - 100 * rate / top:.2f}H{1000 * (n + 1) / steps:.1f}" for n, rate in enumerate(rates)
    )
    told = (
        f"Megabytes a second over {end:,.1f} seconds: at most {short(max(rates))}, {short(totals[-1] / end)} on average"
    )
    return _over_time("throughput", told, end, top, " MB/s", [f'<path class="area" d="{path}L1000 100Z" {_STROKE}/>'])


def rows(moving: Sequence[Point], durable: Sequence[Point], end: float) -> str:
    """Rows that have left the source, and rows that have a receipt in the target."""
    top = _round(max(moving[-1][1], durable[-1][1]))
    area, line = _path(durable, end, top, stepped=True), _path(moving, end, top)
    drawn = [
        f'<path class="area" d="M0 100{area}H1000V100Z" {_STROKE}/>',
        f'<path class="line" d="M0 100{line}" {_STROKE}/>',
    ]
    told = f"Rows over {end:,.1f} seconds: {durable[-1][1]:,.0f} durable at the end"
    return _over_time("rows", told, end, top, " rows", drawn)


_STROKE = 'vector-effect="non-scaling-stroke"'


def _path(points: Sequence[Point], end: float, top: float, *, stepped: bool = False) -> str:
    found = []
    for moment, many in points:
        x, y = 1000 * min(moment, end) / end, 100 - 100 * many / top
        found.append(f"H{x:.1f}V{y:.2f}" if stepped else f"L{x:.1f} {y:.2f}")
    return "".join(found)


def _at(points: Sequence[Point], moment: float) -> float:
    """How much had flowed at a moment, straight between two points."""
    before: Point = (0.0, 0.0)
    for point in points:
        if point[0] >= moment:
            share = (moment - before[0]) / (point[0] - before[0]) if point[0] > before[0] else 1.0
            return before[1] + share * (point[1] - before[1])
        before = point
    return before[1]


def _round(number: float) -> float:
    """The next number with which an axis can end."""
    size = 1.0
    while size * 10 <= number:
        size *= 10
    while size > number > 0:
        size /= 10
    return next((step * size for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if step * size >= number), 10 * size)


def _over_time(kind: str, title: str, end: float, top: float, unit: str, drawn: Sequence[str]) -> str:
    parts = [
        f'<svg y="16" width="100%" height="{_HEIGHT}" viewBox="0 0 1000 100" preserveAspectRatio="none">'
        f"{''.join(drawn)}</svg>"
    ]
    for share in (0.0, 0.5, 1.0):
        y = 16 + _HEIGHT * (1 - share)
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>')
        if share:
            parts.append(f'<text x="0" y="{y - 4}">{short(top * share)}{unit}</text>')
    return _svg(kind, _HEIGHT + 36, title, [*parts, *_seconds(end, _HEIGHT + 32)])


def _seconds(end: float, y: int) -> list[str]:
    anchors = ("start", "middle", "middle", "middle", "end")
    digits = 0 if end >= 20 else 1 if end >= 2 else 2
    return [
        f'<text x="{25 * n}%" y="{y}" text-anchor="{anchor}">{end * n / 4:,.{digits}f} s</text>'
        for n, anchor in enumerate(anchors)
    ]


def timeline(slices: Sequence[Mapping[str, Any]], end: float) -> str:
    """A bar for each slice, in as few lanes as they ran side by side."""
    hops = sorted({str(part["hop"]) for part in slices})
    lanes: list[float] = []
    parts = []
    for part in sorted(slices, key=lambda one: float(one["ended"]) - float(one["seconds"])):
        start = max(0.0, part["ended"] - part["seconds"])
        # A thousandth of a second's overlap is rounding, not a worker more.
        lane = next((n for n, free in enumerate(lanes) if free <= start + 0.002), len(lanes))
        lanes[lane : lane + 1] = [part["ended"]]
        told = f"{part['hop']}, slice {part['slice']}: {part['rows']:,} rows in {part['seconds']:.2f} s"
        hue = (210 + 360 * (hops.index(str(part["hop"])) % _HUES) // _HUES) % 360  # blue first; red looks like a fault
        parts.append(
            f'<rect x="{100 * start / end:.2f}%" y="{lane * _LANE}" width="{_width(part["ended"] - start, end):.2f}%" '
            f'height="{_LANE - 3}" rx="2" fill="hsl({hue}, 45%, 52%)"><title>{text(told)}</title></rect>'
        )
    bottom = len(lanes) * _LANE
    title = f"{len(slices):,} slices of {len(hops):,} tables over {end:,.1f} seconds, up to {len(lanes)} at a time"
    return _svg("slices", bottom + 20, title, [*parts, *_seconds(end, bottom + 16)])


def _width(seconds: float, end: float) -> float:
    return max(0.25, 100 * seconds / end - 0.1)


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
    width, height = 760, 20 + 34 * len(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img">{"".join(drawn)}</svg>\n'
    )
