"""The audit log in words: what was done, and the names of what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

MAX_SHOWN = 200
NAMES_SHOWN = 4


def action_words(action: str) -> str:
    """Say what was done."""
    words = {
        "owner.made": _("became the owner"),
        "workspace.changed": _("changed the company"),
        "public_address.changed": _("changed the public address"),
        "key.rotated": _("brought in a new key for stored secrets"),
        "key.retired": _("removed older keys for stored secrets"),
        "member.added": _("added the member"),
        "member.link_made": _("made a sign-in link for"),
        "member.role_changed": _("changed the role of"),
        "member.removed": _("removed the member"),
        "api_token.made": _("made the API token"),
        "api_token.revoked": _("revoked the API token"),
        "oauth_app.made": _("set up the app for"),
        "oauth_app.changed": _("changed the app for"),
        "oauth_app.removed": _("forgot the app for"),
        "connection.made": _("connected"),
        "connection.reconnected": _("reconnected"),
        "connection.renamed": _("renamed the connection to"),
        "connection.changed": _("changed the settings of"),
        "connection.removed": _("disconnected"),
        "connection.removed_there": _("was told that the app was removed at the vendor:"),
        "rule.created": _("made the rule"),
        "rule.edited": _("changed the draft of"),
        "rule.published": _("published the rule"),
        "rule.moved_inside": _("moved those inside to the new version of the rule"),
        "rule.paused": _("paused the rule"),
        "rule.held": _("held the rule, which ran wild:"),
        "rule.limits": _("changed the limits of the rule"),
        "rule.switched_off": _("switched off the rule"),
        "rules.moved": _("moved over from an old integration to"),
        "rules.moved_back": _("took back the move to"),
        "rule.resumed": _("resumed the rule"),
        "rule.removed": _("removed the rule"),
        "rule.test_started": _("started a test of the rule"),
        "rule.test_stopped": _("gave up the test of the rule"),
        "rule.brought_back": _("brought back the rule"),
        "combination.created": _("made the field combination"),
        "combination.changed": _("changed the field combination"),
        "combination.removed": _("removed the field combination"),
        "combination.brought_back": _("brought back the field combination"),
        "people.joined": _("said that records are the same:"),
        "people.parted": _("said that a record is somebody else's:"),
        "people.undone": _("took back what was said of the records of"),
        "run.retried": _("retried the run"),
        "history.exported": _("downloaded the history as a table"),
        "run.stopped": _("stopped the run"),
        "rejected.retaken_all": _("had all refused deliveries read again:"),
        "past.asked": _("looked at the past of the rule"),
        "past.started": _("began to bring in the past of the rule"),
        "past.stopped": _("stopped bringing in the past of the rule"),
        "past.resumed": _("went on bringing in the past of the rule"),
        "replay.asked": _("looked at repeating runs, set"),
        "replay.started": _("began to repeat runs, set"),
        "replay.stopped": _("stopped repeating runs, set"),
        "decision.answered": _("decided"),
        "rejected.retaken": _("had a refused delivery read again:"),
        "rejected.dismissed": _("dismissed a refused delivery:"),
        "member.invited": _("invited"),
        "member.invitation_withdrawn": _("took back the invitation of"),
        "member.joined": _("accepted the invitation:"),
        "member.second_factor_removed": _("took away the second factor of"),
        "member.left": _("left the workspace:"),
        "workspace.made": _("made the workspace"),
        "alerts.changed": _("changed the alerts of"),
        "address.opted_out": _("noted that no e-mails of rules are wanted at"),
        "address.opted_in": _("noted that e-mails of rules are wanted again at"),
    }
    return words.get(action, action)


def name_words(name: str) -> str:
    """Return the name of a value that changed."""
    words = {
        "name": _("name"),
        "title": _("title"),
        "role": _("role"),
        "url": _("address"),
        "zone": _("time zone"),
        "language": _("language"),
        "currency": _("currency"),
        "number_format": _("numbers"),
        "retention_days": _("days of history"),
        "late_minutes": _("minutes until waiting is late"),
        "decision_hours": _("hours until a decision is late"),
        "record_changes": _("changes of one record an hour"),
        "busy_runs": _("runs an hour that are never too many"),
        "alerts": _("alerts"),
        "scopes": _("may do"),
        "expires": _("works until"),
        "connector": _("connected system"),
        "method": _("way of connecting"),
        "account": _("account"),
        "state": _("state"),
        "version": _("version"),
        "client_id": _("client ID"),
        "fields": _("filled fields"),
        "runs": _("number of runs"),
        "asked": _("what was asked for"),
        "moved": _("how many were moved"),
        "run": _("run"),
        "how": _("how"),
        "when": _("start of a rule"),
        "if": _("conditions"),
        "then": _("steps"),
        "steps": _("steps"),
        "automation": _("automation"),
        "days": _("days"),
        "rule": _("rule"),
        "rules": _("rules"),
        "moment": _("moment of the switch"),
        "other": _("the other record"),
        "choice": _("answer"),
    }
    return words.get(name, name)


def names_words(changed: Iterable[tuple[str, Any, Any]]) -> str:
    """Return the names of what changed in one line."""
    names = [name_words(name) for name, _before, _after in changed]
    return ", ".join(names[:NAMES_SHOWN]) + ("…" if len(names) > NAMES_SHOWN else "")


def value_words(value: Any, name: str = "") -> str:
    """Write a value in one line, a long one shortened. A state and a role are said in words."""
    if value is True or value is False:
        return _("yes") if value else _("no")
    if name in ("state", "role") and isinstance(value, str):
        return _states_and_roles().get(value, value)
    if isinstance(value, list | tuple):
        text = ", ".join(value_words(one) for one in value)
    elif isinstance(value, Mapping):
        text = ", ".join(f"{key}: {value_words(one)}" for key, one in value.items())
    else:
        text = str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _states_and_roles() -> dict[str, str]:
    return {
        "draft": _("Draft"),
        "on": _("On"),
        "paused": _("Paused"),
        "removed": _("Removed"),
        "working": _("Working"),
        "reconnect": _("Reconnect"),
        "off": _("Off"),
        "owner": _("Owner"),
        "admin": _("Administrator"),
        "editor": _("Editor"),
        "viewer": _("Viewer"),
    }
