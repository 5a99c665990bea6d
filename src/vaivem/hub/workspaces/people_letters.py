"""Letters about people's accounts: invitations, links, passwords, what changed in how they sign in."""

from __future__ import annotations

from django.utils.translation import gettext as _

from vaivem.hub.mail.letters import Button, Content, address_of
from vaivem.hub.workspaces.models import Invitation, Member


def invitation(invitation: Invitation, by: Member, path: str) -> Content:
    """Invite somebody to a workspace."""
    values = {"name": by, "workspace": invitation.workspace.name}
    return Content(
        _("%(name)s invites you to %(workspace)s on Vaivém") % values,
        (
            _(
                "Vaivém connects the tools your company sells with, so that what happens in one is true in "
                "the others. Your role in %(workspace)s will be: %(role)s."
            )
            % {**values, "role": invitation.get_role_display()},
            Button(_("Accept the invitation"), address_of(path)),
            _("The link is only for you, and works for 7 days."),
        ),
        (_("You do not know this person? Then ignore this e-mail: nothing happens without you."),),
    )


def password_reset(url: str) -> Content:
    """Let a person choose a new password."""
    return Content(
        _("Choose a new password"),
        (
            _("Somebody, probably you, asked for a new password for your Vaivém account."),
            Button(_("Choose a new password"), url),
            _("The link works once, for %(hours)s hours.") % {"hours": 3},
        ),
        (_("It was not you? Then ignore this e-mail: your password stays as it is."),),
    )


def login_link(path: str, minutes: int) -> Content:
    """Let a person sign in without a password."""
    return Content(
        _("Your link to sign in to Vaivém"),
        (
            Button(_("Sign in"), address_of(path)),
            _("The link works once, for %(minutes)s minutes.") % {"minutes": minutes},
        ),
        (_("It was not you? Then ignore this e-mail: nobody gets in without this link."),),
    )


def trial(by: Member) -> Content:
    """Show that letters arrive."""
    return Content(
        _("A test e-mail from Vaivém"),
        (
            _("It arrived, so invitations and alerts will too. %(name)s sent it from Settings.")
            % {"name": by},
        ),
    )


def notice(kind: str, when: str, address: str) -> Content | None:
    """Say that something about how a person signs in has changed; None for a kind that needs no letter."""
    said = {
        "password_changed": _("Your password was changed"),
        "password_reset": _("Your password was changed by a link from an e-mail"),
        "password_set": _("Your account now has a password"),
        "totp_activated": _("Two-step verification is on"),
        "totp_deactivated": _("Two-step verification is off"),
        "recovery_codes_generated": _("You have new recovery codes"),
    }.get(kind)
    if said is None:
        return None
    return Content(
        said,
        (
            _("This happened on %(when)s, from the address %(address)s.")
            % {"when": when, "address": address},
            _(
                "If it was you, there is nothing to do. If not, choose a new password at once, sign out "
                "everywhere, and tell an administrator of your workspace."
            ),
        ),
    )
