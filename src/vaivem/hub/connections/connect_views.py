"""Connecting and reconnecting: choose the system, paste what proves the access, see it tested, done.

With htmx the checks answer one after another: each part of the page asks for the next. Without it one request
does all of them. Both go through the same three stages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import reswap, retarget

from vaivem.connectors.sdk import Connector
from vaivem.connectors.sdk.manifest import AuthMethod
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.errors import VaivemError
from vaivem.hub.connections import drafts, oauth_pages
from vaivem.hub.connections.drafts import Draft
from vaivem.hub.connections.forms import ConnectForm
from vaivem.hub.connections.lines import config
from vaivem.hub.connections.list_views import find
from vaivem.hub.connections.models import Connection
from vaivem.hub.connections.names import free_name
from vaivem.hub.connections.pages import page_values
from vaivem.hub.connections.saving import (
    WrongAccountError,
    refuse_other_account,
    save_new,
    save_reconnected,
)
from vaivem.hub.connections.test_accounts import offered
from vaivem.hub.connections.trying import Finding, ask_account, ask_checks, bad, refused
from vaivem.hub.messages import explain
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role


@require_safe
@for_role(Role.ADMIN, place="connections")
def choose(request: MemberRequest) -> HttpResponse:
    """Show the systems that can be connected."""
    wanted = request.GET.get("q", "").strip().lower()
    known = [get_connector(key) for key in connector_keys()]
    shown = [one for one in known if wanted in one.manifest.name.lower()]
    shown.sort(key=lambda one: (one.manifest.generic, one.manifest.name.lower()))
    values = {
        "connectors": [(one, _ways_in(one)) for one in shown],
        "wanted": wanted,
        "offered": offered(request.workspace),
    }
    return render(request, "connections/choose.html", values)


def _ways_in(connector: Connector) -> str:
    """Say how one gets in, each way once."""
    words = [
        _("sign in") if method.oauth else _("server key") if method.assertion else _("token")
        for method in connector.manifest.auth
    ]
    return ", ".join(dict.fromkeys(words))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_role(Role.ADMIN, place="connections", change=Role.ADMIN)
def connect(request: MemberRequest, key: str) -> HttpResponse:
    """Show a system's connect page, or take what was entered there."""
    return _page(request, _connector(key), None)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_role(Role.ADMIN, place="connections", change=Role.ADMIN)
def reconnect(request: MemberRequest, number: int) -> HttpResponse:
    """Give a connection new credentials, by the same page."""
    row = find(request, number)
    return _page(request, _connector(row.connector), row)


@require_POST
@never_cache
@for_role(Role.ADMIN, place="connections", change=Role.ADMIN)
def stage(request: MemberRequest, key: str, name: str) -> HttpResponse:
    """Do one stage of a try that is under way and answer with its lines."""
    connector = _connector(key)
    number = request.POST.get("row", "")
    row = find(request, int(number)) if number.isdecimal() else None
    draft = drafts.take(request.session, request.workspace, key, row)
    if draft is None or draft.tag != request.POST.get("tag") or name not in STAGES:
        gone = Finding(
            "bad", _("This try is over: a newer one was started, or it took too long."), _("Send it again.")
        )
        return _checks(request, connector, row, None, [gone], None)
    return _do(request, connector, row, draft, name)


def _page(request: MemberRequest, connector: Connector, row: Connection | None) -> HttpResponse:
    method = _method(request, connector, row)
    if method.oauth is not None:
        return oauth_pages.page(request, connector, method, row)
    draft = drafts.take(request.session, request.workspace, connector.key, row)
    kept = draft.credentials if draft is not None and draft.method == method.key else {}
    form = ConnectForm(
        connector,
        method,
        request.workspace,
        request.POST or None,
        row=row,
        kept=kept,
        values=row.settings if row else None,
    )
    if request.method != "POST":
        drafts.drop(request.session)
        form = ConnectForm(
            connector, method, request.workspace, row=row, values=row.settings if row else None
        )
        return _form(request, connector, method, row, form, [])
    if not form.is_valid():
        return _form(request, connector, method, row, form, [], status=422)
    draft = Draft(
        workspace=request.workspace.pk,
        connector=connector.key,
        method=method.key,
        name=row.name if row else str(form.cleaned_data.get("name") or ""),
        settings=form.settings(),
        credentials=form.credentials(),
        row=row.pk if row else None,
    )
    drafts.keep(request.session, draft)
    if request.htmx:
        return _checks(request, connector, row, draft, [], "account")
    return _all_at_once(request, connector, method, row, form, draft)


