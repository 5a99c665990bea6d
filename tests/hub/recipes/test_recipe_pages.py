"""Recipe pages at their edges: a missing account, a changed funnel, hostile texts, the first run."""

from __future__ import annotations

from tests.hub.history_rows import add_event, add_run
from tests.hub.workplace import Workplace

KEY = "acme_document_to_deal"


def given(workplace: Workplace, **more: str) -> dict[str, str]:
    """Return a whole form."""
    accounts = {"source": str(workplace.sign.pk), "target": str(workplace.crm.pk)}
    return {**accounts, "trigger": "document_completed", "per": "document", "pipeline": "p1", **more}


def test_a_missing_account_is_named_with_the_way_to_connect_it(workplace: Workplace) -> None:
    site = workplace.site
    workplace.crm.state = "removed"
    workplace.crm.save()
    page = site.browser(site.owner).get(site.url(f"recipes/{KEY}/")).content.decode()
    assert site.url("connections/new/acme_crm/") in page
    assert 'name="pipeline"' not in page
    seen = site.browser(site.viewer).get(site.url(f"recipes/{KEY}/")).content.decode()
    assert site.url("connections/new/acme_crm/") not in seen
    assert "An administrator can connect systems" in seen


def test_the_funnel_decides_the_stages(workplace: Workplace) -> None:
    site = workplace.site
    browser, address = site.browser(site.owner), site.url(f"recipes/{KEY}/")
    first = browser.get(address).content.decode()
    assert "choose the one above first" in first
    assert "The preview appears when this is chosen" in first
    then = browser.get(address, {"pipeline": "p1"}).content.decode()
    assert '<option value="s12">Contrato assinado</option>' in then
    other = browser.get(address, {"pipeline": "p2", "stage": "s12"}).content.decode()
    assert '<option value="s21" selected>Novo</option>' in other
    assert "Contrato assinado" not in other


def test_texts_are_never_markup(workplace: Workplace) -> None:
    site = workplace.site
    form = given(workplace, stage="s12", deal_name="<script>alert(1)</script>")
    page = site.browser(site.owner).get(site.url(f"recipes/{KEY}/"), form).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_after_shows_the_first_run(workplace: Workplace) -> None:
    from vaivem.connectors.sdk.recipes import get_recipe
    from vaivem.hub.recipes.setting_up import switch_on
    from vaivem.hub.shell.clock import now

    site = workplace.site
    rule = switch_on(
        get_recipe(KEY),
        site.workspace,
        {"source": workplace.sign.pk, "target": workplace.crm.pk},
        {"pipeline": "p1", "stage": "s12"},
    )
    from django.urls import reverse

    address = reverse("recipe_on", args=[site.workspace.slug, KEY, rule.pk])
    browser = site.browser(site.viewer)
    waiting = browser.get(address).content.decode()
    assert "Waiting for the first event" in waiting
    assert 'hx-select="#first"' in waiting
    moment = now()
    event = add_event(site.workspace.pk, workplace.sign.pk, moment)
    run = add_run(site.workspace.pk, event, rule.pk, moment)
    came = browser.get(address).content.decode()
    assert site.url(f"history/{run}/") in came
    assert 'hx-select="#first"' not in came
    assert site.browser(site.stranger).get(address).status_code == 404
    assert browser.get(address.replace(KEY, "no_such_recipe")).status_code == 404
