"""Sealing anew what is stored: over exactly what was read."""

from __future__ import annotations

import pytest
from tests.hub.conftest import Site

from vaivem.vault import Standing, Vault, new_key


def test_what_is_saved_meanwhile_is_not_overwritten(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody reconnects between our reading a secret and our writing it: theirs stays, sealed anew."""
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.connections.sealing import seal_anew, survey

    old, new = new_key(), new_key()
    both, rotate = Vault((new, old)), Vault.rotate
    row = Connection.objects.create(
        workspace=site.workspace, connector="clicksign", name="A", slug="a", method="token",
        credentials=Vault((old,)).seal({"token": "before"}),
    )  # fmt: skip
    theirs = Vault((old,)).seal({"token": "newer"})

    def meanwhile(vault: Vault, sealed: bytes) -> bytes:
        monkeypatch.setattr(Vault, "rotate", rotate)
        Connection.objects.filter(pk=row.pk).update(credentials=theirs)
        return rotate(vault, sealed)

    monkeypatch.setattr(Vault, "rotate", meanwhile)
    done = seal_anew(both)
    assert (done.anew, done.current, done.older, done.lost) == (1, 1, 0, [])
    row.refresh_from_db()
    assert Vault((new,)).open(bytes(row.credentials)) == {"token": "newer"}
    assert [place.standing for place in survey(Vault((old,))).lost] == [Standing.LOST]


def test_second_factors_are_sealed_and_sealed_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from allauth.mfa.models import Authenticator
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal import auth
    from django.conf import settings

    from vaivem.hub.connections.sealing import seal_anew, survey
    from vaivem.hub.workspaces import second_factor

    old, new = new_key(), new_key()
    secret = auth.generate_totp_secret()
    monkeypatch.setattr(second_factor, "_vault", lambda: Vault((old,)))
    totp = auth.TOTP.activate(site.owner, secret)
    codes = RecoveryCodes.activate(site.owner).generate_codes()
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    assert not any(code in kept for code in codes)
    assert survey(Vault((new, old))).older == 2
    done = seal_anew(Vault((new, old)))
    assert (done.anew, done.older, done.lost) == (2, 0, [])
    monkeypatch.setattr(second_factor, "_vault", lambda: Vault((new,)))
    totp.instance.refresh_from_db()
    now = auth.format_hotp_value(auth.hotp_value(secret, next(auth.yield_hotp_counters_from_time())))
    assert totp.validate_code(now)
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes() == codes
    assert settings.MFA_ADAPTER.endswith("SecondFactorAdapter")
