"""Types by name and by their tokens (TYPE_INFO), and how a value of each is framed.

A TYPE_INFO is a token and what it calls for:

    fixed forms (48 tinyint, 56 int, ...)    nothing; the value follows without a length and cannot be NULL
    38 intn, 104 bitn, 109 fltn, 110 moneyn, 111 datetimn, 36 guid    one octet: size
    106 decimaln, 108 numericn    size, precision, scale
    40 date    nothing; 41 time, 42 datetime2, 43 datetimeoffset    scale
    165 varbinary, 173 binary    u16 size, 65535 for max
    167 varchar, 175 char, 231 nvarchar, 239 nchar    u16 size, 65535 for max, and a collation
    34 image    u32 size; 35 text, 99 ntext    and collation; then in a result the parts of the table's name, in a bulk
                load its whole name, in a call nothing
    98 sql_variant    u32 size
    240 CLR type    in a result u16 size, database, schema, name, assembly; in a call database, schema, name
    241 xml    one octet: 0, no schema

A value is framed by

    an octet of length, 0 for NULL    numbers, dates, guid
    u16 of length, 65535 for NULL    text and binary
    PLP: u64 length, all ones for NULL, all ones but the last for unknown; pieces of u32 length, octets; u32 0
                max types, xml, CLR types
    a pointer (octet of length, 0 for NULL), 8 octets of timestamp, u32 length    image, text, ntext; in a call only the
                u32, all ones for NULL
    u32 of length, 0 for NULL    sql_variant, whose octets begin with its own type and properties

A sql_variant is passed through as these octets. Left out: table-valued parameters, json and vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from ..spoken import Kind, Value
from .octets import U16, U32, U64, long_text, put_long, put_short, short_text, take, u8, u16, u32

COLLATION = bytes([0x09, 0x04, 0xD0, 0x00, 0x34])  # SQL_Latin1_General_CP1_CI_AS
COLLATIONS = {
    COLLATION: "SQL_Latin1_General_CP1_CI_AS",
    bytes([0x09, 0x04, 0xD0, 0x24, 0x00]): "Latin1_General_100_CI_AS_SC_UTF8",
    bytes([0x09, 0x04, 0x00, 0x26, 0x00]): "Latin1_General_100_BIN2_UTF8",
    bytes([0x09, 0x04, 0x00, 0x22, 0x00]): "Latin1_General_100_BIN2",
}
PLP_NULL, PLP_UNKNOWN = 0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFE
_ASSEMBLY = (
    "Microsoft.SqlServer.Types.Sql{}, Microsoft.SqlServer.Types, Version=11.0.0.0, Culture=neutral, "
    "PublicKeyToken=89845dcd8080cc91"
)

Frame = Callable[[Value], bytes]
Unframe = Callable[[bytes, int], tuple[Value, int]]  # a value that begins at a place, and where the next one begins


@dataclass(frozen=True)
class Shape:
    """How a type stands on the wire: `number` is its own in sys.types, `fixed` the token of its form without NULL."""

    token: int
    follows: str = ""
    size: int = 0
    number: int = 0
    fixed: int = 0


SHAPES = {
    "tinyint": Shape(38, "size", 1, 48, 48),
    "smallint": Shape(38, "size", 2, 52, 52),
    "int": Shape(38, "size", 4, 56, 56),
    "bigint": Shape(38, "size", 8, 127, 127),
    "bit": Shape(104, "size", 1, 104, 50),
    "real": Shape(109, "size", 4, 59, 59),
    "float": Shape(109, "size", 8, 62, 62),
    "smallmoney": Shape(110, "size", 4, 122, 122),
    "money": Shape(110, "size", 8, 60, 60),
    "smalldatetime": Shape(111, "size", 4, 58, 58),
    "datetime": Shape(111, "size", 8, 61, 61),
    "uniqueidentifier": Shape(36, "size", 16, 36),
    "decimal": Shape(106, "decimal", 0, 106),
    "numeric": Shape(108, "decimal", 0, 108),
    "date": Shape(40, "", 3, 40),
    "time": Shape(41, "scale", 5, 41),
    "datetime2": Shape(42, "scale", 8, 42),
    "datetimeoffset": Shape(43, "scale", 10, 43),
    "varbinary": Shape(165, "short", 0, 165),
    "binary": Shape(173, "short", 0, 173),
    "varchar": Shape(167, "text", 0, 167),
    "char": Shape(175, "text", 0, 175),
    "nvarchar": Shape(231, "text", 0, 231),
    "nchar": Shape(239, "text", 0, 239),
    "image": Shape(34, "long", 0x7FFFFFFF, 34),
    "text": Shape(35, "longtext", 0x7FFFFFFF, 35),
    "ntext": Shape(99, "longtext", 0x7FFFFFFE, 99),
    "sql_variant": Shape(98, "variant", 8016, 98),
    "xml": Shape(241, "xml", 0, 241),
    "hierarchyid": Shape(240, "udt", 892, 240),
    "geography": Shape(240, "udt", -1, 240),
    "geometry": Shape(240, "udt", -1, 240),
    # A rowversion is eight octets of binary; that it is one only its user type says.
    "rowversion": Shape(173, "short", 8, 189),
    "timestamp": Shape(173, "short", 8, 189),
}
USER_TYPES = {"rowversion": 80, "timestamp": 80}

_ALIASES = {"rowversion", "timestamp"}
_BY_SIZE = {(shape.token, shape.size): name for name, shape in SHAPES.items() if shape.follows == "size"}
_BY_TOKEN = {shape.token: name for name, shape in SHAPES.items() if shape.follows != "size" and name not in _ALIASES}
_BY_FIXED = {shape.fixed: name for name, shape in SHAPES.items() if shape.fixed}
_MAX_FOLLOWS = {"short", "text", "udt"}


def is_fixed(kind: Kind, *, nullable: bool) -> bool:
    return not nullable and SHAPES[kind.name].fixed != 0


def size_of(kind: Kind) -> int:
    """Octets of a value at most; -1 for max."""
    shape = SHAPES[kind.name]
    if shape.follows == "decimal":
        return 5 + 4 * ((kind.precision > 9) + (kind.precision > 19) + (kind.precision > 28))
    if shape.follows == "scale":
        return shape.size - (kind.scale < 5) - (kind.scale < 3)
    return shape.size or kind.size


def type_info(kind: Kind, *, nullable: bool = True, column: bool = False) -> bytes:
    """The TYPE_INFO of a result's column or, without `column`, of a value that is returned."""
    shape, size = SHAPES[kind.name], size_of(kind)
    if is_fixed(kind, nullable=nullable):
        return bytes([shape.fixed])
    token = bytes([shape.token])
    collation = kind.collation or COLLATION
    match shape.follows:
        case "size":
            return token + bytes([size])
        case "decimal":
            return token + bytes([size, kind.precision, kind.scale])
        case "scale":
            return token + bytes([kind.scale])
        case "short":
            return token + U16.pack(size & 0xFFFF)
        case "text":
            return token + U16.pack(size & 0xFFFF) + collation
        case "long":
            return token + U32.pack(size) + (b"\x01" + put_long("t") if column else b"")
        case "longtext":
            return token + U32.pack(size) + collation + (b"\x01" + put_long("t") if column else b"")
        case "variant":
            return token + U32.pack(size + 1)
        case "udt":
            return token + _udt(kind.name, size, column=column)
        case "xml":
            return token + b"\0"
    return token


