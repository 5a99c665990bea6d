"""What can be done to a connection: test, rename, change its settings, remove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.db import connection as database
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import ReconnectError, VaivemError
from vaivem.core.fields import Option
from vaivem.engine.control import hold_gate, open_gate, pause_rule, wake_chore
from vaivem.hub.connections.addresses import hook_address
from vaivem.hub.connections.forms import ChangeForm, NameForm, settings_of
from vaivem.hub.connections.lines import as_connection, config, without_secrets
from vaivem.hub.connections.list_views import find
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.connections.oauth_apps import find_app
from vaivem.hub.connections.offers import offers
from vaivem.hub.connections.permissions import lacking
from vaivem.hub.connections.saving import change_secrets, change_settings, forget, rename
from vaivem.hub.connections.trying import (
    Finding,
    ask_account,
    ask_checks,
    ask_list,
    ask_prepare,
    ask_removal,
    ask_revocation,
    bad,
)
from vaivem.hub.connections.usage import rules_using, waiting_runs
from vaivem.hub.messages import explain_error
from vaivem.hub.rules.models import Rule, RuleState
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role


@require_POST
@for_role(place="connections", change=Role.ADMIN)
def test(request: MemberRequest, number: int) -> HttpResponse:
    """Test the access now. A refusal turns the connection to "reconnect" as a run's call would."""
    row = find(request, number)
    findings = tested(row)
    values = {"row": row, "findings": findings, "tested": True}
    if request.htmx:
        return render(request, "connections/tested.html", values)
    return render(request, "connections/tested_page.html", values)


