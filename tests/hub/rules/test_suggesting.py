"""What a field is filled from before anybody has said so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from vaivem.core.catalog import ActionShape
from vaivem.core.fields import Field, FieldType

SOURCE, TARGET = 1, 2
READ = (
    Field("event.name"),
    Field("lead.name"),
    Field("lead.phone"),
    Field("lead.emails", FieldType.EMAIL, many=True),
    Field("lead.email", FieldType.EMAIL),
    Field("company.name"),
)
PERSON = (
    Field("person.name"),
    Field("person.phone", FieldType.PHONE),
    Field("person.organization", FieldType.RECORD),
)
ORGANIZATION = (Field("organization.name", required=True),)
DEAL = (
    Field("deal.title", required=True),
    Field("deal.person", FieldType.RECORD),
    Field("deal.organization", FieldType.RECORD),
)


class Catalog:
    """A lead's account, and a CRM that keeps people, companies and deals."""

    def __init__(self) -> None:
        kinds = {"person": "person", "organization": "company", "deal": "deal"}
        self.known = {
            SOURCE: SimpleNamespace(key="leads", kinds={"lead": "person"}),
            TARGET: SimpleNamespace(
                key="crm", kinds=kinds, action=lambda key: SimpleNamespace(object=key.removeprefix("make_"))
            ),
        }

    def connector(self, ref: Any) -> Any:
        return self.known.get(ref)

    def connection_id(self, ref: Any) -> Any:
        return ref if ref in self.known else None

    def action(self, ref: Any, key: str) -> ActionShape:
        return ActionShape({"make_person": PERSON, "make_organization": ORGANIZATION}.get(key, DEAL))


def suggesting() -> Any:
    from vaivem.hub.rules.suggesting import Suggesting

    return Suggesting(Catalog(), SOURCE, "converted", READ)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "source"),
    [
        (PERSON[0], {"from": "lead.name"}),
        (ORGANIZATION[0], {"from": "company.name"}),  # never the person's name, which comes first
        (PERSON[1], {"from": "lead.phone", "on_bad": "skip"}),  # a free text, which may be no number
        (Field("person.email", FieldType.EMAIL), {"from": "lead.email"}),
        (Field("deal.amount", FieldType.MONEY), None),
        (Field("deal.name", FieldType.OPTION), None),
    ],
)
def test_a_field_is_filled_by_name_type_and_kind(field: Field, source: Any) -> None:
    assert suggesting().field(field, TARGET) == source


def test_a_step_is_linked_with_what_earlier_steps_make() -> None:
    earlier = [
        {"id": "company", "kind": "action", "connection": TARGET, "action": "make_organization"},
        {"id": "somebody", "kind": "action", "connection": TARGET, "action": "make_person"},
        {"id": "elsewhere", "kind": "action", "connection": SOURCE, "action": "make_person"},
    ]
    found = suggesting().step(TARGET, "make_deal", earlier)
    assert found["fields"] == {
        "deal.person": {"from": "steps.somebody.person.id"},
        "deal.organization": {"from": "steps.company.organization.id"},
    }
    assert suggesting().step(TARGET, "make_deal", [])["fields"] == {}


def test_a_company_that_is_not_told_leaves_its_step_out() -> None:
    assert suggesting().step(TARGET, "make_organization")["empty"] == "skip"
    assert suggesting().step(TARGET, "make_person")["empty"] == ""
