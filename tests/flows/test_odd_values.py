"""What arrives is odd: no value, another currency, no reason, a second win, an older form; a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.crash.conftest import Town, folder, town_in
from tests.flows.test_links import become_deal, deals, email_of, event, lead, persons_named, timeline
from tests.flows.test_marketing_to_sales import Market
from vaivem.cli import parts
from vaivem.simulators.stories import StoryError
from vaivem.vault import Vault

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
SALE, LOSS, LEAD = "Negócio ganho vira venda", "Negócio perdido, com o motivo", "Lead vira negócio"


@pytest.fixture
async def market(folder: Path) -> AsyncIterator[Market]:
    async with town_in(folder, accounts=("pipedrive", "rd_station_marketing")) as town:
        subscribed = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
        await town.until(lambda: len(town.rows(subscribed)) == 2, 120)
        yield Market(town)


async def api_of(town: Town) -> Callable[[str, str], Awaitable[Any]]:
    """Return what asks the installation's REST API."""
    token = (await parts.call(town.config, "api-token", "create"))["token"]

    async def call(method: str, path: str) -> Any:
        address = f"{town.config.local_url}/api/v1{path}"
        return await town.asker.call(method, address, None, {"authorization": f"Bearer {token}"})

    return call


async def change_rules(market: Market, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the rules as a file."""
    config = market.town.config
    kept = yaml.safe_load((await parts.call(config, "rules", "show"))["file"])
    for rule in kept["rules"]:
        change(rule)
    file = config.data_dir / "rules.yaml"
    file.write_text(yaml.safe_dump(kept, allow_unicode=True), "utf-8")
    done = await parts.call(config, "rules", "apply", str(file), "--yes")
    assert done["applied"], done
    await asyncio.sleep(4)  # every process reads the rules anew


def number_of(town: Town, title: str) -> int:
    return int(town.rows(f"select id from rule where title = '{title}'")[0][0])  # noqa: S608


def connection_of(town: Town, connector: str) -> int:
    return int(town.rows(f"select id from connection where connector = '{connector}'")[0][0])  # noqa: S608


async def runs(market: Market, number: int) -> list[tuple[int, str]]:
    """Wait until that many runs have ended; return how, the oldest first."""
    town = market.town
    await town.until(lambda: town.rows("select count(*) from run")[0][0] == number, 90)
    return [tuple(row) for row in town.rows("select status, code from run order by finished")]  # type: ignore[misc]


async def change_deal(market: Market, deal: dict[str, Any], **change: Any) -> None:
    await asyncio.sleep(1.5)  # the vendor tells when a deal was closed to the second
    await market.sales("PATCH", f"/api/v2/deals/{deal['id']}", change)


async def test_odd_sales_are_held_or_sent_as_the_rule_says(market: Market) -> None:
    town = market.town
    deal = await become_deal(market, "Ana")
    uuid = (await lead(market, email_of("Ana")))["uuid"]
    await change_deal(market, deal, status="won", value=0)
    assert (await runs(market, 2))[-1] == (2, "sale_without_value")
    await change_deal(market, deal, status="open")
    await change_deal(market, deal, status="won", value=70, currency="USD")
    assert (await runs(market, 3))[-1] == (2, "sale_in_other_currency")
    assert await timeline(market, uuid, "SALE") == []

    # The preview on past events says the same, before anything is published.
    ask, sale = await api_of(town), number_of(town, SALE)
    await ask("POST", f"/rules/{sale}/rehearsal")

    async def seen() -> list[dict[str, Any]]:
        found = await ask("GET", f"/rules/{sale}/rehearsal")
        return list(found["events"]) if found["state"] == "done" else []

    told = await market.until(seen)
    fails = [" ".join(one["why"]) for one in told if one["result"] == "fails"]
    assert len(fails) == 2, told
    assert all("USD" in why for why in fails), fails  # the deal is read again: as it is now

    def send(rule: dict[str, Any]) -> None:
        options = {
            SALE: {"without_value": "send", "other_currency": "send"},
            LOSS: {"default_reason": "Não informado"},
        }
        if rule["title"] in options:
            step = rule["then"][0]
            step["options"] = {**step.get("options", {}), **options[rule["title"]]}

    await change_rules(market, send)
    for value in (0, 70):
        await change_deal(market, deal, status="open")
        await change_deal(market, deal, status="won", value=value)
        await runs(market, 4 if value == 0 else 5)
    sales = await _until_many(market, uuid, "SALE", 2)  # reopened and won again: a second sale
    assert [one.get("value") for one in sales] == [70, 0]
    await change_deal(market, deal, status="open")
    await change_deal(market, deal, status="lost")
    assert (await runs(market, 6))[-1] == (1, "")
    (loss,) = await _until_many(market, uuid, "OPPORTUNITY_LOST", 1)
    assert loss["reason"] == "Não informado"


async def _until_many(market: Market, uuid: str, kind: str, number: int) -> list[dict[str, Any]]:
    async def there() -> list[dict[str, Any]]:
        found = await timeline(market, uuid, kind)
        return found if len(found) >= number else []

    found: list[dict[str, Any]] = await market.until(there)
    return found


async def test_the_older_form_of_a_lead_is_taken(market: Market) -> None:
    town = market.town

    def on_conversion(rule: dict[str, Any]) -> None:
        if rule["title"] == LEAD:
            rule["when"]["trigger"] = "converted"

    await change_rules(market, on_conversion)
    hook = town.rows("select hook from connection where connector = 'rd_station_marketing'")[0][0]
    row = {
        "id": "391", "uuid": "c2f3d2b3-7250-4d27-97f4-eef38be32f7f", "email": "velha@vinculos.example",
        "name": "Velha Forma", "company": "Padaria Velha", "opportunity": "false",
        "number_conversions": "2", "lead_stage": "0", "personal_phone": "48 30252598", "tags": [],
        "custom_fields": {"Cargo": "CFO"}, "created_at": "2026-03-13T14:07:04.254-03:00",
        "last_conversion": {"content": {"identificador": "feira"}, "created_at": "2031-03-13T14:07:04-03:00"},
    }  # fmt: skip
    for _ in range(2):  # and once more: the same event
        await town.asker.call("POST", f"{town.config.local_url}/hook/{hook}", {"leads": [row]})
    assert await runs(market, 1) == [(1, "")]
    (person,) = await persons_named(market, "Velha Forma")
    assert [item["value"] for item in person["emails"]] == ["velha@vinculos.example"]
    assert len(await deals(market, "Velha Forma")) == 1
    assert not town.rows("select 1 from rejected")


async def test_what_is_gone_at_the_vendor_marks_the_rule(market: Market) -> None:
    town, users = market.town, await market.sales("GET", "/v1/users")
    owner = next(one for one in users if not one["is_you"])
    field = await market.sales(
        "POST", "/api/v2/personFields", {"field_name": "Canal", "field_type": "varchar"}
    )
    rule = number_of(town, LEAD)
    definition = f"select definition from rule_version where rule_id = {rule} order by number desc limit 1"  # noqa: S608
    pipeline = int(town.rows(definition)[0][0]["then"][-1]["fields"]["deal.pipeline"]["value"])
    stage = await market.sales("POST", "/api/v2/stages", {"name": "Vai sumir", "pipeline_id": pipeline})
    await _read_lists(market)

    def choose(rule: dict[str, Any]) -> None:
        if rule["title"] == LEAD:
            steps = {step["id"]: step for step in rule["then"]}
            steps["deal"]["fields"]["deal.owner"] = {"value": owner["name"]}
            steps["deal"]["fields"]["deal.stage"] = {"value": stage["name"]}
            steps["person"]["fields"][f"person.custom.{field['field_code']}"] = {"text": "feira"}

    await change_rules(market, choose)
    marks = f"select marks from rule where id = {rule}"  # noqa: S608
    await _read_lists(market)
    assert town.rows(marks)[0][0] == []
    await town.control("pipedrive", f"users/{owner['id']}", {"active": False})
    await market.sales("DELETE", f"/api/v2/personFields/{field['field_code']}")
    await market.sales("DELETE", f"/api/v2/stages/{stage['id']}")
    await _read_lists(market)
    paths = {one["path"] for one in town.rows(marks)[0][0]}
    for gone in ("deal.owner", "deal.stage", field["field_code"]):
        assert any(gone in path for path in paths), paths


async def _read_lists(market: Market) -> None:
    """Have the lists of the account read, as they are every few hours."""
    town = market.town
    payload = f'{{"connection": {connection_of(town, "pipedrive")}}}'
    town.rows(
        "insert into pgqueuer"  # noqa: S608 - the test's own number
        " (priority, entrypoint, payload, execute_after, status, created, updated, heartbeat)"
        f" values (0, 'refresh_catalog', '{payload}', now(), 'queued', now(), now(), now()) returning 1"
    )
    waiting = "select 1 from pgqueuer where entrypoint = 'refresh_catalog'"
    await town.until(lambda: not town.rows(waiting), 60)


async def _asks(market: Market, deal: dict[str, Any]) -> None:
    """Let something happen for which Pipedrive has to be asked."""
    await event(market, "OPPORTUNITY", email_of(deal["title"]), funnel_name="default")


async def test_what_a_refusal_of_the_account_means_is_said(market: Market) -> None:
    town = market.town
    deal = await become_deal(market, "Ana")
    await runs(market, 1)
    number = connection_of(town, "pipedrive")
    gate = f"select state, code from gate where conn = {number}"  # noqa: S608
    token = town.accounts["pipedrive"].credentials["api_token"]
    sealed = Vault.from_folder(town.config.data_dir).seal({"token": token})
    town.rows(
        f"update connection set method = 'token', credentials = '\\x{sealed.hex()}', settings = settings"  # noqa: S608
        f" || '{{\"limit_calls\": null}}' where id = {number} returning 1"
    )
    await town.until(lambda: _knows_the_token(town), 30)

    # A company whose apps ignored the limit is blocked by a page, with 403: it is waited out.
    await town.control("pipedrive", "quirks", {"edge_block_after": 1, "edge_block_seconds": 5.0})
    await town.control("pipedrive", "limits", {"mode": "1/60"})
    address, headers = f"{town.accounts['pipedrive'].base_url}/api/v2/pipelines/1", {"x-api-token": token}
    for _ in range(2):
        with suppress(StoryError):
            await town.asker.call("GET", address, None, headers)
    await _asks(market, deal)
    await town.until(lambda: town.rows(gate)[0] == (3, "traffic_blocked"), 60)
    await town.control("pipedrive", "limits", {"mode": "off"})
    await asyncio.sleep(5)
    town.rows("update clock set shift = shift + interval '901 seconds' returning 1")
    await runs(market, 2)

    # An account that is not paid has to be settled and connected again; what waits goes on then.
    await town.control("pipedrive", "quirks", {"unpaid": True})
    await _asks(market, deal)
    await town.until(lambda: town.rows(gate)[0] == (2, "account_unpaid"), 60)
    assert town.rows(f"select state from connection where id = {number}")[0][0] == "reconnect"  # noqa: S608
    await town.control("pipedrive", "quirks", {"unpaid": False})
    town.rows(f"update connection set state = 'working' where id = {number} returning 1")  # noqa: S608
    town.rows(f"update gate set state = 0, code = '' where conn = {number} returning 1")  # noqa: S608
    town.rows("update clock set shift = shift + interval '61 seconds' returning 1")
    assert await runs(market, 3) == [(1, "")] * 3


def _knows_the_token(town: Town) -> bool:
    """Say whether nobody is refused: every process has read the connection anew."""
    return bool(town.rows("select 1 from connection where method = 'token'"))
