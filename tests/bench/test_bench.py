"""The benchmark's shape: every phase ends with figures. Nothing here says how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vaivem.bench.events import event_body, person_of
from vaivem.bench.phases import percentiles

pytestmark = pytest.mark.soak

PARTS = "commits,capacity,flow-a,flow-b,half-load,burst,hot-lane"


def test_the_event_is_as_large_as_an_e_signature_tool_s() -> None:
    body = event_body("p", 7, "b")
    assert 1450 <= len(body) <= 1600
    assert json.loads(body)["document"]["id"] == "p-000007"


def test_some_people_come_back() -> None:
    assert person_of(7000) == 4000
    assert person_of(7001) == 7001


def test_percentiles_are_of_what_was_seen() -> None:
    assert percentiles([float(n) for n in range(1, 101)]) == {"p50": 51, "p95": 96, "p99": 100, "max": 100}


@pytest.mark.timeout(300)
def test_a_short_run_gives_all_figures(data_dir: Path) -> None:
    output = data_dir / "bench.json"
    command = [sys.executable, "-m", "vaivem.cli", "bench", "--seconds", "1", "--only", PARTS]
    done = subprocess.run(
        [*command, "--output", str(output), "--json"],
        env=os.environ | {"VAIVEM_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(output.read_text())
    figures = {row["figure"]: row for row in found["rows"]}
    for name in ("flow A", "flow B", "flow B, share of the bound", "half load, acknowledged, p99"):
        assert figures[name]["value"] > 0
    assert figures["flow B, outbound calls"]["value"] >= 3
    assert figures["flow A, outbound calls"]["value"] >= 1
    assert found["phases"]["hot_lane"]["arrived"] == found["phases"]["hot_lane"]["sent"]
    assert not list(data_dir.glob("bench-*"))
