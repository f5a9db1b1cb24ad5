"""What a database holds beside tables: views, sequences, and what is only listed, with its source text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from ...engine import Session
from ...schema.catalogue import Further, Grant, Listed, Numbers, Relation, View
from .catalogue import KEPT

_KINDS = {"P": "procedure", "FN": "function", "IF": "function", "TF": "function", "TR": "trigger"}
_GAP = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"
_PART = r'(?:\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*"|[\w@#$]+)'
# The words before a view's query: comments, CREATE VIEW, its name, its columns, its attributes, AS.
_HEAD = re.compile(
    rf"{_GAP}*(?:CREATE|ALTER){_GAP}+(?:OR{_GAP}+ALTER{_GAP}+)?VIEW{_GAP}+{_PART}(?:{_GAP}*\.{_GAP}*{_PART})*"
    rf"(?:{_GAP}*\((?:[^()\[\]]|\[(?:[^\]]|\]\])*\])*\))?"
    rf"(?:{_GAP}*WITH{_GAP}+\w+(?:{_GAP}*,{_GAP}*\w+)*)?{_GAP}*\bAS\b{_GAP}*",
    re.IGNORECASE | re.DOTALL,
)
_TAIL = re.compile(rf"{_GAP}+WITH{_GAP}+CHECK{_GAP}+OPTION{_GAP}*;?{_GAP}*$|;?{_GAP}*$", re.IGNORECASE | re.DOTALL)


def further(session: Session) -> Further:
    """Of all schemas of the database."""
    return Further(
        tuple(_views(session)), tuple(_numbers(session)), tuple(_listed(session)), "dbo", tuple(_grants(session))
    )


def _views(session: Session) -> Iterator[View]:
    columns: defaultdict[int, list[str]] = defaultdict(list)
    for number, name in session.ask(
        "SELECT c.object_id, c.name FROM sys.columns c JOIN sys.views v ON v.object_id = c.object_id "
        "ORDER BY c.object_id, c.column_id"
    ):
        columns[int(str(number))].append(str(name))
    rows = session.ask(
        "SELECT o.object_id, s.name, o.name, m.definition, CAST(e.value AS nvarchar(4000)) FROM sys.views o "
        "JOIN sys.schemas s ON s.schema_id = o.schema_id LEFT JOIN sys.sql_modules m ON m.object_id = o.object_id "
        "LEFT JOIN sys.extended_properties e ON e.class = 1 AND e.major_id = o.object_id AND e.minor_id = 0 "
        f"AND e.name = N'MS_Description' WHERE {KEPT} ORDER BY s.name, o.name"
    )
    for number, schema, name, definition, comment in rows:
        query = query_of(str(definition or ""))
        yield View(
            Relation(str(schema), str(name)), query, tuple(columns[int(str(number))]), comment=str(comment or "")
        )


def query_of(definition: str) -> str:
    """The query of a view, whose text is kept as it was written; '' where it is encrypted or not shown."""
    head = _HEAD.match(definition)
    return _TAIL.sub("", definition[head.end() :], count=1) if head else ""


def _numbers(session: Session) -> Iterator[Numbers]:
    rows = session.ask(
        "SELECT s.name, o.name, CAST(o.last_used_value AS decimal(38,0)), CAST(o.start_value AS decimal(38,0)), "
        "CAST(o.increment AS decimal(38,0)), CAST(o.minimum_value AS decimal(38,0)), "
        "CAST(o.maximum_value AS decimal(38,0)), o.is_cycling FROM sys.sequences o "
        f"JOIN sys.schemas s ON s.schema_id = o.schema_id WHERE {KEPT} ORDER BY s.name, o.name"
    )
    for schema, name, last, *others, cycle in rows:
        start, step, low, high = (int(str(one)) for one in others)
        following = start if last is None else int(str(last)) + step
        yield Numbers(Relation(str(schema), str(name)), following, step, low, high, bool(cycle))


def _listed(session: Session) -> Iterator[Listed]:
    """Triggers, routines, synonyms and partition functions, which no other engine understands."""
    for kind, schema, name, text, table in session.ask(
        "SELECT o.type, s.name, o.name, m.definition, p.name FROM sys.objects o "
        "JOIN sys.schemas s ON s.schema_id = o.schema_id LEFT JOIN sys.sql_modules m ON m.object_id = o.object_id "
        "LEFT JOIN sys.objects p ON p.object_id = o.parent_object_id "
        f"WHERE o.type IN ('P', 'FN', 'IF', 'TF', 'TR') AND {KEPT} ORDER BY o.type, s.name, o.name"
    ):
        said = str(text or "its text is encrypted, or not shown to this account")
        whose = f"{table}.{name}" if table else str(name)
        yield Listed(_KINDS[str(kind).strip()], Relation(str(schema), whose), said)
    for schema, name, other in session.ask(
        "SELECT s.name, o.name, o.base_object_name FROM sys.synonyms o JOIN sys.schemas s ON s.schema_id = o.schema_id "
        "ORDER BY s.name, o.name"
    ):
        yield Listed("synonym", Relation(str(schema), str(name)), f"for {other}")
    yield from _partition_functions(session)


def _partition_functions(session: Session) -> Iterator[Listed]:
    bounds: defaultdict[int, list[str]] = defaultdict(list)
    for number, bound in session.ask(
        "SELECT v.function_id, CONVERT(nvarchar(4000), v.value, 121) FROM sys.partition_range_values v "
        "ORDER BY v.function_id, v.boundary_id"
    ):
        bounds[int(str(number))].append(str(bound))
    for number, name, right, native in session.ask(
        "SELECT f.function_id, f.name, f.boundary_value_on_right, t.name FROM sys.partition_functions f "
        "JOIN sys.partition_parameters p ON p.function_id = f.function_id "
        "JOIN sys.types t ON t.user_type_id = p.system_type_id "
        "WHERE NOT EXISTS (SELECT 1 FROM sys.partition_schemes d "
        "JOIN sys.indexes i ON i.data_space_id = d.data_space_id WHERE d.function_id = f.function_id) "
        "ORDER BY f.name"  # what tables use is said of them
    ):
        side = "RIGHT" if right else "LEFT"
        text = f"({native}) AS RANGE {side} FOR VALUES ({', '.join(bounds[int(str(number))])})"
        yield Listed("partition function", Relation("", str(name)), text)


def _grants(session: Session) -> Iterator[Grant]:
    rows = session.ask(
        "SELECT s.name, o.name, p.permission_name, u.name FROM sys.database_permissions p "
        "JOIN sys.objects o ON o.object_id = p.major_id JOIN sys.schemas s ON s.schema_id = o.schema_id "
        "JOIN sys.database_principals u ON u.principal_id = p.grantee_principal_id "
        f"WHERE p.class = 1 AND p.minor_id = 0 AND p.state IN ('G', 'W') AND {KEPT} ORDER BY 1, 2, 3, 4"
    )
    for schema, name, privilege, role in rows:
        yield Grant(Relation(str(schema), str(name)), str(privilege), str(role))
