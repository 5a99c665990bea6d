"""Makes the benchmark's workspace, accounts and rules, through what the pages and the API use too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.sdk import Account
from vaivem.hub.connections.saving import Access, save_new
from vaivem.hub.rules import publishing
from vaivem.hub.workspaces.access import make_owner, token_for
from vaivem.hub.workspaces.models import Member, Workspace

SECRET = "the-secret-that-signs-deliveries"  # noqa: S105 - of a vendor on this machine that ends with the run
TOKEN = "the-token-of-the-benchmark"  # noqa: S105

MUCH = 2_000_000_000
NAME, EMAIL = "Bench", "bench@bench.example"

CONTACT = {
    "contact.name": {"from": "signer.name"},
    "contact.email": {"from": "signer.email"},
    "contact.phone": {"from": "signer.phone"},
    "contact.cpf": {"from": "signer.cpf"},
}
DEAL = {
    "deal.title": {"text": "{{ document.title }} – {{ signer.name }}", "max": "cut"},
    "deal.value": {"from": "document.value"},
    "deal.signed_on": {"from": "document.signed_on"},
    "deal.external_id": {"from": "document.id"},
}


def make_workspace() -> dict[str, Any]:
    """Make the workspace and its owner, beside what is there; return a token for the API."""
    if not Member.objects.filter(email=EMAIL).exists():
        make_owner(NAME, EMAIL, None, NAME)
    # What is done to the rules here is what the breaker is there to stop.
    Workspace.objects.filter(name=NAME).update(record_changes=MUCH, busy_runs=MUCH)
    return {"token": token_for(_workspace(), "bench")}


def _workspace() -> Workspace:
    return Workspace.objects.get(name=NAME)


def _owner() -> Member:
    return Member.objects.get(email=EMAIL)


def make_connection(url: str) -> dict[str, Any]:
    """Connect an account at the vendor; return its number and its hook's path."""
    access = Access(
        "bench", "token", {"token": TOKEN, "secret": SECRET}, {"address_api": url}, Account("1", "Bench")
    )
    row = save_new(_workspace(), _owner(), "Bench", access)
    return {"connection": row.pk, "hook": f"/hook/{row.hook}"}


def make_rule(connection: int, flow: str, template: str) -> dict[str, Any]:
    """Publish a rule for documents of one template: flow "a" makes one call, "b" three, and "u"
    updates the contact with the event's id, so that the vendor sees the order."""
    workspace, owner = _workspace(), _owner()
    definition = {
        "title": f"Signed {template}",
        "when": {"connection": connection, "trigger": "document_signed", "options": {"template": template}},
        "then": _steps(connection, flow),
    }
    rule = publishing.create(workspace, definition, owner)
    publishing.publish(rule, owner)
    return {"rule": rule.pk}


def _steps(connection: int, flow: str) -> list[Mapping[str, Any]]:
    if flow == "a":
        person = {
            "deal.contact_name": {"from": "signer.name"},
            "deal.contact_email": {"from": "signer.email"},
            "deal.contact_phone": {"from": "signer.phone"},
            "deal.contact_cpf": {"from": "signer.cpf"},
        }
        return [_step("deal", connection, "create_deal", {**DEAL, **person})]
    if flow == "u":
        return [
            _step(
                "contact", connection, "upsert_contact", {**CONTACT, "contact.update": {"from": "event.id"}}
            )
        ]
    return [
        _step("contact", connection, "upsert_contact", CONTACT),
        _step("deal", connection, "create_deal", {**DEAL, "deal.contact_id": {"from": "steps.contact.id"}}),
    ]


def _step(key: str, connection: int, action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": key, "kind": "action", "connection": connection, "action": action, "fields": fields}
