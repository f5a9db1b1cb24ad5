"""Places: where a source or a target is, as a URL without its secrets.

A Place may be stored and printed anywhere. What opens a connection is an Address, made from a Place at
the last moment; it holds the secret and prints without it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from .errors import RequestError
from .passwords import TOLD, WAYS, told
from .redaction import WITHHELD, withheld

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_OPTIONS = re.compile(r"pass|secret|token|key$", re.IGNORECASE)
_FILES = ("sslkey", "ssl_key")  # of them the path is no secret
_V6 = re.compile(r"[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")
_PLAIN = "/:~${}.,;@*()!' "  # of an option's value: what tells it from others is written as in a URL


def _is_secret(option: str) -> bool:
    return bool(_SECRET_OPTIONS.search(option)) and option not in (*WAYS, *_FILES)


def _spelt(text: str, ends: str) -> str:
    """A part of a URL with only that in percents which would end it, or shows nothing: people read it."""
    return "".join(quote(one, safe="") if one in ends or not one.isprintable() else one for one in text)


@dataclass(frozen=True)
class Place:
    """A URL in parts. `password` is empty, a `${NAME}` reference, or WITHHELD for a literal one."""

    scheme: str
    username: str = ""
    password: str = ""
    host: str = ""
    port: int = 0
    database: str = ""
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        login = quote(self.username, safe="${}")
        if self.password:
            login += f":{self.password}"
        host = f"[{self.host}]" if _V6.fullmatch(self.host) else _spelt(self.host, "%/?@#:[]")
        where = (f"{login}@" if login else "") + host + (f":{self.port}" if self.port else "")
        database = _spelt(self.database, "%?@")
        options = "&".join(
            f"{name}={WITHHELD if _is_secret(name) else quote(value, safe=_PLAIN)}" for name, value in self.options
        )
        return f"{self.scheme}://{where}/{database}" + (f"?{options}" if options else "")


@dataclass(frozen=True)
class Address:
    """A Place with everything needed to connect. Never stored, never printed with its password.

    Where the place says who tells it (`asks`), `password` is empty, and each connect asks anew.
    """

    place: Place
    username: str = field(repr=False, default="")
    password: str = field(repr=False, default="")
    host: str = ""
    port: int = 0
    database: str = ""
    options: Mapping[str, str] = field(repr=False, default_factory=dict)
    asks: tuple[str, str] = ("", "")

    def told(self) -> str:
        """The password for a connection that is made now. RequestError where nothing tells it."""
        return told(*self.asks, of=str(self.place)) if self.asks[0] else self.password

    def __str__(self) -> str:
        return str(self.place)


def parse(url: str) -> tuple[Place, str]:
    """Split a URL into its Place and the literal password it held ('' if none).

    Raises RequestError, without echoing the URL where it may hold a secret.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or not re.fullmatch(r"[a-z][a-z0-9+]*", scheme):
        raise RequestError(
            "This is not a URL of a database.",
            remedy="Write it as postgresql://user@host/database, sqlite:///file, duckdb:///file or parquet:///folder.",
        )
    authority, _, path = rest.partition("/")
    path, _, query = path.partition("?")
    login, _, where = authority.rpartition("@")
    if "@" in login or "@" in path:
        raise RequestError(
            f"The {scheme} URL has an '@' in a host, database or password.",
            remedy="Write '@' as %40; better, put the password into ${NAME}.",
        )
    username, _, password = login.partition(":")
    host, port = _host_and_port(scheme, where)
    reference = bool(_REFERENCE.fullmatch(password))
    options = tuple(
        (name, unquote(value)) for name, _, value in (part.partition("=") for part in query.split("&") if part)
    )
    for name, value in options:
        if _is_secret(name) and not _REFERENCE.fullmatch(value):
            raise RequestError(
                f"The {scheme} URL holds a secret in its option {name}.",
                remedy=f"Name an environment variable instead: {name}=${{NAME}}.",
            )
    place = Place(
        scheme=scheme,
        username=unquote(username),
        password=password if reference or not password else WITHHELD,
        host=host,
        port=port,
        database=unquote(path),
        options=options,
    )
    return place, "" if reference else unquote(password)


def _host_and_port(scheme: str, where: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>\d+))?", where)
    if not found:
        raise RequestError(f"The host or the port in the {scheme} URL cannot be read.")
    return unquote(found["v6"] or found["name"] or ""), int(found["port"] or 0)


def resolve(place: Place, secret: str = "", environment: Mapping[str, str] | None = None) -> Address:
    """Fill a Place's `${NAME}` references from the environment; `secret` is the literal password."""
    known = os.environ if environment is None else environment

    def filled(text: str) -> str:
        def value(found: re.Match[str]) -> str:
            if found[1] not in known:
                raise RequestError(
                    f"The environment has no {found[1]}, which the URL of {place.scheme} names.",
                    remedy=f"Set it: export {found[1]}=...",
                )
            return known[found[1]]

        return _REFERENCE.sub(value, text)

    if place.password == WITHHELD and not secret:
        raise RequestError(
            f"The password for {place} was given literally and is not stored.",
            remedy="Give the URL with its password again, or name an environment variable: ${NAME}.",
        )
    options = {name: filled(value) for name, value in place.options}
    ways = [(name, options.pop(name)) for name in WAYS if name in options]
    if len(ways) > 1 or (ways and (place.password or secret)):
        raise RequestError(f"{place} says more than once where its password is.", remedy="Leave one.")
    return Address(
        place=place,
        username=filled(place.username),
        password=secret or filled(place.password),
        host=filled(place.host),
        port=place.port,
        database=filled(place.database),
        options=options,
        asks=ways[0] if ways else ("", ""),
    )


def redact(text: str, address: Address) -> str:
    """A driver's message without the password, should the driver have put it there."""
    return withheld(text, {address.password, *TOLD})
