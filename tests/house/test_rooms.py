"""The rules of the house, read from the source: who may import whom, and where the hard things are."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEVELS = {"transfer": 1, "transforms": 2, "partitioning": 2, "verify": 2, "cli": 3}
LONGEST_FUNCTION, LONGEST_FILE = 60, 500

# Where each driver is at home below transfer/engines; "" is any engine.
DRIVERS = {
    "adbc_driver_manager": "",
    "adbc_driver_postgresql": "postgresql",
    "adbc_driver_sqlite": "sqlite",
    "arrow_odbc": "sqlserver",
    "connectorx": "",
    "mssql_python": "sqlserver",
    "oracledb": "oracle",
    "psycopg": "postgresql",
    "pymysql": "mysql",
    "pyodbc": "sqlserver",
    "sqlite3": "sqlite",
}
ENGINES = {"postgresql", "mysql", "mariadb", "sqlite", "duckdb", "oracle", "sqlserver", "mssql"}
NAMELESS = {"util", "utils", "helper", "helpers", "base", "manager", "managers", "common", "misc"}
# The demo makes its source files before any engine is asked for one.
AT_HOME_ELSEWHERE = {("cli/regions.py", "sqlite3")}
DEFERRED = sorted({*DRIVERS, "duckdb"})


@functools.cache
def sources(*folders: str) -> dict[Path, ast.Module]:
    """Each Python file below the folders, and the root's own, with its syntax tree."""
    files = [*ROOT.glob("*.py"), *(file for name in folders for file in (ROOT / name).rglob("*.py"))]
    return {file.relative_to(ROOT): ast.parse(file.read_bytes(), file) for file in sorted(files)}


def package() -> dict[Path, ast.Module]:
    return sources(*LEVELS)


def room(path: Path) -> str:
    """The first folder of a path; empty for the root's own files."""
    return path.parts[0] if len(path.parts) > 1 else ""


def engine(path: Path) -> str | None:
    """The engine a file belongs to, None outside transfer/engines."""
    below = path.parts[2:] if path.parts[:2] == ("transfer", "engines") else ()
    return below[0].removesuffix(".py") if below else None


def imported(path: Path, tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Each import as (line, full name, relative or not); relative ones resolved below `ropeway`."""
    here = ("ropeway", *path.parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name, False) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else ()
            stem = ".".join((*start, node.module)) if node.module else ".".join(start)
            yield from ((node.lineno, f"{stem}.{name.name}", bool(node.level)) for name in node.names)


def imports() -> Iterator[tuple[Path, int, str, bool]]:
    for path, tree in package().items():
        yield from ((path, *found) for found in imported(path, tree))


def none(found: list[str]) -> None:
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_imports_run_downward() -> None:
    wrong = []
    for path, line, name, relative in imports():
        source, target = room(path), name.split(".")[1] if relative else ""
        if relative and source and target != source and LEVELS.get(target, 9) >= LEVELS[source]:
            wrong.append(f"{path}:{line} {source} imports {name}")
    none(wrong)


def test_imports_inside_are_relative() -> None:
    ours = {"ropeway", *LEVELS}
    none([f"{p}:{n} {name}" for p, n, name, relative in imports() if not relative and name.split(".")[0] in ours])


def test_drivers_stay_with_their_engine() -> None:
    wrong = []
    for path, line, name, _ in imports():
        home = DRIVERS.get(name.split(".")[0])
        if (str(path), name) in AT_HOME_ELSEWHERE:
            continue
        if home is not None and (engine(path) is None or home not in {"", engine(path)}):
            wrong.append(f"{path}:{line} imports {name}")
    none(wrong)


def is_at_home(library: str, path: Path) -> bool:
    """DuckDB and Polars are libraries of the crafts and the stage; engines encode with Polars."""
    stage = room(path) == "transfer" and any(part.startswith("stage") for part in path.parts[1:])
    own = engine(path)
    encoder = own is not None and (library.startswith("polars") or own.startswith(library))
    return room(path) in {"transforms", "verify"} or stage or encoder


def test_libraries_stay_in_their_rooms() -> None:
    libraries = {"duckdb", "polars", "polars_hash"}
    found = [(path, line, name.split(".")[0]) for path, line, name, _ in imports()]
    none([f"{p}:{n} imports {name}" for p, n, name in found if name in libraries and not is_at_home(name, p)])


def named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each engine that a comparison or a `case` names by a literal, as (line, name)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare | ast.MatchValue):
            for at in ast.walk(node):
                if isinstance(at, ast.Constant) and at.value in ENGINES:
                    yield at.lineno, at.value


def test_no_engine_is_named_elsewhere() -> None:
    outside = [(path, tree) for path, tree in package().items() if engine(path) is None]
    none([f"{path}:{line} compares with {name!r}" for path, tree in outside for line, name in named(tree)])


def called(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each method call as (line, name)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.lineno, node.func.attr


def may_commit(path: Path) -> bool:
    ledger = "ledger" in path.with_suffix("").parts
    return engine(path) is not None or ledger or path == Path("transfer/commit.py")


def test_claim_and_commit_meet_in_one_place() -> None:
    found = [(path, *call) for path, tree in package().items() if not may_commit(path) for call in called(tree)]
    none([f"{path}:{line} calls .{name}()" for path, line, name in found if name in {"claim", "commit"}])


def test_findings_have_names() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in package().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
        if len(node.args) < 4 and "name" not in {keyword.arg for keyword in node.keywords}
    ]
    none([f"{one} makes a finding without a name, by which it could be waived" for one in found])


def test_packages_are_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {path.parent for path in package() if path.name == "__init__.py"}
    found = {".".join(("ropeway", *folder.parts)) for folder in folders}
    none([f"{name} is listed and has no __init__.py" for name in sorted(listed - found)])
    none([f"{name} is not listed in pyproject.toml" for name in sorted(found - listed)])


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in package()}
    none([f"{folder} has no __init__.py" for folder in folders if not (ROOT / folder / "__init__.py").exists()])


def test_functions_are_short() -> None:
    wrong = []
    for path, tree in sources(*LEVELS, "tests", "benchmarks").items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    wrong.append(f"{path}:{node.lineno} {node.name} has {lines} lines")
    none(wrong)


def test_files_are_short() -> None:
    lines = {path: len((ROOT / path).read_text().splitlines()) for path in package()}
    none([f"{path} has {count} lines" for path, count in lines.items() if count > LONGEST_FILE])


def test_names_say_something() -> None:
    none([str(path) for path in package() if NAMELESS & {part.removesuffix(".py") for part in path.parts}])


def loaded_by(name: str) -> set[str]:
    show = f"import json, sys, {name}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


def test_commands_load_what_takes_long_on_first_use() -> None:
    """Each of these takes a fifth of a second of processor time or more, which every command would take longer."""
    assert loaded_by("ropeway.cli.overlay") & {*DEFERRED, "sqlglot", "polars"} == set()


@pytest.mark.parametrize("name", ["ropeway", "ropeway.transfer"])
def test_drivers_load_on_first_use(name: str) -> None:
    loaded = loaded_by(name)
    assert loaded & set(DEFERRED) == set()
    rooms = {f"ropeway.{other}" for other in LEVELS} - {name}
    assert loaded & rooms == set()
