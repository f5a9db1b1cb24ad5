"""Rules as checks of Soda Core (SodaCL): a file for each schema of the target, as a data source has one."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from ..transfer.errors import RequestError
from .rulebook import Book, Export, Said, heading, yaml

_NAME = re.compile(r"""[^"'`\[\](){},.:;%$#\\\x00-\x1f]+""")  # what Soda takes for a name once it is quoted
_VALUE = re.compile(r"[^'\\${}%#]*")


def soda(book: Book) -> Export:
    """The checks, and what Soda cannot say."""
    checks: dict[str, dict[str, list[Any]]] = {}
    left_out = []
    for said in book.rules:
        try:
            table = book.target.quote(_plain(said.table.table))
            made = [_alerting(said, one) for one in _made(book, said)]
        except RequestError as error:
            left_out.append((said.shown, error.message))
            continue
        checks.setdefault(said.table.schema, {}).setdefault(f"checks for {table}", []).extend(made)
    head = heading(left_out)
    files = {f"checks{f'_{_slug(schema)}' if schema else ''}.yml": head + yaml(there)
             for schema, there in checks.items()}  # fmt: skip
    return Export(files, tuple(left_out))


def _slug(text: str) -> str:
    short = re.sub(r"\W+", "_", text)
    return short if short == text else f"{short}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _made(book: Book, said: Said) -> list[tuple[str, str, str, dict[str, Any]]]:
    """The checks of a rule: its name, what is asked, its bound as in `= 0`, and what belongs to it.

    Names are quoted: Soda puts them into SQL as they stand, and a column may be called `user`.
    """
    kind, given, name = said.rule.kind, said.given, said.rule.name
    quoted = {column: book.target.quote(column) for column in said.columns}
    if kind == "fresh":
        if said.kinds[0] not in ("timestamp", "instant"):
            raise RequestError(f"Soda counts a date at the end of its day, and {said.columns[0]} is a {said.kinds[0]}")
        ((age),) = given.values()
        return [(name, f"freshness({quoted[_plain(said.columns[0])]})", f"< {_days(age)}", {})]
    if all(_NAME.fullmatch(column) for column in quoted):
        if kind == "not_null":
            return [(f"{name} ({column})", f"missing_count({one})", "= 0", {}) for column, one in quoted.items()]
        if kind == "unique" and len(quoted) == 1:
            return [(name, f"duplicate_count({quoted[said.columns[0]]})", "= 0", {})]
        if kind == "accepted" and all(map(_sayable, given.values())):
            return [(f"{name} ({column})", f"invalid_count({one})", "= 0", {"valid values": values})
                    for (column, one), values in zip(quoted.items(), given.values(), strict=True)]  # fmt: skip
    on = book.target.relation(said.table)
    query = said.constraint.offenders if kind == "refers" else said.broken(book.target, on)
    return [(name, "failed rows", "", {"fail query": _unescaped(query)})]


def _days(age: str) -> str:
    return f"{int(age[:-1]) * 7}d" if age.endswith("w") else age


def _plain(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise RequestError(f"Soda does not take the name {name}")
    return name


def _sayable(values: list[Any]) -> bool:
    texts = [value for value in values if isinstance(value, str)]
    return len(texts) in (0, len(values)) and all(_VALUE.fullmatch(value) for value in texts)


def _unescaped(sql: str) -> str:
    """SQL in which Soda's templates find nothing of their own."""
    if re.search(r"\$\{|\{%|\{#", sql):
        raise RequestError("its SQL has signs in it that Soda takes for a template")
    return sql


def _alerting(said: Said, made: tuple[str, str, str, dict[str, Any]]) -> Any:
    """A check that fails, or warns, as the rule does."""
    name, asked, bound, more = made
    named = {"name": name, **more}
    if said.rule.on_fail != "warn":
        return {f"{asked} {bound}".strip(): named}
    limit = f"> {bound.removeprefix('< ')}" if bound.startswith("<") else "> 0"
    return {asked: {**named, "warn": f"when {limit}"}}
