"""OpenTelemetry traces, for operators who have a collector: an event accepted, its runs, each call of them.

Off unless OpenTelemetry's own variables name a collector; nothing of it is imported then. `web` and `worker`
meet in no memory, so the trace of an event and the span that it was accepted in have ids that both make of
the event's id: a run knows its parent although nothing of it is stored, also after a crash, and elsewhere.

Spans hold ids, codes, hosts and durations; never what was sent, an address's path or a person's data.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from vaivem import logs
from vaivem.config import ConfigError
from vaivem.logs import Work, hide

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SECRET_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
LAST_SECONDS = 2.0  # for what is left when a process stops; a collector that is away keeps nobody waiting

log = logging.getLogger(__name__)


def wanted(environment: Mapping[str, str]) -> bool:
    """Say whether the operator named a collector, in OpenTelemetry's own words."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if (environment.get("OTEL_TRACES_EXPORTER") or "otlp").strip().lower() != "otlp":
        return False
    return any(environment.get(name) for name in ENDPOINTS)


def check(environment: Mapping[str, str]) -> None:
    """Raise ConfigError when traces are wanted and the packages for them are not installed."""
    if not wanted(environment):
        return
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "Traces are asked for (OTEL_EXPORTER_OTLP_ENDPOINT) and OpenTelemetry is not installed. "
            "Run `make traces` in the project, or `pip install 'vaivem[traces]'`."
        ) from error


class Traces:
    """The spans of one process. Without a collector every method returns at once."""

    def __init__(self) -> None:
        self._provider: Any = None
        self._tracer: Any = None
        self._api: Any = None
        self._forced: tuple[int, int] | None = None

    @property
    def on(self) -> bool:
        """Whether spans are made."""
        return self._tracer is not None

    def begin(self, process: str) -> None:
        """Start to send spans, if a collector is named. `process` is `web` or `worker`."""
        if self.on or not wanted(os.environ):
            return
        check(os.environ)
        for name in SECRET_HEADERS:
            hide([pair.partition("=")[2].strip() for pair in os.environ.get(name, "").split(",")])
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        random, traces = RandomIdGenerator(), self

        class Ids(RandomIdGenerator):  # type: ignore[misc]
            """Random ids, but for the span of an event's acceptance."""

            def generate_trace_id(self) -> int:
                return traces._forced[0] if traces._forced else int(random.generate_trace_id())

            def generate_span_id(self) -> int:
                return traces._forced[1] if traces._forced else int(random.generate_span_id())

        ours = {
            "service.name": f"vaivem-{process}",
            "service.instance.id": f"{os.uname().nodename}-{os.getpid()}",
        }
        # What the operator says of the service comes after ours, and wins.
        resource = Resource.create(ours).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, id_generator=Ids(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._api = trace
        self._tracer = self._provider.get_tracer("vaivem")
        logs.trace_of = self.trace_of

    def end(self) -> None:
        """Send what is left, within a moment."""
        provider, self._provider, self._tracer = self._provider, None, None
        logs.trace_of = logs.no_trace
        if provider is None:
            return
        last = threading.Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(LAST_SECONDS)

    def trace_of(self, event: int) -> str:
        """Return the id of an event's trace, or for 0 of the span that this task is in; "" without one."""
        if event:
            return f"{_ids_of(event)[0]:032x}"
        context = self._api.get_current_span().get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else ""

    def now(self) -> int:
        """Return the machine's time for the begin of a span, in nanoseconds; 0 when off."""
        return time.time_ns() if self._tracer is not None else 0

    def accepted(self, event: int, begun: int, ids: Mapping[str, int], kind: str) -> None:
        """An event was committed with its place in its lanes; it came at `begun`.

        `kind` is one that a rule takes, or empty: any other may be a stranger's words.
        """
        if self._tracer is None:
            return
        self._forced = _ids_of(event)
        try:
            span = self._tracer.start_span(
                "accept",
                context=self._api.set_span_in_context(self._api.INVALID_SPAN),
                kind=self._api.SpanKind.PRODUCER,
                start_time=begun or None,
                attributes=_attributes(ids) | ({"vaivem.kind": kind} if kind else {}),
            )
        finally:
            self._forced = None
        span.end()

    def run(self, item: Work) -> AbstractContextManager[None]:
        """Be within a run's span, a child of its event's."""
        return _NOTHING if self._tracer is None else self._run(item)

    @contextmanager
    def _run(self, item: Work) -> Iterator[None]:
        trace_id, span_id = _ids_of(item.event_id)
        # Whether the event's span was sampled is asked anew, of the same trace id: the answer is the same.
        flags = self._api.TraceFlags(self._sampled(trace_id))
        parent = self._api.SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
        ids = {"workspace": item.ws, "connection": item.conn, "rule": item.rule, "event": item.event_id}
        with self._tracer.start_as_current_span(
            "run",
            context=self._api.set_span_in_context(self._api.NonRecordingSpan(parent)),
            kind=self._api.SpanKind.CONSUMER,
            attributes=_attributes({**ids, "run": item.run_id, "lane": item.lane}),
            record_exception=False,  # its message may quote a vendor
        ):
            yield

    def _sampled(self, trace_id: int) -> int:
        from opentelemetry.sdk.trace.sampling import Decision

        result = self._tracer.sampler.should_sample(None, trace_id, "run")
        return int(result.decision is Decision.RECORD_AND_SAMPLE)

    def ended(self, status: str, code: str) -> None:
        """The run of this task ended, or waits; `code` says why."""
        if self._tracer is None:
            return
        span = self._api.get_current_span()
        span.set_attribute("vaivem.status", status)
        if code:
            span.set_attribute("vaivem.code", code)
        if status == "failed":
            span.set_status(self._api.StatusCode.ERROR, code)

    def call(self, name: str, method: str, url: str, connection: int) -> AbstractContextManager[Any]:
        """Be within the span of one call to a vendor; `answered` takes what is given, with the outcome."""
        return _NOTHING if self._tracer is None else self._call(name, method, url, connection)

    @contextmanager
    def _call(self, name: str, method: str, url: str, connection: int) -> Iterator[Any]:
        host = url.split("/", 3)[2].rpartition("@")[2] if "://" in url else ""
        with self._tracer.start_as_current_span(
            f"{method} {name}",
            kind=self._api.SpanKind.CLIENT,
            attributes={
                "http.request.method": method,
                "server.address": host,
                "vaivem.call": name,
                "vaivem.connection": str(connection),
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:
                code = getattr(error, "code", type(error).__name__)
                span.set_attribute("error.type", code)
                span.set_status(self._api.StatusCode.ERROR, code)
                raise

    def answered(self, span: Any, status: int, code: str) -> None:
        """A vendor answered; `code` is our word for an answer that is an error."""
        if span is None:
            return
        span.set_attribute("http.response.status_code", status)
        if code:
            span.set_attribute("error.type", code)
            span.set_status(self._api.StatusCode.ERROR, code)


_NOTHING: AbstractContextManager[Any] = nullcontext()


def _attributes(ids: Mapping[str, int]) -> dict[str, str]:
    """Return ids as texts: many readers round numbers of 64 bits."""
    return {f"vaivem.{name}": str(number) for name, number in ids.items() if number}


def _ids_of(event: int) -> tuple[int, int]:
    """Return the trace of an event, and the span in which it was accepted."""
    digest = hashlib.blake2b(
        event.to_bytes(8, "big", signed=True), digest_size=24, person=b"vaivem trace"
    ).digest()
    return int.from_bytes(digest[:16], "big") or 1, int.from_bytes(digest[16:], "big") or 1


traces = Traces()
"""Those of this process."""
