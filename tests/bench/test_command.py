"""What `vaivem bench` refuses before it begins, and what it looks at before it measures."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vaivem.bench import bounds, plan
from vaivem.bench.phases import Phase, _rate
from vaivem.bench.plan import PARTS, Bench
from vaivem.bench.report import report
from vaivem.cli import cli
from vaivem.cli.reporting import run

FULL_TABLE = 24 * 1024**3


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return why the command ended at once."""
    assert run(cli, ["bench", *arguments, "--json"]) == 1
    told = capsys.readouterr()
    assert "A defect of" not in told.out + told.err
    problem: str = json.loads(told.out.splitlines()[-1])["problem"]
    return problem


@pytest.fixture
def place(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder in which the command must leave nothing."""
    monkeypatch.setenv("VAIVEM_DATA_DIR", str(data_dir / "data"))
    return data_dir / "data"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seconds", "nan"), "not a number"),
        (("--seconds", "0.1"), "not in the range"),
        (("--only", "flow-c"), "There is no phase flow-c; there are commits,"),
        (("--output", "/nowhere/figures.json"), "/nowhere/figures.json cannot be written: No such file"),
        (("--database-url", "db"), "must start with postgresql://"),
        (("--database-url", "postgresql://a:b@127.0.0.1:1/c"), "The database does not answer"),
    ],
)
def test_what_cannot_be_done_is_said_before_it_begins(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert words in refused(capsys, *arguments)
    assert not place.exists()


def test_a_folder_that_cannot_be_made_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAIVEM_DATA_DIR", "/proc/data")
    assert refused(capsys).startswith("The folder /proc/data cannot be used: No such file or directory.")


def test_a_database_that_holds_something_is_left_alone(
    place: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is not empty" in refused(capsys, "--database-url", database)
    assert not place.exists()


class House:
    """Stands for the installation: notes what was followed and what was measured, in order."""

    def __init__(self, folder: Path) -> None:
        self.config = SimpleNamespace(data_dir=folder)
        self.hooks = {number: f"/hook/{number}" for number in range(plan.CONNECTIONS)}
        self.ours: dict[str, int] = {}
        self.cold_start = 1.0
        self.done: list[str] = []

    async def follow(self, flow: str, template: str = "", hook: str = "") -> None:
        self.done.append(f"follow {template or flow}")

    async def vendor(self, path: str) -> None:
        self.done.append(path)

    async def add_rules(self, first: int, last: int) -> None:
        """Add none."""

    async def add_connections(self, many: int) -> None:
        """Add none."""

    def spec(self, prefix: str, template: str, **given: Any) -> SimpleNamespace:
        return SimpleNamespace(prefix=prefix, template=template, **given)


def phase(rate: float = 100.0) -> Phase:
    """Return what a phase came to."""
    cpu = dict.fromkeys(("web", "worker", "database", "vendor", "load"), 1.0)
    times = {"p50": 1.0, "p95": 1.0, "p99": 1.0}
    return Phase(10, 10, 1.0, rate, times, times, 1.0, cpu, 30, 200.0, 1.0, 0.0)


@pytest.fixture
async def whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[House, Bench]:
    """Return a whole run of all phases, with `--full`, of which none was measured."""
    house = House(tmp_path)

    async def measured(_: object, spec: SimpleNamespace, **given: Any) -> Phase:
        house.done.append(f"measure {spec.template}")
        assert given.get("begun", False) is (spec.prefix == "full")
        return phase()

    async def bound(*_: object) -> Phase:
        return phase()

    async def commits(*_: object) -> dict[str, float]:
        return {"alone": 1.0, "together": 1.0}

    async def laid(_: object, depth: int) -> float:
        house.done.append(f"lay {depth}")
        return 0.0

    async def cleared(_: object) -> None:
        """Clear nothing."""

    monkeypatch.setattr(plan, "run_phase", measured)
    monkeypatch.setattr(bounds, "bare", bound)
    monkeypatch.setattr(bounds, "capacity", bound)
    monkeypatch.setattr(bounds, "commit_rates", commits)
    monkeypatch.setattr(plan.Layers, "lay_backlog", laid)
    monkeypatch.setattr(plan.Layers, "lay_history", laid)
    monkeypatch.setattr(plan.Layers, "clear_backlog", cleared)
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda _: SimpleNamespace(free=FULL_TABLE))
    bench = Bench(house)  # type: ignore[arg-type]
    await bench.start()
    for part in PARTS.values():
        await part(bench)
    await bench.drain()
    house.done.remove("follow b")  # that of the start
    return house, bench


def test_before_each_measurement_an_event_of_its_kind_is_followed(whole: tuple[House, Bench]) -> None:
    done = whole[0].done
    assert sum(one.startswith("measure") for one in done) > len(PARTS)
    last = ""
    for one in done:
        if one.startswith(("lay", "begin")):
            continue
        if one.startswith("measure"):
            assert last.startswith("follow"), done
            assert last.removeprefix("follow ") == one.removeprefix("measure "), done
            last = ""
        elif not last:
            last = one


def test_the_vendor_counts_before_a_backlog_to_be_drained_is_laid(whole: tuple[House, Bench]) -> None:
    """What is worked while the rest is still being laid would be missing at the end for ever."""
    assert whole[0].done[-4:] == ["follow b", "begin?delay_ms=0", "lay 1000000", "measure b"]


def test_what_arrived_before_the_load_is_in_no_rate() -> None:
    result = SimpleNamespace(first=10.0)
    arrivals = {"early": 9.0, "one": 10.5, "two": 12.0}
    assert _rate(None, result, arrivals, steady=False) == (2.0, 1.0)  # type: ignore[arg-type]


def test_each_figure_has_a_name_of_its_own(whole: tuple[House, Bench]) -> None:
    names = [row["figure"] for row in report(whole[1])["rows"]]
    assert len(names) == len(set(names)), names
    assert "flow B, 1 rule" in names
    assert "flow B, 1,000,000 in history" in names


async def test_a_million_is_drained_though_no_other_phase_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, whole: tuple[House, Bench]
) -> None:
    bench = Bench(whole[0])  # type: ignore[arg-type]
    await bench.drain()
    assert set(bench.found.phases) == {"flow_b", "drain"}
