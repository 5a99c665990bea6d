"""Addresses of pages by name, and the way back that a form names."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme


def page(name: str, *args: object, query: str = "") -> str:
    """Return the address of a page, or "" when this release has no such page."""
    try:
        address = reverse(name, args=args)
    except NoReverseMatch:
        return ""
    return f"{address}?{query}" if query else address


def way_back(request: HttpRequest, otherwise: str = "/") -> str:
    """Return where the form said to go back to (`next`), if that is the path of a page of ours."""
    wanted = request.POST.get("next", "")
    safe = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if safe else otherwise
