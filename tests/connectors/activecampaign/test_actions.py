"""What steps write, call by call: forms of values, policies, and what is never sent."""

from __future__ import annotations

import pytest
from tests.connectors.activecampaign.recorded import connection, connector, contact, deal, listed, step
from tests.connectors.fake_context import Reply, answer

from vaivem.connectors.sdk import Keyed
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.fields import WritePolicy

EMAIL = "ana@padaria.example"
KNOWN: dict[str, Reply] = {
    "contacts.by_email": listed("contacts", contact()["contact"]),
    "contacts.read": answer(200, contact()),
    "contacts.update": answer(200, contact()),
}
NOBODY: dict[str, Reply] = {
    "contacts.by_email": listed("contacts"),
    "contacts.sync": answer(201, contact(contactLists=[], accountContacts=[])),
}


async def test_a_new_contact_is_an_upsert_by_e_mail() -> None:
    values = {
        "contact.email": EMAIL, "contact.first_name": "Ana", "contact.custom.5": ["Bateria", "Painéis"],
        "contact.custom.6": "2026-11-24",
    }  # fmt: skip
    context = step("create_or_update_contact", NOBODY, values, lost=["contacts.sync"])
    outcome = await context.run()
    assert context.vendor.last("contacts.sync").json == {
        "contact": {
            "email": EMAIL,
            "firstName": "Ana",
            "fieldValues": [
                {"field": "5", "value": "||Bateria||Painéis||"},
                {"field": "6", "value": "2026-11-24"},
            ],
        }
    }
    assert context.claimed == [("contact", (f"email:{EMAIL}",))]
    assert outcome.records[0].did == "created"


async def test_whose_an_address_was_is_read_at_once_and_looked_for_when_it_is_no_more() -> None:
    values = {"contact.email": EMAIL, "contact.custom.4": "Sítio"}
    key = ("contact", f"email:{EMAIL}")
    first = step("create_or_update_contact", KNOWN, values)
    await first.run()
    assert first.vendor.names == ["contacts.by_email", "contacts.read", "contacts.update"]
    again = step("create_or_update_contact", KNOWN, values, memory=first.memory)
    await again.run()
    assert (again.vendor.names, again.memory[key]) == (["contacts.read", "contacts.update"], "3")
    gone = answer(404, {"message": "No Result found for Subscriber with id 3"})
    moved = answer(200, contact(row={"email": "ana@nova.example"}))
    for other in (gone, moved):
        routes = NOBODY | {"contacts.read": other, "contacts.sync": answer(201, contact("8"))}
        third = step("create_or_update_contact", routes, values, memory=again.memory)
        await third.run()
        assert third.vendor.names == ["contacts.read", "contacts.by_email", "contacts.sync"]
        assert third.memory[key] == "8"


async def test_only_what_changes_is_written_and_lists_are_added_to() -> None:
    values = {
        "contact.email": "ANA@padaria.example", "contact.first_name": "Ana",
        "contact.phone": "+5511912345678", "contact.custom.4": "Casa", "contact.custom.5": ["Bateria"],
    }  # fmt: skip
    same = step("create_or_update_contact", KNOWN, values)
    assert (await same.run()).records[0].did == "kept"
    other = values | {"contact.last_name": "Souza", "contact.custom.4": "Sítio"}
    more = step("create_or_update_contact", KNOWN, other, policies={"contact.last_name": WritePolicy.EMPTY})
    assert (await more.run()).records[0].did == "updated"
    body = more.vendor.last("contacts.update").json["contact"]
    assert body == {"fieldValues": [{"field": "4", "value": "Sítio"}]}


async def test_a_contact_known_by_its_id_may_get_another_address() -> None:
    values = {"contact.id": "3", "contact.email": "ana@nova.example"}
    context = step("create_or_update_contact", KNOWN, values, lost=["contacts.update"])
    await context.run()
    assert context.vendor.last("contacts.update").json == {"contact": {"email": "ana@nova.example"}}
    assert "contacts.sync" not in context.vendor.names
    missing: dict[str, Reply] = {"contacts.read": answer(404, {"message": "No Result found for Subscriber"})}
    with pytest.raises(RecordError) as gone:
        await step("create_or_update_contact", missing, {"contact.id": "4"}).run()
    assert gone.value.code == "contact_not_there"


