"""Values that must not be known in the target: hashed, redacted, shown in part, or replaced by invented ones.

Equal values give equal masks, in all tables and runs with one salt, so that references hold. The salt is a secret of
the environment: a plan holds its variable's name, and four digits by which another salt is told.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute

from ..transfer.errors import RequestError
from ..transfer.shaping import Field, Shaped
from ..transfer.types import Type
from .values import each, text

_pc: Any = pyarrow.compute  # pyarrow-stubs know no function of arrays and plain values together
Values = Any  # an Arrow array, or what Arrow's functions make of it
SALT = "${ROPEWAY_MASK_SALT}"
_HEX = 64  # digits of a SHA-256
_FIRST = (
    "Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jana", "Kai", "Lena", "Milo", "Nora", "Olaf",
    "Pia", "Quin", "Rosa", "Sven", "Tara", "Udo", "Vera", "Wim", "Xenia", "Yara", "Zeno", "Arno", "Bela", "Cara",
    "Dion", "Elsa", "Finn",
)  # fmt: skip
_LAST = (
    "Abel", "Baker", "Carver", "Dahl", "Eaton", "Fisher", "Glover", "Hale", "Irving", "Jansen", "Keller", "Lang",
    "Mason", "Norris", "Olsen", "Porter", "Quinn", "Ryder", "Sawyer", "Taylor", "Unger", "Vogel", "Weaver", "Xavier",
    "York", "Ziegler", "Archer", "Brook", "Cooper", "Draper", "Engel", "Foster",
)  # fmt: skip


def mask(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: hash}`, or `{column: {as: ..., salt: ..., keep: ..., kind: ..., length: ...}}`."""
    changes = []
    for name, asked in json.loads(spec).items():
        field = text(fields, name)
        if field.type.padded:
            field = replace(field, type=replace(field.type, padded=False))
        changes.append(_MASKS[asked["as"]](field, asked))
    return replace(each(fields, changes), hides=tuple(field.name for field, _ in changes))


def checked(spec: dict[str, Any]) -> dict[str, Any]:
    """The masks of a job in full, with a check of their salts. RequestError for a salt that is none, or not there."""
    made = {}
    for name, asked in spec.items():
        full = {"as": asked} if isinstance(asked, str) else dict(asked)
        if full.get("as") not in _MASKS:
            raise RequestError(
                f"there is no mask {full.get('as')!r}.", column=name, remedy=f"Masks: {', '.join(_MASKS)}."
            )
        if full["as"] in ("hash", "fake"):
            full["salt"] = full.get("salt", SALT)
            full["check"] = _check(_salt(full["salt"]))
        made[name] = full
    return made


def _salt(word: str) -> str:
    found = re.fullmatch(r"\$\{(\w+)\}", word)
    if not found:
        raise RequestError("a salt stands in the job itself.", remedy="Name a variable of the environment: ${NAME}.")
    value = os.environ.get(found[1], "")
    if not value:
        raise RequestError(
            f"the environment has no {found[1]}, by which values are masked.",
            remedy=f"Set {found[1]} to a secret; the same one gives the same masks in each run.",
        )
    return value


def _check(salt: str) -> str:
    return hashlib.sha256(f"ropeway mask check|{salt}".encode()).hexdigest()[:4]


def _hashes(asked: dict[str, Any]) -> Callable[[Values], Values]:
    """The hexadecimal SHA-256 of the salt's own and each text."""
    salt = _salt(asked["salt"])
    if _check(salt) != asked["check"]:
        raise RequestError(f"{asked['salt']} is another salt than the plan was made with.")
    prefix = hashlib.sha256(f"ropeway mask|{salt}".encode()).hexdigest() + "|"

    def hashes(values: Values) -> Values:
        known = values.dictionary_encode()
        if 2 * len(known.dictionary) < len(values):  # a hash takes 50 times as long as a look for its text
            return each_hash(known.dictionary).take(known.indices)
        return each_hash(values)

    def each_hash(values: Values) -> Values:
        import polars as pl
        import polars_hash as plh

        frame = pl.DataFrame({"v": pl.Series(values, dtype=pl.String)})
        made = frame.select(plh.concat_str(pl.lit(prefix), plh.col("v")).chash.sha2_256()).to_series()
        return made.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())

    return hashes


