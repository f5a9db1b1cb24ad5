"""The report as one HTML page: complete in itself, whole without its script, and with nothing from the network.

Its Content-Security-Policy lets nothing run but our own script, so that a value which slipped through unescaped would
stay what it is.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import say
from .markup import text
from .plots import speeds
from .runs import run
from .verification import verification

__all__ = ["page", "page_of_verification", "speeds", "write_page"]

_STYLE, _SCRIPT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("style.css", "filter.js"))


def page(*reports: Mapping[str, Any]) -> str:
    """The page of one run, or of several that belong together."""
    title = f"Ropeway: run {', '.join(str(one['run']) for one in reports)}"
    return _document(title, "\n".join(run(one) for one in reports))


def page_of_verification(shape: Mapping[str, Any]) -> str:
    """The page of a verification, whoever loaded the target."""
    return _document(f"Ropeway: verification of {shape['target']}", verification(shape))


def write_page(file: Path, made: str) -> None:
    """Write a page, and say so."""
    file.write_text(made, encoding="utf-8")
    say.note(f"Written: {file}")


def _document(title: str, body: str) -> str:
    policy = (
        f"default-src 'none'; style-src '{_hash(_STYLE)}'; script-src '{_hash(_SCRIPT)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{text(title)}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body>\n<main>\n{body}\n</main>\n<script>{_SCRIPT}</script>\n</body></html>\n"
    )


def _hash(inline: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(inline.encode()).digest()).decode()
