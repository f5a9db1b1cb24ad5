"""Values that carry a type of their own, sql_variant, and those of .NET: hierarchyid, geometry, geography.

All of them are held as octets of ours. A sql_variant holds its kind and its value, a hierarchyid its text, a shape its
SRID, a semicolon and its text in WKT. As the server sends them, which no test reads, they are not: queries convert.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Sequence
from typing import Any

from ..spoken import Kind, Refused

VARIANT = "sql_variant"
SHAPES = ("geometry", "geography")
CLR = ("hierarchyid", *SHAPES)
NAMES = (VARIANT, *CLR)
USER_TYPES = {"hierarchyid": 128, "geometry": 129, "geography": 130}
_PATH = re.compile(r"/(?:-?\d+(?:\.-?\d+)*/)*")
_WKT = re.compile(r"\s*([A-Za-z]+)\s*(EMPTY|\(.*\))\s*", re.DOTALL)
_USUAL_SRID = {"geometry": 0, "geography": 4326}


def put(value: Any, source: Kind) -> bytes:
    """A sql_variant of a value."""
    if source.size == -1 or source.name in ("text", "ntext", "image", "xml", "timestamp", *NAMES):
        raise Refused(206, f"Operand type clash: {source.name} is incompatible with sql_variant", state=2)
    return pickle.dumps((source, value))


def taken(octets: bytes) -> tuple[Any, Kind]:
    """The value of a sql_variant, and its kind."""
    kind, value = pickle.loads(octets)  # noqa: S301 - put() made it
    return value, kind


def of_text(text: str, kind: Kind) -> bytes:
    """A value of .NET's, of its text."""
    if kind.name == "hierarchyid":
        if not _PATH.fullmatch(text):
            raise _failed("24001: SqlHierarchyId.Parse failed because the input string", text)
        return text.encode()
    found = _WKT.fullmatch(text)
    if not found:
        raise _failed("24114: The label in the input well-known text (WKT) is not valid:", text)
    inside = " ".join(found[2].split()).replace("( ", "(").replace(" )", ")")
    return f"{_USUAL_SRID[kind.name]};{found[1].upper()} {inside}".encode()


def _failed(why: str, text: str) -> Refused:
    return Refused(6522, "A .NET Framework error occurred during execution of user-defined routine or aggregate: "
                         f"{why} '{text[:40]}'")  # fmt: skip


def text_of(octets: bytes, kind: Kind) -> str:
    text = octets.decode()
    return text if kind.name == "hierarchyid" else text.partition(";")[2]


# Properties and methods by name: what they give, and how.
MEMBERS: dict[str, tuple[Sequence[str], Kind, Callable[[bytes], Any]]] = {
    "STSrid": (SHAPES, Kind("int", 4), lambda octets: int(octets.decode().partition(";")[0])),
    **dict.fromkeys(
        ("STAsText", "AsTextZM"),
        (SHAPES, Kind("nvarchar", -1), lambda octets: octets.decode().partition(";")[2]),
    ),
    "ToString": (CLR, Kind("nvarchar", 8000), lambda octets: octets.decode().rpartition(";")[2]),
}


def base_type(octets: bytes, name: str) -> str | None:
    """SQL_VARIANT_PROPERTY."""
    if name.lower() != "basetype":
        raise Refused(102, f"The test server knows no property {name} of a sql_variant.")
    return taken(octets)[1].name
