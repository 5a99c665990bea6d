"""What was typed into the editor is not lost: after a session that ended, and on a page open for a day."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.hub.conftest import PASSWORD
from tests.hub.forms import fields_of
from tests.hub.rules.test_editor import EVERYTHING, edit, made, opened
from tests.hub.workplace import Workplace


def late(workplace: Workplace, browser: Any, rule: Any, form: dict[str, Any], **headers: str) -> Any:
    """Send the editor's form as the browser does from its page."""
    page = edit(workplace, rule)
    from_there = {"referer": f"http://127.0.0.1{page}", "origin": "http://127.0.0.1", **headers}
    return browser.post(page, form, headers=from_there)


def typed_into(form: dict[str, Any]) -> dict[str, Any]:
    """Return the form with something typed at many places."""
    name = "Título “novo” & <b>"
    return form | {
        "title": [name],
        "if.0:value": ["Proposta"],
        "then.0:text:deal.name": ["{{ signer.name }} – novo"],
        "then.3.then.0:body": ["Linha um\n\nLinha dois"],
    }


@pytest.mark.soak
@pytest.mark.parametrize("script", [False, True])
@pytest.mark.parametrize("act", ["", "add then email", "test if", "publish"])
def test_all_of_it_is_back_after_signing_in_again(workplace: Workplace, act: str, script: bool) -> None:
    site = workplace.site
    rule = made(workplace, EVERYTHING)
    form = typed_into(opened(workplace, rule)) | {"act": [act]}
    browser, page = site.browser(), edit(workplace, rule)
    htmx = {"hx-request": "true", "hx-current-url": f"http://127.0.0.1{page}#editor"} if script else {}
    sent = late(workplace, browser, rule, form, **htmx)
    assert sent.headers["hx-redirect" if script else "location"] == f"/account/login/?next={page}"
    browser.post("/account/login/", {"login": site.owner.email, "password": PASSWORD, "next": page})
    answer = browser.get(page).content.decode()
    back = fields_of(answer, "rule-form")
    assert "It is not saved yet" in answer
    lost = {name: value for name, value in form.items() if name != "act" and back.get(name) != value}
    assert {name for name in lost if not name.startswith("csrf")} == set()
    steps = len(EVERYTHING["then"])
    more = {"add then email": f"then.{steps}:kind", "test if": "if.3:field"}.get(act)
    assert more is None or more in back
    rule.refresh_from_db()
    assert (rule.title, rule.draft["title"], rule.version) == (EVERYTHING["title"],) * 2 + (None,)
    assert browser.post(page, back | {"act": ["save"]}).status_code == 302
    rule.refresh_from_db()
    assert rule.draft["title"] == form["title"][0]
    assert rule.draft["then"][0]["fields"]["deal.name"]["text"] == "{{ signer.name }} – novo"
    assert len(rule.draft["then"]) == steps + (act == "add then email")


def test_a_page_that_was_open_for_a_day_comes_back_with_all_of_it(workplace: Workplace) -> None:
    site = workplace.site
    rule = made(workplace, EVERYTHING)
    form = typed_into(opened(workplace, rule))
    browser = site.browser(site.owner, csrf=True)
    sent = late(workplace, browser, rule, form | {"csrfmiddlewaretoken": ["x" * 64]})
    assert sent.headers["location"] == edit(workplace, rule)
    back = fields_of(browser.get(edit(workplace, rule)).content.decode(), "rule-form")
    assert back["title"] == form["title"]
    assert late(workplace, browser, rule, back).status_code == 302
    rule.refresh_from_db()
    assert rule.draft["title"] == form["title"][0]


def test_a_rule_without_an_account_yet_and_a_field_called_token_come_back(workplace: Workplace) -> None:
    site = workplace.site
    rule = made(workplace, {"title": "Nova", "when": {"connection": "", "trigger": ""}, "then": []})
    browser, page = site.browser(), edit(workplace, rule)
    late(workplace, browser, rule, opened(workplace, rule) | {"title": ["Só o nome"]})
    browser.post("/account/login/", {"login": site.owner.email, "password": PASSWORD, "next": page})
    assert fields_of(browser.get(page).content.decode(), "rule-form")["title"] == ["Só o nome"]
    definition = copy.deepcopy(EVERYTHING)
    definition["then"][0]["fields"]["deal.custom.token"] = {"value": "abc"}
    other, again = made(workplace, definition), site.browser()
    late(workplace, again, other, opened(workplace, other))
    again.post("/account/login/", {"login": site.owner.email, "password": PASSWORD})
    back = fields_of(again.get(edit(workplace, other)).content.decode(), "rule-form")
    assert back["then.0:text:deal.custom.token"] == ["abc"]


def test_what_somebody_changed_meanwhile_is_not_overwritten(workplace: Workplace) -> None:
    site = workplace.site
    rule = made(workplace, EVERYTHING)
    form = typed_into(opened(workplace, rule))
    browser, page = site.browser(), edit(workplace, rule)
    late(workplace, browser, rule, form)
    site.browser(site.owner).post(page, opened(workplace, rule) | {"title": ["Da outra janela"]})
    browser.post("/account/login/", {"login": site.owner.email, "password": PASSWORD, "next": page})
    back = fields_of(browser.get(page).content.decode(), "rule-form")
    refused = browser.post(page, back)
    assert refused.status_code == 409
    assert "Da outra janela" in refused.content.decode()
