"""The round that tells members of troubles: grouped into one mail, told once, reminded of twice at most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core import signing
from django.db import connection, transaction
from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.hub.alerts.kinds import Kind, wanted
from vaivem.hub.alerts.models import Told
from vaivem.hub.alerts.troubles import Trouble, read_troubles
from vaivem.hub.mail.letters import Button, Content, Line, Section, address_of, can_mail, post, speaking
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.models import Membership

SALT = "vaivem.alerts"
SETTLES = timedelta(minutes=4)  # what passes by itself is not worth a mail, and what breaks together is one
QUIET = timedelta(hours=1)  # between two mails to one member
REMINDERS = (timedelta(days=1), timedelta(days=7))
REMEMBERED = timedelta(hours=6)  # a trouble that comes and goes is told once
LINES = 10
ROUND_LOCK = 8241


def tell_everybody() -> int:
    """Tell every member what they want to be told of; return how many mails that made. Safe to repeat."""
    if not can_mail():
        return 0
    sent = 0
    rows = Membership.objects.select_related("member", "workspace").filter(member__is_active=True)
    for membership in rows.order_by("workspace", "id"):
        sent += tell(membership)
    return sent


@transaction.atomic
def tell(membership: Membership) -> bool:
    """Tell one member, if there is something to tell now; return whether a mail was posted.

    What was told is noted in the transaction that posts the mail, so a crash does neither or both.
    """
    with connection.cursor() as cursor:  # of two rounds at once, the second sees what the first has told
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [ROUND_LOCK, membership.pk])
    now, kinds = clock.now(), wanted(membership)
    with speaking(membership.member.language, membership.workspace):
        troubles = [one for one in read_troubles(membership.workspace, now) if one.kind in kinds]
        due = _note(membership, troubles, now)
        last = Told.objects.filter(membership=membership, times__gt=0).order_by("-at").first()
        if not due or (last is not None and now - last.at < QUIET):
            return False
        Told.objects.filter(membership=membership, trouble__in=[one.key for one in due]).update(
            at=now, times=F("times") + 1
        )
        post("alerts", membership.member.email, compose(membership, due), membership.workspace)
    return True


def compose(membership: Membership, due: list[Trouble]) -> Content:
    """Return the mail about these troubles, in the current language."""
    name = membership.workspace.name
    subject = ngettext(
        "%(workspace)s: one thing needs you", "%(workspace)s: %(number)s things need you", len(due)
    ) % {"workspace": name, "number": len(due)}
    groups: defaultdict[Kind, list[Trouble]] = defaultdict(list)
    for one in due:
        groups[one.kind].append(one)
    sections = [Section(str(kind.label), tuple(_lines(groups[kind]))) for kind in Kind if groups[kind]]
    stop = address_of(reverse("alerts_stop", args=[stop_token(membership)]))
    choose = address_of(reverse("alerts", args=[membership.workspace.slug]))
    return Content(
        subject,
        (
            *sections,
            Button(_("Open Vaivém"), address_of(reverse("home", args=[membership.workspace.slug]))),
        ),
        (
            _("You get this because you are a member of %(workspace)s.") % {"workspace": name},
            Button(_("Choose what you are told"), choose),
            Button(_("No more alerts from this workspace"), stop),
        ),
        {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )


def stop_token(membership: Membership) -> str:
    """Return what lets who has the mail stop its alerts, and nothing else."""
    return signing.dumps(membership.pk, salt=SALT)


def membership_of(token: str) -> Membership | None:
    """Return whose alerts a token stops."""
    try:
        number = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    return Membership.objects.select_related("member", "workspace").filter(pk=number).first()


def _lines(troubles: list[Trouble]) -> Iterable[Line]:
    for one in troubles[:LINES]:
        yield Line(one.title, one.text, address_of(one.path) if one.path else "")
    more = len(troubles) - LINES
    if more > 0:
        yield Line(ngettext("and %(number)s more", "and %(number)s more", more) % {"number": more})


def _note(membership: Membership, troubles: list[Trouble], now: datetime) -> list[Trouble]:
    """Note what is there now, forget what has been over for long, and return what is due to be told."""
    mine = Told.objects.filter(membership=membership)
    known = {row.trouble: row for row in mine}
    new = [
        Told(membership=membership, trouble=one.key, at=now, seen=now)
        for one in troubles
        if one.key not in known
    ]
    Told.objects.bulk_create(new, ignore_conflicts=True)
    mine.filter(trouble__in=[one.key for one in troubles]).update(seen=now)
    mine.filter(seen__lt=now - REMEMBERED).delete()
    return [one for one in troubles if one.key in known and _is_due(known[one.key], now)]


def _is_due(row: Told, now: datetime) -> bool:
    pauses = (SETTLES, *REMINDERS)
    return row.times < len(pauses) and now - row.at >= pauses[row.times]
