"""Every operation of the REST API, from its own document: each scope, strangers, nobody, and no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.hub.furnished import Furnished, furnished
from tests.hub.workplace import systems, workplace

__all__ = ["furnished", "systems", "workplace"]

# What stands in an address in place of {number} and the like, by the part before it.
OBJECTS = {
    "connections": "connection",
    "rules": "rule",
    "combinations": "combination",
    "runs": "run",
    "inside": "run",
    "events": "event",
    "decisions": "decision",
    "rejected": "rejected",
    "replays": "replay",
    "opted-out": "opted_out",
}
TEXTS = {"version": "1", "key": "acme_document_to_deal"}
# What an operation needs to be read at all, where that is not nothing.
BODIES = {
    "draft": {"definition": {}},
    "answer": {"choice": "skip"},
    "preview": {"fields": {}},
    "fields": {"fields": {}},
    "opted-out": {"address": "ninguem@nada.example"},
}
OPEN = {"connectors", "recipes", "health"}  # about the installation: the same for every workspace


def operations() -> Iterator[tuple[str, str]]:
    """Return each operation's method and path, as the API's document has them."""
    from vaivem.hub.api.service import api

    for path, verbs in api.get_openapi_schema(path_prefix="")["paths"].items():
        for verb in verbs:
            yield verb.upper(), path


def filled(made: Furnished, path: str) -> str:
    """Return a path with its objects' numbers."""
    before = ""
    parts = []
    for part in path.strip("/").split("/"):
        name = re.fullmatch(r"\{(\w+)\}", part)
        parts.append(part if not name else TEXTS.get(name[1]) or str(made.numbers[OBJECTS[before]]))
        before = part
    return "/" + "/".join(parts)


def ask(token: str, method: str, path: str) -> Any:
    """Send one request and undo what it changed."""
    from django.db import transaction
    from django.test import Client

    client = Client(headers={"authorization": f"Bearer {token}"} if token else {})
    with transaction.atomic():
        body = BODIES.get(path.rpartition("/")[2], {})
        answer = client.generic(method, f"/api/v1{path}", json.dumps(body), "application/json")
        transaction.set_rollback(True)
    return answer


def token(made: Furnished, *scopes: str, who: str = "owner") -> str:
    from vaivem.hub.workspaces.access import token_for

    member = made.people[who]
    assert member is not None
    return token_for(member.workspaces.get(), f"{who} {scopes}", scopes)


def test_every_operation_has_an_area_and_can_be_tried(furnished: Furnished) -> None:
    from vaivem.hub.workspaces.scopes import needed

    found = [path for method, path in operations() if needed(path, write=method != "GET") is None]
    assert found == []
    assert [filled(furnished, path) for _, path in operations()]


def test_each_operation_needs_its_scope_and_no_other(furnished: Furnished) -> None:
    from vaivem.hub.workspaces.scopes import SCOPES, needed

    every = {scope: token(furnished, scope) for scope in SCOPES}
    wide = token(furnished, "read", "write")
    found = []
    for method, path in operations():
        scope, url = needed(path, write=method != "GET") or "", filled(furnished, path)
        act = scope.partition(":")[2]
        assert ask("", method, url).status_code == 401, (method, path)
        assert ask("vv_" + "x" * 43, method, url).status_code == 401, (method, path)
        if ask(wide, method, url).status_code in {401, 403, 404, 405, 500}:
            found.append(f"{method} {path} does not work: {ask(wide, method, url).content!r}")
        for given, secret in every.items():
            opened = not scope or given in (scope, act)
            refused = ask(secret, method, url).status_code == 403
            if opened == refused:
                found.append(f"{method} {path} with {given}: {'refused' if refused else 'let in'}")
    assert "\n".join(found) == ""


def test_a_stranger_finds_nothing_of_ours(furnished: Furnished) -> None:
    theirs, ours = token(furnished, "read", "write", who="stranger"), token(furnished, "read", "write")
    found = []
    for method, path in operations():
        area, url = path.strip("/").partition("/")[0], filled(furnished, path)
        answer = ask(theirs, method, url)
        if "{number}" in path and answer.status_code != 404:
            found.append(f"{method} {path}: {answer.status_code} in place of 404")
        listed = method == "GET" and "{" not in path and area not in OPEN
        if b"raiar.example" in answer.content:  # everybody's address in our workspace
            found.append(f"{method} {path} tells of our people: {answer.content!r}")
        listed = listed and area != "members"  # a stranger is a member of their own workspace
        if listed and answer.json().get("items") != []:
            found.append(f"{method} {path} lists: {answer.content!r}")
        if listed and ask(ours, method, url).json().get("items") == []:
            found.append(f"{method} {path} lists nothing to its own workspace, so this proves nothing")
    assert "\n".join(found) == ""


def test_no_answer_holds_a_secret(furnished: Furnished) -> None:
    ours = token(furnished, "read", "write")
    found = []
    for method, path in operations():
        text = ask(ours, method, filled(furnished, path)).content.decode()
        found += [f"{method} {path}: {what}" for what, secret in furnished.secrets.items() if secret in text]
        found += [f"{method} {path}: the token itself"] if ours in text else []
    assert "\n".join(found) == ""


@pytest.mark.parametrize("ended", ["expires", "revoked"])
def test_a_token_that_has_ended_opens_nothing(furnished: Furnished, ended: str) -> None:
    from django.utils import timezone

    from vaivem.hub.workspaces.models import ApiToken

    ours = token(furnished, "read")
    assert ask(ours, "GET", "/rules").status_code == 200
    ApiToken.objects.update(**{ended: timezone.now()})
    assert ask(ours, "GET", "/rules").status_code == 401


def test_what_a_program_changes_is_noted_with_its_token(furnished: Furnished) -> None:
    from django.test import Client

    from vaivem.hub.workspaces.models import AuditEntry

    ours = token(furnished, "rules:write")
    path = f"/api/v1/rules/{furnished.numbers['rule']}/pause"
    answer = Client(headers={"authorization": f"Bearer {ours}"}).post(path)
    assert answer.status_code == 200
    noted = AuditEntry.objects.get(action="rule.paused")
    assert noted.member is None
    assert noted.via.startswith("owner ")
    furnished.workplace.site.browser(furnished.people["owner"]).post(
        furnished.workplace.site.url("settings/company/"), {}
    )
    from vaivem.hub.workspaces import audit

    assert audit.via.get() == ""  # the next request is a person's again