async def test_a_contact_without_an_address_is_refused() -> None:
    with pytest.raises(RecordError) as refused:
        await step("create_or_update_contact", {}, {"contact.first_name": "Ana"}).run()
    assert refused.value.code == "contact_has_no_email"


async def test_a_step_touches_no_list() -> None:
    context = step("create_or_update_contact", NOBODY, {"contact.email": EMAIL})
    await context.run()
    assert not any(call.name.startswith("contactLists") for call in context.vendor.calls)


async def test_tags_of_any_case_are_one_and_held_ones_are_not_sent() -> None:
    tags = listed("tags", {"id": "20", "tag": "Cliente", "tagType": "contact"},
                  {"id": "30", "tag": "cliente novo", "tagType": "contact"})  # fmt: skip
    routes: dict[str, Reply] = {
        **KNOWN,
        "tags.search": tags,
        "contacts.contactTags": listed("contactTags", {"id": "1", "tag": "20"}),
    }
    values = {"contact.email": EMAIL, "contact.tags": ["cliente", "CLIENTE"]}
    context = step("add_tags", routes, values)
    done = await context.run()
    assert done.records[0].did == "kept"
    assert done.output["contact"]["tags_on"] == ["cliente", "CLIENTE"], "held ones are there as well"
    assert not any(call.method == "POST" for call in context.vendor.calls)


async def test_a_new_contact_is_not_asked_for_its_tags() -> None:
    tag = listed("tags", {"id": "20", "tag": "cliente", "tagType": "contact"})
    routes: dict[str, Reply] = {**NOBODY, "tags.search": tag, "contactTags.create": answer(201, {})}
    context = step("create_or_update_contact", routes, {"contact.email": EMAIL, "contact.tags": ["cliente"]})
    done = await context.run()
    assert done.output["contact"]["tags_added"] == ["cliente"]
    assert context.vendor.names.count("contactTags.create") == 1
    assert "contacts.contactTags" not in context.vendor.names


async def test_a_tag_that_is_gone_since_it_was_looked_for_is_looked_for_anew() -> None:
    gone, there = (
        listed("tags", {"id": number, "tag": "cliente", "tagType": "contact"}) for number in ("20", "21")
    )
    refused = answer(422, {"errors": [{"title": "There is no such tag.", "code": "related_missing"}]})
    routes: dict[str, Reply] = {
        **KNOWN,
        "tags.search": [gone, there],
        "contacts.contactTags": listed("contactTags"),
        "contactTags.create": [refused, answer(201, {})],
    }
    context = step("add_tags", routes, {"contact.email": EMAIL, "contact.tags": ["cliente"]})
    await context.run()
    searches = [call for call in context.vendor.calls if call.name == "tags.search"]
    assert [call.anew for call in searches] == [False, True], "the second time nothing older will do"
    sent = [call.json for call in context.vendor.calls if call.name == "contactTags.create"]
    assert [str(body["contactTag"]["tag"]) for body in sent] == ["20", "21"]


async def test_a_tag_that_is_refused_and_still_there_is_told() -> None:
    tag = listed("tags", {"id": "20", "tag": "cliente", "tagType": "contact"})
    routes: dict[str, Reply] = {
        **KNOWN,
        "tags.search": tag,
        "contacts.contactTags": listed("contactTags"),
        "contactTags.create": answer(422, {"errors": [{"title": "No.", "code": "no"}]}),
    }
    context = step("add_tags", routes, {"contact.email": EMAIL, "contact.tags": ["cliente"]})
    with pytest.raises(RecordError):
        await context.run()
    assert context.vendor.names.count("contactTags.create") == 1


