"""Who may use the REST API: bearers of a workspace's token, within its scopes."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer
from typing_extensions import override

from vaivem.core.errors import Problem
from vaivem.hub.api.errors import ApiError
from vaivem.hub.workspaces.access import find_token
from vaivem.hub.workspaces.models import ApiToken, Workspace

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class ApiRequest(HttpRequest):
    """A request whose token was accepted."""

    auth: ApiToken


class Token(HttpBearer):
    """Accepts `Authorization: Bearer vv_…`. Reading needs the scope ``read``, anything else ``write``."""

    @override
    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        """Return the token's row, None for one that is not known; raises ApiError when it may not do this."""
        found = find_token(token)
        if found is None:
            return None
        scope = "read" if request.method in SAFE else "write"
        if scope not in found.scopes:
            raise ApiError(403, Problem("scope_missing", {"scope": scope}))
        return found


def workspace_of(request: HttpRequest) -> Workspace:
    """Return the workspace that the token is of."""
    return cast("ApiRequest", request).auth.workspace
