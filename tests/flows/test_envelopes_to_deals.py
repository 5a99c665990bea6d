"""Envelopes that are signed become deals, once, however the vendor tells it: through a whole installation."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import Town, folder, town_in
from vaivem.vault import Vault

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
RUNS = "select count(*) from run where status = 1"


class Desk:
    """The signing account, as somebody with its token and its pages would use it."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.account = town.accounts["docusign"]
        self.base = f"/restapi/v2.1/accounts/{self.account.credentials['account_id']}"

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.account.credentials['access_token']}"}
        url = f"{self.account.base_url}{self.base}{path}"
        return await self.town.asker.call(method, url, body, headers)

    async def control(self, path: str, body: Any = None) -> Any:
        return await self.town.control("docusign", path, body)

    async def sent(self, subject: str, *people: str, **more: Any) -> str:
        """Send an envelope to people, by e-mail address; return its id."""
        listed = (await self.api("GET", "/templates"))["envelopeTemplates"]
        for one in listed:
            roles = (await self.api("GET", f"/templates/{one['templateId']}/recipients"))["signers"]
            if len(roles) == len(people):
                break
        named = [
            {"roleName": role["roleName"], "name": email.partition("@")[0].title(), "email": email}
            for role, email in zip(roles, people, strict=True)
        ]
        body = {
            "status": "sent",
            "templateId": one["templateId"],
            "templateRoles": named,
            "emailSubject": subject,
        }
        return str((await self.api("POST", "/envelopes", {**body, **more}))["envelopeId"])

    async def sign_all(self, envelope: str) -> None:
        await self.control(f"envelopes/{envelope}/sign_all", {})

    async def deals(self) -> list[dict[str, Any]]:
        account = self.town.accounts["rd_station_crm"]
        headers = {"authorization": f"Bearer {account.credentials['access_token']}"}
        url = f"{account.base_url}/crm/v2/deals?page[size]=200"
        return list((await self.town.asker.call("GET", url, None, headers))["data"])

    async def quiet(self) -> None:
        """Wait until the vendor has nothing more to deliver."""
        for _ in range(120):
            if not (await self.control("deliveries/counts"))["waiting"]:
                return
            await asyncio.sleep(0.5)
        raise AssertionError(self.town.state())

    async def apply(self, rules: str, folder: Path) -> None:
        """Apply a file of rules, as an operator would, and wait until the worker knows."""
        file = folder / "rules.yaml"
        file.write_text(rules, "utf-8")
        environment = {**os.environ, "VAIVEM_DATA_DIR": str(self.town.config.data_dir)}
        command = [sys.executable, "-m", "vaivem.cli", "rules", "apply", str(file), "--yes"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: ASYNC221
        assert done.returncode == 0, done.stdout + done.stderr
        await asyncio.sleep(4)  # every process is told, and reads its configuration again

    def hook(self) -> str:
        found = "select subscription->>'address' from connection where connector = 'docusign'"
        return str(self.town.rows(found)[0][0])

    async def until(self, done: Callable[[], Any], seconds: float = 90) -> None:
        await self.town.until(done, seconds)

    def runs(self) -> int:
        return int(self.town.rows(RUNS)[0][0])

    def refused(self) -> int:
        return int(self.town.rows("select count(*) from rejected where code like 'signature%'")[0][0])


@pytest.fixture
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """An installation with both accounts connected and the recipe between them on."""
    async with town_in(folder, accounts=("docusign", "rd_station_crm")) as town:
        subscribed = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
        await town.until(lambda: town.rows(subscribed), 60)
        yield Desk(town)


async def test_a_signed_envelope_is_one_deal_however_often_it_is_told(desk: Desk) -> None:
    hook = desk.hook()
    # A second configuration of the older kind delivers the whole state, with the documents in it.
    older = {
        "configurationType": "custom", "name": "older", "urlToPublishTo": hook, "allUsers": "true",
        "allowEnvelopePublish": "true", "deliveryMode": "Aggregate", "includeHMAC": "true",
        "includeDocuments": "true", "includeTimeZoneInformation": "true",
        "envelopeEvents": ["Sent", "Delivered", "Completed"], "recipientEvents": ["Sent", "Completed"],
    }  # fmt: skip
    await desk.api("POST", "/connect", older)
    # A third one is the envelope's own.
    own = {
        "url": hook, "loggingEnabled": "true", "requireAcknowledgment": "true", "deliveryMode": "SIM",
        "events": ["envelope-completed", "recipient-completed"], "includeHMAC": "true",
        "eventData": {"version": "restv2.1", "format": "json", "includeData": ["recipients"]},
    }  # fmt: skip
    people = ("ana@cliente.example", "bia@raiarsolar.example")
    envelope = await desk.sent("Contrato Padaria", *people, eventNotification=own)
    await desk.sign_all(envelope)
    await desk.until(lambda: desk.runs() >= 1)
    await desk.quiet()
    assert desk.runs() == 1
    deals = [one for one in await desk.deals() if "Contrato Padaria" in one["name"]]
    assert len(deals) == 1
    kinds = dict(desk.town.rows("select kind, count(*) from event group by 1"))
    assert kinds["envelope-completed"] == 1
    assert kinds["recipient-completed"] == 3, "two who sign, and the template's copy"
    assert kinds["envelope-sent"] == 1
    assert not desk.town.rows("select 1 from rejected")
    (largest,) = desk.town.rows("select max(length(body)) from event")[0]
    assert largest < 64 * 1024, "documents are not kept"


async def test_keys_are_added_and_retired_without_a_gap(desk: Desk) -> None:
    await desk.control("keys", {"key": "the-second-key"})
    (first,) = [one for one in await desk.control("keys") if one["key"] != "the-second-key"]
    await desk.sign_all(await desk.sent("Um", "ana@cliente.example", "bia@raiarsolar.example"))
    await desk.until(lambda: desk.runs() == 1)

    url = f"{desk.account.control_url}/keys/{first['keyId']}"
    await desk.town.asker.call("DELETE", url, None)
    refused = desk.refused()
    await desk.sign_all(await desk.sent("Dois", "ana@cliente.example", "bia@raiarsolar.example"))
    await desk.until(lambda: desk.refused() > refused)
    assert desk.runs() == 1, "signed only with a key that is not listed here"

    _list_keys(desk, ["the-second-key"])
    await desk.until(lambda: desk.runs() == 2)
    numbers = desk.town.rows("select count(distinct record) from event where kind = 'envelope-completed'")
    assert numbers[0][0] == 2, "the vendor's next try brought what had been refused"


def _list_keys(desk: Desk, keys: list[str]) -> None:
    """Do what the settings page does."""
    import psycopg

    from vaivem.postgres import EmbeddedServer

    vault = Vault.from_folder(desk.town.config.data_dir)
    with psycopg.connect(EmbeddedServer(desk.town.config.data_dir).dsn, autocommit=True) as db:
        (sealed,) = db.execute("select credentials from connection where connector = 'docusign'").fetchone()  # type: ignore[misc]
        changed = vault.seal({**vault.open(bytes(sealed)), "hmac_keys": keys})
        db.execute("update connection set credentials = %s where connector = 'docusign'", (changed,))


async def test_a_message_with_many_megabytes_of_documents_is_taken(desk: Desk) -> None:
    await desk.control("quirks", {"document_bytes": 12_000_000})
    hook = desk.hook()
    large = {
        "configurationType": "custom", "name": "large", "urlToPublishTo": hook, "allUsers": "true",
        "allowEnvelopePublish": "true", "deliveryMode": "SIM", "includeHMAC": "true",
        "events": ["envelope-voided"],
        "eventData": {
            "version": "restv2.1", "format": "json", "includeData": ["recipients", "tabs", "documents"]
        },
    }  # fmt: skip
    await desk.api("POST", "/connect", large)
    envelope = await desk.sent("Grande", "ana@cliente.example", "bia@raiarsolar.example")
    await desk.control(f"envelopes/{envelope}/void", {"reason": "Proposta refeita"})
    voided = "select length(body) from event where kind = 'envelope-voided'"
    await desk.until(lambda: desk.town.rows(voided))
    ((size,),) = desk.town.rows(voided)
    assert size < 64 * 1024
    assert not desk.town.rows("select 1 from rejected")


async def test_what_no_message_told_is_found_within_the_hour_and_once(desk: Desk) -> None:
    await desk.sign_all(await desk.sent("Contado", "ana@cliente.example", "bia@raiarsolar.example"))
    await desk.until(lambda: desk.runs() == 1)
    for one in (await desk.api("GET", "/connect"))["configurations"]:
        await desk.api("DELETE", f"/connect/{one['connectId']}")
    await desk.sign_all(await desk.sent("Perdido", "ana@cliente.example", "bia@raiarsolar.example"))
    await desk.quiet()
    assert desk.runs() == 1
    desk.town.rows("update clock set shift = shift + interval '62 minutes' returning 1")
    await desk.until(lambda: desk.runs() == 2)
    deals = [one["name"] for one in await desk.deals()]
    assert sum("Contado" in name for name in deals) == sum("Perdido" in name for name in deals) == 1
    assert (await desk.control("polling"))["violations"] == 0


async def test_a_rule_on_any_change_does_not_start_itself(desk: Desk, tmp_path: Path) -> None:
    listed = (await desk.api("GET", "/templates"))["envelopeTemplates"]
    rule = f"""
rules:
  - title: Every change makes a draft
    when: {{connection: raiar-solar, trigger: envelope_changed}}
    then:
      - id: draft
        kind: action
        connection: raiar-solar
        action: create_envelope
        fields:
          envelope.template: {{value: {listed[0]["templateId"]}}}
          envelope.subject: {{value: Mais um}}
"""
    await desk.apply(rule, tmp_path)
    made = (await desk.control("counts"))["envelopes"]
    await desk.api("POST", "/envelopes", {"status": "created", "templateId": listed[0]["templateId"]})
    drafts = "select count(*) from run where rule = (select max(id) from rule) and status = 1"
    await desk.until(lambda: desk.town.rows(drafts)[0][0] == 1)
    own = "select count(*) from run where code = 'our_own_change'"
    await desk.until(lambda: desk.town.rows(own)[0][0] == 1)
    await desk.quiet()
    assert (await desk.control("counts"))["envelopes"] == made + 2, "a person's, and the one draft for it"


async def test_an_envelope_is_read_once_in_a_quarter_of_an_hour(desk: Desk, tmp_path: Path) -> None:
    """A configuration made by hand that sends ids only: four runs need the same envelope."""
    hook = desk.hook()
    desk.town.rows(
        "update connection set settings = settings || '{\"connect\": \"hand\"}' where connector = 'docusign'"
        " returning 1"
    )
    thin = {
        "configurationType": "custom", "name": "by hand", "urlToPublishTo": hook, "allUsers": "true",
        "allowEnvelopePublish": "true", "deliveryMode": "SIM", "includeHMAC": "true",
        "requiresAcknowledgement": "true", "events": ["envelope-completed", "recipient-completed"],
        "eventData": {"version": "restv2.1", "format": "json", "includeData": []},
    }  # fmt: skip
    listed = (await desk.api("GET", "/templates"))["envelopeTemplates"]
    rule = f"""
rules:
  - title: Who signed gets another draft
    when: {{connection: raiar-solar, trigger: recipient_completed}}
    then:
      - id: draft
        kind: action
        connection: raiar-solar
        action: create_envelope
        fields:
          envelope.template: {{value: {listed[0]["templateId"]}}}
          envelope.subject: {{text: "{{{{ recipient.name }}}}"}}
"""
    await desk.apply(rule, tmp_path)
    # Only now does the worker know that it is done by hand: before, it would put ours, which says all, back.
    for one in (await desk.api("GET", "/connect"))["configurations"]:
        await desk.api("DELETE", f"/connect/{one['connectId']}")
    await desk.api("POST", "/connect", thin)
    await desk.sign_all(await desk.sent("Fino", "ana@cliente.example", "bia@raiarsolar.example"))
    waiting = "select count(*) from pending where code = 'record_limit'"
    ended = "select count(*) from run"

    def stands() -> bool:
        late = desk.town.rows("select 1 from lane where due < vv_now() + interval '1 minute'")
        return bool(desk.town.rows(ended)[0][0] == 4 or (desk.town.rows(waiting)[0][0] and not late))

    quarters = 0
    while True:
        await desk.until(stands)
        assert (await desk.control("polling"))["violations"] == 0
        if desk.town.rows(ended)[0][0] == 4:
            break
        quarters += 1
        await desk.control("clock", {"advance_seconds": 16 * 60})
        desk.town.rows("update clock set shift = shift + interval '16 minutes' returning 1")
    # The first one read at once; what it was answered may be older than what the others tell of. All of those
    # came before the second read.
    assert quarters == 1
    assert (await desk.control("polling"))["reads"] == 2
    assert desk.runs() == 3, "the template's copy is somebody who does not sign"
    subjects = [one["emailSubject"] for one in await desk.control("envelopes?status=created")]
    assert sorted(subjects) == ["Ana", "Bia"]
