"""A place is printed as a URL that means it again, whatever its parts hold, and without a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import Place, parse

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="$"), max_size=20)


@given(TEXTS, TEXTS, TEXTS.filter(bool), st.integers(0, 65535))
def test_what_is_printed_means_the_same(user: str, host: str, database: str, port: int) -> None:
    place = Place("postgresql", user, "${WORD}" if user else "", host, port, database, (("sslmode", "require"),))
    assert parse(str(place))[0] == place


@pytest.mark.parametrize(
    "url",
    ["sqlite:////tmp/a b/ü.sqlite", "postgresql://[::1]:5432/x", "mysql://${USER}@${HOST}/${DATABASE}",
     "postgresql://u@%2Fvar%2Frun:5432/d", "duckdb:///c%3Fd%40e.duckdb"],
)  # fmt: skip
def test_what_needs_no_percents_gets_none(url: str) -> None:
    assert str(parse(url)[0]) == url


def test_paths_of_keys_are_shown_and_secrets_are_not() -> None:
    url = "postgresql://u@h/d?sslkey=/etc/keys/app.key&sslpassword=${PW}"
    assert str(parse(url)[0]) == "postgresql://u@h/d?sslkey=/etc/keys/app.key&sslpassword=***"
    assert "/etc/app.key" in str(parse("mariadb://u@h/d?ssl_key=/etc/app.key")[0])
    for option in ("sslpassword", "account_key", "token"):
        with pytest.raises(RequestError, match="holds a secret") as caught:
            parse(f"postgresql://u@h/d?{option}=hunter2")
        assert "hunter2" not in str(caught.value)
