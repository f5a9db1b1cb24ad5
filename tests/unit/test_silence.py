"""How long a server may be silent, and a socket whose peer is."""

from __future__ import annotations

import socket

import pytest

from ropeway.transfer.errors import RequestError
from ropeway.transfer.silence import Silence, bound, patience


@pytest.mark.parametrize("word", ["0", "-1", "nan", "inf", "soon", ""])
def test_what_is_no_number_of_seconds_is_refused(word: str) -> None:
    with pytest.raises(RequestError, match="read_timeout"):
        patience({"read_timeout": word})
    with pytest.raises(RequestError, match="statement_timeout"):
        bound({"statement_timeout": word})


def test_a_silent_peer_is_given_up_and_a_busy_user_is_not() -> None:
    mine, theirs = socket.socketpair()
    with mine, theirs, Silence(mine.fileno(), 0.3) as watch:
        for number in watch.reading(range(3)):
            theirs.settimeout(0.5)
            with pytest.raises(TimeoutError):  # longer than the server may be silent, but it is not waited for
                theirs.recv(1)
            theirs.settimeout(None)
            assert number < 3
        assert mine.recv(1) == b""  # shut: it would wait for ever
