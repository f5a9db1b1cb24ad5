"""What an Oracle schema holds beside tables: views, sequences, and what is only listed, with its source text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...engine import Session
from ...schema.catalogue import Further, Listed, Numbers, Relation, Table, View
from ...schema.sql import text_literal
from .catalogue import OWN, USERS

_ROUTINES = ("PROCEDURE", "FUNCTION", "PACKAGE", "PACKAGE BODY", "TYPE", "TYPE BODY")
_BLOCK = re.compile(r"(?:DECLARE )?BEGIN (?:IF :NEW\.\S+ IS NULL THEN )?(.*?); ?(?:END IF; ?)?END\b.*", re.IGNORECASE)
_NAME = r'"?([\w$#]+)"?'
# How columns got their numbers before version 12: a trigger asks a sequence.
_NUMBERING = (
    re.compile(rf"SELECT\s+(?:{_NAME}\.)?{_NAME}\.NEXTVAL\s+INTO\s+:NEW\.{_NAME}\s+FROM\s+DUAL", re.IGNORECASE),
    re.compile(rf":NEW\.(?P<column>\"?[\w$#]+\"?)\s*:=\s*(?:{_NAME}\.)?{_NAME}\.NEXTVAL", re.IGNORECASE),
)


def further(session: Session) -> Further:
    """Of the session's own schema."""
    home = str(session.ask(f"SELECT {OWN} FROM dual")[0][0])
    owner = text_literal(home)
    return Further(tuple(_views(session, owner)), tuple(_numbers(session, owner)), tuple(_listed(session, owner)), home)


def _views(session: Session, owner: str) -> Iterator[View]:
    columns: defaultdict[str, list[str]] = defaultdict(list)
    for view, column in session.ask(
        "SELECT c.table_name, c.column_name FROM all_tab_cols c JOIN all_views v ON v.owner = c.owner "
        f"AND v.view_name = c.table_name WHERE c.owner = {owner} AND c.user_generated = 'YES' "
        "ORDER BY c.table_name, c.column_id"
    ):
        columns[str(view)].append(str(column))
    rows = session.ask(
        "SELECT v.view_name, v.text, m.comments FROM all_views v LEFT JOIN all_tab_comments m "  # text_vc ends at 4,000
        f"ON m.owner = v.owner AND m.table_name = v.view_name WHERE v.owner = {owner} ORDER BY 1"
    )
    for name, text, comment in rows:
        query = str(text).strip().removesuffix(";")
        yield View(Relation("", str(name)), query, tuple(columns[str(name)]), comment=str(comment or ""))


def _numbers(session: Session, owner: str) -> Iterator[Numbers]:
    rows = session.ask(
        "SELECT sequence_name, last_number, increment_by, min_value, max_value, cycle_flag FROM all_sequences "
        f"WHERE sequence_owner = {owner} AND sequence_name NOT LIKE 'ISEQ$$_%' ORDER BY 1"
    )
    for name, *figures, cycle in rows:
        following, step, low, high = (int(str(figure)) for figure in figures)
        yield Numbers(Relation("", str(name)), following, step, low, high, cycle == "Y")


