"""Texts without the passwords that a driver, or a person's URL, may have put into them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

WITHHELD = "***"
# A shorter one stands in words that have nothing to do with it, and withholding it there would spell it out.
_LONG = 5
_PLACES = (
    r"(?P<before>://[^\s/:@]*:){secret}(?=@)",  # of a URL
    r"(?P<before>[^\s/:@]/){secret}(?=@)",  # Oracle's user/password@host
    # password=..., "password": "...", PWD={{...}}; not MySQL's (using password: YES), which tells whether there was one
    r"(?P<before>(?<!using )(?:pass(?:word|wd|phrase|code)?|pwd|secret|token)[\"']?\s*[=:]\s*[\"'{{]?){secret}(?!\w)",
    # SQL: PASSWORD '...', IDENTIFIED BY "..."
    r"(?P<before>(?:password|identified\s+by)\s+[\"']?){secret}(?=[\"'])",
    r"(?P<before>identified\s+by\s+){secret}(?!\w)",
)


def withheld(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets: long ones anywhere, short ones where a password stands."""
    for secret in sorted({*secrets} - {""}, key=len, reverse=True):
        if len(secret) >= _LONG:
            text = text.replace(secret, WITHHELD)
            continue
        spellings = "|".join(re.escape(one) for one in dict.fromkeys((secret, quote(secret, safe=""))))
        for place in _PLACES:
            pattern = place.format(secret=f"(?:{spellings})")
            text = re.sub(pattern, rf"\g<before>{WITHHELD}", text, flags=re.IGNORECASE)
    return text
