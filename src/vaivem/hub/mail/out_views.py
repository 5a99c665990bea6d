"""Opting out of the e-mails of a workspace's rules: the page behind the link, and the list in Settings."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from vaivem.hub.connections.addresses import public_address
from vaivem.hub.mail import opting_out
from vaivem.hub.mail.letters import kept_on_a_page
from vaivem.hub.mail.views import admins
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.guard import MemberRequest

PAGE = 50


@csrf_exempt  # a mail program's one-click button (RFC 8058) sends no cookie; the kept token is the proof
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Stop a workspace's e-mails to an address, or take that back. Only a button does it, no preview."""
    row = opting_out.by_token(token)
    if row is None:
        return render(request, "mail/unsubscribe.html", {"address": None}, status=410)
    done = ""
    if request.method == "POST":
        done = "in" if request.POST.get("act") == "undo" else "out"
        change = opting_out.opt_in if done == "in" else opting_out.opt_out
        change(row, None, opting_out.BY_LINK)
        row.refresh_from_db()
    answer = render(request, "mail/unsubscribe.html", {"address": row, "done": done})
    answer["X-Robots-Tag"] = "noindex"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@admins
def opted_out(request: MemberRequest) -> HttpResponse:
    """List who opted out, find one, and add one."""
    typed = ""
    if request.method == "POST":
        typed = request.POST.get("address", "").strip()[:254]
        row = opting_out.add(request.workspace, typed, request.user, opting_out.BY_MEMBER)
        if row is not None:
            messages.success(
                request, _("%(address)s gets no more e-mails of rules.") % {"address": row.address}
            )
            return redirect("opted_out", request.workspace.slug)
    text = request.GET.get("q", "").strip()[:254]
    page = Paginator(opting_out.opted_out(request.workspace, text), PAGE).get_page(request.GET.get("page"))
    values = {
        "tab": "mail",
        "now": clock.now(),
        "page": page,
        "text": text,
        "typed": typed,
        "reached": bool(public_address()) or kept_on_a_page(),
    }
    return render(request, "mail/opted_out.html", values, status=422 if request.method == "POST" else 200)


@require_POST
@admins
def remove(request: MemberRequest, number: int) -> HttpResponse:
    """Let e-mails go to an address again."""
    row = get_object_or_404(opting_out.opted_out(request.workspace), pk=number)
    opting_out.opt_in(row, request.user, opting_out.BY_MEMBER)
    messages.success(request, _("%(address)s gets e-mails of rules again.") % {"address": row.address})
    return redirect("opted_out", request.workspace.slug)