def tested(row: Connection) -> list[Finding]:
    """Ask the vendor and keep what it means for the connection."""
    try:
        line = as_connection(row)
        account = ask_account(config(), line)
    except ReconnectError as error:
        Connection.objects.filter(pk=row.pk, state=ConnectionState.WORKING).update(
            state=ConnectionState.RECONNECT
        )
        with database.cursor() as cursor:
            hold_gate(cursor, row.pk, error.code, error.params)
        return [bad(explain_error(error, row.connector))]
    except VaivemError as error:
        return [bad(explain_error(error, row.connector))]
    if row.state == ConnectionState.RECONNECT:
        Connection.objects.filter(pk=row.pk, state=ConnectionState.RECONNECT).update(
            state=ConnectionState.WORKING
        )
        with database.cursor() as cursor:
            open_gate(cursor, row.pk)
    with database.cursor() as cursor:
        wake_chore(cursor, "refresh_catalog", {"connection": row.pk})
    return [Finding("ok", _("Access accepted"), account.name), *lacking(line), *ask_checks(config(), line)]


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.ADMIN, place="connections", change=Role.ADMIN)
def change_name(request: MemberRequest, number: int) -> HttpResponse:
    """Give a connection another name."""
    row = find(request, number)
    form = NameForm(row, request.POST or None)
    if request.method == "POST" and form.is_valid():
        rename(row, request.user, form.cleaned_data["name"])
        messages.success(request, _("Renamed. The rules go on with the new name."))
        return redirect("connection", request.workspace.slug, row.pk)
    values = {"form": form, "row": row}
    return render(request, "connections/rename.html", values, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_role(Role.ADMIN, place="connections", change=Role.ADMIN)
def settings(request: MemberRequest, number: int) -> HttpResponse:
    """Show and change a connection's settings; what is chosen from the vendor's lists is read now."""
    row = find(request, number)
    connector = get_connector(row.connector)
    lists, problem = live_lists(row)
    form = ChangeForm(
        connector, connector.manifest.method(row.method), request.POST or None,
        values=row.settings, lists=lists, kept=_opened(row),
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        change_settings(row, request.user, form.settings())
        change_secrets(row, request.user, form.changed_secrets())
        messages.success(request, _("Saved."))
        return redirect("connection", request.workspace.slug, row.pk)
    values = {"form": form, "row": row, "problem": problem, "offers": offers(row)}
    return render(request, "connections/settings.html", values, status=422 if form.errors else 200)


def _opened(row: Connection) -> Mapping[str, Any]:
    """Return a connection's credentials; nothing while no key here opens them."""
    try:
        return as_connection(row).credentials
    except ReconnectError:
        return {}


@require_POST
@for_role(Role.ADMIN, place="connections", change=Role.ADMIN)
def prepare(request: MemberRequest, number: int, choice: str) -> HttpResponse:
    """Make at the vendor what a setting needs (a field for our reference), and choose it."""
    row = find(request, number)
    if choice not in {offer["key"] for offer in offers(row)}:
        raise Http404
    try:
        made = ask_prepare(config(), as_connection(row), choice)
    except VaivemError as error:
        messages.error(request, str(explain_error(error, row.connector)))
    else:
        change_settings(row, request.user, {**row.settings, **made})
        messages.success(request, _("Made and chosen."))
    return redirect("connection_settings", request.workspace.slug, row.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_role(Role.ADMIN, place="connections", change=Role.ADMIN)
def remove(request: MemberRequest, number: int) -> HttpResponse:
    """Ask, saying what stops; then remove our webhooks at the vendor and forget the access.

    When the vendor cannot be asked, the page says so, and a second button removes it all the same.
    """
    row = find(request, number)
    problem = None
    if request.method == "POST":
        try:
            if not request.POST.get("anyway"):
                ask_removal(config(), as_connection(row), registered_address(row))
        except VaivemError as error:
            problem = explain_error(error, row.connector)
        else:
            stop_rules(request, row)
            give_back(request, row)
            forget(row, request.user)
            messages.success(request, _("“%(name)s” is disconnected.") % {"name": row.name})
            return redirect("connections", request.workspace.slug)
    values = {
        "row": row,
        "rules": [rule for rule in rules_using(row) if rule.state == RuleState.ON],
        "waiting": waiting_runs(row),
        "problem": problem,
        "has_webhook": bool(registered_address(row)),
        "gives_back": gives_back(row),
    }
    return render(request, "connections/remove.html", values, status=409 if problem else 200)


def give_back(request: MemberRequest, row: Connection) -> None:
    """Give the access back to the vendor, where it takes it. What goes wrong is told, and stops nothing."""
    row.refresh_from_db()  # a call just before may have renewed it
    if not gives_back(row):
        return
    try:
        ask_revocation(config(), as_connection(row), find_app(request.workspace, row.connector))
    except ReconnectError:
        return  # it was over already
    except VaivemError as error:
        messages.warning(
            request,
            _("The access of “%(name)s” could not be taken back at the vendor. Remove the app there. %(why)s")
            % {"name": row.name, "why": explain_error(error, row.connector).text},
        )


def gives_back(row: Connection) -> bool:
    """Say whether disconnecting ends the access at the vendor.

    Not while another connection lives by it: revoking ends the app's access to that account altogether.
    """
    flow = get_connector(row.connector).manifest.method(row.method).oauth
    account = str(row.account.get("id") or "")
    others = Connection.objects.filter(connector=row.connector, account__id=account, removed=None)
    shared = bool(account) and others.exclude(pk=row.pk).exists()
    return flow is not None and bool(flow.revoke_url) and not shared


def registered_address(row: Connection) -> str:
    """Return the address that stands at the vendor, "" when we registered none."""
    known = str((row.subscription or {}).get("address") or "")
    webhooks = get_connector(row.connector).webhooks
    by_hand = webhooks is not None and webhooks.by_hand(without_secrets(row))
    return known or (hook_address(row) if row.wants_hook and not by_hand else "")


def stop_rules(request: MemberRequest, row: Connection) -> None:
    """Pause the rules that cannot go on without this connection; nothing of theirs is thrown away."""
    for rule in rules_using(row):
        if Rule.objects.filter(pk=rule.pk, state=RuleState.ON).update(state=RuleState.PAUSED):
            with database.cursor() as cursor:
                pause_rule(cursor, rule.pk)
            audit.note(
                request.workspace,
                request.user,
                "rule.paused",
                rule.title,
                after={"connection removed": row.name},
            )


def live_lists(row: Connection) -> tuple[Mapping[str, Sequence[Option]], str]:
    """Read the lists that settings are chosen from; what cannot be read now comes from the last copy."""
    lists: dict[str, Sequence[Option]] = {}
    problem = ""
    try:
        line = as_connection(row)
    except VaivemError as error:
        return lists, str(explain_error(error, row.connector))
    sources = {one.source for one in settings_of(get_connector(row.connector), row.method) if one.source}
    for source in sorted(sources):
        try:
            lists[source] = ask_list(config(), line, source)
        except VaivemError as error:
            problem = str(explain_error(error, row.connector))
            if line.options(source):
                lists[source] = line.options(source)
    return lists, problem
