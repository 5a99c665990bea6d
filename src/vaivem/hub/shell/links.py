"""Addresses of pages by name."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse


def page(name: str, *args: object, query: str = "") -> str:
    """Return the address of a page, or "" when this release has no such page."""
    try:
        address = reverse(name, args=args)
    except NoReverseMatch:
        return ""
    return f"{address}?{query}" if query else address
