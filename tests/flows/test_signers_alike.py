"""One table for every signer's tool: the same documents end in the same tags, records and triggers.

Both signers' accounts are connected to one marketing account; the same documents go through the same hands in
both, told twice and out of order. When a state is told may differ, what there is in the end may not.
"""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typing_extensions import override

from tests.crash.conftest import Town, folder, town_in
from vaivem.cli import parts
from vaivem.connectors.activecampaign.custom_objects import STATE_NAMES, document_schema
from vaivem.connectors.sdk.documents import DocumentMoved
from vaivem.connectors.sdk.recipes import get_recipe
from vaivem.connectors.sdk.registry import get_connector

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
ANA, BIA = "ana", "bia"
# What is done with each document, in this order. Nobody has signed when a deadline passes.
ACTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Contrato Alfa": (("open", ANA), ("sign", ANA), ("open", BIA), ("sign", BIA)),
    "Contrato Bravo": (("open", ANA), ("sign", ANA), ("open", BIA), ("decline", BIA)),
    "Contrato Carlos": (("open", ANA), ("void", "")),
    "Contrato Delta": (("open", ANA), ("expire", "")),
    "Contrato Eco": (("open", ANA), ("sign", ANA), ("void", "")),
    "Contrato Fox": (("open", ANA), ("sign", ANA)),
    "Contrato Hora": (("open", ANA), ("sign", ANA), ("open", BIA)),
    "Contrato Iate": (("open", ANA), ("void", "")),
}
IN_ORDER = ("Contrato Hora", "Contrato Iate")  # Bia's turn comes after Ana's signature
# This one a rule makes and sends, when the first document is closed: nobody has done anything with it.
OURS = "Contrato Nova"
# Of this one nothing is delivered before its last act.
LATE = "Contrato Gama"
LATE_ACTS = (("open", ANA), ("sign", ANA), ("open", BIA), ("sign", BIA))
SENT, OPENED = ["every", "Sent"], ["every", "Sent", "Delivered"]
SIGNED, REFUSED = [*OPENED, "Completed"], [*OPENED, "Declined"]
NOBODY: tuple[list[str], str] = ([], "")  # no contact, for nothing was sent
# What each of them has then: tags without what is the vendor's own in them, and the status of the record.
END: Mapping[tuple[str, str], tuple[list[str], str]] = {
    ("Contrato Alfa", ANA): (SIGNED, "Completed"),
    ("Contrato Alfa", BIA): (SIGNED, "Completed"),
    ("Contrato Bravo", ANA): (SIGNED, "Completed"),
    ("Contrato Bravo", BIA): (REFUSED, "Declined"),
    ("Contrato Carlos", ANA): (OPENED, "Voided"),
    ("Contrato Carlos", BIA): (SENT, "Voided"),
    ("Contrato Delta", ANA): (OPENED, "Voided"),
    ("Contrato Delta", BIA): (SENT, "Voided"),
    ("Contrato Eco", ANA): (SIGNED, "Voided"),
    ("Contrato Eco", BIA): (SENT, "Voided"),
    ("Contrato Fox", ANA): (SIGNED, "Completed"),
    ("Contrato Fox", BIA): (SENT, "Sent"),
    ("Contrato Hora", ANA): (SIGNED, "Completed"),
    ("Contrato Hora", BIA): (OPENED, "Delivered"),
    ("Contrato Iate", ANA): (OPENED, "Voided"),
    ("Contrato Iate", BIA): NOBODY,
    (OURS, ANA): (SENT, "Sent"),
    (OURS, BIA): NOBODY,
    (LATE, ANA): (SIGNED, "Completed"),
    (LATE, BIA): (SIGNED, "Completed"),
}
NAMES = {"sent": "Sent", "opened": "Delivered", "completed": "Completed", "declined": "Declined"}
# How often a rule for one step alone starts: for each person, or for the document.
STARTS = {
    state: {one: 1 for one, (tags, _status) in END.items() if name in tags} for state, name in NAMES.items()
} | {
    "voided": {(f"Contrato {name}", ""): 1 for name in ("Carlos", "Delta", "Eco", "Iate")},
    "closed": {(title, ""): 1 for title in ("Contrato Alfa", LATE)},
}
CHOOSE_OBJECT = """
update connection set settings = settings || '{"document_object": "?"}'
where connector = 'activecampaign' returning 1
"""
LOOKED = """
select 1 from fact f join connection c on f.name = 'catch_up/' || c.id
where c.connector = 'docusign' and f.value::text like '%done%'
"""
LEAVE_OUT = "update connection set catch_up = false where connector = 'activecampaign' returning 1"
SUBSCRIBED = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
RUNS = """
select r.rule, e.title from run r join event e on e.ws = r.ws and e.id = r.event_id where r.status = 1
"""
NEWS = "select count(*) from news"
NOTED = """
select c.fields, k.fields -> 'status' ->> 0, (
  select count(*) from known_record s join connection o on o.id = s.conn
  where s.person = c.person and s.object = 'recipient' and o.connector = '{}')
from known_record c join known_record k on k.ws = c.ws and k.of_record = c.id
where c.object = 'contact' and c.fields -> 'email' ->> 0 = '{}'
"""
# The document that a rule made: once, whatever the vendor tells of it later.
MADE = """
select c.connector, d.state, d.run_id > 0, array(
  select r.email || ' ' || r.state from document_recipient r
  where r.ws = d.ws and r.conn = d.conn and r.document = d.document order by 1)
from document d join connection c on c.id = d.conn where d.name = 'Contrato Nova' order by 1
"""
PDF = base64.b64encode(b"%PDF-1.4 a contract").decode()


