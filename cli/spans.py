"""A run as OpenTelemetry sees it, where its package is installed: spans of run, tables, slices and statements, and the
figures of `--metrics` as metrics.

Only its API is used here, whoever set it up: `opentelemetry-instrument`, say. Where nobody did and its SDK is
installed, that is set up as the standard environment variables say. Attributes hold names and numbers, and no SQL,
message or value, for these may hold what is secret.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..transfer.engine import Receipt
from ..transfer.plan import Hop, Plan, Statement
from . import say, version
from .metrics import KNOWN, Tallies
from .watching import Watching

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import Span, TracerProvider

_OTHER = {"otlp_proto_grpc": "otlp_proto_http", "otlp_proto_http": "otlp_proto_grpc"}


def asked() -> list[Watching]:
    """Spans and metrics, where a variable of OpenTelemetry's is set, or somebody has loaded it, and it is installed."""
    wanted = "opentelemetry.trace" in sys.modules or any(name.startswith("OTEL_") for name in os.environ)
    if not wanted or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not find_spec("opentelemetry"):
        return []
    return [Meters(flush := _set_up()), Spans(flush)]


class Spans(Watching):
    """Spans by name: `ropeway run`, and in it `ropeway table`, in that `ropeway slice`, and `ropeway statement`."""

    def __init__(self, flush: Callable[[], None], provider: TracerProvider | None = None) -> None:
        from opentelemetry import trace

        self._trace, self._flush = trace, flush
        self._tracer = trace.get_tracer("ropeway", version(), provider)
        self._lock = threading.Lock()
        self._run = self._tracer.start_span("ropeway run")
        self._hops: dict[str, Hop] = {}
        self._open: dict[str, int] = {}
        self._tables: dict[str, Span] = {}
        self._steps: dict[str, Span] = {}

    def _begun(self, name: str, within: Span, start: int | None, **attributes: str | int) -> Span:
        about = {f"ropeway.{key}": value for key, value in attributes.items()}
        context = self._trace.set_span_in_context(within)
        return self._tracer.start_span(f"ropeway {name}", context, attributes=about, start_time=start)

    def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        with self._lock:
            self._run.set_attribute("ropeway.run", plan.run)
            self._run.set_attribute("ropeway.source.engine", plan.source.scheme)
            self._run.set_attribute("ropeway.target.engine", plan.target.scheme)
            self._hops = {hop.name: hop for hop in plan.hops}
            self._open = {hop.name: len(hop.slices) for hop in plan.hops}
            for one in receipts:
                if one.slice > 0 and one.hop in self._open:
                    self._open[one.hop] -= 1

    def moving(self, hop: str, rows: int, size: int) -> None:
        with self._lock:
            self._table(hop, None)

    def _table(self, name: str, start: int | None) -> Span:
        if name not in self._tables:
            hop = self._hops[name]
            self._tables[name] = self._begun("table", self._run, start, source=hop.named, target=str(hop.writes))
        return self._tables[name]

    def landed(self, receipt: Receipt) -> None:
        now = time.time_ns()
        start = now - int(receipt.seconds * 1e9)
        figures = {"slice": receipt.slice, "rows.read": receipt.read, "rows.loaded": receipt.loaded,
                   "rows.rejected": receipt.rejected, "bytes": receipt.bytes}  # fmt: skip
        with self._lock:
            table = self._table(receipt.hop, start)
            self._begun("slice", table, start, **figures).end(now)
            self._open[receipt.hop] -= 1
            if not self._open[receipt.hop]:
                table.end(now)

    def failed(self, hop: str, part: int, message: str) -> None:
        with self._lock:
            self._table(hop, None).add_event("a try of a slice failed", {"ropeway.slice": part})

    def stepping(self, statement: Statement) -> None:
        with self._lock:
            about = {"statement": statement.name, "phase": statement.phase}
            self._steps[statement.name] = self._begun("statement", self._run, None, **about)

    def stepped(self, statement: Statement) -> None:
        with self._lock:
            if statement.name in self._steps:
                self._steps.pop(statement.name).end()

    def close(self, status: str, shape: Mapping[str, Any] | None = None) -> None:
        """What is open still did not come to its end."""
        bad = self._trace.Status(self._trace.StatusCode.ERROR)
        with self._lock:
            left = [span for name, span in self._tables.items() if self._open[name]]
            for span in (*left, *self._steps.values()):
                span.set_status(bad)
                span.end()
            self._run.set_attribute("ropeway.status", status)
            for table in shape["tables"] if shape else ():
                about = {"ropeway.target": table["target"], "ropeway.claim": table["verified"]["claim"]}
                self._run.add_event("verified", about)
            if status != "done":
                self._run.set_status(bad)
            self._run.end()
        self._flush()


