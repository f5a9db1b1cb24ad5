"""Rules as files of a dbt project: generic tests of sources, and singular tests in the target's SQL.

What dbt's own tests ask in the same way is asked by them; all else is a query that lists what breaks the rule.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from ..transfer.errors import RequestError
from ..transfer.schema.catalogue import Relation
from .rulebook import HEAD, Book, Export, Said, heading, yaml
from .say import visible

FOLDER = "ropeway"
_PERIODS = {"m": ("minute", 1), "h": ("hour", 1), "d": ("day", 1), "w": ("day", 7)}
_PLAIN = re.compile(r"[^'\"`\\{}%#\[\]]*")  # a text that neither SQL nor Jinja takes for more than that


def dbt(book: Book) -> Export:
    """The sources with their tests, and a file for each singular test."""
    files: dict[str, str] = {}
    left_out, sources = [], dict[str, dict[str, Any]]()
    for said in book.rules:
        table = _table(sources, said.table)
        try:
            tests, more = _made(book, said, table, sources)
        except RequestError as error:
            left_out.append((said.shown, error.message))
            continue
        for column, test in tests:
            _column(table, column)["data_tests"].append(test)
        files |= {f"tests/{FOLDER}/{name}.sql": text for name, text in more.items()}
    for source in sources.values():
        source["tables"] = [{**one, "columns": list(one["columns"].values())} for one in source["tables"].values()]
    text = heading(left_out) + yaml({"version": 2, "sources": list(sources.values())})
    return Export({f"models/{FOLDER}.yml": text, **files}, tuple(left_out))


def _table(sources: dict[str, dict[str, Any]], name: Relation) -> dict[str, Any]:
    source = sources.setdefault(name.schema, {
        "name": _source(name), **({"schema": name.schema} if name.schema else {}),
        "quoting": {"schema": True, "identifier": True}, "tables": {},
    })  # fmt: skip
    made: dict[str, Any] = source["tables"].setdefault(name.table, {"name": name.table, "columns": {}})
    return made


def _column(table: dict[str, Any], name: str) -> dict[str, Any]:
    made: dict[str, Any] = table["columns"].setdefault(name, {"name": name, "quote": True, "data_tests": []})
    return made


def _source(name: Relation) -> str:
    return f"ropeway_{name.schema}" if name.schema else "ropeway"


def _made(
    book: Book, said: Said, table: dict[str, Any], sources: dict[str, dict[str, Any]]
) -> tuple[list[tuple[str, dict[str, Any]]], dict[str, str]]:
    """The generic tests of a rule, each with its column, and the singular ones."""
    kind, given, columns = said.rule.kind, said.given, said.columns
    if kind == "fresh":
        _freshness(book, said, table)
        return [], {}
    if all(map(_is_plain, columns)):
        if kind == "not_null":
            return [(column, _test(said, "not_null", column)) for column in columns], {}
        if kind == "unique" and len(columns) == 1:
            return [(columns[0], _test(said, "unique"))], {}
        if kind == "accepted" and all(map(_alike, given.values())):
            return [
                (column, _test(said, "accepted_values", column, values=values, quote=isinstance(values[0], str)))
                for column, values in zip(columns, given.values(), strict=True)
            ], {}
        if kind == "refers" and said.constraint.references:
            return [(columns[0], _relationship(book, said, sources))], {}
    return [], {_name(said): _singular(book, said)}


def _alike(values: Sequence[Any]) -> bool:
    """Whether dbt can say these values: all texts, or all numbers."""
    texts = [isinstance(value, str) for value in values]
    return bool(values) and (all(texts) or not any(texts)) and all(map(_is_plain, values))


def _is_plain(value: Any) -> bool:
    return not isinstance(value, str) or _PLAIN.fullmatch(value) is not None


def _relationship(book: Book, said: Said, sources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    parent = said.constraint.references
    assert parent  # noqa: S101 - asked before
    _table(sources, parent)  # it may be none of the job's
    ((goal),) = said.given.values()
    return _test(said, "relationships", to=_source_of(parent), field=book.target.quote(goal.rpartition(".")[2]))


def _test(said: Said, test: str, column: str = "", **arguments: Any) -> dict[str, Any]:
    name = _name(said) + (f"_{_slug(column)}" if column and len(said.columns) > 1 else "")
    more = {"arguments": arguments} if arguments else {}
    described = {"name": name, "description": _described(said.rule.name), **more}
    return {test: {**described, "config": {"severity": _severity(said)}}}


def _described(text: str) -> str:
    """A text for people, in which Jinja finds nothing of its own."""
    return re.sub("[{}%#]", " ", visible(" ".join(text.split())))


def _severity(said: Said) -> str:
    return "warn" if said.rule.on_fail == "warn" else "error"


def _name(said: Said) -> str:
    """A test's name, of which a project has no second."""
    place = "_".join(filter(None, (_slug(said.table.schema), _slug(said.table.table))))
    return f"{FOLDER}_{place}_{said.number}_{_slug(said.rule.name)}"


def _slug(text: str) -> str:
    """Letters, digits and underscores; where that is not the whole name, with a hash of it."""
    short = re.sub(r"\W+", "_", text).strip("_").lower()[:40]
    return short if short == text else f"{short}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _freshness(book: Book, said: Said, table: dict[str, Any]) -> None:
    if "config" in table:
        raise RequestError("dbt knows one freshness of a table, and another rule has it")
    if said.kinds[0] not in ("timestamp", "instant"):
        raise RequestError(f"dbt asks how fresh a timestamp is, and {said.columns[0]} is a {said.kinds[0]}")
    ((age),) = said.given.values()
    period, times = _PERIODS[age[-1]]
    level = "warn_after" if said.rule.on_fail == "warn" else "error_after"
    table["config"] = {"freshness": {level: {"count": int(age[:-1]) * times, "period": period}},
                       "loaded_at_field": book.target.quote(said.columns[0])}  # fmt: skip


def _source_of(name: Relation) -> str:
    return f"source({_source(name)!r}, {name.table!r})"


def _singular(book: Book, said: Said) -> str:
    """A query of what breaks a rule, of the table as dbt knows it."""
    on = f"{{{{ {_source_of(said.table)} }}}}"
    broken = said.broken(book.target, on, _raw)
    config = f"{{{{ config(severity = '{_severity(said)}') }}}}"
    return f"-- {HEAD}\n-- {_described(said.shown)}\n{config}\n{broken}\n"


def _raw(sql: str) -> str:
    """SQL in which Jinja finds nothing of its own."""
    if not re.search("[{}]", sql):
        return sql
    if re.search(r"\{%-?\s*endraw", sql):
        raise RequestError("its SQL ends a passage of Jinja's")
    return f"{{% raw %}}{sql}{{% endraw %}}"
