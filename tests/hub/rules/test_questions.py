"""Moving by answering questions: recipes that fit the two accounts become rules that are kept off."""

from __future__ import annotations

import html
from typing import Any

from tests.hub.rules.test_moving import rules_by_title
from tests.hub.workplace import Workplace

KEY = "acme_document_to_deal"


def answer(workplace: Workplace, member: Any = None, **form: str) -> Any:
    site = workplace.site
    pair = {"one": str(workplace.crm.pk), "two": str(workplace.sign.pk), "where": "here"}
    return site.browser(member or site.owner).post(site.url("rules/moving/questions/"), {**pair, **form})


def test_answers_become_rules_that_are_kept_off_and_ticked_for_the_move(workplace: Workplace) -> None:
    site = workplace.site
    query = f"?one={workplace.crm.pk}&two={workplace.sign.pk}"
    browser = site.browser(site.owner)
    asked = browser.get(site.url("rules/moving/questions/") + query).content.decode()
    assert f'name="{KEY}"' in asked
    assert f"{KEY}.stage" not in asked  # a choice is asked once its question is answered
    assert answer(workplace).status_code == 422
    open_ = answer(workplace, **{KEY: "1", f"{KEY}.pipeline": "p1"})
    assert (open_.status_code, rules_by_title()) == (422, {})
    page = html.unescape(open_.content.decode())
    assert "Contrato assinado" in page  # the stages of that pipeline

    made = answer(workplace, **{KEY: "1", f"{KEY}.pipeline": "p1", f"{KEY}.stage": "s12"})
    assert made.status_code == 302
    [rule] = rules_by_title().values()
    assert (rule.state, rule.recipe) == ("draft", KEY)
    moving = browser.get(made["location"]).content.decode()
    assert f'name="draft" value="{rule.pk}" checked' in moving


def test_who_may_answer(workplace: Workplace) -> None:
    site = workplace.site
    for member, status in ((site.viewer, 403), (site.stranger, 404)):
        assert answer(workplace, member, **{KEY: "1"}).status_code == status
    assert rules_by_title() == {}
