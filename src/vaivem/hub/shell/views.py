"""Pages for what cannot be answered otherwise: the reason, and where to go from there."""

from __future__ import annotations

import logging
import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from vaivem.hub.shell import kept_forms
from vaivem.hub.shell.glossary import TERMS
from vaivem.hub.workspaces.guard import MemberRequest, for_role

log = logging.getLogger(__name__)


@require_safe
@for_role(place="glossary")
def glossary(request: MemberRequest) -> HttpResponse:
    """Explain the words."""
    values = {
        "ours": [term for term in TERMS if term.ours],
        "theirs": [term for term in TERMS if not term.ours],
    }
    return render(request, "shell/glossary.html", values)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    return _refusal(
        request,
        404,
        _("This page does not exist"),
        _(
            "The address may have a typing error, or what was here was removed, or it belongs to a workspace "
            "that you are not a member of."
        ),
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403."""
    return _refusal(
        request,
        403,
        _("Your role does not allow this"),
        _("Ask an administrator of the workspace to do it, or to change your role in Settings."),
    )


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400."""
    return _refusal(
        request, 400, _("The request could not be read"), _("Go back, reload the page and try again.")
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that did not come from one of our pages, or from a page that stood open for too long.

    What was typed on a page of ours is kept, and goes back into it, with a fresh token.
    """
    page = kept_forms.keep(request)
    if page and request.headers.get("HX-Request"):
        answer = HttpResponse(status=403)
        answer["HX-Redirect"] = page
        return answer
    if page:
        return redirect(page)
    return _refusal(
        request,
        403,
        _("This form is no longer valid"),
        _(
            "The page was open for a long time, or you signed in elsewhere. Go back, reload it and send it "
            "again. If it happens again, the browser may be blocking cookies, or the proxy in front of "
            "Vaivém is not listed in VAIVEM_TRUSTED_PROXIES."
        ),
    )


def failed(request: HttpRequest) -> HttpResponse:
    """Answer 500 with a reference that is in the log too."""
    reference = secrets.token_hex(4)
    log.error("Page failed: %s %s (reference %s)", request.method, request.path, reference)
    return _refusal(
        request,
        500,
        _("Vaivém could not show this page"),
        _(
            "The error was ours and is in the log with the reference %(reference)s. Events keep arriving and "
            "running meanwhile."
        )
        % {"reference": reference},
    )


def _refusal(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    return render(
        request, "shell/refusal.html", {"title": title, "text": text, "status": status}, status=status
    )
