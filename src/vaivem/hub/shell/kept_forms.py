"""What somebody typed is not lost when their session ends or their page was open for too long.

A form that is refused for that reason is kept, sealed, in the browser's session (which survives signing in),
and its fields are filled again on the page they came from. Nothing is sent by itself: the person looks and
presses the button again. A page that fills its own form calls `take` first.

Only forms from our own pages are kept (browsers say so with Sec-Fetch-Site, or Origin), never secrets or
files: those are typed again.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, QueryDict

from vaivem.hub.workspaces.limits import allowed
from vaivem.vault import Vault, VaultError

SESSION_KEY = "kept_form"
LASTS_SECONDS = 24 * 3600
MAX_CHARACTERS = 1024 * 1024  # the largest form is a rule of 50 steps
# A name with a colon is of the rule editor: a place in a rule and what stands there, such as a vendor's field
# that happens to be called "token". What it is filled with is read by everybody in the history anyway.
NEVER_KEPT = ("csrfmiddlewaretoken", "next", "_method")
SECRET = re.compile(r"password|senha|secret|token|api_?key|^cred_", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kept:
    """A form that came too late: the page it stands on, where it was sent to, and its fields."""

    page: str
    action: str
    fields: QueryDict


def keep(request: HttpRequest) -> str:
    """Keep the fields of a refused form; return the page to go back to, "" when nothing was kept."""
    page = _page_of(request)
    if request.method != "POST" or not page or not allowed(request, "keep_form"):
        return ""
    fields = request.POST.copy()
    for name in [*fields]:
        if name in NEVER_KEPT or SECRET.search(name.partition(":")[0]):
            del fields[name]
    encoded = fields.urlencode()
    if not encoded or len(encoded) > MAX_CHARACTERS:
        return ""
    kept = {"page": page, "action": request.path, "fields": encoded, "at": time.time()}
    request.session[SESSION_KEY] = _vault().seal(kept).decode("ascii")
    return page


def is_kept(request: HttpRequest) -> bool:
    """Say whether something is kept for this browser."""
    return _opened(request) is not None


def take(request: HttpRequest) -> Kept | None:
    """Return what was typed on this page, and forget it; None when nothing is kept for it."""
    kept = _opened(request)
    if kept is None or request.get_full_path() != kept.page:
        return None
    forget(request)
    return kept


def forget(request: HttpRequest) -> None:
    """Throw away what is kept."""
    request.session.pop(SESSION_KEY, None)


def _opened(request: HttpRequest) -> Kept | None:
    sealed = request.session.get(SESSION_KEY) if hasattr(request, "session") else None
    if not sealed:
        return None
    try:
        kept = _vault().open(sealed.encode("ascii"))
    except VaultError:
        forget(request)
        return None
    if time.time() - float(kept["at"]) > LASTS_SECONDS:
        forget(request)
        return None
    return Kept(kept["page"], kept["action"], QueryDict(kept["fields"]))


def _page_of(request: HttpRequest) -> str:
    """Return the page of ours that the form stands on, "" for a form from anywhere else."""
    told = request.headers.get("HX-Current-URL") or request.headers.get("Referer") or ""
    parts = urlsplit(told)
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        ours = site == "same-origin"
    else:
        origin = request.headers.get("Origin")
        ours = urlsplit(origin or told).netloc == request.get_host()
    if not ours or parts.netloc != request.get_host() or not parts.path.startswith("/"):
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _vault() -> Vault:
    return Vault.from_folder(settings.VAIVEM.data_dir)
