"""Links between records of two systems: kept by what rules do, and asked for from either side."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from vaivem.connectors.sdk import Connector
from vaivem.core.kinship import Relative, is_about, may_link
from vaivem.engine.statements import statement

Link = tuple[int, str, str, int, str, str]  # connection, object, record; those of the record it was made for


async def keep(pool: asyncpg.Pool, ws: int, links: Sequence[Link]) -> None:
    """Keep links. What is known already costs a look."""
    if links:
        await pool.executemany(statement("linking", "keep"), [(ws, *link) for link in links])


async def find(
    pool: asyncpg.Pool, ws: int, conn: int, object_key: str, kind: str, about: Sequence[Relative]
) -> str | None:
    """Return the record that is linked with what an event is about; None without one, or with several.

    Records of the same kind come first: a deal's person is nearer to a contact than the deal itself.
    """
    for one in sorted(about, key=lambda one: one.kind != kind):
        if not may_link(one.kind, kind):
            continue
        arguments = (ws, conn, object_key, one.conn, one.object, one.record, one.kind == kind)
        rows = await pool.fetch(statement("linking", "find"), *arguments)
        if len(rows) == 1:
            found: str = rows[0]["record"]
            return found
    return None


def asked_kind(
    connector: Connector, object_key: str, about: Sequence[Relative], told: Sequence[str]
) -> str | None:
    """Return the kind of the object that links are asked or kept for; None where a step is not about them."""
    kind = connector.kinds.get(object_key)
    return kind if kind is not None and about and is_about(about, kind, told) else None


def links_of(conn: int, object_key: str, record: str, kind: str, about: Sequence[Relative]) -> list[Link]:
    """Return the links between a record and what an event is about."""
    meant = [one for one in about if one is about[0] or one.kind == kind]
    return [
        (conn, object_key, record, one.conn, one.object, one.record)
        for one in meant
        if may_link(one.kind, kind)
    ]
