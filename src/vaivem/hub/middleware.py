"""What every request passes through: proxies' headers, the content policy, the member's language."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable

from django.conf import settings
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

from vaivem.config import Config, IpNetwork
from vaivem.hub.shell import kept_forms
from vaivem.hub.shell.filling import fill
from vaivem.hub.shell.views import bad_request
from vaivem.hub.workspaces import audit

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

FORWARDED = (
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_FORWARDED",
)

KEPT_PLACE = "<!-- kept -->"  # where a page says that what was typed is back
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


class TrustedProxyMiddleware:
    """Believes forwarded headers only from the proxies that the operator named; drops them from all others.

    From a trusted proxy, REMOTE_ADDR becomes the last address in the chain that is not a proxy of ours.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        config: Config = settings.VAIVEM
        self.trusted = config.trusted_proxies

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Clean the request's headers and pass it on."""
        meta = request.META
        if not is_within(meta.get("REMOTE_ADDR", ""), self.trusted):
            for name in FORWARDED:
                meta.pop(name, None)
        else:
            chain = [part.strip() for part in meta.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
            client = next((hop for hop in reversed(chain) if not is_within(hop, self.trusted)), None)
            if client is not None and is_address(client):
                meta["REMOTE_ADDR"] = client
        return self.get_response(request)


class ActorMiddleware:
    """Begins each request with nobody acting by an API token; the API says when one does (`audit.via`)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Forget the token of a request before."""
        audit.via.set("")
        return self.get_response(request)


class ContentPolicyMiddleware:
    """Says what a page may load and where its forms may go.

    A view whose form leads on to another site (a vendor's OAuth page: browsers apply `form-action` to the
    redirect too) names its origin with `allow_form_to`.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the headers to the answer."""
        response = self.get_response(request)
        origins: list[str] = getattr(response, "form_origins", [])
        response.headers.setdefault("Content-Security-Policy", " ".join([POLICY, *origins]))
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response


def allow_form_to(response: HttpResponse, *origins: str) -> HttpResponse:
    """Let this page's forms lead to these origins (``https://accounts.example``)."""
    response.form_origins = [origin for origin in origins if origin]  # type: ignore[attr-defined]
    return response


class CannotBeKeptMiddleware:
    """Answers 400 for what the database cannot hold: a null character, a number beyond all range."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer where that is what went wrong; its transaction is undone by then."""
        if not isinstance(error, DataError):
            return None
        log.warning("Not kept: %s %s: %s", request.method, request.path, error)
        return bad_request(request)


class KeptFormMiddleware:
    """Puts what was typed before a session ended back into the page that it was typed on (`kept_forms`)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Fill the page's form and say so above it; a form that is sent again is no longer kept."""
        response = self.get_response(request)
        if not request.user.is_authenticated or response.status_code >= 400:
            return response
        plain = request.method == "GET" and not request.headers.get("HX-Request")
        if plain and response.headers.get("Content-Type", "").startswith("text/html"):
            kept = kept_forms.take(request)
            if kept is not None:
                _fill(request, response, kept)
        return response


def _fill(request: HttpRequest, response: HttpResponse, kept: kept_forms.Kept) -> None:
    html, lost = fill(response.content.decode(), kept.page, kept.action, kept.fields)
    notice = render_to_string("shell/kept.html", {"lost": lost}, request)
    html = html.replace(KEPT_PLACE, notice, 1)
    response.content = html.encode()
    if response.has_header("Content-Length"):
        response["Content-Length"] = str(len(response.content))


class MemberLanguageMiddleware:
    """Speaks the signed-in member's language, whatever the browser asks for."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Switch the language for this request; keep pages about people out of shared caches."""
        user = request.user
        if not user.is_authenticated:
            return self.get_response(request)
        language = user.language.replace("_", "-").lower()
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


def is_address(text: str) -> bool:
    """Say whether the text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_within(text: str, networks: tuple[IpNetwork, ...]) -> bool:
    """Say whether an address lies in one of the networks."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks)
