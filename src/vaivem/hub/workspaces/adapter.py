"""How sign-in behaves here: nobody signs up by themselves."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from typing_extensions import override


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Members are made by an owner or administrator."""

    @override
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no."""
        return False
