"""Connections and rules as the data plane sees them: read once, refreshed when told.

The control plane's tables notify ``vv_config`` on every change; a process that missed it looks again every
ten seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from vaivem.connectors.sdk import Connection, Connector, Trigger
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.compiled_steps import CompiledAction, CompiledBranch, CompiledStep
from vaivem.core.compiler import CompiledRule
from vaivem.core.errors import BugError, RuleError, VaivemError
from vaivem.engine.links import SESSION
from vaivem.engine.statements import statement
from vaivem.logs import hide
from vaivem.vault import Vault, VaultError

CHANNEL = "vv_config"
REFRESH_SECONDS = 10.0

log = logging.getLogger(__name__)


class Fetches(Protocol):
    """Anything that runs a query: a connection, a pool, a link."""

    async def fetch(self, query: str, /, *arguments: Any) -> list[asyncpg.Record]:
        """Return the rows."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """A connection with the code that knows its vendor."""

    connection: Connection
    connector: Connector
    hook: str
    state: str
    wants_hook: bool = False
    catch_up: bool = True
    test_account: bool = False
    subscription: Mapping[str, Any] = field(default_factory=dict)
    expires: datetime | None = None
    refreshed: datetime | None = None
    locked: bool = False  # no key here opens its credentials

    @property
    def ids(self) -> dict[str, int]:
        """What the log says that a message about this connection is about."""
        return {"workspace": self.connection.workspace, "connection": self.connection.id}


@dataclass(frozen=True, slots=True)
class RuleUse:
    """A published version of a rule. `gate` is its main target connection (0: none)."""

    id: int
    workspace: int
    version: int
    compiled: CompiledRule
    trigger: Trigger
    source: int
    gate: int
    paused: bool
    on_since: datetime | None

    @property
    def options(self) -> Mapping[str, Any]:
        """The trigger's options as the rule chose them."""
        return self.compiled.rule.when.options


