"""The second factor's secrets are sealed before they reach the database, as credentials are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from typing_extensions import override

from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.access import AccessError
from vaivem.hub.workspaces.models import Member
from vaivem.vault import Vault

SEALED = ("secret", "seed")


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """Seals with the installation's key."""

    @override
    def encrypt(self, text: str) -> str:
        """Return the secret sealed."""
        return _vault().seal({"secret": text}).decode("ascii")

    @override
    def decrypt(self, encrypted_text: str) -> str:
        """Return what was sealed; raises VaultError."""
        return str(_vault().open(encrypted_text.encode("ascii"))["secret"])


def sealed_secrets() -> Iterator[tuple[int, str, str, dict[str, Any]]]:
    """Return each sealed secret: its row, its name in the row's data, the text, and the data."""
    for row in Authenticator.objects.order_by("pk"):
        for name in SEALED:
            if isinstance(row.data.get(name), str):
                yield row.pk, name, row.data[name], row.data


def remove_second_factor(email: str) -> bool:
    """Take a member's second factor away and note it; False when there was none. Raises AccessError."""
    member = Member.objects.filter(email=email.strip().lower()).first()
    if member is None:
        raise AccessError(f"There is no member with the e-mail {email}.")
    removed = bool(Authenticator.objects.filter(user=member).delete()[0])
    if removed:
        audit.note(None, None, "member.second_factor_removed", member.email)
    return removed


def _vault() -> Vault:
    return Vault.from_folder(settings.VAIVEM.data_dir)
