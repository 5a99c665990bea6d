"""What is stored sealed, which key opens it, and sealing it anew after a new key was brought in.

Each secret is sealed anew by itself and only over what was read (compare and set), so that it can be done
while Vaivém runs and be taken up again after a crash: until the older keys are removed, both open everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from allauth.mfa.models import Authenticator

from vaivem.hub.connections.models import Connection, ConnectionState, OAuthApp, OAuthState
from vaivem.hub.mail.models import Letter
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.second_factor import sealed_secrets
from vaivem.vault import Standing, Vault

Kept = type[Connection] | type[OAuthApp] | type[OAuthState] | type[Letter]
UNDER_WAY = timedelta(hours=1)  # a sign-in at a vendor that is older is over


@dataclass(frozen=True, slots=True)
class Place:
    """One stored secret. `what` names it for a person: the connection's name, or the connector of an app."""

    kind: str  # ``connection``, ``app``, ``sign_in``, ``letter``, ``second_factor``
    model: Kept | None
    column: str
    pk: int | str
    what: str
    standing: Standing


@dataclass(slots=True)
class Sealed:
    """What was found or done."""

    current: int = 0
    older: int = 0
    lost: list[Place] = field(default_factory=list)
    anew: int = 0

    @property
    def lost_names(self) -> list[str]:
        """The connections and apps whose secrets no key here opens."""
        return [place.what for place in self.lost]


def survey(vault: Vault) -> Sealed:
    """Return how the stored secrets stand; nothing is changed."""
    found = Sealed()
    for place, _ in _places(vault):
        _count(found, place)
    for number, name, sealed, _data in sealed_secrets():
        _count(found, _second_factor(vault, number, name, sealed))
    return found


def seal_anew(vault: Vault) -> Sealed:
    """Seal with the first key what is sealed with an older one; what no key opens is left as it is."""
    done = Sealed()
    for place, sealed in _places(vault):
        standing = place.standing
        while standing is Standing.OLDER and place.model is not None:
            rows = place.model.objects.filter(pk=place.pk)
            if rows.filter(**{place.column: sealed}).update(**{place.column: vault.rotate(sealed)}):
                done.anew += 1
            now = rows.values_list(place.column, flat=True).first()
            if now is None:  # removed meanwhile
                break
            sealed = bytes(now)
            standing = vault.standing(sealed)
        else:
            _count(done, replace(place, standing=standing))
    for number, name, text, data in sealed_secrets():
        place = _second_factor(vault, number, name, text)
        if place.standing is Standing.OLDER:
            fresh = vault.rotate(text.encode("ascii")).decode("ascii")
            if Authenticator.objects.filter(pk=number, data=data).update(data={**data, name: fresh}):
                done.anew += 1
                place = replace(place, standing=Standing.CURRENT)
        _count(done, place)
    return done


def _count(found: Sealed, place: Place) -> None:
    if place.standing is Standing.LOST:
        found.lost.append(place)
    elif place.standing is Standing.OLDER:
        found.older += 1
    else:
        found.current += 1


def _places(vault: Vault) -> Iterator[tuple[Place, bytes]]:
    """Yield every secret that somebody may still need."""
    OAuthState.objects.filter(created__lt=clock.now() - UNDER_WAY).delete()
    connections = Connection.objects.exclude(state=ConnectionState.REMOVED).order_by("pk")
    for number, name, sealed in connections.values_list("pk", "name", "credentials"):
        yield _place(vault, "connection", Connection, "credentials", number, name, bytes(sealed))
    for pk, connector, sealed in OAuthApp.objects.order_by("pk").values_list(
        "pk", "connector", "client_secret"
    ):
        yield _place(vault, "app", OAuthApp, "client_secret", pk, connector, bytes(sealed))
    for state, verifier in OAuthState.objects.exclude(verifier=None).values_list("pk", "verifier"):
        yield _place(vault, "sign_in", OAuthState, "verifier", state, state, bytes(verifier or b""))
    letters = Letter.objects.exclude(content=b"").order_by("pk")
    for letter, subject, content in letters.values_list("pk", "subject", "content"):
        yield _place(vault, "letter", Letter, "content", letter, subject, bytes(content))


def _second_factor(vault: Vault, number: int, name: str, sealed: str) -> Place:
    standing = vault.standing(sealed.encode("ascii"))
    return Place("second_factor", None, name, number, f"second factor {number}", standing)


def _place(
    vault: Vault, kind: str, model: Kept, column: str, pk: int | str, what: str, sealed: bytes
) -> tuple[Place, bytes]:
    return Place(kind, model, column, pk, what, vault.standing(sealed)), sealed
