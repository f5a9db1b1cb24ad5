"""Names and values that mean harm: what ends a quotation, a comment or a statement, what shows as something else."""

from __future__ import annotations

import random
from collections.abc import Iterator

# What some dialect, driver, template or terminal reads as more than a text.
PIECES = (
    "'", "''", '"', '""', "`", "``", "[", "]", "]]", ";", "--", "-- ", "/*", "*/", "/*!50000 ", "#", "\\", "\\'",
    '\\"', "\\\\", "\\0", "\n", "\r", "\r\n", "\t", "\x0b", "\x0c", "\x1a", "\x1b[2J", "\x7f", "\b", "$", "$$", "$1",
    "$q$", "%", "%s", "%(a)s", "%%", "?", ":1", ":a", "@a", "{", "}", "{}", "{0}", "{fn now()}", "{d '2020-01-01'}",
    "{{ 7 * 7 }}", "{% raw %}", "${HOME}", "<b>", "</td>", "<script>alert(1)</script>", "&amp;",
    "'; DROP TABLE t; --", '"; DROP TABLE t; --', "`; DROP TABLE t; -- ", "]; DROP TABLE t; --", "' OR '1'='1",
    "U&'\\0041'", "E'\\''", "q'[", "N'", "../", "/", "..", "a.b", " ", "  ", ",", "(", ")", "=", "a", "Z", "NULL",
    "é", "e\u0301", "ß", "İ", "ı", "ﬀ", "\u00a0", "\u0085", "\u200b", "\u200f", "\u202e", "\u2028", "\u2029",
    "\u2066", "\ufeff", "�", "\uffff", "中", "\uff07", "\u02bc", "\u2019", "🚠", "\U0010ffff",
)  # fmt: skip
UNSAYABLE = ("\0", "\ud800", "\udfff")  # what is no character of a text, or ends it for C


def texts(count: int, seed: int, *, unsayable: bool = False) -> Iterator[str]:
    """So many of them, each another: each piece by itself, then mixtures, some of 10,000 characters."""
    chosen, seen = random.Random(seed), set[str]()
    pieces = [*PIECES, *(UNSAYABLE if unsayable else ())]
    while len(seen) < count:
        made = pieces[len(seen)] if len(seen) < len(pieces) else "".join(chosen.choices(pieces, k=chosen.randint(1, 9)))
        if len(seen) % 97 == 96:
            made = (made * 10_000)[:10_000]
        if len(seen) % 7 == 6:  # as long as some engine's names, or a little longer
            made = (made * 70)[: chosen.choice((62, 63, 64, 65, 127, 128, 129))]
        if made not in seen:
            seen.add(made)
            yield made
