"""How every command reports: words for people, or (with `--json`) one JSON object for programs.

With `--json`, progress goes to stderr and the last line of stdout is one object with at least `ok` and
`seconds`, and `problem` if not ok; the exit code is 0 or 1. `Command` adds the option, and `run`
(called once, by `main`) is the only place that prints a result, so that no command can forget either.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import FrameType
from typing import Any

import click
from typing_extensions import override


class CommandError(Exception):
    """A command could not do what it was asked; the text is a sentence."""


class Terminated(BaseException):
    """SIGTERM came while a command worked. As KeyboardInterrupt, it is no error."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command found or did: `text` for people, `data` for programs."""

    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked."""
        return not self.problem


class Command(click.Command):
    """A command that can report to programs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--json"], is_flag=True, expose_value=False, help="Report one JSON object on the last line."
            )
        )


class Group(click.Group):
    """A group whose commands report. A command's module is imported when it is called."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, modules: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._modules = dict(modules or {})

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self._modules, *super().list_commands(ctx)})

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = self._modules.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(module), cmd_name.replace("-", "_"))
        return command


def say(text: str) -> None:
    """Tell a person about progress, on stderr."""
    click.echo(text, err=True)


def run(root: click.Command, arguments: Sequence[str]) -> int:
    """Run the command line and report; return the exit code."""
    as_json = "--json" in arguments
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        result = root.main(args=list(arguments), prog_name="vaivem", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort, Terminated):
        outcome = Outcome(problem="Stopped before it was done.")
    except click.exceptions.NoArgsIsHelpError as error:
        outcome = Outcome(error.format_message(), problem="Say which command." if as_json else "")
    except click.ClickException as error:
        outcome = Outcome(problem=error.format_message())
    except Exception as error:  # noqa: BLE001 - the last place where a defect can still be reported
        outcome = _failed(error)
    else:
        if not isinstance(result, Outcome):  # the help was shown
            return int(result or 0)
        outcome = result
    return _report(outcome, as_json=as_json, seconds=time.monotonic() - began)


def _failed(error: Exception) -> Outcome:
    # Imported only now: a process that stays for months would keep what it has no other use for.
    import psycopg

    from vaivem.cli.migration import MigrationError
    from vaivem.config import ConfigError
    from vaivem.postgres import DatabaseError
    from vaivem.postgres.server import DISK_FULL_WORDS
    from vaivem.processes.occupancy import OccupiedError
    from vaivem.processes.parts import PartError
    from vaivem.vault import VaultError

    if isinstance(error, psycopg.OperationalError):
        full = DISK_FULL_WORDS in str(error)
        what = "The database's disk is full" if full else "The database does not answer"
        return Outcome(problem=f"{what}: {str(error).strip()}")
    # Their texts are sentences for the operator. Anything else is a defect of ours, and shown with its trace.
    known = (
        CommandError, ConfigError, DatabaseError, MigrationError, OccupiedError, PartError, VaultError
    )  # fmt: skip
    if not isinstance(error, known):
        traceback.print_exception(error)
        return Outcome(problem=f"A defect of Vaivém: {type(error).__name__}: {error}")
    detail = getattr(error, "detail", "")
    if detail:
        say(detail)
    return Outcome(problem=str(error))


def _report(outcome: Outcome, *, as_json: bool, seconds: float) -> int:
    if as_json:
        report: dict[str, Any] = {"ok": outcome.ok, "seconds": round(seconds, 3), **outcome.data}
        if not outcome.ok:
            report["problem"] = outcome.problem
        sys.stdout.write(json.dumps(report, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()
    else:
        if outcome.text:
            click.echo(outcome.text)
        if not outcome.ok:
            click.echo(click.style("Problem: ", fg="red") + outcome.problem, err=True)
    return 0 if outcome.ok else 1


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # asked once is enough: what is given up now is given up in order
    raise Terminated