def turn_of(who: str, title: str) -> int:
    return 2 if who == BIA and title in IN_ORDER else 1


def name_of(who: str, title: str) -> str:
    return f"{who.capitalize()} {title.split()[-1]}"


class Clicksign:
    """The account of one vendor, as its owner and the signers use it."""

    key, recipe, base = "clicksign", "signed_document_to_contact", "/api/v3/envelopes"
    template, sending = "Contrato de prestação de serviços", {"sending": "activate", "blanks": "allow"}
    named = "envelope.name"

    def __init__(self, town: Town) -> None:
        self.town = town
        self.made: dict[str, dict[str, Any]] = {}

    def ending(self, title: str) -> str:
        """Return how a document's title ends in the history."""
        return ".docx" if title == OURS else ".pdf"

    def roles(self) -> tuple[tuple[str, str], ...]:
        """Return who signs a document of ours, the first one first, by the group of fields."""
        return (("signer", ANA), ("signer2", BIA))

    def email(self, who: str, title: str) -> str:
        return f"{who}.{title.split()[-1].lower()}@{self.key}.example"

    async def send(self, title: str) -> None:
        signers = [
            {
                "name": name_of(who, title),
                "email": self.email(who, title),
                "refusable": True,
                "group": turn_of(who, title),
            }
            for who in (ANA, BIA)
        ]
        body = {"filename": f"{title}.pdf", "signers": signers}
        self.made[title] = await self.town.control(self.key, "documents", body)

    async def act(self, name: str, title: str, who: str) -> None:
        ids = self.made[title]
        document, email = ids["documents"][0], self.email(who, title)
        if name == "expire":
            await self._expire(ids["envelope"])
        else:
            path = {"open": "open", "sign": "sign", "decline": "refuse", "void": "cancel"}[name]
            signer = {"signer": email} if who else {}
            await self.town.control(self.key, path, {"document": document, **signer})

    async def _expire(self, envelope: str) -> None:
        """Set the deadline to a moment from now, and let that pass."""
        account = self.town.accounts[self.key]
        headers = {
            "Authorization": account.credentials["access_token"],
            "Accept": "application/vnd.api+json",
        }
        soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
        body = {"data": {"type": "envelopes", "id": envelope, "attributes": {"deadline_at": soon}}}
        url = f"{account.base_url}{self.base}/{envelope}"
        await self.town.asker.call("PATCH", url, body, headers)
        await asyncio.sleep(3)


