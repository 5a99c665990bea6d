"""Who may use the REST API: bearers of a workspace's token, within its scopes."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from django.urls import reverse
from ninja.security import HttpBearer
from typing_extensions import override

from vaivem.core.errors import Problem
from vaivem.hub.api.errors import ApiError
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.access import find_token
from vaivem.hub.workspaces.models import ApiToken, Workspace
from vaivem.hub.workspaces.scopes import allows, needed

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class ApiRequest(HttpRequest):
    """A request whose token was accepted."""

    auth: ApiToken


class Token(HttpBearer):
    """Accepts `Authorization: Bearer vv_…`. What a path needs is in `workspaces.scopes`; unknown: refused."""

    @override
    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        """Return the token's row, None for one that is not known; raises ApiError when it may not do this."""
        found = find_token(token)
        if found is None:
            return None
        below = request.path.removeprefix(reverse("api:api-root"))
        scope = needed(below, write=request.method not in SAFE)
        if scope is None or not allows(found.scopes, scope):
            raise ApiError(403, Problem("scope_missing", {"scope": scope or "–"}))
        audit.via.set(str(found))
        return found


def workspace_of(request: HttpRequest) -> Workspace:
    """Return the workspace that the token is of."""
    return cast("ApiRequest", request).auth.workspace
