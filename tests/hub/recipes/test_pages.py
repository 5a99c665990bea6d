"""The pages of recipes: who sees them, the few choices, what would be written, switching on."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from tests.hub.past import Past
from tests.hub.workplace import SECRET, Workplace

KEY = "acme_document_to_deal"


@pytest.fixture
def owner(workplace: Workplace) -> Any:
    return workplace.site.browser(workplace.site.owner)


def plain(page: Any) -> str:
    """Return a page's text without its tags."""
    text = page.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text[text.index("<main") :])).split())


def address(workplace: Workplace, rest: str = f"{KEY}/") -> str:
    return workplace.site.url(f"recipes/{rest}")


def test_three_people(workplace: Workplace) -> None:
    site = workplace.site
    chosen = {"pipeline": "p2", "stage": "s21"}
    for rest in ("", f"{KEY}/"):
        for person in (site.owner, site.viewer):
            page = site.browser(person).get(address(workplace, rest))
            assert page.status_code == 200, rest
            assert SECRET not in page.content.decode()
        assert site.browser(site.stranger).get(address(workplace, rest)).status_code == 404, rest
        assert site.browser().get(address(workplace, rest)).status_code == 302, rest
    assert "Your role only lets you look." in plain(site.browser(site.viewer).get(address(workplace)))
    assert site.browser(site.viewer).post(address(workplace), chosen).status_code == 403
    assert site.browser(site.stranger).post(address(workplace), chosen).status_code == 404
    assert site.browser(site.owner, csrf=True).post(address(workplace), chosen).status_code == 403
    assert site.browser(site.owner).get(address(workplace, "nenhuma/")).status_code == 404


def test_the_list_says_what_is_missing(workplace: Workplace, owner: Any) -> None:
    from vaivem.hub.connections.models import Connection

    assert "Nothing to prepare" in plain(owner.get(address(workplace, "")))
    Connection.objects.filter(pk=workplace.crm.pk).update(state="reconnect")
    assert "Reconnect “Vendas Raiar”" in plain(owner.get(address(workplace, "")))
    Connection.objects.filter(pk=workplace.crm.pk).update(state="removed")
    page = owner.get(address(workplace, ""))
    assert "Acme CRM is not connected" in plain(page)
    assert workplace.site.url("connections/new/acme_crm/") in page.content.decode()
    assert "Connect it, and come back here." in plain(owner.get(address(workplace)))


def test_choosing_a_funnel_opens_its_stages_and_then_the_preview(workplace: Workplace, owner: Any) -> None:
    first = owner.get(address(workplace))
    assert "The preview appears when this is chosen" in plain(first)
    assert "Contrato assinado" not in plain(first)
    stages = owner.get(address(workplace), {"pipeline": "p1"}).content.decode()
    assert '<option value="s12">Contrato assinado</option>' in stages
    whole = plain(owner.get(address(workplace), {"pipeline": "p1", "stage": "s12"}))
    for said in ("Contrato Contrato Duarte – Marina Duarte", "marina@duarte.example", "Otávio Lemos"):
        assert said in whole, said


def test_a_wrong_text_is_said_before_it_is_switched_on(workplace: Workplace, owner: Any) -> None:
    chosen = {"pipeline": "p1", "stage": "s12", "deal_name": "{{ nome }}"}
    assert "“nome”" in plain(owner.get(address(workplace), chosen))
    refused = owner.post(address(workplace), chosen)
    assert refused.status_code == 422
    from vaivem.hub.rules.models import Rule

    assert not Rule.objects.exists()


def test_switching_on_makes_the_rule_and_says_what_comes_next(workplace: Workplace, owner: Any) -> None:
    from vaivem.hub.rules.models import Rule

    chosen = {"source": workplace.sign.pk, "target": workplace.crm.pk, "pipeline": "p1", "stage": "s12"}
    shown = owner.post(address(workplace), chosen | {"show": "1"})
    assert (shown.status_code, Rule.objects.count()) == (200, 0)
    answer = owner.post(address(workplace), chosen)
    rule = Rule.objects.get()
    assert answer.headers["location"] == address(workplace, f"{KEY}/{rule.pk}/")
    assert (rule.state, rule.recipe) == ("on", KEY)
    page = plain(owner.get(answer.headers["location"]))
    assert f"“{rule.title}” is on" in page
    assert "Waiting for the first event" in page
    Past(workplace).run(rule.pk)
    assert "The first event has been worked" in plain(owner.get(answer.headers["location"]))
    assert owner.get(address(workplace, f"signed_document_to_deal/{rule.pk}/")).status_code == 404


def test_what_is_still_open_is_said_where_it_is(workplace: Workplace, owner: Any) -> None:
    refused = owner.post(address(workplace), {"pipeline": "p1"})
    assert refused.status_code == 422
    assert "is not chosen yet" in plain(refused)
