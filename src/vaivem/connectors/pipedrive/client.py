"""Pipedrive's API, one function a call: v2 where the vendor has it, v1 for the rest. Pure.

`cost` is what a call takes from the account's daily budget of tokens, as the vendor's OpenAPI files state it
(``x-token-cost``). Searches count towards a narrower limit besides: scope ``search``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from vaivem.connectors.sdk import Answer, Call

V2 = "/api/v2"
V1 = "/v1"
PAGE = "500"
SEARCH_PAGE = "100"
SEARCH = "search"
PATHS = {"person": "persons", "organization": "organizations", "deal": "deals"}
FIELD_PATHS = {"person": "personFields", "organization": "organizationFields", "deal": "dealFields"}


def record(object_key: str, record_id: str) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Deals#getDeal (v2; persons and organizations alike)"""
    path = PATHS[object_key]
    return Call(f"{path}.read", "GET", f"{V2}/{path}/{quote(record_id, safe='')}")


def records(object_key: str, *filters: tuple[str, str]) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Deals#getDeals (v2). A page of 500."""
    path = PATHS[object_key]
    return Call(f"{path}.list", "GET", f"{V2}/{path}", query=(*filters, ("limit", PAGE)), cost=10)


def newest(object_key: str) -> Call:
    """Return the list of an object's records, the last made first: it does not lag as the search does."""
    return records(object_key, ("sort_by", "add_time"), ("sort_direction", "desc"))


def changed(object_key: str, since: datetime, until: datetime, *filters: tuple[str, str]) -> Call:
    """Return the list of what was changed from `since` on and before `until`, in the order of the changes."""
    window = (("updated_since", wire_time(since)), ("updated_until", wire_time(until)))
    return records(object_key, *window, *filters, ("sort_by", "update_time"), ("sort_direction", "asc"))


def create(object_key: str, body: Mapping[str, Any]) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Deals#addDeal (v2)"""
    path = PATHS[object_key]
    return Call(f"{path}.create", "POST", f"{V2}/{path}", json=dict(body), cost=5)


def update(object_key: str, record_id: str, body: Mapping[str, Any]) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Deals#updateDeal (v2): what is not named stays."""
    path = PATHS[object_key]
    address = f"{V2}/{path}/{quote(record_id, safe='')}"
    return Call(f"{path}.update", "PATCH", address, json=dict(body), cost=5)


def search(object_key: str, term: str, field: str) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Persons#searchPersons (v2). Exact, whatever the case."""
    path = PATHS[object_key]
    query = (("term", term), ("fields", field), ("exact_match", "true"), ("limit", SEARCH_PAGE))
    return Call(f"{path}.search", "GET", f"{V2}/{path}/search", query=query, cost=20, scope=SEARCH)


def field_definitions(object_key: str) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/DealFields#getDealFields (v2)"""
    path = FIELD_PATHS[object_key]
    return Call(f"{path}.list", "GET", f"{V2}/{path}", query=(("limit", PAGE),), cost=10)


def create_field(object_key: str, name: str) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/DealFields#addDealField (v2): a text of one line."""
    path = FIELD_PATHS[object_key]
    body = {"field_name": name, "field_type": "varchar"}
    return Call(f"{path}.create", "POST", f"{V2}/{path}", json=body, cost=5)


def pipelines() -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Pipelines#getPipelines (v2)"""
    return Call("pipelines.list", "GET", f"{V2}/pipelines", query=(("limit", PAGE),), cost=5)


def stages(pipeline: str) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Stages#getStages (v2)"""
    query = (("pipeline_id", pipeline), ("sort_by", "order_nr"), ("limit", PAGE))
    return Call("stages.list", "GET", f"{V2}/stages", query=query, cost=5)


def users() -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Users#getUsers: not paged."""
    return Call("users.list", "GET", f"{V1}/users", cost=20)


def me() -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Users#getCurrentUser"""
    return Call("users.me", "GET", f"{V1}/users/me", cost=2)


def activity_types() -> Call:
    """https://developers.pipedrive.com/docs/api/v1/ActivityTypes#getActivityTypes: not paged."""
    return Call("activity_types.list", "GET", f"{V1}/activityTypes", cost=20)


def create_activity(body: Mapping[str, Any]) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Activities#addActivity (v2)"""
    return Call("activities.create", "POST", f"{V2}/activities", json=dict(body), cost=5)


def activities(*filters: tuple[str, str]) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Activities#getActivities (v2), the last made first."""
    query = (*filters, ("sort_by", "add_time"), ("sort_direction", "desc"), ("limit", PAGE))
    return Call("activities.list", "GET", f"{V2}/activities", query=query, cost=10)


def create_note(body: Mapping[str, Any]) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Notes#addNote"""
    return Call("notes.create", "POST", f"{V1}/notes", json=dict(body), cost=10)


def notes(*filters: tuple[str, str]) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Notes#getNotes, the last made first."""
    query = (*filters, ("sort", "add_time DESC"), ("limit", PAGE))
    return Call("notes.list", "GET", f"{V1}/notes", query=query, cost=20)


def webhooks() -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Webhooks#getWebhooks: not paged."""
    return Call("webhooks.list", "GET", f"{V1}/webhooks", cost=10)


def create_webhook(address: str, object_key: str, user: str, password: str) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Webhooks#addWebhook"""
    body = {
        "subscription_url": address,
        "event_action": "*",
        "event_object": object_key,
        "name": f"Vaivém: {object_key}",
        "version": "2.0",
        "http_auth_user": user,
        "http_auth_password": password,
    }
    return Call("webhooks.create", "POST", f"{V1}/webhooks", json=body, cost=10)


def delete_webhook(webhook_id: str) -> Call:
    """https://developers.pipedrive.com/docs/api/v1/Webhooks#deleteWebhook"""
    return Call("webhooks.delete", "DELETE", f"{V1}/webhooks/{quote(webhook_id, safe='')}", cost=6)


def one(answer: Answer) -> Mapping[str, Any]:
    """Return the record in an answer."""
    body = answer.json
    data = body.get("data") if isinstance(body, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def rows(answer: Answer) -> list[Mapping[str, Any]]:
    """Return the records of a list or a search; a search wraps each in an ``item``."""
    body = answer.json
    data = body.get("data") if isinstance(body, Mapping) else None
    listed: Iterable[Any] = data.get("items") or () if isinstance(data, Mapping) else data or ()
    return [row.get("item", row) for row in listed if isinstance(row, Mapping)]


def following(call: Call, answer: Answer) -> Call | None:
    """Return the call for the next page of a list, None at its end: by cursor in v2, by offset in v1."""
    body = answer.json
    more = body.get("additional_data") if isinstance(body, Mapping) else None
    if not isinstance(more, Mapping):
        return None
    if more.get("next_cursor"):
        return _turned(call, "cursor", str(more["next_cursor"]))
    paging = more.get("pagination") or {}
    if paging.get("more_items_in_collection") and paging.get("next_start") is not None:
        return _turned(call, "start", str(paging["next_start"]))
    return None


def _turned(call: Call, name: str, value: str) -> Call:
    kept = tuple((key, text) for key, text in call.query if key != name)
    return Call(
        call.name, call.method, call.path, query=(*kept, (name, value)), cost=call.cost, scope=call.scope
    )


def wire_time(moment: datetime) -> str:
    """Return a time as v2 wants it: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
