"""A draft's e-mail with a real record in it: as it would be read, and sent to who asks for a test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from email.utils import make_msgid
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_safe

from vaivem.core.compiled_steps import CompiledEmail, EmailContent
from vaivem.core.errors import VaivemError
from vaivem.core.steps import EmailStep
from vaivem.engine.post import Outgoing, deliver, is_outbox, sender_of
from vaivem.engine.ways_out import as_document
from vaivem.hub.connections.lines import config
from vaivem.hub.mail.letters import can_mail, keep
from vaivem.hub.messages import Explained, explain, explain_error
from vaivem.hub.middleware import POLICY
from vaivem.hub.rules import publishing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.editing.samples import Sample, sample_for
from vaivem.hub.rules.models import Rule
from vaivem.hub.rules.views import find
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.limits import allowed, too_many
from vaivem.hub.workspaces.models import Role

RAW_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"


@dataclass(frozen=True, slots=True)
class Seen:
    """An e-mail of a draft. `content` is None where `problems` keep it from being written."""

    rule: Rule
    step: EmailStep
    sample: Sample
    content: EmailContent | None
    problems: tuple[str, ...] = ()


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_role(Role.EDITOR, place="rules")
def letter(request: MemberRequest, number: int, step: str) -> HttpResponse:
    """Show an e-mail of the draft with an example in it; a POST sends it to the member who asks."""
    seen = _seen(request, number, step)
    if request.method != "POST":
        return _page(request, seen)
    if seen.content is None:
        return _page(request, seen, status=422)
    if not can_mail():
        return _page(request, seen, refused=explain("mail_not_configured"), status=422)
    if not allowed(request, "trial_letter"):
        return too_many(request)
    refused = _send(request, seen.content)
    if refused is not None:
        return _page(request, seen, refused=refused, status=422)
    here = reverse("rule_letter", args=[request.workspace.slug, number, step])
    return redirect(f"{here}?sample={request.POST.get('sample', '')[:20]}")


@require_safe
@never_cache
@xframe_options_sameorigin
@for_role(Role.EDITOR, place="rules")
def letter_html(request: MemberRequest, number: int, step: str) -> HttpResponse:
    """Show the HTML alone, as a page that can do nothing and load nothing."""
    content = _seen(request, number, step).content
    if content is None or not content.html:
        raise Http404
    answer = HttpResponse(as_document(content.html))
    answer["Content-Security-Policy"] = RAW_POLICY
    return answer


def _seen(request: MemberRequest, number: int, step_id: str) -> Seen:
    rule, catalog = find(request, number), WorkspaceCatalog(request.workspace)
    given = request.POST if request.method == "POST" else request.GET
    checked = publishing.check(rule.draft, catalog, zone=request.workspace.zone)
    steps = checked.read.all_steps() if checked.read else ()
    step = next((one for _, one in steps if isinstance(one, EmailStep) and one.id == step_id), None)
    if step is None:
        raise Http404
    sample = sample_for(rule.draft, catalog, given.get("sample", ""))
    zone = request.workspace.zone
    today = clock.now().astimezone(ZoneInfo(zone)).date().isoformat()
    scope = {**sample.scope, "steps": {}, "rule": {"title": rule.title}, "today": today}
    try:
        return Seen(rule, step, sample, CompiledEmail(step).fill(scope, zone=zone))
    except VaivemError as error:
        found = error.problems or (error.problem,)
        told = tuple(f"{words.EMAIL_PARTS.get(one.path, '')} {words.sentence(one)}".strip() for one in found)
        return Seen(rule, step, sample, None, told)


def _send(request: MemberRequest, content: EmailContent) -> Explained | None:
    """Send the e-mail to who asks, and nobody else; return why it did not go."""
    url, to = config().smtp_url or "", request.user.email
    subject = _("Test: %(subject)s") % {"subject": content.subject}
    html = as_document(content.html) if content.html else ""
    written = Outgoing((to,), subject, content.body, html, {"Auto-Submitted": "auto-generated"})
    if is_outbox(url):
        keep("trial", replace(written, message_id=make_msgid(domain="outbox")), request.workspace)
        messages.success(request, _("The test is under Settings, E-mail: the demo sends nothing."))
        return None
    written = replace(written, message_id=make_msgid(domain=sender_of(url).rpartition("@")[2]))
    try:
        code = deliver(url, written)
    except VaivemError as error:
        return Explained(f"{explain_error(error).text} {error.detail}".strip())
    if code:
        return Explained(explain(code).text)
    messages.success(
        request, _("The mail server took it. See whether it arrives at %(email)s.") % {"email": to}
    )
    return None


def _page(
    request: MemberRequest, seen: Seen, *, refused: Explained | None = None, status: int = 200
) -> HttpResponse:
    values = {
        "rule": seen.rule,
        "step": seen.step,
        "sample": seen.sample,
        "content": seen.content,
        "problems": seen.problems,
        "refused": refused,
        "configured": can_mail(),
        "now": clock.now(),
    }
    answer = render(request, "rules/letter.html", values, status=status)
    answer["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
    return answer
