"""plan.sum: a checksum of each file of a written plan, and one of them all, after Go's go.sum and Atlas' atlas.sum.

The first line is `h1:` and the chain's end. Then a line `NAME h1:SUM` for each file, by name: SUM is the SHA-256 of its
content in base64, with line ends as LF. The chain begins as nothing, and each link is the SHA-256 of the link before it
followed by the next line with its line end.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping

SUM = "plan.sum"
_LINE = re.compile(r"(\S+) h1:(\S+)")


def sums(contents: Mapping[str, bytes]) -> str:
    """The text of plan.sum for these files."""
    return _text({name: sum_of(content) for name, content in contents.items()})


def sum_of(content: bytes) -> str:
    """SHA-256 in base64. Git may write CR LF on a checkout, which changes nothing that anybody wrote."""
    return base64.b64encode(hashlib.sha256(content.replace(b"\r\n", b"\n")).digest()).decode()


def _text(known: Mapping[str, str]) -> str:
    lines = [f"{name} h1:{known[name]}\n" for name in sorted(known)]
    link = b""
    for line in lines:
        link = hashlib.sha256(link + line.encode()).digest()
    return f"h1:{base64.b64encode(link).decode()}\n{''.join(lines)}"


def is_listed(name: str, contents: Mapping[str, bytes]) -> bool:
    """Whether a file is as plan.sum says."""
    return f"{name} h1:{sum_of(contents[name])}" in contents[SUM].decode().splitlines()


def changed(contents: Mapping[str, bytes], editable: Iterable[str] = ()) -> tuple[str, str] | None:
    """The first file that is not as plan.sum says, and what is wrong with it; None if all are."""
    text = contents.get(SUM, b"").decode("utf-8", "replace").replace("\r\n", "\n")
    if SUM not in contents:
        return SUM, "is missing"
    known = dict(_LINE.findall(text))
    if _text(known) != text:
        return SUM, "was changed after it was written"
    for name in sorted(known.keys() | contents.keys() - {SUM}):
        if name not in contents:
            return name, "is missing: plan.sum lists it"
        if name not in known:
            return name, "is not of the plan: plan.sum does not list it"
        if name not in editable and sum_of(contents[name]) != known[name]:
            return name, "was changed after it was written: plan.sum has another checksum of it"
    return None
