"""Rules that name what is gone (a stage, an owner, an option): marked when a vendor's lists are read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

import asyncpg

from vaivem.connectors import sdk
from vaivem.core.catalog import ActionShape, TriggerShape
from vaivem.core.checks import check_rule
from vaivem.core.errors import Problem
from vaivem.core.steps import ConnectionRef
from vaivem.engine.desk import clean
from vaivem.engine.offers import action_shape, trigger_shape
from vaivem.engine.settling import Settling
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, RuleUse, Topology


class LineCatalog:
    """What a workspace's connections offer, as this process last read them (a core `Catalog`)."""

    def __init__(self, topology: Topology, workspace: int, members: Collection[str]) -> None:
        self._topology = topology
        self._workspace = workspace
        self._members = members

    def _line(self, ref: ConnectionRef) -> Line | None:
        line = self._topology.lines.get(ref) if isinstance(ref, int) else None
        return line if line is not None and line.connection.workspace == self._workspace else None

    def connection_id(self, ref: ConnectionRef) -> int | None:
        """Return the id of a connection that is there."""
        line = self._line(ref)
        return line.connection.id if line else None

    def seen(self, ref: ConnectionRef) -> sdk.Connection | None:
        """Return a connection as its connector sees it."""
        line = self._line(ref)
        return line.connection if line else None

    def trigger(self, ref: ConnectionRef, key: str) -> TriggerShape | None:
        """Return a trigger of a connection."""
        line = self._line(ref)
        return trigger_shape(line.connector, line.connection, key) if line else None

    def action(self, ref: ConnectionRef, key: str) -> ActionShape | None:
        """Return an action of a connection."""
        line = self._line(ref)
        return action_shape(line.connector, line.connection, key) if line else None

    def has_member(self, address: str) -> bool:
        """Say whether somebody with this e-mail address is a member."""
        return address.lower() in self._members


async def mark_rules(pool: asyncpg.Pool, topology: Topology, conn: int | None = None) -> None:
    """Look at every published rule, or those that use a connection, and keep what is wrong with each."""
    for use in list(topology.rules.values()):
        if conn is None or conn in use.compiled.connections.values():
            members = await pool.fetch(statement("notices", "members"), use.workspace)
            addresses = {row["email"] for row in members}
            problems = [problem.to_dict() for problem in _problems(use, topology, addresses)]
            await pool.execute(
                statement("topology", "mark_rule"), use.id, use.version, json.dumps(clean(problems))
            )


def _problems(use: RuleUse, topology: Topology, members: Collection[str]) -> Iterator[Problem]:
    catalog = LineCatalog(topology, use.workspace, members)
    settling = Settling(catalog)
    rule = settling.rule(use.compiled.rule)
    known = {problem.path for problem in settling.problems}
    zone = topology.zones.get(use.workspace, "America/Sao_Paulo")
    yield from (one for one in check_rule(rule, catalog, zone=zone) if one.path not in known)
    yield from settling.problems
