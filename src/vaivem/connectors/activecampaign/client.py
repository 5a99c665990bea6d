"""ActiveCampaign's API v3, one function a call: contacts and what hangs on them. Pure. See `sales_client`.

Bodies wrap the record in its singular name, lists are under their plural one. Ids are texts in answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from vaivem.connectors.sdk import Answer, Call

PREFIX = "/api/3"
PAGE = 100  # the most that the vendor gives; without it 20


def me() -> Call:
    """https://developers.activecampaign.com/reference/get-current-user"""
    return Call("users.me", "GET", f"{PREFIX}/users/me")


def users() -> Call:
    """https://developers.activecampaign.com/reference/list-all-users"""
    return listed("users")


def contact(contact_id: str) -> Call:
    """https://developers.activecampaign.com/reference/get-contact: with values, lists, account, entries."""
    return Call("contacts.read", "GET", f"{PREFIX}/contacts/{_part(contact_id)}")


def contacts_by_email(email: str) -> Call:
    """https://developers.activecampaign.com/reference/list-all-contacts: the exact address."""
    return Call("contacts.by_email", "GET", f"{PREFIX}/contacts", query=(("email", email),))


def contacts_changed(after: str, above: str) -> Call:
    """Return the list of contacts changed after a moment, in the order of their ids, those over `above`."""
    query = (
        ("filters[updated_after]", after),
        ("id_greater", above),
        ("orders[id]", "ASC"),
        ("limit", str(PAGE)),
    )
    return Call("contacts.changed", "GET", f"{PREFIX}/contacts", query=query)


