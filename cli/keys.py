"""The keys of a job file, and its JSON Schema.

`python -m ropeway.cli.keys > cli/job.schema.json` writes the schema anew; a test holds that it is current.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

Mode = Literal["create", "append", "replace", "truncate", "merge", "fill"]
Writes = Literal["prove", "block"]
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


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CastKeys(_Keys):
    """A type, and what becomes of values that it would round."""

    type: str = Field(description="A neutral word, as `decimal(12,2)`.")
    rounding: Literal["refuse", "half_even", "half_up", "down", "floor", "ceiling"] = Field(
        default="refuse", description="How values are rounded that the type cannot hold; by default the run stops."
    )

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, given: Any) -> Any:
        return _rejoined(given)


class SplitKeys(_Keys):
    """A text that becomes several."""

    into: list[str] = Field(min_length=1, description="The new columns; the last takes the rest.")
    by: str = Field(default=" ", description="What stands between the parts.")
    keep: bool = Field(default=False, description="Whether the column itself stays.")


class JoinKeys(_Keys):
    """Texts that become one."""

    columns: list[str] = Field(min_length=1, description="The columns, in order; NULLs are left out.")
    by: str = Field(default=" ", description="What stands between the parts.")


class MaskKeys(_Keys):
    """How a value is masked."""

    by: Literal["hash", "redact", "partial", "fake"] = Field(
        validation_alias="as", serialization_alias="as", description="What is put in its place."
    )
    salt: str | None = Field(default=None, description="The variable with the secret: `${NAME}`; `ROPEWAY_MASK_SALT`.")
    length: int | None = Field(default=None, description="Of hash: how many hexadecimal digits, 64 if left out.")
    text: str | None = Field(default=None, description="Of redact: what is shown, `***` if left out.")
    keep: int | None = Field(default=None, ge=0, description="Of partial: so many last characters show, 4 if left out.")
    kind: Literal["first name", "last name", "name", "email", "phone", "uuid"] | None = Field(
        default=None, description="Of fake: what is invented."
    )


Scalar = str | int | float | bool | None
Mask = Literal["hash", "redact", "partial"]
Types = Annotated[dict[str, str | CastKeys], BeforeValidator(_rejoined)]


class StepKeys(_Keys):
    """One transform: exactly one of these words."""

    rename: dict[str, str] | None = Field(default=None, description="Column to its new name.")
    drop: Texts | None = Field(default=None, description="Columns that are left out.")
    order: Texts | None = Field(default=None, description="Columns that come first, in this order.")
    cast: Types | None = Field(default=None, description="Column to another type.")
    derive: dict[str, str] | None = Field(default=None, description="Column to an SQL expression of DuckDB's.")
    filter: str | None = Field(default=None, description="An SQL condition of DuckDB's; rows that meet it go on.")
    sql: str | None = Field(default=None, description="`SELECT ... FROM batch` of DuckDB's, row by row.")
    fill: dict[str, str | int | float | bool] | None = Field(
        default=None, description="Column to what stands in for NULL."
    )
    map: dict[str, dict[str, Scalar]] | None = Field(
        default=None, description="Column to its values and what they become; `*` is for all others."
    )
    trim: Texts | None = Field(default=None, description="Texts without white space at both ends.")
    lower: Texts | None = Field(default=None, description="Texts in small letters.")
    upper: Texts | None = Field(default=None, description="Texts in capitals.")
    unicode: dict[str, Literal["NFC", "NFD", "NFKC", "NFKD"]] | None = Field(
        default=None, description="Text to the form of Unicode that it gets."
    )
    empty_to_null: Texts | None = Field(default=None, description="Texts of no length become NULL.")
    parse: dict[str, str] | None = Field(
        default=None, description="Text to the format, as `%d.%m.%Y`, by which it is read as a date or a timestamp."
    )
    split: dict[str, SplitKeys] | None = Field(default=None, description="Text to the columns that it becomes.")
    join: dict[str, JoinKeys] | None = Field(default=None, description="New column to the texts that it is made of.")
    mask: dict[str, Mask | MaskKeys] | None = Field(default=None, description="Text to what hides it.")
    polars: str | None = Field(default=None, description="`module:function` of a LazyFrame of Polars, row by row.")
    python: str | None = Field(default=None, description="`module:function` of an Arrow record batch, row by row.")

    @model_validator(mode="after")
    def _one(self) -> StepKeys:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"a transform is one word, and here are {len(self.model_fields_set)}")
        return self

    @property
    def step(self) -> dict[str, Any]:
        """The word with what was given for it."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class BoundsKeys(_Keys):
    """Between which values a column lies, both included."""

    min: str | int | float | None = Field(default=None, description="The least value.")
    max: str | int | float | None = Field(default=None, description="The greatest value.")


