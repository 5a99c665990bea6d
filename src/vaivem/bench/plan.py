"""Which phases there are, in which order, and how long each takes."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from vaivem.bench import bounds
from vaivem.bench.events import update_name
from vaivem.bench.gauges import memory_mb
from vaivem.bench.installation import Installation
from vaivem.bench.laying import Layers
from vaivem.bench.phases import Phase, run_phase
from vaivem.cli.reporting import say

SECONDS = 10.0
DEPTH_SECONDS = 21.0  # one of them is lead
WINDOW = 2000
BURST = 10_000
HOT = 1000
SLOW_MS = 50.0
DEPTHS = (1_000, 10_000, 100_000, 1_000_000)
RULES = (1, 10, 100)
CONNECTIONS = 50
GIB = 1024**3
ROOM_BYTES = 9 * GIB
FULL = 1_000_000


@dataclass(slots=True)
class Findings:
    """All figures so far, by name."""

    phases: dict[str, Phase] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


class Bench:
    """One run of the benchmark."""

    def __init__(self, house: Installation, seconds: float = SECONDS) -> None:
        self.house = house
        self.seconds = seconds
        self.found = Findings()
        self.layers = Layers(house)
        self.short = self.seconds < SECONDS
        self.depth_seconds = self.seconds + 1 if self.short else max(DEPTH_SECONDS, self.seconds + 1)

    async def start(self) -> None:
        """Note what the start itself tells."""
        figures = self.found.figures
        figures["cold_start_s"] = self.house.cold_start
        await self.house.follow("b")
        figures["memory_idle_mb"] = sum(memory_mb(pid) for pid in self.house.ours.values())

    async def commits(self) -> None:
        """PostgreSQL's own commit rate."""
        rates = await bounds.commit_rates(self.house, min(self.seconds, 3.0))
        self.found.figures["commits_alone"] = rates["alone"]
        self.found.figures["commits_together"] = rates["together"]

    async def capacity(self) -> None:
        """What load and vendor can do by themselves."""
        phase = await bounds.capacity(self.house, min(self.seconds, 4.0))
        self.found.figures["capacity"] = phase.sent / max(phase.ack_seconds, 1e-9)

    async def flow_a(self) -> None:
        """Throughput of flow A, and its bound."""
        self._keep("bare_a", await bounds.bare(self.house, "a", self.seconds, WINDOW))
        await self._throughput("flow_a", "a")

    async def flow_b(self) -> None:
        """Throughput of flow B, and its bound."""
        self._keep("bare_b", await bounds.bare(self.house, "b", self.seconds, WINDOW))
        await self._throughput("flow_b", "b")

    async def half_load(self) -> None:
        """Latencies of flow B at half of its throughput."""
        if "flow_b" not in self.found.phases:
            await self._throughput("flow_b", "b")
        rate = self.found.phases["flow_b"].rate / 2
        await self.house.follow("b")
        spec = self.house.spec("half", "b", mode="paced", rate=rate, seconds=self.seconds)
        self._keep("half_load", await run_phase(self.house, spec))

    async def slow_target(self) -> None:
        """Throughput of flow B with a target that takes 50 ms a call."""
        await self.house.follow("b")
        spec = self.house.spec("slow", "b", mode="window", seconds=self.seconds, window=WINDOW)
        self._keep("slow_target", await run_phase(self.house, spec, delay_ms=SLOW_MS))

    async def burst(self) -> None:
        """A burst of 10,000, until all of it is at the target."""
        await self.house.follow("b")
        many = int(BURST * min(1.0, self.seconds / SECONDS))
        self._keep("burst", await run_phase(self.house, self.house.spec("burst", "b", count=many)))

    async def hot_lane(self) -> None:
        """Updates of one record, in order."""
        await self.house.follow("u")
        many = int(HOT * min(1.0, self.seconds / SECONDS))
        spec = self.house.spec("hot", "u", count=many, connections=1, one_record=True)
        names = [update_name("hot", number) for number in range(1, many + 1)]
        self._keep("hot_lane", await run_phase(self.house, spec, ordered=names))

    async def rules(self) -> None:
        """Throughput of flow B when the account has 1, 10 and 100 rules of which an event fits one."""
        have = 1
        for many in RULES:
            if many > have:
                await self.house.add_rules(have + 1, many)
                have = many
            await self._throughput(f"rules_{many}", f"r{many}" if many > 1 else "b")

    async def connections(self) -> None:
        """Throughput of flow B when its events come from, and go to, 50 accounts."""
        await self.house.add_connections(CONNECTIONS - len(self.house.hooks))
        hooks = tuple(self.house.hooks.values())
        await self._throughput(f"connections_{CONNECTIONS}", "b", hooks=hooks)

    async def backlog(self) -> None:
        """Throughput of flow B with 1 to 1,000 thousand events waiting."""
        for depth in self._depths():
            await self.house.follow("b")  # behind the backlog it would wait for its turn
            laid = await self.layers.lay_backlog(depth)
            say(f"  laid {depth:,} waiting events in {laid:.0f} s")
            await self._steady(f"backlog_{depth}", f"q{depth}")
            await self.layers.clear_backlog()

    async def history(self) -> None:
        """Throughput of flow B with 1 to 1,000 thousand finished runs in the history."""
        for depth in self._depths():
            laid = await self.layers.lay_history(depth)
            say(f"  laid {depth:,} finished runs in {laid:.0f} s")
            await self.house.follow("b")
            await self._steady(f"history_{depth}", f"h{depth}")

    async def drain(self) -> None:
        """Drain a million waiting events (`--full`)."""
        if "flow_b" not in self.found.phases:
            await self._throughput("flow_b", "b")
        rate = max(self.found.phases["flow_b"].rate, 1.0)
        many = int(FULL * min(1.0, self.seconds / SECONDS))
        say(f"  laying and draining {many:,} events: about {many / 20_000 + many / rate:.0f} s")
        await self.house.follow("b")
        await self.house.vendor("begin?delay_ms=0")
        await self.layers.lay_backlog(many)
        spec = self.house.spec("full", "b", count=1)
        self._keep("drain", await run_phase(self.house, spec, backlog=many, begun=True))

    async def _throughput(self, name: str, template: str, **given: Any) -> None:
        await self.house.follow(
            template if template in ("a", "b") else "b", template, *given.get("hooks", ())[-1:]
        )
        spec = self.house.spec(name, template, mode="window", seconds=self.seconds, window=WINDOW, **given)
        self._keep(name, await run_phase(self.house, spec))

    async def _steady(self, name: str, prefix: str) -> None:
        """Measure at a depth: new events come as fast as others arrive, so the depth stays."""
        spec = self.house.spec(prefix, "b", mode="window", seconds=self.depth_seconds, window=WINDOW)
        self._keep(name, await run_phase(self.house, spec, steady=True))

    def _keep(self, name: str, phase: Phase) -> None:
        self.found.phases[name] = phase
        ours = f"{phase.cpu_ms_per_event:5.2f} CPU-ms  {phase.memory_mb:4.0f} MB"
        if name.startswith("bare_"):  # web and worker stand by then
            ours = " " * len(ours)
        say(f"  {name:<18} {phase.rate:8,.0f} events/s  {ours}  load average {phase.load_average:.1f}")

    def _leave_out(self, what: str) -> None:
        if what not in self.found.left_out:
            self.found.left_out.append(what)

    def _depths(self) -> tuple[int, ...]:
        free = shutil.disk_usage(self.house.config.data_dir).free
        most = DEPTHS[-1] if free > ROOM_BYTES else DEPTHS[-2]
        if most < DEPTHS[-1]:
            self._leave_out(f"depths over {most:,}: less than {ROOM_BYTES // GIB} GiB of disk are free")
        if self.short:
            most = min(most, 10_000)
            self._leave_out(f"depths over {most:,}: a shortened run")
        return tuple(depth for depth in DEPTHS if depth <= most)


Part = Callable[[Bench], Awaitable[None]]

PARTS: dict[str, Part] = {
    "commits": Bench.commits,
    "capacity": Bench.capacity,
    "flow-a": Bench.flow_a,
    "flow-b": Bench.flow_b,
    "half-load": Bench.half_load,
    "slow-target": Bench.slow_target,
    "burst": Bench.burst,
    "hot-lane": Bench.hot_lane,
    "rules": Bench.rules,
    "connections": Bench.connections,
    "backlog": Bench.backlog,
    "history": Bench.history,
}
