"""Views of the system over what is kept by its text alone (modules.py); rows by the view's name, as in sysviews.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import modules

if TYPE_CHECKING:
    from .catalogue import Catalogue
    from .session import Session

Cells = Iterator[tuple[Any, ...]]

VIEWS = {
    "sys.sql_modules": "object_id N, definition L",
    "sys.security_policies": "name T, object_id N, is_enabled B",
    "sys.security_predicates": "object_id N, target_object_id N, predicate_type_desc T",
    "sys.masked_columns": "object_id N, name T, column_id N, is_masked B, masking_function T",
    "sys.synonyms": "name T, object_id N, schema_id N, base_object_name T",
    "sys.triggers": "name T, object_id N, parent_id N, parent_class Y, is_disabled B, is_instead_of_trigger B",
    "sys.partition_functions": "name T, function_id N, type T, fanout N, boundary_value_on_right B",
    "sys.partition_parameters": "function_id N, parameter_id N, system_type_id Y, max_length N, precision Y, scale Y",
    "sys.partition_range_values": "function_id N, boundary_id N, parameter_id N, value V",
    "sys.partition_schemes": "name T, data_space_id N, type T, function_id N",
    "sys.database_files": "file_id N, type Y, type_desc T, name T, physical_name T",
    "sys.database_principals": "name T, principal_id N, type T",
    "sys.data_spaces": "name T, data_space_id N, type T, type_desc T",
}


def objects(catalogue: Catalogue) -> Iterator[modules.Module]:
    yield from catalogue.modules.values()


def _schema(session: Session, name: str) -> int:
    return session.catalogue.schemas.get(name.lower(), ("", 1))[1]


def _texts(session: Session) -> Cells:
    for view in session.catalogue.views.values():
        yield view.number, view.definition
    for one in objects(session.catalogue):
        if one.type != "SN":
            yield one.number, one.text


def _synonyms(session: Session) -> Cells:
    for one in objects(session.catalogue):
        if one.type == "SN":
            yield one.name, one.number, _schema(session, one.schema), one.text


def _triggers(session: Session) -> Cells:
    for one in objects(session.catalogue):
        if one.type == "TR":
            instead = re.search(r"\bINSTEAD\s+OF\b", one.text, re.IGNORECASE) is not None
            yield one.name, one.number, one.parent, 1, not one.enabled, instead


def _functions(session: Session) -> Cells:
    for one in session.catalogue.partitionings.values():
        yield one.name, one.number, "R ", len(one.bounds) + 1, one.right


def _parameters(session: Session) -> Cells:
    from .sysviews import described_kind

    for one in session.catalogue.partitionings.values():
        number, length, precision, scale = described_kind(one.kind)
        yield one.number, 1, number, length, precision, scale


def _bounds(session: Session) -> Cells:
    for one in session.catalogue.partitionings.values():
        for place, text in enumerate(one.bounds, 1):
            yield one.number, place, 1, (one.kind, session.value(text, one.kind))


def _schemes(session: Session) -> Cells:
    for one in session.catalogue.partitionings.values():
        for name, number in one.schemes.items():
            yield name, number, "PS", one.number


def _spaces(session: Session) -> Cells:
    yield "PRIMARY", 1, "FG", "ROWS_FILEGROUP"
    for name, number, kind, _ in _schemes(session):
        yield name, number, kind, "PARTITION_SCHEME"


def _files(session: Session) -> Cells:
    yield 1, 0, "ROWS", session.kept.name, str(session.kept.path)
    yield 2, 1, "LOG", f"{session.kept.name}_log", str(session.kept.path.with_suffix(".ldf"))


def _principals(session: Session) -> Cells:
    del session
    yield "public", 0, "R"
    yield "dbo", 1, "S"


def _policies(session: Session) -> Cells:
    for one in session.catalogue.policies:
        yield one.name, one.number, one.enabled


def _predicates(session: Session) -> Cells:
    for one in session.catalogue.policies:
        for table in one.tables:
            yield one.number, table, "FILTER"


def _masks(session: Session) -> Cells:
    for table in session.catalogue.tables.values():
        for one in table.columns:
            if one.mask:
                yield table.number, one.name, one.place, True, one.mask


ROWS: dict[str, Callable[[Session], Cells]] = {
    "sys.sql_modules": _texts, "sys.synonyms": _synonyms, "sys.triggers": _triggers,
    "sys.partition_functions": _functions, "sys.partition_parameters": _parameters,
    "sys.partition_range_values": _bounds, "sys.partition_schemes": _schemes, "sys.data_spaces": _spaces,
    "sys.security_policies": _policies, "sys.security_predicates": _predicates, "sys.masked_columns": _masks,
    "sys.database_files": _files, "sys.database_principals": _principals,
}  # fmt: skip
