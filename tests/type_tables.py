"""The tables of docs/types.md and README.md, made of the cases that the conformance tests run and of the mapping rules.

`python tests/type_tables.py` writes both anew. tests/house/test_docs.py holds that they are current, and
tests/conformance/test_native_types.py that a plan on real servers says the same as `planned` here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from cases import CASES
from native_cases import MYSQL, POSTGRESQL, REFUSED, WIDE, Kind
from random_tables import values
from ropeway.transfer import planning
from ropeway.transfer.engine import Engine
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.alphabet import meaning_of
from ropeway.transfer.engines.duckdb.catalogue import labels_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.rules import Read, Use, read_rule, split, write_rule
from ropeway.transfer.schema.catalogue import Column, Relation, Table
from ropeway.transfer.schema.entry import Ends
from ropeway.transfer.types import Fidelity

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT, README = ROOT / "docs" / "types.md", ROOT / "README.md"
TARGETS = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite", "duckdb": "DuckDB",
           "parquet": "files"}  # fmt: skip
RUN = "PostgreSQL 18, MariaDB 10.11, MySQL 5.6.24, SQLite and DuckDB 2.0"
_SHOWN = 34  # characters of a declaration

HEAD = f"""# Types, from engine to engine

Made by `tests/type_tables.py` from the cases that the conformance tests run and from the engines' mapping rules; a test
holds that this page is current. Do not edit it.

A cell is the target's type. Behind it stands what the mapping does to the values, as [words.md](words.md) defines it;
nothing stands there where they are the same (*exact*). *refused* is an error of the plan that names the column, before
anything is changed. Keys and indexes have limits of their own (`ropeway types mysql`), `types:` in a job reads a
column otherwise, and policies decide about values that a target cannot hold ([job.md](job.md)).