async def test_a_tag_that_somebody_made_meanwhile_is_taken() -> None:
    made = listed("tags", {"id": "20", "tag": "cliente", "tagType": "contact"})
    routes: dict[str, Reply] = {
        **KNOWN,
        "tags.search": [listed("tags"), listed("tags"), made],
        "tags.create": answer(422, {"errors": [{"title": "exists", "code": "duplicate"}]}),
        "contacts.contactTags": listed("contactTags"),
        "contactTags.create": answer(201, {"contactTag": {"id": "5"}}),
    }
    context = step("add_tags", routes, {"contact.email": EMAIL, "contact.tags": ["cliente"]})
    with pytest.raises(RecordError):  # the engine itself adopts what `find` gives; here the refusal shows
        await context.run()
    repeat = context.repeats["tags.create"]
    assert isinstance(repeat, Keyed)
    assert repeat.find
    assert await repeat.find() == "20"


DEAL = {"deal.title": "Ana Lima: contrato", "deal.pipeline": "1", "deal.contact": "3"}
MADE: dict[str, Reply] = {"deals.create": answer(201, deal())}


async def test_a_new_deal_has_what_the_vendor_asks_for() -> None:
    values = DEAL | {
        "deal.value": 1500.5,
        "deal.custom.1": 55,
        "deal.custom.2": ["Novo"],
        "deal.custom.3": 4.5,
    }
    context = step("create_or_update_deal", MADE, values)
    outcome = await context.run()
    assert context.vendor.last("deals.create").json == {
        "deal": {
            "title": "Ana Lima: contrato",
            "group": "1",
            "contact": "3",
            "value": 150050,
            "currency": "brl",
            "owner": "1",
            "fields": [
                {"customFieldId": 1, "fieldValue": 5500, "fieldCurrency": "BRL"},
                {"customFieldId": 2, "fieldValue": ["Novo"]},
                {"customFieldId": 3, "fieldValue": "4.5"},
            ],
        }
    }
    assert outcome.output["deal"]["value"] == 1500.5
    assert context.memory == {("deal", "source:7:document:doc-1"): "9"}
    owned = step("create_deal", MADE, DEAL, connection=connection(default_owner="2"))
    await owned.run()
    assert owned.vendor.last("deals.create").json["deal"]["owner"] == "2"


async def test_a_lost_deal_is_known_by_title_contact_and_time() -> None:
    old = deal("8", cdate="2026-11-20T09:00:01-03:00")["deal"]
    other = deal("7", title="Outro")["deal"]
    routes: dict[str, Reply] = {**MADE, "contacts.deals": listed("deals", old, other, deal()["deal"])}
    context = step("create_or_update_deal", routes, DEAL, lost=["deals.create"])
    assert (await context.run()).records[0].id == "9"
    assert [call.name for call in context.vendor.calls].count("deals.create") == 1
    again: dict[str, Reply] = {**MADE, "contacts.deals": listed("deals", old, other)}
    anew = step("create_or_update_deal", again, DEAL, lost=["deals.create"])
    await anew.run()
    assert anew.vendor.names.count("deals.create") == 2


async def test_a_remembered_deal_is_changed_and_a_gone_one_made_again() -> None:
    memory = {("deal", "source:7:document:doc-1"): "9"}
    there: dict[str, Reply] = {
        "deals.read": answer(200, deal()),
        "dealCustomFieldData.list": listed("dealCustomFieldData"),
        "deals.update": answer(200, deal(status="1")),
    }
    context = step("create_or_update_deal", there, DEAL | {"deal.status": "won"}, memory=memory)
    assert (await context.run()).records[0].did == "updated"
    assert context.vendor.last("deals.update").json == {"deal": {"status": 1}}
    gone: dict[str, Reply] = {**MADE, "deals.read": answer(404, {"message": "No Result found for Deal"})}
    anew = step("create_or_update_deal", gone, DEAL, memory=memory)
    assert (await anew.run()).records[0].did == "created"


