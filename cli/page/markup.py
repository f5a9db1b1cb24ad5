"""The pieces of HTML that the page is made of. Whatever comes from a database or a file passes `text` or `value`."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from html import escape

# What each claim looks like: the sign stands for the colour where there is none.
CLAIMS = {
    "target equals source": ("proven", "✓"),
    "target equals what was read": ("proven", "✓"),
    "counts equal": ("counted", "="),
    "not verified": ("open", "?"),
    "different": ("differs", "≠"),
}


def text(value: object) -> str:
    """Any text, escaped; characters that show nothing or turn the direction of reading are shown by their numbers."""
    visible = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
    return escape("".join(visible))


def value(one: str | None, marked: tuple[int, int] = (0, 0)) -> str:
    """A value of a cell, with the characters of a range marked."""
    if not one:
        return f"<em class=soft>{'NULL' if one is None else 'empty'}</em>"
    start, end = marked
    middle = f"<mark>{text(one[start:end])}</mark>" if end > start else ""
    return f"<code>{text(one[:start])}{middle}{text(one[max(start, end) :])}</code>"


def values(source: str | None, target: str | None) -> tuple[str, str]:
    """Two values that differ, with what differs marked where they have something in common."""
    one, other = source or "", target or ""
    start = _common(one, other)
    end = _common(one[start:][::-1], other[start:][::-1])
    if not start and not end:
        return value(source), value(target)
    return value(source, (start, len(one) - end)), value(target, (start, len(other) - end))


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def key(fields: Mapping[str, str | None]) -> str:
    """The columns by which a row is known."""
    return "<br>".join(f"{text(name)} = {value(one)}" for name, one in fields.items())


def worded(words: str) -> str:
    """A claim in its own words, with its sign."""
    kind, sign = CLAIMS.get(words, CLAIMS["not verified"])
    return f'<span class="claim {kind}"><span aria-hidden=true>{sign}</span>&nbsp;{text(words)}</span>'


def table(
    caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Container[int] = (), kind: str = ""
) -> str:
    """A table of cells that are HTML already; the columns at `numbers` are set to the right."""
    classes = [" class=n" if place in numbers else "" for place in range(len(headings))]
    head = "".join(f"<th scope=col{c}>{text(h)}</th>" for c, h in zip(classes, headings, strict=True))
    lines = []
    for first, *others in rows:
        cells = zip(classes[1:], headings[1:], others, strict=True)
        lines.append(
            f"<tr><th scope=row{classes[0]}>{first}</th>"
            + "".join(f'<td{c} data-label="{text(h)}">{cell}</td>' for c, h, cell in cells)
            + "</tr>"
        )
    return (
        f'<table class="{kind}"><caption>{text(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(lines)}\n</tbody></table>"
    )


def figures(pairs: Sequence[tuple[str, str]]) -> str:
    """The figures that stand below the verdict."""
    cells = "".join(f"<div><dt>{text(name)}</dt><dd>{text(one)}</dd></div>" for name, one in pairs)
    return f"<dl class=figures>{cells}</dl>"


def figure(drawn: str, caption: str) -> str:
    return f"<figure>{drawn}<figcaption>{text(caption)}</figcaption></figure>"


def card(*parts: str, heading: str = "", name: str = "") -> str:
    """A box; with a heading, a part of a section, which a link can name."""
    inner = "\n".join(filter(None, parts))
    if not heading:
        return f"<div class=card>{inner}</div>"
    return f'<section class=card id="{name}"><h3>{text(heading)}</h3>\n{inner}</section>'


def moment(at: str) -> str:
    """An ISO moment in UTC, to the minute."""
    return f"{at[:10]} {at[11:16]} UTC"


def short(number: float) -> str:
    """A number in few characters: 950, 12.3k, 4.56M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if number >= size:
            return f"{number / min(size, 1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"
