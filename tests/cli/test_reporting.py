"""Every command's report: one JSON object on the last line, exit 0 or 1, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from vaivem.cli import cli
from vaivem.cli.reporting import Command, CommandError, Group, Outcome, run


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command of the tree with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


ALL = list(commands(cli))


def vaivem(*words: str, **environ: str) -> tuple[int, dict[str, Any], subprocess.CompletedProcess[str]]:
    """Run the command line; return the exit code, the last line's object, and all of it."""
    done = subprocess.run(
        [sys.executable, "-m", "vaivem.cli", *words],
        env={"PATH": os.environ["PATH"], **environ},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout.strip().splitlines()[-1]), done


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_every_command_can_report_to_programs(words: tuple[str, ...], command: click.Command) -> None:
    assert isinstance(command, Command)
    assert "--json" in {option for parameter in command.params for option in parameter.opts}
    assert command.help, "a command says what it does"


@pytest.mark.parametrize("words", [words for words, _ in ALL], ids=[" ".join(words) for words, _ in ALL])
def test_a_wrong_use_of_any_command_is_reported(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli, [*words, "--no-such-option", "--json"]) == 1
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["ok"] is False
    assert "--no-such-option" in report["problem"]
    assert report["seconds"] >= 0


@pytest.fixture
def invented() -> click.Group:
    """Return a group with one command for each way to end."""

    @click.group(cls=Group)
    def root() -> None:
        """Tests."""

    @root.command()
    def good() -> Outcome:
        return Outcome("Done.", {"answer": 42})

    @root.command()
    def refused() -> Outcome:
        raise CommandError("There is no such thing.")

    @root.command()
    def defect() -> Outcome:
        raise KeyError("lane")

    @root.command()
    def half() -> Outcome:
        return Outcome("Two of three.", {"done": 2}, problem="One is missing.")

    return root


@pytest.mark.parametrize(
    ("word", "code", "expected"),
    [
        ("good", 0, {"ok": True, "answer": 42}),
        ("refused", 1, {"ok": False, "problem": "There is no such thing."}),
        ("defect", 1, {"ok": False, "problem": "A defect of Vaivém: KeyError: 'lane'"}),
        ("half", 1, {"ok": False, "problem": "One is missing.", "done": 2}),
        ("nothing", 1, {"ok": False, "problem": "No such command 'nothing'."}),
    ],
)
def test_each_way_to_end(
    invented: click.Group,
    capsys: pytest.CaptureFixture[str],
    word: str,
    code: int,
    expected: dict[str, Any],
) -> None:
    assert run(invented, [word, "--json"]) == code
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report.pop("seconds") >= 0
    assert report == expected


def test_people_get_words(invented: click.Group, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(invented, ["half"]) == 1
    said = capsys.readouterr()
    assert said.out == "Two of three.\n"
    assert said.err == "Problem: One is missing.\n"


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"PORT": "many"}, "PORT must be a number from 0 to 65535; it is 'many'."),
        (
            {"DATABASE_URL": "sqlite:///x"},
            "DATABASE_URL must start with postgresql:// (PostgreSQL 15 or newer).",
        ),
        (
            {"DATABASE_URL": "postgresql://vaivem@127.0.0.1:1/x"},
            "The database does not answer: connection failed",
        ),
    ],
)
def test_settings_that_cannot_be_used(data_dir: Path, environ: dict[str, str], problem: str) -> None:
    code, report, _ = vaivem("migrate", "--json", VAIVEM_DATA_DIR=str(data_dir), **environ)
    assert code == 1
    assert report["problem"].startswith(problem)


def test_a_command_that_is_told_to_stop_reports_and_leaves_nothing(data_dir: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vaivem.cli", "migrate", "--json"],
        env={**os.environ, "VAIVEM_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    while not (data_dir / "postgresql/data/postmaster.pid").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert json.loads(output.splitlines()[-1])["problem"] == "Stopped before it was done."
    assert not (data_dir / "postgresql/data/postmaster.pid").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("serve", "nothing"), "There is no test account 'nothing'. There are: "),
        (("serve", "clicksign", "--limits", "soon"), ""),
        (("serve", "clicksign", "--retries", "often"), "--retries must list seconds, such as 1,5,15."),
    ],
)
def test_a_test_account_that_cannot_be_served(words: tuple[str, ...], problem: str) -> None:
    code, report, _ = vaivem("sandbox", *words, "--json")
    assert code == 1
    assert report["problem"].startswith(problem)


def test_a_test_account_says_where_it_is() -> None:
    code, report, done = vaivem("sandbox", "serve", "clicksign", "--exit-after-start", "--json")
    assert (code, report["ok"]) == (0, True)
    ready = json.loads(done.stdout.splitlines()[0])
    assert ready.keys() == {"name", "base_url", "credentials", "pages_url", "control_url"}