class AggregateKeys(_Keys):
    """An aggregate in the target's SQL, and what it is to be."""

    sql: str = Field(description="As `sum(amount)`.")
    equals: int | float | None = Field(default=None, description="What it is, within `tolerance`.")
    tolerance: int | float = Field(default=0, description="By how much it may differ from `equals`.")
    min: int | float | None = Field(default=None, description="The least that it may be.")
    max: int | float | None = Field(default=None, description="The most that it may be.")


class RuleKeys(_Keys):
    """What is asked of a table's rows once they are there: exactly one word beside `name`, `on_fail` and `asked`."""

    name: str = Field(default="", description="What messages call it.")
    on_fail: Literal["fail", "warn", "quarantine"] = Field(
        default="fail", description="Whether the run stops, goes on and says so, or moves the rows aside."
    )
    asked: Literal["target"] | None = Field(
        default=None, description="Not of the rows on their way, but of all of them in the target alone."
    )
    check: str | None = Field(default=None, description="An SQL condition of the target; NULL does not break it.")
    not_null: Texts | None = Field(default=None, description="Columns that hold no NULL.")
    unique: Texts | None = Field(default=None, description="Columns of which no two rows have the same values.")
    accepted: dict[str, list[str | int | float]] | None = Field(
        default=None, description="Column to the values that it may have."
    )
    range: dict[str, BoundsKeys] | None = Field(default=None, description="Column to its least and greatest value.")
    matches: dict[str, str] | None = Field(
        default=None, description="Column to a regular expression of the target, of which a part of the text is one."
    )
    refers: dict[str, str] | None = Field(
        default=None, description="Column to `table.column`, which has a row with its value."
    )
    fresh: dict[str, str] | None = Field(
        default=None, description="Column to an age, as `7d`: its newest moment is not older, counted from planning."
    )
    aggregate: AggregateKeys | None = Field(default=None, description="An aggregate, and what it is to be.")

    @model_validator(mode="after")
    def _one(self) -> RuleKeys:
        if len(self.words) != 1:
            raise ValueError(f"a rule is one word beside name, on_fail and asked, and here are {len(self.words)}")
        return self

    @property
    def words(self) -> dict[str, Any]:
        """What is asked."""
        return self.model_dump(exclude={"name", "on_fail", "asked"}, exclude_unset=True)


Normal = Literal["case", "spaces", "accents", "email", "phone"]


class SimilarKeys(_Keys):
    """Rows that are much alike are proposed as pairs, and merged where those are approved."""

    columns: Texts = Field(description="The texts that are compared, by the target's names.")
    within: Texts = Field(description="The columns of a block: only rows that are equal in them are compared.")
    similarity: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.92, description="How alike the texts of each column are at least, by Jaro and Winkler."
    )
    largest: Annotated[int, Field(ge=2)] = Field(
        default=1000, description="The most rows of a block; a larger one is not compared, and named."
    )
    approved: str = Field(default="", description="The file of pairs in which a person has approved some.")
    wait: bool = Field(
        default=False, description="Whether a run stops for approval before it loads, if there are pairs."
    )


