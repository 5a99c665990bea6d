"""An option that names parts takes them again and again, or with commas: the same in every command."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from vaivem.chaos.command import chaos
from vaivem.cli.bench import bench


def run(command: click.Command, folder: Path, *arguments: str) -> Result:
    return CliRunner(env={"VAIVEM_DATA_DIR": str(folder)}).invoke(command, [*arguments])


@pytest.mark.parametrize("command", [bench, chaos], ids=["bench", "chaos"])
@pytest.mark.parametrize(
    "given",
    [
        ["--only", "no-such", "--only", "no-other"],
        ["--only", "no-such,no-other"],
        ["--only", "no-such, no-other", "--only", "no-such"],
    ],
)
def test_every_form_names_each_part_once(command: click.Command, given: list[str], tmp_path: Path) -> None:
    problem = str(run(command, tmp_path, *given).exception)
    assert problem.count("no-such") == problem.count("no-other") == 1
    assert "no-such, no-other;" in problem, "two names, and not one with a comma in it"


@pytest.mark.parametrize("command", [bench, chaos], ids=["bench", "chaos"])
@pytest.mark.parametrize("given", ["", ",", " , "])
def test_naming_nothing_does_not_run_all(command: click.Command, given: str, tmp_path: Path) -> None:
    done = run(command, tmp_path, "--only", given)
    assert done.exit_code != 0
    assert "names nothing" in done.output


def test_those_that_are_named_are_chosen_in_that_order() -> None:
    from vaivem.chaos.command import _chosen
    from vaivem.chaos.stage import Form

    assert [one.key for one in _chosen(("paused", "kills"), Form.USUAL)] == ["paused", "kills"]


@pytest.mark.parametrize("command", [bench, chaos], ids=["bench", "chaos"])
def test_the_help_says_both(command: click.Command) -> None:
    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "separated by commas, or given again" in text
