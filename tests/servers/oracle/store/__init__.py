"""A database of Oracle's kind, as far as tests need one: Oracle's SQL, parsed by sqlglot, carried out by SQLite.

SQLite holds a value as the octets that Oracle sends of it, behind a letter for its type; in that form numbers, dates
and moments sort as they should. Texts are texts. What SQL does with them is done by functions of ours (functions.py).
"""

from .database import Database

__all__ = ["Database"]
