"""Problem codes as sentences: what happened and why, then what to do next.

A connector's own codes are in its locale files; everybody's are in the tables beside this module. A code that
nobody knows shows the vendor's own words, or itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from typing_extensions import override

from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.errors import Problem, VaivemError
from vaivem.hub.messages import definitions, requests, running, values
from vaivem.hub.messages.table import Entry

SENTENCES: Mapping[str, Entry] = {
    **running.SENTENCES,
    **values.SENTENCES,
    **definitions.SENTENCES,
    **requests.SENTENCES,
}
MAX_PARAM = 300


@dataclass(frozen=True, slots=True)
class Explained:
    """A problem in a member's language. `next` is what to do, "" when nothing has to be done."""

    text: str
    next: str = ""
    code: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.text} {self.next}".strip()


class _Params(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


def explain(code: str, params: Mapping[str, Any] | None = None, connector: str = "") -> Explained:
    """Return what a code means, in the current language. `connector` is the system that it came from."""
    given = dict(params or {})
    own = _own(code, given, connector)
    if own is not None:
        return own
    entry = SENTENCES.get(code)
    filled = _filled(given, connector)
    if entry is None:
        said = str(given.get("message") or "")
        text = _("{The} said: {message}") if said else _("A problem that has no text yet: {code}")
        return Explained(ended(text.format_map(_Params(filled, code=code))), "", code)
    text = str(entry.with_message if entry.with_message and given.get("message") else entry.text)
    return Explained(ended(text.format_map(filled)), str(entry.next or "").format_map(filled), code)


def explain_problem(problem: Problem, connector: str = "") -> Explained:
    """Return what a problem means; the field or place it names is filled in."""
    params = {"field": problem.path, "path": problem.path, **problem.params}
    if not params.get("message") and problem.detail:
        params["message"] = problem.detail
    return explain(problem.code, params, connector)


def explain_run(code: str, params: Mapping[str, Any] | None, connector: str = "") -> list[Explained]:
    """Return why a run ended or waits: each of its problems, or the one that its code names."""
    given = dict(params or {})
    problems = [Problem.from_dict(row) for row in given.get("problems") or ()]
    told = [
        explain_problem(problem, connector) for problem in problems if problem.code != code or problem.path
    ]
    return told or [explain(code, given, connector)]


def explain_error(error: VaivemError, connector: str = "") -> Explained:
    """Return what an error means."""
    return explain_problem(error.problem, connector)


def ended(text: str) -> str:
    """Return a sentence with its full stop: what a vendor says often has none."""
    return text if not text or text[-1] in ".!?…:”»" else f"{text}."


def language() -> str:
    """Return the current language as the connectors' locale files name it."""
    return {"pt-br": "pt_BR"}.get(
        translation.get_language() or "pt-br", translation.get_language() or "pt_BR"
    )


def connector_text(connector: str, key: str, /, **params: Any) -> str:
    """Return one of a connector's own texts in the current language, or ""."""
    if connector not in connector_keys():
        return ""
    return get_connector(connector).text(language(), key, **params) or ""


def named(connector: str) -> dict[str, str]:
    """Return the forms of a system's name that sentences need; Portuguese has articles."""
    if connector not in connector_keys():
        return {
            "system": _("The system"),
            "The": _("The system"),
            "the": _("the system"),
            "in_the": _("in the system"),
            "of_the": _("of the system"),
        }
    manifest = get_connector(connector).manifest
    name, article = manifest.name, manifest.article
    if language() == "pt_BR":
        return {
            "system": name,
            "The": f"{article.capitalize()} {name}",
            "the": f"{article} {name}",
            "in_the": f"n{article} {name}",
            "of_the": f"d{article} {name}",
        }
    joined = {"en": ("in {}", "of {}"), "fr": ("dans {}", "de {}"), "es": ("en {}", "de {}")}
    inside, of = joined.get(language(), ("{}", "{}"))
    return {
        "system": name,
        "The": name,
        "the": name,
        "in_the": inside.format(name),
        "of_the": of.format(name),
    }


def _own(code: str, params: Mapping[str, Any], connector: str) -> Explained | None:
    text = connector_text(connector, f"errors.{code}", **params)
    if not text:
        return None
    return Explained(text, connector_text(connector, f"errors.{code}.next", **params), code)


def _filled(params: Mapping[str, Any], connector: str) -> _Params:
    shown = {name: _shown(value) for name, value in params.items()}
    field = shown.get("label") or _field_label(connector, str(params.get("field") or ""))
    return _Params({**shown, **named(connector), "field": field})


def _field_label(connector: str, key: str) -> str:
    return connector_text(connector, f"fields.{key}") or key


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value)[:MAX_PARAM]
    if isinstance(value, Mapping):
        return str(value.get("label") or value.get("value") or dict(value))[:MAX_PARAM]
    return str(value)[:MAX_PARAM]
