"""The keys of a job file, and its JSON Schema.

`python -m ropeway.cli.keys > cli/job.schema.json` writes the schema anew; a test holds that it is current.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

Mode = Literal["create", "append", "replace", "truncate", "merge", "fill"]
Violation = Literal["stop", "leave-out", "quarantine"]
Consistency = Literal["run", "table", "frozen", "none"]
Partitions = Literal["keep", "flatten"]
Style = Literal["keep", "lower", "upper", "snake"]
ZoneRule = Literal["stop", "earlier", "later"]
Level = Literal["none", "count", "standard", "full"]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_TEXT_OR_LIST = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Texts = Annotated[list[str], BeforeValidator(_listed), WithJsonSchema(_TEXT_OR_LIST)]


def _rejoined(value: Any) -> Any:
    """In `{amount: decimal(18,2)}` YAML sees a second key `2)`: put together what a person wrote in one piece."""
    if not isinstance(value, dict):
        return value
    made: dict[Any, Any] = {}
    for key, word in value.items():
        last = next(reversed(made), None)
        before = str(made.get(last, ""))
        if word is None and before.count("(") > before.count(")"):
            made[last] = f"{before},{key}"
        else:
            made[key] = word
    return made


def _spelled(value: Any) -> Any:
    """`null` without quotes is YAML's own word for nothing; here it is the choice of that name."""
    return {k: "null" if v is None else v for k, v in value.items()} if isinstance(value, dict) else value


_WORD_OR_NULL = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
Policies = Annotated[dict[str, str], BeforeValidator(_spelled), WithJsonSchema(_WORD_OR_NULL)]


# Designed and not there yet: named here so that a job which asks for them gets an honest answer.
NOT_BUILT = {
    "sources": "several sources in one job",
    "transforms": "transforms",
    "dedup": "deduplication",
    "rules": "quality rules",
    "partition": "partitioning of the target",
    "provenance": "a provenance column",
}


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TableKeys(_Keys):
    """One entry of `tables`; a later entry overrides an earlier one for the tables that both name."""

    source: str = Field(
        default="",
        validation_alias="from",
        serialization_alias="from",
        description="Tables of the source: a name, or a glob such as `SALES.*`.",
    )
    exclude: Texts = Field(default=[], description="Globs of tables that the entry leaves out.")
    to: str = Field(default="", description="The target's name, as `table` or `schema.table`.")
    where: str = Field(default="", description="SQL condition of the source; only rows that meet it are moved.")
    columns: Texts = Field(default=[], description="The columns to move, by the source's names; all if left out.")
    query: str = Field(
        default="", description="A query of the source whose rows are moved, in place of `from`; needs `to`."
    )
    mode: Mode | None = Field(default=None, description="As the job's `mode`, for these tables.")
    key: Texts = Field(default=[], description="The unique key of mode merge; the target's primary key if left out.")
    types: Annotated[dict[str, str], BeforeValidator(_rejoined)] = Field(
        default={},
        description="Column to type: a native type of the source, or a neutral word such as `decimal(18,2)`.",
    )
    policies: Policies = Field(default={}, description="As the job's `policies`, for these tables.")
    on_violation: Violation | None = Field(default=None, description="As the job's `on_violation`, for these tables.")
    zones: dict[str, str] = Field(
        default={}, description="Column to zone, as `Europe/Paris`: its timestamps without zone are that wall clock."
    )
    zone_rule: ZoneRule | None = Field(
        default=None,
        description="What a wall time means that does not exist or exists twice: it stops the run (the default), or is "
        "the earlier or the later of two instants.",
    )
    before: Texts = Field(default=[], description="SQL for the target, before rows of these tables are moved.")
    after: Texts = Field(default=[], description="SQL for the target, once all rows of the table are there.")


class JobKeys(_Keys):
    """A job of Ropeway. The command line overrides it."""

    source: str = Field(default="", description="URL of the source.")
    target: str = Field(default="", description="URL of the target.")
    mode: Mode = Field(default="create", description="What becomes of the target's tables.")
    consistency: Consistency = Field(
        default="run",
        description="Which instant is read: one of the run, one of each table, one proven unwritten, any.",
    )
    verify: Level = Field(default="standard", description="How the result is proven.")
    limit: Annotated[int, Field(ge=0)] = Field(default=0, description="At most so many rows of each table; 0 for all.")
    target_schema: str = Field(default="", description="The target's schema for all tables that `to` gives none.")
    target_owner: str = Field(default="", description="The role that is to own what is made in the target.")
    partitions: Partitions = Field(
        default="keep", description="Whether partitioned tables stay so where the target has the like, or become flat."
    )
    names: Style = Field(default="keep", description="How names are spelled in the target.")
    policies: Policies = Field(
        default={},
        description="What becomes of values that not every place can hold, by name: zero_date, infinity, nan, nul, "
        "invalid_text. The choice is stop, null, text, remove or replace.",
    )
    on_violation: Violation = Field(
        default="stop",
        description="What becomes of a key, a unique index, a foreign key or a check that rows in the target break: "
        "the run stops before it, does without it, or moves the rows aside.",
    )
    before: Texts = Field(default=[], description="SQL for the target, before anything is moved.")
    after: Texts = Field(default=[], description="SQL for the target, once everything is moved.")
    waive: Texts = Field(
        default=[], description="Findings that may not stop the run: `name`, or `name:where` for one place."
    )
    tables: list[TableKeys] = Field(default=[], description="What to move; every table if left out.")
    slice_rows: Annotated[int, Field(ge=0)] = Field(
        default=400_000, description="Rows of a slice, by estimate; 0 reads each table in one piece."
    )
    workers: Annotated[int, Field(ge=1)] = Field(default=2, description="Slices that are moved at a time.")
    max_memory: str | int = Field(
        default="600MB", description="Peak of all processes together: a number of bytes, or `600MB`, `2GB`."
    )


def schema() -> str:
    """The JSON Schema of a job file, as text."""
    made = JobKeys.model_json_schema(by_alias=True)
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "A job of Ropeway"}
    return json.dumps(made, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
