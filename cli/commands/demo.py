"""`ropeway demo`: a real migration on embedded engines, in a minute."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import say, streams
from ..options import Manner
from .run import carry_out, judge, keep
from .run import show as show_run

if TYPE_CHECKING:
    from ..job import Wanted

REGIONS, WHOLE = ("eu", "us"), "shop"
# Who is known in both regions is one: the later row stays, and what refers to the other follows it. Of the catalogue,
# which both have, Europe's rows stay.
_SAME_PERSON = {
    "key": "email", "normalise": {"email": ["email", "accents"]}, "keep": "latest", "by": "updated_at",
}  # fmt: skip
_DEDUP = {"customers": _SAME_PERSON, "products": {"key": "product_id", "keep": "first", "by": "region"}}
_BY_MONTH = {"by": "range", "column": "ordered_at", "every": "month", "key": "widen", "foreign_keys": "drop"}
_TABLES = ("customers", "addresses", "products", "orders", "order_lines", "payments")
_MARK = ".ropeway-demo"


def demo(
    *,
    target: Annotated[
        str,
        typer.Option(
            "--target", metavar="URL", help="A database of yours. Default: a new DuckDB file.", show_default=False
        ),
    ] = "",
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=1000, help="How many rows to make.")] = 1_000_000,
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where its files go.")] = Path("ropeway-demo"),
    manner: Manner,
) -> None:
    """Make a shop with two regions in SQLite, move both into one database, put them together there, and prove it.

    The rows are as odd as real ones: names in many scripts, NULLs, decimals, dates of the year 1, empty and long
    texts. Each region goes into a schema of its own, and then both into one: customers that both know become one, and
    orders are partitioned by month, where the target has partitions.

    Examples:

      ropeway demo

      ropeway demo --target 'postgresql://me:${PASSWORD}@localhost/scratch' --rows 100000
    """  # fmt: skip
    from ..page import page
    from ..record import read_report
    from ..regions import make_regions

    url = target or f"duckdb:///{folder / 'shop.duckdb'}"
    streams.go_on()
    _refuse_without_schemas(url)
    _prepare(folder)
    say.note(f"Making {rows:,} rows in {folder} ...")
    files = dict(zip(REGIONS, make_regions(folder, rows), strict=True))
    started = time.monotonic()
    shapes = {region: _move(url, folder, **_alone(region, file)) for region, file in files.items()}
    shapes[WHOLE] = _move(url, folder, **_together(files, url))
    seconds = time.monotonic() - started
    reports = [read_report(shape["run"], folder / ".ropeway") for shape in shapes.values()]
    html = folder / "report.html"
    html.write_text(page(*reports), encoding="utf-8")
    say.keep(f"The report, with pictures: {html}")
    say.data(
        {"equal": _is_proven(shapes), "seconds": round(seconds, 3), "report": str(html), "runs": list(shapes.values())}
    )
    _conclude(shapes, seconds, html, reports[0]["target"])


def _prepare(folder: Path) -> None:
    """An empty folder for the demo; an earlier demo's is emptied, any other is left alone."""
    from ...transfer.errors import RequestError

    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).is_file():
            raise RequestError(f"{folder} holds other files.", remedy="Name another folder: --folder DIR")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).write_text("Made by 'ropeway demo', which empties this folder when it runs again.\n")


def _alone(region: str, file: Path) -> dict[str, Any]:
    """The keys of a region's own job."""
    return {"source": f"sqlite:///{file}", "target_schema": region}


def _together(files: dict[str, Path], url: str) -> dict[str, Any]:
    """The keys of the job that puts the regions together."""
    from ...transfer.engines import engine_of

    parted = hasattr(engine_of(url.partition("://")[0]), "divided")
    tables: list[dict[str, Any]] = [
        {"from": [f"{region}:{name}" for region in files], "to": name, "provenance": "region"} for name in _TABLES
    ]
    for table in tables:
        if table["to"] in _DEDUP:
            table["dedup"] = _DEDUP[table["to"]]
        if table["to"] == "orders" and parted:
            table["partition"] = _BY_MONTH
    return {
        "sources": {region: f"sqlite:///{file}" for region, file in files.items()}, "target_schema": WHOLE,
        "tables": tables,
    }  # fmt: skip


def _move(url: str, folder: Path, **keys: Any) -> dict[str, Any]:
    from ..job import job

    wanted = job(target=url, **keys)
    say.hide(wanted.secrets.target)
    _forget_earlier(wanted, url)
    outcome, recorder = carry_out(wanted.request, wanted, base=folder / ".ropeway")
    shape = keep(outcome, recorder)
    show_run(shape)
    return shape


def _refuse_without_schemas(url: str) -> None:
    from ...transfer.engines import engine_of
    from ...transfer.errors import RequestError
    from ...transfer.schema.catalogue import Relation

    engine = engine_of(url.partition("://")[0])
    if engine.relation(Relation(REGIONS[0], "t")) == engine.relation(Relation(REGIONS[1], "t")):
        raise RequestError(
            f"{engine.name} has no schemas, and the demo puts each of its two regions into one.",
            remedy="Choose a database of another engine, or leave --target out.",
        )


def _forget_earlier(wanted: Wanted, url: str) -> None:
    """Undo the demo's earlier runs in a database that is kept, so that the demo can be run again."""
    from ...transfer.errors import RequestError
    from ...transfer.request import job_of
    from ..wire import clean, status

    try:
        known = status(url)
    except RequestError:
        return  # a file that is not there yet
    for one in known:
        if one.job == job_of(wanted.request):
            clean(one.run, url, undo=True)


def _is_proven(shapes: dict[str, dict[str, Any]]) -> bool:
    claims = {table["verified"]["claim"] for shape in shapes.values() for table in shape["tables"]}
    return claims <= {"target equals what was read", "target equals source"}


def _persons(shape: dict[str, Any]) -> int:
    return sum(table["deduplicated"] for table in shape["tables"] if table["target"] == f"{WHOLE}.customers")


def _conclude(shapes: dict[str, dict[str, Any]], seconds: float, html: Path, target: str) -> None:
    from ...transfer.errors import DifferenceFound

    for shape in shapes.values():
        judge(shape)
    tables = sum(len(shape["tables"]) for shape in shapes.values())
    rows = sum(shape["rows"] for shape in shapes.values())
    if not _is_proven(shapes):
        raise DifferenceFound(f"Not every table of the demo was proven by a checksum: see {html}.")
    say.out(
        f"{rows:,} rows of {tables} tables went from two SQLite files to {target} in {seconds:.1f} s, and each "
        "table there has the checksum of the rows that were read: the target equals what was read."
    )
    say.out(
        f"Each region lies in a schema of its own, and schema {WHOLE} has both: {_persons(shapes[WHOLE]):,} customers "
        "that both knew became one, and all that referred to them follows."
    )
    say.out(f"The report, with pictures: {html}")
