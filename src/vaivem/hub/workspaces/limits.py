"""How often something may be tried: counted in the database, over all web processes."""

from __future__ import annotations

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def allowed(request: HttpRequest, action: str, key: str | None = None) -> bool:
    """Count one try of `action` (ACCOUNT_RATE_LIMITS) and say whether it is within the limit."""
    return bool(ratelimit.consume(request, action=action, key=key))


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer that it was tried too often."""
    answer = render(request, "429.html", status=429)
    answer["Retry-After"] = "60"
    return answer
