"""A draft from a template: who takes which role, which fields are prefilled, the request that makes it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson

from vaivem.connectors.docusign.objects import recipient_data
from vaivem.connectors.docusign.steps import recipient_of
from vaivem.connectors.docusign.templates import CUSTOM, TAB, Role, name_of_custom
from vaivem.connectors.sdk import ActionContext, Connection
from vaivem.connectors.sdk.documents import DRAFT, HALF, SENT, Step
from vaivem.core.errors import RecordError, RuleError
from vaivem.core.values import Values

GROUPS = ("signer", "signer2", "signer3", "signer4")

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody for a role; each part may be missing. `place` is the group of fields that named them."""

    place: str
    role: str
    name: str
    email: str


def people_of(values: Values) -> list[Person]:
    """Return whom the rule names, in its order; one without anything is nobody."""
    return [
        Person(
            group,
            str(element.get("role", "")),
            str(element.get("name", "")),
            str(element.get("email", "")),
        )
        for group in GROUPS
        for element in values.each(group)
        if element.has("name") or element.has("email")
    ]


def assign(people: Sequence[Person], roles: Sequence[Role]) -> list[tuple[Role, Person]]:
    """Give each person a role: the one named, or the template's next free one.

    Raises RuleError for a role that the template no longer has, RecordError for more people than roles.
    """
    free = {role.name: role for role in roles}
    taken: list[tuple[Role, Person]] = []
    for person in people:
        if person.role and person.role not in {role.name for role in roles}:
            raise RuleError("role_gone", params={"role": person.role}, path=f"{person.place}.role")
        name = person.role if person.role in free else next(iter(free), None)
        if name is None:
            params = {"people": len(people), "roles": len(roles)}
            raise RecordError("more_people_than_roles", params=params, path=person.place)
        taken.append((free.pop(name), person))
    return taken


def require_complete(taken: Sequence[tuple[Role, Person]], roles: Sequence[Role]) -> None:
    """Raise RecordError where sending would fail: a role without anybody, or somebody without an address."""
    filled = {role.name for role, _ in taken}
    empty = next((role.name for role in roles if role.name not in filled), None)
    if empty is not None:
        raise RecordError("role_empty", params={"role": empty}, path="signer.role")
    for role, person in taken:
        for part in ("name", "email"):
            if not getattr(person, part):
                params = {"role": role.name, "part": part}
                raise RecordError("signer_incomplete", params=params, path=f"{person.place}.{part}")


def prefilled(values: Values, roles: Sequence[Role]) -> dict[str, dict[str, list[Raw]]]:
    """Return by role which fields are filled with what. Raises RuleError for one that no role has."""
    wanted = values.group("tab").to_create()
    found: dict[str, dict[str, list[Raw]]] = {}
    seen: set[str] = set()
    for role in roles:
        for tab in role.tabs:
            if tab.key in wanted:
                seen.add(tab.key)
                found.setdefault(role.name, {}).setdefault(tab.kind, []).append(tab.filled(wanted[tab.key]))
    gone = next((key for key in wanted if key not in seen), None)
    if gone is not None:
        raise RuleError("tab_gone", params={"tab": gone}, path=f"{TAB}{gone}")
    return found


def body_of(
    values: Values, connection: Connection, roles: Sequence[Role], taken: Sequence[tuple[Role, Person]]
) -> dict[str, Any]:
    """Return the request for the draft, but for what names it."""
    envelope = values.group("envelope").to_create()
    tabs = prefilled(values, roles)
    named = {role.name: person for role, person in taken}
    parts: list[dict[str, Any]] = []
    for role in roles:
        person = named.get(role.name)
        part: dict[str, Any] = {"roleName": role.name}
        if person is not None:
            part |= {key: value for key in ("name", "email") if (value := getattr(person, key))}
        if role.name in tabs:
            part["tabs"] = tabs[role.name]
        if len(part) > 1:
            parts.append(part)
    body: dict[str, Any] = {
        "status": "created",
        "templateId": str(envelope["template"]),
        "templateRoles": parts,
    }
    if "subject" in envelope:
        body["emailSubject"] = envelope["subject"]
    if "message" in envelope:
        body["emailBlurb"] = envelope["message"]
    own = _custom(envelope, connection)
    if own:
        body["customFields"] = {"textCustomFields": own}
    return body


def _custom(envelope: Raw, connection: Connection) -> list[dict[str, str]]:
    """Return the custom fields that are filled; naming any replaces the account's own set."""
    prefix = CUSTOM.partition(".")[2]
    filled = {key.removeprefix(prefix): value for key, value in envelope.items() if key.startswith(prefix)}
    rows = []
    for key, value in filled.items():
        name = name_of_custom(connection, key)
        if not name:
            raise RuleError("custom_field_gone", params={"field": key}, path=f"{CUSTOM}{key}")
        rows.append({"name": name, "value": str(value), "show": "false", "required": "false"})
    return rows


def steps_of(
    taken: Sequence[tuple[Role, Person]],
    about: Raw,
    sent_at: str | None = None,
    *,
    sent: bool = False,
    half: bool = False,
) -> tuple[Step, ...]:
    """Return what the vendor tells nobody: that a draft is there for these, and that we sent it.

    `half`: it is to be sent, and was not yet. `about` is the envelope: ``id, name, url, sender``. It is sent
    to those whose turn is first.
    """
    first = min((role.order for role, _ in taken), default=0)
    told = {**about, "id": str(about["id"]).lower(), "sent_at": None, "completed_at": None}
    people = [
        (role.order, recipient_of(recipient_data({"name": person.name, "email": person.email}, "signers")))
        for role, person in taken
    ]
    draft = Step(HALF if half else DRAFT, [one for _, one in people], told)
    if not sent:
        return (draft,)
    turn = [one for order, one in people if order == first]
    return (draft, Step(SENT, turn, {**told, "sent_at": sent_at}, sent_at))


def transaction_of(context: ActionContext, body: Raw) -> str:
    """Return what names this very write: the same in every repeat of the run, another in any other.

    In the form of the vendor's own ids.
    """
    content = orjson.dumps([context.reference, context.now.isoformat(), body], option=orjson.OPT_SORT_KEYS)
    digits = hashlib.sha256(content).hexdigest()
    cuts = (0, 8, 12, 16, 20, 32)
    return "-".join(digits[start:end] for start, end in pairwise(cuts))