def _all_at_once(
    request: MemberRequest,
    connector: Connector,
    method: AuthMethod,
    row: Connection | None,
    form: ConnectForm,
    draft: Draft,
) -> HttpResponse:
    for name in ("account", "checks"):
        draft = STAGES[name](draft, row)
        if draft.stopped and not (name == "checks" and request.POST.get("anyway")):
            drafts.keep(request.session, draft)
            return _form(request, connector, method, row, form, list(draft.findings), status=422)
    return redirect("connection", request.workspace.slug, _save(request, row, draft).pk)


def _do(
    request: MemberRequest, connector: Connector, row: Connection | None, draft: Draft, name: str
) -> HttpResponse:
    if name == "save":
        made = _save(request, row, draft)
        return _checks(request, connector, made, draft, list(draft.findings), None, made=made)
    draft = STAGES[name](draft, row)
    drafts.keep(request.session, draft)
    following = None if draft.stopped else "checks" if name == "account" else "save"
    return _checks(
        request,
        connector,
        row,
        draft,
        list(draft.findings),
        following,
        anyway=draft.stopped and name == "checks",
    )


def _save(request: MemberRequest, row: Connection | None, draft: Draft) -> Connection:
    access = draft.access()
    if row is None:
        name = draft.name or get_connector(draft.connector).suggested_name(access.account)
        made = save_new(request.workspace, request.user, free_name(request.workspace, name), access)
        messages.success(request, _("“%(name)s” is connected.") % {"name": made.name})
    else:
        made = save_reconnected(row, request.user, access)
        messages.success(
            request, _("“%(name)s” is reconnected. What waited goes on by itself.") % {"name": made.name}
        )
    drafts.drop(request.session)
    return made


def _account(draft: Draft, row: Connection | None) -> Draft:
    fresh = replace(draft, findings=(), account=None)
    try:
        account = ask_account(config(), fresh.connection())
        if row is not None:
            refuse_other_account(row, account)
    except VaivemError as error:
        return fresh.found(refused(error, draft.connector))
    except WrongAccountError as error:
        params = {"found": error.found, "wanted": error.wanted}
        return fresh.found(bad(explain("wrong_account", params, draft.connector)))
    text = _("Access accepted")
    return fresh.found(Finding("ok", text, account.name), account=account)


def _checks_of(draft: Draft, row: Connection | None) -> Draft:
    kept = replace(draft, findings=draft.findings[:1])
    return kept.found(*ask_checks(config(), draft.connection()))


def _as_it_is(draft: Draft, row: Connection | None) -> Draft:
    return draft


STAGES: dict[str, Callable[[Draft, Connection | None], Draft]] = {
    "account": _account,
    "checks": _checks_of,
    "save": _as_it_is,
}


def _form(
    request: MemberRequest,
    connector: Connector,
    method: AuthMethod,
    row: Connection | None,
    form: ConnectForm,
    findings: list[Finding],
    *,
    status: int = 200,
) -> HttpResponse:
    values = {
        **page_values(request.workspace, connector, method, row),
        "form": form,
        "findings": findings,
        "anyway": len(findings) > 1,
        "kept": bool(form.kept),
    }
    if request.htmx:
        answer = render(request, "connections/connect_form.html", values, status=status)
        return reswap(retarget(answer, "#connect-form"), "outerHTML")
    return render(request, "connections/connect.html", values, status=status)


def _checks(
    request: MemberRequest,
    connector: Connector,
    row: Connection | None,
    draft: Draft | None,
    findings: list[Finding],
    following: str | None,
    *,
    anyway: bool = False,
    made: Connection | None = None,
) -> HttpResponse:
    doing = {
        "account": _("Testing the access"),
        "checks": _("Looking at what the account allows"),
        "save": _("Saving"),
    }
    values: dict[str, Any] = {
        "connector": connector,
        "row": row,
        "tag": draft.tag if draft else "",
        "findings": findings,
        "following": following,
        "doing": doing.get(following or "", ""),
        "anyway": anyway,
        "made": made,
    }
    return render(request, "connections/checks.html", values)


def _connector(key: str) -> Connector:
    try:
        return get_connector(key)
    except KeyError:
        raise Http404 from None


def _method(request: MemberRequest, connector: Connector, row: Connection | None) -> AuthMethod:
    wanted = request.GET.get("method") or request.POST.get("method") or (row.method if row else "")
    methods = connector.manifest.auth
    recommended = next((one for one in methods if one.recommended), methods[0])
    return next((one for one in methods if one.key == wanted), recommended)