The tests ran on {RUN}. No other version of a server was
run with all of these cases: for MySQL 5.7 and later and for PostgreSQL 13 to 17 the tables say what the rules make,
unseen. MySQL's own `json`, which came with 5.7, is read as `json`, and nobody has tried it.
"""


@dataclass(frozen=True)
class Row:
    """A declaration of a source, and the Type's word as which the tests' values of it are read elsewhere."""

    native: str
    reads: str
    labels: tuple[str, ...] = ()


def declared(kind: Kind) -> Row:
    """A case of MySQL's as the server's catalogue has its declaration."""
    native = re.sub(r" (CHARACTER SET .*|NULL)$", "", kind.native.strip())
    labels = re.findall(r"'((?:[^']|'')*)'", native) if native.startswith("enum") else []
    return Row(native, kind.reads, tuple(label.replace("''", "'") for label in labels))


def _servers(engine: str) -> list[Row]:
    return list(dict.fromkeys(declared(kind) for kind in (*MYSQL, WIDE) if engine in kind.engines))


def _duckdb() -> list[Row]:
    engine = engine_of("duckdb")
    natives = dict.fromkeys(str(row[1]) for row in duckdb.execute("DESCRIBE FROM test_all_types()").fetchall())
    rows = [Row(native, _read(engine, native), labels_of(native)) for native in natives]
    return [*rows, Row("INTERVAL", "text")]  # as the tests' values are read, which count months


def _words() -> list[str]:
    return list(dict.fromkeys([*(case.word for case in CASES), *values(frozenset())]))


def _written(name: str) -> list[Row]:
    """What an engine without cases of its own is written with, and reads again."""
    engine = engine_of(name)
    natives = dict.fromkeys(write_rule(engine.writes, meaning_of(word), Use()).native(meaning_of(word)) for word in
                            _words())  # fmt: skip
    return [Row(native, _read(engine, native)) for native in natives]


def _read(engine: Engine, native: str) -> str:
    rule = read_rule(engine.reads, native)
    assert rule, native
    return str(rule.type(split(native)))


def rows_of(source: str) -> list[Row]:
    """The declarations of a source that the tests run."""
    if source == "postgresql":
        return [Row(kind.native, kind.reads) for kind in POSTGRESQL]
    if source == "duckdb":
        return _duckdb()
    return _written(source) if source in ("sqlite", "parquet") else _servers(source)


def _rule(engine: Engine, row: Row) -> tuple[str, Read]:
    """The word by which the profile lets a declaration be read as the row says, and its rule."""
    name, kind = split(row.native).name, row.reads.partition("(")[0]
    arrays = row.native.endswith(("[]", "vector")) and row.native not in ("tsvector", "vector")
    base = "array" if engine.name == "postgresql" and arrays else row.native  # as its catalogue says
    sized = f"{name}{row.reads.removeprefix(kind)}"
    for word in (base, f"{row.native}, as {kind}", sized):
        rule = read_rule(engine.reads, word)
        if rule and str(rule.type(split(word))) == row.reads:
            return word, rule
    raise AssertionError(f"{engine.name} reads no {row.native} as {row.reads}")


def planned(source: str, row: Row, target: str) -> tuple[str, Fidelity] | None:
    """The native type that planning gives a column in a target and what that does to its values; None if refused."""
    ends = Ends(engine_of(source), None, engine_of(target), None)  # type: ignore[arg-type]  # no rule asks a session
    word, rule = _rule(ends.source, row)
    meaning = rule.type(split(word))
    meaning = replace(meaning, labels=row.labels)
    column = Column("c", row.native)
    table = Table(Relation("", "t"), (column,))
    try:
        made = planning._column_plan(ends, table, column, meaning, rule, Use(), {})
    except RequestError:
        return None
    return made.native, made.fidelity


def _cell(found: tuple[str, Fidelity] | None) -> str:
    if found is None:
        return "*refused*"
    native, fidelity = found
    return _code(native) + ("" if fidelity is Fidelity.EXACT else f" {fidelity}")


def _code(native: str) -> str:
    short = native if len(native) <= _SHOWN else f"{native[: _SHOWN - 1]}…"
    return f"`{short}`".replace("|", "\\|")


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _section(source: str, title: str, said: str) -> str:
    rows = []
    for row in rows_of(source):
        cells = [_cell(planned(source, row, target)) for target in TARGETS]
        rows.append([_code(row.native), row.reads, *cells])
    return f"\n## From {title}\n\n{said}\n\n{_table([title, 'read as', *TARGETS.values()], rows)}\n"


_SAID = {
    "postgresql": "Where a type is read otherwise than declared (numeric, time, interval), a profile of the values "
    "decides: the row is what the tests' values make of it. In another PostgreSQL every type stays as it is. "
    "Refused by name: " + ", ".join(f"`{name}` ({why})" for name, why in REFUSED.items()) + ".",
    "mysql": "A profile of the values decides about tinyint(1) and time, hence two rows each.",
    "mariadb": "As MySQL, and its own uuid, inet4, inet6 and json.",
    "sqlite": "Declarations as Ropeway writes them; what a column of another declaration or with other values is read "
    "as stands in [engines.md](engines.md#types-sqlite).",
    "duckdb": "Every type of DuckDB's own `test_all_types()`; an interval is text where a value counts months.",
    "parquet": "Parquet, Arrow IPC and CSV with a schema file; what else files hold is in "
    "[engines.md](engines.md#types-files).",
}  # fmt: skip


def document() -> str:
    """docs/types.md."""
    titles = {**TARGETS, "parquet": "Files"}
    return HEAD + "".join(_section(source, titles[source], said) for source, said in _SAID.items())


def overview() -> str:
    """README's table: a row a kind of value, a column an engine."""
    rows = []
    for word in (*(case.word for case in CASES), "timestamp(9)", "instant(9)", "duration"):
        meaning, cells = meaning_of(word), []
        for target in TARGETS:
            try:
                rule = write_rule(engine_of(target).writes, meaning, Use())
                cells.append(_cell((rule.native(meaning), rule.fidelity)))
            except RequestError:
                cells.append(_cell(None))
        rows.append([word, *cells])
    return _table(["values", *TARGETS.values()], rows)


def readme(text: str) -> str:
    """README with the table between its markers."""
    begin, end = "<!-- types -->\n", "\n<!-- /types -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{overview()}\n{end}{after}"


def main() -> None:
    """Write both anew."""
    DOCUMENT.write_text(document(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
