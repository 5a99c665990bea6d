"""Webhooks at the vendors: one each, adopted, put back, moved, and told about when they cannot be."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from vaivem.engine import control
from vaivem.vault import Vault

from .chored import Chored, chores, hooked
from .conftest import House
from .inside import pass_time, working

HOME = "https://crm.example.com"
HOOKED = "hookedhookhookedhookhooked"


def subscription(house: House, number: int) -> dict[str, Any]:
    found: dict[str, Any] = house.value("select subscription from connection where id = %s", number)
    return found


def credentials(house: House, number: int) -> dict[str, Any]:
    return house.vault.open(house.value("select credentials from connection where id = %s", number))


def addresses(house: House) -> list[str]:
    return [hook["address"] for hook in house.vendor.hooks]


async def round_of(chored: Chored) -> None:
    await chored.look()
    await chored.subscriptions.keep_all()


async def test_two_workers_register_one_webhook(house: House) -> None:
    number = hooked(house, HOOKED)
    house.vendor.fault = lambda method, path, nth: 0.05
    async with chores(house, public_url=HOME) as one, chores(house, public_url=HOME) as other:
        await asyncio.gather(round_of(one), round_of(other))
    assert addresses(house) == [f"{HOME}/hook/{HOOKED}"]
    assert house.vendor.hooks[0]["kinds"] == ["edit", "thing", "told"]
    found = subscription(house, number)
    assert (found["ids"], found["problem"], found["address"]) == (["1"], {}, f"{HOME}/hook/{HOOKED}")
    assert credentials(house, number)["webhook"] == {"secret": "secret-1"}


async def test_a_webhook_that_is_right_is_looked_at_every_ten_minutes(house: House) -> None:
    hooked(house, HOOKED)
    async with chores(house, public_url=HOME) as chored:
        for _ in range(3):
            await round_of(chored)
        assert house.vendor.calls["GET hooks"] == 1
        pass_time(house, minutes=11)
        await round_of(chored)
        assert house.vendor.calls["GET hooks"] == 2


async def test_a_webhook_that_stands_is_adopted(house: House) -> None:
    number = hooked(house, HOOKED)
    address = f"{HOME}/hook/{HOOKED}"
    house.vendor.hooks = [{"id": "77", "address": address, "active": True, "secret": "theirs"}]
    async with chores(house, public_url=HOME) as chored:
        await round_of(chored)
    assert subscription(house, number)["ids"] == ["77"]
    assert credentials(house, number)["webhook"] == {"secret": "theirs"}
    assert len(house.vendor.hooks) == 1


async def test_a_webhook_that_the_vendor_switched_off_is_put_back_and_told(house: House) -> None:
    number = hooked(house, HOOKED)
    async with chores(house, public_url=HOME) as chored:
        await round_of(chored)
        house.vendor.hooks[0]["active"] = False
        pass_time(house, minutes=11)
        await round_of(chored)
        assert house.vendor.hooks[0]["active"] is True
        assert subscription(house, number)["mended"]["what"] == ["switched_on"]
        house.vendor.hooks.clear()
        pass_time(house, minutes=11)
        await round_of(chored)
    assert len(house.vendor.hooks) == 1
    assert credentials(house, number)["webhook"] == {"secret": "secret-2"}


async def test_a_new_public_address_moves_the_webhook(house: House) -> None:
    number = hooked(house, HOOKED)
    async with chores(house) as chored:
        choose(house, HOME)
        await round_of(chored)
        choose(house, "https://elsewhere.example.com/")
        await round_of(chored)
        assert addresses(house) == [f"https://elsewhere.example.com/hook/{HOOKED}"]
        assert subscription(house, number)["address"] == addresses(house)[0]
    async with chores(house, public_url=HOME) as chored:  # what the operator set comes first
        await round_of(chored)
        assert addresses(house) == [f"{HOME}/hook/{HOOKED}"]


async def test_an_old_webhook_that_could_not_be_removed_is_removed_later(house: House) -> None:
    hooked(house, HOOKED)
    async with chores(house) as chored:
        choose(house, HOME)
        await round_of(chored)
        choose(house, "https://elsewhere.example.com")
        house.vendor.fault = lambda method, path, nth: 503 if method == "DELETE" else None
        await round_of(chored)
        assert len(house.vendor.hooks) == 2
        house.vendor.fault = lambda method, path, nth: None
        await round_of(chored)
    assert addresses(house) == [f"https://elsewhere.example.com/hook/{HOOKED}"]


async def test_an_old_webhook_is_removed_also_after_a_time_without_an_address(house: House) -> None:
    number = hooked(house, HOOKED)
    async with chores(house) as chored:
        for address in (HOME, "", "https://elsewhere.example.com"):
            choose(house, address)
            await round_of(chored)
            if not address:
                assert subscription(house, number)["problem"] == {"code": "no_public_address"}
    assert addresses(house) == [f"https://elsewhere.example.com/hook/{HOOKED}"]
    assert subscription(house, number)["problem"] == {}


async def test_without_a_public_address_the_connection_says_so(house: House) -> None:
    number = hooked(house, HOOKED)
    async with chores(house) as chored:
        await round_of(chored)
        assert subscription(house, number)["problem"] == {"code": "no_public_address"}
        assert not house.vendor.calls
        with house.db() as db:
            db.execute("update connection set test_account = true where id = %s", (number,))
        await round_of(chored)
    assert addresses(house) == [f"{house.config.local_url}/hook/{HOOKED}"]


async def test_a_vendor_that_is_down_is_asked_again_in_the_next_round(house: House) -> None:
    number = hooked(house, HOOKED)
    house.vendor.fault = lambda method, path, nth: 503 if method == "GET" and nth == 1 else None
    async with chores(house, public_url=HOME) as chored:
        await round_of(chored)
        assert subscription(house, number)["problem"]["code"] == "vendor_failed"
        await round_of(chored)
    assert subscription(house, number)["problem"] == {}
    assert len(house.vendor.hooks) == 1


async def test_one_vendors_trouble_is_no_other_ones(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, good = hooked(house, "b" * 26), hooked(house, HOOKED)
    with house.db() as db:
        db.execute(
            "update connection set settings = settings || '{\"address_api\": 5}' where id = %s", (broken,)
        )
    async with chores(house, public_url=HOME) as chored:
        await round_of(chored)
    assert addresses(house) == [f"{HOME}/hook/{HOOKED}"]
    assert subscription(house, broken)["problem"]["code"]
    assert subscription(house, good)["problem"] == {}


async def test_a_token_refreshed_meanwhile_is_not_overwritten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = hooked(house, HOOKED)
    seal = Vault.seal

    def refresh_first(vault: Vault, content: dict[str, Any]) -> bytes:
        """Between the read and the save: another worker saves a new pair."""
        monkeypatch.setattr(Vault, "seal", seal)
        with house.db() as db:
            fresh = seal(vault, {**credentials(house, number), "access_token": "new"})
            db.execute("update connection set credentials = %s where id = %s", (fresh, number))
        return seal(vault, content)

    async with chores(house, public_url=HOME) as chored:
        await chored.look()
        monkeypatch.setattr(Vault, "seal", refresh_first)
        await chored.subscriptions.keep_all()
        assert credentials(house, number)["access_token"] == "new"
        assert "webhook" not in credentials(house, number)
        await round_of(chored)
    assert credentials(house, number)["access_token"] == "new"
    assert credentials(house, number)["webhook"] == {"secret": "secret-1"}
    assert len(house.vendor.hooks) == 1


async def test_a_new_connections_webhook_is_made_at_once_and_takes_events(house: House) -> None:
    async with working(house, public_url=HOME):
        await asyncio.sleep(0.3)
        number = hooked(house, HOOKED)
        with house.db() as db, db.cursor() as cursor:
            control.wake_chore(cursor, "ensure_webhook", {"connection": number})
        await house.until(lambda: house.vendor.hooks, 20)  # not by the round of every minute
        await house.until(lambda: subscription(house, number).get("ids"))
        await house.until(lambda: "webhook" in house.app._topology.lines[number].connection.credentials)
        body = json.dumps({"record": "r", "delivery": "d"}).encode()
        assert await house.send(body, hook=HOOKED) == 401
        assert await house.send(body, hook=HOOKED, x_key="secret-1") == 200


def choose(house: House, address: str) -> None:
    """Choose the public address on the settings page."""
    with house.db() as db:
        db.execute(
            "insert into fact (name, value, at) values ('public_address', %s, now())"
            " on conflict (name) do update set value = excluded.value",
            (json.dumps({"url": address}),),
        )
