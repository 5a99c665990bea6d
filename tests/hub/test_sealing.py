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
