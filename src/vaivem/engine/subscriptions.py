"""Webhooks at the vendors: registered, adopted, put back and moved by us.

A connection's `subscription` says what was found: `address` is the one that stands at the vendor, `wanted`
the one that should, `ids`, `kinds`, when it was `checked` (None: look again soon), `mended`, the `problem`.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any

import asyncpg

from vaivem.config import Config
from vaivem.connectors.sdk import Webhooks
from vaivem.core.errors import BugError, Recovery, RetryError, VaivemError
from vaivem.engine.caller import Caller
from vaivem.engine.clock import Clock
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, Topology
from vaivem.vault import Vault

log = logging.getLogger(__name__)


class Subscriptions:
    """Keeps each connection's subscription at its vendor as it has to be."""

    def __init__(
        self,
        config: Config,
        pool: asyncpg.Pool,
        topology: Topology,
        caller: Caller,
        clock: Clock,
        vault: Vault,
    ) -> None:
        self._config = config
        self._pool = pool
        self._topology = topology
        self._caller = caller
        self._clock = clock
        self._vault = vault

    async def address(self, line: Line) -> str:
        """Return the address that the vendor delivers to; "" when it has no way to reach us."""
        public = self._config.public_url or await self._chosen_address()
        if public:
            return f"{public}/hook/{line.hook}"
        return f"{self._config.local_url}/hook/{line.hook}" if line.test_account else ""

    async def _chosen_address(self) -> str:
        """Return the public address chosen on the settings page."""
        value = await self._pool.fetchval(statement("chores", "fact"), "public_address")
        return str(json.loads(value).get("url") or "").rstrip("/") if value else ""

    async def keep_all(self) -> None:
        """Look after every connection whose subscription is not right, or was not looked at lately."""
        for line in list(self._topology.lines.values()):
            if self._is_ours(line) and await self._needs_look(line):
                await self.keep(line)  # tells its own problems: one vendor's are no other's

    @staticmethod
    def _is_ours(line: Line) -> bool:
        webhooks = line.connector.webhooks
        ours = webhooks is not None and not webhooks.by_hand(line.connection)
        return line.wants_hook and ours and line.state == "working"

    async def _needs_look(self, line: Line) -> bool:
        known = line.subscription
        if known.get("wanted", known.get("address")) != await self.address(line) or known.get(
            "kinds"
        ) != self._kinds(line):
            return True
        checked = known.get("checked")
        if not checked:
            return True
        pause = 60.0 * line.connector.manifest.webhook_check_minutes
        return (self._clock.now() - datetime.fromisoformat(checked)).total_seconds() >= pause

    @staticmethod
    def _kinds(line: Line) -> list[str]:
        """Return every event kind that a rule may use: a new rule then needs no change at the vendor."""
        webhooks = line.connector.webhooks
        if webhooks is None:
            return []
        used = {kind for trigger in line.connector.triggers for kind in trigger.kinds}
        return sorted(used - webhooks.derived)

    async def keep(self, line: Line) -> None:
        """Make one subscription right, and write down what was found."""
        webhooks, address = line.connector.webhooks, await self.address(line)
        if webhooks is None or webhooks.by_hand(line.connection):
            return
        found: dict[str, Any] = dict(line.subscription)
        found |= {"wanted": address, "kinds": self._kinds(line), "checked": self._clock.now().isoformat()}
        before, found["problem"] = found.get("problem"), {}
        if not address:
            found["problem"] = {"code": "no_public_address"}
        else:
            try:
                await self._ensure(line, webhooks, address, found)
            except VaivemError as error:
                log.warning(
                    "Connection %s: the webhook is not right: %s", line.connection.id, error, extra=line.ids
                )
                found["problem"] = before or {}
                self._note_problem(found, error)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                raise  # the database, not the vendor
            except Exception as error:  # a connector's bug: this webhook has a problem, the others have none
                log.exception(
                    "Connection %s: its webhook could not be looked after", line.connection.id, extra=line.ids
                )
                self._note_problem(found, BugError(detail=repr(error)))
        await self._pool.execute(
            statement("topology", "save_subscription"), line.connection.id, json.dumps(found)
        )

    @staticmethod
    def _note_problem(found: dict[str, Any], error: VaivemError) -> None:
        if not (isinstance(error, RetryError) and error.limit):  # a limit says nothing of the webhook
            found["problem"] = error.problem.to_dict()
        if error.recovery in (Recovery.RETRY, Recovery.RESOLVE):
            found["checked"] = None  # it passes: the next round tries again

    async def _ensure(self, line: Line, webhooks: Webhooks, address: str, found: dict[str, Any]) -> None:
        """Ask the vendor, under a lock: two workers never make a second subscription."""
        before = str(line.subscription.get("address") or "")
        writer = ChoreCaller(self._caller, line)
        async with self._pool.acquire() as db, db.transaction():
            await db.execute(statement("topology", "connection_lock"), -line.connection.id)
            made = await webhooks.ensure(writer, address, found["kinds"])
            if not await self._save_secrets(db, line, dict(made.secrets)):
                found["checked"] = None  # somebody saved other credentials meanwhile: looked at again
        found["ids"] = list(made.ids)
        if before and before != address:
            await webhooks.remove(writer, before)
        found["address"] = address  # the old one is known until it is gone
        if made.mended:
            found["mended"] = {"at": self._clock.now().isoformat(), "what": list(made.mended)}

    async def _save_secrets(
        self, db: asyncpg.pool.PoolConnectionProxy, line: Line, secrets: dict[str, Any]
    ) -> bool:
        row = await db.fetchrow(statement("topology", "credentials"), line.connection.id)
        stored = self._vault.open(row["credentials"])
        if stored.get("webhook") == secrets:
            return True
        sealed = self._vault.seal({**stored, "webhook": secrets})
        saved = await db.fetchval(
            statement("topology", "save_webhook_secrets"), line.connection.id, row["credentials"], sealed
        )
        return saved is not None