async def test_several_open_deals_are_a_person_s_choice() -> None:
    rows = [
        deal("9")["deal"],
        deal("10")["deal"],
        deal("11", status="1")["deal"],
        deal("12", group="2")["deal"],
    ]

    def read(call: object) -> object:
        number = str(getattr(call, "path", "")).rpartition("/")[2]
        return answer(200, deal(number))

    routes: dict[str, Reply] = {
        "contacts.deals": listed("deals", *rows),
        "deals.read": read,  # type: ignore[dict-item]
        "dealCustomFieldData.list": listed("dealCustomFieldData"),
    }
    options = {"key": {"by": "contact"}}
    context = step("create_or_update_deal", routes, DEAL, options=options, choices=["10"])
    assert (await context.run()).records[0].id == "10"
    assert [one["id"] for one in context.asked[0][1]] == ["9", "10"]


async def test_a_deal_of_nobody_is_refused() -> None:
    values = {"deal.title": "x", "deal.pipeline": "1"}
    with pytest.raises(RecordError) as refused:
        await step("create_deal", {}, values).run()
    assert refused.value.code == "deal_of_nobody"
    ownerless = connection()
    ownerless.account.clear()  # type: ignore[attr-defined]
    with pytest.raises(RuleError) as refused_too:
        await step("create_deal", {}, DEAL, connection=ownerless).run()
    assert refused_too.value.code == "deal_without_owner"


async def test_a_deal_recognised_by_its_contact_needs_one() -> None:
    values = {"deal.title": "x", "deal.pipeline": "1", "deal.account": "7"}
    with pytest.raises(RecordError) as refused:
        await step("create_or_update_deal", {}, values, options={"key": {"by": "contact"}}).run()
    assert refused.value.code == "deal_key_empty"


async def test_a_replay_changes_the_deal_that_it_made() -> None:
    there: dict[str, Reply] = {
        "deals.read": answer(200, deal()),
        "dealCustomFieldData.list": listed("dealCustomFieldData"),
        "deals.update": answer(200, deal()),
    }
    context = step("create_deal", there, DEAL | {"deal.value": 2}, earlier={"deal": "9"})
    assert (await context.run()).records[0].did == "updated"
    assert context.vendor.last("deals.update").json == {"deal": {"value": 200}}


async def test_a_dry_run_goes_through_with_what_was_not_made() -> None:
    made: dict[str, Reply] = {
        "contacts.by_email": listed("contacts"),
        "contacts.sync": connector.echo,
        "tags.search": listed("tags"),
        "tags.create": connector.echo,
        "contactTags.create": connector.echo,
    }
    values = {"contact.email": EMAIL, "contact.tags": ["novo"], "contact.custom.4": "Casa"}
    outcome = await step("create_or_update_contact", made, values).run()
    shown = outcome.output["contact"]
    assert (shown["id"], shown["email"], shown["custom"], shown["did"]) == (
        "0",
        EMAIL,
        {"4": "Casa"},
        "created",
    )
    deal_made = await step(
        "create_or_update_deal", {"deals.create": connector.echo}, DEAL | {"deal.contact": "0"}
    ).run()
    assert (deal_made.output["deal"]["contact"], deal_made.output["deal"]["value"]) == (None, 0.0)
    # What a change leaves alone is shown as it is.
    changed = step("create_or_update_contact", {**KNOWN, "contacts.update": connector.echo},
                   {"contact.email": EMAIL, "contact.last_name": "Souza"})  # fmt: skip
    shown = (await changed.run()).output["contact"]
    assert (shown["id"], shown["first_name"], shown["last_name"], shown["email"]) == (
        "3",
        "Ana",
        "Souza",
        EMAIL,
    )
    assert shown["custom"]["4"] == "Casa"
    there: dict[str, Reply] = {
        "deals.read": answer(200, deal()),
        "dealCustomFieldData.list": listed("dealCustomFieldData"),
        "deals.update": connector.echo,
    }
    won = await step("update_deal", there, {"deal.id": "9", "deal.status": "won"}).run()
    told = won.output["deal"]
    assert (told["status"], told["title"], told["value"], told["contact"]) == (
        "won", "Ana Lima: contrato", 1500.5, "3",
    )  # fmt: skip
