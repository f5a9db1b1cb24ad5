"""A database of SQL Server's kind, as far as tests need one: T-SQL, parsed by sqlglot, carried out by SQLite.

Types are known before a statement runs, as in SQL Server; so SQLite holds a value as what sorts rightly within its
type (values.py), and whatever mixes types converts first. What SQL does with values is done by functions of ours.
"""

import tempfile
from pathlib import Path

from .database import Database

__all__ = ["Database", "fresh"]


def fresh() -> Database:
    """A server of its own files, which go with it, with the account app; for wire.apart."""
    folder = tempfile.TemporaryDirectory()
    made = Database(Path(folder.name), {"app": "secret"})
    made.folder = folder  # kept as long as the server
    return made
