"""Decisions: one list, the oldest first, answered by members who may, and seen by no stranger."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from tests.hub.past import Past
from tests.hub.workplace import SECRET, Workplace, systems, workplace

__all__ = ["systems", "workplace"]

CANDIDATES = [
    {"id": "d1", "name": "Residência Duarte", "status": "ongoing"},
    {"id": "d2", "name": "Duarte, telhado", "status": "won"},
]


@pytest.fixture
def past(workplace: Workplace) -> Past:
    return Past(workplace)


@pytest.fixture
def owner(workplace: Workplace) -> Any:
    return workplace.site.browser(workplace.site.owner)


def url(past: Past, rest: str = "") -> str:
    return past.workplace.site.url(f"decisions/{rest}")


def plain(page: Any) -> str:
    text = page.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text[text.index("<main") :])).split())


def asked(past: Past, title: str = "Contrato Duarte", kind: str = "choice", **question: Any) -> int:
    event = past.event(title)
    run = past.waiting("decision", "several_matches", event=event)
    if kind == "choice":
        question = {"object": "deal", "candidates": CANDIDATES, "remembers": True, **question}
    number = past.decision(run, kind, **question)
    past.sql("update decision set event_id = %s where id = %s", event, number)
    return number


def test_an_empty_list_says_what_appears_there(past: Past, owner: Any) -> None:
    assert "Nothing to decide" in plain(owner.get(url(past)))


def test_one_doubtful_record_is_not_called_several(past: Past, owner: Any) -> None:
    asked(past, candidates=CANDIDATES[:1])
    text = plain(owner.get(url(past)))
    assert "1 record fits" in text
    assert "but it may not be the right one" in text
    assert "Several records" not in text


def test_whom_the_event_is_about_stands_beside_the_candidates(past: Past, owner: Any) -> None:
    asked(past)
    text = plain(owner.get(url(past)))
    assert "What arrived Marina Duarte, marina@duarte.example" in text
    assert text.index("What arrived") < text.index("Residência Duarte")


def test_the_oldest_is_open_and_first(past: Past, owner: Any) -> None:
    first, second = asked(past, "Primeiro"), asked(past, "Segundo", "doubt")
    page = owner.get(url(past))
    text = plain(page)
    assert page.context["total"] == 2
    assert text.index("Primeiro") < text.index("Segundo")
    assert "Which deal" in text
    assert "Residência Duarte" in text
    assert [row["row"].id for row in page.context["rows"]] == [first, second]
    other = owner.get(url(past, f"{second}/"))
    assert "Was this done" in plain(other)
    assert "cannot look this up" in plain(other)
    assert SECRET not in page.content.decode() + other.content.decode()


def test_home_and_the_navigation_count_alike(past: Past, owner: Any) -> None:
    for number in range(5):
        asked(past, f"Nº {number}")
    page = owner.get(past.workplace.site.url())
    assert page.context["nav"]["main"][1].count.number == 5
    assert plain(page).count("Which record is right") == 3
    assert "2 more decisions wait" in plain(page)


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("kind=choice", ["Primeiro"]),
        ("kind=doubt", ["Segundo"]),
        ("rule=1", ["Primeiro", "Segundo"]),
        ("rule=77", []),
        ("connection={crm}", ["Primeiro", "Segundo"]),
        ("connection={crm}&kind=doubt", ["Segundo"]),
    ],
)
def test_filters(past: Past, owner: Any, query: str, titles: list[str]) -> None:
    asked(past, "Primeiro"), asked(past, "Segundo", "doubt")
    page = owner.get(url(past, "?" + query.format(crm=past.workplace.crm.pk)))
    assert [row["title"] for row in page.context["rows"]] == titles
    if not titles:
        assert "No decision fits these filters." in plain(page)


def test_a_filter_that_makes_no_sense_is_no_page(past: Past, owner: Any) -> None:
    for query in ("kind=other", "rule=x", "connection=1e9"):
        assert owner.get(url(past, f"?{query}")).status_code == 404


def test_an_answer_is_kept_and_the_next_one_opens(past: Past, owner: Any) -> None:
    first, second = asked(past, "Primeiro"), asked(past, "Segundo")
    answer = {"answer": "record:d2", "remember": "on", "on": "on"}
    page = owner.post(url(past, f"{first}/"), answer)
    assert page.url == url(past, f"{second}/")
    [(kept, who)] = past.sql("select answer, answered_by from decision where id = %s", first)
    assert '"d2"' in str(kept).replace("'", '"')
    assert who == past.workplace.site.owner.pk
    [(action, after)] = past.sql("select action, after from audit_entry where action = 'decision.answered'")
    assert (action, "remember" in after) == ("decision.answered", True)
    last = owner.post(url(past, f"{second}/"), {"answer": "skip", "on": "on"})
    assert last.url == url(past)
    again = owner.post(url(past, f"{second}/"), {"answer": "skip"}, follow=True)
    assert "already" in plain(again)


def test_nothing_chosen_is_asked_for_again(past: Past, owner: Any) -> None:
    number = asked(past)
    for answer in ({}, {"answer": "record:other"}, {"answer": "done"}):
        page = owner.post(url(past, f"{number}/"), answer)
        assert page.status_code == 422
        assert "Choose one of the answers." in plain(page)


def test_what_waits_behind_is_counted(past: Past, owner: Any) -> None:
    number = asked(past)
    [(run, lane)] = past.sql(
        "select i.run_id, i.lane from item i join decision d on d.run_id = i.run_id where d.id = %s", number
    )
    for seq in (2, 3):
        past.item(lane=lane, seq=seq)
    past.waiting("claim", "record_busy", params={"run": str(run)})
    assert "3 runs wait behind it" in plain(owner.get(url(past, f"{number}/")))


def test_three_people(past: Past) -> None:
    site, number = past.workplace.site, asked(past)
    for rest in ("", f"{number}/"):
        assert site.browser(site.viewer).get(url(past, rest)).status_code == 200
        assert site.browser(site.stranger).get(url(past, rest)).status_code == 404
        assert site.browser().get(url(past, rest)).status_code == 302
    assert "can answer" in plain(site.browser(site.viewer).get(url(past)))
    for rest in (f"{number}/", f"{number}/look/"):
        assert site.browser(site.viewer).post(url(past, rest), {"answer": "skip"}).status_code == 403
        assert site.browser(site.stranger).post(url(past, rest), {"answer": "skip"}).status_code == 404
        assert (
            site.browser(site.owner, csrf=True).post(url(past, rest), {"answer": "skip"}).status_code == 403
        )
    assert site.browser(site.owner).get(url(past, f"{number}/look/")).status_code == 405
    assert past.sql("select count(*) from decision where answer is null") == [(1,)]


def test_looking_again_wakes_the_run(past: Past, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaivem.hub.decisions import views

    monkeypatch.setattr(views, "LOOK_SECONDS", 0.0)
    number = asked(past)
    past.sql("update lane set due = vv_now() + interval '1 day'")
    page = owner.post(url(past, f"{number}/look/"), follow=True)
    assert "being looked at" in plain(page)
    assert past.sql("select count(*) from lane where due <= vv_now()") == [(1,)]
