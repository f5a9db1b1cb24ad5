"""Passwords that a URL does not hold but says who tells: a command, a file, a keyring. Asked for at each connect.

A token of a cloud lasts a quarter of an hour, and a migration days.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from pathlib import Path

from .errors import RequestError

WAYS = ("password_command", "password_file", "password_keyring")
TOLD: set[str] = set()  # so that no message holds one
_SECONDS = 60


def told(way: str, value: str, of: str) -> str:
    """The password `of` a place. RequestError where nothing tells it; the command's output is never shown."""
    found = {"password_command": _of_command, "password_file": _of_file, "password_keyring": _of_keyring}[way](
        value, of
    )
    TOLD.add(found)
    return found


def _of_command(command: str, of: str) -> str:
    """Without a shell: its words are split as a shell would, and nothing in them is expanded."""
    try:
        done = subprocess.run(_words(command, of), stdout=subprocess.PIPE, timeout=_SECONDS, check=False, text=True)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        said = f"took longer than {_SECONDS} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        raise RequestError(f"The password_command of {of} cannot be run: {said}") from None
    if done.returncode:
        raise RequestError(f"The password_command of {of} ended with {done.returncode}.")
    return _first_line(done.stdout, f"The password_command of {of} printed nothing.")


def _words(command: str, of: str) -> list[str]:
    words = shlex.split(command)
    if not words:
        raise RequestError(f"The password_command of {of} is empty.")
    return words


def _of_file(name: str, of: str) -> str:
    try:
        path = Path(name).expanduser()
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise RequestError(
                    f"{path} holds the password of {of}, and others may read it.", remedy=f"chmod 600 {path}"
                )
            return _first_line(file.read(), f"{path}, which is to hold the password of {of}, is empty.")
    except (OSError, RuntimeError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise RequestError(f"The password_file of {of} cannot be read: {said}: {name}") from None


def _of_keyring(entry: str, of: str) -> str:
    """`service/user`, of the keyring that the package finds: of the desktop, or as PYTHON_KEYRING_BACKEND says."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise RequestError(
            f"The password_keyring of {of} needs the package keyring.", remedy="pip install 'ropeway[keyring]'"
        ) from None
    service, slash, user = entry.rpartition("/")
    if not (service and slash and user):
        raise RequestError(f"The password_keyring of {of} is service/user, not {entry!r}.")
    try:
        found = keyring.get_password(service, user)
    except (keyring.errors.KeyringError, OSError, RuntimeError) as error:
        raise RequestError(f"The keyring does not tell the password of {of}: {type(error).__name__}: {error}") from None
    if not found:
        raise RequestError(
            f"The keyring has no password of {user} for {service}.", remedy=f"keyring set {service} {user}"
        )
    return found


def _first_line(text: str, otherwise: str) -> str:
    line = text.partition("\n")[0].rstrip("\r")
    if not line:
        raise RequestError(otherwise)
    return line
