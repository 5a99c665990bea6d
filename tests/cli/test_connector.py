"""`vaivem connector new`: what it lays down passes the tests and the contract as it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vaivem.cli import cli

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("fake_context.py", "test_contract.py", "test_lost_answers.py")
REACH = """import os
import vaivem.simulators
vaivem.simulators.__path__.append(os.environ["SIMULATORS"])
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder laid out as a checkout, with the tests that every connector is under."""
    (tmp_path / "src" / "vaivem" / "connectors").mkdir(parents=True)
    (tmp_path / "tests" / "connectors").mkdir(parents=True)
    for name in SHARED:
        shutil.copy(ROOT / "tests" / "connectors" / name, tmp_path / "tests" / "connectors" / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    (tmp_path / "conftest.py").write_text(REACH)
    return tmp_path


def lay_down(checkout: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["connector", "new", *arguments, "--into", str(checkout)])
    return done.exit_code, f"{done.output} {done.exception or ''}"


def test_a_new_connector_passes_at_once(checkout: Path) -> None:
    code, said = lay_down(checkout, "northwind_crm", "--name", "Northwind CRM")
    assert code == 0, said
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(checkout),
        "VAIVEM_CONNECTORS": str(checkout / "src" / "vaivem" / "connectors"),
        "SIMULATORS": str(checkout / "src" / "vaivem" / "simulators"),
    }
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", "-k", "northwind_crm"]
    done = subprocess.run(tests, cwd=checkout, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "test_every_action_that_writes_is_tried_with_a_lost_answer" in collected(checkout, environment)
    style = [sys.executable, "-m", "ruff", "check", "--ignore", "I001", "src", "tests"]
    done = subprocess.run(style, cwd=checkout, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def collected(checkout: Path, environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", "tests"]
    command += ["-k", "northwind_crm"]
    return subprocess.run(
        command, cwd=checkout, env=environment, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Northwind",), "small letters"),
        (("9lives",), "small letters"),
        (("north-wind",), "small letters"),
    ],
)
def test_a_name_that_cannot_be_is_refused(checkout: Path, arguments: tuple[str, ...], words: str) -> None:
    code, said = lay_down(checkout, *arguments)
    assert code
    assert words in said


def test_nothing_that_is_there_is_overwritten(checkout: Path) -> None:
    assert lay_down(checkout, "northwind_crm")[0] == 0
    code, said = lay_down(checkout, "northwind_crm")
    assert code
    assert "something already" in said
    elsewhere = CliRunner().invoke(cli, ["connector", "new", "x1", "--into", str(checkout / "tests")])
    assert elsewhere.exit_code
    assert "not a checkout" in f"{elsewhere.output} {elsewhere.exception}"