class Meters(Tallies):
    """The metrics of `--metrics`, by the same names with dots; asked for whenever they are collected."""

    def __init__(self, flush: Callable[[], None], provider: MeterProvider | None = None) -> None:
        from opentelemetry import metrics

        super().__init__()
        self._flush = flush
        meter = metrics.get_meter("ropeway", version(), provider)
        for name, kind, said in KNOWN:
            make = meter.create_observable_counter if kind == "counter" else meter.create_observable_gauge
            make(name.removesuffix("_total").replace("_", "."), [self._asked(name)], description=said)

    def _asked(self, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        from opentelemetry.metrics import Observation

        def answer(options: CallbackOptions) -> Iterable[Observation]:
            with self._lock:
                return [Observation(number, labels) for labels, number in self.samples(name)]

        return answer

    def close(self, status: str, shape: Mapping[str, Any] | None = None) -> None:
        super().close(status, shape)
        self._flush()


def _set_up() -> Callable[[], None]:
    """Set up the SDK, unless somebody did or it is not installed; what sends what is left."""
    from opentelemetry import metrics, trace

    if not find_spec("opentelemetry.sdk"):
        return lambda: None
    flushes: list[Callable[[], object]] = []
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider) and (made := _exporters("traces")):
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        spans = TracerProvider()
        for exporter in made:
            spans.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(spans)
        flushes.append(spans.force_flush)
    if (made := _exporters("metrics")) and not hasattr(metrics.get_meter_provider(), "force_flush"):
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        meters = MeterProvider([PeriodicExportingMetricReader(exporter) for exporter in made])
        metrics.set_meter_provider(meters)
        flushes.append(meters.force_flush)

    def flush() -> None:
        for one in flushes:
            one()

    return flush


def _exporters(signal: str) -> list[Any]:
    """Those that OTEL_TRACES_EXPORTER or OTEL_METRICS_EXPORTER name; `otlp` where only its endpoint is said."""
    upper = signal.upper()
    endpoint = any(os.environ.get(f"OTEL_EXPORTER_OTLP{of}_ENDPOINT") for of in ("", f"_{upper}"))
    words = os.environ.get(f"OTEL_{upper}_EXPORTER", "otlp" if endpoint else "none")
    known = {one.name: one for one in entry_points(group=f"opentelemetry_{signal}_exporter")}
    made = []
    for word in filter(None, (one.strip() for one in words.split(","))):
        if word == "none":
            continue
        name = _protocol(upper) if word == "otlp" else word
        found = known.get(name) or known.get(_OTHER.get(name, ""))
        if found is None:
            say.warn(
                f"OTEL_{upper}_EXPORTER: no package here exports by {word}: pip install opentelemetry-exporter-{word}"
            )
            continue
        # What a command prints is its result, and for --json one object.
        made.append(found.load()(out=sys.stderr) if word == "console" else found.load()())
    return made


def _protocol(upper: str) -> str:
    said = os.environ.get(f"OTEL_EXPORTER_OTLP_{upper}_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    return "otlp_proto_grpc" if said == "grpc" else "otlp_proto_http"