def _hash(field: Field, asked: dict[str, Any]) -> tuple[Field, Callable[[Values], Values]]:
    length, hashes = int(asked.get("length", _HEX)), _hashes(asked)
    if not 8 <= length <= _HEX:
        raise RequestError(f"a hash has 8 to {_HEX} digits.", column=field.name)
    made = replace(field, type=Type("text", length=length))
    return made, lambda values: _pc.utf8_slice_codeunits(hashes(values), 0, length)


def _redact(field: Field, asked: dict[str, Any]) -> tuple[Field, Callable[[Values], Values]]:
    shown = str(asked.get("text", "***"))
    made = replace(field, type=Type("text", length=max(field.type.length, len(shown)) if field.type.length else 0))
    return made, lambda values: _pc.if_else(_pc.is_null(values), pa.scalar(None, pa.string()), pa.scalar(shown))


def _partial(field: Field, asked: dict[str, Any]) -> tuple[Field, Callable[[Values], Values]]:
    """The last characters, behind as many stars as there were others; a text that has no others is all stars."""
    keep = int(asked.get("keep", 4))
    if keep < 0:
        raise RequestError("it keeps no less than nothing.", column=field.name, remedy="keep: 4")

    def change(values: Values) -> Values:
        length = _pc.utf8_length(values)
        hidden = _pc.if_else(_pc.greater(length, keep), _pc.subtract(length, keep), length)
        shown = _pc.utf8_slice_codeunits(values, -keep, None) if keep else _pc.utf8_slice_codeunits(values, 0, 0)
        shown = _pc.if_else(_pc.greater(length, keep), shown, "")
        return _pc.binary_join_element_wise(_pc.binary_repeat("*", hidden), shown, "")

    return field, change


def _fake(field: Field, asked: dict[str, Any]) -> tuple[Field, Callable[[Values], Values]]:
    kind, hashes = asked.get("kind", ""), _hashes(asked)
    if kind not in _KINDS:
        raise RequestError(
            f"nothing is invented for {kind!r}.", column=field.name, remedy=f"Kinds: {', '.join(_KINDS)}."
        )
    made = replace(field, type=Type("text"))
    return made, lambda values: _KINDS[kind](hashes(values))


def _picked(hexed: Values, first: int, words: tuple[str, ...]) -> Values:
    """A word by two digits of a hash."""
    import polars as pl

    digits = pl.Series(hexed, dtype=pl.String).str.slice(first, 2).str.to_integer(base=16, dtype=pl.Int64)
    return pa.array(words).take((digits % len(words)).to_arrow())


def _part(hexed: Values, first: int, end: int) -> Values:
    return _pc.utf8_slice_codeunits(hexed, first, end)


def _joined(*parts: Values | str) -> Values:
    return _pc.binary_join_element_wise(*parts, "")


def _phone(hexed: Values) -> Values:
    """A number of the range that is kept for invented ones, with more digits."""
    import polars as pl

    digits = pl.Series(hexed, dtype=pl.String).str.slice(0, 12).str.to_integer(base=16, dtype=pl.Int64) % 10**9
    return _joined(
        "+1555", digits.cast(pl.String).str.zfill(9).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())
    )


_KINDS: dict[str, Callable[[Values], Values]] = {
    "first name": lambda hexed: _picked(hexed, 0, _FIRST),
    "last name": lambda hexed: _picked(hexed, 2, _LAST),
    "name": lambda hexed: _joined(_picked(hexed, 0, _FIRST), " ", _picked(hexed, 2, _LAST)),
    "email": lambda hexed: _joined("user-", _part(hexed, 0, 16), "@example.com"),
    "phone": _phone,
    "uuid": lambda hexed: _pc.binary_join_element_wise(
        _part(hexed, 0, 8), _part(hexed, 8, 12), _joined("4", _part(hexed, 13, 16)), _joined("8", _part(hexed, 17, 20)),
        _part(hexed, 20, 32), "-",
    ),
}  # fmt: skip
_MASKS = {"hash": _hash, "redact": _redact, "partial": _partial, "fake": _fake}
