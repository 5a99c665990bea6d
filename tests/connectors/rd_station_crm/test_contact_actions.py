"""Contacts: found by what says who they are, made once, changed where they differ."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import FakeContext, Reply, answer
from tests.connectors.rd_station_crm.recorded import (
    ANA,
    BRUNO,
    ORGANIZATION,
    V1_KEYS,
    oauth,
    said,
    step,
    token,
    unlabelled,
)

from vaivem.connectors.sdk import Findable, Idempotent
from vaivem.core.errors import DecisionError, RecordError, UncertainError
from vaivem.core.fields import WritePolicy

NOBODY = said("v2_contacts__none")
EMAIL = "email:ana@example.com"
CPF = "52998224725"


def contact(
    routes: dict[str, Reply], *, connection: Any = None, values: Any = None, **more: Any
) -> FakeContext:
    values = values or {"contact.name": "Ana Lima", "contact.email": "ana@example.com"}
    return step("create_or_update_contact", routes, values, connection, **more)


def query(context: FakeContext, name: str) -> dict[str, str]:
    return dict(context.vendor.last(name).query)


async def test_a_new_contact_is_looked_for_and_made() -> None:
    context = contact(
        {"contacts.by_email": NOBODY, "contacts.by_name": NOBODY, "contacts.create": said("v2_contact", 201)}
    )
    outcome = await context.run()
    assert context.vendor.names == ["contacts.by_email", "contacts.by_name", "contacts.create"]
    assert query(context, "contacts.by_email")["filter"] == "email:ana@example.com"
    assert context.vendor.last("contacts.create").json == {
        "data": {"name": "Ana Lima", "emails": [{"email": "ana@example.com"}]}
    }
    assert isinstance(context.repeats["contacts.create"], Findable)
    assert (outcome.records[0].id, outcome.records[0].did) == (ANA, "created")
    assert outcome.output["contact"]["first_name"] == "Ana"
    assert context.claimed == [("contact", (EMAIL,))]
    assert context.memory == {("contact", EMAIL): ANA}


async def test_a_contact_that_is_as_wanted_is_kept() -> None:
    context = contact({"contacts.by_email": said("v2_contacts__ana")})
    outcome = await context.run()
    assert outcome.records[0].did == "kept"


async def test_only_the_differences_are_written_and_lists_are_added_to() -> None:
    values = {
        "contact.name": "Ana de Lima",
        "contact.email": "ana@example.com",
        "contact.phone": "+552133334444",
        "contact.job_title": "CEO",
        "contact.custom.cpf": CPF,
    }
    context = contact(
        {"contacts.by_email": said("v2_contacts__ana"), "contacts.update": said("v2_contact")}, values=values
    )
    outcome = await context.run()
    # The name is written when a contact is made only; both phones keep their kind.
    assert context.vendor.last("contacts.update").json == {
        "data": {
            "job_title": "CEO",
            "phones": [
                {"phone": "+5511912345678", "type": "mobile"},
                {"phone": "+552133334444", "type": "work"},
            ],
            "custom_fields": {"cpf": CPF},
        }
    }
    assert isinstance(context.repeats["contacts.update"], Idempotent)
    assert outcome.records[0].did == "updated"


async def test_a_rule_may_say_what_is_written_when() -> None:
    values = {"contact.name": "Ana de Lima", "contact.email": "ana@example.com", "contact.job_title": "CEO"}
    policies = {"contact.name": WritePolicy.ALWAYS, "contact.job_title": WritePolicy.EMPTY}
    context = contact(
        {"contacts.by_email": said("v2_contacts__ana"), "contacts.update": said("v2_contact")},
        values=values,
        policies=policies,
    )
    await context.run()
    assert context.vendor.last("contacts.update").json == {"data": {"name": "Ana de Lima"}}


async def test_the_whole_record_is_sent_where_the_account_wants_it_so() -> None:
    values = {"contact.email": "ana@example.com", "contact.job_title": "CEO"}
    context = contact(
        {"contacts.by_email": said("v2_contacts__ana"), "contacts.update": said("v2_contact")},
        values=values,
        connection=oauth(put_mode="full"),
    )
    await context.run()
    assert context.vendor.last("contacts.update").json["data"] == {
        "name": "Ana Lima",
        "job_title": "CEO",
        "emails": [{"email": "ana@example.com"}],
        "phones": [{"phone": "+5511912345678", "type": "mobile"}],
    }


async def test_an_address_in_other_letters_is_the_same_address() -> None:
    context = contact(
        {"contacts.by_email": said("v2_contacts__ana")},
        values={"contact.name": "Ana Lima", "contact.email": "Ana@example.com"},
    )
    assert (await context.run()).records[0].did == "kept"
    assert query(context, "contacts.by_email")["filter"] == "email:(ana@example.com,Ana@example.com)"
    assert context.claimed == [("contact", (EMAIL,))]


async def test_an_address_stored_in_capitals_is_found_by_the_name() -> None:
    stored = {"emails": [{"email": "ANA@Example.com"}]}
    row = said("v2_contact", **stored).json["data"]
    named = answer(200, {"data": [row]})
    context = contact({"contacts.by_email": NOBODY, "contacts.by_name": named})
    assert (await context.run()).records[0].id == ANA
    assert query(context, "contacts.by_name")["filter"] == 'name:"Ana Lima"'


async def test_without_the_address_the_phone_decides() -> None:
    values = {
        "contact.name": "Ana Lima",
        "contact.email": "novo@example.com",
        "contact.phone": "+5511912345678",
    }
    context = contact(
        {
            "contacts.by_email": NOBODY,
            "contacts.by_phone": said("v2_contacts__ana"),
            "contacts.update": said("v2_contact"),
        },
        values=values,
    )
    outcome = await context.run()
    assert outcome.records[0].id == ANA
    sent = context.vendor.last("contacts.update").json["data"]
    assert sent == {"emails": [{"email": "ana@example.com"}, {"email": "novo@example.com"}]}
    asked = query(context, "contacts.by_phone")["filter"]
    assert '"+5511912345678"' in asked
    assert '"(11) 91234-5678"' in asked
    assert context.claimed == [("contact", ("email:novo@example.com", "phone:+5511912345678"))]


async def test_a_document_is_looked_for_with_and_without_its_mask() -> None:
    values = {"contact.name": "Ana Lima", "contact.email": "novo@example.com", "contact.custom.cpf": CPF}
    context = contact(
        {
            "contacts.by_email": NOBODY,
            "contacts.by_field": said("v2_contacts__ana"),
            "contacts.update": said("v2_contact"),
        },
        values=values,
    )
    assert (await context.run()).records[0].id == ANA
    assert query(context, "contacts.by_field")["filter"] == f"@cpf:({CPF},529.982.247-25)"
    assert ("contact", ("email:novo@example.com", f"document:{CPF}")) in context.claimed


SHARED = {
    "contact.name": "Bruno Dias",
    "contact.email": "bruno@example.com",
    "contact.phone": "+5511912345678",
}


async def test_the_same_phone_with_another_name_and_address_is_asked() -> None:
    routes: dict[str, Reply] = {"contacts.by_email": NOBODY, "contacts.by_phone": said("v2_contacts__ana")}
    context = contact(routes, values=SHARED)
    with pytest.raises(DecisionError):
        await context.run()
    (_, candidates, about) = context.asked[0]
    assert [candidate["id"] for candidate in candidates] == [ANA]
    assert unlabelled("contact", candidates[0]) == set()
    assert about["why"] == "other_email"


async def test_a_person_may_say_that_it_is_somebody_else() -> None:
    context = contact(
        {
            "contacts.by_email": NOBODY,
            "contacts.by_phone": said("v2_contacts__ana"),
            "contacts.create": said("v2_contact__bruno", 201),
        },
        values=SHARED,
        choices=[None],
    )
    assert (await context.run()).records[0].id == BRUNO


@pytest.mark.parametrize(("choice", "did"), [("same", "updated"), ("new", "created")])
async def test_a_rule_may_decide_about_a_shared_phone(choice: str, did: str) -> None:
    context = contact(
        {
            "contacts.by_email": NOBODY,
            "contacts.by_phone": said("v2_contacts__ana"),
            "contacts.create": said("v2_contact__bruno", 201),
            "contacts.update": said("v2_contact"),
        },
        values=SHARED,
        options={"other_email": choice},
    )
    assert (await context.run()).records[0].did == did
    assert not context.asked


async def test_of_several_a_person_chooses_and_the_choice_is_kept() -> None:
    other = "67eac31f6282af00162eae99"
    context = contact({"contacts.by_email": said("v2_contacts__two")}, choices=[other])
    assert (await context.run()).records[0].id == other
    assert context.memory == {("contact", EMAIL): other}
    again = contact({"contacts.get": said("v2_contact", id=other)}, memory=context.memory)
    assert (await again.run()).records[0].id == other
    assert not again.asked


async def test_a_remembered_contact_that_is_gone_is_forgotten() -> None:
    context = contact(
        {
            "contacts.get": answer(404, {"errors": [{"detail": "Not found"}]}),
            "contacts.by_email": NOBODY,
            "contacts.by_name": NOBODY,
            "contacts.create": said("v2_contact", 201),
        },
        memory={("contact", EMAIL): "gone"},
    )
    assert (await context.run()).records[0].did == "created"
    assert context.memory == {("contact", EMAIL): ANA}


async def test_a_remembered_contact_that_became_somebody_else_is_not_taken() -> None:
    context = contact(
        {
            "contacts.get": said("v2_contact__bruno"),
            "contacts.by_email": said("v2_contacts__ana"),
        },
        memory={("contact", EMAIL): BRUNO},
    )
    assert (await context.run()).records[0].id == ANA


async def test_a_creation_whose_answer_was_lost_is_found() -> None:
    context = contact(
        {"contacts.by_email": [NOBODY, said("v2_contacts__ana")], "contacts.by_name": NOBODY},
        lost=["contacts.create"],
    )
    assert (await context.run()).records[0].id == ANA
    assert context.vendor.names.count("contacts.create") == 1


async def test_a_creation_that_never_arrived_is_repeated() -> None:
    context = contact(
        {"contacts.by_email": NOBODY, "contacts.by_name": NOBODY, "contacts.create": said("v2_contact", 201)},
        lost=["contacts.create"],
    )
    assert (await context.run()).records[0].did == "created"
    assert context.vendor.names.count("contacts.create") == 2


async def test_one_that_was_declined_is_not_taken_for_the_lost_one() -> None:
    both = said("v2_contacts__two")
    context = contact(
        {"contacts.by_email": both, "contacts.create": said("v2_contact__bruno", 201)},
        lost=["contacts.create"],
        choices=[None],
    )
    assert (await context.run()).records[0].id == BRUNO
    assert context.vendor.names.count("contacts.create") == 2


async def test_what_a_person_told_of_a_lost_one_is_read_again() -> None:
    context = contact(
        {"contacts.by_email": NOBODY, "contacts.by_name": NOBODY, "contacts.get": said("v2_contact")}
    )

    async def told(*_: Any, **__: Any) -> dict[str, str]:
        return {"id": ANA}

    context.write = told  # type: ignore[method-assign,assignment]
    assert (await context.run()).output["contact"]["email"] == "ana@example.com"


@pytest.mark.parametrize(
    "text", ['{"data":{"id":"67', "<html>Bad gateway</html>", "", "null", "[]", '{"data":{}}']
)
async def test_half_an_answer_is_not_taken_for_a_contact(text: str) -> None:
    context = contact(
        {
            "contacts.by_email": NOBODY,
            "contacts.by_name": NOBODY,
            "contacts.create": answer(201, text=text),
        }
    )
    with pytest.raises(UncertainError):
        await context.run()


async def test_a_mere_name_is_refused_unless_the_rule_allows_it() -> None:
    only_name = {"contact.name": "Ana"}
    with pytest.raises(RecordError) as refused:
        await contact({}, values=only_name).run()
    assert refused.value.code == "contact_has_no_key"
    context = contact(
        {"contacts.create": said("v2_contact", 201)}, values=only_name, options={"without_key": "create"}
    )
    assert (await context.run()).records[0].did == "created"
    repeat = context.repeats["contacts.create"]
    assert isinstance(repeat, Findable)
    assert not repeat.sure
    # The same source record finds it again; another Ana is another one.
    again = contact(
        {"contacts.get": said("v2_contact", name="Ana")},
        values=only_name,
        options={"without_key": "create"},
        memory=context.memory,
    )
    assert (await again.run()).records[0].did == "kept"


async def test_a_contact_goes_into_its_organization_unless_it_has_one() -> None:
    values = {
        "contact.name": "Ana Lima",
        "contact.email": "ana@example.com",
        "organization.name": "Padaria Lima Ltda.",
    }
    routes: dict[str, Reply] = {
        "organizations.by_name": said("v2_organizations__one"),
        "contacts.by_email": said("v2_contacts__ana"),
        "contacts.update": said("v2_contact", organization_id=ORGANIZATION),
    }
    context = contact(routes, values=values)
    outcome = await context.run()
    assert context.vendor.last("contacts.update").json == {"data": {"organization_id": ORGANIZATION}}
    assert [record.object for record in outcome.records] == ["contact", "organization"]


async def test_api_v1_says_the_same_in_its_own_words() -> None:
    values = {
        "contact.name": "Ana Lima",
        "contact.email": "novo@example.com",
        "contact.phone": "+5511912345678",
        "contact.birthday": "1988-04-12",
        f"contact.custom.{V1_KEYS['cpf']}": CPF,
    }
    none = said("v1_contacts__none")
    context = contact(
        {
            "contacts.by_email": none,
            "contacts.by_phone": [none, none],
            "contacts.by_name": none,
            "contacts.create": said("v1_contact"),
        },
        values=values,
        connection=token(),
    )
    outcome = await context.run()
    assert context.vendor.last("contacts.create").json == {
        "contact": {
            "name": "Ana Lima",
            "birthday": {"day": 12, "month": 4, "year": 1988},
            "emails": [{"email": "novo@example.com"}],
            "phones": [{"phone": "+5511912345678", "type": "work"}],
            "contact_custom_fields": [{"custom_field_id": V1_KEYS["cpf"], "value": CPF}],
        }
    }
    asked = [
        dict(call.query).get("phone") for call in context.vendor.calls if call.name == "contacts.by_phone"
    ]
    assert asked == ["+5511912345678", "11912345678"]
    assert outcome.output["contact"]["birthday"] == "1988-04-12"
    assert all(call.base == "api_v1" for call in context.vendor.calls)


async def test_a_search_of_api_v1_proves_no_absence() -> None:
    none = said("v1_contacts__none")
    context = contact(
        {"contacts.by_email": none, "contacts.by_name": none, "contacts.create": said("v1_contact")},
        connection=token(),
        lost=["contacts.create"],
    )
    with pytest.raises(DecisionError):
        await context.run()
    assert context.vendor.names.count("contacts.create") == 1


async def test_find_contact_finds_one_none_or_asks() -> None:
    by_email = {"contact.email": "ana@example.com"}
    found = await step("find_contact", {"contacts.by_email": said("v2_contacts__ana")}, by_email).run()
    assert (found.records[0].id, found.records[0].did) == (ANA, "found")
    none = await step("find_contact", {"contacts.by_email": NOBODY}, by_email).run()
    assert none.records == ()
    with pytest.raises(DecisionError):
        await step("find_contact", {"contacts.by_email": said("v2_contacts__two")}, by_email).run()
    named = await step(
        "find_contact", {"contacts.by_name": said("v2_contacts__ana")}, {"contact.name": "ana lima"}
    ).run()
    assert named.records[0].id == ANA
    with pytest.raises(RecordError) as refused:
        await step("find_contact", {}, {"contact.name": None}).run()
    assert refused.value.code == "nothing_to_find_by"


async def test_a_linked_contact_is_the_one_whatever_the_address_has_become() -> None:
    routes = {"contacts.get": said("v2_contact"), "contacts.update": said("v2_contact")}
    values = {"contact.name": "Ana Lima", "contact.email": "new@example.com"}
    context = contact(routes, values=values, links={"contact": "whoever"})
    outcome = await context.run()
    assert "contacts.by_email" not in context.vendor.names
    assert outcome.records[0].did == "updated"
    assert [one[0] for one in context.linked_with] == ["contact"]