class Topology:
    """The current connections and rules of all workspaces in this database."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.lines: dict[int, Line] = {}
        self.hooks: dict[str, int] = {}
        self.rules: dict[int, RuleUse] = {}
        self._by_kind: dict[tuple[int, str], list[RuleUse]] = {}
        self.tests: dict[int, RuleUse] = {}
        self._tests_by_kind: dict[tuple[int, str], list[RuleUse]] = {}
        self._writers: dict[int, list[int]] = {}
        self._versions: dict[tuple[int, int], RuleUse] = {}
        self.zones: dict[int, str] = {}
        self._complaints: set[tuple[int, int, str]] = set()
        # What was made of rows that are as they were: all are read every ten seconds, and few ever change.
        self._kept_lines: dict[int, tuple[int, Line]] = {}
        self._kept_uses: dict[tuple[int, int], tuple[int, RuleUse]] = {}

    def rules_for(self, connection: int, kind: str) -> list[RuleUse]:
        """Return the rules that start from this kind of event at this connection."""
        return self._by_kind.get((connection, kind), [])

    def tests_for(self, connection: int, kind: str) -> list[RuleUse]:
        """Return the drafts that wait for one event of this kind at this connection, to be tried with it."""
        return self._tests_by_kind.get((connection, kind), [])

    async def load(self, db: Fetches) -> None:
        """Read everything again."""
        lines = await self._read_lines(db)
        self.zones = {row["id"]: row["zone"] for row in await db.fetch(statement("topology", "zones"))}
        self.lines = lines
        known, self._kept_uses = self._kept_uses, {}
        rules, by_kind = self._uses(await db.fetch(statement("topology", "rules")), known)
        self.tests, self._tests_by_kind = self._uses(await db.fetch(statement("topology", "tests")), known)
        self.hooks = {line.hook: number for number, line in lines.items()}
        self.rules, self._by_kind = rules, by_kind
        self._writers = _writers(rules.values())
        self._versions = {(use.id, use.version): use for use in rules.values()}

    async def load_one(self, db: Fetches, connection: int) -> Line | None:
        """Return one connection as it is now, without keeping it; None when it is gone."""
        rows = await db.fetch(statement("topology", "one_connection"), connection)
        return self._line(rows[0]) if rows else None

    async def _read_lines(self, db: Fetches) -> dict[int, Line]:
        rows = await db.fetch(statement("topology", "connections"))
        known, self._kept_lines = self._kept_lines, {}
        lines = {}
        for row in rows:
            number, looks = row["id"], hash(row)
            looked, line = known.get(number, (0, None))
            if line is None or looked != looks:
                line = self._line(row)
            if line is None:
                continue
            hide(line.connection.credentials)  # each time: what is hidden is forgotten when much else was
            lines[number] = line
            if not line.locked:
                self._kept_lines[number] = (looks, line)
        return lines

    def writers(self, connection: int) -> list[int]:
        """Return the rules that write to a connection."""
        return self._writers.get(connection, [])

    def heard(self) -> set[int]:
        """Return the connections that a rule which is on starts from, or waits at for something to happen."""
        uses = [use for use in self.rules.values() if not use.paused]
        return {use.source for use in uses}.union(*(use.compiled.awaited for use in uses))

    def in_use(self) -> set[int]:
        """Return the connections that rules which are on start from or call."""
        used: set[int] = set()
        for use in (*self.rules.values(), *self.tests.values()):
            if not use.paused:
                used |= set(use.compiled.connections.values())
        return used

    def _uses(
        self, rows: list[asyncpg.Record], known: Mapping[tuple[int, int], tuple[int, RuleUse]]
    ) -> tuple[dict[int, RuleUse], dict[tuple[int, str], list[RuleUse]]]:
        """Return the rules of these rows that can be used, by id and by what they listen to."""
        rules: dict[int, RuleUse] = {}
        by_kind: dict[tuple[int, str], list[RuleUse]] = {}
        for row in rows:
            key, looks = (row["id"], row["number"]), hash(row)
            looked, use = known.get(key, (0, None))
            try:
                if use is None or looked != looks or use.source not in self.lines:
                    use = self._rule(row)
            except VaivemError as error:
                self._complain(row, error)
                continue
            rules[use.id] = use
            self._kept_uses[key] = (looks, use)
            for kind in use.trigger.kinds:
                by_kind.setdefault((use.source, kind), []).append(use)
        return rules, by_kind

    async def version(self, db: asyncpg.Pool, rule: int, number: int) -> RuleUse:
        """Return the version that a run began with: an edited rule's runs finish their version.

        Raises RuleError when it is gone, or what it starts from is.
        """
        use = self._versions.get((rule, number))
        if use is None:
            row = await db.fetchrow(statement("topology", "version"), rule, number)
            if row is None:
                raise RuleError("rule_is_gone")
            use = self._versions[(rule, number)] = self._rule(row)
        return use

    def _line(self, row: asyncpg.Record) -> Line | None:
        if row["connector"] not in connector_keys():
            log.error("Connection %s uses an unknown connector %s", row["id"], row["connector"])
            return None
        connector = get_connector(row["connector"])
        settings = connector.manifest.defaults() | json.loads(row["settings"])
        locked = False
        try:
            credentials = self._vault.open(row["credentials"]) if row["credentials"] else {}
        except VaultError as error:
            log.error("Connection %s: %s", row["id"], error)
            credentials, locked = {}, True
        hide(credentials)
        connection = Connection(
            id=row["id"],
            workspace=row["workspace_id"],
            connector=row["connector"],
            name=row["name"],
            method=row["method"],
            credentials=credentials,
            settings=settings,
            account=json.loads(row["account"]),
            catalog=json.loads(row["catalog"]),
        )
        return Line(
            connection,
            connector,
            row["hook"],
            row["state"],
            row["wants_hook"],
            row["catch_up"],
            row["test_account"],
            json.loads(row["subscription"]),
            row["expires"],
            row["refreshed"],
            locked,
        )

    def _complain(self, row: asyncpg.Record, error: VaivemError) -> None:
        """Say once that a rule cannot be used, and why."""
        said = (row["id"], row["number"], str(error))
        if said not in self._complaints:
            self._complaints.add(said)
            log.error("Rule %s version %s cannot be used: %s", *said)

    def _rule(self, row: asyncpg.Record) -> RuleUse:
        """Read a version; raises RuleError when its source or its trigger is gone."""
        try:
            compiled = CompiledRule.from_dict(json.loads(row["compiled"]))
        except (KeyError, ValueError, TypeError) as error:
            raise BugError(detail=f"the compiled form cannot be read: {error!r}") from error
        source, key = compiled.connection_id, compiled.rule.when.trigger
        line = self.lines.get(source)
        if line is None:
            raise RuleError("connection_is_gone", params={"connection": source})
        try:
            trigger = line.connector.trigger(key)
        except KeyError as error:
            raise RuleError("trigger_is_gone", params={"trigger": key}) from error
        return RuleUse(
            id=row["id"],
            workspace=row["workspace_id"],
            version=row["number"],
            compiled=compiled,
            trigger=trigger,
            source=source,
            gate=main_connection(compiled.steps),
            paused=row["state"] == "paused",
            on_since=row["on_since"],
        )


def main_connection(steps: Iterable[CompiledStep]) -> int:
    """Return the connection of the first step that calls anyone: the gate of the rule's lanes (0: none)."""
    for step in steps:
        found = 0
        if isinstance(step, CompiledAction):
            found = step.connection_id
        elif isinstance(step, CompiledBranch):
            found = main_connection(step.then) or main_connection(step.otherwise)
        if found:
            return found
    return 0


def _writers(rules: Iterable[RuleUse]) -> dict[int, list[int]]:
    """Return the rules with a step at a connection, by connection."""
    found: dict[int, list[int]] = {}
    for use in rules:
        for conn in sorted(_called(use.compiled.steps)):
            found.setdefault(conn, []).append(use.id)
    return found


def _called(steps: Iterable[CompiledStep]) -> set[int]:
    found: set[int] = set()
    for step in steps:
        if isinstance(step, CompiledAction):
            found.add(step.connection_id)
        elif isinstance(step, CompiledBranch):
            found |= _called(step.then) | _called(step.otherwise)
    return found


class TopologyKeeper:
    """Keeps a topology fresh over a connection of its own."""

    def __init__(self, dsn: str, topology: Topology) -> None:
        self._dsn = dsn
        self._topology = topology
        self._dirty = asyncio.Event()

    async def run(self) -> None:
        """Refresh for as long as the process lives; a lost database is looked for again."""
        while True:
            try:
                await self._follow()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("The configuration cannot be read now: %s", error)
                await asyncio.sleep(0.5)

    async def _follow(self) -> None:
        db = await asyncpg.connect(self._dsn, server_settings=SESSION)
        try:
            await db.add_listener(CHANNEL, lambda *_: self._dirty.set())
            db.add_termination_listener(lambda *_: self._dirty.set())  # a lost line is noticed at once
            while True:
                self._dirty.clear()
                await self._topology.load(db)
                try:
                    async with asyncio.timeout(REFRESH_SECONDS):
                        await self._dirty.wait()
                    await asyncio.sleep(0.02)
                except TimeoutError:
                    continue
        finally:
            # Whatever goes wrong here must not stand in for a cancellation: it would go on for ever.
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await db.close(timeout=1)