class DocuSign(Clicksign):
    """The other vendor's."""

    key, recipe = "docusign", "envelope_to_contact"
    template, sending = "Acordo de confidencialidade", {"sending": "send"}
    named = "envelope.subject"

    @override
    def ending(self, title: str) -> str:
        return ""

    @override
    def roles(self) -> tuple[tuple[str, str], ...]:
        return (("signer", ANA),)  # the template has no second role, as Bia has no turn

    async def send(self, title: str) -> None:
        signers = [
            {
                "recipientId": str(number),
                "routingOrder": str(turn_of(who, title)),
                "name": name_of(who, title),
                "email": self.email(who, title),
            }
            for number, who in enumerate((ANA, BIA), 1)
        ]
        body = {
            "status": "sent",
            "emailSubject": title,
            "documents": [{"documentId": "1", "name": f"{title}.pdf", "documentBase64": PDF}],
            "recipients": {"signers": signers},
        }
        self.made[title] = await self.town.control(self.key, "envelopes", body)

    async def act(self, name: str, title: str, who: str) -> None:
        path = f"envelopes/{self.made[title]['envelopeId']}/{name}"
        body = {"recipient": self.email(who, title) if who else "", "reason": "Valor"}
        await self.town.control(self.key, path, body)


VENDORS = (Clicksign, DocuSign)


