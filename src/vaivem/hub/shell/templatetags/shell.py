"""Tags and filters of every page: icons, marks, pills, numbers and moments as people write them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from babel.numbers import format_decimal
from django import template
from django.utils import formats, timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.hub.messages import named
from vaivem.hub.shell.links import page

register = template.Library()
MAX_SHOWN = 80


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
    """Write a number with the language's separators: 1.284 or 1,4."""
    if value is None:
        return "–"
    pattern = "#,##0." + "0" * digits if digits else "#,##0"
    return format_decimal(value, pattern, locale=babel_locale())


def babel_locale() -> str:
    """Return the language as Babel names it."""
    language = translation.get_language() or "pt-br"
    return {"pt-br": "pt_BR"}.get(language, language)


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
def pairs(values: dict[str, Any]) -> str:
    """Write the values of an audit entry, long ones shortened."""
    return ", ".join(f"{name}: {_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    text = "–" if value in (None, "") else str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


@register.filter
def audit_words(action: str) -> str:
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
        "rule.created": _("made the rule"),
        "rule.edited": _("changed the draft of"),
        "rule.published": _("published the rule"),
        "rule.paused": _("paused the rule"),
        "rule.resumed": _("resumed the rule"),
        "rule.removed": _("removed the rule"),
        "run.retried": _("retried the run"),
        "run.stopped": _("stopped the run"),
        "decision.answered": _("decided"),
        "rejected.retaken": _("had a refused delivery read again:"),
        "rejected.dismissed": _("dismissed a refused delivery:"),
    }
    return words.get(action, action)
