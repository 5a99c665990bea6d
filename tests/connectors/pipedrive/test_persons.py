"""Persons: found by their keys, made once, added to and never emptied."""

from __future__ import annotations

import pytest
from tests.connectors.pipedrive.recorded import CPF, NEW, STREET, connection, found, person, said, step

from vaivem.connectors.sdk import Findable, Idempotent
from vaivem.core.errors import DecisionError, RecordError
from vaivem.core.fields import WritePolicy

ANA = {"person.name": "Ana Lima", "person.email": "Ana@Padaria.example", "person.phone": "+5511912345678"}


async def test_a_new_person_is_made_after_one_search() -> None:
    context = step(
        "create_or_update_person",
        {"persons.search": found(), "persons.create": said(person(12, **NEW))},
        {**ANA, "person.organization": "3", f"person.custom.{CPF}": "52998224725"},
        connection=connection(default_owner="1001"),
    )
    # The CPF is looked for with and without its mask, the phone not at all: there is an e-mail.
    outcome = await context.run()
    assert [call.query[0][1] for call in context.vendor.calls[:-1]] == [
        "Ana@Padaria.example",
        "52998224725",
        "529.982.247-25",
    ]
    assert context.vendor.last("persons.create").json == {
        "name": "Ana Lima",
        "emails": [{"value": "Ana@Padaria.example"}],
        "phones": [{"value": "+5511912345678"}],
        "org_id": 3,
        "owner_id": 1001,
        "custom_fields": {CPF: "52998224725"},
    }
    assert (outcome.records[0].did, outcome.records[0].url) == (
        "created",
        "https://padaria.pipedrive.com/person/12",
    )
    assert context.memory["person", "email:ana@padaria.example"] == "12"
    assert context.claimed == [
        ("person", ("email:ana@padaria.example", "document:52998224725", "phone:+5511912345678"))
    ]


async def test_a_known_person_gets_what_is_new_and_keeps_the_rest() -> None:
    there = person(12, emails=[{"value": "ana@padaria.example", "primary": True, "label": "work"}])
    context = step(
        "create_or_update_person",
        {
            "persons.search": found({"id": 12, "type": "person"}),
            "persons.read": said(there),
            "persons.update": said(there),
        },
        {**ANA, "person.phone": "+5521999990000", f"person.custom.{STREET}": "Rua Nova, 5"},
    )
    outcome = await context.run()
    assert context.vendor.last("persons.update").json == {
        "phones": [
            {"value": "(11) 91234-5678", "primary": True, "label": "mobile"},
            {"value": "+5521999990000"},
        ],
        "custom_fields": {STREET: {"value": "Rua Nova, 5"}},
    }
    assert isinstance(context.repeats["persons.update"], Idempotent)
    assert outcome.records[0].did == "updated"


async def test_what_is_there_already_costs_no_write() -> None:
    context = step(
        "create_or_update_person",
        {"persons.search": found({"id": 12}), "persons.read": said(person())},
        ANA,
    )
    assert (await context.run()).records[0].did == "kept"


async def test_a_remembered_person_is_read_and_not_searched_for() -> None:
    context = step(
        "create_or_update_person",
        {"persons.read": said(person())},
        ANA,
        memory={("person", "email:ana@padaria.example"): "12"},
    )
    assert (await context.run()).records[0].id == "12"


async def test_a_remembered_person_who_is_gone_is_looked_for_anew() -> None:
    context = step(
        "create_or_update_person",
        {
            "persons.read": said(person(12, is_deleted=True)),
            "persons.search": found(),
            "persons.create": said(person(13, **NEW)),
        },
        ANA,
        memory={("person", "email:ana@padaria.example"): "12"},
    )
    assert (await context.run()).records[0].id == "13"
    assert context.memory["person", "email:ana@padaria.example"] == "13"


async def test_the_search_s_near_hits_are_not_taken() -> None:
    other = person(14, emails=[{"value": "mariana@padaria.example", "primary": True}])
    context = step(
        "create_or_update_person",
        {
            "persons.search": found({"id": 14}),
            "persons.read": said(other),
            "persons.create": said(person(15, **NEW)),
        },
        {"person.name": "Ana Lima", "person.email": "ana@padaria.example"},
    )
    assert (await context.run()).records[0].id == "15"


async def test_a_lost_answer_is_found_among_the_newest() -> None:
    mine = person(21, **NEW)
    context = step(
        "create_or_update_person",
        {"persons.search": found(), "persons.list": said([mine, person(12)], next_cursor=None)},
        ANA,
        lost=["persons.create"],
    )
    outcome = await context.run()
    assert (outcome.records[0].id, outcome.records[0].did) == ("21", "created")
    assert context.vendor.last("persons.list").query[:2] == (
        ("sort_by", "add_time"),
        ("sort_direction", "desc"),
    )
    repeat = context.repeats["persons.create"]
    assert isinstance(repeat, Findable)
    assert repeat.sure


