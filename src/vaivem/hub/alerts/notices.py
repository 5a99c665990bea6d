"""What rules told members: on Home until it is put away, and by mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.hub.alerts.models import Notice
from vaivem.hub.mail.letters import Button, Content, Line, Section, address_of, can_mail, post, speaking
from vaivem.hub.shell import clock
from vaivem.hub.shell.links import page
from vaivem.hub.workspaces.models import Membership

SHOWN = 5
MAILED_LINES = 20
LATE = timedelta(days=1)  # a letter about what is older says nothing new


@dataclass(frozen=True, slots=True)
class NoticeShown:
    """One notice as Home shows it."""

    number: int
    text: str
    about: str
    rule: str
    at: datetime
    url: str


def open_notices(membership: Membership) -> tuple[list[NoticeShown], int]:
    """Return the newest of what a member was told and did not put away, and how many there are."""
    rows = Notice.objects.filter(membership=membership, seen__isnull=True).select_related("rule")
    slug = membership.workspace.slug
    shown = [
        NoticeShown(row.pk, row.text, row.about, row.rule.title, row.at, page("run", slug, row.run))
        for row in rows.order_by("-id")[:SHOWN]
    ]
    return shown, rows.count() if len(shown) == SHOWN else len(shown)


def put_away(membership: Membership, number: int | None = None) -> int:
    """Put away one of a member's notices, or all; return how many that were."""
    rows = Notice.objects.filter(membership=membership, seen__isnull=True)
    return (rows if number is None else rows.filter(pk=number)).update(seen=clock.now())


def mail_notices() -> int:
    """Put a letter into the post for each member with new notices; return how many. Safe to repeat."""
    if not can_mail():
        return 0
    now = clock.now()
    waiting = Notice.objects.filter(mailed__isnull=True, membership__member__is_active=True)
    members = list(waiting.order_by("membership").values_list("membership", flat=True).distinct())
    return sum(_mail(number, now) for number in members)


@transaction.atomic
def _mail(number: int, now: datetime) -> bool:
    """Post one letter about all that is new; that it was is noted in the same transaction."""
    membership = Membership.objects.select_related("member", "workspace").filter(pk=number).first()
    rows = Notice.objects.select_for_update(skip_locked=True).filter(membership=number, mailed__isnull=True)
    found = list(rows.order_by("id"))
    Notice.objects.filter(pk__in=[one.pk for one in found]).update(mailed=now)
    news = [one for one in found if one.seen is None and now - one.at < LATE]
    if membership is None or not news:
        return False
    with speaking(membership.member.language, membership.workspace):
        post("notices", membership.member.email, compose(membership, news), membership.workspace)
    return True


def compose(membership: Membership, news: list[Notice]) -> Content:
    """Return the letter about notices, in the current language."""
    slug, name = membership.workspace.slug, membership.workspace.name
    lines = [Line(one.text, one.about, address_of(page("run", slug, one.run))) for one in news[:MAILED_LINES]]
    more = len(news) - MAILED_LINES
    if more > 0:
        lines.append(Line(ngettext("and %(number)s more", "and %(number)s more", more) % {"number": more}))
    subject = news[0].text if len(news) == 1 else _("%(workspace)s: %(number)s notices from your rules") % {
        "workspace": name, "number": len(news)
    }  # fmt: skip
    foot = _("A rule of %(workspace)s tells you this because it names you.") % {"workspace": name}
    home = Button(_("Open Vaivém"), address_of(page("home", slug)))
    return Content(subject, (Section(_("Your rules tell you"), tuple(lines)), home), (foot,))
