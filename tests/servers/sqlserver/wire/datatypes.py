"""sp_datatype_info_100: the types a server has, as ODBC numbers them.

pyodbc asks when it connects how long varchar, nvarchar, varbinary and datetime2 may be; Microsoft's driver answers from
this procedure. Only what is asked for by its number is told, all types if that is 0.
"""

from __future__ import annotations

from ..spoken import Column, Kind, Result, Row
from .octets import U16, U32, wide

# Each by its name: its number in ODBC, its precision, and what stands around a literal.
_TYPES = {
    "bit": (-7, 1, ""), "tinyint": (-6, 3, ""), "bigint": (-5, 19, ""), "varbinary": (-3, 8000, "0x"),
    "binary": (-2, 8000, "0x"), "char": (1, 8000, "'"), "numeric": (2, 38, ""), "decimal": (3, 38, ""),
    "int": (4, 10, ""), "smallint": (5, 5, ""), "float": (6, 53, ""), "real": (7, 24, ""), "varchar": (12, 8000, "'"),
    "date": (91, 10, "'"), "datetime2": (93, 27, "'"), "nvarchar": (-9, 4000, "N'"), "nchar": (-8, 4000, "N'"),
    "uniqueidentifier": (-11, 36, "'"), "time": (-154, 16, "'"), "datetimeoffset": (-155, 34, "'"),
    "xml": (-152, 0, "N'"),
}  # fmt: skip
_SMALL, _INT, _NAME = Kind("smallint"), Kind("int"), Kind("nvarchar", 256)
_COLUMNS = tuple(
    Column(name, kind)
    for name, kind in [
        ("TYPE_NAME", _NAME), ("DATA_TYPE", _SMALL), ("PRECISION", _INT), ("LITERAL_PREFIX", _NAME),
        ("LITERAL_SUFFIX", _NAME), ("CREATE_PARAMS", _NAME), ("NULLABLE", _SMALL), ("CASE_SENSITIVE", _SMALL),
        ("SEARCHABLE", _SMALL), ("UNSIGNED_ATTRIBUTE", _SMALL), ("MONEY", _SMALL), ("AUTO_INCREMENT", _SMALL),
        ("LOCAL_TYPE_NAME", _NAME), ("MINIMUM_SCALE", _SMALL), ("MAXIMUM_SCALE", _SMALL), ("SQL_DATA_TYPE", _SMALL),
        ("SQL_DATETIME_SUB", _SMALL), ("NUM_PREC_RADIX", _INT), ("INTERVAL_PRECISION", _SMALL), ("USERTYPE", _SMALL),
    ]
)  # fmt: skip


def datatype_info(asked: int) -> Result:
    rows = [_row(name, *told) for name, told in _TYPES.items() if asked in {0, told[0]}]
    return Result(_COLUMNS, rows, len(rows))


def _row(name: str, number: int, precision: int, prefix: str) -> Row:
    code, nothing = U16.pack(number & 0xFFFF), U16.pack(0)
    around = wide(prefix) if prefix else None, wide("'") if prefix.endswith("'") else None
    flags = U16.pack(1), nothing, U16.pack(3), nothing, nothing, nothing  # may be NULL, may be searched for
    head = wide(name), code, U32.pack(precision), *around, None
    return (*head, *flags, wide(name), nothing, nothing, code, None, None, None, nothing)