async def test_a_lost_answer_that_made_nothing_is_sent_again() -> None:
    context = step(
        "create_or_update_person",
        {
            "persons.search": found(),
            "persons.list": said([person(12)], next_cursor=None),  # the same address, made before the run
            "persons.create": said(person(22, **NEW)),
        },
        ANA,
        lost=["persons.create"],
    )
    assert (await context.run()).records[0].id == "22"


async def test_two_persons_with_the_address_are_a_decision_that_is_remembered() -> None:
    routes = {
        "persons.search": found({"id": 12}, {"id": 30}),
        "persons.read": [said(person(12)), said(person(30, name="Ana L."))],
    }
    with pytest.raises(DecisionError):
        await step("create_or_update_person", dict(routes), ANA).run()
    context = step("create_or_update_person", dict(routes), ANA, choices=["30"])
    assert (await context.run()).records[0].id == "30"
    assert context.memory["person", "email:ana@padaria.example"] == "30"


async def test_the_same_document_with_another_address_and_name_is_asked_about() -> None:
    other = person(
        40, name="Rui Melo", emails=[{"value": "rui@x.example"}], custom_fields={CPF: "529.982.247-25"}
    )
    routes = {
        "persons.search": [found(), found({"id": 40})],
        "persons.read": said(other),
        "persons.create": said(person(41, **NEW)),
    }
    values = {**ANA, f"person.custom.{CPF}": "52998224725"}
    with pytest.raises(DecisionError):
        await step("create_or_update_person", dict(routes), values).run()
    apart = step("create_or_update_person", dict(routes), values, options={"other_email": "new"})
    assert (await apart.run()).records[0].id == "41"


async def test_the_phone_is_searched_for_when_it_is_all_there_is() -> None:
    context = step(
        "create_or_update_person",
        {"persons.search": [found(), found({"id": 12})], "persons.read": said(person())},
        {"person.name": "Ana", "person.phone": "+5511912345678"},
        policies={"person.name": WritePolicy.CREATED},
    )
    assert (await context.run()).records[0].did == "kept"
    assert [call.query[0][1] for call in context.vendor.calls if call.name == "persons.search"] == [
        "+5511912345678",
        "(11) 91234-5678",
    ]


async def test_a_mere_name_is_refused_unless_the_step_says_create() -> None:
    with pytest.raises(RecordError) as refused:
        await step("create_or_update_person", {}, {"person.name": "Ana"}).run()
    assert refused.value.code == "person_has_no_key"
    context = step(
        "create_or_update_person",
        {"persons.create": said(person(50, emails=[], phones=[], **NEW))},
        {"person.name": "Ana"},
        options={"without_key": "create"},
    )
    assert (await context.run()).records[0].did == "created"


async def test_a_person_without_a_name_is_called_by_the_address() -> None:
    context = step(
        "create_or_update_person",
        {"persons.search": found(), "persons.create": said(person(51, name="bia@x.example", **NEW))},
        {"person.email": "bia@x.example"},
    )
    await context.run()
    assert context.vendor.last("persons.create").json["name"] == "bia@x.example"


async def test_finding_nobody_is_an_outcome() -> None:
    context = step("find_person", {"persons.search": found()}, {"person.email": "x@y.example"})
    assert not (await context.run()).records
    by_name = step(
        "find_person",
        {"persons.search": found({"id": 12}), "persons.read": said(person())},
        {"person.name": "ANA LIMA"},
    )
    assert (await by_name.run()).records[0].did == "found"
    with pytest.raises(RecordError):
        await step("find_person", {}, {}).run()


async def test_a_linked_person_is_the_one_whatever_the_address_has_become() -> None:
    there = person(12, emails=[{"value": "old@padaria.example", "primary": True, "label": "work"}])
    routes = {"persons.read": said(there), "persons.update": said(there)}
    context = step("create_or_update_person", routes, ANA, links={"person": "12"})
    outcome = await context.run()
    assert outcome.records[0].id == "12"
    emails = context.vendor.last("persons.update").json["emails"]
    assert [one["value"] for one in emails] == ["old@padaria.example", "Ana@Padaria.example"]
    assert context.linked_with == [("person", "12", ("Ana@Padaria.example",))]


async def test_a_linked_person_who_is_gone_is_looked_for_by_keys() -> None:
    routes = {
        "persons.read": said(person(12, is_deleted=True)),
        "persons.search": found(),
        "persons.create": said(person(13, **NEW)),
    }
    context = step("create_or_update_person", routes, ANA, links={"person": "12"})
    outcome = await context.run()
    assert (outcome.records[0].id, outcome.records[0].did) == ("13", "created")
    assert context.linked_with == [("person", "13", ("Ana@Padaria.example",))]


async def test_without_an_address_a_linked_person_must_fit() -> None:
    phone = {"person.name": "Bia", "person.phone": "+5521999990000"}
    routes = {
        "persons.read": said(person(12, **NEW)),
        "persons.search": found(),
        "persons.create": said(person(13, name="Bia")),
    }
    context = step("create_or_update_person", routes, phone, links={"person": "12"})
    assert (await context.run()).records[0].id == "13"
