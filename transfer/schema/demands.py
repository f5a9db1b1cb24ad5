"""What the rows and the other statements of a plan need of an edited one, as far as its text shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..engine import Engine
from ..errors import RequestError
from ..plan import Hop, Plan, Statement
from .catalogue import Relation
from .created import Token, columns_of, keys_in, plain, significant
from .scripts import escapes

_FILLED = {"DEFAULT", "GENERATED", "AS", "IDENTITY", "AUTO_INCREMENT", "AUTOINCREMENT"}
_SERIAL = {"SERIAL", "BIGSERIAL", "SMALLSERIAL"}


def check_columns(hop: Hop, forward: str, where: str, engine: Engine) -> None:
    """RequestError for a column that would take no rows: one that must have a value and gets none, or the contrary."""
    rows = {column.target: column for column in hop.columns}
    for name, words in columns_of(forward, escaping=escapes(engine)).items():
        generated = ("GENERATED" in words or "AS" in words) and "IDENTITY" not in words
        told = {"table": str(hop.writes), "column": name}
        if name not in rows:
            if {"NOT", "NULL"} <= set(words) and not _FILLED.union(_SERIAL).intersection(words):
                raise RequestError(
                    f"{where} adds the column {name}, which must have a value and gets none.", **told,
                    remedy="Give it a DEFAULT, or make it NOT NULL behind the rows, in after.sql.",
                )  # fmt: skip
        elif generated and not rows[name].computed:
            raise RequestError(
                f"{where} generates {name}, into which values of {hop.reads}.{rows[name].source} go.", **told,
                remedy="Put it back, or plan the job again with --columns that leave it out.",
            )  # fmt: skip
        elif rows[name].computed and not generated:
            raise RequestError(
                f"{where} no longer generates {name}, for which no values come.", **told,
                remedy="Put it back, or plan the job again with --columns that leave it out.",
            )  # fmt: skip


def check_keys(plan: Plan, statements: Sequence[Statement], engine: Engine) -> None:
    """RequestError where a key is gone to which a foreign key of the plan refers."""
    there = {statement.name: statement for statement in statements}
    for owner, key, planned in _keys(plan, plan.statements, engine):
        kept = there.get(planned.name)
        if kept and (kept.forward == planned.forward or key in {k for _, k, _ in _keys(plan, [kept], engine)}):
            continue
        others = {(t, k) for t, k, _ in _keys(plan, statements, engine)}
        for child, name in _referring(plan, statements, owner, key, engine):
            if (owner, key) not in others:
                raise RequestError(
                    f"The key ({', '.join(sorted(key))}) of {owner} is gone, and foreign key {name} of {child} refers "
                    "to it.",
                    table=str(owner), remedy="Put it back, or remove that foreign key, too.",
                )  # fmt: skip


def _keys(
    plan: Plan, statements: Sequence[Statement], engine: Engine
) -> Iterator[tuple[Relation, frozenset[str], Statement]]:
    """The keys that foreign keys may refer to, and the statements that make them."""
    hops = {hop.name: hop for hop in plan.hops}
    for statement in statements:
        hop, rule = hops.get(statement.hop), statement.constraint
        if hop and statement.name.split(" ", 1)[1].startswith("create table "):
            for key in keys_in(statement.forward, escaping=escapes(engine)):
                yield hop.writes, key, statement
        elif hop and rule and rule.counted and rule.references is None:
            yield hop.writes, frozenset(rule.columns), statement


def _referring(
    plan: Plan, statements: Sequence[Statement], owner: Relation, key: frozenset[str], engine: Engine
) -> Iterator[tuple[Relation, str]]:
    """The foreign keys that are still made, and refer to a key."""
    making = {s.hop: s for s in statements if s.hop and s.name.split(" ", 1)[1].startswith("create table ")}
    made = {(s.hop, s.constraint.name) for s in statements if s.constraint and s.constraint.references}
    for hop, table in zip(plan.hops, plan.tables, strict=True):
        words = {t.upper() for k, t, _ in _words(making[hop.name].forward, engine)} if hop.name in making else set()
        for fk in table.foreign_keys:
            refers = fk.references == owner and frozenset(fk.referenced) == key
            if refers and ((hop.name, fk.name) in made or "REFERENCES" in words):
                yield table.name, fk.name


def check_tables(plan: Plan, where: str, parts: Sequence[str], engine: Engine) -> None:
    """RequestError for SQL that takes away a table that rows go to."""
    for verb, gone in (one for sql in parts for one in _taken(_words(sql, engine))):
        for hop in plan.hops:
            if any(_is(gone, relation, verb) for relation in (hop.writes, hop.into)):
                raise RequestError(
                    f"{where} takes {hop.writes} away, into which rows go.", table=str(hop.writes),
                    remedy="Leave it out; 'to:' in a job file names tables, and mode replace exchanges them.",
                )  # fmt: skip


def _words(sql: str, engine: Engine) -> list[Token]:
    return significant(sql, escaping=escapes(engine))


def _taken(found: Sequence[Token]) -> Iterator[tuple[str, list[str]]]:
    """What a text drops or renames: TABLE or SCHEMA, and the parts of each name."""
    words = [token[1].upper() for token in found]
    for place, word in enumerate(words):
        what = words[place + 1] if place + 1 < len(words) else ""
        if word == "DROP" and what in ("TABLE", "SCHEMA", "DATABASE"):
            for name in _named(found, place + 2, more=True):
                yield what, name
        if (word == "RENAME" and what == "TABLE") or (word == "ALTER" and what == "TABLE"):
            own, following = next(_named(found, place + 2, more=False), []), words[place + 2 :]
            rest = following[: following.index(";")] if ";" in following else following
            renamed = "RENAME" in rest and not {"COLUMN", "INDEX", "KEY", "CONSTRAINT"} & set(rest)
            if own and (word == "RENAME" or (renamed or {"SET", "SCHEMA"} <= set(rest))):
                yield "TABLE", own


def _named(found: Sequence[Token], place: int, *, more: bool) -> Iterator[list[str]]:
    """The names that begin at a place, each in its parts; `more` of them stand behind commas."""
    while place < len(found) and found[place][1].upper() in ("IF", "EXISTS", "ONLY"):
        place += 1
    name: list[str] = []
    while place < len(found) and found[place][0] in ("word", "quoted"):
        name.append(plain(found[place]))
        place += 1
        sign = found[place][1] if place < len(found) else ""
        if sign == ".":
            place += 1
            continue
        yield name
        if sign != "," or not more:
            return
        name, place = [], place + 1


def _is(parts: list[str], relation: Relation, what: str) -> bool:
    spelled = [part.casefold() for part in parts]
    schema, table = relation.schema.casefold(), relation.table.casefold()
    if what != "TABLE":
        return spelled[-1] == schema
    return spelled[-1] == table and (len(spelled) == 1 or not schema or spelled[-2] == schema)
