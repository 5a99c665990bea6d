"""Filters of the history's pages."""

from __future__ import annotations

from datetime import date, timedelta

from babel.dates import format_date, format_skeleton
from django import template
from django.utils import timezone
from django.utils.translation import gettext as _

from vaivem.hub.shell.templatetags.shell import babel_locale

register = template.Library()


@register.filter
def whole_day(day: date) -> str:
    """Write a day with its name: "Today, quinta-feira, 19 de novembro"."""
    locale = babel_locale()
    text = f"{format_date(day, 'EEEE', locale=locale)}, {format_skeleton('MMMMd', day, locale=locale)}"
    today = timezone.localdate()
    if day == today:
        return _("Today, %(day)s") % {"day": text}
    if day == today - timedelta(days=1):
        return _("Yesterday, %(day)s") % {"day": text}
    return f"{text} {day.year}" if day.year != today.year else text
