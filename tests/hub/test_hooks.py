"""The addresses that events arrive at, and what a system without a fixed shape teaches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test.utils import override_settings
from tests.hub import history_rows as rows
from tests.hub.conftest import Site

from vaivem.config import Config

SECRET = "combinado-em-segredo"
HOOK = {
    "method": "hmac", "name": "Formulário", "cred_secret": SECRET, "set_signature_header": "X-Signature",
    "set_signature_algorithm": "sha256", "set_methods": "both", "set_format": "auto",
    "set_same_by": "content",
    "set_same_minutes": "10", "set_answer_status": "200", "set_answer_type": "text/plain",
}  # fmt: skip


def connected(site: Site) -> int:
    """Make a webhook connection by its page."""
    from vaivem.hub.connections.models import Connection

    done = site.browser(site.owner).post(site.url("connections/new/webhook/"), HOOK)
    assert done.status_code == 302, done.text
    return Connection.objects.get().pk


def test_without_a_public_address_the_page_says_how_to_get_one(site: Site) -> None:
    number = connected(site)
    page = site.browser(site.owner).get(site.url(f"connections/{number}/")).text
    assert "cannot arrive yet" in page
    assert "tunnel" in page
    assert "/hook/" not in page


def test_the_address_is_shown_and_waits_for_a_first_delivery(site: Site, hub: Config) -> None:
    from vaivem.hub.connections.models import Connection

    number = connected(site)
    hook = Connection.objects.get().hook
    with override_settings(VAIVEM=replace(hub, public_url="https://hub.raiar.example")):
        page = site.browser(site.owner).get(site.url(f"connections/{number}/")).text
    assert f"https://hub.raiar.example/hook/{hook}" in page
    assert "Waiting for a first delivery" in page
    assert SECRET not in page


def test_fields_are_learnt_from_several_deliveries(site: Site) -> None:
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.shell import clock

    number = connected(site)
    for body in ('{"nome": "Ana", "email": "ana@x.example"}', '{"nome": "Bia", "valor": 12}', "not json {"):
        rows.add_event(site.workspace.pk, number, clock.now(), body=body)
    page = site.browser(site.viewer).get(site.url(f"connections/{number}/")).text
    for key in ("body.nome", "body.email", "body.valor"):
        assert key in page
    catalog = Connection.objects.get().catalog
    assert {"body.nome", "body.email", "body.valor"} <= {field["key"] for field in catalog["fields"]["event"]}


def test_the_address_of_settings_is_used_and_moves_the_webhooks(site: Site) -> None:
    from django.db import connection

    from vaivem.hub.connections.addresses import public_address
    from vaivem.hub.connections.models import Connection

    number = connected(site)
    Connection.objects.update(wants_hook=True)
    browser = site.browser(site.owner)
    done = browser.post(site.url("settings/address/"), {"address": " https://hub.raiar.example/ "})
    assert done.status_code == 302
    assert public_address() == "https://hub.raiar.example"
    with connection.cursor() as cursor:
        cursor.execute(
            "select convert_from(payload, 'UTF8') from pgqueuer where entrypoint = 'ensure_webhook'"
        )
        assert str(number) in str(cursor.fetchall())
    assert "https://hub.raiar.example/hook/" in browser.get(site.url(f"connections/{number}/")).text


@pytest.mark.parametrize(
    "wrong", ["hub.raiar.example", "ftp://x.example", "https://", "https://x.example/?a=1"]
)
def test_a_half_address_is_refused(site: Site, wrong: str) -> None:
    from vaivem.hub.connections.addresses import public_address

    answer = site.browser(site.owner).post(site.url("settings/address/"), {"address": wrong})
    assert answer.status_code == 422
    assert public_address() == ""


def test_the_operators_address_wins(site: Site, hub: Config) -> None:
    from vaivem.hub.connections.addresses import choose_address, public_address

    choose_address("https://antigo.example")
    with override_settings(VAIVEM=replace(hub, public_url="https://hub.raiar.example")):
        assert public_address() == "https://hub.raiar.example"


def test_a_test_account_needs_no_public_address(site: Site, hub: Config) -> None:
    from vaivem.hub.connections.addresses import hook_address
    from vaivem.hub.connections.models import Connection

    connected(site)
    row = Connection.objects.get()
    row.test_account = True
    assert hook_address(row) == f"{hub.local_url}/hook/{row.hook}"


def test_connecting_says_that_events_cannot_arrive_until_there_is_an_address(site: Site, hub: Config) -> None:
    browser, url = site.browser(site.owner), site.url("connections/new/rd_station_crm/?method=oauth")
    page = browser.get(url).text
    assert "cannot arrive yet" in page
    assert "tunnel" in page
    assert "http://127.0.0.1/oauth/callback" in page
    with override_settings(VAIVEM=replace(hub, public_url="https://hub.raiar.example")):
        page = browser.get(url).text
    assert "cannot arrive yet" not in page
    assert "https://hub.raiar.example/oauth/callback" in page
