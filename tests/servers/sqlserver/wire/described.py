"""What drivers ask of a statement before they run it, answered from the store's `describe`.

SET FMTONLY ON; query; SET FMTONLY OFF    an empty result with the query's columns
the batch a bulk copy begins with: SELECT @@TRANCOUNT, then in FMTONLY a query of the table whose columns it lists
    itself, then EXEC sp_tablecollations_100    three results
sp_datatype_info    see `datatypes`
sp_describe_first_result_set    a row for each column of a query
sp_describe_undeclared_parameters    a row for each parameter; here only of INSERT INTO t (...) VALUES (@P1, ...),
    whose parameters are of the kinds of the columns they go to
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..spoken import Column, Kind, Refused, Result, Row, Session, Value
from .bulk import NAME
from .datatypes import datatype_info
from .octets import U16, U32, wide
from .types import COLLATION, COLLATIONS, SHAPES, size_of

_BIT, _TINY, _SMALL, _INT, _NAME = Kind("bit"), Kind("tinyint"), Kind("smallint"), Kind("int"), Kind("nvarchar", 256)
_FMTONLY = re.compile(r"\s*SET\s+FMTONLY\s+ON\s*;?(.*?)\s*SET\s+FMTONLY\s+OFF\s*;?\s*$", re.IGNORECASE | re.DOTALL)
_DATATYPES = re.compile(r"\s*(?:EXEC(?:UTE)?\s+)?sp_datatype_info(?:_100)?\s+(-?\d+)", re.IGNORECASE)
_BULK_COPY = re.compile(
    r"SET\s+FMTONLY\s+ON\s*;?\s*EXEC\s*\(N'SELECT ' \+ @Column_Names \+ N' FROM (?P<table>.*?)'\)\s*;?\s*"
    r"SET\s+FMTONLY\s+OFF.*sp_tablecollations_100",
    re.DOTALL,
)
_INSERT = re.compile(
    rf"\s*INSERT\s+(?:INTO\s+)?(?P<table>{NAME})\s*(?:\((?P<columns>.*?)\))?\s*VALUES\s*\((?P<values>.*)\)\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)


def answered(session: Session, sql: str) -> Iterator[Result] | None:
    """The results of a batch that only asks for columns; None of any other."""
    if found := _BULK_COPY.search(sql):
        return _for_bulk_copy(session, found["table"].replace("''", "'"))
    if found := _DATATYPES.match(sql):
        return iter([datatype_info(int(found[1]))])
    if found := _FMTONLY.match(sql):
        return iter([Result(session.describe(found[1]))])
    return None


def _for_bulk_copy(session: Session, table: str) -> Iterator[Result]:
    columns = session.describe(f"SELECT * FROM {table}")
    yield Result((Column("", _INT),), [(U32.pack(session.transaction),)], 1)
    yield Result(columns, (), 0)
    told = (Column("colid", _INT), Column("name", _NAME), Column("tds_collation", Kind("binary", 5)))
    rows = [_collated(place, column) for place, column in enumerate(columns, 1)]
    yield Result((*told, Column("collation", _NAME)), rows, len(rows))


def _collated(place: int, column: Column) -> Row:
    collation = column.kind.collation or (
        COLLATION if SHAPES[column.kind.name].follows in {"text", "longtext"} else b""
    )
    named = COLLATIONS.get(collation)
    return U32.pack(place), wide(column.name), collation or None, wide(named) if named else None


def first_result_set(columns: Sequence[Column]) -> Result:
    names = [name for name, _, _ in _RESULT_SET]
    kinds = [kind for _, kind, _ in _RESULT_SET]
    rows = [tuple(_result_column(place, column, names)) for place, column in enumerate(columns, 1)]
    return Result(tuple(map(Column, names, kinds)), rows, len(rows))


def undeclared_parameters(session: Session, sql: str) -> Result:
    found = _INSERT.match(sql)
    if not found:
        raise Refused(11508, "The parameters of this statement cannot be told.")
    into = session.describe(f"SELECT {found['columns'] or '*'} FROM {found['table']}")
    columns = [column for column in into if not column.identity] if not found["columns"] else into
    values = [value.strip() for value in found["values"].split(",")]
    rows = [
        _parameter(place, value, column.kind)
        for place, (value, column) in enumerate(zip(values, columns, strict=False), 1)
        if re.fullmatch(r"@\w+", value)
    ]
    return Result(_PARAMETER, rows, len(rows))


def written(kind: Kind) -> str:
    """A kind as T-SQL writes it."""
    follows = SHAPES[kind.name].follows
    if follows == "decimal":
        return f"{kind.name}({kind.precision},{kind.scale})"
    if follows == "scale":
        return f"{kind.name}({kind.scale})"
    if follows not in {"short", "text"} or not kind.size:
        return kind.name
    size = kind.size // 2 if kind.name in {"nchar", "nvarchar"} else kind.size
    return f"{kind.name}({'max' if kind.size == -1 else size})"


# What sp_describe_first_result_set tells: its columns, and what each holds where that is not NULL.
_RESULT_SET: list[tuple[str, Kind, str]] = [
    ("is_hidden", _BIT, "no"), ("column_ordinal", _INT, "place"), ("name", _NAME, "name"),
    ("is_nullable", _BIT, "nullable"), ("system_type_id", _INT, "number"), ("system_type_name", _NAME, "written"),
    ("max_length", _SMALL, "length"), ("precision", _TINY, "precision"), ("scale", _TINY, "scale"),
    ("collation_name", _NAME, "collation"), ("user_type_id", _INT, ""), ("user_type_database", _NAME, ""),
    ("user_type_schema", _NAME, ""), ("user_type_name", _NAME, ""), ("assembly_qualified_type_name", _NAME, ""),
    ("xml_collection_id", _INT, ""), ("xml_collection_database", _NAME, ""), ("xml_collection_schema", _NAME, ""),
    ("xml_collection_name", _NAME, ""), ("is_xml_document", _BIT, "no"), ("is_case_sensitive", _BIT, "no"),
    ("is_fixed_length_clr_type", _BIT, "no"), ("source_server", _NAME, ""), ("source_database", _NAME, ""),
    ("source_schema", _NAME, ""), ("source_table", _NAME, ""), ("source_column", _NAME, ""),
    ("is_identity_column", _BIT, "identity"), ("is_part_of_unique_key", _BIT, "no"), ("is_updateable", _BIT, "no"),
    ("is_computed_column", _BIT, "computed"), ("is_sparse_column_set", _BIT, "no"),
    ("ordinal_in_order_by_list", _SMALL, ""), ("order_by_list_length", _SMALL, ""),
    ("order_by_is_descending", _SMALL, ""), ("tds_type_id", _INT, "token"), ("tds_length", _INT, "tds_length"),
    ("tds_collation_id", _INT, "collation_id"), ("tds_collation_sort_id", _TINY, "sort_id"),
]  # fmt: skip


def _result_column(place: int, column: Column, names: Sequence[str]) -> Iterator[Value]:
    told = _told(column.kind) | {
        "no": b"\0",
        "place": U32.pack(place),
        "name": wide(column.name),
        "nullable": bytes([column.nullable]),
        "identity": bytes([column.identity]),
        "computed": bytes([column.computed]),
    }
    return (told.get(what) for _, _, what in _RESULT_SET)


def _told(kind: Kind) -> dict[str, Value]:
    shape, size = SHAPES[kind.name], size_of(kind)
    collation = (kind.collation or COLLATION) if shape.follows in {"text", "longtext"} else None
    named = COLLATIONS.get(collation) if collation else None
    precision, scale = _digits(kind)
    return {
        "number": U32.pack(shape.number),
        "written": wide(written(kind)),
        "length": U16.pack(size & 0xFFFF if size <= 8016 else 16),
        "precision": bytes([precision]),
        "scale": bytes([scale]),
        "collation": wide(named) if named else None,
        "token": U32.pack(shape.token),
        "tds_length": U32.pack(0xFFFF if size == -1 else size),
        "collation_id": collation[:4] if collation else None,
        "sort_id": collation[4:] if collation else None,
    }


def _digits(kind: Kind) -> tuple[int, int]:
    """Precision and scale as sys.types counts them: of a date or time all its characters."""
    whole = {"time": 8, "datetime2": 19, "datetimeoffset": 26}
    if kind.name in whole:
        return whole[kind.name] + kind.scale + (kind.scale > 0), kind.scale
    fixed = {
        "bit": 1, "tinyint": 3, "smallint": 5, "int": 10, "bigint": 19, "real": 24, "float": 53, "date": 10,
        "smalldatetime": 16, "datetime": 23, "smallmoney": 10, "money": 19,
    }  # fmt: skip
    scale = {"datetime": 3, "smallmoney": 4, "money": 4}.get(kind.name, kind.scale)
    return fixed.get(kind.name, kind.precision), scale


_PARAMETER = tuple(
    Column(name, kind)
    for name, kind in [
        ("parameter_ordinal", _INT), ("name", _NAME), ("suggested_system_type_id", _INT),
        ("suggested_system_type_name", _NAME), ("suggested_max_length", _SMALL), ("suggested_precision", _TINY),
        ("suggested_scale", _TINY), ("suggested_user_type_id", _INT), ("suggested_user_type_database", _NAME),
        ("suggested_user_type_schema", _NAME), ("suggested_user_type_name", _NAME),
        ("suggested_assembly_qualified_type_name", _NAME), ("suggested_xml_collection_id", _INT),
        ("suggested_xml_collection_database", _NAME), ("suggested_xml_collection_schema", _NAME),
        ("suggested_xml_collection_name", _NAME), ("suggested_is_xml_document", _BIT),
        ("suggested_is_case_sensitive", _BIT), ("suggested_is_fixed_length_clr_type", _BIT),
        ("suggested_is_input", _BIT), ("suggested_is_output", _BIT), ("formal_parameter_name", _NAME),
        ("suggested_tds_type_id", _INT), ("suggested_tds_length", _INT),
    ]
)  # fmt: skip


def _parameter(place: int, name: str, kind: Kind) -> Row:
    told = _told(kind)
    head = U32.pack(place), wide(name), told["number"], told["written"]
    sizes = told["length"], told["precision"], told["scale"]
    flags = b"\0", b"\0", b"\0", b"\x01", b"\0"
    return (*head, *sizes, *[None] * 9, *flags, None, told["token"], told["tds_length"])
