"""A member's own choices: name, language, theme, keyboard."""

from __future__ import annotations

from allauth.account import views as allauth_views
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from vaivem.hub.shell.links import way_back
from vaivem.hub.workspaces.forms import ProfileForm
from vaivem.hub.workspaces.guard import LAST_WORKSPACE, admit
from vaivem.hub.workspaces.models import Member, Membership
from vaivem.hub.workspaces.space_views import may_make

COOKIE_SECONDS = 365 * 86400


@login_required
def reauthenticate(request: HttpRequest) -> HttpResponse:
    """Ask a member who they are once more; who has nothing to show it with is led to choose a password."""
    if not get_adapter().get_reauthentication_methods(request.user):
        messages.info(request, _("You have no password yet. Choose one, then you can go on."))
        return redirect("account_set_password")
    answer: HttpResponse = allauth_views.reauthenticate(request)
    return answer


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Take the chosen theme, or the next one: system, light, dark."""
    names = dict(settings.THEMES)
    order = list(names)
    chosen = request.POST.get("theme")
    if chosen not in names:
        current = (
            request.user.theme if request.user.is_authenticated else request.COOKIES.get("theme", "auto")
        )
        chosen = order[(order.index(current) + 1) % len(order)] if current in order else order[0]
    if request.user.is_authenticated:
        Member.objects.filter(id=request.user.pk).update(theme=chosen)
    wants_json = "application/json" in request.headers.get("Accept", "")
    answer: HttpResponse = (
        JsonResponse({"theme": chosen, "name": str(names[chosen])})
        if wants_json
        else redirect(way_back(request))
    )
    answer.set_cookie("theme", chosen, max_age=COOKIE_SECONDS, samesite="Lax", httponly=True)
    return answer


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Take the chosen language; the member's, or before sign-in this browser's."""
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES):
        if request.user.is_authenticated:
            Member.objects.filter(id=request.user.pk).update(language=chosen.replace("-br", "_BR"))
        answer = redirect(way_back(request))
        answer.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, chosen, max_age=settings.LANGUAGE_COOKIE_AGE, samesite="Lax"
        )
        return answer
    return redirect(way_back(request))


@login_required
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change what a member decides for themselves."""
    member = request.user
    assert isinstance(member, Member)  # noqa: S101 - login_required
    last = request.session.get(LAST_WORKSPACE)
    memberships = Membership.objects.filter(member=member).select_related("workspace").order_by("id")
    chosen = memberships.filter(workspace__slug=last).first() or memberships.first()
    if chosen is not None:
        admit(request, chosen, "profile")
    form = ProfileForm(request.POST or None, instance=member)
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(member.language.replace("_", "-").lower()):
            messages.success(request, _("Saved."))
        return redirect("profile")
    values = {"form": form, "memberships": memberships, "may_make": may_make(member)}
    return render(request, "workspaces/profile.html", values, status=422 if form.errors else 200)
