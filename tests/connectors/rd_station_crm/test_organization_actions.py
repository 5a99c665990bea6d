"""Organizations: their names are unique at the vendor, which settles most of what may go wrong."""

from __future__ import annotations

import pytest
from tests.connectors.fake_context import FakeContext, answer
from tests.connectors.rd_station_crm.recorded import ORGANIZATION, said, step, token

from vaivem.core.errors import RecordError


def query(context: FakeContext, name: str) -> dict[str, str]:
    return dict(context.vendor.last(name).query)


NEW_COMPANY = {
    "organization.name": "Padaria Lima Ltda.",
    "organization.website": "https://padaria.example.com",
}


async def test_a_new_organization_is_made() -> None:
    context = step(
        "create_or_update_organization",
        {
            "organizations.by_name": said("v2_organizations__none"),
            "organizations.create": said("v2_organization", 201),
        },
        NEW_COMPANY,
    )
    outcome = await context.run()
    assert context.vendor.last("organizations.create").json == {
        "data": {"name": "Padaria Lima Ltda.", "url": "https://padaria.example.com"}
    }
    assert (outcome.records[0].id, outcome.records[0].did) == (ORGANIZATION, "created")
    assert context.claimed == [("organization", ("name:padaria lima ltda.",))]


async def test_an_organization_that_is_there_gets_what_it_lacks() -> None:
    context = step(
        "create_or_update_organization",
        {
            "organizations.by_name": said("v2_organizations__one"),
            "organizations.update": said("v2_organization"),
        },
        NEW_COMPANY,
    )
    assert (await context.run()).records[0].did == "updated"
    assert context.vendor.last("organizations.update").json == {
        "data": {"url": "https://padaria.example.com"}
    }


async def test_a_name_taken_meanwhile_is_the_organization_meant() -> None:
    context = step(
        "create_or_update_organization",
        {
            "organizations.by_name": [said("v2_organizations__none"), said("v2_organizations__one")],
            "organizations.create": answer(422, {"errors": [{"detail": "Nome Empresa já cadastrada."}]}),
        },
        {"organization.name": "Padaria Lima Ltda."},
    )
    assert (await context.run()).records[0].did == "kept"


async def test_a_name_taken_by_one_we_cannot_see_is_told() -> None:
    context = step(
        "create_or_update_organization",
        {
            "organizations.by_name": said("v2_organizations__none"),
            "organizations.create": answer(400, {"detail": "Nome Empresa já cadastrada."}),
        },
        {"organization.name": "Padaria Lima Ltda."},
    )
    with pytest.raises(RecordError) as refused:
        await context.run()
    assert refused.value.code == "organization_name_taken"


async def test_an_organization_is_known_by_its_cnpj_first() -> None:
    context = step(
        "create_or_update_organization",
        {
            "organizations.by_field": said("v2_organizations__one"),
            "organizations.update": said("v2_organization"),
        },
        {"organization.name": "Padaria Lima", "organization.custom.cnpj": "11222333000181"},
    )
    assert (await context.run()).records[0].id == ORGANIZATION
    asked = query(context, "organizations.by_field")["filter"]
    assert asked == '@cnpj:(11222333000181,"11.222.333/0001-81")'


async def test_words_of_a_name_are_not_the_name() -> None:
    found = await step(
        "find_organization",
        {"organizations.by_name": said("v1_organizations__near")},
        {"organization.name": "Padaria Lima Ltda."},
        token(),
    ).run()
    assert found.records == ()


async def test_a_lost_creation_is_found_by_its_name() -> None:
    context = step(
        "create_or_update_organization",
        {"organizations.by_name": [said("v2_organizations__none"), said("v2_organizations__one")]},
        {"organization.name": "Padaria Lima Ltda."},
        lost=["organizations.create"],
    )
    outcome = await context.run()
    assert (outcome.records[0].id, outcome.records[0].did) == (ORGANIZATION, "created")
