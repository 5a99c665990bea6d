"""Connecting by signing in at the vendor: the app that we sign in through, the way there and the way back."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from vaivem.connectors import sdk
from vaivem.connectors.sdk import Connector
from vaivem.connectors.sdk.manifest import AuthMethod
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import RetryError, RuleError, VaivemError
from vaivem.engine import oauth
from vaivem.engine.direct import DirectCaller
from vaivem.hub.connections import removed_there
from vaivem.hub.connections.addresses import return_address
from vaivem.hub.connections.forms import ConnectForm, OAuthAppForm
from vaivem.hub.connections.lines import config, unsaved_connection, vault
from vaivem.hub.connections.models import Connection, OAuthState
from vaivem.hub.connections.names import free_name
from vaivem.hub.connections.oauth_apps import find_app, open_app, save_app
from vaivem.hub.connections.pages import page_values
from vaivem.hub.connections.permissions import scope_words
from vaivem.hub.connections.saving import Access, WrongAccountError, save_new, save_reconnected
from vaivem.hub.connections.trying import PATIENCE_SECONDS, ask_account, refused
from vaivem.hub.messages import Explained, explain, explain_error
from vaivem.hub.middleware import allow_form_to
from vaivem.hub.workspaces.guard import MemberRequest, for_role, to_sign_in
from vaivem.hub.workspaces.models import Membership, Role

STATE_LASTS = timedelta(minutes=15)


def page(
    request: MemberRequest, connector: Connector, method: AuthMethod, row: Connection | None
) -> HttpResponse:
    """Show the page, or send the person to the vendor."""
    app = find_app(request.workspace, connector.key)
    form = ConnectForm(
        connector,
        method,
        request.workspace,
        request.POST or None,
        row=row,
        values=row.settings if row else None,
    )
    if request.method == "POST" and app is not None and form.is_valid():
        try:
            return _leave(request, connector, method, row, form)
        except RuleError as error:
            messages.error(request, str(explain_error(error, connector.key)))
    status = 422 if request.method == "POST" else 200
    return _show(request, connector, method, row, form, OAuthAppForm(), status=status)


@require_POST
@never_cache
@for_role(Role.ADMIN, place="connections", change=Role.ADMIN)
def enter_app(request: MemberRequest, key: str) -> HttpResponse:
    """Keep the client id and secret of an app at the vendor."""
    try:
        connector = get_connector(key)
    except KeyError:
        raise Http404 from None
    method = next((one for one in connector.manifest.auth if one.oauth is not None), None)
    if method is None:
        raise Http404
    form = OAuthAppForm(request.POST)
    if not form.is_valid():
        blank = ConnectForm(connector, method, request.workspace)
        return _show(request, connector, method, None, blank, form, status=422)
    everybody = bool(request.POST.get("everybody")) and request.user.operator
    save_app(
        None if everybody else request.workspace,
        key,
        form.cleaned_data["client_id"],
        form.cleaned_data["client_secret"],
        request.user,
    )
    messages.success(request, _("The app is set up. Now sign in to the account."))
    return redirect(f"{reverse('connect', args=[request.workspace.slug, key])}?method={method.key}")


@csrf_exempt  # a vendor sends no cookie: what it tells is proved by the app's secret
@never_cache
def callback(request: HttpRequest) -> HttpResponseBase:
    """Take people back from the vendor. The state says which connection this is about; it works once.

    The same address is where vendors tell an app that it was removed.
    """
    if request.method not in {"GET", "HEAD"}:
        return removed_there.take(request)
    if not request.user.is_authenticated:
        return to_sign_in(request)
    state = OAuthState.objects.select_related("workspace", "connection").filter(
        state=request.GET.get("state", ""), member=request.user, created__gt=timezone.now() - STATE_LASTS
    )
    kept = state.first()
    if kept is None or not OAuthState.objects.filter(pk=kept.pk).delete()[0]:
        return render(request, "connections/oauth_stale.html", status=400)
    membership = Membership.objects.filter(member=request.user, workspace=kept.workspace).first()
    if membership is None or not membership.at_least(Role.ADMIN):
        raise PermissionDenied
    try:
        made = _come_back(request, kept)
    except VaivemError as error:
        finding = refused(error, kept.connector)
        return _refused(request, kept, Explained(finding.text, finding.note))
    except WrongAccountError as error:
        params = {"found": error.found, "wanted": error.wanted}
        return _refused(request, kept, explain("wrong_account", params, kept.connector))
    account = str(made.account.get("name") or "")
    if account and account != made.name:
        said = _("“%(name)s” is connected with the account %(account)s.")
        messages.success(request, said % {"name": made.name, "account": account})
    else:
        messages.success(request, _("“%(name)s” is connected.") % {"name": made.name})
    return redirect(f"{reverse('connection', args=[kept.workspace.slug, made.pk])}?new=1")


def _leave(
    request: MemberRequest,
    connector: Connector,
    method: AuthMethod,
    row: Connection | None,
    form: ConnectForm,
) -> HttpResponse:
    app = find_app(request.workspace, connector.key)
    flow = method.oauth
    if app is None or flow is None:
        raise Http404
    verifier = oauth.new_verifier() if flow.pkce else None
    OAuthState.objects.filter(created__lt=timezone.now() - STATE_LASTS).delete()
    kept = OAuthState.objects.create(
        state=secrets.token_urlsafe(32),
        workspace=request.workspace,
        connector=connector.key,
        method=method.key,
        connection=row,
        verifier=vault().seal({"verifier": verifier, "pasted": form.credentials()}),
        settings=form.settings(),
        name=str(form.cleaned_data.get("name") or ""),
        member=request.user,
    )
    connection = _connection_of(kept)
    target = oauth.authorise_url(
        connector,
        connection,
        open_app(app),
        state=kept.state,
        redirect_uri=return_address(request),
        verifier=verifier,
    )
    if _origin(target) != _page_origin(connector, method, row):
        # The sent page allowed its form to lead to the vendor's own address only; a link may lead anywhere.
        return render(request, "connections/oauth_go.html", {"connector": connector, "target": target})
    return redirect(target)


def _come_back(request: HttpRequest, kept: OAuthState) -> Connection:
    refused = request.GET.get("error")
    code = request.GET.get("code", "")
    if refused or not code:
        said = request.GET.get("error_description") or refused or ""
        raise _DeniedError("oauth_denied", params={"message": said[:300]})
    connector = get_connector(kept.connector)
    app = find_app(kept.workspace, kept.connector)
    if app is None:
        raise _DeniedError("oauth_app_missing", params={"connector": kept.connector})
    secret = vault().open(bytes(kept.verifier)) if kept.verifier else {}
    connection = _connection_of(kept)
    made = _exchange(
        connector, connection, open_app(app), code, return_address(request), secret.get("verifier")
    )
    credentials = {**secret.get("pasted", {}), **made}
    # As one that is not saved: what is tried are these credentials, and never the ones it has.
    account = ask_account(config(), replace(connection, id=0, credentials=credentials))
    access = Access(kept.connector, kept.method, credentials, kept.settings, account)
    member = kept.member
    if kept.connection is not None:
        return save_reconnected(kept.connection, member, access)
    name = kept.name or connector.suggested_name(account)
    return save_new(kept.workspace, member, free_name(kept.workspace, name), access)


class _DeniedError(VaivemError):
    """The person or the vendor said no."""


def _exchange(
    connector: Connector,
    connection: sdk.Connection,
    app: sdk.App,
    code: str,
    address: str,
    verifier: str | None,
) -> dict[str, Any]:
    async def exchanged() -> dict[str, Any]:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), DirectCaller(config(), connection) as caller:
                return await oauth.exchange_code(
                    caller.outbound,
                    connector,
                    connection,
                    app,
                    code=code,
                    redirect_uri=address,
                    verifier=verifier,
                )
        except TimeoutError as error:
            raise RetryError("vendor_timed_out") from error

    credentials: dict[str, Any] = async_to_sync(exchanged)()
    return credentials


def _connection_of(kept: OAuthState) -> sdk.Connection:
    return unsaved_connection(
        kept.workspace_id, kept.connector, kept.method, {}, kept.settings,
        number=kept.connection_id or 0, name=kept.name,
    )  # fmt: skip


def _refused(request: HttpRequest, kept: OAuthState, why: Explained) -> HttpResponse:
    values = {"why": why, "kept": kept, "connector": get_connector(kept.connector)}
    return render(request, "connections/oauth_refused.html", values, status=400)


def _show(
    request: MemberRequest,
    connector: Connector,
    method: AuthMethod,
    row: Connection | None,
    form: ConnectForm,
    app_form: OAuthAppForm,
    *,
    status: int,
) -> HttpResponse:
    app = find_app(request.workspace, connector.key)
    values = {
        **page_values(request.workspace, connector, method, row),
        "form": form,
        "app": app,
        "app_form": app_form,
        "return_address": return_address(request),
        "scopes": scope_words(connector.key, method.oauth.permissions) if method.oauth else [],
    }
    answer = render(request, "connections/oauth.html", values, status=status)
    return allow_form_to(answer, _page_origin(connector, method, row))


def _page_origin(connector: Connector, method: AuthMethod, row: Connection | None) -> str:
    """Return the origin of the vendor's sign-in page, as the connect page's form may lead to."""
    settings = {**connector.manifest.defaults(), **(row.settings if row else {})}
    address = connector.manifest.address("authorize", settings)
    return _origin(address or (method.oauth.authorize_url if method.oauth else ""))


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
