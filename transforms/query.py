"""SQL of DuckDB's on a batch, row by row: what reaches beyond the row is refused by the syntax tree.

The tree is the one of DuckDB's own parser (json_serialize_sql). Columns that a query only passes on do not go through
DuckDB at all: they keep their type, whatever that is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from ..transfer.engines.alphabet import carried, meaning_of, word_of
from ..transfer.errors import RequestError
from ..transfer.schema.sql import double_quoted
from ..transfer.shaping import Field, Shaped, found, schema_of
from ..transfer.types import Type
from .columns import put, with_columns
from .rowwise import check_rowwise

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_pc: Any = pyarrow.compute  # pyarrow-stubs know no function of arrays and plain values together
Node = dict[str, Any]
_BATCH = "batch"
_MOST = 38  # digits of DuckDB's decimals
_SETTINGS = ("SET GLOBAL TimeZone = 'UTC'", "SET enable_external_access = false", "SET lock_configuration = true")


def derive(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: expression}`, each of the columns as they come."""
    given = json.loads(spec)
    known = {field.name: field for field in fields}
    made = [known.get(name, Field(name, Type("text"))) for name in given]
    return computed(fields, [replace(field, type=Type("text")) for field in made], list(given.values()), typed=False)


def filter_rows(fields: tuple[Field, ...], spec: str) -> Shaped:
    """A condition; rows of which it is true go on, others and those of which it is NULL do not."""
    condition = json.loads(spec)
    asked = _asked(fields, f"SELECT CAST(({condition}\n) AS boolean) AS met FROM {_BATCH}")
    return Shaped(fields, lambda batch: _met(batch, asked.answer(batch).column(0)))