class Desk:
    """All three accounts."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.signers = [vendor(town) for vendor in VENDORS]

    async def marketing(self, method: str, path: str, body: Any = None) -> Any:
        account = self.town.accounts["activecampaign"]
        headers = {"Api-Token": account.credentials["api_token"]}
        return await self.town.asker.call(method, f"{account.base_url}/api/3{path}", body, headers)

    async def set_up(self) -> None:
        """Finish both recipes as their pages do; add a rule for each state and for a tag of each vendor."""
        made = await self.marketing("POST", "/customObjects/schemas", {"schema": document_schema()})
        self.town.rows(CHOOSE_OBJECT.replace("?", made["schema"]["id"]))
        slugs = dict(self.town.rows("select connector, slug from connection"))
        rules = []
        for signer in self.signers:
            accounts = {"source": slugs[signer.key], "target": slugs["activecampaign"]}
            ((title,),) = self.town.rows(f"select title from rule where recipe = '{signer.recipe}'")  # noqa: S608
            chosen = {"states": "sent,opened,completed,declined,changed"}
            rules.append(get_recipe(signer.recipe).definition(accounts, chosen, title, ()))
            when = {"connection": slugs[signer.key], "trigger": "document_moved"}
            rules += [
                _rule(f"{signer.key} {state}", {**when, "options": {"states": [state]}}) for state in STARTS
            ]
            rules.append(self._sending_rule(signer, slugs[signer.key]))
            tag = f"{trigger_of(signer.key).prefix}-{trigger_of(signer.key).mark}_Completed"
            tagged = {
                "connection": slugs["activecampaign"],
                "trigger": "tag_added",
                "options": {"tags": [tag]},
            }
            rules.append(_rule(f"{signer.key} tag", tagged))
        file = self.town.config.data_dir / "rules.yaml"
        file.write_text(yaml.safe_dump({"rules": rules}), "utf-8")
        await parts.call(self.town.config, "rules", "apply", "--yes", str(file))
        await asyncio.sleep(4)  # every process reads its configuration again
        await self.town.until(lambda: len(self.town.rows(SUBSCRIBED)) == 3, 90)

    def _sending_rule(self, signer: Clicksign, connection: str) -> dict[str, Any]:
        """Return a rule that makes a document of a template and sends it, when the first one is closed."""
        query = "select catalog->'lists'->'templates' from connection where slug = '?'"
        ((templates,),) = self.town.rows(query.replace("?", connection))
        template = next(one["value"] for one in templates if one["label"] == signer.template)
        fields = {"envelope.template": {"value": template}, signer.named: {"value": OURS}}
        for group, who in signer.roles():
            fields[f"{group}.name"] = {"value": name_of(who, OURS)}
            fields[f"{group}.email"] = {"value": signer.email(who, OURS)}
        step = {"id": "make", "kind": "action", "connection": connection, "action": "create_envelope"}
        options = {"states": ["closed"]}
        return {
            "title": f"{signer.key} sends",
            "when": {"connection": connection, "trigger": "document_moved", "options": options},
            "if": [{"field": "step.name", "is": "equals", "value": "Contrato Alfa"}],
            "then": [{**step, "options": signer.sending, "fields": fields}],
        }

    async def settled(self) -> None:
        """Wait until each vendor has told everything and everything was worked."""
        quiet = 0
        while quiet < 3:
            told = [await self.town.control(one, "deliveries/counts") for one in self.town.accounts]
            busy = any(one["waiting"] for one in told) or self.town.rows("select 1 from lane limit 1")
            quiet = 0 if busy else quiet + 1
            await asyncio.sleep(1)

    async def send_late(self) -> None:
        """Have a document go its way with nothing delivered before its last act."""
        for signer in self.signers:
            await self.town.control(signer.key, "faults", {"p_webhook_missing": 1.0})
            await signer.send(LATE)
            *before, last = LATE_ACTS
            for name, who in before:
                await signer.act(name, LATE, who)
            await self.town.control(signer.key, "faults", {"p_webhook_missing": 0.0})
            await signer.act(last[0], LATE, last[1])
        await self.settled()

    async def swept(self) -> None:
        """Let the time come to ask the vendor that has a list of changes what was not delivered."""
        # The marketing account's own look, contact by contact, would take minutes and find nothing new.
        self.town.rows(LEAVE_OUT)
        await self.town.until(lambda: self.town.rows(LOOKED), 150)  # from there the next look goes on
        await self._until_later(67, "select 1 from event where title = 'Contrato Gama · Ana Gama' and bulk")
        # An envelope is read once in a quarter of an hour, and each of the rules reads it.
        await self._until_later(16, "select 1 where not exists (select 1 from lane)")
        await self.settled()

    async def _until_later(self, minutes: int, query: str) -> None:
        """Let minutes pass until a query finds something; the first look back takes a minute of ours."""
        for number in range(60):
            if self.town.rows(query):
                return
            if number == 0 or (minutes < 60 and number % 2 == 0):
                shift = f"update clock set shift = shift + interval '{minutes} minutes' returning 1"  # noqa: S608
                self.town.rows(shift)
            await asyncio.sleep(2)
        looked = self.town.rows("select name, value from fact where name like 'catch_up%' or name = 'alive'")
        raise AssertionError(f"{looked}\n{self.town.state()}")

    def starts(self, rule: str) -> Counter[str]:
        """Return how often a rule was started, by the title of what started it."""
        ((number,),) = self.town.rows(f"select id from rule where title = '{rule}'")  # noqa: S608
        return Counter(title for of, title in self.town.rows(RUNS) if of == number)


def trigger_of(vendor: str) -> DocumentMoved:
    found = get_connector(vendor).trigger("document_moved")
    assert isinstance(found, DocumentMoved)
    return found


def _rule(title: str, when: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule that does nothing: that it was started is what counts."""
    never = {"field": "rule.title", "is": "is_empty"}
    return {"title": title, "when": when, "then": [{"id": "end", "kind": "stop", "if": [never]}]}


def _title(title: str, who: str, ending: str = "") -> str:
    return " · ".join(filter(None, (f"{title}{ending}", name_of(who, title) if who else "")))


@pytest.fixture
async def desk(folder: Path) -> AsyncIterator[Desk]:
    async with town_in(folder, accounts=("activecampaign", "clicksign", "docusign")) as town:
        yield Desk(town)


