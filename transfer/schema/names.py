"""Names from one engine to another: a style for all of them, and what would meet by it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import RequestError
from .catalogue import Relation


def styled(name: str, style: str) -> str:
    """A name in a style: as it is, in small or capital letters, or as `snake_case` (from CamelCase and spaces)."""
    if style == "snake":
        return re.sub(r"[\s\-.]+", "_", _parted(name)).lower()
    return {"lower": name.lower, "upper": name.upper}.get(style, name.__str__)()


def _parted(name: str) -> str:
    """A `_` between a small letter or digit and a capital, and before the last capital of several: HTTPServerName."""
    parts = []
    for before, letter, after in zip(f" {name}", name, f"{name[1:]} ", strict=False):
        starts = letter.isupper() and (before.islower() or before.isdigit() or (before.isupper() and after.islower()))
        parts.append(f"_{letter}" if starts else letter)
    return "".join(parts)


def check_columns(table: Relation, names: Iterable[tuple[str, str]], engine: str, *, fold: bool) -> None:
    """RequestError if two columns (source's name, target's name) meet; `fold` says that case tells none apart."""
    taken: dict[str, str] = {}
    for source, target in names:
        spelled = target.lower() if fold else target
        if spelled in taken:
            raise RequestError(
                f"{table}: the columns {taken[spelled]} and {source} would both be {target} in {engine}.",
                table=str(table), column=source,
                remedy="Leave one out with --columns, or move the table by a query that renames one.",
            )  # fmt: skip
        taken[spelled] = source
