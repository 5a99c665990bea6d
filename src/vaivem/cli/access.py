"""Commands that let people and programs in: a sign-in link, an API token, the first owner's code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from vaivem.cli.database import on_tables
from vaivem.cli.reporting import CommandError, Group, Outcome
from vaivem.config import Config
from vaivem.processes.occupancy import running_address

Made = TypeVar("Made")


@click.command("login-link", cls=Group.command_class)
@click.option("--email", help="Whose link; the first owner's if left out.")
def login_link(email: str | None) -> Outcome:
    """Make a sign-in link that works once, within 15 minutes."""
    config = Config.from_environment()
    on_tables(config)
    from vaivem.hub.connections.addresses import public_address
    from vaivem.hub.workspaces import access

    path = _given(lambda: access.make_login_link(email))
    url = (public_address() or running_address(config.data_dir) or config.local_url) + path
    return Outcome(url, {"url": url, "path": path, "minutes": access.LINK_MINUTES})


@click.command("owner-code", cls=Group.command_class)
def owner_code() -> Outcome:
    """Show the code that the first owner types at the first sign-in."""
    on_tables(Config.from_environment())
    from vaivem.hub.workspaces import access

    if not access.needs_owner():
        return Outcome("There is an owner already; `vaivem login-link` signs them in.", {"code": None})
    code = access.owner_code()
    return Outcome(code, {"code": code})


@click.command("second-factor-off", cls=Group.command_class)
@click.argument("email")
def second_factor_off(email: str) -> Outcome:
    """Take the second factor of EMAIL away: for somebody who lost the phone and the recovery codes."""
    on_tables(Config.from_environment())
    from vaivem.hub.workspaces.second_factor import remove_second_factor

    removed = _given(lambda: remove_second_factor(email))
    return Outcome(f"{email} signs in without a second factor now." if removed else "There was none.")


@click.group("api-token", cls=Group)
def api_token() -> None:
    """Tokens for programs that use /api/v1."""


@api_token.command("create")
@click.option("--workspace", help="The workspace's short name; the only one if left out.")
@click.option("--name", default="command line", show_default=True, help="What the token is for.")
@click.option(
    "--scope", "scopes", multiple=True, help="What it may do: read, rules:write …; everything if left out."
)
@click.option("--days", type=click.IntRange(1, 3650), help="How long it works; until revoked if left out.")
def create(workspace: str | None, name: str, scopes: tuple[str, ...], days: int | None) -> Outcome:
    """Make a token and print it once."""
    on_tables(Config.from_environment())
    from vaivem.hub.workspaces import access
    from vaivem.hub.workspaces.scopes import ACTS

    token = _given(lambda: access.make_api_token(workspace, name, scopes or ACTS, days))
    return Outcome(token, {"token": token, "name": name})


def _given(make: Callable[[], Made]) -> Made:
    from vaivem.hub.workspaces.access import AccessError

    try:
        return make()
    except AccessError as error:
        raise CommandError(str(error)) from error
