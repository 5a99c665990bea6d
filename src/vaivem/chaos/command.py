"""The command `vaivem chaos`."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

import click

from vaivem.chaos.counting import Counts
from vaivem.chaos.scenarios import SCENARIOS
from vaivem.chaos.stage import Form, Scenario, Stage, fresh_folder
from vaivem.cli.database import on_tables
from vaivem.cli.naming import Seconds, names
from vaivem.cli.reporting import Command, CommandError, Outcome, say
from vaivem.config import Config

COLUMNS = ("events", "lost", "doubled", "out of order", "stuck", "recovery", "decisions", "seconds")
WIDTHS = (8, 6, 9, 14, 7, 10, 11, 9)


@click.command(cls=Command)
@click.option("--short", is_flag=True, help="The kills alone, within 50 seconds.")
@click.option("--long", is_flag=True, help="Every scenario at its full size; about an hour.")
@click.option("--seconds", type=Seconds(5, 3600), help="How long the faults of each scenario go on.")
@click.option("--seed", type=int, help="Repeat a run's chance; it is printed with every result.")
@click.option(
    "--only",
    multiple=True,
    callback=names,
    metavar="NAMES",
    help="These scenarios alone, separated by commas, or given again.",
)
@click.option("--list", "listing", is_flag=True, help="Say which scenarios there are, and end.")
def chaos(
    *, short: bool, long: bool, seconds: float | None, seed: int | None, only: tuple[str, ...], listing: bool
) -> Outcome:
    """Break everything while events go through, and count what is lost, doubled, out of order or stuck.

    All of it happens in a temporary folder on this machine; an installation that runs here is not touched.
    """
    if listing:
        return Outcome("\n".join(f"{one.key:<14} {one.title}{_reason(one)}" for one in SCENARIOS))
    if short and long:
        raise CommandError("--short and --long say two things: choose one.")
    form = Form.SHORT if short else Form.LONG if long else Form.USUAL
    chosen = _chosen(only, form)
    seed = secrets.randbelow(10**6) if seed is None else seed
    say(_head())
    played = [asyncio.run(_play(scenario, form, seed, seconds)) for scenario in chosen]
    return _outcome(played, seed, form, chosen)


@click.command("chaos-seed", cls=Command, hidden=True)
@click.argument("plan")
def chaos_seed(plan: str) -> Outcome:
    """Make the workspace of a chaos run. PLAN is JSON."""
    on_tables(Config.from_environment())
    from vaivem.chaos.seeding import seed

    return Outcome("", {"ways": seed(json.loads(plan))})


@click.command("chaos-reconnect", cls=Command, hidden=True)
@click.argument("connection", type=int)
@click.argument("token")
def chaos_reconnect(connection: int, token: str) -> Outcome:
    """Give a connection of a chaos run new credentials."""
    on_tables(Config.from_environment())
    from vaivem.chaos.seeding import reconnect

    reconnect(connection, token)
    return Outcome("")


def _chosen(only: tuple[str, ...], form: Form) -> list[Scenario]:
    known = {one.key: one for one in SCENARIOS}
    unknown = [key for key in only if key not in known]
    if unknown:
        raise CommandError(f"There is no scenario {', '.join(unknown)}; there are {', '.join(known)}.")
    if only:
        return [known[key] for key in only]
    return [one for one in SCENARIOS if one.short or form is not Form.SHORT]


async def _play(scenario: Scenario, form: Form, seed: int, seconds: float | None) -> dict[str, Any]:
    """Play one scenario; whatever it raises is a problem of its result."""
    begun = time.monotonic()
    row: dict[str, Any] = {"scenario": scenario.key, "title": scenario.title, "seed": seed}
    reason = scenario.lacks()
    if reason:
        say(f"{scenario.key:<14} not run: {reason}")
        return {**row, "ok": False, "not_run": reason}
    with fresh_folder() as folder:
        stage = Stage(seed, form, folder, seconds)
        try:
            counts = await scenario.play(stage)
        except Exception as error:  # noqa: BLE001 - one scenario that breaks does not hide the others
            counts = stage.counts
            counts.problems.append(f"the scenario broke: {type(error).__name__}: {error}")
    taken = time.monotonic() - begun
    say(_line(scenario.key, counts, taken))
    if not counts.ok:
        say("\n".join(f"    {problem}" for problem in counts.problems))
        say(stage.words)
    return {**row, **counts.to_dict(), "seconds": round(taken, 1)}


def _outcome(played: Sequence[dict[str, Any]], seed: int, form: Form, chosen: Sequence[Scenario]) -> Outcome:
    missing = [row["scenario"] for row in played if "not_run" in row]
    broken = [row["scenario"] for row in played if not row["ok"] and "not_run" not in row]
    whole = form is not Form.SHORT and len(chosen) == len(SCENARIOS) and not missing
    data = {"seed": seed, "form": form.value, "whole": whole, "scenarios": list(played)}
    text = f"Seed {seed}. " + ("The result is whole." if whole else "The result is not whole: ")
    if not whole:
        left = [one.key for one in SCENARIOS if one not in chosen]
        text += (
            "; ".join(
                [f"not run: {', '.join(missing)}"] * bool(missing)
                + [f"not asked for: {', '.join(left)}"] * bool(left)
            )
            + "."
        )
    problem = f"The guarantees did not hold in: {', '.join(broken)}." if broken else ""
    return Outcome(text, data, problem)


def _reason(scenario: Scenario) -> str:
    reason = scenario.lacks()
    return f"\n{'':<14} cannot run here: {reason}" if reason else ""


def _head() -> str:
    return f"{'scenario':<14}" + "".join(
        f"{name:>{width}}" for name, width in zip(COLUMNS, WIDTHS, strict=True)
    )


def _line(key: str, counts: Counts, taken: float) -> str:
    recovery = "-" if counts.recovery_seconds is None else f"{counts.recovery_seconds:.1f} s"
    cells = (
        f"{counts.acknowledged:,}", f"{counts.lost}", f"{counts.doubled}", f"{counts.out_of_order}",
        f"{counts.stuck}", recovery, f"{counts.decisions}", f"{taken:.0f}",
    )  # fmt: skip
    shown = f"{key:<14}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
    notes = "; ".join(f"{name}: {_shown(value)}" for name, value in counts.notes.items())
    return shown + (f"\n{'':<14}  {notes}" if notes else "")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
