"""The past of a rule between two accounts: brought in whole and once, though the worker is killed."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.crash.conftest import Town, folder, town_in
from tests.flows.test_envelopes_to_contacts import Desk as Envelopes
from tests.flows.test_envelopes_to_contacts import has_records
from tests.flows.test_signature_to_tags import TAGS
from vaivem.cli import parts
from vaivem.simulators.clicksign.story import act

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500 if os.environ.get("VAIVEM_LONG") else 550)]
LONG = bool(os.environ.get("VAIVEM_LONG"))
DOCUMENTS = {"clicksign": 6, "docusign": 30 if LONG else 12}
LATER_HOURS = 3
KILLS = 3
SUBSCRIBED = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
ASK = """
insert into backfill (ws, rule, since, until, at, made, touched)
select workspace_id, id, begins, on_since, begins, vv_now(), vv_now()
from (select *, on_since - interval '3 days' as begins from rule where recipe like '%to_contact') r
returning 1
"""
OFF = "update rule set state = 'draft' returning 1"
ON = "update rule set state = 'on', on_since = date_trunc('second', vv_now()) returning 1"
LATER = "update clock set shift = shift + interval '3 hours' returning 1"
QUARTER = "update clock set shift = shift + interval '16 minutes' returning 1"
LOOKED = """
select (select count(*) from run), (select count(*) from step where name = 'tags.search' and method = 'GET')
"""
SOON = """
select 1 from lane where due < vv_now() + interval '1 minute'
union all select 1 from pending where code = 'waits_for_bulk'
"""
IMPORTED = "select 1 from step where name = 'contacts.import' and write and done"
ASK_OF = ASK.replace("recipe like '%to_contact'", "title = '{}'")
REACHING = ("enrol", "mail", "tell")
# How each run of a rule ended, and what it left out.
RUNS = """
select r.status, array(
  select (n ->> 'code') || ':' || (n #>> '{{params,step}}')
  from jsonb_array_elements(coalesce(r.params -> 'notes', '[]')) n order by 1)
from run r join rule o on o.id = r.rule where o.title = '{}' and r.status <> 3
"""
LETTERS = "select lower(recipient) from letter where kind = 'rule' and subject like '{}%'"
NOTICES = "select count(*) from notice t join rule r on r.id = t.rule_id where r.title = '{}'"
LISTS = "select slug, catalog->'lists'->'automations' from connection where connector = 'activecampaign'"
SLUG = "select slug from connection where connector = '{}'"
OWNER = "select p.email from membership s join member p on p.id = s.member_id where s.role = 'owner'"
START = "update backfill set state = 2, at = since, touched = vv_now() where state = 1 returning counts"


async def contacts(town: Town) -> dict[str, list[dict[str, Any]]]:
    """Return the contacts of each address."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in await town.control("activecampaign", "contacts"):
        found.setdefault(str(one["email"]).casefold(), []).append(one)
    return found


async def signed(town: Town, vendor: str, envelopes: Envelopes) -> dict[str, list[str]]:
    """Have documents signed; return the tags that each of their people must get."""
    if vendor == "clicksign":
        acts = [await act(town.accounts[vendor], number, town.asker) for number in range(DOCUMENTS[vendor])]
        people = {str(one["email"]).casefold() for document in acts for one in document.people}
        return {email: sorted(TAGS) for email in people}
    for number in range(DOCUMENTS[vendor]):
        await envelopes.envelope(number)
    await envelopes.settled(90)
    return {email: sorted(tags) for email, tags in envelopes.told.tags().items()}


async def killed_while_it_works(town: Town, people: Sequence[str]) -> int:
    """Kill the worker again and again while contacts appear; return how often something was under way."""
    busy = 0
    for number in range(KILLS):
        async with asyncio.timeout(90):
            while True:
                there = await contacts(town)
                if sum(email in there for email in people) > number * len(people) // (KILLS + 1):
                    break
                await asyncio.sleep(0.05)
        busy += bool(town.rows("select 1 from item limit 1"))
        town.kill("worker")
    return busy


async def let_pass(town: Town, vendor: str, query: str, seconds: int) -> None:
    """Let time pass, for the installation and for the vendor."""
    if vendor == "docusign":
        await town.control(vendor, "clock", {"advance_seconds": seconds})
    assert town.rows(query)


async def quarters_waited(town: Town, vendor: str) -> int:
    """Wait until all is done; return how many quarters of an hour had to pass for it."""
    waited, limit = 0, time.monotonic() + (1200 if LONG else 300)
    while not town.rows("select 1 from backfill where state = 3") or town.rows("select 1 from lane"):
        assert time.monotonic() < limit, town.state()
        await asyncio.sleep(1)
        if town.rows("select 1 from lane") and not town.rows(SOON):
            waited += 1
            await let_pass(town, vendor, QUARTER, 16 * 60)
    return waited


async def two_rules(town: Town, vendor: str) -> str:
    """Have two rules for who signed: contact, automation, e-mail, notice; return the automation."""
    ((slug, automations),) = town.rows(LISTS)
    ((source,),), ((member,),) = town.rows(SLUG.format(vendor)), town.rows(OWNER)
    automation = next(one["value"] for one in automations if one["label"] == "Retomar orçamento parado")
    email = {"from": "steps.contact.contact.email"}
    people = {"contact": {"over": "step.with_email", "as": "recipient"}}

    def writes(step: str, action: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "id": step, "kind": "action", "connection": slug, "action": action, "fields": fields, **more,
        }  # fmt: skip

    then = [
        writes("contact", "create_or_update_contact", {"contact.email": {"from": "recipient.email"}},
               repeat=people),
        writes("enrol", "enrol_in_automation",
               {"contact.email": email, "contact.automation": {"value": automation}}),
    ]  # fmt: skip
    rules = []
    for title in ("Quieto", "Marcado"):
        told = {"subject": {"text": f"{title} {{{{ step.name }}}}"}, "body": {"value": "Assinado."}}
        mail = {"id": "mail", "kind": "email", "to": email, **told}
        tell = {"id": "tell", "kind": "notify", "member": member, "text": {"text": "{{ step.name }}"}}
        when = {"connection": source, "trigger": "document_moved", "options": {"states": ["completed"]}}
        rules.append({"title": title, "when": when, "then": [*then, mail, tell]})
    file = town.config.data_dir / "two.yaml"
    file.write_text(yaml.safe_dump({"rules": rules}, allow_unicode=True), "utf-8")
    await parts.call(town.config, "rules", "apply", "--yes", str(file))
    await asyncio.sleep(4)  # every process reads its configuration again
    return str(automation)


async def brought_in(town: Town, vendor: str, rule: str, *steps: str) -> None:
    """Look at the past of a rule, and bring it in with these of its steps ticked."""
    assert town.rows(ASK_OF.format(rule))
    await town.until(lambda: town.rows("select 1 from backfill where state = 1"), 90)
    assert town.rows(START.replace("touched", f"steps = '{{{','.join(steps)}}}', touched", 1))
    await quarters_waited(town, vendor)
    assert town.rows("delete from backfill returning 1")


@pytest.mark.parametrize("vendor", ["docusign", "clicksign"])
async def test_who_signed_is_not_written_to_unless_it_was_ticked(folder: Path, vendor: str) -> None:
    async with town_in(folder, accounts=("activecampaign", vendor)) as town:
        await town.until(lambda: len(town.rows(SUBSCRIBED)) == 1, 90)
        automation = await two_rules(town, vendor)
        town.rows(OFF)
        await asyncio.sleep(3)
        wanted = await signed(town, vendor, Envelopes(town))
        people = sorted(
            email for email, tags in wanted.items() if any(tag.endswith("_Completed") for tag in tags)
        )
        await let_pass(town, vendor, LATER, LATER_HOURS * 3600)
        await asyncio.sleep(3)
        town.rows(ON)
        await asyncio.sleep(3)
        await brought_in(town, vendor, "Quieto")
        quiet = await contacts(town)
        assert sorted(email for email in wanted if email in quiet) == people, (
            "what does not reach them is done"
        )
        assert not any(automation in one["automations"] for email in people for one in quiet[email])
        assert (town.rows(LETTERS.format("Quieto")), town.rows(NOTICES.format("Quieto"))) == ([], [(0,)])
        left_out = [f"past_left_out:{step}" for step in REACHING]
        assert not town.rows("select 1 from run where status = 2"), town.state()
        runs = town.rows(RUNS.format("Quieto"))
        assert runs == [(1, left_out)] * len(runs)
        await brought_in(town, vendor, "Marcado", *REACHING)
        done = await contacts(town)
        entered = [[key for key in one["automations"] if key == automation]
                   for email in people for one in done[email]]  # fmt: skip
        assert entered == [[automation]] * len(people)
        assert town.rows(RUNS.format("Marcado")) == [(1, [])] * len(runs)
        assert sorted(email for (email,) in town.rows(LETTERS.format("Marcado"))) == people
        assert town.rows(NOTICES.format("Marcado")) == [(len(runs),)]
        assert len(runs) == len(people) > 1
        assert not any((await town.control("activecampaign", "duplicates")).values())


@pytest.mark.parametrize("vendor", ["docusign", "clicksign"])
async def test_every_document_is_counted_and_then_brought_in_once_through_kills(
    folder: Path, vendor: str
) -> None:
    async with town_in(folder, accounts=("activecampaign", vendor)) as town:
        await town.until(lambda: len(town.rows(SUBSCRIBED)) == 1, 90)
        envelopes = Envelopes(town)
        if vendor == "docusign":
            await envelopes.make_object()
            await envelopes.set_up("sent,opened,completed,declined,changed")
        town.rows(OFF)
        await asyncio.sleep(3)
        wanted = await signed(town, vendor, envelopes)
        await let_pass(town, vendor, LATER, LATER_HOURS * 3600)
        await asyncio.sleep(3)  # what comes in the second in which a rule is switched on is the rule's own
        assert not wanted.keys() & (await contacts(town)).keys()
        town.rows(ON)
        await asyncio.sleep(3)
        assert town.rows(ASK)
        await town.until(lambda: town.rows("select 1 from backfill where state = 1"), 90)
        assert not wanted.keys() & (await contacts(town)).keys()  # it was only looked at
        ((counts,),) = town.rows(START)
        assert counts["by_tag"] == Counter(tag for tags in wanted.values() for tag in tags)
        assert await killed_while_it_works(town, sorted(wanted)) > 0
        waited = await quarters_waited(town, vendor)
        found = await contacts(town)
        assert {email: len(found.get(email, ())) for email in wanted} == dict.fromkeys(wanted, 1)
        assert {email: sorted(found[email][0]["tags"]) for email in wanted} == wanted
        assert not town.rows("select 1 from run where status = 2"), town.state()
        assert not town.rows("select 1 from decision where answer is null"), town.state()
        assert not town.rows("select 1 from run group by event_id having count(*) > 1")
        assert not any((await town.control("activecampaign", "duplicates")).values())
        assert len(town.rows(IMPORTED)) > len(wanted) / 2, "who was not there yet went by the import"
        assert not town.rows("select 1 from bulk_batch")
        if vendor == "docusign":
            ((runs, looked),) = town.rows(LOOKED)
            assert looked < runs, "each run wants tags, which are looked for once in a minute"
            has_records(envelopes, await envelopes.contacts())
            read = await town.control(vendor, "polling")
            print(f"{runs} runs, {read['reads']} reads, {waited} quarters waited")  # noqa: T201 - the figures
            assert read["violations"] == 0
            # A worker that is killed while it reads leaves an envelope read, and what it answered unknown.
            assert waited <= KILLS
            assert read["reads"] <= DOCUMENTS[vendor] * (1 + waited) < runs