async def test_both_end_in_the_same_tags_records_and_triggers(desk: Desk) -> None:
    await desk.set_up()
    faults = {"p_webhook_double": 0.5, "p_webhook_reorder": 0.5, "seed": 5}
    for account in ("clicksign", "docusign"):
        await desk.town.control(account, "faults", faults)
    for signer in desk.signers:
        for title in ACTS:
            await signer.send(title)
    for title, acts in ACTS.items():
        for name, who in acts:
            for signer in desk.signers:
                await signer.act(name, title, who)
    async with asyncio.timeout(240):
        await desk.settled()
    await desk.send_late()
    told_at_its_end = Counter({_title(LATE, who, ".pdf"): 1 for who in (ANA, BIA)})
    for state in ("sent", "opened", "completed"):
        assert desk.starts(f"clicksign {state}") >= told_at_its_end, state
    await desk.swept()
    assert not desk.town.rows("select 1 from run where status = 2"), desk.town.state()
    assert not desk.town.rows("select 1 from decision where answer is null"), desk.town.state()
    contacts = {one["email"]: one for one in await desk.town.control("activecampaign", "contacts")}
    found = {signer.key: _found(signer, contacts) for signer in desk.signers}
    assert found["clicksign"] == found["docusign"]
    assert found["docusign"] == END
    for state, wanted in STARTS.items():
        told = {
            signer.key: Counter({_title(*one, signer.ending(one[0])): times for one, times in wanted.items()})
            for signer in desk.signers
        }
        heard = {signer.key: desk.starts(f"{signer.key} {state}") for signer in desk.signers}
        assert heard == told, state
    tagged = sum("Completed" in tags for tags, _status in END.values())
    assert [desk.starts(f"{one.key} tag").total() for one in desk.signers] == [tagged, tagged]
    # And so on each person's page, of what the rules wrote, each with their own.
    await desk.town.until(lambda: desk.town.rows(NEWS) == [(0,)], 150)
    noted = {signer.key: _noted(desk, signer) for signer in desk.signers}
    assert noted["clicksign"] == noted["docusign"] == END
    assert desk.town.rows(MADE) == [
        ("clicksign", "sent", True, ["ana.nova@clicksign.example sent", "bia.nova@clicksign.example draft"]),
        ("docusign", "sent", True, ["ana.nova@docusign.example sent"]),
    ]


def _noted(desk: Desk, signer: Clicksign) -> dict[tuple[str, str], tuple[list[str], str]]:
    """Return the same of what is noted: one person with a signer's record and a contact, and what is kept."""
    trigger, found = trigger_of(signer.key), {}
    for title, who in END:
        rows = desk.town.rows(NOTED.format(signer.key, signer.email(who, title)))
        if not rows:
            found[title, who] = NOBODY
            continue
        ((fields, status, signers),) = rows
        tags = [
            tag.removeprefix(trigger.prefix).removeprefix(f"-{trigger.mark}_") or "every"
            for key, (tag, _at) in fields.items()
            if key.startswith("tag:") and tag
        ]
        assert signers == 1
        found[title, who] = (sorted(tags, key=[*SIGNED, "Declined"].index), STATE_NAMES[status])
    return found


def _found(
    signer: Clicksign, contacts: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], tuple[list[str], str]]:
    """Return each person's tags in common words, and the status of their one record."""
    trigger, found = trigger_of(signer.key), {}
    for title, who in END:
        contact = contacts.get(signer.email(who, title))
        if contact is None:
            found[title, who] = NOBODY
            continue
        tags = [
            tag.removeprefix(trigger.prefix).removeprefix(f"-{trigger.mark}_") or "every"
            for tag in contact["tags"]
        ]
        (record,) = contact["records"]
        assert record["values"]["document"] == title
        assert bool(record["values"].get("completed-at")) == ("Completed" in tags)
        found[title, who] = (tags, record["values"]["status"])
    return found
