"""Records of two systems that a rule made for one another are found from either side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from vaivem.engine import control

from .chored import chores
from .conftest import HOOK, House
from .inside import pass_time, working

OTHER = "otherotherotherotherother2"


class Two:
    """Two accounts, a rule each way."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.other = house.connection(OTHER)
        self._rule(1, self.other, "{{ record }}-there")
        self._rule(self.other, 1, "{{ record }}-here")
        self.count = 0

    def _rule(self, source: int, target: int, record: str) -> None:
        fields = {
            "thing.name": {"from": "name"},
            "thing.email": {"from": "email"},
            "thing.record": {"text": record},
        }
        step = {"id": "do", "kind": "action", "connection": target, "action": "put_linked", "fields": fields}
        self.house.rule("put_linked", when={"connection": source, "trigger": "thing_happened"}, then=[step])

    async def happens(self, hook: str, record: str, email: str | None, **thing: Any) -> None:
        """Let a thing report itself, and wait until the rule has run."""
        self.count += 1
        known = {"id": record, "email": email, **thing}
        body = {"record": record, "name": "n", "delivery": f"d{self.count}", "email": email, "thing": known}
        assert await self.house.send(json.dumps(body).encode(), hook=hook) == 200
        await self.house.until(lambda: len(self.house.runs()) == self.count)

    @property
    def put(self) -> list[str]:
        return [path.rpartition("/")[2] for path, _ in self.house.vendor.puts[::2]]


@pytest.fixture
def two(house: House) -> Iterator[Two]:
    yield Two(house)
    assert [status for status, _ in house.runs() if status != 1] == []


async def test_a_link_holds_from_either_side_when_the_address_changes(two: Two) -> None:
    async with working(two.house):
        await two.happens(HOOK, "a", "a@b.c")
        await two.happens(HOOK, "a", "new@b.c")
        await two.happens(OTHER, "a-there", "a@b.c")
        await two.happens(OTHER, "a-there", None)
        await two.happens(OTHER, "elsewhere", "a@b.c")
    assert two.put == ["a-there", "a-there", "a", "a", "elsewhere-here"]
    assert two.house.value("select count(*) from linked") == 3  # a second time adds none


async def test_a_step_that_names_somebody_else_is_not_linked(two: Two) -> None:
    house = two.house
    async with working(house):
        await two.happens(HOOK, "a", "a@b.c")
        body = {
            "record": "a",
            "name": "n",
            "delivery": "x",
            "email": "friend@b.c",
            "thing": {"email": "a@b.c"},
        }
        assert await house.send(json.dumps(body).encode()) == 200
        await house.until(lambda: len(house.runs()) == 2)
    assert two.put == ["a-there", "a-there"]  # by the rule's own word: the same here
    assert house.value("select count(*) from linked") == 1
    answered = house.rows("select run_id from step where name = 'linked thing'")
    assert len(answered) == 1  # nobody asked for the friend


async def test_several_links_tell_nothing(two: Two) -> None:
    house = two.house
    async with working(house):
        await two.happens(HOOK, "a", "a@b.c")
        with house.db() as db:
            db.execute(
                "insert into linked select ws, conn, object, 'b-there', of_conn, of_object, of_record, at"
                " from linked"
            )
        await two.happens(HOOK, "a", "a@b.c")
        await two.happens(OTHER, "b-there", "a@b.c")
    assert two.put == ["a-there", "a-there", "a"]


async def test_a_link_made_meanwhile_does_not_change_a_run_that_goes_on(two: Two) -> None:
    house = two.house
    house.vendor.fault = lambda method, path, nth: "lost" if nth == 2 else None
    async with working(house):
        body = {"record": "a", "name": "n", "delivery": "x", "email": "a@b.c", "thing": {"email": "a@b.c"}}
        assert await house.send(json.dumps(body).encode()) == 200
        await house.until(lambda: house.value("select count(*) from pending where state = 'doubt'") == 1)
        with house.db() as db:
            values = (two.other, "thing", "z", 1, "thing", "a")
            db.execute("insert into linked values (1, %s, %s, %s, %s, %s, %s, now())", values)
        pass_time(house, seconds=60)
        await house.until(house.runs)
    assert {path for path, _ in house.vendor.puts} == {"/things/a-there"}


async def test_a_dry_run_goes_by_the_links_and_makes_none(two: Two) -> None:
    house = two.house
    async with working(house):
        await two.happens(HOOK, "a", "a@b.c")
        with house.db() as db, db.transaction():
            row = db.execute("select compiled from rule_version where rule_id = 2").fetchone()
            assert row is not None
            db.execute(
                "insert into rule_trial (rule_id, kind, state, compiled, since)"
                " values (2, 'rehearsal', 'waiting', %s, now() - interval '1 d')",
                (json.dumps(row[0]),),
            )
        await two.happens(OTHER, "a-there", "new@b.c")
        linked = house.value("select count(*) from linked")
        with house.db() as db:
            control.wake_chore(db.cursor(), "rehearse", {"trial": house.value("select id from rule_trial")})
        await house.until(lambda: house.value("select state from rule_trial") == "done")
    [(found,)] = house.rows("select found from rule_trial")
    assert [record["id"] for record in found[0]["steps"][0]["records"]] == ["a"]
    assert house.value("select count(*) from linked") == linked


async def test_links_go_with_their_connection(two: Two) -> None:
    house = two.house
    async with working(house):
        await two.happens(HOOK, "a", "a@b.c")
    async with chores(house) as process:
        with house.db() as db:
            db.execute("update connection set removed = vv_now() where id = %s", (two.other,))
        await process.retention.run()
        assert house.value("select count(*) from linked") == 1
        pass_time(house, days=31)
        await process.look()
        await process.retention.run()
        assert house.value("select count(*) from linked") == 0
