"""The constraints of a CREATE TABLE, read from its text."""

from __future__ import annotations

from ropeway.transfer.engines.definition import Clause, clauses

TEXT = """CREATE TABLE "t (1)" -- a remark, (with this
( id INTEGER CONSTRAINT pk PRIMARY KEY ON CONFLICT REPLACE AUTOINCREMENT,
  "a, b" varchar(9) NOT NULL ON CONFLICT IGNORE DEFAULT ('(' || ",") COLLATE NOCASE CHECK ("a, b" <> ')'),
  c DECIMAL(5, 2) DEFAULT -1.5 UNIQUE REFERENCES p ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED CHECK (c /* x */ >
    0),
  d INT GENERATED ALWAYS AS (c * 2) STORED, unique_word TEXT, [check] TEXT,
  CONSTRAINT both UNIQUE (c DESC, [check]) ON CONFLICT FAIL
  CONSTRAINT "to p" FOREIGN KEY (c, d) REFERENCES p (x, y) MATCH FULL ON UPDATE CASCADE NOT DEFERRABLE,
  CHECK (unique_word IN ('a,b', 'UNIQUE (c)'))
) WITHOUT ROWID, STRICT"""


def test_each_constraint_is_found() -> None:
    assert clauses(TEXT) == [
        Clause("PRIMARY KEY", ("id",), "pk", conflict="REPLACE"),
        Clause("NOT NULL", ("a, b",), conflict="IGNORE"),
        Clause("COLLATE", ("a, b",), text="NOCASE"),
        Clause("CHECK", ("a, b",), text="\"a, b\" <> ')'"),
        Clause("UNIQUE", ("c",)),
        Clause("FOREIGN KEY", ("c",), options="DEFERRABLE INITIALLY DEFERRED"),
        Clause("CHECK", ("c",), text="c > 0"),
        Clause("AS", ("d",), text="c * 2"),
        Clause("UNIQUE", ("c", "check"), "both", conflict="FAIL"),
        Clause("FOREIGN KEY", ("c", "d"), "to p"),
        Clause("CHECK", (), text="unique_word IN ('a,b', 'UNIQUE (c)')"),
    ]
