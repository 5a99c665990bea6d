"""How sign-in behaves here: nobody signs up by themselves, and its letters are ours."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils import formats, timezone
from typing_extensions import override

from vaivem.hub.mail.letters import Content, address_of, can_mail, post, speaking
from vaivem.hub.workspaces import people_letters
from vaivem.hub.workspaces.models import Member


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Members are made by invitation."""

    @override
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no."""
        return False

    @override
    def get_client_ip(self, request: HttpRequest) -> str:
        """Return where the request came from; `TrustedProxyMiddleware` has settled whom to believe."""
        return str(request.META.get("REMOTE_ADDR") or "0.0.0.0")  # noqa: S104 - under no server, nowhere

    @override
    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link of a letter: on our own address, whatever host the request named."""
        path = self.request.build_absolute_uri(super().get_reset_password_from_key_url(key))
        return address_of("/" + path.split("/", 3)[3])

    @override
    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write one of our letters in place of allauth's; a kind that we do not offer is not sent."""
        kind = template_prefix.rpartition("/")[2]
        member = context.get("user") or Member.objects.filter(email=email.strip().lower()).first()
        if member is None or not can_mail():
            return
        with speaking(member.language):
            content = self._content(kind, context)
            if content is not None:
                post(kind, email, content)

    def _content(self, kind: str, context: dict[str, Any]) -> Content | None:
        if kind == "password_reset_key":
            return people_letters.password_reset(str(context["password_reset_url"]))
        when = formats.date_format(timezone.localtime(context.get("timestamp")), "SHORT_DATETIME_FORMAT")
        return people_letters.notice(kind, when, str(context.get("ip") or "–"))
