"""The doors: the first owner, sign-in links, and where a signed-in person goes first."""

from __future__ import annotations

from allauth.account.utils import perform_login
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from vaivem.hub.mail.letters import can_mail, post, speaking
from vaivem.hub.workspaces import audit, people_letters
from vaivem.hub.workspaces.access import LINK_MINUTES, find_link, link_for, make_owner, needs_owner, use_link
from vaivem.hub.workspaces.forms import MailLinkForm, OwnerForm
from vaivem.hub.workspaces.guard import LAST_WORKSPACE
from vaivem.hub.workspaces.limits import allowed, too_many
from vaivem.hub.workspaces.models import Member, Membership

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_safe
@never_cache
def front(request: HttpRequest) -> HttpResponse:
    """Send people where they belong: to the start, to sign-in, or to their workspace."""
    if not request.user.is_authenticated:
        return redirect("start" if needs_owner() else "account_login")
    mine = Membership.objects.filter(member=request.user).select_related("workspace").order_by("id")
    last = request.session.get(LAST_WORKSPACE)
    chosen = mine.filter(workspace__slug=last).first() or mine.first()
    if chosen is None:
        return render(request, "workspaces/none.html")
    return redirect("home", chosen.workspace.slug)


@require_http_methods(["GET", "POST"])
@never_cache
def start(request: HttpRequest) -> HttpResponse:
    """Make the first owner. Guarded by a code that only who started Vaivém can know."""
    if not needs_owner():
        raise Http404
    if not allowed(request, "start"):
        return too_many(request)
    form = OwnerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        made = make_owner(values["name"], values["email"], values["password"], values["workspace"])
        login(request, made.member, BACKEND)
        audit.note(made.workspace, made.member, "owner.made", str(made.member))
        return redirect("home", made.workspace.slug)
    return render(request, "workspaces/start.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@never_cache
def mail_link(request: HttpRequest) -> HttpResponse:
    """Send a sign-in link to an address. The answer is the same whether it is a member's or not."""
    if not can_mail():
        raise Http404
    form = MailLinkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"].strip().lower()
        if not allowed(request, "login_link", email):
            return too_many(request)
        member = Member.objects.filter(email=email, is_active=True).first()
        if member is not None:
            with speaking(member.language):
                post("login_link", email, people_letters.login_link(link_for(member), LINK_MINUTES))
        return render(request, "workspaces/mail_link.html", {"email": email, "minutes": LINK_MINUTES})
    status = 422 if form.errors else 200
    return render(request, "workspaces/mail_link.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def login_link(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show whose link this is; only the button uses it up, so that a preview of the link does not."""
    if request.method != "POST":
        link = find_link(token)
        return render(request, "workspaces/login_link.html", {"link": link}, status=200 if link else 410)
    member = use_link(token)
    if member is None:
        return render(request, "workspaces/login_link.html", {"link": None}, status=410)
    answer: HttpResponseBase = perform_login(request, member, email_verification="none", redirect_url="/")
    return answer
