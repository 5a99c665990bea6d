"""What the frame of every page shows: the places to go, and how much waits there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.hub.shell.counts import waiting_for_people
from vaivem.hub.shell.glossary import terms_at
from vaivem.hub.shell.links import page
from vaivem.hub.workspaces.models import Membership, Role, Workspace


@dataclass(frozen=True, slots=True)
class Count:
    """A number beside a place's name; `label` says what it counts."""

    number: int
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation. `key` is a letter for the keyboard, after ``g``."""

    name: str
    icon: str
    label: str
    url: str
    key: str = ""
    count: Count | None = None


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return the frame's values; without a workspace there is none."""
    workspace: Workspace | None = getattr(request, "workspace", None)
    user = getattr(request, "user", None)
    theme = user.theme if user is not None and user.is_authenticated else request.COOKIES.get("theme", "auto")
    values: dict[str, Any] = {
        "theme": theme if theme in dict(settings.THEMES) else "auto",
        "themes": settings.THEMES,
        "languages": settings.LANGUAGES,
        "workspace": workspace,
        "membership": getattr(request, "membership", None),
        "here": getattr(request, "place", ""),
        "can_mail": settings.VAIVEM.smtp_url is not None,
    }
    if workspace is not None:
        values["spaces"] = SimpleLazyObject(lambda: _spaces(request))
        values["words"] = terms_at(values["here"])
        values["nav"] = SimpleLazyObject(lambda: places(workspace, values["membership"]))
    return values


def _spaces(request: HttpRequest) -> list[Workspace]:
    """Return the workspaces that the person may switch to."""
    return list(Workspace.objects.filter(memberships__member=request.user.pk).order_by("name", "pk"))


def places(workspace: Workspace, membership: Membership) -> dict[str, list[Place]]:
    """Return the navigation: ``main``, ``foot`` (by the account), ``bar`` and ``more`` (phone)."""
    waiting = waiting_for_people(workspace.pk)
    needs, reconnect = _needs(waiting.needs), _reconnect(waiting.reconnect)
    slug = workspace.slug
    home = Place("home", "home", _("Home"), page("home", slug), "i", needs)
    asked = Place(
        "decisions", "hand", _("Decisions"), page("decisions", slug), "d", _asked(waiting.decisions)
    )
    connections = Place("connections", "plug", _("Connections"), page("connections", slug), "c", reconnect)
    recipes = Place("recipes", "recipe", _("Recipes"), page("recipes", slug), "e")
    rules = Place("rules", "rule", _("Rules"), page("rules", slug), "r")
    records = Place("records", "people", _("People and companies"), page("records", slug), "p")
    history = Place("history", "history", _("History"), page("history", slug), "h")
    tests = Place("test_accounts", "flask", _("Test accounts"), page("test_accounts", slug))
    settings_ = Place("settings", "gear", _("Settings"), page("settings", slug))

    words = Place("glossary", "info", _("Glossary"), page("glossary", slug))
    administers = membership.at_least(Role.ADMIN)

    def there(*wanted: Place) -> list[Place]:
        return [place for place in wanted if place.url and (administers or place.name != "settings")]

    return {
        "main": there(home, asked, connections, recipes, rules, records, history),
        "foot": there(tests, words, settings_),
        "bar": there(home, connections, rules, history),
        "more": there(asked, recipes, records, tests, words, settings_),
    }


def _needs(number: int) -> Count | None:
    return Count(number, "warn", ngettext("item needs you", "items need you", number)) if number else None


def _asked(number: int) -> Count | None:
    label = ngettext("decision waits", "decisions wait", number)
    return Count(number, "warn", label) if number else None


def _reconnect(number: int) -> Count | None:
    label = ngettext("connection to reconnect", "connections to reconnect", number)
    return Count(number, "bad", label) if number else None
