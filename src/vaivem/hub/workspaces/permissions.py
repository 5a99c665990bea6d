"""What each role may do: the one table that guards, the members page and the tests go by."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vaivem.hub.workspaces.models import ROLE_ORDER, Role


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that members may do, and the least role that may."""

    key: str
    text: str | Promise
    least: Role

    def of(self) -> list[bool]:
        """Say for each role, from most to least, whether it may."""
        return [ROLE_ORDER.index(role) >= ROLE_ORDER.index(self.least) for role in Role]


PERMISSIONS = (
    Permission("see", _("See Home, connections, rules, history and what was exchanged"), Role.VIEWER),
    Permission("work", _("Make, change and publish rules; repair runs; decide"), Role.EDITOR),
    Permission("connect", _("Connect, reconnect and remove accounts"), Role.ADMIN),
    Permission(
        "manage", _("Invite members and give roles, make API tokens, change settings, read the audit log"),
        Role.ADMIN,
    ),
    Permission("own", _("Make somebody an owner, or take that away"), Role.OWNER),
)  # fmt: skip


def least_role(key: str) -> Role:
    """Return the least role that may do this; raises KeyError."""
    return {one.key: one.least for one in PERMISSIONS}[key]
