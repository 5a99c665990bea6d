"""The list of connections, and one connection's own page."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from vaivem.connectors.sdk.registry import get_connector
from vaivem.hub.connections.addresses import hook_address, public_address
from vaivem.hub.connections.health import Health, all_health, read_health
from vaivem.hub.connections.learning import learnt_fields
from vaivem.hub.connections.lines import without_secrets
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.connections.offers import offers
from vaivem.hub.connections.usage import rules_using
from vaivem.hub.messages import connector_text
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role


def find(request: MemberRequest, number: int) -> Connection:
    """Return a connection of this workspace; 404 for any other, and for a removed one."""
    rows = Connection.objects.exclude(state=ConnectionState.REMOVED)
    return get_object_or_404(rows, pk=number, workspace=request.workspace)


def health_of(request: MemberRequest, row: Connection) -> Health:
    """Return a connection's health; 404 when this release has no such connector."""
    found = read_health(request.workspace.pk, [row], clock.now())
    if not found:
        raise Http404
    return found[0]


@require_safe
@for_role(place="connections")
def connections(request: MemberRequest) -> HttpResponse:
    """List the workspace's connections."""
    now = clock.now()
    listed = all_health(request.workspace.pk, now)
    ending = sorted(
        (one for one in listed if not one.broken and one.valid_until),
        key=lambda one: one.valid_until or now,
    )
    values = {
        "now": now,
        "connections": listed,
        "broken": [one for one in listed if one.broken],
        "hook_problems": [one for one in listed if one.hook_problem],
        "ending": ending,
        "renewing": [one for one in listed if not one.broken and one.valid_until is None and one.renews],
        "endless": [one for one in listed if not one.broken and one.valid_until is None and not one.renews],
        "can_change": request.membership.at_least(Role.ADMIN),
        "public_address": public_address(),
    }
    return render(request, "connections/list.html", values)


def pages_of(row: Connection) -> str:
    """Return where a test account's own pages are, "" for a real account."""
    if not row.test_account:
        return ""
    settings = row.settings or {}
    # Some vendors tell an account's address themselves, so that no setting has it: then their pages' does.
    parts = urlsplit(str(settings.get("address_api") or settings.get("address_web") or ""))
    return f"{parts.scheme}://{parts.netloc}/" if parts.scheme in {"http", "https"} else ""


def hook_steps(row: Connection) -> list[str]:
    """Return what a person does at the vendor so that its events arrive here, as far as it needs telling."""
    texts: list[str] = []
    while step := connector_text(row.connector, f"webhooks.steps.{len(texts) + 1}"):
        texts.append(step)
    return texts


@require_safe
@for_role(place="connections")
def connection(request: MemberRequest, number: int) -> HttpResponse:
    """Show one connection: how it is, where its events arrive, who uses it."""
    row = find(request, number)
    health = health_of(request, row)
    connector = get_connector(row.connector)
    webhooks = connector.webhooks
    by_hand = webhooks is not None and webhooks.by_hand(without_secrets(row))
    values = {
        "now": clock.now(),
        "one": health,
        "row": row,
        "method_name": connector_text(row.connector, f"auth.{row.method}.name") or row.method,
        "pages": pages_of(row),
        "offers": offers(row),
        "just_made": "new" in request.GET,
        "hook": hook_address(row) if by_hand else "",
        "hook_steps": hook_steps(row) if by_hand else [],
        "not_swept": connector_text(row.connector, "webhooks.not_swept") if webhooks is not None else "",
        "hook_by_hand": by_hand,
        "hook_is_ours": webhooks is not None and not by_hand,
        "learnt": learnt_fields(row) if by_hand and connector.manifest.generic else [],
        "rules": rules_using(row),
        "has_settings": bool(connector.manifest.settings),
        "can_change": request.membership.at_least(Role.ADMIN),
        "public_address": public_address(),
    }
    return render(request, "connections/one.html", values)
