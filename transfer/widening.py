"""References to rows that are merged with those of other sources: as wide as the keys of all of them are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .plan import Call
from .schema.catalogue import Relation
from .schema.selection import Selected
from .schema.united import wider
from .shaping import Field
from .types import Type

_CAST = "ropeway.transforms.casts:cast"
Keys = Mapping[Relation, Mapping[str, Type]]  # of a source's tables: their key's columns, each as it is united


def keys_of(item: Selected, fields: Sequence[Field], step: Call) -> dict[str, Type]:
    """What the columns of a table's key become by the step that makes it like those of other sources."""
    made = {}
    for one in json.loads(dict(step.arguments)["spec"]):
        origin = next((field.origin for field in fields if field.name == one["of"]), "")
        if origin in item.table.key:
            made[origin] = Type(**{**one["type"], "labels": tuple(one["type"]["labels"])})
    return made


def widened(item: Selected, fields: Sequence[Field], keys: Keys) -> Selected:
    """The table, its references to such keys in their types: the row that stays may have a key of another source."""
    spec = {}
    for fk in item.table.foreign_keys:
        for name, referenced in zip(fk.columns, fk.referenced, strict=True):
            there = keys.get(fk.references, {}).get(referenced)
            field = next((one for one in fields if one.origin == name), None)
            meaning = wider(field.type, there) if field and there else None
            if field and meaning and meaning.arrow != field.type.arrow:
                spec[field.name] = str(replace(meaning, native=""))
    if not spec:
        return item
    step = Call(_CAST, (("spec", json.dumps(spec)),))
    return Selected(item.table, replace(item.choice, transforms=(*item.choice.transforms, step)))
