"""What is withheld of a text: a long password anywhere, a short one only where it is a password."""

from __future__ import annotations

import pytest

from ropeway.transfer.place import parse as parsed
from ropeway.transfer.place import redact, resolve
from ropeway.transfer.redaction import withheld


@pytest.mark.parametrize("secret", ["p", "pa$", "a b"])
@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:{}@old/shop", "host=old password={} dbname=a", "password='{}' user=p", "UID=sa;PWD={{{}}};",
        "{{'user': 'p', 'password': '{}'}}", '"passwd": "{}"', "ALTER ROLE a PASSWORD '{}'",
        'IDENTIFIED BY "{}"', "app/{}@old:1521/ORCL", "sslpassword={}",
    ],
)  # fmt: skip
def test_a_short_password_is_withheld_where_it_is_one(text: str, secret: str) -> None:
    assert withheld(text.format(secret), [secret]) == text.format("***")


def test_a_short_password_is_not_spelled_out_by_what_else_is_withheld() -> None:
    said = 'connection to "p" at postgresql://p:p@host/p failed: parameter p (using password: p), passwords=p1'
    assert withheld(said, ["p"]) == said.replace(":p@", ":***@")


def test_one_in_percents_is_withheld_too() -> None:
    assert withheld("mysql://a:%40%2F@h/d", ["@/"]) == "mysql://a:***@h/d"


def test_a_long_password_is_withheld_everywhere() -> None:
    place, secret = parsed("postgresql://app:hunter2@old/shop")
    assert redact("role hunter2 or xhunter2x", resolve(place, secret)) == "role *** or x***x"
    assert withheld("abcdefgh", ["cde", "abcdefg"]) == "***h"
