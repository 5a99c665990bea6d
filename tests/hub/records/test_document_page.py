"""A document's page: how far it and each recipient is, what was said of each, and no way to change it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.hub.furnished import Furnished, furnished
from tests.hub.workplace import systems, workplace

__all__ = ["furnished", "systems", "workplace"]


@pytest.fixture
def address(furnished: Furnished) -> str:
    """The page of a document with two recipients, of whom one signed and one refused."""
    past, signer = furnished.past, furnished.workplace.sign.pk
    past.sql(
        "update document set sender = 'Rui Prado', state = 'declined', rank = 4, url = 'https://sign.example/d1',"
        " sent_at = '2026-11-20T12:00Z' where conn = %s",
        signer,
    )
    [(record,)] = past.sql("select id from known_record where conn = %s", signer)
    for who, state, number in (
        ("marina@duarte.example", "completed", record),
        ("bia@y.example", "declined", None),
    ):
        past.insert(
            "document_recipient", ws=past.ws, conn=signer, document="d1", recipient=who, record_id=number,
            name=who.partition("@")[0].title(), email=who, state=state, rank=3, told=past.now,
        )  # fmt: skip
    for number, (state, who) in enumerate([("sent", ""), ("completed", "marina@duarte.example")], 1):
        past.insert(
            "document_event", ws=past.ws, conn=signer, document="d1", event_id=number << 22, state=state,
            recipient=who,
        )  # fmt: skip
    return furnished.workplace.site.url(f"records/documents/{signer}/d1/")


def shown(furnished: Furnished, address: str, who: str = "owner") -> Any:
    return furnished.workplace.site.browser(furnished.people[who]).get(address)


def test_each_recipient_has_a_state_and_what_was_said_of_them(furnished: Furnished, address: str) -> None:
    page = shown(furnished, address).content.decode()
    main = page[page.index("<main") :]
    marina, bia = (
        re.search(rf"<li>(?:(?!<li>).)*?<b>{name}</b>.*?</dl>", main, re.DOTALL) for name in ("Marina", "Bia")
    )
    assert marina
    assert bia
    assert "Signed" in marina[0]
    assert "Refused" in bia[0]
    assert f"records/{furnished.numbers['person']}/" in marina[0], "leads to the person"
    assert "records/" not in bia[0], "nobody knows who that is"
    assert "Rui Prado" in main
    assert 'href="https://sign.example/d1"' in main
    details = re.findall(r"<details>.*?</details>", main, re.DOTALL)
    assert [len(re.findall("<li>", one)) for one in details] == [1, 2], "what was said of all counts for each"


@pytest.mark.parametrize("who", ["owner", "viewer"])
def test_nothing_can_be_changed_there(furnished: Furnished, address: str, who: str) -> None:
    main = shown(furnished, address, who).content.decode().split("<main")[1].split("</main>")[0]
    assert "<form" not in main
    assert "<input" not in main
    post = furnished.workplace.site.browser(furnished.people[who]).post(address, {"state": "closed"})
    assert post.status_code == 405
    assert furnished.past.sql(
        "select state from document where document = 'd1' order by rank desc limit 1"
    ) == [("declined",)]


def test_a_document_of_another_connection_or_none_is_not_there(furnished: Furnished, address: str) -> None:
    for other in (address.replace("/d1/", "/d2/"), address.replace("/documents/", "/documents/9")):
        assert shown(furnished, other).status_code == 404


def test_a_draft_of_ours_says_so_and_leads_to_its_run(furnished: Furnished, address: str) -> None:
    past, signer, rule = furnished.past, furnished.workplace.sign.pk, furnished.workplace.rule()
    run = past.run(rule.pk)
    assert "Made by the rule" not in shown(furnished, address).content.decode()
    past.sql("update document set state = 'draft', rank = -1, run_id = %s, sent_at = null", run)
    past.sql("update document_recipient set state = 'draft', rank = -1 where conn = %s", signer)
    main = shown(furnished, address, "viewer").content.decode().split("<main")[1]
    assert re.search(rf'Made by the rule</dt><dd><a href="[^"]*/history/{run}/">', main)
    assert "Draft" in main
    assert main.count("Not sent yet") == 2
    person = f"records/{furnished.numbers['person']}/"
    page = furnished.workplace.site.browser(furnished.people["viewer"]).get(
        furnished.workplace.site.url(person)
    )
    section = re.search(r'<section aria-labelledby="docs">.*?</section>', page.content.decode(), re.DOTALL)
    assert section
    assert "Draft" in section[0]
    assert "Not sent yet" in section[0]
    past.sql("update run set ws = ws + 1000 where id = %s", run)
    assert "Made by the rule" not in shown(furnished, address).content.decode(), "of another workspace"


def test_one_that_could_not_be_finished_says_why_who_lacks_and_what_to_do(
    furnished: Furnished, address: str
) -> None:
    past, signer, run = furnished.past, furnished.workplace.sign.pk, furnished.numbers["run"]
    past.sql("update document set state = 'half', rank = -2, run_id = %s, sent_at = null", run)
    past.sql("update document_recipient set state = 'draft', rank = -1 where conn = %s", signer)
    past.sql("update document_recipient set state = 'half', rank = -2 where recipient = 'bia@y.example'")
    main = shown(furnished, address, "viewer").content.decode().split("<main")[1]
    notice = re.search(r'<section class="notice bad".*?</section>', main, re.DOTALL)
    assert notice
    for said in ("refused", "Not in it: Bia.", "Finish it at", f"/history/{run}/"):
        assert said in notice[0]
    assert main.count("Not in the document") == main.count("Not sent yet") == 1
    url = furnished.workplace.site.url(f"records/{furnished.numbers['person']}/")
    page = furnished.workplace.site.browser(furnished.people["viewer"]).get(url).content.decode()
    [section] = re.findall(r'<section aria-labelledby="docs">.*?</section>', page, re.DOTALL)
    for said in ("Not whole", "refused", "What is missing, and what to do", address):
        assert said in section
    past.sql("update document set state = 'draft', rank = -1")
    assert "notice bad" not in shown(furnished, address).content.decode()


def test_one_whose_run_goes_on_says_so(furnished: Furnished, address: str) -> None:
    past, rule = furnished.past, int(furnished.numbers["rule"])
    run = past.waiting("vendor", "vendor_unavailable", rule=rule)
    past.sql("update document set state = 'half', rank = -2, run_id = %s", run)
    main = shown(furnished, address).content.decode().split("<main")[1]
    [notice] = re.findall(r'<section class="notice bad".*?</section>', main, re.DOTALL)
    assert "again" in notice