def sync_contact(body: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/sync-a-contacts-data: made or changed, by e-mail."""
    return Call("contacts.sync", "POST", f"{PREFIX}/contact/sync", json={"contact": dict(body)})


def import_contacts(contacts: Sequence[Mapping[str, Any]]) -> Call:
    """https://developers.activecampaign.com/reference/bulk-import-contacts: worked later, telling no webhook.

    Automations are left out. The vendor's example says so in each contact, others at the top.
    """
    listed = [{**contact, "exclude_automations": True} for contact in contacts]
    body = {"contacts": listed, "exclude_automations": True}
    return Call("contacts.import", "POST", f"{PREFIX}/import/bulk_import", json=body)


def import_info(batch_id: str) -> Call:
    """https://developers.activecampaign.com/reference/bulk-import-status-info"""
    return Call("contacts.import_info", "GET", f"{PREFIX}/import/info", query=(("batchId", batch_id),))


def contacts_of(ids: Sequence[str]) -> Call:
    """https://developers.activecampaign.com/reference/list-all-contacts: those of up to 100 ids."""
    query = (*(("ids[]", one) for one in ids), ("limit", str(PAGE)))
    return Call("contacts.of_ids", "GET", f"{PREFIX}/contacts", query=query)


def update_contact(contact_id: str, body: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/update-a-contact-new: what is not named stays."""
    path = f"{PREFIX}/contacts/{_part(contact_id)}"
    return Call("contacts.update", "PUT", path, json={"contact": dict(body)})


def contact_parts(contact_id: str, part: str) -> Call:
    """Return the list of a contact's ``contactTags``, ``contactLists``, ``notes``, ``deals`` and the like."""
    path = f"{PREFIX}/contacts/{_part(contact_id)}/{part}"
    return Call(f"contacts.{part}", "GET", path, query=(("limit", str(PAGE)),))


def fields() -> Call:
    """https://developers.activecampaign.com/reference/retrieve-fields: with their options."""
    return listed("fields")


def tags() -> Call:
    """https://developers.activecampaign.com/reference/retrieve-all-tags"""
    return listed("tags")


# In bulk the same few tags are put on contact after contact. One that a person renames meanwhile is looked
# for anew within so long; one that is gone, at once.
TAGS_LAST_SECONDS = 60.0


def search_tags(text: str, *, anew: bool = True) -> Call:
    """Return the list of tags whose name contains a text; `anew`: as they are now, in bulk too."""
    first = listed("tags", ("search", text), name="tags.search")
    return replace(first, lasts=TAGS_LAST_SECONDS, anew=anew)


def tag(tag_id: str) -> Call:
    """https://developers.activecampaign.com/reference/retrieve-a-tag"""
    return Call("tags.read", "GET", f"{PREFIX}/tags/{_part(tag_id)}")


def create_tag(name: str) -> Call:
    """https://developers.activecampaign.com/reference/create-a-new-tag: a name that is there is refused."""
    body = {"tag": {"tag": name, "tagType": "contact", "description": ""}}
    return Call("tags.create", "POST", f"{PREFIX}/tags", json=body)


def add_tag(contact_id: str, tag_id: str) -> Call:
    """https://developers.activecampaign.com/reference/create-contact-tag: again it changes nothing."""
    body = {"contactTag": {"contact": contact_id, "tag": tag_id}}
    return Call("contactTags.create", "POST", f"{PREFIX}/contactTags", json=body)


def remove_tag(link_id: str) -> Call:
    """https://developers.activecampaign.com/reference/delete-contact-tag: by the link's id, not the tag's."""
    return Call("contactTags.delete", "DELETE", f"{PREFIX}/contactTags/{_part(link_id)}")


def lists() -> Call:
    """https://developers.activecampaign.com/reference/retrieve-all-lists"""
    return listed("lists")


def set_list(contact_id: str, list_id: str, status: int, *, again: bool = False) -> Call:
    """https://developers.activecampaign.com/reference/update-list-status-for-contact

    `again` subscribes somebody who had left the list.
    """
    body: dict[str, Any] = {"list": list_id, "contact": contact_id, "status": status}
    body |= {"sourceid": 4} if again else {}
    return Call("contactLists.set", "POST", f"{PREFIX}/contactLists", json={"contactList": body})


def automations() -> Call:
    """https://developers.activecampaign.com/reference/list-all-automations"""
    return listed("automations")


def enrol(contact_id: str, automation_id: str) -> Call:
    """https://developers.activecampaign.com/reference/create-new-contactautomation: again it enters twice."""
    body = {"contactAutomation": {"contact": contact_id, "automation": automation_id}}
    return Call("contactAutomations.create", "POST", f"{PREFIX}/contactAutomations", json=body)


def end_entry(entry_id: str) -> Call:
    """https://developers.activecampaign.com/reference/delete-a-contactautomation"""
    return Call("contactAutomations.delete", "DELETE", f"{PREFIX}/contactAutomations/{_part(entry_id)}")


def create_note(kind: str, record_id: str, text: str) -> Call:
    """https://developers.activecampaign.com/reference/create-a-note; `kind`: as the vendor names the object.

    The addresses ``/deals/{id}/notes`` and the like of the description answered 404 to who tried them.
    """
    body = {"note": {"note": text, "relid": whole(record_id), "reltype": kind}}
    return Call("notes.create", "POST", f"{PREFIX}/notes", json=body)


def schemas() -> Call:
    """https://developers.activecampaign.com/reference/list-all-schemas: not in every plan."""
    return listed("customObjects/schemas", name="objects.list")


def create_schema(schema: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/create-a-schema"""
    return Call("objects.create", "POST", f"{PREFIX}/customObjects/schemas", json={"schema": dict(schema)})


def object_record(schema_id: str, external_id: str) -> Call:
    """https://developers.activecampaign.com/reference/get-record-by-external-id"""
    path = f"{PREFIX}/customObjects/records/{_part(schema_id)}/external/{_part(external_id)}"
    return Call("objects.record", "GET", path)


def save_object_record(schema_id: str, record: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/create-or-update-record: by its external id."""
    path = f"{PREFIX}/customObjects/records/{_part(schema_id)}"
    return Call("objects.save", "POST", path, json={"record": dict(record)})


def webhooks() -> Call:
    """https://developers.activecampaign.com/reference/get-a-list-of-webhooks"""
    return listed("webhooks")


def webhook_events() -> Call:
    """https://developers.activecampaign.com/reference/list-all-webhook-events: those of the plan."""
    return Call("webhooks.events", "GET", f"{PREFIX}/webhook/events")


def create_webhook(body: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/create-webhook"""
    return Call("webhooks.create", "POST", f"{PREFIX}/webhooks", json={"webhook": dict(body)})


def update_webhook(webhook_id: str, body: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/update-webhook"""
    path = f"{PREFIX}/webhooks/{_part(webhook_id)}"
    return Call("webhooks.update", "PUT", path, json={"webhook": dict(body)})


def delete_webhook(webhook_id: str) -> Call:
    """https://developers.activecampaign.com/reference/delete-webhook"""
    return Call("webhooks.delete", "DELETE", f"{PREFIX}/webhooks/{_part(webhook_id)}")


def listed(path: str, *query: tuple[str, str], name: str = "") -> Call:
    """Return the first page of a list; `following` leads on."""
    pages = (("limit", str(PAGE)), ("offset", "0"))
    return Call(name or f"{path}.list", "GET", f"{PREFIX}/{path}", query=(*query, *pages))


def following(call: Call, answer: Answer, key: str) -> Call | None:
    """Return the call for the next page of a list by offset, None at its end."""
    offset = next((value for name, value in call.query if name == "offset"), None)
    if offset is None or len(rows(answer, key)) < PAGE:
        return None
    kept = tuple(pair for pair in call.query if pair[0] != "offset")
    return replace(call, query=(*kept, ("offset", str(int(offset) + PAGE))))


def one(answer: Answer, key: str) -> Mapping[str, Any]:
    """Return the record in an answer."""
    body = answer.json
    found = body.get(key) if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def rows(answer: Answer, key: str) -> list[Mapping[str, Any]]:
    """Return a list in an answer, [] where it is not there."""
    body = answer.json
    found = body.get(key) if isinstance(body, Mapping) else None
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def whole(value: Any) -> Any:
    """Return a number for a text of digits."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _part(text: str) -> str:
    return quote(text, safe="")
