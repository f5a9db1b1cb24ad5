"""A run as OpenTelemetry hears it: spans within spans, the metrics of `--metrics`, and nothing that is secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from moves import requested
from ropeway.cli import wire
from ropeway.cli.metrics import KNOWN
from ropeway.cli.progress import Several
from ropeway.cli.shapes import run_shape
from ropeway.cli.spans import Meters, Spans
from ropeway.transfer.errors import DataError
from shell import TARGET, Shell, write
from spots import Servers, Spot, spot

SECRET = "hunter2"


class Heard:
    """What an exporter of spans and a reader of metrics in memory have heard."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._meters = MeterProvider([self.reader])
        self.spans = Spans(lambda: None, tracers)
        self.meters = Meters(lambda: None, self._meters)

    def named(self, name: str) -> list[ReadableSpan]:
        return [one for one in self.exporter.get_finished_spans() if one.name == f"ropeway {name}"]

    def numbers(self) -> dict[tuple[str, str], Any]:
        found = json.loads(self.reader.get_metrics_data().to_json())  # type: ignore[union-attr]  # there are some
        metrics = found["resource_metrics"][0]["scope_metrics"][0]["metrics"]
        self.known = {one["name"] for one in metrics}
        return {
            (one["name"], point["attributes"].get("target", point["attributes"].get("state", ""))): point["value"]
            for one in metrics for point in one["data"]["data_points"]
        }  # fmt: skip

    def all_words(self) -> str:
        return " ".join(one.to_json() for one in self.exporter.get_finished_spans()) + str(
            self.reader.get_metrics_data()
        )


def within(inner: ReadableSpan, outer: ReadableSpan) -> bool:
    return inner.parent is not None and outer.context is not None and inner.parent.span_id == outer.context.span_id


def ends(folder: Path, servers: Servers) -> tuple[Spot, Spot]:
    source, target = spot("sqlite", folder, servers), spot("postgresql", folder, servers)
    for name in ("a", "b"):
        source.ask(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, w TEXT UNIQUE)")
        for n in range(1, 8):
            source.ask(f"INSERT INTO {name} VALUES ({n}, '{SECRET}{n}')")
    return source, target


def test_a_run(tmp_path: Path, servers: Servers) -> None:
    source, target = ends(tmp_path, servers)
    heard = Heard()
    request, secrets = requested(source, target, slice_rows=3)
    outcome = wire.run(request, secrets, progress=Several(heard.spans, heard.meters))
    shape = run_shape(outcome, {})
    heard.spans.close("done", shape)
    heard.meters.close("done", shape)
    (run,) = heard.named("run")
    assert run.attributes is not None
    assert run.attributes["ropeway.run"] == outcome.plan.run
    assert run.attributes["ropeway.status"] == "done"
    assert len(run.events) == 2
    tables, slices, statements = heard.named("table"), heard.named("slice"), heard.named("statement")
    assert {one.attributes["ropeway.target"] for one in tables if one.attributes} == {"public.a", "public.b"}
    assert all(within(one, run) for one in (*tables, *statements))
    assert len(slices) == sum(len(hop.slices) for hop in outcome.plan.hops) > 4
    assert all(any(within(one, table) for table in tables) for one in slices)
    assert sum(int(str(one.attributes["ropeway.rows.loaded"])) for one in slices if one.attributes) == 14
    assert [one.attributes["ropeway.statement"] for one in statements if one.attributes] == [
        one.name for one in outcome.plan.statements
    ]
    for one in (run, *tables, *slices, *statements):
        assert one.status.status_code == StatusCode.UNSET
        assert one.start_time is not None
        assert one.end_time is not None
        assert one.start_time <= one.end_time
    numbers = heard.numbers()
    for figure in ("moving", "durable", "read", "loaded"):
        assert numbers[f"ropeway.rows.{figure}", "public.a"] == 7
    assert numbers["ropeway.run.state", "done"] == 1
    assert heard.known == {name.removesuffix("_total").replace("_", ".") for name, _, _ in KNOWN}
    assert SECRET not in heard.all_words()
    assert secrets.target not in heard.all_words()


def test_a_run_that_fails_and_goes_on(tmp_path: Path, servers: Servers) -> None:
    """What did not come to its end says so; the process that goes on tells its own slices only."""
    source, target = ends(tmp_path, servers)
    target.ask("CREATE TABLE a (id integer PRIMARY KEY, w text, CONSTRAINT c CHECK (id < 7))")
    target.ask("CREATE TABLE b (id integer PRIMARY KEY, w text)")
    request, secrets = requested(source, target, slice_rows=3, mode="truncate")
    heard = Heard()
    with pytest.raises(DataError):
        wire.run(request, secrets, progress=Several(heard.spans, heard.meters))
    heard.spans.close("failed")
    heard.meters.close("failed")
    (run,) = heard.named("run")
    assert run.status.status_code == StatusCode.ERROR
    left = [one for one in heard.named("table") if one.attributes and one.attributes["ropeway.target"] == "public.a"]
    assert [one.status.status_code for one in left] == [StatusCode.ERROR]
    assert SECRET not in heard.all_words()
    first = len(heard.named("slice"))
    target.ask("ALTER TABLE a DROP CONSTRAINT c")
    heard = Heard()
    outcome = wire.run(request, secrets, progress=Several(heard.spans, heard.meters), resume=True)
    heard.spans.close("done")
    assert first + len(heard.named("slice")) == sum(len(hop.slices) for hop in outcome.plan.hops)
    numbers = heard.numbers()
    assert [numbers["ropeway.rows.durable", f"public.{name}"] for name in ("a", "b")] == [7, 7]


def shop(folder: Path) -> Shell:
    write(folder / "in.sqlite", "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2);")
    return Shell(folder)


def test_the_standard_variables_set_it_up(tmp_path: Path) -> None:
    shell = shop(tmp_path)
    command = ("run", "--source", "sqlite:///in.sqlite", *TARGET, "--json")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    console = {**plain, "OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "console",
               "OTEL_SERVICE_NAME": "moves"}  # fmt: skip
    done = shell(*command, environment=console)
    assert json.loads(done.stdout)["status"] == "done"
    for said in ('"ropeway run"', '"ropeway slice"', '"service.name": "moves"', '"ropeway.rows.durable"'):
        assert said in done.stderr
    off = {**console, "OTEL_SDK_DISABLED": "true"}
    assert "ropeway slice" not in shell(*command, "--mode", "replace", environment=off).stderr
    lacking = {**plain, "OTEL_TRACES_EXPORTER": "otlp"}
    assert "no package here exports by otlp" in shell(*command, "--mode", "replace", environment=lacking).stderr


def test_without_its_variables_it_is_not_even_loaded(tmp_path: Path) -> None:
    shell = shop(tmp_path)
    asked = "import sys, ropeway.cli.spans as s; assert s.asked() == []; assert 'opentelemetry' not in sys.modules"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    subprocess.run([sys.executable, "-c", asked], check=True, env=plain, cwd=shell.folder)