def sql(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`SELECT ... FROM batch [WHERE ...]`."""
    node = _select(json.loads(spec))
    where = node["where_clause"]
    met = _Asked.of(fields, {**node, "select_list": [where], "where_clause": None}) if where else None
    parts = [one for entry in node["select_list"] for one in _entries(fields, entry)]
    asked, parts = _made(fields, node, parts)

    def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
        if met:
            batch = _met(batch, met.answer(batch).column(0))
        answer = asked.answer(batch) if asked else batch
        columns = [
            batch.column(one.passes)
            if one.passes
            else carried(answer.column(one.place), one.field.type.arrow, one.name)
            for one in parts
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema_of([one.field for one in parts]))

    return Shaped(tuple(one.field for one in parts), apply)


def _made(fields: tuple[Field, ...], node: Node, parts: Sequence[_Part]) -> tuple[_Asked | None, list[_Part]]:
    """What DuckDB is asked for: what is not passed on, and what that calls by another name."""
    used = {name.lower() for one in parts if not one.passes for name in _named(one.node)}
    wanted = [one for one in parts if not one.passes or (one.name != one.passes and one.name.lower() in used)]
    if not wanted:
        return None, list(parts)
    asked = _Asked.of(fields, {**node, "select_list": [one.node for one in wanted], "where_clause": None})
    kinds, names = asked.types(), asked.names
    made = []
    for one in parts:
        place = next((at for at, other in enumerate(wanted) if other is one), -1)
        field = one.field if one.passes else Field(names[place], kinds[names[place]], changed=True)
        made.append(replace(one, place=place, field=field))
    return asked, made


def _met(batch: pa.RecordBatch, found_: Any) -> pa.RecordBatch:
    """The rows for which that is true; nothing is copied where all are."""
    met = _pc.fill_null(found_, fill_value=False)
    return batch if _pc.all(met).as_py() else batch.filter(met)


def computed(
    fields: tuple[Field, ...], made: Sequence[Field], expressions: Sequence[str], *, typed: bool = True
) -> Shaped:  # fmt: skip
    """The columns with others that expressions make; their types are those of `made`, or DuckDB's."""
    named = zip(expressions, (double_quoted(field.name) for field in made), strict=True)
    listed = ", ".join(f"({one}\n) AS {name}" for one, name in named)
    asked = _asked(fields, f"SELECT {listed} FROM {_BATCH}")
    kinds = asked.types()
    new = [replace(one, nullable=True, changed=True, type=one.type if typed else kinds[one.name]) for one in made]

    def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
        found_ = asked.answer(batch)
        for place, field in enumerate(new):
            batch = put(batch, field.name, carried(found_.column(place), field.type.arrow, field.name))
        return batch

    return Shaped(with_columns(fields, new), apply)


@dataclass(frozen=True)
class _Part:
    """One column of a SELECT: its node, the column that it passes on as it is, and its place in DuckDB's answer."""

    node: Node
    field: Field
    passes: str = ""
    place: int = -1

    @property
    def name(self) -> str:
        return self.field.name

    def of(self, answer: pa.RecordBatch) -> Any:
        return carried(answer.column(self.place), self.field.type.arrow, self.name)


def _entries(fields: Sequence[Field], entry: Node) -> Iterator[_Part]:
    if entry["class"] == "STAR":
        if entry["columns"] or entry["expr"] or entry["rename_list"] or entry["qualified_exclude_list"]:
            raise RequestError("COLUMNS() and RENAME are not read here.", remedy="Write the columns out.")
        left = [found(fields, name).name for name in entry["exclude_list"]]
        others = {found(fields, one["key"]).name: one["value"] for one in entry["replace_list"]}
        for field in fields:
            if field.name in others:
                yield _Part({**others[field.name], "alias": field.name}, field)
            elif field.name not in left:
                yield _Part({}, field, field.name)
        return
    path = entry["column_names"] if entry["class"] == "COLUMN_REF" else []
    same = [field for field in fields if path and field.name.lower() == str(path[-1]).lower()]
    if len(same) == 1 and (len(path) == 1 or str(path[0]).lower() == _BATCH):
        name = entry["alias"] or same[0].name
        yield _Part({**entry, "alias": name}, replace(same[0], name=name), same[0].name)
    else:
        yield _Part(entry, Field("", Type("text")))


def _asked(fields: Sequence[Field], query: str) -> _Asked:
    return _Asked.of(fields, _select(query))


def _select(query: str) -> Node:
    """The one SELECT that a text is. RequestError for others, and for what is not row by row."""
    tree = json.loads(_ask(_connection(), "SELECT json_serialize_sql(?)", query))
    if tree["error"]:
        raise RequestError(f"{query!r} is no SQL of DuckDB's: {tree['error_message']}")
    nodes = [one["node"] for one in tree["statements"]]
    if len(nodes) != 1:
        raise RequestError("one SELECT is read, and no more.")
    check_rowwise(nodes[0], _BATCH)
    node: Node = nodes[0]
    return node


def _ask(connection: DuckDBPyConnection, query: str, *given: str) -> str:
    ((found_,),) = connection.execute(query, list(given)).fetchall()
    return str(found_)


def _connection() -> DuckDBPyConnection:
    """A connection of one thread's, with tables of its own."""
    return _database().cursor()


@cache
def _database() -> DuckDBPyConnection:
    """A database in memory, that reads nothing beyond and runs in the thread that asks it: rows keep their order.

    One for all slices: to open it takes 21 ms of CPU, as much as 30,000 rows take.
    """
    import duckdb

    made = duckdb.connect(":memory:", config={"threads": 1})
    for setting in _SETTINGS:
        made.execute(setting)
    return made


@dataclass(frozen=True)
class _Asked:
    """A SELECT without WHERE, ready for batches: as many rows come out as go in."""

    connection: DuckDBPyConnection
    query: str
    needs: tuple[str, ...]
    schema: pa.Schema

    @classmethod
    def of(cls, fields: Sequence[Field], node: Node) -> _Asked:
        """RequestError where DuckDB does not take it, or does not hold one of the columns that it names."""
        import duckdb

        connection = _connection()
        text = json.dumps({"error": False, "statements": [{"node": node, "named_param_map": []}]})
        query = _ask(connection, "SELECT json_deserialize_sql(?)", text)
        named = {str(name).lower() for name in _named(node)}
        needs = tuple(field.name for field in fields if field.name.lower() in named)
        _check_needs([field for field in fields if field.name in needs])
        empty = _given(schema_of(fields).empty_table().combine_chunks(), needs)
        try:
            made = connection.register(_BATCH, empty).sql(query).to_arrow_table().schema
        except (duckdb.Error, pa.ArrowException) as error:
            said = str(error).splitlines()[0]
            raise RequestError(f"DuckDB refuses {query!r}: {said}") from error
        return cls(connection, query, needs, made)

    @property
    def names(self) -> list[str]:
        return self.schema.names

    def types(self) -> dict[str, Type]:
        """The Types of what comes out. RequestError for one that Ropeway carries nowhere."""
        made = {}
        for field in self.schema:
            try:
                made[field.name] = meaning_of(word_of(field))
            except KeyError as error:
                raise RequestError(f"{field.name} is {field.type}, which is not carried.", remedy="Cast it.") from error
        return made

    def answer(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """What comes of a batch, row by row."""
        given = _given(pa.Table.from_batches([batch]), self.needs)
        made = self.connection.register(_BATCH, given).sql(self.query).to_arrow_table().combine_chunks().to_batches()
        return made[0] if made else pa.RecordBatch.from_pylist([], self.schema)


def _check_needs(fields: Sequence[Field]) -> None:
    """RequestError for columns that DuckDB takes for one, or has no type for."""
    names = [field.name.lower() for field in fields]
    twice = next((field.name for field in fields if names.count(field.name.lower()) > 1), "")
    if twice:
        said = f"there are several columns {twice!r} that differ in letters' case only, and DuckDB takes them for one."
        raise RequestError(said, column=twice, remedy="Rename them first.")
    wide = next((field.name for field in fields if field.type.precision > _MOST), "")
    if wide:
        raise RequestError(f"DuckDB has no decimals of more than {_MOST} digits.", column=wide, remedy="Cast it first.")


def _given(rows: pa.Table, needs: Sequence[str]) -> pa.Table:
    """What DuckDB gets of the rows: what is named, or where that is nothing, as many rows of nothing."""
    return rows.select(list(needs)) if needs else pa.table({"": pa.nulls(rows.num_rows, pa.int8())})


def _named(node: Any) -> Iterator[str]:
    """The names in all references to columns of a tree."""
    if isinstance(node, dict):
        if node.get("class") == "COLUMN_REF":
            yield from node["column_names"]
        for value in node.values():
            yield from _named(value)
    elif isinstance(node, list):
        for value in node:
            yield from _named(value)
