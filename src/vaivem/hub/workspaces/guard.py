"""Who may see and do what. Every view of a workspace goes through `for_role`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from vaivem.hub.shell import kept_forms
from vaivem.hub.shell.numbers import written_as
from vaivem.hub.workspaces.models import Member, Membership, Role, Workspace

P = ParamSpec("P")
LAST_WORKSPACE = "workspace"


class MemberRequest(HttpRequest):
    """A request of a signed-in member within a workspace."""

    user: Member
    workspace: Workspace
    membership: Membership
    place: str
    htmx: HtmxDetails


View = Callable[Concatenate[MemberRequest, P], HttpResponseBase]
Guarded = Callable[..., HttpResponseBase]


def for_role(
    role: Role = Role.VIEWER, *, place: str = "", change: Role = Role.EDITOR
) -> Callable[[View[P]], Guarded]:
    """Let in members of the workspace named in the address who may do at least what `role` may.

    Strangers get 404, the signed-out are sent to sign in, a lesser role gets 403. Requests that change
    something (POST and the like) need at least `change`. `place` is the page's name in the navigation.
    """

    def guard(view: View[P]) -> Guarded:
        @wraps(view)
        def guarded(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            membership = (
                Membership.objects.select_related("workspace")
                .filter(member=request.user, workspace__slug=slug)
                .first()
            )
            if membership is None:
                raise Http404
            needed = (role,) if request.method in {"GET", "HEAD", "OPTIONS"} else (role, change)
            known = admit(request, membership, place)
            if not all(membership.at_least(one) for one in needed):
                raise PermissionDenied
            workspace = membership.workspace
            with timezone.override(ZoneInfo(workspace.zone)), written_as(workspace):
                return view(known, *args, **kwargs)

        return guarded

    return guard


def admit(request: HttpRequest, membership: Membership, place: str) -> MemberRequest:
    """Note on the request whose workspace it is in."""
    request.workspace = membership.workspace  # type: ignore[attr-defined]
    request.membership = membership  # type: ignore[attr-defined]
    request.place = place  # type: ignore[attr-defined]
    if request.session.get(LAST_WORKSPACE) != membership.workspace.slug:
        request.session[LAST_WORKSPACE] = membership.workspace.slug
    return request  # type: ignore[return-value]


def to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Send to sign-in and back to the same place; a part of a page takes the whole page there.

    What was typed is kept until then (`shell.kept_forms`).
    """
    page = kept_forms.keep(request)
    if request.headers.get("HX-Request"):
        here = request.headers.get("HX-Current-URL", "")
        back = page or ("/" + here.split("/", 3)[3] if here.count("/") > 2 else reverse("front"))
        answer = HttpResponse(status=401)
        answer["HX-Redirect"] = f"{reverse('account_login')}?{urlencode({'next': back}, safe='/')}"
        return answer
    return redirect_to_login(page or request.get_full_path())
