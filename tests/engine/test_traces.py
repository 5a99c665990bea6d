"""Traces: one an event, from its acceptance over its run to each call, with ids and nothing else."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, TraceIdRatioBased

from vaivem import logs
from vaivem.config import ConfigError
from vaivem.engine import traces
from vaivem.logs import MASK, masked

from .conftest import KEY, House
from .inside import put

HEADER_KEY = "key-of-the-collector"


class Collector:
    """A collector on loopback: keeps what it gets."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.keys: set[str | None] = set()
        raw, keys = self.raw, self.keys

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keys.add(self.headers.get("x-key"))
                raw.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def spans(self) -> list[tuple[str, Any, dict[str, str]]]:
        """All spans: the service, the span, its attributes."""
        return [
            (_values(part.resource.attributes)["service.name"], span, _values(span.attributes))
            for body in list(self.raw)
            for part in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[tuple[str, Any, dict[str, str]]]:
        return [one for one in self.spans if one[1].name == name]


def _values(attributes: Any) -> dict[str, str]:
    return {one.key: one.value.string_value or str(one.value.int_value) for one in attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that this process and its children are told of."""
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-key={HEADER_KEY}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield made
    made.close()


async def test_an_event_is_one_trace_with_ids_and_nothing_else(collector: Collector, house: House) -> None:
    rule = house.rule("put", then=[put("one"), put("two", "text:other")])
    house.worker()
    assert (
        await house.deliver(delivery="d1", record="r1", name="Maria Silva", email="maria@example.com") == 200
    )
    await house.until(lambda: collector.named("run") and collector.named("accept"))
    await house.until(lambda: len(collector.named("PUT things.put")) == 2)
    [(web, accepted, about)] = collector.named("accept")
    [(worker, run, told)] = collector.named("run")
    calls = [span for _, span, _ in collector.named("PUT things.put")]
    assert (web, worker) == ("vaivem-web", "vaivem-worker")
    assert not accepted.parent_span_id
    assert {run.trace_id, *(call.trace_id for call in calls)} == {accepted.trace_id}
    assert run.parent_span_id == accepted.span_id
    assert {call.parent_span_id for call in calls} == {run.span_id}
    assert accepted.start_time_unix_nano <= accepted.end_time_unix_nano
    [(ws, event, number)] = house.rows("select ws, event_id, id from run")
    assert (about["vaivem.event"], about["vaivem.kind"]) == (str(event), "thing")
    ids = {name: told[f"vaivem.{name}"] for name in ("workspace", "event", "run", "rule", "connection")}
    assert ids == {
        "workspace": str(ws),
        "event": str(event),
        "run": str(number),
        "rule": str(rule),
        "connection": "1",
    }
    assert told["vaivem.status"] == "done"
    _, _, said = collector.named("PUT things.put")[0]
    assert (said["server.address"], said["http.response.status_code"]) == (
        f"127.0.0.1:{house.vendor.port}",
        "200",
    )
    sent = b"".join(collector.raw)
    assert not [word for word in ("Maria", "maria@", KEY, "/things") if word.encode() in sent]
    assert collector.keys == {HEADER_KEY}
    assert masked(f"sent {HEADER_KEY}") == f"sent {MASK}"


def test_a_line_of_the_log_names_the_trace(collector: Collector) -> None:
    line = logging.makeLogRecord({"msg": "About an event", "event": 2**60})
    log = logs.formatter("worker", "json")
    assert "trace_id" not in json.loads(log.format(line))
    process = traces.Traces()
    process.begin("worker")
    process.accepted(2**60, process.now(), {"event": 2**60}, "thing")
    said = json.loads(log.format(line))["trace_id"]
    with process.call("things.put", "PUT", "http://vendor/x", 1):
        within = json.loads(log.format(logging.makeLogRecord({"msg": "Of no event"})))["trace_id"]
    process.end()
    assert "trace_id" not in json.loads(log.format(line))
    [(_, accepted, _)] = collector.named("accept")
    [(_, call, _)] = collector.named("PUT things.put")
    assert (said, within) == (accepted.trace_id.hex(), call.trace_id.hex())


async def test_a_run_that_goes_on_after_a_kill_stays_in_its_trace(collector: Collector, house: House) -> None:
    house.rule("put", then=[put("one"), put("two", "text:other")])
    first = house.worker(crash_at="journal.after_outcome")
    await house.deliver(delivery="d1")
    await house.until(lambda: first.poll() is not None)
    house.worker()
    await house.until(lambda: collector.named("run"))
    [(_, accepted, _)] = collector.named("accept")
    assert {(run.trace_id, run.parent_span_id) for _, run, _ in collector.named("run")} == {
        (accepted.trace_id, accepted.span_id)
    }


async def test_what_a_run_failed_of_and_waits_for_is_said(collector: Collector, house: House) -> None:
    house.rule("put")
    house.vendor.fault = lambda method, path, nth: 422 if nth == 1 else 503
    house.worker()
    await house.deliver(delivery="d1", record="r1")
    await house.until(lambda: len(collector.named("run")) == 1)
    await house.deliver(delivery="d2", record="r2")
    await house.until(lambda: len(collector.named("run")) >= 2)
    (_, failed, refused), (_, _, waiting), *_ = collector.named("run")
    assert (refused["vaivem.status"], failed.status.code) == ("failed", 2)
    assert waiting["vaivem.status"] == "waiting"
    assert {said["http.response.status_code"] for _, _, said in collector.named("PUT things.put")} >= {
        "422",
        "503",
    }


async def test_a_collector_that_is_away_keeps_nobody_waiting(
    collector: Collector, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    collector.close()
    house.rule("put")
    house.worker()
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    assert await house.deliver(delivery="d1") == 200
    await house.until(lambda: len(house.runs()) == 1)


def test_a_sampled_event_is_whole() -> None:
    """Web and worker decide by the trace's id alone, which both make of the event's."""
    sampler = ParentBased(TraceIdRatioBased(0.5))
    ids = [traces._ids_of(event)[0] for event in range(2**61, 2**61 + 400)]
    kept = [sampler.should_sample(None, one, "run").decision is Decision.RECORD_AND_SAMPLE for one in ids]
    assert 100 < sum(kept) < 300
    assert len(set(ids)) == 400


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": ""}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_operator_turns_them_on(environment: dict[str, str], on: bool) -> None:
    assert traces.wanted(environment) is on


def test_what_is_missing_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    traces.check({})
    with pytest.raises(ConfigError, match="make traces"):
        traces.check({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"})


def test_off_nothing_of_it_is_in_the_process() -> None:
    code = (
        "import sys; from vaivem.engine import ingest, worker; from vaivem.engine.traces import traces;"
        "traces.begin('worker'); traces.ended('done', '');"
        "print(traces.on, [name for name in sys.modules if name.startswith(('opentelemetry', 'requests'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False []"
