"""Home: is it flowing, what needs a person, what happened."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from vaivem.hub.workspaces.guard import MemberRequest, for_role


@require_safe
@for_role(place="home")
def home(request: MemberRequest) -> HttpResponse:
    """Show the workspace's state."""
    return render(request, "home/home.html")
