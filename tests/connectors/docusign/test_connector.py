"""Connecting: the account and its address, what is checked, the lists, the limits."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.docusign.recorded import (
    ACCOUNT,
    CUSTOM_FIELDS,
    ENVELOPE,
    ROLES,
    TEMPLATE,
    connection,
    connector,
)
from tests.connectors.fake_context import FakeReader, answer

from vaivem.connectors.docusign import client
from vaivem.connectors.docusign.templates import key_of
from vaivem.core.errors import ReconnectError
from vaivem.core.fields import FieldType

INFO = {
    "sub": "8c531060-7e2b-4d0a-8f4e-1b2c3d4e5f60", "name": "Bia Souza", "email": "bia@raiarsolar.example",
    "accounts": [
        {"account_id": "other", "account_name": "Outra", "is_default": False, "base_uri": "https://eu.docusign.net"},
        {"account_id": ACCOUNT, "account_name": "Raiar", "is_default": True, "base_uri": "https://na3.docusign.net"},
    ],
}  # fmt: skip


def at(routes: dict[str, Any], **settings: Any) -> FakeReader:
    return FakeReader(connector, connection(read=False, **settings), routes)


async def test_the_default_account_is_taken_with_its_address() -> None:
    reader = at({"userinfo": answer(200, INFO)})
    account = await connector.account(reader)
    assert (account.id, account.name) == (ACCOUNT, "Raiar")
    assert account.details["base_uri"] == "https://na3.docusign.net"
    assert account.details["others"] == ["Outra (other)"]
    line = replace(reader.connection, account={"id": account.id, "details": account.details})
    assert connector.address("api", line) == "https://na3.docusign.net"
    assert client.account(line).path == f"/restapi/v2.1/accounts/{ACCOUNT}"


async def test_the_account_that_a_person_names_is_taken() -> None:
    account = await connector.account(at({"userinfo": answer(200, INFO)}, account=" OTHER "))
    assert account.id == "other"


@pytest.mark.parametrize(
    ("told", "wanted"), [(INFO, "nowhere"), ({"sub": "x"}, ""), ({"accounts": None}, "")]
)
async def test_an_account_that_is_not_there_is_said(told: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ReconnectError, match="account_not_there"):
        await connector.account(at({"userinfo": answer(200, told)}, account=wanted))


def test_before_the_account_is_known_no_call_is_made_up() -> None:
    with pytest.raises(ReconnectError, match="account_unknown"):
        client.account(replace(connection(read=False), account={}))


@pytest.mark.parametrize(
    ("environment", "base", "address"),
    [
        ("production", "account", "https://account.docusign.com"),
        ("demo", "token", "https://account-d.docusign.com/oauth/token"),
        ("demo", "authorize", "https://account-d.docusign.com/oauth/auth"),
        ("demo", "api", "https://na3.docusign.net"),
    ],
)
def test_each_environment_has_its_own_addresses(environment: str, base: str, address: str) -> None:
    assert connector.address(base, connection(read=False, environment=environment)) == address
    own = connection(read=False, environment=environment, **{f"address_{base}": "https://x.example/"})
    assert connector.address(base, own) == "https://x.example"


@pytest.mark.parametrize(
    ("environment", "page"),
    [("production", "https://app.docusign.com/"), ("demo", "https://apps-d.docusign.com/send/")],
)
def test_an_envelope_has_its_page(environment: str, page: str) -> None:
    line = connection(read=False, environment=environment)
    assert connector.record_url(line, "envelope", ENVELOPE) == f"{page}documents/details/{ENVELOPE}"
    braces = connection(read=False, address_web="https://x.example/{a}")
    assert connector.record_url(braces, "envelope", "e") == "https://x.example/{a}/documents/details/e"


def test_an_account_that_moved_asks_for_a_new_look() -> None:
    error = connector.errors.error(client.account(connection(read=False)), answer(301, location="https://x"))
    assert isinstance(error, ReconnectError)
    assert error.code == "account_moved"


async def lines(routes: dict[str, Any], **settings: Any) -> dict[str, str]:
    usual = {
        "account.read": answer(200, {"accountName": "Raiar", "planName": "Business Pro"}),
        "templates.list": answer(200, {"envelopeTemplates": [], "totalSetSize": "4"}),
        "connect.list": answer(200, {"configurations": [], "totalRecords": "0"}),
    }
    found = await connector.checks(at(usual | routes, **settings))
    for one in found:
        assert connector.text("pt_BR", f"checks.{one.key}.{one.state}", **one.params), one
    return {one.key: one.state for one in found}


async def test_what_must_be_there_is_checked() -> None:
    assert await lines({}) == {"account": "ok", "templates": "ok", "connect": "ok", "keys": "ok"}
    refused = answer(401, {"errorCode": "ACCOUNT_LACKS_PERMISSIONS", "message": "no"})
    assert (await lines({"connect.list": refused}))["connect"] == "warn"
    assert (await lines({"templates.list": refused}))["templates"] == "warn"
    assert (await lines({}, keys=[]))["keys"] == "warn"
    assert (await lines({}, connect="hand"))["connect_hand"] == "ok"
    assert (await lines({}, zone="Nowhere/Atall"))["zone"] == "bad"


async def test_templates_roles_and_fields_are_lists_of_the_account() -> None:
    page = [{"templateId": str(number), "name": f"M {number}"} for number in range(100)]
    reader = at(
        {
            "templates.list": [
                answer(200, {"envelopeTemplates": page, "nextUri": "/x", "totalSetSize": "101"}),
                answer(200, {"envelopeTemplates": [{"templateId": TEMPLATE, "name": "Contrato"}]}),
            ],
            "templates.recipients": answer(200, ROLES),
        }
    )
    assert len(await connector.live_list(reader, "templates")) == 101
    roles = await connector.live_list(reader, f"roles/{TEMPLATE}")
    assert [one.value for one in roles] == ["Cliente", "Fornecedor"], "in routing order"


async def test_fields_of_templates_are_fields_that_a_rule_fills() -> None:
    two = [{"templateId": TEMPLATE, "name": "Contrato"}, {"templateId": "t-2", "name": "Adendo"}]
    other = {"signers": [{"roleName": "Cliente", "tabs": {"textTabs": [{"tabLabel": "Valor"}]}}]}
    routes = {
        "templates.list": answer(200, {"envelopeTemplates": two}),
        "templates.recipients": [answer(200, ROLES), answer(200, other)],
    }
    found = {one.key: one for one in await connector.custom_fields(at(routes), "tab")}
    assert {one.label for one in found.values()} == {
        "Empresa (Contrato)", "Valor", "Aceita contato (Contrato)", "Forma (Contrato)", "Plano (Contrato)",
    }  # fmt: skip
    assert found[f"tab.{key_of('Aceita contato')}"].type is FieldType.BOOLEAN
    plan = found[f"tab.{key_of('Plano')}"]
    assert (plan.type, [one.value for one in plan.options]) == (FieldType.OPTION, ["Básico", "Pró"])
    own = await connector.custom_fields(at({"custom_fields.list": answer(200, CUSTOM_FIELDS)}), "envelope")
    assert [(one.label, one.type.value) for one in own] == [("Centro de custo", "text"), ("Região", "option")]


def test_labels_that_differ_have_keys_that_differ() -> None:
    labels = ["Valor", "valor", "VALOR", "Valor ", "Valor (R$)", "valor_r", "契約", "Ação", "acao", "a" * 60]
    keys = [key_of(label) for label in labels]
    assert len(set(keys)) == len(labels)
    assert all(key and set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for key in keys)


def test_the_vendor_s_headers_are_believed() -> None:
    call = client.account(connection(read=False))
    hour = {"x_ratelimit_remaining": "12", "x_ratelimit_reset": str(int(time.time()) + 600)}
    state = connector.limit_state(call, answer(200, {}, **hour, x_burstlimit_remaining="400"))
    assert state is not None
    assert (state.remaining, state.counts) == (12, "cost")
    assert 500 < (state.reset_in or 0) < 601
    burst = connector.limit_state(call, answer(200, {}, **hour, x_burstlimit_remaining="3"))
    assert burst is not None
    assert (burst.remaining, burst.reset_in, burst.counts) == (3, 30.0, "calls")
    assert connector.limit_state(call, answer(200, {})) is None
    told = {"errorCode": "HOURLY_APIINVOCATION_LIMIT_EXCEEDED", "message": "x"}
    error = connector.errors.error(call, answer(400, told, **hour))
    assert 500 < error.retry_after < 601  # type: ignore[union-attr, operator]


@pytest.mark.parametrize(("environment", "burst"), [("production", 500), ("demo", 200)])
def test_the_limits_are_those_of_the_environment(environment: str, burst: int) -> None:
    limits = connector.limits(connection(read=False, environment=environment))
    assert [(one.calls, one.seconds) for one in limits] == [(3000, 3600.0), (burst, 30.0), (1, 900.0)]


def test_a_server_and_a_person_are_two_ways_with_one_kind_of_access() -> None:
    oauth, jwt = (connector.manifest.method(key) for key in ("oauth", "jwt"))
    assert oauth.oauth is not None
    assert oauth.oauth.rotates
    assert oauth.oauth.scopes == ("signature", "extended")
    assert jwt.assertion is not None
    assert jwt.assertion.scopes == ("signature", "impersonation")
    for method in ("oauth", "jwt"):
        proof = connector.authorise(connection(method, read=False))
        assert proof.headers == (("Authorization", "Bearer at-1"),)
