"""What Vaivém wrote comes back and goes no further; what a person did passes, whatever came before."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from .conftest import House
from .inside import working


def _rules(house: House, *, listens: bool = True) -> None:
    """Rule 1 writes to the record of each thing; rule 2 starts when one is changed there."""
    with house.db() as db:
        db.execute("update connection set wants_hook = %s", (listens,))
    house.rule("put")
    fields = {"thing.record": {"text": "elsewhere"}, "thing.name": {"from": "name"}}
    step = {"id": "do", "kind": "action", "connection": 1, "action": "put", "fields": fields}
    house.rule("put", then=[step], when={"connection": 1, "trigger": "thing_changed"})


async def _write(house: House, **event: Any) -> None:
    await house.deliver(record="r1", name="José Ávila", email="Jose@Avila.example", **event)
    await house.until_idle()


async def _edit(house: House, number: int = 1, **event: Any) -> str:
    """Deliver that the record was changed; return how rule 2's run ended."""
    await house.deliver(kind="edit", record="r1", name="x", delivery=f"edit{number}", **event)
    await house.until_idle()
    return str(house.value("select code from run where rule = 2 order by id desc limit 1"))


def _written_at(house: House) -> Any:
    return house.value("select to_timestamp((fields->'name'->>1)::float8) from written where record = 'r1'")


async def test_our_own_change_goes_no_further_however_it_is_spelled(house: House) -> None:
    _rules(house)
    async with working(house):
        await _write(house)
        changed = {"name": "  jose AVILA", "email": "JOSE@avila.example"}
        assert await _edit(house, changed=changed) == "our_own_change"
        assert await _edit(house, 2, changed={"name": "José Ávila"}) == "our_own_change"
    assert [path for path, _ in house.vendor.puts] == ["/things/r1"]


async def test_what_a_person_changed_passes(house: House) -> None:
    """Another value, or ours together with one that is not ours."""
    _rules(house)
    async with working(house):
        await _write(house)
        assert await _edit(house, 1, changed={"name": "Ana"}) == ""
        assert await _edit(house, 2, changed={"name": "José Ávila", "phone": "+55 11 98765-4321"}) == ""
        assert await _edit(house, 3) == ""  # the vendor does not say what was changed
    assert [path for path, _ in house.vendor.puts][1:] == ["/things/elsewhere"] * 3


async def test_a_person_may_set_our_value_again(house: House) -> None:
    """We wrote A; a person makes it B, then A: both are theirs, as their times say."""
    _rules(house)
    async with working(house):
        await _write(house)
        at = _written_at(house)
        same = (at + timedelta(milliseconds=1)).replace(microsecond=0).isoformat()
        assert await _edit(house, 1, changed={"name": "José Ávila"}, version=same) == "our_own_change"
        late = (at + timedelta(seconds=5)).isoformat()
        assert await _edit(house, 2, changed={"name": "B"}, version=late) == ""
        later = (at + timedelta(seconds=9)).isoformat()
        assert await _edit(house, 3, changed={"name": "José Ávila"}, version=later) == ""


async def test_a_vendor_that_tells_the_whole_record_is_known_by_its_version(house: House) -> None:
    _rules(house)
    async with working(house):
        await _write(house)
        at = _written_at(house)
        whole = {"name": "JOSÉ ÁVILA", "email": "jose@avila.example", "phone": "never ours"}
        ours = {"changed": whole, "whole": True, "version": at.isoformat()}
        assert await _edit(house, 1, **ours) == "our_own_change"
        assert await _edit(house, 2, **ours | {"changed": whole | {"name": "Ana"}}) == ""
        newer = (at + timedelta(milliseconds=5)).isoformat()
        assert await _edit(house, 3, **ours | {"version": newer}) == ""


async def test_what_comes_back_before_our_write_is_answered_waits_for_it(house: House) -> None:
    """Vendors deliver while they still answer: the intent says that a write is under way."""
    _rules(house)
    house.vendor.fault = lambda method, path, nth: 1.0 if (method, nth) == ("PUT", 1) else None
    async with working(house):
        await house.deliver(record="r1", name="José Ávila", email="jose@avila.example")
        await house.until(lambda: house.vendor.calls["PUT things"])
        await asyncio.sleep(0.1)
        assert await _edit(house, changed={"name": "José Ávila"}) == "our_own_change"
    assert [path for path, _ in house.vendor.puts] == ["/things/r1"]


async def test_nothing_is_kept_where_nobody_listens(house: House) -> None:
    _rules(house, listens=False)
    async with working(house):
        await _write(house)
    assert house.value("select count(*) from written") == 0
