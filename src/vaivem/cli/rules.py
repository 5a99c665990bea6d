"""Commands for rules kept as files: `rules apply` shows its plan first; `rules show` writes such a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vaivem.cli.database import on_tables
from vaivem.cli.reporting import CommandError, Group, Outcome, say
from vaivem.config import Config

if TYPE_CHECKING:
    from vaivem.hub.rules.files import Change, Plan
    from vaivem.hub.workspaces.models import Workspace

SIGNS = {"create": "+", "change": "~", "unchanged": "="}
COLOURS = {"+": "green", "-": "red"}


@click.group(cls=Group)
def rules() -> None:
    """Rules as files."""


@rules.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--workspace", help="The workspace's short name; the only one if left out.")
@click.option("--yes", is_flag=True, help="Apply without asking.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would change, and stop.")
def apply_file(file: Path, workspace: str | None, *, yes: bool, only_plan: bool) -> Outcome:
    """Make the rules and field combinations of FILE (YAML, or CSV for combinations).

    New rules are switched on; what the file does not name is left alone.
    """
    on_tables(Config.from_environment())
    from vaivem.core.errors import RuleError
    from vaivem.hub.rules import files
    from vaivem.hub.rules.words import sentence

    planned = _planned(file, _workspace(workspace))
    for change in planned.changes:
        _show(change)
    data = {"plan": [change.to_dict() for change in planned.changes], "applied": False}
    if not planned.ok:
        return Outcome("", data, "The file has problems; nothing was changed.")
    acts = planned.acts
    summary = ", ".join(f"{acts[act]} to {act.value}" for act in files.Act if act is not files.Act.UNCHANGED)
    summary += f", {acts[files.Act.UNCHANGED]} unchanged"
    if only_plan or acts[files.Act.UNCHANGED] == len(planned.changes):
        return Outcome(f"{summary}.", data)
    if not yes:
        click.confirm(f"{summary}. Apply?", abort=True, err=True)
    try:
        made = files.apply(planned)
    except RuleError as error:  # somebody changed something since the plan was made
        raise CommandError(sentence(error.problem)) from error
    return Outcome(
        f"Applied: {summary}.",
        data
        | {
            "applied": True,
            "rules": [{"id": rule.pk, "title": rule.title, "state": rule.state} for rule in made],
        },
    )


@rules.command("show")
@click.option("--workspace", help="The workspace's short name; the only one if left out.")
def show_file(workspace: str | None) -> Outcome:
    """Write the workspace's rules as a file that `rules apply` reads."""
    on_tables(Config.from_environment())
    from vaivem.hub.rules.catalog import WorkspaceCatalog
    from vaivem.hub.rules.files import as_file
    from vaivem.hub.rules.models import Rule

    chosen = _workspace(workspace)
    kept = list(Rule.objects.filter(workspace=chosen).exclude(state="removed").order_by("id"))
    catalog = WorkspaceCatalog(chosen)
    text = as_file(kept, catalog, list(catalog.combinations.values()))
    return Outcome(text.rstrip(), {"file": text})


def _planned(file: Path, workspace: Workspace) -> Plan:
    from vaivem.hub.rules.files import FileError, plan
    from vaivem.hub.rules.words import sentence

    try:
        return plan(file.read_text("utf-8"), workspace)
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not text in UTF-8.") from error
    except FileError as error:
        for problem in error.placed:
            say(click.style(f"  ! line {problem.path}: {sentence(problem)}", fg="red"))
        raise CommandError(sentence(error.whole)) from error


def _workspace(slug: str | None) -> Workspace:
    from vaivem.hub.workspaces.access import AccessError, chosen_workspace

    try:
        return chosen_workspace(slug)
    except AccessError as error:
        raise CommandError(str(error)) from error


def _show(change: Change) -> None:
    from vaivem.hub.rules.words import sentence

    say(f"{SIGNS[change.act.value]} {change.title}" + ("" if change.enabled else "  (not enabled)"))
    if change.touches:
        say(f"    published anew: {', '.join(change.touches)}")
    for line in change.diff:
        say("    " + click.style(line, fg=COLOURS.get(line[:1])))
    for problem, number in zip(change.problems, change.lines, strict=True):
        places = [f"line {number}" if number else "", problem.path]
        place = ", ".join(filter(None, places))
        say(
            click.style(
                f"  ! {place}: {sentence(problem)}" if place else f"  ! {sentence(problem)}", fg="red"
            )
        )
