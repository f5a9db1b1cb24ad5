"""Enums, domains, composite types and ranges: what they are made of, and the statements that make them elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...engine import Row, Session
from ...schema.catalogue import Relation, UserType
from ...schema.sql import double_quoted, text_literal

# A range whose functions or operators a user made is not made elsewhere. Before version 14 there are no multiranges.
RANGES = (
    "SELECT r.*, (to_jsonb(r) ->> 'rngmultitypid')::oid AS many FROM pg_range r WHERE rngsubopc < 16384 "
    "AND rngcanonical = 0 AND rngsubdiff < 16384"
)
# Without the row types of tables. The types that a type is made of are older than it, so oids give the order.
_TYPES = f"""
SELECT t.oid::int8, n.nspname::text, t.typname::text, t.typtype::text,
       format_type(t.typbasetype, t.typtypmod), t.typnotnull, coalesce(t.typdefault, ''),
       ARRAY(SELECT quote_literal(e.enumlabel) FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
       ARRAY(SELECT 'CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
             FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.oid),
       ARRAY(SELECT quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
             WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'c'
             ORDER BY a.attnum),
       ARRAY(SELECT coalesce(nullif(p.typelem, 0), p.oid)::int8 FROM pg_type p WHERE p.oid = t.typbasetype OR p.oid IN
             (SELECT a.atttypid FROM pg_attribute a
              WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND t.typtype = 'c')
             OR p.oid IN (r.rngsubtype, m.rngtypid)),
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
       concat_ws(', ', 'SUBTYPE = ' || format_type(r.rngsubtype, NULL),
                 'SUBTYPE_OPCLASS = ' || (SELECT format('%I.%I', o.opcnamespace::regnamespace::text, o.opcname)
                                          FROM pg_opclass o WHERE o.oid = r.rngsubopc),
                 'COLLATION = ' || (SELECT format('%I.%I', l.collnamespace::regnamespace::text, l.collname)
                                    FROM pg_collation l WHERE l.oid = r.rngcollation),
                 'SUBTYPE_DIFF = ' || nullif(r.rngsubdiff, 0)::regproc::text,
                 'MULTIRANGE_TYPE_NAME = ' || (SELECT format('%I.%I', p.typnamespace::regnamespace::text, p.typname)
                                               FROM pg_type p WHERE p.oid = r.many))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
LEFT JOIN ({RANGES}) r ON r.rngtypid = t.oid LEFT JOIN ({RANGES}) m ON m.many = t.oid
WHERE (t.typtype IN ('e', 'd', 'c') OR r.rngtypid IS NOT NULL OR m.rngtypid IS NOT NULL)
  AND (c.oid IS NULL OR c.relkind = 'c')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY t.oid"""
_BASE = 8  # of a column's row in the catalogue: its base, and after it its type's oid


@dataclass(frozen=True)
class Known:
    """All user-made types of a database by their oid, with the oids that each is made of; `words` are the rules'.

    A multirange has no statement of its own: its range makes it.
    """

    types: dict[int, UserType]
    parts: dict[int, tuple[int, ...]]
    bases: dict[int, str]
    labels: dict[int, tuple[str, ...]]
    words: dict[int, str]

    def needed(self, oids: Sequence[int]) -> tuple[UserType, ...]:
        """These types and all that they are made of, in the order in which they can be made."""
        found: set[int] = set()
        waiting = list(oids)
        while waiting:
            oid = waiting.pop()
            if oid in self.types and oid not in found:
                found.add(oid)
                waiting += self.parts[oid]
        return tuple(self.types[oid] for oid in sorted(found) if self.types[oid].forward)

    def based(self, column: Row) -> Row:
        """A column of a domain sees the rules of the type below it, however many domains lie between; with labels."""
        oid, base = int(str(column[_BASE + 1])), str(column[_BASE])
        bottom = self._bottom(oid) if base == "domain" else oid
        labels = self.labels.get(bottom, ()) if base in ("enum", "domain") else ()
        base = self._word(bottom) if base == "domain" else base
        return (*column[:_BASE], base, oid, *column[_BASE + 2 :], labels)

    def _bottom(self, oid: int) -> int:
        """The last domain on the way down, or what a user made that is no domain."""
        if oid not in self.bases or self.bases[oid].endswith("[]"):
            return oid
        below = next((part for part in self.parts[oid] if part in self.types), 0)
        return self._bottom(below) if below else oid

    def _word(self, oid: int) -> str:
        """What the rules call the bottom of a domain."""
        if oid not in self.bases:
            return "enum" if oid in self.labels else self.words[oid]
        if self.bases[oid].endswith("[]"):
            return "array of a user type" if any(part in self.types for part in self.parts[oid]) else "array"
        return self.bases[oid]


def known(session: Session) -> Known:
    """What the catalogue says of user-made types."""
    rows = session.ask(_TYPES)
    numbers = [int(str(row[0])) for row in rows]
    return Known(
        {oid: _user_type(row) for oid, row in zip(numbers, rows, strict=True)},
        {oid: tuple(row[10]) for oid, row in zip(numbers, rows, strict=True)},  # type: ignore[arg-type]  # a list
        {oid: str(row[4]) for oid, row in zip(numbers, rows, strict=True) if row[3] == "d"},
        {oid: tuple(row[11]) for oid, row in zip(numbers, rows, strict=True) if row[3] == "e"},  # type: ignore[arg-type]
        {oid: "composite" if row[3] == "c" else "range" for oid, row in zip(numbers, rows, strict=True)},
    )


def _user_type(row: Row) -> UserType:
    _, schema, name, kind, base, notnull, default, labels, checks, fields, *_, ranged = row
    full = f"{double_quoted(str(schema))}.{double_quoted(str(name))}"
    if kind == "d":
        clauses = [f"DEFAULT {default}"] if default else []
        clauses += ["NOT NULL"] if notnull else []
        forward = " ".join([f"CREATE DOMAIN {full} AS {base}", *clauses, *checks])  # type: ignore[misc]
    elif kind == "m":
        forward = ""
    elif kind == "r":
        forward = f"CREATE TYPE {full} AS RANGE ({ranged})"
    else:
        inside = ", ".join(labels if kind == "e" else fields)  # type: ignore[arg-type]
        forward = f"CREATE TYPE {full} AS {'ENUM ' if kind == 'e' else ''}({inside})"
    check = (
        "SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
        f"WHERE n.nspname = {text_literal(str(schema))} AND t.typname = {text_literal(str(name))}"
    )
    back = f"DROP {'DOMAIN' if kind == 'd' else 'TYPE'} {full}"
    return UserType(Relation(str(schema), str(name)), forward, check, back)
