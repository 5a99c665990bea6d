"""An owner who is deactivated: no longer among the choices, and refused in the vendor's words; both APIs."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.live_context import LiveContext, Wired
from tests.connectors.rd_station_crm.recorded import connector
from tests.simulators.conftest import Start, start
from tests.simulators.rd_station_crm.conftest import Crm

from vaivem.connectors.sdk import Connection
from vaivem.core.errors import VaivemError
from vaivem.simulators.rd_station_crm.app import RdStationCrm

__all__ = ["start"]  # a fixture, taken over


@pytest.fixture
async def crm(start: Start) -> Crm:
    return Crm(await start(RdStationCrm()))


@pytest.fixture(params=["oauth", "token"])
async def wired(crm: Crm, request: pytest.FixtureRequest) -> Wired:
    names = {"oauth": "access_token", "token": "token"}
    name = names[request.param]
    addresses = {"address_api": f"{crm.base_url}/crm/v2", "address_api_v1": f"{crm.base_url}/api/v1"}
    settings = connector.manifest.defaults() | addresses
    made = Connection(5, 1, connector.key, "CRM", request.param, {name: crm.credentials[name]}, settings)
    wired = Wired(connector, made, crm.running.client)
    await wired.look()
    return wired


def deal(wired: Wired, owner: Any) -> LiveContext:
    pipeline = wired.connection.options("pipelines")[0]
    stage = wired.connection.options(f"stages/{pipeline.value}")[0]
    values = {
        "deal.name": "Telhado da padaria",
        "deal.pipeline": str(pipeline.value),
        "deal.stage": str(stage.value),
        "deal.owner": str(owner),
    }
    return LiveContext(wired, "create_or_update_deal", values)


async def test_a_deactivated_owner_is_no_choice_and_said_by_the_vendor(crm: Crm, wired: Wired) -> None:
    account = crm.simulator.account
    mine = next(user for user in account.tables["users"].dump() if user["token"] == crm.token)
    other = next(
        user for user in account.tables["users"].dump() if user["active"] and user["id"] != mine["id"]
    )
    offered = {str(one.value) for one in wired.connection.options("users")}
    assert other["id"] in offered
    account.import_record("users", {**other, "active": False})
    context = deal(wired, other["id"])
    with pytest.raises(VaivemError) as refused:
        await context.action.run(context)
    assert "inativo" in str(refused.value.params["message"])
    await wired.look()
    assert {str(one.value) for one in wired.connection.options("users")} == offered - {other["id"]}
