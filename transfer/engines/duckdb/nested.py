"""DuckDB's nested types as JSON, and back, by SQL made from the type.

DuckDB's own casts are not enough. Text turns the 5 of UNION(name VARCHAR, age SMALLINT) into the name '5' and reads
no JSON inside a list; to_json drops the zeros of 1.10 inside JSON, writes NaN without quotes, and has no way back for
blobs, bits and BIGNUM. Here booleans, integers of up to 64 bits and finite floats are JSON's own; every other value is
the text that it is alone, bytes in hex.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ...schema.sql import double_quoted, text_literal

_TOKEN = re.compile(r"""\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[A-Za-z_][\w.]*|\d+|[()\[\],])""")
_OWN = re.compile(r"BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)")
_PRECISE = re.compile(
    r"U?HUGEINT|BIGNUM|DECIMAL\(.*|VARCHAR|UUID|JSON|BIT|ENUM\((?s:.*)|DATE|INTERVAL|TIME|TIME_NS|TIMESTAMP(_(S|MS|NS))?"
    r"|TIMESTAMPTZ_NS|TIME(STAMP)? WITH TIME ZONE"
)


@dataclass(frozen=True)
class Shape:
    """A type: `leaf`, `list`, `array`, `struct`, `tuple`, `map` or `union`, and what is in it."""

    kind: str
    word: str
    names: tuple[str, ...] = ()
    inside: tuple[Shape, ...] = ()


@cache
def nested(native: str) -> Shape | None:
    """The shape of a nested type whose every value JSON can hold; None for any other."""
    try:
        shape, rest = _type(_TOKEN.findall(native))
    except (IndexError, ValueError):
        return None
    return None if rest or shape.kind == "leaf" or not _whole(shape) else shape


def _whole(shape: Shape) -> bool:
    if shape.kind != "leaf":
        return all(map(_whole, shape.inside))
    known = _OWN.fullmatch(shape.word) or _PRECISE.fullmatch(shape.word)
    return bool(known) or shape.word in ("FLOAT", "DOUBLE", "BLOB") or _is_geometry(shape)


def _is_geometry(shape: Shape) -> bool:
    return shape.word == "GEOMETRY" or shape.word.startswith("GEOMETRY(")


def _type(tokens: list[str]) -> tuple[Shape, list[str]]:
    """The type that the tokens begin with, and the tokens behind it."""
    name, rest = tokens[0], tokens[1:]
    if name in ("STRUCT", "UNION", "MAP", "TUPLE"):
        shape, rest = _compound(name, rest)
    else:
        shape, rest = _leaf(name, rest)
    while rest[:1] == ["["]:
        if rest[1] == "]":
            shape, rest = Shape("list", f"{shape.word}[]", (), (shape,)), rest[2:]
        else:
            shape, rest = Shape("array", f"{shape.word}[{rest[1]}]", (), (shape,)), rest[3:]
    return shape, rest


def _compound(name: str, rest: list[str]) -> tuple[Shape, list[str]]:
    names: list[str] = []
    inside: list[Shape] = []
    if rest[:1] != ["("]:  # a STRUCT without members
        return Shape(name.lower(), name), rest
    while rest[0] in ("(", ","):
        rest = rest[1:]
        if name in ("STRUCT", "UNION"):
            names.append(rest[0][1:-1].replace('""', '"') if rest[0].startswith('"') else rest[0])
            rest = rest[1:]
        member, rest = _type(rest)
        inside.append(member)
    words = [one.word for one in inside]
    if names:
        words = [f"{double_quoted(one)} {word}" for one, word in zip(names, words, strict=True)]
    return Shape(name.lower(), f"{name}({', '.join(words)})", tuple(names), tuple(inside)), rest[1:]


def _leaf(name: str, rest: list[str]) -> tuple[Shape, list[str]]:
    if not re.match(r"[A-Za-z_]", name):
        raise ValueError(name)
    while rest and re.match(r"[A-Za-z_]", rest[0]):
        name, rest = f"{name} {rest[0]}", rest[1:]
    if rest[:1] == ["("]:
        end = rest.index(")")
        name, rest = f"{name}({''.join(rest[1:end])})", rest[end + 1 :]
    return Shape("leaf", name), rest


def as_json(shape: Shape, value: str) -> str:
    """SQL of a value's JSON as text, NULL for NULL."""
    return f"CAST(to_json({_plain(shape, value, 0)}) AS VARCHAR)"


def from_json(shape: Shape, text: str) -> str:
    """SQL of the value whose JSON `as_json` wrote."""
    return f"CAST({_made(shape, f'CAST(CAST({text} AS JSON) AS {_carrier(shape)})', 0)} AS {shape.word})"


def as_text(shape: Shape, value: str) -> str:
    """SQL of a leaf's text."""
    if shape.word == "BLOB":
        return f"hex({value})"
    return f"hex(ST_AsWKB({value}))" if _is_geometry(shape) else f"CAST({value} AS VARCHAR)"


def _from_text(shape: Shape, text: str) -> str:
    if shape.word == "BLOB":
        return f"unhex({text})"
    return (
        f"CAST(ST_GeomFromWKB(unhex({text})) AS {shape.word})"
        if _is_geometry(shape)
        else f"CAST({text} AS {shape.word})"
    )


def _present(value: str, made: str) -> str:
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE {made} END"


