"""Fixtures for all tests: real servers, started on first use, and sample data."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, TypeVar

import hypothesis
import pytest

from browser import Browser
from parrot import absent_drivers
from servers import Absent, Mariadb, Mysql, Postgresql
from servers.oracle.process import Accounts, Oracle
from servers.sqlserver.process import Databases, SqlServer
from spots import Servers
from spread import thinned

AnyServer = TypeVar("AnyServer", Postgresql, Mariadb, Mysql, Accounts, Databases, Browser)

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
REQUIRED = set(os.environ.get("ROPEWAY_REQUIRE", "").replace(",", " ").split())
ABSENT = pytest.StashKey[dict[str, str]]()
STARTED = pytest.StashKey[list[Postgresql | Accounts]]()

# Hundreds of commands are started, and each would compile Ropeway and its libraries again (0.5 s) where bytecode is
# not kept; each connection of PyMySQL would read all certificate authorities (20 ms), of which none is needed here.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode")
sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["PYTHONPYCACHEPREFIX"]
os.environ["SSL_CERT_FILE"] = os.devnull

# A shell's background jobs ignore Ctrl-C, and so would all that is started from here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Deadlines measure the machine, and a CI run must not find by chance what nobody can repeat.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if IN_CI else "local")


class PlainRoot:
    """The checkout is a package, and pytest would import its `__init__.py` again, as `__init__`."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        return pytest.Dir.from_parent(parent, path=path) if path == parent.config.rootpath else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--spread", action="store_true", help="engines and cases once each, not each with each")


@pytest.hookimpl(trylast=True)  # after -m and -k, so that what they leave is covered
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--spread"):
        items[:], left = thinned(items)
        config.hook.pytest_deselected(items=left)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ABSENT], config.stash[STARTED] = {}, []
    config.pluginmanager.register(PlainRoot())  # as a hook of this file it would not see the root


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A skip must not look green: name what was not there."""
    for name, reason in config.stash[ABSENT].items():
        terminalreporter.write_line(f"NOT TESTED, {name} is absent: {reason}", yellow=True, bold=True)


def missing(config: pytest.Config, name: str, reason: str) -> NoReturn:
    config.stash[ABSENT][name] = reason
    if IN_CI or name in REQUIRED:
        pytest.fail(f"{name} is required here and absent: {reason}", pytrace=False)
    pytest.skip(f"{name} is absent: {reason}")


def serve(config: pytest.Config, name: str, make: Callable[[], AnyServer]) -> Iterator[AnyServer]:
    absence = ""
    try:
        server = make()
    except Absent as reason:
        absence = str(reason)
    if absence:
        missing(config, name, absence)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgresql(pytestconfig: pytest.Config) -> Iterator[Postgresql]:
    for server in serve(pytestconfig, "postgresql", Postgresql):
        pytestconfig.stash[STARTED].append(server)
        yield server


@pytest.fixture(scope="module", autouse=True)
def swept(pytestconfig: pytest.Config) -> Iterator[None]:
    """The databases of a module's tests go with it: those of all would fill the memory that they lie in, and the
    dictionary of our Oracle, which is gone through at each question.
    """
    yield
    for server in pytestconfig.stash[STARTED]:
        server.sweep()


@pytest.fixture(scope="session")
def mariadb(pytestconfig: pytest.Config) -> Iterator[Mariadb]:
    yield from serve(pytestconfig, "mariadb", Mariadb)


@pytest.fixture(scope="session")
def mysql(pytestconfig: pytest.Config) -> Iterator[Mysql]:
    yield from serve(pytestconfig, "mysql", Mysql)


@pytest.fixture(scope="session")
def oracle(pytestconfig: pytest.Config) -> Iterator[Accounts]:
    """The test server, or a real one by its administrator's URL (docs/testing.md)."""
    url = os.environ.get("ROPEWAY_TEST_ORACLE_URL", "")
    for server in serve(pytestconfig, "oracle", (lambda: Accounts(url)) if url else Oracle):
        pytestconfig.stash[STARTED].append(server)
        yield server


@pytest.fixture(scope="session")
def odbc(pytestconfig: pytest.Config) -> None:
    """The drivers that speak to SQL Server."""
    if absence := absent_drivers():
        missing(pytestconfig, "odbc", absence)


@pytest.fixture(scope="session")
def sqlserver(pytestconfig: pytest.Config, odbc: None) -> Iterator[Databases]:
    """The test server, or a real one by its administrator's URL (docs/testing.md)."""
    del odbc
    url = os.environ.get("ROPEWAY_TEST_MSSQL_URL", "")
    yield from serve(pytestconfig, "sqlserver", (lambda: Databases(url)) if url else SqlServer)


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    yield from serve(pytestconfig, "browser", Browser)


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> Servers:
    """All servers; each is started when it is first asked for."""
    return Servers(request.getfixturevalue)


@pytest.fixture(scope="session")
def chinook(pytestconfig: pytest.Config) -> Path:
    """The folder of the Chinook sample, one dump per engine; skips where the machine lacks it."""
    shared = os.environ.get("ROPEWAY_SHARED") or pytestconfig.rootpath.parent / "shared"
    folder = Path(shared) / "data" / "chinook"
    if not folder.is_dir():
        pytest.skip("the Chinook sample is absent: name the folder above data/chinook in ROPEWAY_SHARED")
    return folder
