"""Asks a vendor whether a connection works: whose it is, what is missing, which lists it has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from django.utils.translation import gettext as _

from vaivem.config import Config
from vaivem.connectors import sdk
from vaivem.connectors.sdk import Account, CheckResult, Writer
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import ReconnectError, RetryError, RuleError, VaivemError
from vaivem.core.fields import Option
from vaivem.engine.catalogs import read_catalog
from vaivem.engine.direct import DirectCaller
from vaivem.hub.connections.models import OAuthApp
from vaivem.hub.connections.oauth_apps import open_app
from vaivem.hub.messages import Explained, connector_text, explain_error

PATIENCE_SECONDS = 40.0
FAREWELL_SECONDS = 10.0
SAID_FULLY = frozenset({"consent_required", "private_key_unreadable"})  # their advice is for who connects
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checks: `state` is ok, warn or bad."""

    state: str
    text: str
    note: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the form that is kept between two steps of connecting."""
        return {"state": self.state, "text": self.text, "note": self.note}


def ask_account(config: Config, connection: sdk.Connection) -> Account:
    """Test the credentials; raises what the vendor's refusal means."""
    connector = get_connector(connection.connector)
    return _ask(config, connection, connector.account)


def ask_checks(config: Config, connection: sdk.Connection) -> list[Finding]:
    """Run the connector's checks; an error is the last line of them."""
    connector = get_connector(connection.connector)
    try:
        results = _ask(config, connection, connector.checks)
    except VaivemError as error:
        return [bad(explain_error(error, connection.connector))]
    return [check_line(connection.connector, result) for result in results]


def ask_catalog(config: Config, connection: sdk.Connection) -> Mapping[str, Any]:
    """Read the vendor's lists and custom fields."""
    connector = get_connector(connection.connector)

    async def read(writer: Writer) -> Mapping[str, Any]:
        return await read_catalog(connector, writer)

    return _ask(config, connection, read)


def ask_list(config: Config, connection: sdk.Connection, source: str) -> list[Option]:
    """Read one live list."""
    connector = get_connector(connection.connector)

    async def read(writer: Writer) -> list[Option]:
        return await connector.live_list(writer, source)

    return _ask(config, connection, read)


def ask_prepare(config: Config, connection: sdk.Connection, choice: str) -> Mapping[str, Any]:
    """Make at the vendor what the connector offers for this setting; return the settings to keep."""
    connector = get_connector(connection.connector)

    async def make(writer: Writer) -> Mapping[str, Any]:
        return await connector.prepare(writer, choice)

    return _ask(config, connection, make)


def ask_removal(config: Config, connection: sdk.Connection, address: str) -> None:
    """Remove our webhooks at the vendor; also those from before a person took over."""
    webhooks = get_connector(connection.connector).webhooks
    if webhooks is None or not webhooks.managed or not address:
        return

    async def remove(writer: Writer) -> None:
        await webhooks.remove(writer, address)

    _ask(config, connection, remove)


def ask_revocation(config: Config, connection: sdk.Connection, app: OAuthApp | None) -> None:
    """Give the access back to the vendor. Raises RuleError without an app, else what a refusal means."""
    if app is None:
        raise RuleError("oauth_app_missing", params={"connector": connection.connector})
    opened = open_app(app)

    async def asked() -> None:
        try:
            async with asyncio.timeout(FAREWELL_SECONDS), DirectCaller(config, connection) as caller:
                await caller.revoke(opened)
        except TimeoutError as error:
            raise RetryError("vendor_timed_out") from error

    async_to_sync(asked)()


def check_line(connector: str, result: CheckResult) -> Finding:
    """Return a check's result in words."""
    text = connector_text(connector, f"checks.{result.key}.{result.state}", **result.params)
    return Finding(result.state, text or f"{result.key}: {result.state}")


def bad(explained: Explained) -> Finding:
    """Return a problem as a line."""
    return Finding("bad", explained.text, explained.next)


def refused(error: VaivemError, connector: str) -> Finding:
    """Return why the access just entered does not work; advice for existing connections would mislead."""
    explained = explain_error(error, connector)
    own = error.code in SAID_FULLY or connector_text(connector, f"errors.{error.code}.next")
    if isinstance(error, ReconnectError) and not own:
        return Finding("bad", explained.text, _("Check what you entered, then test again."))
    return bad(explained)


def _ask(config: Config, connection: sdk.Connection, question: Callable[[Writer], Awaitable[T]]) -> T:
    async def asked() -> T:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), DirectCaller(config, connection) as caller:
                return await question(caller)
        except TimeoutError as error:
            raise RetryError("vendor_timed_out") from error

    answer: T = async_to_sync(asked)()
    return answer
