"""What the text of a relation may mean, for a lock by which two runs into one table have to meet."""

from __future__ import annotations

from .catalogue import Relation


def readings(name: str, home: str) -> list[Relation]:
    """A table of `home`, or of the schema that a point ends: names may have points of their own.

    Who holds a table by all of them meets everybody else who does, whatever way the table was named.
    """
    points = [at for at, character in enumerate(name) if character == "."]
    return [Relation(home, name), *(Relation(name[:at], name[at + 1 :]) for at in points)]
