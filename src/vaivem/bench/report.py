"""The table, the targets, and the figures as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
from typing_extensions import override

from vaivem import __version__
from vaivem.bench.gauges import load_average
from vaivem.bench.phases import Phase
from vaivem.bench.plan import Bench

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be: at least, or at most."""

    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Say whether a value is as it should be."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @override
    def __str__(self) -> str:
        """Return the target as the table shows it."""
        return f"≥ {self.least:,.6g}" if self.least is not None else f"≤ {self.most or 0:,.6g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    figure: str
    value: float
    unit: str
    target: Target | None = None

    @property
    def verdict(self) -> str:
        """Return whether the target holds, "" where there is none."""
        return "" if self.target is None else "holds" if self.target.holds(self.value) else "missed"


def report(run: Bench) -> dict[str, Any]:
    """Return all figures, and `table` for people."""
    rows = list(_rows(run))
    return {
        "table": table(run, rows),
        "version": __version__,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "seconds_per_phase": run.seconds,
        "left_out": run.found.left_out,
        "rows": [{**asdict(row), "target": str(row.target or ""), "verdict": row.verdict} for row in rows],
        "figures": run.found.figures,
        "phases": {name: asdict(phase) for name, phase in run.found.phases.items()},
    }


def machine() -> dict[str, Any]:
    """Return what it ran on."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": round(load_average(), 2),
    }


def table(run: Bench, rows: list[Row]) -> str:
    """Return the figures in columns."""
    width = max(len(row.figure) for row in rows)
    about = machine()
    lines = [
        f"Vaivém {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {about['cores']} cores, "
        f"{about['system']}, Python {about['python']}, load average {about['load_average']}",
        "",
    ]
    for row in rows:
        target = f"{row.target!s:>12}  {row.verdict}" if row.target else ""
        lines.append(f"{row.figure:<{width}}  {_number(row.value):>10} {row.unit:<9} {target}".rstrip())
    lines += [f"Left out: {what}." for what in run.found.left_out]
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def _rows(run: Bench) -> Iterable[Row]:
    figures, phases = run.found.figures, run.found.phases
    yield Row("cold start to the first accepted webhook", figures["cold_start_s"], "s", Target(most=5))
    yield Row("memory idle, web and worker", figures["memory_idle_mb"], "MB", Target(most=250))
    for key, name in (
        ("commits_alone", "PostgreSQL's commits, one connection"),
        ("commits_together", "PostgreSQL's commits, 16 connections"),
        ("capacity", "load and vendor alone"),
    ):
        if key in figures:
            yield Row(name, figures[key], "/s")
    yield from _flow(run, "a", Target(least=65), None)
    yield from _flow(run, "b", Target(least=60), Target(least=1800))
    if "half_load" in phases:
        yield from _latency(phases["half_load"])
    if "slow_target" in phases:
        yield Row(
            "flow B, target takes 50 ms a call", phases["slow_target"].rate, "events/s", Target(least=1000)
        )
    if "burst" in phases:
        yield from _burst(phases["burst"])
    if "hot_lane" in phases:
        yield Row("updates of one record, in order", phases["hot_lane"].rate, "/s", Target(least=200))
    yield from _growth(phases)
    most = max((phase.memory_mb for phase in phases.values()), default=0.0)
    yield Row("memory under load, the most", most, "MB", Target(most=250))


def _flow(run: Bench, flow: str, share: Target, least: Target | None) -> Iterable[Row]:
    phases, name = run.found.phases, f"flow {flow.upper()}"
    ours, bare = phases.get(f"flow_{flow}"), phases.get(f"bare_{flow}")
    if ours is None:
        return
    yield Row(name, ours.rate, "events/s", least)
    if bare is not None:
        yield Row(f"{name}, no database (the bound)", bare.rate, "events/s")
        yield Row(f"{name}, share of the bound", 100 * ours.rate / bare.rate, "%", share)
    if "commits_alone" in run.found.figures:
        yield Row(
            f"{name}, events a commit of one connection", ours.rate / run.found.figures["commits_alone"], ""
        )
    yield Row(f"{name}, CPU of web and worker", ours.cpu_ms_per_event, "ms/event")
    for part in ("web", "worker", "database", "vendor", "load"):
        yield Row(f"{name}, CPU of {part}", ours.cpu[part] * 1000 / max(ours.arrived, 1), "ms/event")
    yield Row(f"{name}, outbound calls", ours.calls / max(ours.arrived, 1), "/event")


def _latency(half: Phase) -> Iterable[Row]:
    yield Row("half load", half.rate, "events/s")
    for key in ("p50", "p95", "p99"):
        target = Target(most=20) if key == "p99" else None
        yield Row(f"half load, acknowledged, {key}", half.ack_ms[key], "ms", target)
    for key in ("p50", "p95", "p99"):
        target = Target(most=60) if key == "p99" else None
        yield Row(f"half load, at the target, {key}", half.arrival_ms[key], "ms", target)
    yield Row("half load, CPU of web and worker", half.cpu_ms_per_event, "ms/event")


def _burst(burst: Phase) -> Iterable[Row]:
    yield Row(f"burst of {burst.sent:,}, acknowledged", burst.ack_seconds, "s")
    yield Row(f"burst of {burst.sent:,}, at the target", burst.seconds, "s")


def _growth(phases: dict[str, Phase]) -> Iterable[Row]:
    for kind, text in (
        ("rules", "rules"),
        ("connections", "accounts"),
        ("backlog", "waiting"),
        ("history", "in history"),
    ):
        first: float | None = None
        for name, phase in phases.items():
            if not name.startswith(f"{kind}_"):
                continue
            number = int(name.rpartition("_")[2])
            unit = text if number > 1 else text.removesuffix("s")
            yield Row(f"flow B, {number:,} {unit}", phase.rate, "events/s")
            if first is None:
                first = phase.rate
            else:
                share = 100 * phase.rate / first
                yield Row(f"flow B, {number:,} {text}, against the least", share, "%", Target(least=85))
    if "drain" in phases:
        drain = phases["drain"]
        yield Row(f"drain of {drain.arrived:,}", drain.rate, "events/s")
        yield Row(f"drain of {drain.arrived:,}, at the target", drain.seconds, "s")
