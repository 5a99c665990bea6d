"""The kinds of alerts, and which a role gets unless its member chooses."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _

from vaivem.hub.workspaces.models import Membership, Role


class Kind(models.TextChoices):
    """A kind of alert."""

    RECONNECT = "reconnect", _("A connection has to be made again")
    EXPIRING = "expiring", _("A connection's access is about to end")
    SILENT = "silent", _("Events of a connection do not arrive")
    HELD = "held", _("A rule is held because it runs wild")
    FAILING = "failing", _("Runs of a rule fail")
    LATE = "late", _("Events wait for too long")
    DECISION = "decision", _("A decision waits for too long")


BY_ROLE: Mapping[Role, tuple[Kind, ...]] = {
    Role.OWNER: tuple(Kind),
    Role.ADMIN: tuple(Kind),
    Role.EDITOR: (Kind.HELD, Kind.FAILING, Kind.LATE, Kind.DECISION),
    Role.VIEWER: (),
}


def wanted(membership: Membership) -> tuple[Kind, ...]:
    """Return the kinds that a member gets."""
    if membership.alerts is None:
        return BY_ROLE[Role(membership.role)]
    return tuple(kind for kind in Kind if kind.value in membership.alerts)
