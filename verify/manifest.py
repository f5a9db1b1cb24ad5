"""A manifest: what a comparison found, in a file that lets a target be checked years later without its source.

It holds the plan (how the target's columns are read and written in canonical form), and each segment's checksums of
both sides. Its own SHA-256 guards against accidents; whoever can write the file can write a new one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..transfer.errors import RequestError
from ..transfer.plan import Plan, from_json, to_json
from ..transfer.segments import Division
from .checksum import Sum
from .report import Report

VERSION = 2
SPECIFICATION = "docs/checksum.md, version 2"


@dataclass(frozen=True)
class Proof:
    """The segments of one hop's table, on both sides."""

    hop: str
    division: Division
    source: Mapping[str, Sum]
    target: Mapping[str, Sum]


@dataclass(frozen=True)
class Manifest:
    """What a file says, for who compares a target with it."""

    plan: Plan
    proofs: tuple[Proof, ...]
    written: str


def text_of(
    plan: Plan, report: Report, proofs: Sequence[Proof], moments: tuple[str, str], ropeway: str, key: bytes = b""
) -> str:  # fmt: skip
    """The text of a manifest; equal comparisons give equal text but for the moments of their beginning and end.

    With a `key` it is signed: HMAC-SHA256 (RFC 2104) of the same JSON that its checksum is of.
    """
    tables = {one.target: one for one in report.tables}
    found = {
        "manifest": VERSION, "specification": SPECIFICATION, "ropeway": ropeway, "began": moments[0],
        "written": moments[1], "source": str(plan.source), "target": str(plan.target),
        "engines": list(report.versions), "level": report.level,
        "tables": [
            {**_claims(tables[str(hop.writes)]), "columns": [_column(c) for c in hop.columns], **_segments(proof)}
            for proof in proofs
            for hop in [plan.hop(proof.hop)]
        ],
        "plan": json.loads(to_json(plan)),
    }  # fmt: skip
    proof = {"sha256": _sum(found), **({"hmac_sha256": _signature(found, key)} if key else {})}
    return json.dumps({**found, **proof}, indent=1, ensure_ascii=False) + "\n"


def _claims(table: Any) -> dict[str, Any]:
    names = ("source", "target", "claim", "how", "reason", "rows_source", "rows_target", "left_out")
    return {name: getattr(table, name) for name in names}


def _column(column: Any) -> dict[str, Any]:
    return {
        "source": column.source, "target": column.target, "type": str(column.type), "native": column.native,
        "form": column.canon.form, "digits": column.canon.digits, "fidelity": str(column.fidelity),
    }  # fmt: skip


def _segments(proof: Proof) -> dict[str, Any]:
    names = sorted({**proof.source, **proof.target}, key=lambda name: (len(name), name))
    empty = Sum.zero()
    return {
        "hop": proof.hop,
        "division": {**asdict(proof.division), "salt": bool(proof.division.salt)},  # which is secret
        "segments": {n: [proof.source.get(n, empty).text(), proof.target.get(n, empty).text()] for n in names},
    }


def _sum(found: Mapping[str, Any]) -> str:
    return hashlib.sha256(_bytes(found)).hexdigest()


def _signature(found: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, _bytes(found), hashlib.sha256).hexdigest()


def _bytes(found: Mapping[str, Any]) -> bytes:
    return json.dumps(found, sort_keys=True, ensure_ascii=False).encode()


def parsed(text: str, name: str, key: bytes = b"") -> Manifest:
    """A manifest from its text.

    RequestError if it is none, or was changed after it was written, or, with a `key`, was not signed by it.
    """
    try:
        found = json.loads(text)
        told, signed = found.pop("sha256"), found.pop("hmac_sha256", "")
        version = found["manifest"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"{name} is no manifest.", remedy="'ropeway verify --manifest FILE' writes one.") from error
    if version != VERSION:
        raise RequestError(f"{name} is a manifest of version {version}, and this Ropeway reads version {VERSION}.")
    if told != _sum(found):
        raise RequestError(f"{name} was changed after it was written: it has another checksum of itself.")
    if key and not hmac.compare_digest(signed, _signature(found, key)):
        raise RequestError(f"{name} is not signed" + (" by this key." if signed else "."))
    if not key and any(table["division"]["salt"] for table in found["tables"]):
        raise RequestError(f"The checksums of {name} are salted.", remedy="Name the file of its key with --key.")
    proofs = tuple(_proof(table, salt_of(key)) for table in found["tables"])
    return Manifest(from_json(json.dumps(found["plan"])), proofs, found["written"])


def salt_of(key: bytes) -> str:
    """The salt of a key: what servers may see of it in queries, and who has the manifest alone may not."""
    return hmac.new(key, b"ropeway salt", hashlib.sha256).hexdigest()[:32]


def _proof(table: Mapping[str, Any], salt: str) -> Proof:
    told = table["division"]
    division = Division(**{**told, "places": tuple(told["places"]), "salt": salt if told["salt"] else ""})
    sums = {name: [Sum.parse(text) for text in pair] for name, pair in table["segments"].items()}
    one, other = ({name: pair[side] for name, pair in sums.items() if pair[side].count} for side in (0, 1))
    return Proof(table["hop"], division, one, other)
