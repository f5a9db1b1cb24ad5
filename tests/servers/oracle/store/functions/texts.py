"""Texts and octets."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any

from ...spoken import Refused
from .. import formats, values
from ..convert import decimal_of, whole
from ..formats import Nls, text_of
from ..values import Stored
from .registry import ASKING, FUNCTIONS, Context, asking, none, plain, texts


@asking("to_char")
def _to_char(session: Context, value: Stored, model: str = "", *_: Stored) -> Stored:
    if value is None or isinstance(value, str) or not model:
        return text_of(value, session.nls)
    if value[:1] in b"DTZL":
        return formats.moment_text(value, model, session.nls)
    return formats.number_text(decimal_of(value), model)


for _name in ("to_nchar", "to_clob", "xml_text", "json_serialize", "to_lob"):
    ASKING[_name] = lambda session, value, *_: text_of(value, session.nls)


@asking("joined", "concat")
def _joined(session: Context, *parts: Stored) -> Stored:
    return none("".join(text_of(part, session.nls) or "" for part in parts))


_MOST = 4000  # octets of a VARCHAR2 in SQL, with MAX_STRING_SIZE = STANDARD


@asking("joined_in_sql")
def _joined_in_sql(session: Context, *parts: Stored) -> Stored:
    """Of texts that are no CLOBs."""
    found: Stored = _joined(session, *parts)
    if found is not None and len(str(found).encode()) > _MOST:
        raise Refused(1489, "result of string concatenation is too long")
    return found


@asking("to_char_of_clob")
def _to_char_of_clob(session: Context, value: Stored) -> Stored:
    if value is not None and len(str(value).encode()) > _MOST:
        raise Refused(22835, "Buffer too small for CLOB to CHAR or BLOB to RAW conversion")
    return text_of(value, session.nls)


texts("upper", lambda text: text.upper())
texts("lower", lambda text: text.lower())
texts("initcap", lambda text: re.sub(r"\w+", lambda found: found[0].capitalize(), text))
texts("length", lambda text: values.number(len(text)))
texts("lengthc", lambda text: values.number(len(text)))
texts("lengthb", lambda text: values.number(len(text.encode())))
texts("ascii", lambda text: values.number(ord(text[0])))
texts("ltrim", lambda text, what=" ": text.lstrip(what))
texts("rtrim", lambda text, what=" ": text.rstrip(what))
texts("replace", lambda text, old, new="": text.replace(old, new or "") if old else text)
texts(
    "translate",
    lambda text, old, new: text.translate({ord(a): (new[n] if n < len(new) else None) for n, a in enumerate(old)}),
)
texts("lpad", lambda text, size, fill=" ": text[: whole(size)] if len(text) >= whole(size) else
       (fill * whole(size))[: whole(size) - len(text)] + text)  # fmt: skip
texts("rpad", lambda text, size, fill=" ": (text + fill * whole(size))[: whole(size)])
texts("instr", lambda text, what, start=None: values.number(text.find(what, whole(start) - 1 if start else 0) + 1))
texts("regexp_replace", lambda text, pattern, new="": re.sub(pattern, (new or "").replace("\\", "\\"), text))
texts("regexp_like", lambda text, pattern, flags="": "1" if re.search(pattern, text, _flags(flags)) else "0")
texts("unistr", lambda text: re.sub(r"\\([0-9A-Fa-f]{4})", lambda found: chr(int(found[1], 16)), text))
texts("vsize", lambda text: values.number(len(text.encode())))


def _flags(text: str) -> int:
    return sum({"i": re.IGNORECASE, "n": re.DOTALL, "m": re.MULTILINE}.get(one, 0) for one in text or "")


def _part(text: str, start: Stored, size: Stored = None) -> str:
    first = whole(start)
    first = first - 1 if first > 0 else max(len(text) + first, 0) if first < 0 else 0
    return text[first:] if size is None else text[first : first + max(whole(size), 0)]


texts("substr", _part)


@plain("chr")
def _chr(value: Stored) -> Stored:
    return chr(whole(value))


@plain("like")
def _like(value: Stored, pattern: Stored, escape: Stored) -> Any:
    if pattern is None:
        return None
    text, made, letters = text_of(value, Nls()) or "", "", iter(str(pattern))
    for letter in letters:
        if letter == escape:
            made += re.escape(next(letters, ""))
        else:
            made += {"%": ".*", "_": "."}.get(letter, re.escape(letter))
    return 1 if re.fullmatch(made, text, re.DOTALL) else 0


@plain("hextoraw")
def _hextoraw(value: Stored) -> Stored:
    assert isinstance(value, str)
    return b"R" + bytes.fromhex(value)


@plain("rawtohex")
def _rawtohex(value: Stored) -> Stored:
    assert isinstance(value, bytes)
    return value[1:].hex().upper()


@plain("utl_raw_cast_to_raw", "utl_i18n_string_to_raw")
def _text_octets(value: Stored, *_: Stored) -> Stored:
    assert isinstance(value, str)
    return b"R" + value.encode()


@plain("utl_raw_cast_from_binary_double")
def _double_octets(value: Stored, *_: Stored) -> Stored:
    assert isinstance(value, bytes)
    octets = values.double(values.floating(value))[1:]
    plain = bytes([octets[0] ^ 0x80]) + octets[1:] if octets[0] & 0x80 else bytes(one ^ 0xFF for one in octets)
    return b"R" + plain


@plain("dbms_lob_getlength")
def _getlength(value: Stored) -> Stored:
    assert value is not None
    return values.number(len(value) if isinstance(value, str) else len(value) - 1)


@plain("dbms_lob_compare")
def _compared(one: Stored, other: Stored) -> Stored:
    """0 where they are the same; plain functions give NULL where an argument is NULL."""
    assert one is not None
    assert other is not None
    return values.number((one > other) - (one < other))  # type: ignore[operator]  # both of one type


@plain("dbms_lob_substr")
def _lob_part(value: Stored, amount: Stored = None, offset: Stored = None) -> Stored:
    """Characters of a CLOB, octets of a BLOB: how many, and from which."""
    first = whole(offset) if offset else 1
    last = first - 1 + (whole(amount) if amount else 32767)
    if isinstance(value, str):
        return value[first - 1 : last]
    assert value is not None
    return b"R" + value[first : last + 1]


def _octets_of(value: Stored) -> bytes:
    assert value is not None
    return value.encode() if isinstance(value, str) else value[1:]


@plain("standard_hash")
def _standard_hash(value: Stored, method: str = "SHA1") -> Stored:
    return b"R" + hashlib.new(method.lower(), _octets_of(value)).digest()


@plain("dbms_crypto_hash")
def _crypto_hash(value: Stored, method: Stored) -> Stored:
    names = {2: "md5", 3: "sha1", 4: "sha256", 5: "sha384", 6: "sha512"}
    return b"R" + hashlib.new(names[whole(method)], _octets_of(value)).digest()


@plain("ora_hash")
def _ora_hash(value: Stored, most: Stored = None) -> Stored:
    digest = int.from_bytes(hashlib.sha256(_octets_of(value)).digest()[:4], "big")
    return values.number(digest % (whole(most) + 1) if most else digest)


FUNCTIONS["sys_guid"] = lambda: b"R" + os.urandom(16)
FUNCTIONS["empty_blob"] = lambda: b"R"
FUNCTIONS["empty_clob"] = lambda: ""
FUNCTIONS["to_blob"] = lambda value: value
