"""Field combinations by their pages: made, changed with what that touches, removed, brought back."""

from __future__ import annotations

from tests.hub.rules.test_combining import FIELDS, combination, ran_fields, sharing
from tests.hub.workplace import Workplace


def test_a_combination_is_made_changed_and_removed_by_its_pages(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import Combination

    site = workplace.site
    browser, pair = site.browser(site.owner), f"{workplace.sign.pk}|{workplace.crm.pk}|deal"
    first = browser.get(site.url("rules/combinations/")).content.decode()
    assert pair in first
    page = browser.get(site.url("rules/combinations/new/"), {"pair": pair})
    begun = {one.key: one.text for one in page.context["rows"]}
    # What a recipe between the two fills; the stage is each rule's own, and asked for in its step.
    assert begun == {"deal.name": "Contrato {{ document.name }} – {{ signer.name }}"}
    form = {
        "pair": pair, "title": "Negócio", "act": "save",
        "field": ["deal.name", "deal.pipeline", "deal.stage"],
        "pick:deal.name": "other", "text:deal.name": "Contrato {{ document.name }}",
        "pick:deal.pipeline": "value|p1", "pick:deal.stage": "other", "text:deal.stage": "Novo",
    }  # fmt: skip
    empty = browser.post(site.url("rules/combinations/new/"), {**form, "text:deal.name": ""})
    assert empty.status_code == 422
    assert not Combination.objects.exists()
    assert browser.post(site.url("rules/combinations/new/"), form).status_code == 302
    row = Combination.objects.get()
    assert row.fields["deal.name"] == {"text": "Contrato {{ document.name }}", "max": "cut"}
    here = site.url(f"rules/combinations/{row.pk}/")
    assert browser.post(f"{here}remove/").status_code == 302
    row.refresh_from_db()
    assert row.removed is not None
    browser.post(f"{here}bring-back/")
    assert browser.get(here).status_code == 200


def test_a_change_shows_before_and_after_and_then_publishes(workplace: Workplace) -> None:
    row, site = combination(workplace), workplace.site
    rule = workplace.rule(**sharing())
    browser, here = site.browser(site.owner), site.url(f"rules/combinations/{row.pk}/")
    form = {
        "title": row.title, "revision": "1", "act": "look", "field": list(FIELDS),
        "pick:deal.name": "other", "text:deal.name": "Novo nome",
        "pick:deal.pipeline": "value|p1", "pick:deal.stage": "other", "text:deal.stage": "s12",
    }  # fmt: skip
    page = browser.post(here, form).content.decode()
    assert "<ins>Novo nome</ins>" in page
    assert rule.title in page
    rule.refresh_from_db()
    assert rule.version == 1
    assert browser.post(here, {**form, "act": "save"}).status_code == 302
    rule.refresh_from_db()
    ran = ran_fields(rule)
    assert (rule.version, ran["deal.name"], ran["deal.stage"]) == (2, "Novo nome", "s12")
    assert browser.post(here, {**form, "act": "save", "text:deal.name": "Tarde"}).status_code == 422
    browser.post(f"{here}remove/")
    row.refresh_from_db()
    assert row.removed is None


def test_an_earlier_version_is_looked_at_and_brought_back(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining

    row, site = combination(workplace), workplace.site
    rule = workplace.rule(**sharing())
    first = dict(row.fields)
    combining.change(row, {**first, "deal.name": {"text": "Segundo"}}, site.owner)
    combining.change(row, {**first, "deal.name": {"text": "Terceiro"}}, site.owner, title="Outro nome")
    browser, here = site.browser(site.owner), site.url(f"rules/combinations/{row.pk}/")
    versions = combining.earlier(row)
    assert [one.before["fields"]["deal.name"] for one in versions] == [
        {"text": "Segundo"},
        first["deal.name"],
    ]
    page = browser.get(here).content.decode()
    assert all(f"?version={one.pk}" in page for one in versions)
    look = browser.get(f"{here}?version={versions[0].pk}").content.decode()
    assert "<ins>Segundo</ins>" in look
    assert rule.title in look
    assert browser.get(f"{here}?version=999999").status_code == 404
    form = {
        "title": row.title, "revision": "3", "act": "save", "field": list(FIELDS),
        "pick:deal.name": "other", "text:deal.name": "Segundo",
        "pick:deal.pipeline": "value|p1", "pick:deal.stage": "other", "text:deal.stage": "s12",
    }  # fmt: skip
    assert browser.post(here, form).status_code == 302
    rule.refresh_from_db()
    assert ran_fields(rule)["deal.name"] == "Segundo"
