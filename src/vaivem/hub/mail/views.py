"""E-mail in Settings: whether letters can leave, a test, and what became of the last ones."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from vaivem.core.errors import VaivemError
from vaivem.engine.post import deliver, sender_of
from vaivem.hub.connections.lines import config, vault
from vaivem.hub.mail.bounces import bounce_reading
from vaivem.hub.mail.letters import composed, kept_on_a_page, post, speaking
from vaivem.hub.mail.models import Bounce, Letter, LetterState
from vaivem.hub.messages import Explained, explain, explain_error
from vaivem.hub.shell import clock
from vaivem.hub.workspaces import people_letters
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.limits import allowed, too_many
from vaivem.hub.workspaces.models import Role

SHOWN = 50
RAW_POLICY = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
admins = for_role(Role.ADMIN, place="settings", change=Role.ADMIN)


@require_safe
@never_cache
@admins
def mail(request: MemberRequest) -> HttpResponse:
    """Show how letters leave and what became of the last ones."""
    return _page(request)


@require_POST
@admins
def send_trial(request: MemberRequest) -> HttpResponse:
    """Send a test letter to who asks for it, now, and say what the mail server answered."""
    url = config().smtp_url
    if url is None:
        return _page(request, trial=explain("mail_not_configured"))
    if not allowed(request, "trial_letter"):
        return too_many(request)
    to = request.user.email
    with speaking(request.user.language, request.workspace):
        content = people_letters.trial(request.user)
        if kept_on_a_page():
            post("trial", to, content, request.workspace)
            messages.success(request, _("The letter is in the list below."))
            return redirect("mail", request.workspace.slug)
        letter = composed(to, content)
    try:
        code = deliver(url, letter)
    except VaivemError as error:
        said = explain_error(error).text
        return _page(request, trial=Explained(f"{said} {error.detail}".strip()))
    if code:
        return _page(request, trial=Explained(explain(code).text))
    messages.success(
        request, _("The mail server took it. See whether it arrives at %(email)s.") % {"email": to}
    )
    return redirect("mail", request.workspace.slug)


@require_safe
@never_cache
@admins
def letter(request: MemberRequest, number: int) -> HttpResponse:
    """Show a letter that was kept, in the demo."""
    row = _kept(request, number)
    values = {"tab": "mail", "letter": row, "now": clock.now(), "text": _opened(row)["text"]}
    return render(request, "mail/one.html", values)


@require_safe
@never_cache
@admins
def letter_html(request: MemberRequest, number: int) -> HttpResponse:
    """Show a kept letter as a mail program would: its own page, which can do nothing."""
    html = _opened(_kept(request, number)).get("html") or ""
    if not html:
        raise Http404
    answer = HttpResponse(html)
    answer["Content-Security-Policy"] = RAW_POLICY
    return answer


def _page(request: MemberRequest, trial: Explained | None = None) -> HttpResponse:
    url = config().smtp_url
    rows = list(_letters(request).order_by("-pk")[:SHOWN])
    values: dict[str, Any] = {
        "tab": "mail",
        "now": clock.now(),
        "configured": url is not None,
        "outbox": kept_on_a_page(),
        "sender": sender_of(url) if url and not kept_on_a_page() else "",
        "server": _server(url) if url else "",
        "letters": [(row, explain(row.code, {"message": row.said}).text if row.code else "") for row in rows],
        "trial": trial,
        "bounces": list(Bounce.objects.filter(workspace=request.workspace).order_by("-pk")[:SHOWN]),
        "reading": bounce_reading(),
    }
    return render(request, "mail/mail.html", values, status=422 if trial else 200)


def _letters(request: MemberRequest) -> QuerySet[Letter]:
    """Return the workspace's letters; those about people's accounts are for who runs the installation."""
    mine = Q(workspace=request.workspace)
    return Letter.objects.filter(mine | Q(workspace=None) if request.user.operator else mine)


def _kept(request: MemberRequest, number: int) -> Letter:
    row = get_object_or_404(_letters(request), pk=number, state=LetterState.KEPT)
    if not kept_on_a_page():
        raise PermissionDenied
    return row


def _opened(row: Letter) -> dict[str, Any]:
    return vault().open(bytes(row.content))


def _server(url: str) -> str:
    """Return the mail server's name and port, without its password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname or "")
