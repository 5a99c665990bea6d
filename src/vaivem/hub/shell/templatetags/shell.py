"""Tags and filters of every page: icons, marks, pills, numbers and moments as people write them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.hub.messages import named
from vaivem.hub.shell import audit_words as words
from vaivem.hub.shell import kept_forms, numbers
from vaivem.hub.shell.links import page
from vaivem.hub.shell.numbers import babel_locale
from vaivem.hub.workspaces.models import Membership
from vaivem.hub.workspaces.permissions import least_role

register = template.Library()


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """Draw an icon of the sprite; `size` is "" or "sm". It says nothing: a word stands beside it."""
    return format_html(
        '<svg class="i{}" aria-hidden="true"><use href="#i-{}"/></svg>', f" {size}" if size else "", name
    )


@register.simple_tag
def mark(connector: str, size: str = "") -> SafeString:
    """Draw a system's two letters."""
    letters = get_connector(connector).manifest.mark if connector in connector_keys() else connector[:2]
    css = f"sys {size}" if size else "sys"
    return format_html(
        '<span class="{}" data-s="{}" aria-hidden="true">{}</span>', css, letters.lower(), letters
    )


@register.simple_tag
def pill(kind: str, symbol: str, text: str) -> SafeString:
    """Draw a status: a word and an icon, never a colour alone."""
    return format_html('<span class="pill {}">{}{}</span>', kind, icon(symbol), text)


@register.simple_tag
def page_url(name: str, *args: Any, query: str = "") -> str:
    """Return the address of a page, or "" when there is no such page."""
    return page(name, *args, query=query)


@register.filter
def system(connector: str, form: str = "system") -> str:
    """Return a system's name; `form` is what the sentence needs: "the", "The", "in_the" or "of_the"."""
    return named(connector)[form] if connector in connector_keys() else connector


@register.filter
def num(value: float | int | None, digits: int = 0) -> str:
    """Write a number with the workspace's separators: 1.284 or 1,4."""
    return "–" if value is None else numbers.number(value, digits)


@register.filter
def money(value: float | Decimal | None, currency: str = "") -> str:
    """Write an amount, in the workspace's currency unless another is named."""
    return "–" if value is None else numbers.money(value, currency)


@register.filter
def seconds(value: float | None) -> str:
    """Write a duration given in seconds: 840 ms, 1,4 s, 3 min."""
    if value is None:
        return "–"
    if value < 1:
        return f"{round(value * 1000)} ms"
    if value < 60:
        return f"{num(value, 1)} s"
    if value < 3600:
        return f"{num(int(value // 60))} min"
    return f"{num(int(value // 3600))} h"


@register.simple_tag(takes_context=True)
def ago(context: template.Context, moment: datetime | None) -> SafeString | str:
    """Write how long ago a moment was, or its day and time when that says more."""
    if moment is None:
        return "–"
    now = context.get("now") or timezone.now()
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        formats.date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT"),
        ago_text(moment, now),
    )


def ago_text(moment: datetime, now: datetime) -> str:
    """Return the words for how long before `now` a moment was."""
    passed = now - moment
    if timedelta() <= passed < timedelta(minutes=1):
        return _("%(count)s s ago") % {"count": int(passed.total_seconds())}
    if timedelta() <= passed < timedelta(hours=1):
        minutes = int(passed.total_seconds() // 60)
        return ngettext("%(count)s min ago", "%(count)s min ago", minutes) % {"count": minutes}
    return day_time(moment, now)


def day_time(moment: datetime, now: datetime) -> str:
    """Return a moment as people say it: today, 11:42; yesterday, 17:20; 19 Nov, 8:05; 19/11/2025."""
    there, today = timezone.localtime(moment), timezone.localtime(now)
    clock = formats.date_format(there, "H:i")
    days = (today.date() - there.date()).days
    if days == 0:
        return _("today, %(time)s") % {"time": clock}
    if days == 1:
        return _("yesterday, %(time)s") % {"time": clock}
    if days == -1:
        return _("tomorrow, %(time)s") % {"time": clock}
    if abs(days) < 180:
        return _("%(day)s, %(time)s") % {"day": short_day(there), "time": clock}
    return formats.date_format(there, "SHORT_DATE_FORMAT")


def named_day(day: date) -> str:
    """Return a day with its name: quinta-feira, 19 de novembro."""
    from babel.dates import format_date, format_skeleton

    return _("%(weekday)s, %(day)s") % {
        "weekday": format_date(day, "EEEE", locale=babel_locale()),
        "day": format_skeleton("MMMMd", day, locale=babel_locale()),
    }


def short_day(moment: datetime) -> str:
    """Return a day without its year: 3 dez, 3 Dec."""
    from babel.dates import format_skeleton

    text = format_skeleton("MMMd", timezone.localtime(moment), locale=babel_locale())
    return text.replace(" de ", " ").rstrip(".")


@register.simple_tag(takes_context=True)
def when(context: template.Context, moment: datetime | None) -> SafeString | str:
    """Write the day and time of a moment."""
    if moment is None:
        return "–"
    now = context.get("now") or timezone.now()
    return format_html(
        '<time datetime="{}">{}</time>', moment.isoformat(timespec="seconds"), day_time(moment, now)
    )


@register.filter
def clock_time(moment: datetime) -> str:
    """Write a moment's time of day."""
    return formats.date_format(timezone.localtime(moment), "H:i")


@register.filter
def audit_words(action: str) -> str:
    """Say what was done."""
    return words.action_words(action)


@register.filter
def audit_name(name: str) -> str:
    """Return the name of a value that changed."""
    return words.name_words(name)


@register.filter
def audit_names(changed: list[tuple[str, Any, Any]]) -> str:
    """Return the names of what changed in one line."""
    return words.names_words(changed)


@register.filter
def audit_value(value: Any, name: str = "") -> str:
    """Write a value of an audit entry in one line."""
    return words.value_words(value, name)


@register.filter
def may(membership: Membership | None, key: str) -> bool:
    """Say whether a member may do what the permission table calls `key`."""
    return membership is not None and membership.at_least(least_role(key))


@register.filter
def browser_name(agent: str) -> str:
    """Return what people call a browser, from how it names itself: Firefox, Linux."""
    browsers = (
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    )
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    found = [next((name for mark, name in known if mark in agent), "") for known in (browsers, systems)]
    return ", ".join(filter(None, found)) or agent[:40] or "–"


@register.simple_tag(takes_context=True)
def kept_form(context: template.Context) -> bool:
    """Say whether something that this browser typed is kept until sign-in."""
    return kept_forms.is_kept(context["request"])
