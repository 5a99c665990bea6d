"""Style sheets, scripts and images: their addresses hold a version, so browsers may keep them."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

if TYPE_CHECKING:
    from os import PathLike

KEEP_SECONDS = 365 * 86400


class VersionedStaticFiles(StaticFilesStorage):
    """Adds a digest of the content to each address (``app.js?v=1f3a…``)."""

    @override
    def url(self, name: str | None, force: bool = False) -> str:
        """Return the address of a file by its name below ``/static/``."""
        address = super().url(name)
        version = _version(name or "")
        return f"{address}?v={version}" if version else address


@cache
def _version(name: str) -> str:
    found = finders.find(name)
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:12] if isinstance(found, str) else ""


class _KeptFiles(StaticFiles):
    """Static files that a browser may keep when it asked for a version."""

    @override
    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer with the file and how long it may be kept."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        kept = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = (
            f"public, max-age={KEEP_SECONDS}, immutable" if kept else "no-cache"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def static_files() -> ASGIApp:
    """Return an ASGI app that serves our own files and those of the packages we use, without Django."""
    own = _KeptFiles(directory=settings.STATICFILES_DIRS[0], packages=[("django_htmx", "static")])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        below = {**scope, "root_path": scope.get("root_path", "") + "/static"}
        try:
            await own(below, receive, send)
        except HTTPException as error:  # not there, or not asked for by GET: there is no app around to say so
            await Response(status_code=error.status_code)(below, receive, send)

    return app
