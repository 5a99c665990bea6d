"""What no browser of a person sends: null characters, digits of no number, moments beyond all range."""

from __future__ import annotations

from typing import Any

import pytest
from tests.hub.furnished import Furnished, furnished
from tests.hub.workplace import systems, workplace

__all__ = ["furnished", "systems", "workplace"]


def answered(furnished: Furnished, address: str, form: dict[str, str] | None = None) -> Any:
    site = furnished.workplace.site
    browser, url = site.browser(site.owner), site.url(address.format(**furnished.numbers))
    return browser.get(url) if form is None else browser.post(url, form)


@pytest.mark.parametrize(
    "address",
    [
        "settings/audit/?q=%00",
        "settings/mail/opted-out/?q=a%00b",
        "records/?before=0001-01-01T00:00:00%2B23:59~1",
        "records/documents/1/d1%00/",
    ],
)
def test_what_cannot_be_asked_of_the_database_is_a_bad_request(furnished: Furnished, address: str) -> None:
    answer = answered(furnished, address)
    assert answer.status_code == 400
    assert "The request could not be read" in answer.content.decode()


def test_what_cannot_be_kept_is_a_bad_request_and_changes_nothing(furnished: Furnished) -> None:
    from vaivem.hub.rules.models import Rule

    before = list(Rule.objects.values())
    assert answered(furnished, "rules/{rule}/edit/", {"title": "a\x00b"}).status_code == 400
    assert list(Rule.objects.values()) == before


@pytest.mark.parametrize("digit", ["²", "①"])
def test_what_only_looks_like_a_number_is_none(furnished: Furnished, digit: str) -> None:
    assert answered(furnished, "rules/{rule}/past/", {"act": "look", "days": digit}).status_code == 302
    stage = answered(furnished, "connections/new/acme_crm/stage/account/", {"row": digit})
    assert stage.status_code == 200
    assert "This try is over" in stage.content.decode()


@pytest.mark.parametrize(
    "way", ["home", "//elsewhere.example/", "https://elsewhere.example/", "/\\\\elsewhere"]
)
def test_a_way_back_that_is_no_page_of_ours_is_not_taken(furnished: Furnished, way: str) -> None:
    answer = answered(furnished, "test-accounts/connect/", {"key": "nothing", "next": way})
    assert (answer.status_code, answer["Location"]) == (302, furnished.workplace.site.url("test-accounts/"))
    site = furnished.workplace.site
    answer = site.browser(site.owner).post("/language/", {"language": "pt-br", "next": way})
    assert (answer.status_code, answer["Location"]) == (302, "/")