def _udt(name: str, size: int, *, column: bool) -> bytes:
    names = put_short("master") + put_short("sys") + put_short(name)
    title = "HierarchyId" if name == "hierarchyid" else name.title()
    return U16.pack(size & 0xFFFF) + names + put_long(_ASSEMBLY.format(title)) if column else names


def read_type_info(stream: BytesIO, *, bulk: bool = False) -> tuple[Kind, bool]:
    """The kind of a call's parameter or of a bulk load's column, and whether its form is the fixed one."""
    token = u8(stream)
    if token in _BY_FIXED:
        return Kind(_BY_FIXED[token], SHAPES[_BY_FIXED[token]].size), True
    if token in {36, 38, 104, 109, 110, 111}:
        size = u8(stream)
        return Kind(_BY_SIZE[token, size], size), False
    if token not in _BY_TOKEN:
        raise ValueError(f"a type of token {token} is not spoken here")
    name = _BY_TOKEN[token]
    match SHAPES[name].follows:
        case "decimal":
            return Kind(name, *take(stream, 3)), False
        case "scale":
            return Kind(name, scale=u8(stream)), False
        case "short":
            return Kind(name, _short_size(stream)), False
        case "text":
            return Kind(name, _short_size(stream), collation=take(stream, 5)), False
        case "long" | "longtext" as follows:
            u32(stream)
            collation = take(stream, 5) if follows == "longtext" else b""
            if bulk:
                long_text(stream)
            return Kind(name, SHAPES[name].size, collation=collation), False
        case "variant":
            return Kind(name, u32(stream)), False
        case "xml":
            return Kind(name, -1) if not u8(stream) else _with_schema(stream), False
        case "udt":
            short_text(stream), short_text(stream)
            return Kind(short_text(stream).lower(), -1), False
    return Kind(name, SHAPES[name].size), False


