"""The simulators' pages: templates, texts in four languages, one stylesheet. They work without script."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

LANGUAGES = ("en", "pt_BR", "fr", "es")
LANGUAGE_NAMES = {"en": "English", "pt_BR": "Português", "fr": "Français", "es": "Español"}
DEFAULT_LANGUAGE = "pt_BR"
_KIT = Path(__file__).parent
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'"
_YEAR_SECONDS = 365 * 24 * 3600


class Pages:
    """Renders one simulator's templates, its own folder before the kit's."""

    def __init__(self, folder: Path, title: str) -> None:
        self._title = title
        self._texts = {language: texts(folder, language) for language in LANGUAGES}
        self._environment = Environment(
            loader=FileSystemLoader([folder / "templates", _KIT / "templates"]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def routes(self) -> list[Route]:
        """The stylesheet."""
        return [Route("/_static/pages.css", _stylesheet)]

    def render(self, request: Request, template: str, http_status: int = 200, **context: Any) -> Response:
        """A page; the template sees ``t`` (text by key), ``when``, ``lang``, ``path``, ``said``, ``context``.

        ``when(stamp, length)`` writes an ISO 8601 stamp as people do, on the clock that the stamp itself has.

        ``said`` is the key of the notice after a form: the text ``said_<key>``.
        """
        language = language_of(request)
        html = self._environment.get_template(template).render(
            {
                "t": _Texts(self._texts[language]),
                "when": _When(language),
                "lang": language.replace("_", "-"),
                "title": self._title,
                "path": request.url.path,
                "languages": [(code, LANGUAGE_NAMES[code], code == language) for code in LANGUAGES],
                "said": self._said(request, language),
                **context,
            }
        )
        answer = HTMLResponse(html, http_status, headers={"Content-Security-Policy": _POLICY})
        answer.headers["Referrer-Policy"] = "same-origin"
        if request.query_params.get("lang") == language:
            answer.set_cookie("lang", language, max_age=_YEAR_SECONDS, samesite="lax", httponly=True)
        return answer

    def _said(self, request: Request, language: str) -> str | None:
        """The notice to show after a form; an address with an unknown one shows none."""
        said = request.query_params.get("said")
        return said if said and f"said_{said}" in self._texts[language] else None


class _Texts:
    """``t("key", name="Ana")``; a missing key is an error, never a silent blank."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __call__(self, key: str, **values: object) -> str:
        return self._texts[key].format(**values)


class _When:
    """``when("2026-11-23T21:14:37.000-03:00")``: a moment in the page's language."""

    def __init__(self, language: str) -> None:
        self._language = language

    def __call__(self, stamp: str, length: Literal["short", "medium"] = "short") -> str:
        moment = datetime.fromisoformat(stamp)
        return format_datetime(moment, length, tzinfo=moment.tzinfo, locale=self._language)


def see_other(path: str, said: str | None = None) -> RedirectResponse:
    """After a form: go to ``path``, where the notice of the text key ``said`` is shown."""
    address = f"{path}?{urlencode({'said': said})}" if said else path
    return RedirectResponse(address, 303)


def language_of(request: Request) -> str:
    """The language of ``?lang=``, else of the cookie, else of Accept-Language, else Portuguese."""
    for wish in (request.query_params.get("lang"), request.cookies.get("lang")):
        if wish in LANGUAGES:
            return wish
    for part in request.headers.get("accept-language", "").split(","):
        short = part.split(";")[0].strip().lower()[:2]
        if short == "pt":
            return "pt_BR"
        if short in LANGUAGES:
            return short
    return DEFAULT_LANGUAGE


@cache
def texts(folder: Path, language: str) -> dict[str, str]:
    """The simulator's texts over the kit's."""
    return {**_read(_KIT / "locale", language), **_read(folder / "locale", language)}


def placeholders(text: str) -> set[str]:
    """The names in braces of a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _read(folder: Path, language: str) -> dict[str, str]:
    with (folder / f"{language}.toml").open("rb") as file:
        found: dict[str, str] = tomllib.load(file)
    return found


async def _stylesheet(request: Request) -> Response:
    css = (_KIT / "static" / "pages.css").read_bytes()
    return Response(css, media_type="text/css", headers={"Cache-Control": "max-age=300"})
