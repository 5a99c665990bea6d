"""Home's first sentence: is it flowing, and if not everything, what is not or what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence

from babel.lists import format_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.hub.connections.health import Health
from vaivem.hub.home.figures import Day, Figures
from vaivem.hub.messages import named
from vaivem.hub.shell.counts import Waiting
from vaivem.hub.shell.numbers import babel_locale
from vaivem.hub.shell.templatetags.shell import num

RULES_NAMED = 2
PAUSED_GATE = 1


def headline(
    health: Sequence[Health], held: Sequence[str], waiting: Waiting, day: Day, figures: Figures
) -> str:
    """Return the answer to "is it flowing?": what is not, what waits for a person, or all is well.

    `held` are the titles of the rules that the breaker holds.
    """
    stopped = [named(one.row.connector)["the"] for one in health if one.broken] + _rules(held)
    silent = [one for one in health if one.kind == "warn" and one.gate.state == PAUSED_GATE]
    spent = [one.connector.manifest.name for one in health if one.spent and not one.broken]
    deaf = [one.row.name for one in health if one.hook_problem and not one.broken]
    if stopped:
        return _("Everything is flowing except %(systems)s.") % {
            "systems": _listed(stopped + [named(one.row.connector)["the"] for one in silent])
        }
    if silent:
        names = [one.connector.manifest.name for one in silent]
        return _("No answer at the moment from: %(systems)s.") % {"systems": _listed(names)}
    if spent:
        return _("The day’s budget is spent at: %(systems)s.") % {"systems": _listed(spent)}
    if deaf:
        return _("No events arrive from: %(names)s.") % {"names": _listed(deaf)}
    return _for_a_person(waiting, figures) or (
        _("Everything is flowing.") if day.events else _("All is well; nothing has arrived today yet.")
    )


def _for_a_person(waiting: Waiting, figures: Figures) -> str:
    if waiting.decisions:
        return ngettext(
            "It is flowing, and one decision waits for you.",
            "It is flowing, and %(number)s decisions wait for you.",
            waiting.decisions,
        ) % {"number": num(waiting.decisions)}
    if figures.failed:
        return ngettext(
            "It is flowing, and one run failed today.",
            "It is flowing, and %(number)s runs failed today.",
            figures.failed,
        ) % {"number": num(figures.failed)}
    if waiting.needs:
        return ngettext(
            "It is flowing, and one thing needs you.",
            "It is flowing, and %(number)s things need you.",
            waiting.needs,
        ) % {"number": num(waiting.needs)}
    return ""


def _rules(titles: Sequence[str]) -> list[str]:
    if len(titles) > RULES_NAMED:
        return [ngettext("%(number)s rule", "%(number)s rules", len(titles)) % {"number": num(len(titles))}]
    return [_("the rule “%(title)s”") % {"title": title} for title in titles]


def _listed(names: Sequence[str]) -> str:
    """Join names as the language does ("a, b e c"), each once."""
    return str(format_list(list(dict.fromkeys(names)), locale=babel_locale()))