class DedupKeys(_Keys):
    """Rows of one key become one."""

    key: Texts = Field(description="The columns that make rows one, by the target's names.")
    normalise: dict[str, Annotated[list[Normal], BeforeValidator(_listed)]] = Field(
        default={}, description="Column of the key to the forms in which its values are compared."
    )
    keep: Literal["first", "last", "earliest", "latest", "most_complete", "merge"] = Field(
        default="first", description="Which row stays; merge takes each column's first value that is not NULL."
    )
    by: str = Field(default="", description="The column that orders them; the table's key if left out.")
    similar: SimilarKeys | None = Field(default=None, description="Which other rows are proposed as one.")
    map: str = Field(
        default="", description="A table of the target that keeps the keys of merged rows, each with its new one."
    )


Listed = Annotated[list[str | int | float | None], BeforeValidator(_listed)]


class PartitionKeys(_Keys):
    """How the target's table is partitioned."""

    by: Literal["range", "list", "hash"] = Field(description="What tells rows apart.")
    column: str = Field(description="The column that does, by its name in the target.")
    every: Literal["day", "week", "month", "quarter", "year"] | int = Field(
        default=0, description="Of ranges: how long each is, as `month`; a step of a whole number."
    )
    bounds: list[int | float | str | datetime | date] = Field(
        default=[], description="Of ranges: where each ends; the bound itself is in the next one."
    )
    zone: str = Field(default="UTC", description="Of ranges of instants: the zone whose midnights are bounds.")
    values: dict[str, Listed] = Field(default={}, description="Of lists: partition to its values.")
    parts: int = Field(default=0, description="Of hashes: how many partitions.")
    within: PartitionKeys | None = Field(default=None, description="How each partition is partitioned itself.")
    outside: Literal["default", "refuse"] = Field(
        default="default", description="Rows that lie in none: a partition takes them, or the target refuses them."
    )
    nulls: Literal["default", "refuse"] = Field(
        default="default", description="The same of NULL; as `outside` if left out."
    )
    key: Literal["widen", "drop"] | None = Field(
        default=None, description="What becomes of keys that lack the column: they get it, or are not made."
    )
    foreign_keys: Literal["drop"] | None = Field(
        default=None, description="What becomes of foreign keys that cannot be: they are not made."
    )


class StorageKeys(_Keys):
    """How the target keeps the table; each engine takes its own."""

    fillfactor: int = Field(default=100, ge=10, le=100, description="PostgreSQL: per cent of a page that rows fill.")
    brin: Texts = Field(default=[], description="PostgreSQL: columns that each get a BRIN index.")
    compression: str = Field(default="zstd", description="Parquet: how pages are compressed.")
    row_group_rows: int = Field(default=1 << 20, ge=1, description="Parquet: rows of a row group, at most.")


class NewestKeys(_Keys):
    """Of several rows with one key the newest stays."""

    newest: str = Field(description="The column that says which is the newest, by its name in the target.")


class RekeyKeys(_Keys):
    """What becomes of a key: a text gets a `prefix`, a whole number k becomes k * multiply + offset."""

    prefix: str = Field(default="", description="What comes in front of keys that are texts.")
    offset: int = Field(default=0, description="What is added to keys that are whole numbers.")
    multiply: Annotated[int, Field(ge=1)] = Field(default=1, description="By what they are multiplied before.")

    @model_validator(mode="after")
    def _one(self) -> RekeyKeys:
        if bool(self.prefix) == ((self.multiply, self.offset) != (1, 0)):
            raise ValueError("rekey is either a prefix, or an offset, multiply, or both")
        return self


