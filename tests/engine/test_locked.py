"""A key that is gone: nothing is sent without its credentials, nothing is refused for good, all is said."""

from __future__ import annotations

from vaivem.engine import control
from vaivem.vault import Vault, new_key

from .conftest import House
from .inside import working


async def test_a_lost_key_holds_the_connection_until_it_is_back(house: House) -> None:
    house.rule("person_and_deal")
    assert await house.deliver(delivery="d1", name="Ana") == 200
    sealed = house.value("select credentials from connection where id = 1")
    with house.db() as db:
        db.execute("update connection set credentials = %s", (Vault((new_key(),)).seal({"token": "x"}),))
    await house.until(lambda: house.app._topology.lines[1].locked)
    assert await house.deliver(delivery="d2", name="Bia") == 503  # not 401: the vendor sends it again
    async with working(house):
        await house.until(lambda: house.rows("select code from pending") == [("credentials_locked",)])
        await house.until(lambda: house.value("select owner from lane") is None)  # it is parked by then
        assert house.value("select state from connection") == "reconnect"
        assert house.value("select code from gate where conn = 1") == "credentials_locked"
        assert house.vendor.people == []
        with house.db() as db:
            db.execute("update connection set credentials = %s, state = 'working'", (sealed,))
            control.open_gate(db.cursor(), 1)  # type: ignore[arg-type]  # as Test and Reconnect do
        await house.until_idle()
    assert house.runs() == [(1, "")]
    await house.until(lambda: not house.app._topology.lines[1].locked)
    assert await house.deliver(delivery="d2", name="Bia") == 200
