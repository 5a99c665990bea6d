"""RD Station Marketing's API 2.0, one function a call. Pure.

Calls that change or read one lead name it as their `record`: the vendor limits each lead by itself
(developers.rdstation.com/reference/limite-de-requisicoes-da-api).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from vaivem.connectors.sdk import Answer, Call

JSON = (("Content-Type", "application/json"),)
LEAD, FUNNEL, EVENT = "lead", "funnel", "event"
PAGE_SIZE = 125  # the most that the vendor takes


def lead(kind: str, value: str) -> Call:
    """https://developers.rdstation.com/reference/get_platform-contacts-identifier-value"""
    return Call("leads.read", "GET", f"/platform/contacts/{_named(kind, value)}", headers=JSON)


def update_lead(kind: str, value: str, body: Mapping[str, Any]) -> Call:
    """https://developers.rdstation.com/reference/patch_platform-contacts-identifier-value

    By e-mail it makes a lead that is not there; the body then must not hold the address.
    """
    path = f"/platform/contacts/{_named(kind, value)}"
    return Call("leads.update", "PATCH", path, json=dict(body), headers=JSON, scope=LEAD, record=value)


def funnel(uuid: str) -> Call:
    """https://developers.rdstation.com/reference/get_platform-contacts-identifier-value-funnels-default"""
    path = f"/platform/contacts/{_named('uuid', uuid)}/funnels/default"
    return Call("funnels.read", "GET", path, headers=JSON, scope=FUNNEL, record=uuid)


def lead_events(uuid: str, kind: str, page: int = 1) -> Call:
    """https://developers.rdstation.com/reference/get_platform-contacts-uuid-events: ten a page."""
    query = (("event_type", kind), ("order", "created_at:desc"), ("page", str(page)))
    path = f"/platform/contacts/{quote(uuid, safe='')}/events"
    return Call("lead_events.list", "GET", path, query=query, headers=JSON)


def event(kind: str, payload: Mapping[str, Any], *, with_query: bool) -> Call:
    """https://developers.rdstation.com/reference/evento-de-conversao-padrao (and the pages beside it)

    The official client leaves out the query that the documentation shows.
    """
    body = {"event_type": kind, "event_family": "CDP", "payload": dict(payload)}
    query = (("event_type", kind.lower()),) if with_query else ()
    return Call(
        f"events.{kind.lower()}",
        "POST",
        "/platform/events",
        query=query,
        json=body,
        headers=JSON,
        scope=EVENT,
        record=str(payload["email"]),
    )


def fields() -> Call:
    """https://developers.rdstation.com/reference/get_platform-contacts-fields: not paged."""
    return Call("fields.list", "GET", "/platform/contacts/fields", headers=JSON)


def landing_pages(page: int) -> Call:
    """https://developers.rdstation.com/reference/get_platform-landing-pages"""
    query = (("page", str(page)), ("page_size", str(PAGE_SIZE)))
    return Call("landing_pages.list", "GET", "/platform/landing_pages", query=query, headers=JSON)


def account() -> Call:
    """Return the call that tells the account's name (of the vendor's own client library)."""
    return Call("account.read", "GET", "/marketing/account_info", headers=JSON)


def segmentations(page: int) -> Call:
    """https://developers.rdstation.com/reference/segmentacao"""
    query = (("page", str(page)), ("page_size", str(PAGE_SIZE)))
    return Call("segmentations.list", "GET", "/platform/segmentations", query=query, headers=JSON)


def segmentation_leads(segmentation: str, page: int) -> Call:
    """https://developers.rdstation.com/reference/get_platform-segmentations-id-contacts: latest first."""
    query = (("page", str(page)), ("page_size", str(PAGE_SIZE)), ("order", "last_conversion_date:desc"))
    path = f"/platform/segmentations/{quote(segmentation, safe='')}/contacts"
    return Call("segmentations.leads", "GET", path, query=query, headers=JSON)


def webhooks() -> Call:
    """https://developers.rdstation.com/reference/get_integrations-webhooks: those of this app, not paged."""
    return Call("webhooks.list", "GET", "/integrations/webhooks", headers=JSON)


def create_webhook(address: str, kind: str) -> Call:
    """https://developers.rdstation.com/reference/post_integrations-webhooks: the vendor tries the address."""
    body = webhook_body(address, kind)
    return Call("webhooks.create", "POST", "/integrations/webhooks", json=body, headers=JSON, timeout=30.0)


def update_webhook(uuid: str, address: str, kind: str) -> Call:
    """https://developers.rdstation.com/reference/put_integrations-webhooks-uuid"""
    path = f"/integrations/webhooks/{quote(uuid, safe='')}"
    body = webhook_body(address, kind)
    return Call("webhooks.update", "PUT", path, json=body, headers=JSON, timeout=30.0)


def delete_webhook(uuid: str) -> Call:
    """https://developers.rdstation.com/reference/delete_integrations-webhooks-uuid"""
    return Call("webhooks.delete", "DELETE", f"/integrations/webhooks/{quote(uuid, safe='')}", headers=JSON)


def webhook_body(address: str, kind: str) -> dict[str, Any]:
    """Return a subscription as we want it: every event of a kind, with the company and the funnel."""
    body: dict[str, Any] = {
        "event_type": kind,
        "entity_type": "CONTACT",
        "url": address,
        "http_method": "POST",
        "include_relations": ["COMPANY", "CONTACT_FUNNEL"],
    }
    return body | ({"event_identifiers": []} if kind == "WEBHOOK.CONVERTED" else {})


def rows(answer: Answer, *keys: str) -> Sequence[Mapping[str, Any]]:
    """Return a list in an answer: bare, or under the first of `keys` that is there."""
    body = answer.json
    if isinstance(body, Mapping):
        body = next((body[key] for key in keys if isinstance(body.get(key), list)), [])
    return [row for row in body or () if isinstance(row, Mapping)]


def _named(kind: str, value: str) -> str:
    # The vendor's own client leaves "@" and "+" of an address as they are.
    return f"{kind}:{quote(value, safe='@+')}"
