"""`ropeway bench`: how fast, and what holds it up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import say
from ..options import Asked, Manner

if TYPE_CHECKING:
    from ..bench import Measured


def bench(
    *,
    asked: Asked,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw the result.", show_default=False)
    ] = None,
    manner: Manner,
) -> None:
    """Measure a job: the whole, the reader alone, the loader alone; and say which side is the bottleneck.

    Rows go into scratch tables 'ropeway_bench_...' of the target, which are removed at the end; its own tables are
    not touched. The loader alone loads from memory, up to 256 MB of the rows.

    Examples:

      ropeway bench --source sqlite:///shop.sqlite --target duckdb:///shop.duckdb

      ropeway bench job.yaml --limit 1000000 --plot speed.svg
    """
    from ..bench import bench as measure
    from ..overlay import keys_of

    if plot and plot.suffix != ".svg":
        raise typer.BadParameter("The picture is SVG: name a file that ends in .svg.")
    found = measure(keys_of(asked), say.note)
    if plot:
        from ..page import speeds

        plot.write_text(speeds(shape(found)["parts"]), encoding="utf-8")
        say.note(f"Written: {plot}")
        say.keep(f"The picture is in {plot}.")
    say.data(shape(found))
    show(found)


def shape(found: Measured) -> dict[str, Any]:
    """The measurement as JSON."""
    parts = [
        {
            "part": part.name, "rows": part.rows, "bytes": part.bytes, "seconds": part.seconds,
            "rows_per_second": round(part.rows_per_second), "mb_per_second": round(part.megabytes_per_second, 2),
            "cpu_seconds": part.cpu_seconds, "peak_bytes": part.peak,
        }
        for part in found.parts
    ]  # fmt: skip
    return {"parts": parts, "bottleneck": found.bottleneck}


def show(found: Measured) -> None:
    """The measurement, for people."""
    say.table(
        ("part", "rows", "seconds", "rows/s", "MB/s", "CPU seconds", "peak MB"),
        [
            (part.name, part.rows, part.seconds, round(part.rows_per_second), part.megabytes_per_second,
             part.cpu_seconds, part.peak >> 20)
            for part in found.parts
        ],
    )  # fmt: skip
    say.out(found.bottleneck)
