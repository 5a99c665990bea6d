"""What is gone at the vendor marks the rule when the lists are read again, with its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.activecampaign.recorded import connection, connector
from tests.connectors.gone import problems

from vaivem.connectors.sdk import Connection

EMAIL = {"contact.email": {"from": "contact.email"}}
STEPS: tuple[dict[str, Any], ...] = (
    {"action": "create_or_update_contact", "fields": {**EMAIL, "contact.custom.6": {"from": "today"}}},
    {"action": "subscribe_to_list", "fields": {**EMAIL, "contact.list": {"value": "1"}}},
    {"action": "enrol_in_automation", "fields": {**EMAIL, "contact.automation": {"value": "42"}}},
    {"action": "remove_tags", "fields": {**EMAIL, "contact.tags": {"value": ["cliente"]}}},
)
OTHER = {"value": "another", "label": "another"}


def without(part: str, name: str) -> Connection:
    """Return the connection after its lists were read again without something."""
    line = connection()
    lists, fields = dict(line.catalog["lists"]), dict(line.catalog["fields"])
    if part in lists:  # an empty list says nothing: it may not have been read yet
        lists[part] = [OTHER, *(one for one in lists[part] if one["value"] != name)]
    else:
        fields[part] = [one for one in fields[part] if one["key"] != name]
    return replace(line, catalog={"lists": lists, "fields": fields})


def found(line: Connection) -> list[tuple[str, str]]:
    return problems(connector, line, "contact_subscribed", *STEPS)


def test_a_rule_whose_parts_are_all_there_is_sound() -> None:
    assert found(connection()) == []


@pytest.mark.parametrize(
    ("part", "name", "place"),
    [
        ("contact", "contact.custom.6", "then[0].fields.contact.custom.6"),
        ("lists", "1", "then[1].fields.contact.list"),
        ("automations", "42", "then[2].fields.contact.automation"),
    ],
)
def test_what_is_gone_is_named(part: str, name: str, place: str) -> None:
    (problem,) = found(without(part, name))
    assert problem[0].startswith(place)


def test_a_tag_that_was_removed_is_made_again() -> None:
    """By its next use; it is no reason to stop a rule."""
    assert found(without("tags", "cliente")) == []
