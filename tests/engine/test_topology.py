"""The configuration as a process reads it again and again: what is as it was stays, what changed is new."""

from __future__ import annotations

import asyncpg

from vaivem import logs
from vaivem.engine.topology import Topology

from .conftest import KEY, House


async def test_what_did_not_change_is_not_made_again(house: House) -> None:
    rule, other = house.rule("put"), house.rule("put")
    second = house.connection("bcdefghijkmnpqrstuvwxyz223")
    topology = Topology(house.vault)
    db = await asyncpg.connect(house.dsn)
    try:
        await topology.load(db)
        uses, lines = dict(topology.rules), dict(topology.lines)
        assert {rule, other} <= set(uses)
        assert {1, second} <= set(lines)

        await db.execute("update rule set state = 'paused' where id = $1", rule)
        await db.execute(
            """update connection set settings = '{"address_api": "http://x"}' where id = $1""", second
        )
        logs._secrets.clear()
        await topology.load(db)
        assert topology.rules[other] is uses[other]
        assert topology.rules[rule].paused
        assert not uses[rule].paused
        assert topology.lines[1] is lines[1]
        assert topology.lines[second].connection.settings["address_api"] == "http://x"
        assert KEY in logs._secrets  # also of those that were read before

        await db.execute("update connection set removed = now() where id = 1")
        await topology.load(db)
        assert 1 not in topology.lines
        assert not {rule, other} & set(topology.rules)  # what they start from is gone

        await db.execute("update connection set removed = null where id = 1")
        await topology.load(db)
        assert topology.lines[1].hook == lines[1].hook
        assert topology.rules[other].compiled.rule == uses[other].compiled.rule
    finally:
        await db.close()