def _listed(session: Session, owner: str) -> Iterator[Listed]:
    """Triggers, routines, synonyms and materialised views, which no other engine understands."""
    for name, table, event, body in session.ask(
        "SELECT trigger_name, table_name, triggering_event, trigger_body FROM all_triggers "
        f"WHERE owner = {owner} ORDER BY 1"
    ):
        yield Listed("trigger", Relation("", f"{table}.{name}"), f"{event} ON {table}: {body}")
    texts: defaultdict[tuple[str, str], str] = defaultdict(str)
    kinds = ", ".join(map(text_literal, _ROUTINES))
    for kind, name, text in session.ask(
        f"SELECT type, name, text FROM all_source WHERE owner = {owner} AND type IN ({kinds}) ORDER BY type, name, line"
    ):
        texts[str(kind).lower(), str(name)] += str(text or "")
    for (kind, name), text in texts.items():
        yield Listed(kind, Relation("", name), text)
    for name, of, table in session.ask(
        f"SELECT synonym_name, table_owner, table_name FROM all_synonyms WHERE owner = {owner} ORDER BY 1"
    ):
        yield Listed("synonym", Relation("", str(name)), f"for {of}.{table}")
    for kind, name in session.ask(
        f"SELECT o.object_type, o.object_name FROM all_objects o WHERE o.owner = {owner} "
        "AND (o.object_type = 'CLUSTER' OR (o.object_type = 'TABLE' AND NOT EXISTS (SELECT 1 FROM all_tables t "
        "WHERE t.owner = o.owner AND t.table_name = o.object_name))) AND o.object_name NOT LIKE 'BIN$%' ORDER BY 1, 2"
    ):  # of a table of objects, or of XMLTYPE, ALL_TABLES has no row
        yield Listed("object table" if kind == "TABLE" else str(kind).lower(), Relation("", str(name)), "")
    for name, query in session.ask(f"SELECT mview_name, query FROM all_mviews WHERE owner = {owner} ORDER BY 1"):
        yield Listed("materialized view", Relation("", str(name)), str(query))


Triggers = defaultdict[
    tuple[str, str], list[tuple[str, str]]
]  # by owner and table: names, and bodies of those that number


def numbered(session: Session, tables: Sequence[Table], schema: str) -> list[Table]:
    """Columns to which a trigger gives the numbers of a sequence, as the identities that they are."""
    where = f"= {text_literal(schema)}" if schema else f"IN {USERS}"
    triggers: Triggers = defaultdict(list)
    for owner, table, name, kind, event, body in session.ask(
        "SELECT table_owner, table_name, trigger_name, trigger_type, triggering_event, trigger_body FROM all_triggers "
        f"WHERE table_owner {where} AND status = 'ENABLED' ORDER BY 1, 2, 3"
    ):
        numbers = (kind, event) == ("BEFORE EACH ROW", "INSERT")
        triggers[str(owner), str(table)].append((str(name), str(body) if numbers else ""))
    if not triggers:
        return list(tables)
    sequences = {
        (str(owner), str(name)): (int(str(last)), int(str(step)))
        for owner, name, last, step in session.ask(
            "SELECT sequence_owner, sequence_name, last_number, increment_by FROM all_sequences "
            f"WHERE sequence_owner {where}"
        )
    }
    home = schema or str(session.ask(f"SELECT {OWN} FROM dual")[0][0])
    return [_numbered(table, table.name.schema or home, triggers, sequences) for table in tables]


def _numbered(table: Table, owner: str, triggers: Triggers, sequences: dict[tuple[str, str], tuple[int, int]]) -> Table:
    for name, body in triggers[owner, table.name.table]:
        column, sequence = _asks(body, owner)
        known = {one.name for one in table.columns if not one.identity and not one.default}
        if column not in known or sequence not in sequences:
            table = replace(table, left_out=(*table.left_out, f"trigger {name}"))
            continue
        last, step = sequences[sequence]
        columns = tuple(
            replace(one, identity=True, step=step, last=last - step) if one.name == column else one
            for one in table.columns
        )
        said = f"trigger {name}, which gave {column} the numbers of {sequence[1]}: an identity does"
        table = replace(table, columns=columns, left_out=(*table.left_out, said))
    return table


def _asks(body: str, owner: str) -> tuple[str, tuple[str, str]]:
    """The column and the sequence of a trigger that does nothing but number; empty names for any other."""
    text = " ".join(re.sub(r"--[^\n]*|/\*.*?\*/", " ", body, flags=re.DOTALL).split())
    inside = _BLOCK.fullmatch(text)
    if inside is None or ";" in inside[1]:
        return "", ("", "")
    if found := _NUMBERING[0].fullmatch(inside[1]):
        schema, sequence, column = found.groups()
    elif found := _NUMBERING[1].fullmatch(inside[1]):
        column, schema, sequence = found.groups()
    else:
        return "", ("", "")
    return _folded(column), (_folded(schema or owner), _folded(sequence))


def _folded(name: str) -> str:
    """A name as the dictionary has it; triggers seldom quote one."""
    return name.strip('"') if name.startswith('"') else name.upper()
