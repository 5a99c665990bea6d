"""The timed phases: each sends a load and says what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vaivem.bench.gauges import Watch, cpu_seconds, load_average
from vaivem.bench.installation import Installation
from vaivem.bench.load import Result, Spec
from vaivem.cli.reporting import CommandError

STALL_SECONDS = 45.0
LEAD_SECONDS = 1.0  # of a steady measurement: not counted


@dataclass(slots=True)
class Phase:
    """What a phase came to. Seconds and milliseconds; CPU in seconds of one core."""

    sent: int
    arrived: int
    seconds: float
    rate: float
    ack_ms: Mapping[str, float]
    arrival_ms: Mapping[str, float]
    ack_seconds: float
    cpu: Mapping[str, float]
    calls: int
    memory_mb: float
    load_average: float
    late_ms: float
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def cpu_ms_per_event(self) -> float:
        """What web and worker together spend on an event."""
        return (self.cpu["web"] + self.cpu["worker"]) * 1000 / max(self.arrived, 1)


async def run_phase(
    house: Installation,
    spec: Spec,
    *,
    delay_ms: float = 0.0,
    backlog: int = 0,
    steady: bool = False,
    ordered: Sequence[str] = (),
    begun: bool = False,
) -> Phase:
    """Send a load, wait until all of it has arrived, and count.

    `steady`: do not wait for the end (a backlog stays); the rate is that of the seconds in which it was sent.
    `begun`: the vendor counts already, since before the backlog was laid down: work on it begins at once.
    """
    if not begun:
        await house.vendor(f"begin?delay_ms={delay_ms}")
    pids = {**house.ours, "vendor": house.supervisor.pid("vendor")}
    postmaster = house.server.postmaster_pid
    if postmaster is not None:
        pids["database"] = postmaster
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    async with Watch(house.ours) as watch:
        result = await house.load(spec)
        if set(result.statuses) - {200, 201}:
            raise CommandError(f"Deliveries were refused: {result.statuses}")
        if not steady:
            await _all_arrived(house, result.sent + backlog)
    cpu = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    cpu["load"] = result.cpu_seconds
    cpu.setdefault("database", 0.0)  # of a database of the operator's own we see nothing
    counts = await house.vendor("counts")
    arrivals: dict[str, float] = await house.vendor("arrivals")
    if counts["doubled"]:
        raise CommandError(f"{counts['doubled']} effects came twice.")
    if ordered and list(arrivals) != list(ordered):
        raise CommandError("The updates of one record did not arrive in their order.")
    seconds, rate = _rate(spec, result, arrivals, steady=steady)
    return Phase(
        sent=result.sent,
        arrived=counts["arrived"],
        seconds=seconds,
        rate=rate,
        ack_ms=percentiles([(answered - due) * 1000 for _, due, answered in result.acks]),
        arrival_ms=percentiles(_latencies(spec, result, arrivals)),
        ack_seconds=result.last_ack - result.first,
        cpu=cpu,
        calls=counts["calls"],
        memory_mb=watch.most,
        load_average=load_average(),
        late_ms=result.late * 1000,
    )


def _rate(spec: Spec, result: Result, arrivals: Mapping[str, float], *, steady: bool) -> tuple[float, float]:
    """Return over how many seconds was measured, and events a second."""
    if not steady:
        seconds = max(arrivals.values(), default=result.first) - result.first
        return seconds, sum(at >= result.first for at in arrivals.values()) / max(seconds, 1e-9)
    lead = min(LEAD_SECONDS, spec.seconds / 4)
    begin, end = result.first + lead, result.first + spec.seconds
    return end - begin, sum(begin <= at < end for at in arrivals.values()) / (end - begin)


def _latencies(spec: Spec, result: Result, arrivals: Mapping[str, float]) -> list[float]:
    found = []
    for number, due, _ in result.acks:
        at = arrivals.get(f"{spec.prefix}-{number:06d}")
        if at is not None:
            found.append((at - due) * 1000)
    return found


def percentiles(values: list[float]) -> dict[str, float]:
    """Return p50, p95, p99 and the highest."""
    if not values:
        return {}
    ordered = sorted(values)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in shares.items()}


async def _all_arrived(house: Installation, wanted: int) -> None:
    seen, limit = 0, time.monotonic() + STALL_SECONDS
    while True:
        arrived = (await house.vendor("counts"))["arrived"]
        if arrived >= wanted:
            return
        if arrived > seen:
            seen, limit = arrived, time.monotonic() + STALL_SECONDS
        if time.monotonic() > limit:
            raise CommandError(f"Only {arrived} of {wanted} events are at the target, and no more come.")
        await asyncio.sleep(0.1)