def _short_size(stream: BytesIO) -> int:
    size = u16(stream)
    return -1 if size == 0xFFFF else size


def _with_schema(stream: BytesIO) -> Kind:
    short_text(stream), short_text(stream), long_text(stream)
    return Kind("xml", -1)


def framing(kind: Kind, *, fixed: bool = False, call: bool = False) -> str:
    """The frame of a kind's values; `call`: of a parameter of a call."""
    follows = SHAPES[kind.name].follows
    if fixed:
        return "fixed"
    if follows in {"xml", "udt"} or (follows in _MAX_FOLLOWS and kind.size == -1):
        return "plp"
    if follows in {"long", "longtext"}:
        return "counted" if call else "pointed"
    return {"short": "short", "text": "short", "variant": "variant"}.get(follows, "octet")


_OCTET = [bytes([size]) for size in range(256)]
_POINTER = b"\x10" + bytes(16) + bytes(8)


def _put_fixed(value: Value) -> bytes:
    assert value is not None  # the column is not nullable
    return value


def _put_octet(value: Value) -> bytes:
    return b"\0" if value is None else _OCTET[len(value)] + value


def _put_short(value: Value) -> bytes:
    return b"\xff\xff" if value is None else U16.pack(len(value)) + value


def _put_plp(value: Value) -> bytes:
    if value is None:
        return U64.pack(PLP_NULL)
    piece = U32.pack(len(value)) + value if value else b""
    return b"".join((U64.pack(len(value)), piece, bytes(4)))


def _put_pointed(value: Value) -> bytes:
    return b"\0" if value is None else b"".join((_POINTER, U32.pack(len(value)), value))


def _put_counted(value: Value) -> bytes:
    return b"\xff\xff\xff\xff" if value is None else U32.pack(len(value)) + value


def _put_variant(value: Value) -> bytes:
    return bytes(4) if value is None else U32.pack(len(value)) + value


FRAMES: dict[str, Frame] = {
    "fixed": _put_fixed,
    "octet": _put_octet,
    "short": _put_short,
    "plp": _put_plp,
    "pointed": _put_pointed,
    "counted": _put_counted,
    "variant": _put_variant,
}


def _get_octet(data: bytes, at: int) -> tuple[Value, int]:
    end = at + 1 + data[at]
    return data[at + 1 : end] or None, end


def _get_short(data: bytes, at: int) -> tuple[Value, int]:
    size = data[at] | data[at + 1] << 8
    if size == 0xFFFF:
        return None, at + 2
    end = at + 2 + size
    return data[at + 2 : end], end


def _get_plp(data: bytes, at: int) -> tuple[Value, int]:
    if U64.unpack_from(data, at)[0] == PLP_NULL:
        return None, at + 8
    pieces, at = [], at + 8
    while size := U32.unpack_from(data, at)[0]:
        pieces.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(pieces), at + 4


def _get_pointed(data: bytes, at: int) -> tuple[Value, int]:
    if not data[at]:
        return None, at + 1
    return _get_counted(data, at + 1 + data[at] + 8)


def _get_counted(data: bytes, at: int) -> tuple[Value, int]:
    size = U32.unpack_from(data, at)[0]
    if size == 0xFFFFFFFF:
        return None, at + 4
    return data[at + 4 : at + 4 + size], at + 4 + size


def _get_variant(data: bytes, at: int) -> tuple[Value, int]:
    end = at + 4 + U32.unpack_from(data, at)[0]
    return data[at + 4 : end] or None, end


_UNFRAMES: dict[str, Unframe] = {
    "octet": _get_octet,
    "short": _get_short,
    "plp": _get_plp,
    "pointed": _get_pointed,
    "counted": _get_counted,
    "variant": _get_variant,
}


def unframe(kind: Kind, *, fixed: bool, call: bool = False) -> Unframe:
    """Reads a value of this kind. Where the octets end too early it raises, or says the next value lies beyond them."""
    if not fixed:
        return _UNFRAMES[framing(kind, call=call)]
    size = SHAPES[kind.name].size
    return lambda data, at: (data[at : at + size], at + size)
