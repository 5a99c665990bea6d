"""The list of rules: searched, copied, removed with a way back; and rules whose stage is gone."""

from __future__ import annotations

import asyncio

import asyncpg
from tests.hub.forms import fields_of
from tests.hub.workplace import CATALOG, DEFINITION, Workplace

from vaivem.config import Config


def look_again(hub: Config) -> None:
    """Do what a worker does after it has read the vendors' lists."""
    from vaivem.engine.marking import mark_rules
    from vaivem.engine.topology import Topology
    from vaivem.vault import Vault

    async def look() -> None:
        async with asyncpg.create_pool(hub.database_url, min_size=1, max_size=1) as pool:
            topology = Topology(Vault.from_folder(hub.data_dir))
            await topology.load(pool)
            await mark_rules(pool, topology)

    asyncio.run(look())


def test_a_rule_whose_stage_is_gone_is_marked_until_it_is_corrected(
    workplace: Workplace, hub: Config
) -> None:
    from vaivem.hub.home.needs import read_needs
    from vaivem.hub.shell.clock import now
    from vaivem.hub.shell.counts import waiting_for_people

    rule, site = workplace.rule(), workplace.site
    client = site.browser(site.owner)
    look_again(hub)
    rule.refresh_from_db()
    assert (rule.marks, rule.marked) == ([], None)
    lists = {**CATALOG["lists"], "stages/p1": [{"value": "s11", "label": "Novo"}]}
    workplace.crm.catalog = {**CATALOG, "lists": lists}
    workplace.crm.save()
    look_again(hub)
    rule.refresh_from_db()
    assert [one["path"] for one in rule.marks] == ["then[0].fields.deal.stage"]
    since = rule.marked
    look_again(hub)
    rule.refresh_from_db()
    assert rule.marked == since
    [need] = read_needs(site.workspace.pk, site.workspace.slug, [], now())
    assert rule.title in need.title
    assert need.url == site.url(f"rules/{rule.pk}/edit/")
    assert waiting_for_people(site.workspace.pk).needs == 1
    assert (
        "This rule names something that is no longer there"
        in client.get(site.url(f"rules/{rule.pk}/")).content.decode()
    )
    listed = client.get(site.url("rules/"), {"state": "wrong"}).content.decode()
    assert rule.title in listed
    form = fields_of(client.get(site.url(f"rules/{rule.pk}/edit/")).content.decode(), "rule-form")
    form["then.0:pick:deal.stage"] = ["s11"]
    client.post(site.url(f"rules/{rule.pk}/edit/"), {**form, "act": "publish"})
    look_again(hub)
    rule.refresh_from_db()
    assert (rule.marks, rule.marked, rule.version) == ([], None, 2)


def test_the_list_is_searched_whatever_the_accents(workplace: Workplace) -> None:
    site = workplace.site
    workplace.rule(title="Venda de João")
    workplace.rule(title="Pós-venda")
    client = site.browser(site.viewer)
    page = client.get(site.url("rules/"), {"q": "joao"}).content.decode()
    assert "Venda de João" in page
    assert "Pós-venda" not in page
    assert "No rule fits" in client.get(site.url("rules/"), {"q": "nada disso"}).content.decode()
    assert "No rule fits" in client.get(site.url("rules/"), {"state": "paused"}).content.decode()


def test_a_copy_is_a_draft_of_its_own(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import Rule

    rule, site = workplace.rule(), workplace.site
    client = site.browser(site.owner)
    for expected in (2, 3):
        client.post(site.url(f"rules/{rule.pk}/duplicate/"))
        made = Rule.objects.latest("pk")
        assert (made.title, made.state, made.version) == (
            f"{DEFINITION['title']} ({expected})",
            "draft",
            None,
        )
    assert made.draft["then"] == rule.draft["then"]


def test_a_removal_can_be_undone(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    rule, site = workplace.rule(), workplace.site
    client = site.browser(site.owner)
    publishing.pause(rule, site.owner)
    back = site.url(f"rules/{rule.pk}/bring-back/")
    assert back in client.post(site.url(f"rules/{rule.pk}/remove/"), follow=True).content.decode()
    rule.refresh_from_db()
    assert rule.state == "removed"
    assert site.browser(site.viewer).post(back).status_code == 403
    assert site.browser(site.stranger).post(back).status_code == 404
    client.post(back)
    rule.refresh_from_db()
    assert rule.state == "paused"
    client.post(back)  # a second press changes nothing
    rule.refresh_from_db()
    assert rule.state == "paused"


def test_versions_say_what_they_changed(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    rule, site = workplace.rule(), workplace.site
    publishing.save_draft(rule, {**rule.draft, "title": "Outro nome"}, site.owner)
    publishing.publish(rule, site.owner)
    page = site.browser(site.viewer).get(site.url(f"rules/{rule.pk}/")).content.decode()
    assert "1 difference from the one before" in page
    assert f"<del>{DEFINITION['title']}</del>" in page
    assert "<ins>Outro nome</ins>" in page


def test_what_was_typed_before_a_session_ended_is_back(workplace: Workplace) -> None:
    rule, site = workplace.rule(), workplace.site
    address = site.url(f"rules/{rule.pk}/edit/")
    form = fields_of(site.browser(site.owner).get(address).content.decode(), "rule-form")
    form["then.0:text:deal.name"] = ["Digitado {{ document.name }}"]
    gone = site.browser()
    here = {"Referer": f"http://127.0.0.1{address}", "Sec-Fetch-Site": "same-origin"}
    assert gone.post(address, form, headers=here).status_code == 302
    gone.force_login(site.owner, "allauth.account.auth_backends.AuthenticationBackend")
    page = gone.get(address).content.decode()
    assert "What you typed is back" in page
    again = fields_of(page, "rule-form")
    assert again["then.0:text:deal.name"] == ["Digitado {{ document.name }}"]
    rule.refresh_from_db()
    assert "Digitado" not in str(rule.draft)
    gone.post(address, {**again, "act": "save"})
    rule.refresh_from_db()
    assert rule.draft["then"][0]["fields"]["deal.name"] == {"text": "Digitado {{ document.name }}"}


def test_a_removed_rule_is_found_and_brought_back_later(workplace: Workplace) -> None:
    rule, site = workplace.rule(), workplace.site
    owner = site.browser(site.owner)
    assert "Removed" not in owner.get(site.url("rules/")).text
    gone = owner.post(site.url(f"rules/{rule.pk}/remove/"), follow=True).text
    back = site.url(f"rules/{rule.pk}/bring-back/")
    assert f'action="{back}"' in gone  # right there, by a form of its own
    listed = owner.get(site.url("rules/") + "?state=removed").text
    assert f"Bring back “{rule.title}”" in listed
    assert "No removed rule fits" in owner.get(site.url("rules/") + "?state=removed&q=zzz").text
    assert "Bring back" not in site.browser(site.viewer).get(site.url("rules/") + "?state=removed").text
    assert owner.post(back).status_code == 302
    rule.refresh_from_db()
    assert rule.state == "on"
