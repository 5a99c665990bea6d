"""The pages of rules: who sees them, what they say, what can be done there."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from tests.hub.past import Past
from tests.hub.workplace import DEFINITION, SECRET, Workplace


@pytest.fixture
def owner(workplace: Workplace) -> Any:
    return workplace.site.browser(workplace.site.owner)


def plain(page: Any) -> str:
    """Return a page's text without its tags."""
    text = page.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text[text.index("<main") :])).split())


def test_three_people(workplace: Workplace) -> None:
    site, rule = workplace.site, workplace.rule()
    for rest in ("rules/", f"rules/{rule.pk}/"):
        for person in (site.owner, site.viewer):
            page = site.browser(person).get(site.url(rest))
            assert page.status_code == 200, rest
            assert SECRET not in page.content.decode()
        assert site.browser(site.stranger).get(site.url(rest)).status_code == 404, rest
        assert site.browser().get(site.url(rest)).status_code == 302, rest
    assert site.browser(site.viewer).get(site.url(f"rules/{rule.pk}/remove/")).status_code == 403


@pytest.mark.parametrize("act", ["publish", "pause", "resume", "versions/1", "remove"])
def test_a_viewer_a_stranger_and_another_site_change_nothing(workplace: Workplace, act: str) -> None:
    site, rule = workplace.site, workplace.rule()
    address = site.url(f"rules/{rule.pk}/{act}/")
    assert site.browser(site.viewer).post(address).status_code == 403
    assert site.browser(site.stranger).post(address).status_code == 404
    assert site.browser(site.owner, csrf=True).post(address).status_code == 403
    rule.refresh_from_db()
    assert (rule.state, rule.version) == ("on", 1)


def test_the_list_says_how_each_rule_does(workplace: Workplace, owner: Any) -> None:
    rule, past = workplace.rule(), Past(workplace)
    empty = plain(owner.get(workplace.site.url("rules/")))
    assert "none yet" in empty
    past.run(rule.pk)
    past.run(rule.pk, 2, code="record_refused")
    past.item(rule.pk)
    text = plain(owner.get(workplace.site.url("rules/")))
    for said in (rule.title, "On", "1 done", "1 failed", "1 run waits", "a document is completed"):
        assert said in text, said


def test_without_rules_the_page_leads_to_the_recipes(workplace: Workplace, owner: Any) -> None:
    page = owner.get(workplace.site.url("rules/")).content.decode()
    assert f'href="{workplace.site.url("recipes/")}"' in page


def test_a_rule_reads_as_a_sentence_and_a_table(workplace: Workplace, owner: Any) -> None:
    condition = {"all": [{"field": "document.name", "is": "contains", "value": "Contrato"}]}
    rule = workplace.rule(**{"if": condition})
    text = plain(owner.get(workplace.site.url(f"rules/{rule.pk}/")))
    for said in (
        "When a document is completed",
        "Document name contains “Contrato”",
        "Create or update a deal",
        "Contrato Document name",  # the text with its field
        "Contrato assinado",  # the stage by its name, not its id
        "Signer: e-mail",
        "Version 1",
    ):
        assert said in text, said
    assert "s12" not in text.split("As a file")[0]


def test_pausing_resuming_and_removing(workplace: Workplace, owner: Any) -> None:
    rule, past = workplace.rule(), Past(workplace)
    past.item(rule.pk)
    address = workplace.site.url(f"rules/{rule.pk}/")
    assert "Paused" in plain(owner.post(f"{address}pause/", follow=True))
    assert "Nothing was changed" in plain(owner.post(f"{address}pause/", follow=True))
    assert "Resumed" in plain(owner.post(f"{address}resume/", follow=True))
    assert "1 run" in plain(owner.get(f"{address}remove/"))
    assert "is removed" in plain(owner.post(f"{address}remove/", follow=True))
    assert past.sql("select status, code from run") == [(4, "rule_was_removed")]
    assert "This rule was removed" in plain(owner.get(address))  # the history still names it, and leads here
    assert "as it was" in plain(owner.post(f"{address}bring-back/", follow=True))
    assert "This rule was removed" not in plain(owner.get(address))


def test_a_draft_is_published_or_refused_with_its_reasons(workplace: Workplace, owner: Any) -> None:
    from vaivem.hub.rules import publishing

    rule = workplace.rule()
    address = workplace.site.url(f"rules/{rule.pk}/")
    publishing.save_draft(rule, {**DEFINITION, "title": "Outro nome"})
    assert "A draft waits to be published" in plain(owner.get(address))
    owner.post(f"{address}publish/")
    rule.refresh_from_db()
    assert rule.version == 2
    publishing.save_draft(rule, {**DEFINITION, "when": {"connection": "assinaturas", "trigger": "nunca"}})
    refused = owner.post(f"{address}publish/")
    assert refused.status_code == 422
    assert "“nunca”" in plain(refused)
    rule.refresh_from_db()
    assert rule.version == 2


def test_an_earlier_version_comes_back_as_a_new_one(workplace: Workplace, owner: Any) -> None:
    from vaivem.hub.rules import publishing

    rule = workplace.rule()
    publishing.save_draft(rule, {**DEFINITION, "title": "Outro nome"})
    publishing.publish(rule)
    address = workplace.site.url(f"rules/{rule.pk}/")
    owner.post(f"{address}versions/1/")
    rule.refresh_from_db()
    assert (rule.version, rule.title) == (3, DEFINITION["title"])
    assert owner.post(f"{address}versions/9/").status_code == 404


def test_what_vanished_at_the_vendor_is_marked(workplace: Workplace, owner: Any) -> None:
    rule = workplace.rule()
    workplace.crm.catalog["lists"]["stages/p1"].pop()
    workplace.crm.save()
    assert "Needs a correction" in plain(owner.get(workplace.site.url("rules/")))
    text = plain(owner.get(workplace.site.url(f"rules/{rule.pk}/")))
    assert "Step 1, Stage:" in text
    assert "which is not one of the choices: Novo" in text


def test_a_draft_that_is_half_done_still_has_its_page(workplace: Workplace, owner: Any) -> None:
    from vaivem.hub.rules import publishing

    rule = publishing.create(workplace.site.workspace, {"title": "Meio pronta", "then": [1]})
    assert "Meio pronta" in plain(owner.get(workplace.site.url("rules/")))
    assert "not complete yet" in plain(owner.get(workplace.site.url(f"rules/{rule.pk}/")))
