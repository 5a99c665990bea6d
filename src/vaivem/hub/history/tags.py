"""Filters of the history's pages."""

from __future__ import annotations

from datetime import date, timedelta

from django import template
from django.utils import timezone
from django.utils.translation import gettext as _

from vaivem.hub.shell.templatetags.shell import named_day

register = template.Library()


@register.filter
def whole_day(day: date) -> str:
    """Write a day with its name: "Today, quinta-feira, 19 de novembro"."""
    text = named_day(day)
    today = timezone.localdate()
    if day == today:
        return _("Today, %(day)s") % {"day": text}
    if day == today - timedelta(days=1):
        return _("Yesterday, %(day)s") % {"day": text}
    return f"{text} {day.year}" if day.year != today.year else text
