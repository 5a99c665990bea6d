"""Contacts of the past by the vendor's import: what goes into it, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.connectors.activecampaign.recorded import connection, connector, contact, listed, step
from tests.connectors.fake_context import FakeReader, Reply, answer

from vaivem.connectors.activecampaign.imports import ContactImport
from vaivem.connectors.sdk import Call
from vaivem.core.errors import RecordError, RetryError

EMAIL = "ana@padaria.example"
IMPORT = ContactImport()
NEW = {
    "contact.email": EMAIL, "contact.first_name": "Ana", "contact.custom.5": ["Bateria", "Painéis"],
    "contact.tags": ["cliente", "Cliente", "novo"],
}  # fmt: skip
NOBODY: dict[str, Reply] = {"contacts.by_email": listed("contacts")}
KNOWN: dict[str, Reply] = {
    "contacts.by_email": listed("contacts", contact()["contact"]),
    "contacts.read": answer(200, contact()),
}


def told(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tell what the list of contacts shows of one that was imported."""
    return {"id": "77", "email": record["email"], "firstName": "Ana", "udate": "2026-11-24T09:00:00-03:00"}


async def test_a_new_contact_of_the_past_is_looked_for_and_imported_with_its_tags() -> None:
    context = step("create_or_update_contact", NOBODY, NEW, bulk=told)
    done = await context.run()
    assert context.vendor.names == ["contacts.by_email"]
    record = {
        "email": EMAIL, "first_name": "Ana", "tags": ["cliente", "novo"],
        "fields": [{"id": 5, "value": "||Bateria||Painéis||"}],
    }  # fmt: skip
    assert context.in_bulk == [record]
    shown = done.output["contact"]
    assert (done.records[0].id, done.records[0].did, shown["tags_added"]) == ("77", "created", record["tags"])
    assert shown["custom"]["5"] == ["Bateria", "Painéis"]


@pytest.mark.parametrize("values", [{"contact.id": "3"}, {"contact.email": EMAIL}])
async def test_who_is_there_is_changed_by_calls_of_their_own(values: dict[str, Any]) -> None:
    routes = KNOWN | {"contacts.update": answer(200, contact())}
    context = step("create_or_update_contact", routes, values | {"contact.custom.4": "Sítio"}, bulk=told)
    done = await context.run()
    assert (context.in_bulk, done.records[0].did) == ([], "updated")


async def test_what_is_empty_is_left_out() -> None:
    values = {"contact.email": EMAIL, "contact.first_name": None, "contact.custom.5": []}
    context = step("create_or_update_contact", NOBODY, values, bulk=told)
    await context.run()
    assert context.in_bulk == [{"email": EMAIL}]


async def test_what_the_import_leaves_out_goes_by_itself_with_its_tags() -> None:
    tag = listed("tags", {"id": "20", "tag": "cliente", "tagType": "contact"})
    routes: dict[str, Reply] = NOBODY | {
        "contacts.sync": answer(201, contact(contactLists=[], accountContacts=[])),
        "tags.search": tag,
        "contactTags.create": answer(201, {}),
    }
    values = {"contact.email": EMAIL, "contact.tags": ["cliente"]}
    context = step("create_or_update_contact", routes, values, bulk=lambda record: None)
    done = await context.run()
    assert len(context.in_bulk) == 1
    assert context.vendor.names == ["contacts.by_email", "contacts.sync", "tags.search", "contactTags.create"]
    assert done.output["contact"]["tags_added"] == ["cliente"]


def test_it_starts_no_automation_however_the_vendor_reads_that() -> None:
    body = IMPORT.call([{"email": EMAIL}]).json
    assert body == {
        "contacts": [{"email": EMAIL, "exclude_automations": True}],
        "exclude_automations": True,
    }


async def look(many: int, **routes: Reply) -> Any:
    reader = FakeReader(
        connector, connection(), {name.replace("__", "."): one for name, one in routes.items()}
    )
    records = [{"email": f"P{number}@x.example"} for number in range(many)]
    return await IMPORT.look(reader, "b-1", records), reader.vendor.calls


async def test_it_is_over_when_the_vendor_says_so() -> None:
    for status in ("waiting", "claimed", "active", "something new", None):
        found, _ = await look(2, contacts__import_info=answer(200, {"status": status}))
        assert found is None
    for status in ("failed", "interrupted"):
        found, _ = await look(2, contacts__import_info=answer(200, {"status": status}))
        assert found == [None, None]
    found, calls = await look(1, contacts__import_info=answer(200, {"status": "completed"}))
    assert (found, len(calls)) == ([None], 1)


async def test_ids_are_turned_into_addresses_a_hundred_at_a_time() -> None:
    def page(call: Call) -> Any:
        ids = [value for name, value in call.query if name == "ids[]"]
        assert len(ids) <= 100
        assert ("limit", "100") in call.query
        rows = [{"id": one, "email": f"p{one}@x.example", "links": {}} for one in ids]
        return listed("contacts", *rows)

    done = {"status": "completed", "success": [str(one) for one in range(150)], "failure": ["p3@x.example"]}
    found, calls = await look(152, contacts__import_info=answer(200, done), contacts__of_ids=page)
    assert [call.name for call in calls] == ["contacts.import_info", "contacts.of_ids", "contacts.of_ids"]
    assert found[0] == {"id": "0", "email": "p0@x.example"}
    assert [place for place, one in enumerate(found) if one is None] == [3, 150, 151]


def test_a_refused_call_names_places_that_count_from_0_or_1() -> None:
    reasons = [{"contact": 230, "failureReason": "no"}, {"contact": 0}, "nonsense"]
    assert set(IMPORT.refused(answer(400, {"failureReasons": reasons}))) == {-1, 0, 229, 230}
    for body in ({}, [], {"failureReasons": None}, {"failureReasons": ["x"]}):
        assert not IMPORT.refused(answer(400, body))
    assert not IMPORT.refused(answer(400, text="<html>"))


def test_too_many_imports_are_a_limit_and_no_refusal() -> None:
    call = IMPORT.call([{"email": EMAIL}])
    full = connector.errors.error(call, answer(400, {"success": 0, "message": "Rate limit exceeded."}))
    assert isinstance(full, RetryError)
    assert full.limit
    assert isinstance(
        connector.errors.error(call, answer(400, {"success": 0, "message": "No."})), RecordError
    )


def test_a_name_is_in_the_answer_or_nowhere() -> None:
    assert IMPORT.name(answer(200, {"Success": 1, "batchId": "b-1"})) == "b-1"
    assert IMPORT.name(answer(200, {"Success": 1})) == ""
    assert IMPORT.name(answer(200, [])) == ""