class TableKeys(_Keys):
    """One entry of `tables`; a later entry overrides an earlier one for the tables that both name."""

    source: str | list[str] | dict[str, str] = Field(
        default="",
        validation_alias="from",
        serialization_alias="from",
        description="Tables of the source: a name, or a glob such as `SALES.*`; of several sources behind an alias, as "
        "`eu:sales.*`. A list puts one table of each into one. For `reshape`: name to table.",
    )
    exclude: Texts = Field(default=[], description="Globs of tables that the entry leaves out.")
    to: str = Field(default="", description="The target's name, as `table` or `schema.table`.")
    where: str = Field(default="", description="SQL condition of the source; only rows that meet it are moved.")
    columns: Texts = Field(default=[], description="The columns to move, by the source's names; all if left out.")
    query: str = Field(
        default="", description="A query of the source whose rows are moved, in place of `from`; needs `to`."
    )
    reshape: str = Field(
        default="",
        description="A query of DuckDB's over the tables that `from` gives names; what it gives is the table. Needs "
        "`to`.",
    )
    one_per: str = Field(
        default="", description="Of `reshape`: the name of a table that has as many rows as the query is to give."
    )
    mode: Mode | None = Field(default=None, description="As the job's `mode`, for these tables.")
    key: Texts = Field(
        default=[],
        description="The unique key of mode merge; the target's primary key if left out. Of `reshape`: the primary "
        "key.",
    )
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
    transforms: list[StepKeys] = Field(
        default=[], description="What becomes of the rows on their way, in order; each step is one word."
    )
    dedup: DedupKeys | None = Field(
        default=None, description="Which of several rows with one key stays, decided over the whole table."
    )
    rekey: RekeyKeys | None = Field(
        default=None, description="Makes other keys by a rule; what refers to them by a foreign key follows."
    )
    rules: list[RuleKeys] = Field(default=[], description="What is asked of the rows once they are there.")
    partition: PartitionKeys | None = Field(default=None, description="How the target's table is partitioned.")
    storage: StorageKeys | None = Field(default=None, description="How the target keeps the table.")
    provenance: str = Field(
        default="", description="Of a list: the column that says where each row came from, by the source's alias."
    )
    clash: Literal["stop", "prefix", "rekey"] | NewestKeys = Field(
        default="stop",
        description="Of a list: what becomes of keys that two sources have. `prefix` puts the alias in front of texts, "
        "`rekey` makes other whole numbers, and what refers to them follows; `newest` keeps one row of each key.",
    )
    defaults: dict[str, str | int | float | bool] = Field(
        default={}, description="Of a list: column to its value in rows of a table that has no such column; else NULL."
    )
    before: Texts = Field(default=[], description="SQL for the target, before rows of these tables are moved.")
    after: Texts = Field(default=[], description="SQL for the target, once all rows of the table are there.")

    @property
    def named(self) -> str:
        """What the entry is called by: its tables; where several become one, that one."""
        return self.source if isinstance(self.source, str) else self.to


class JobKeys(_Keys):
    """A job of Ropeway. The command line overrides it."""

    source: str = Field(default="", description="URL of the source.")
    sources: dict[str, str] = Field(
        default={},
        description="Several places in that of `source`: alias to URL; tables are named as `eu:orders`.",
    )
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
    max_rejects: int | str = Field(
        default="",
        description="Rows that may be left behind since they cannot be read, or the target or a transform refuses "
        "them: a number over the whole run, or `0.5%` of each table's.",
    )
    writes: Writes = Field(
        default="prove",
        description="What becomes of those who write to a table that is its own source: it is proven that nobody did "
        "before the swap, or they wait until it is done.",
    )
    keep: Annotated[str, Field(pattern=r"^(\d+ *[smhdw])?$")] = Field(
        default="", description="For how long a replaced table is kept at least, as `7d`; units are s, m, h, d and w."
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
    throttle: Texts = Field(
        default=[],
        description="How fast the run may go: `50000rows/s`, `20MB/s`; of its source `running=25`, `transaction=600s`, "
        "`lag=10s`.",
    )
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
