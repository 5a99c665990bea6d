"""A member says that two are the same, or that they are not, and takes it back."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from vaivem.hub.records import linking, queries
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

CANDIDATES = 10


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_role(Role.EDITOR, place="records")
def join(request: MemberRequest, number: int) -> HttpResponse:
    """Look for the other one, then say that both are the same."""
    ws, slug = request.workspace.pk, request.workspace.slug
    found = queries.one(ws, number)
    if found is None:
        raise Http404
    if request.method == "POST":
        try:
            change = linking.join(request.workspace, number, _number(request.POST.get("other")), request.user)
        except linking.LinkError as error:
            messages.error(request, error.text)
        else:
            _say(request, _("They are one from now on."), change)
        return redirect("person", slug, number)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    rows = queries.people(ws, text, kind=found.kind, limit=CANDIDATES + 1) if text else []
    others = [row for row in rows if row.id != number][:CANDIDATES]
    return render(request, "records/join.html", {"person": found, "q": text, "others": others})


@require_POST
@for_role(Role.EDITOR, place="records")
def part(request: MemberRequest, number: int) -> HttpResponse:
    """Say that some of a person's records are somebody else's."""
    if queries.one(request.workspace.pk, number) is None:
        raise Http404
    records = [_number(text) for text in request.POST.getlist("record")]
    try:
        change, _other = linking.part(request.workspace, number, records, request.user)
    except linking.LinkError as error:
        messages.error(request, error.text)
    else:
        _say(request, _("The record is somebody else's from now on, whatever events tell."), change)
    return redirect("person", request.workspace.slug, number)


@require_POST
@for_role(Role.EDITOR, place="records")
def undo(request: MemberRequest, number: int) -> HttpResponse:
    """Take back what a member said."""
    try:
        person = linking.undo(request.workspace, number, request.user)
    except linking.NoChangeError as error:
        raise Http404 from error
    except linking.LinkError as error:
        messages.error(request, error.text)
        return redirect("records", request.workspace.slug)
    messages.success(request, _("It is as it was."))
    return redirect("person", request.workspace.slug, person)


def _say(request: MemberRequest, text: str, change: int) -> None:
    back = reverse("person_undo", args=[request.workspace.slug, change])
    messages.success(request, text, extra_tags=back)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0