def _plain(shape: Shape, value: str, depth: int) -> str:
    """SQL of a value in types that to_json writes as they shall be."""
    x = f"x{depth}"
    if shape.kind == "leaf":
        if shape.word in ("FLOAT", "DOUBLE"):
            return f"CASE WHEN isfinite({value}) THEN to_json({value}) ELSE to_json(CAST({value} AS VARCHAR)) END"
        return value if _OWN.fullmatch(shape.word) else as_text(shape, value)
    inner = [_plain(one, x, depth + 1) for one in shape.inside]
    if shape.kind in ("list", "array"):
        return f"list_transform({value}, lambda {x}: {inner[0]})"
    if shape.kind == "map":
        return _plain_map(shape, value, depth)
    if shape.kind == "union":
        cases = " ".join(
            f"WHEN {text_literal(name)} THEN json_object({text_literal(name)}, {_plain(one, member, depth)})"
            for name, one in zip(shape.names, shape.inside, strict=True)
            for member in [f"union_extract({value}, {text_literal(name)})"]
        )
        return f"CASE CAST(union_tag({value}) AS VARCHAR) {cases} END"
    members = [_plain(one, place, depth) for one, place in zip(shape.inside, _places(shape, value), strict=True)]
    if shape.kind == "tuple":
        return _present(value, f"[{', '.join(f'to_json({one})' for one in members)}]")
    named = ", ".join(f"{double_quoted(name)} := {one}" for name, one in zip(shape.names, members, strict=True))
    return _present(value, f"struct_pack({named})" if named else "CAST('{}' AS JSON)")


def _places(shape: Shape, value: str) -> list[str]:
    """SQL of the members of a struct or tuple."""
    if shape.kind == "tuple":
        return [f"struct_extract({value}, {place})" for place in range(1, len(shape.inside) + 1)]
    return [f"struct_extract({value}, {text_literal(name)})" for name in shape.names]


def _plain_map(shape: Shape, value: str, depth: int) -> str:
    """An object where the keys have texts, else a list of keys and values."""
    x, (key, held) = f"x{depth}", shape.inside
    if key.kind == "leaf":
        keys = f"list_transform(map_keys({value}), lambda {x}: {as_text(key, x)})"
        values = f"list_transform(map_values({value}), lambda {x}: {_plain(held, x, depth + 1)})"
        return _present(value, f"map({keys}, {values})")
    parts = [_plain(one, f"{x}.{part}", depth + 1) for one, part in ((key, "key"), (held, "value"))]
    entry = f"struct_pack(key := {parts[0]}, value := {parts[1]})"
    return _present(value, f"list_transform(map_entries({value}), lambda {x}: {entry})")


def _carrier(shape: Shape) -> str:
    """The type that DuckDB reads a shape's JSON by: texts below lists, structs and maps."""
    if shape.kind == "leaf":
        return "VARCHAR"
    inside = [_carrier(one) for one in shape.inside]
    if shape.kind in ("list", "array"):
        return f"{inside[0]}[]"
    if shape.kind == "map":
        leaf = shape.inside[0].kind == "leaf"
        return f"MAP(VARCHAR, {inside[1]})" if leaf else f"STRUCT(key {inside[0]}, value {inside[1]})[]"
    if shape.kind == "union":
        return "MAP(VARCHAR, JSON)"
    if shape.kind == "tuple":
        return "JSON[]"
    members = ", ".join(f"{double_quoted(name)} {one}" for name, one in zip(shape.names, inside, strict=True))
    return f"STRUCT({members})" if members else "JSON"


def _made(shape: Shape, value: str, depth: int) -> str:
    """SQL of a shape's value from its carrier's."""
    x = f"y{depth}"
    if shape.kind == "leaf":
        return _from_text(shape, value)
    if shape.kind in ("list", "array"):
        return f"CAST(list_transform({value}, lambda {x}: {_made(shape.inside[0], x, depth + 1)}) AS {shape.word})"
    if shape.kind == "map":
        return f"CAST({_made_map(shape, value, depth)} AS {shape.word})"
    if shape.kind == "union":
        tag, held = f"map_keys({value})[1]", f"map_values({value})[1]"
        cases = " ".join(
            f"WHEN {text_literal(name)} THEN CAST(union_value({double_quoted(name)} := {_read(one, held, depth)}) "
            f"AS {shape.word})"
            for name, one in zip(shape.names, shape.inside, strict=True)
        )
        return f"CASE {tag} {cases} END"
    if shape.kind == "tuple":
        members = ", ".join(_read(one, f"{value}[{n}]", depth) for n, one in enumerate(shape.inside, start=1))
        return _present(value, f"CAST(row({members}) AS {shape.word})")
    members = ", ".join(
        f"{double_quoted(name)} := {_made(one, place, depth)}"
        for name, one, place in zip(shape.names, shape.inside, _places(shape, value), strict=True)
    )
    return _present(value, f"CAST(struct_pack({members}) AS {shape.word})" if members else "CAST({} AS STRUCT)")


def _read(shape: Shape, json: str, depth: int) -> str:
    """SQL of a shape's value from JSON in the midst of another value."""
    # CAST(JSON AS VARCHAR) keeps the quotes of a text.
    leaf = shape.kind == "leaf"
    return _made(shape, f"json_extract_string({json}, '$')" if leaf else f"CAST({json} AS {_carrier(shape)})", depth)


def _made_map(shape: Shape, value: str, depth: int) -> str:
    x, (key, held) = f"y{depth}", shape.inside
    if key.kind == "leaf":
        keys = f"list_transform(map_keys({value}), lambda {x}: {_from_text(key, x)})"
        values = f"list_transform(map_values({value}), lambda {x}: {_made(held, x, depth + 1)})"
        return _present(value, f"map({keys}, {values})")
    parts = [_made(one, f"{x}.{part}", depth + 1) for one, part in ((key, "key"), (held, "value"))]
    return f"map_from_entries(list_transform({value}, lambda {x}: struct_pack(key := {parts[0]}, value := {parts[1]})))"
