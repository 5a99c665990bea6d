"""Organizations: by document, else by exact name; made once."""

from __future__ import annotations

import pytest
from tests.connectors.pipedrive.recorded import CNPJ, NEW, found, organization, said, step

from vaivem.core.errors import RecordError

NAME = {"organization.name": "Padaria Lima Ltda."}
DOCUMENT = f"organization.custom.{CNPJ}"


async def test_a_new_organization_is_made() -> None:
    context = step(
        "create_or_update_organization",
        {"organizations.search": found(), "organizations.create": said(organization(3, **NEW))},
        {**NAME, "organization.address": "Rua Nova, 5"},
    )
    assert (await context.run()).records[0].did == "created"
    body = context.vendor.last("organizations.create").json
    assert body == {"name": "Padaria Lima Ltda.", "address": {"value": "Rua Nova, 5"}}
    assert context.claimed == [("organization", ("name:padaria lima ltda.",))]


async def test_the_same_name_in_other_letters_is_the_same() -> None:
    context = step(
        "create_or_update_organization",
        {"organizations.search": found({"id": 3}), "organizations.read": said(organization())},
        {"organization.name": "PADARIA LIMA LTDA."},
    )
    assert (await context.run()).records[0].did == "kept"


async def test_the_same_name_with_another_document_is_another_company() -> None:
    other = organization(3, custom_fields={CNPJ: "11.222.333/0001-81"})
    context = step(
        "create_or_update_organization",
        {
            "organizations.search": [found(), found(), found({"id": 3})],
            "organizations.read": said(other),
            "organizations.create": said(organization(4, **NEW)),
        },
        {**NAME, DOCUMENT: "12345678000195"},
    )
    outcome = await context.run()
    assert outcome.records[0].id == "4"
    assert context.vendor.last("organizations.create").json["custom_fields"] == {CNPJ: "12345678000195"}


async def test_the_document_is_put_on_one_of_the_name_that_has_none() -> None:
    context = step(
        "create_or_update_organization",
        {
            "organizations.search": [found(), found(), found({"id": 3})],
            "organizations.read": said(organization()),
            "organizations.update": said(organization(3, custom_fields={CNPJ: "12345678000195"})),
        },
        {**NAME, DOCUMENT: "12345678000195"},
    )
    assert (await context.run()).records[0].did == "updated"


async def test_a_lost_answer_is_found_among_the_newest() -> None:
    context = step(
        "create_or_update_organization",
        {
            "organizations.search": found(),
            "organizations.list": said([organization(8, **NEW)], next_cursor=None),
        },
        NAME,
        lost=["organizations.create"],
    )
    assert (await context.run()).records[0].id == "8"


async def test_a_search_for_nothing_is_refused() -> None:
    with pytest.raises(RecordError) as refused:
        await step("find_organization", {}, {}).run()
    assert refused.value.code == "nothing_to_find_by"
