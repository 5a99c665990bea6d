"""Every address of the project, tried as owner, administrator, editor, viewer, stranger and signed-out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.hub.access_table import OUTSIDE, WORKSPACE, Row
from tests.hub.furnished import Furnished, furnished
from tests.hub.workplace import systems, workplace

__all__ = ["furnished", "systems", "workplace"]

INSIDE = ("owner", "admin", "editor", "viewer")


@pytest.fixture
def mailed(hub: Any, request: pytest.FixtureRequest) -> Iterator[Furnished]:
    """The furnished workspace of a demo: with a letter that was kept."""
    from django.test.utils import override_settings

    with override_settings(VAIVEM=replace(hub, smtp_url="outbox:")):
        made: Furnished = request.getfixturevalue("furnished")
        from vaivem.hub.mail.models import Letter

        made.numbers["letter"] = Letter.objects.filter(kind="invitation").get().pk
        yield made


def named_urls() -> dict[str, str]:
    """Return the name and pattern of every address; the API's are tested by its document."""
    from django.urls import URLResolver, get_resolver

    found: dict[str, str] = {}

    def walk(resolver: Any, prefix: str) -> None:
        for one in resolver.url_patterns:
            place = prefix + str(one.pattern)
            if isinstance(one, URLResolver):
                walk(one, place)
            elif not (place.startswith("api/v1/") and "ninja.operation" in one.lookup_str):
                found[str(one.name)] = place

    walk(get_resolver(), "")
    return found


def test_every_address_has_its_row() -> None:
    urls = named_urls()
    inside = {name for name, pattern in urls.items() if pattern.startswith("w/<slug:slug>/")}
    assert inside == set(WORKSPACE)
    assert urls.keys() - inside == set(OUTSIDE)


def address(made: Furnished, name: str, row: Row, slug: str = "raiar-solar") -> str:
    from django.urls import reverse

    args = {
        key: value[1:] if value.startswith("'") else made.numbers[value] for key, value in row.args.items()
    }
    return reverse(name, kwargs={"slug": slug, **args}) + row.query


def may(role: str, permission: str) -> bool:
    from vaivem.hub.workspaces.models import ROLE_ORDER, Role
    from vaivem.hub.workspaces.permissions import least_role

    if permission == "operate":  # who runs the installation: the owner of `site`
        return role == "owner"
    return ROLE_ORDER.index(Role(role)) >= ROLE_ORDER.index(least_role(permission))


def ask(browser: Any, method: str, url: str, form: dict[str, str]) -> Any:
    """Send one request and undo what it changed."""
    from django.db import transaction

    with transaction.atomic():
        answer = browser.post(url, form) if method == "POST" else browser.get(url)
        transaction.set_rollback(True)
    return answer


def wrong(who: str, method: str, row: Row, permission: str | None, answer: Any) -> str:
    """Return what is wrong with an answer, "" when nothing is."""
    status = answer.status_code
    if permission is None:
        return "" if status == 405 else f"{who} {method}: {status} in place of 405"
    if who == "out":
        there = answer.headers.get("location", "")
        return (
            "" if status == 302 and there.startswith("/account/login/") else f"out {method}: {status} {there}"
        )
    if who == "stranger":
        expected = {404}
    elif not may(who, permission):
        expected = {403}
    elif method == "GET":
        expected = {row.got}
    else:
        expected = {row.posted} if row.posted else {200, 302, 303, 400, 409, 422}
    return "" if status in expected else f"{who} {method}: {status} in place of {sorted(expected)}"


@pytest.mark.timeout(400)  # some 1,400 requests, most of them whole pages
def test_who_may_open_and_change_what(mailed: Furnished) -> None:
    browsers = {who: mailed.workplace.site.browser(member) for who, member in mailed.people.items()}
    found = []
    for name, row in WORKSPACE.items():
        url = address(mailed, name, row)
        for who, browser in browsers.items():
            for method, permission in (("GET", row.get), ("POST", row.post)):
                answer = ask(browser, method, url, row.form)
                problem = wrong(who, method, row, permission, answer)
                found += [f"{name} ({url}) as {problem}"] if problem else []
    assert "\n".join(found) == ""


def test_another_workspaces_objects_are_not_found_through_ones_own(mailed: Furnished) -> None:
    """A stranger asks in their own workspace, where they are the owner, for the numbers of ours."""
    browser = mailed.workplace.site.browser(mailed.people["stranger"])
    found = []
    for name, row in WORKSPACE.items():
        if not any(not value.startswith("'") for value in row.args.values()):
            continue
        url = address(mailed, name, row, "outra")
        for method, permission in (("GET", row.get), ("POST", row.post)):
            if permission is None:
                continue
            status = ask(browser, method, url, row.form).status_code
            if status not in ({404} if permission != "operate" else {403, 404}):
                found.append(f"{method} {name} ({url}): {status}")
    assert "\n".join(found) == ""


def test_addresses_outside_of_workspaces(mailed: Furnished) -> None:
    from django.urls import reverse

    site = mailed.workplace.site
    found = []
    for name, row in OUTSIDE.items():
        url = reverse(
            f"api:{name}" if name in {"openapi-json", "api-root"} else name, kwargs=row.args or None
        )
        for who, member, expected in (("member", site.owner, row.member), ("out", None, row.out)):
            answer = ask(site.browser(member), "GET", url, {})
            if answer.status_code != expected:
                found.append(f"{name} ({url}) as {who}: {answer.status_code} in place of {expected}")
    assert "\n".join(found) == ""


def test_no_page_shows_a_secret(mailed: Furnished) -> None:
    from django.urls import reverse

    found = []
    site = mailed.workplace.site
    # The letter of an invitation holds its link; only the demo keeps it, to be read.
    letters = {"letter", "letter_html"}
    pages = [address(mailed, name, row) for name, row in WORKSPACE.items() if row.get and name not in letters]
    pages += [
        reverse(name, kwargs=row.args or None)
        for name, row in OUTSIDE.items()
        if row.member == 200 and name != "openapi-json"
    ]
    browser = site.browser(site.owner)
    secrets = {**mailed.secrets, "one's own session": browser.session.session_key or ""}
    for url in pages:
        answer = browser.get(url)
        text = html.unescape(b"".join(answer).decode())
        found += [f"{url} shows {what}" for what, secret in secrets.items() if secret and secret in text]
        policy = answer.headers["content-security-policy"]
        if "unsafe" in policy or re.search(r"\s(style|on[a-z]+)=\"", text.partition("<body")[2]):
            found.append(f"{url} has a style or handler of its own")
        if answer.headers.get("x-frame-options") != "DENY":
            found.append(f"{url} may be framed")
        if not answer.headers.get("cache-control", "").startswith(("private", "max-age=0")):
            found.append(f"{url} may be kept by a proxy: {answer.headers.get('cache-control')}")
    assert "\n".join(found) == ""
