"""The history's own benchmark, in small: laid, asked, thinned beside a flow. Nothing here says how fast."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from vaivem.postgres import EmbeddedServer

SCRIPT = Path(__file__).parents[2] / "bench" / "history.py"
RUNS, DAYS = 8_000, 40
TABLES = ("event", "run", "step", "term", "seen")

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]


def said(folder: Path, command: str, *options: str, codes: tuple[int, ...] = (0,)) -> str:
    """Run a command of the script to its end, and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), command, "--folder", str(folder), *options],
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout


def counts(folder: Path) -> dict[str, int]:
    """Return how many rows of the laid workspaces each table has."""
    found = {}
    with EmbeddedServer(folder) as server, psycopg.connect(server.dsn) as db:
        for table in TABLES:
            row = db.execute(f"select count(*) from {table} where ws <= 31").fetchone()  # noqa: S608
            found[table] = row[0] if row else 0
    return found


def test_a_small_history_is_laid_asked_and_thinned(data_dir: Path) -> None:
    said(data_dir, "lay", "--runs", str(RUNS), "--days", str(DAYS))
    laid = counts(data_dir)
    assert RUNS * 0.95 < laid["run"] < laid["event"] <= RUNS
    assert laid["seen"] == laid["event"]
    assert laid["step"] > laid["run"] * 2
    assert laid["term"] > laid["event"] * 6
    assert not list((data_dir / "postgresql").rglob("lay_*"))
    with EmbeddedServer(data_dir) as server, psycopg.connect(server.dsn) as db:
        assert db.execute("show wal_level").fetchone() == ("replica",)
        unlogged = "select relname from pg_class where relname ~ '_w[0-9]+$' and relpersistence <> 'p'"
        assert db.execute(unlogged).fetchall() == []
        # Each partition has its part of every index of the whole.
        lacking = "select indexrelid::regclass from pg_index where not indisvalid"
        assert db.execute(lacking).fetchall() == []
    # It ends with 1 where a page was slow: on a busy machine some are.
    asked = said(data_dir, "ask", "--repeat", "1", "--only", "status", codes=(0, 1))
    assert re.search(r"^status failed +\d+ +\d+ +\d+ +\d+ +50", asked, re.MULTILINE), asked
    assert "by the median:" in asked

    thinned = said(data_dir, "thin", "--pairs", "1", "--seconds", "2")
    for figure in ("events/s", "ack p95", "target p95"):
        assert re.search(rf"^{figure} +[\d.]+ +[\d.]+ +[\d.]+$", thinned, re.MULTILINE), thinned
    [gone] = re.findall(r"^([\d,]+) runs were deleted", thinned, re.MULTILINE)
    left = counts(data_dir)
    assert int(gone.replace(",", "")) == laid["run"] - left["run"] > 0
    assert left["step"] < laid["step"]
    assert left["term"] < laid["term"]
