"""The data of the benchmarks, made once in a folder: TPC-H lineitem and the wide table, and the sources that hold them.

    python benchmarks/data.py --scale 0.1 --folder FOLDER

Scale 1 is 6,001,215 rows of lineitem and 300,000 of the wide table.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import psycopg
import wide
from places import Servers
from shapes import SHAPES, Shape

DEFAULT = Path(tempfile.gettempdir()) / "ropeway-benchmarks"
_CHUNK = 400_000  # rows a transaction, when sources are filled
_SOURCES = ("mariadb", "postgresql", "sqlite", "duckdb")


class Missing(Exception):
    """Something to make data with is not installed; says what would help."""


def named(scale: float) -> str:
    """The name of a scale in databases and files: 1, 0_1."""
    return f"{scale:g}".replace(".", "_")


def parquet(folder: Path, table: str, scale: float) -> Path:
    """The table as a Parquet file, made if it is not there."""
    path = folder / f"{table}-{named(scale)}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".half")
        if table == "wide":
            wide.write(half, scale)
        else:
            _tpch(half, table, scale)
        half.rename(path)
    return path


def _tpch(path: Path, table: str, scale: float) -> None:
    program = Path(sys.executable).parent / "tpchgen-cli"
    found = str(program) if program.exists() else shutil.which("tpchgen-cli")
    if found is None:
        raise Missing("TPC-H is made by a program that is not here: pip install tpchgen-cli")
    with tempfile.TemporaryDirectory(dir=path.parent) as aside:
        order = [found, "parquet", "--quiet", "-s", f"{scale:g}", "-T", table, "-o", aside]
        subprocess.run(order, check=True)
        (Path(aside) / f"{table}.parquet").rename(path)


def source(servers: Servers, folder: Path, engine: str, table: str, scale: float) -> str:
    """The URL of a source that holds the table at this scale; it is filled at first use."""
    database = f"{table}_{named(scale)}"
    if engine == "parquet":
        return f"parquet:///{parquet(folder, table, scale)}"
    if engine in ("sqlite", "duckdb"):
        return f"{engine}:///{_file(folder, engine, SHAPES[table], scale)}"
    server = servers.mariadb() if engine == "mariadb" else servers.postgresql()
    if not server.has(database):
        half = f"{database}_half"
        server.drop(half)
        server.drop(database)
        path = parquet(folder, table, scale)
        server.make(database)
        try:
            (_fill_mariadb if engine == "mariadb" else _fill_postgresql)(servers, database, SHAPES[table], path)
        except BaseException:
            server.drop(database)
            raise
    return server.url(database)


def _file(folder: Path, engine: str, shape: Shape, scale: float) -> Path:
    path = folder / f"{shape.name}-{named(scale)}.{engine}"
    if not path.exists():
        half = path.with_suffix(".half")
        half.unlink(missing_ok=True)
        (_fill_sqlite if engine == "sqlite" else _fill_duckdb)(half, shape, parquet(folder, shape.name, scale))
        half.rename(path)
    return path


def _csv(shape: Shape, path: Path) -> Iterator[Path]:
    """The table in parts as CSV: NULL as the bare word, booleans as 0 and 1."""
    columns = ", ".join(f"{name}::int AS {name}" if word == "boolean" else name for name, word in shape.columns)
    key = shape.key[0]
    with tempfile.TemporaryDirectory() as aside, contextlib.closing(duckdb.connect()) as engine:
        answer = engine.execute(f"SELECT count(*), max({key}) FROM read_parquet('{path}')").fetchone()
        assert answer is not None
        count, last = answer
        parts = -(-count // _CHUNK)
        edges = [last * n // parts for n in range(parts + 1)]
        for low, high in pairwise(edges):
            part = Path(aside) / "part.csv"
            engine.execute(
                f"COPY (SELECT {columns} FROM read_parquet('{path}') WHERE {key} > {low} AND {key} <= {high} "
                f"ORDER BY {', '.join(shape.key)}) TO '{part}' (FORMAT csv, HEADER false, NULL 'NULL')"
            )
            yield part


def _fill_postgresql(servers: Servers, database: str, shape: Shape, path: Path) -> None:
    with servers.postgresql().connect(database, autocommit=True) as connection:
        connection.execute(shape.create("postgresql").encode())
        for part in _csv(shape, path):
            _copy(connection, f"COPY {shape.name} FROM STDIN (FORMAT csv, NULL 'NULL')", part)
        connection.execute(f"VACUUM (FREEZE, ANALYZE) {shape.name}".encode())


def _copy(connection: psycopg.Connection[object], statement: str, part: Path) -> None:
    with part.open("rb") as content, connection.cursor().copy(statement.encode()) as copy:
        while block := content.read(1 << 20):
            copy.write(block)


def _fill_mariadb(servers: Servers, database: str, shape: Shape, path: Path) -> None:
    connection = servers.mariadb().connect(database=database, local_infile=True)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = 'TRADITIONAL', unique_checks = 0")
        cursor.execute(shape.create("mariadb"))
        for part in _csv(shape, path):
            cursor.execute(
                f"LOAD DATA LOCAL INFILE '{part}' INTO TABLE {shape.name} CHARACTER SET utf8mb4 "
                "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n'"
            )
            connection.commit()
        cursor.execute(f"ANALYZE TABLE {shape.name}")


def _fill_sqlite(path: Path, shape: Shape, rows: Path) -> None:
    columns = ", ".join(_plain(name, word) for name, word in shape.columns)
    marks = ", ".join("?" for _ in shape.columns)
    with contextlib.closing(sqlite3.connect(path)) as connection, contextlib.closing(duckdb.connect()) as engine:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(shape.create("sqlite"))
        found = engine.execute(f"SELECT {columns} FROM read_parquet('{rows}')")
        while batch := found.fetchmany(20_000):
            connection.executemany(f"INSERT INTO {shape.name} VALUES ({marks})", batch)
        connection.commit()
        connection.execute("ANALYZE")


def _plain(name: str, word: str) -> str:
    """A column as sqlite3 binds it: numbers and texts."""
    if word.startswith("decimal"):
        return f"{name}::double"
    return f"{name}::varchar" if word in ("date", "timestamp") else name


def _fill_duckdb(path: Path, shape: Shape, rows: Path) -> None:
    with contextlib.closing(duckdb.connect(str(path))) as connection:
        connection.execute(shape.create("duckdb"))
        connection.execute(f"INSERT INTO {shape.name} SELECT * FROM read_parquet('{rows}')")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the data of the benchmarks and fill the sources.")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, default=DEFAULT)
    parser.add_argument("--sources", nargs="*", default=_SOURCES, choices=_SOURCES)
    parser.add_argument("--tables", nargs="*", default=[*SHAPES], choices=[*SHAPES])
    given = parser.parse_args()
    os.umask(0o022)
    with contextlib.closing(Servers(given.folder)) as servers:
        for table in given.tables:
            for engine in given.sources:
                if engine != "sqlite" or table != "wide":
                    source(servers, given.folder, engine, table, given.scale)
                    print(f"{engine}: {table} at scale {given.scale:g} is there", flush=True)


if __name__ == "__main__":
    main()
