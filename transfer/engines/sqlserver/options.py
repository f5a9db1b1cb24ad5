"""The options of a SQL Server URL, as the words of a connection string. They reach the driver as they are."""

from __future__ import annotations

from ...errors import RequestError
from ...place import Address
from ...silence import LIMIT

PORT = 1433
# Of a URL, in any letters; ODBC's own words.
_KNOWN = (
    "Encrypt", "TrustServerCertificate", "HostnameInCertificate", "ServerCertificate", "Trusted_Connection",
    "Authentication", "ServerSPN", "ApplicationIntent", "MultiSubnetFailover", "PacketSize",
    "ConnectRetryCount", "KeepAlive", "IpAddressPreference",
)  # fmt: skip
_NO = ("no", "false", "0", "off", "optional")
_OWN = ("driver", "instance", "snapshot", LIMIT)  # what Ropeway itself makes something of
_WORDS = {word.lower(): word for word in _KNOWN}


def is_own_driver(address: Address) -> bool:
    """Whether the URL names an ODBC driver."""
    return any(name.lower() == "driver" for name in address.options)


def may_snapshot(address: Address) -> bool:
    """Whether a database snapshot may be made to read from: not with `?snapshot=no`."""
    given = {name.lower(): value for name, value in address.options.items()}
    return given.get("snapshot", "yes").lower() not in _NO


def keywords(address: Address) -> dict[str, str]:
    """The words of the connection string. Encryption is asked for where the URL does not say otherwise.

    `mssql://user@host:1433/database`; `?instance=NAME` in the port's place, `?driver=FreeTDS` another ODBC driver than
    Microsoft's. RequestError for an option that no driver is known to have.
    """
    given = {name.lower().replace(" ", ""): value for name, value in address.options.items()}
    unknown = sorted(name for name in address.options if name.lower().replace(" ", "") not in (*_OWN, *_WORDS))
    if unknown:
        known = ", ".join((*_OWN, *_KNOWN))
        raise RequestError(f"{address}: unknown options {', '.join(unknown)}.", remedy=f"Known: {known}.")
    if not address.database:
        raise RequestError(f"{address} names no database.", remedy="mssql://user@host:1433/database")
    driver = given.pop("driver", "").replace("+", " ")
    freetds = "freetds" in driver.lower() or "tdsodbc" in driver.lower()
    for own in ("snapshot", LIMIT):
        given.pop(own, "")
    made = {"Driver": driver, **_server(address, given.pop("instance", ""), freetds=freetds)}
    made["Database"] = address.database
    integrated = given.get("trusted_connection", "no").lower() not in _NO
    if address.username and not integrated:
        made.update(UID=address.username, PWD=address.told())
    if freetds:
        return {**made, **_freetds(given)}
    return {**made, "Encrypt": "yes", **{_WORDS[name]: value for name, value in given.items()}}


def _server(address: Address, instance: str, *, freetds: bool) -> dict[str, str]:
    host = address.host or "127.0.0.1"
    if instance:
        return {"Server": f"{host}\\{instance}"}
    port = address.port or PORT
    return {"Server": host, "Port": str(port)} if freetds else {"Server": f"tcp:{host},{port}"}


def _freetds(given: dict[str, str]) -> dict[str, str]:
    """FreeTDS has words of its own, knows whom to trust by its own file, and takes the integrated login without UID."""
    encrypt = given.pop("encrypt", "yes").lower()
    others = [_WORDS[name] for name in given if name not in ("trustservercertificate", "trusted_connection")]
    if others:
        raise RequestError(
            f"FreeTDS does not know {', '.join(others)}.", remedy="Leave it out, or use Microsoft's driver."
        )
    encryption = "off" if encrypt in _NO else "strict" if encrypt == "strict" else "require"
    made = {"TDS_Version": "7.4", "Encryption": encryption, "ClientCharset": "UTF-8"}
    if given.get("trusted_connection", "no").lower() not in _NO:
        made["Trusted_Connection"] = "yes"
    return made
