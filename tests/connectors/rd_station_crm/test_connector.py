"""Connecting: proof, account, checks, lists, own fields, the reference field."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import FakeReader, Reply, answer
from tests.connectors.rd_station_crm.recorded import (
    DEAL,
    NEXT_STAGE,
    OWNER,
    PIPELINE,
    STAGE,
    V1_KEYS,
    connector,
    oauth,
    said,
    token,
)

from vaivem.connectors.rd_station_crm.connector import bare_token
from vaivem.connectors.sdk import Connection
from vaivem.core.errors import ReconnectError, RecordError, RuleError
from vaivem.core.fields import FieldType


def reader(routes: dict[str, Reply], connection: Connection | None = None) -> FakeReader:
    return FakeReader(connector, connection or oauth(), routes)


def test_the_proof_goes_where_each_api_wants_it() -> None:
    assert connector.authorise(oauth()).headers == (("Authorization", "Bearer at-1"),)
    assert connector.authorise(token()).query == (("token", "tk-1"),)


@pytest.mark.parametrize("pasted", [" tk-1\n", '"tk-1"', "<tk-1>", "“tk-1” ", "tk\r\n-1"])
def test_what_is_pasted_around_a_token_is_forgiven(pasted: str) -> None:
    assert bare_token(pasted) == "tk-1"


def test_each_api_has_its_address_and_may_have_another() -> None:
    settings = connector.manifest.defaults()
    assert connector.manifest.address("api", settings) == "https://api.rd.services/crm/v2"
    assert connector.manifest.address("api_v1", settings) == "https://crm.rdstation.com/api/v1"
    other = {**settings, "address_api_v1": "http://127.0.0.1:9/api/v1/"}
    assert connector.manifest.address("api_v1", other) == "http://127.0.0.1:9/api/v1"
    (limit,) = connector.manifest.limit(settings)
    assert round(limit.calls * limit.share) == 100


async def test_a_token_tells_whose_it_is_and_oauth_does_not() -> None:
    account = await connector.account(reader({"token.check": said("v1_token_check")}, token()))
    assert (account.id, account.details["email"]) == ("Padaria Vendas", "bia@example.com")
    assert connector.suggested_name(account) == "Padaria Vendas"
    account = await connector.account(reader({"pipelines.list": said("v2_pipelines")}))
    assert (account.id, connector.suggested_name(account)) == ("", "RD Station CRM")
    with pytest.raises(ReconnectError):
        await connector.account(
            reader({"token.check": answer(401, {"error": "Permission denied."})}, token())
        )


async def lines(routes: dict[str, Reply], connection: Connection) -> dict[str, str]:
    results = await connector.checks(reader(routes, connection))
    for line in results:
        for language in ("pt_BR", "en", "fr", "es"):
            assert connector.text(language, f"checks.{line.key}.{line.state}", **line.params), line
    return {line.key: line.state for line in results}


GOOD: dict[str, Reply] = {
    "pipelines.list": said("v2_pipelines"),
    "webhooks.list": said("v2_webhooks__none"),
    "custom_fields.list": said("v2_custom_fields__deal"),
}


async def test_the_checks_say_what_is_right_and_what_is_missing() -> None:
    assert await lines(GOOD, oauth(default_owner=OWNER)) == {
        "api": "ok",
        "webhooks": "ok",
        "reference_field": "ok",
        "default_owner": "ok",
    }
    assert await lines(GOOD, oauth(reference_field=None)) == {
        "api": "ok",
        "webhooks": "ok",
        "reference_field": "warn",
        "default_owner": "warn",
    }
    found = await lines(
        {**GOOD, "webhooks.list": answer(403, {"errors": [{"detail": "Plano Free"}]})},
        oauth(reference_field="deleted"),
    )
    assert (found["webhooks"], found["reference_field"]) == ("bad", "bad")
    refused = await lines({**GOOD, "pipelines.list": answer(403, {"error": "forbidden"})}, oauth())
    assert refused["api"] == "bad"
    by_token = {"pipelines.list": said("v1_pipelines"), "webhooks.list": said("v1_webhooks__suspended")}
    assert (await lines(by_token, token()))["visibility"] == "warn"


@pytest.mark.parametrize(
    ("source", "call", "recorded", "connection", "values"),
    [
        ("pipelines", "pipelines.list", "v2_pipelines", oauth(), [PIPELINE]),
        (f"stages/{PIPELINE}", "stages.list", "v2_stages", oauth(), [STAGE, NEXT_STAGE]),
        ("users", "users.list", "v2_users", oauth(), [OWNER]),
        (
            "fields/deal",
            "custom_fields.list",
            "v2_custom_fields__deal",
            oauth(),
            ["vaivem", "numero-contrato"],
        ),
        ("pipelines", "pipelines.list", "v1_pipelines", token(), [PIPELINE]),
        (f"stages/{PIPELINE}", "stages.list", "v1_stages", token(), [STAGE, NEXT_STAGE]),
        ("users", "users.list", "v1_users", token(), [OWNER]),
    ],
)
async def test_lists(
    source: str, call: str, recorded: str, connection: Connection, values: list[str]
) -> None:
    there = reader({call: said(recorded)}, connection)
    assert [option.value for option in await connector.live_list(there, source)] == values


async def test_api_v1_has_no_list_of_segments() -> None:
    assert await connector.live_list(reader({}, token()), "segments") == []


async def test_a_list_of_products_that_is_not_there_is_empty_and_no_other() -> None:
    gone = answer(404, {"errors": {"error_type": "RESOURCE_NOT_FOUND", "error_message": "Not found."}})
    routes: dict[str, Reply] = {"products.list": gone, "campaigns.list": gone}
    assert await connector.live_list(reader(routes, token()), "products") == []
    with pytest.raises(RecordError):
        await connector.live_list(reader(routes, token()), "campaigns")


async def test_lists_are_read_page_by_page_without_following_links() -> None:
    def page(call: Any) -> Any:
        number = int(dict(call.query)["page[number]"])
        rows = [{"id": f"{number}-{n}", "name": str(n)} for n in range(2 if number < 3 else 1)]
        links = {"next": "https://api.rd.services/api/v2/sources?page%5Bnumber%5D=2"} if number < 3 else {}
        return answer(200, {"data": rows, "links": links})

    there = reader({"sources.list": page}, oauth(page_size=2))
    assert len(await connector.live_list(there, "sources")) == 5
    assert {call.path for call in there.vendor.calls} == {"/sources"}


async def test_api_v1_pages_by_its_own_word() -> None:
    def page(call: Any) -> Any:
        more = dict(call.query)["page"] == "1"
        return answer(200, {"campaigns": [{"id": dict(call.query)["page"], "name": "x"}], "has_more": more})

    there = reader({"campaigns.list": page}, token())
    assert [option.value for option in await connector.live_list(there, "campaigns")] == ["1", "2"]


async def test_own_fields_become_fields() -> None:
    found = await connector.custom_fields(
        reader({"custom_fields.list": said("v2_custom_fields__deal")}), "deal"
    )
    shown = {field.key: field for field in found}
    assert shown["deal.custom.inicio"].type is FieldType.DATE
    plan = shown["deal.custom.plano"]
    assert (plan.type, plan.label) == (FieldType.OPTION, "Plano *")
    assert [option.value for option in plan.options] == ["Básico", "Pró"]
    modules = shown["deal.custom.modulos"]
    assert (modules.type, modules.allow_new_option) == (FieldType.OPTIONS, True)
    people = await connector.custom_fields(
        reader({"custom_fields.list": said("v2_custom_fields__contact")}), "contact"
    )
    assert people[0].type is FieldType.CPF
    by_id = await connector.custom_fields(
        reader({"custom_fields.list": said("v2_custom_fields__deal")}, oauth(custom_field_key="id")), "deal"
    )
    assert by_id[0].key == f"deal.custom.{V1_KEYS['vaivem']}"
    v1 = await connector.custom_fields(
        reader({"custom_fields.list": said("v1_custom_fields__deal")}, token()), "deal"
    )
    assert [(field.key, field.type) for field in v1] == [
        (f"deal.custom.{V1_KEYS['vaivem']}", FieldType.TEXT),
        (f"deal.custom.{V1_KEYS['inicio']}", FieldType.DATE),
    ]


async def test_the_reference_field_is_made_once() -> None:
    there = reader({"custom_fields.list": said("v2_custom_fields__deal")})
    assert await connector.prepare(there, "reference_field") == {"reference_field": "vaivem"}
    row = said("v2_custom_fields__deal").json["data"][0]
    there = reader(
        {
            "custom_fields.list": said("v2_deals__none"),
            "custom_fields.create": answer(201, {"data": {**row, "slug": "vaivem-2"}}),
        }
    )
    assert await connector.prepare(there, "reference_field") == {"reference_field": "vaivem-2"}
    sent = {"name": "Vaivém", "type": "text", "entity": "deal"}
    assert there.vendor.last("custom_fields.create").json == {"data": sent}


async def test_a_token_cannot_make_it() -> None:
    with pytest.raises(RuleError) as refused:
        await connector.prepare(reader({}, token()), "reference_field")
    assert refused.value.code == "reference_needs_oauth"
    with pytest.raises(KeyError):
        await connector.prepare(reader({}), "something")


def test_what_each_api_offers() -> None:
    action = connector.action("create_or_update_deal")
    v2 = {field.key: field for field in action.fields(oauth())}
    v1 = {field.key: field for field in action.fields(token())}
    assert {"deal.one_time_price", "deal.recurrence_price", "organization.segments"} <= v2.keys() - v1.keys()
    assert v2["deal.pipeline"].required
    assert (v2["deal.stage"].source, v2["deal.stage"].depends_on) == ("stages", "deal.pipeline")
    assert [option.label for option in v2["deal.pipeline"].options] == ["Funil padrão"]
    assert "deal.custom.vaivem" not in v2  # it is ours to fill
    assert "deal.custom.numero-contrato" in v2
    update = {field.key: field for field in connector.action("update_deal").fields(oauth())}
    assert update["deal.id"].required
    assert not update["deal.name"].required


def test_a_record_has_an_address_for_people() -> None:
    assert connector.record_url(oauth(), "deal", DEAL) == f"https://crm.rdstation.com/app/deals/{DEAL}"
    other = oauth(address_web="http://127.0.0.1:9/crm/")
    assert connector.record_url(other, "contact", "1") == "http://127.0.0.1:9/crm/contacts/1"
    assert connector.record_url(oauth(), "note", "1") == ""
