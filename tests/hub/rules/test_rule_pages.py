"""Rule pages at their edges: other workspaces, versions past their time, figures that must not mix."""

from __future__ import annotations

from datetime import timedelta

from tests.hub.history_rows import add_event, add_run, add_waiting
from tests.hub.workplace import DEFINITION, Workplace


def address(workplace: Workplace, rule: int, act: str = "") -> str:
    """Return the address of a rule or of something done to it."""
    from django.urls import reverse

    if act == "restore":
        return reverse("rule_restore", args=[workplace.site.workspace.slug, rule, 1])
    return workplace.site.url(f"rules/{rule}/{act}")


def test_a_rule_of_another_workspace_is_not_found(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import Rule
    from vaivem.hub.workspaces.models import Workspace

    other = Workspace.objects.get(slug="outra")
    rule = Rule.objects.create(workspace=other, title="De outros", draft=DEFINITION)
    site = workplace.site
    assert site.browser(site.owner).get(address(workplace, rule.pk)).status_code == 404
    assert "De outros" not in site.browser(site.owner).get(site.url("rules/")).content.decode()


def test_a_version_that_cannot_be_published_again_changes_nothing(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    site, rule = workplace.site, workplace.rule()
    publishing.save_draft(rule, {**DEFINITION, "title": "Outro nome"}, site.owner)
    publishing.publish(rule, site.owner)
    workplace.crm.catalog = {"lists": {"pipelines": [{"value": "p9", "label": "Só este"}]}}
    workplace.crm.save()
    answer = site.browser(site.owner).post(address(workplace, rule.pk, "restore"))
    assert answer.status_code == 422
    assert "It was not published" in answer.content.decode()
    rule.refresh_from_db()
    assert (rule.version, rule.title, rule.draft["title"]) == (2, "Outro nome", "Outro nome")
    listed = site.browser(site.viewer).get(site.url("rules/")).content.decode()
    assert "Needs a correction" in listed


def test_figures_are_of_the_rule_and_of_a_day(workplace: Workplace) -> None:
    from vaivem.hub.rules.figures import read_figures
    from vaivem.hub.shell.clock import now

    ws, moment = workplace.site.workspace.pk, now()
    rule, other = workplace.rule(), workplace.rule(title="Outra regra")
    assert read_figures(ws, [rule.pk], moment)[rule.pk].last_run is None
    event = add_event(ws, workplace.sign.pk, moment)
    add_run(ws, event, rule.pk, moment - timedelta(days=2), status=2, code="refused")
    add_run(ws, event, rule.pk, moment - timedelta(hours=1), status=2, code="refused")
    last = add_run(ws, event, rule.pk, moment - timedelta(minutes=5))
    add_run(ws, event, other.pk, moment)
    add_waiting(ws, workplace.crm.pk, moment, rule.pk)
    found = read_figures(ws, [rule.pk, other.pk], moment)
    one = found[rule.pk]
    assert (one.last_run, one.done, one.failed, one.runs, one.waiting) == (last, 1, 1, 2, 1)
    assert (found[other.pk].runs, found[other.pk].waiting) == (1, 0)
    page = workplace.site.browser(workplace.site.viewer).get(workplace.site.url("rules/")).content.decode()
    assert "1 done" in page
    assert "1 failed" in page
    assert "1 run waits" in page


def test_what_earlier_steps_gave_is_named_as_the_editor_names_it(workplace: Workplace) -> None:
    again = {
        "id": "again",
        "kind": "await",
        "connection": "assinaturas",
        "trigger": "signer_signed",
        "for": {"days": 1},
    }
    text = "{{ steps.again.document.name }} {{ signers[0].name }}"
    site = workplace.site
    rule = workplace.rule(
        then=[
            *DEFINITION["then"],
            again,
            {"id": "stop", "kind": "stop", "if": [{"field": "steps.again.happened", "is": "is_false"}]},
            {"id": "tell", "kind": "notify", "member": site.owner.email, "text": {"text": text}},
        ]
    )
    main = site.browser(site.viewer).get(address(workplace, rule.pk)).content.decode().split("<main")[1]
    shown = main.split('id="file"')[0]
    for said in ("Step 2: it happened in time is no", "Step 2: Document name", "All signers 1: name"):
        assert said in shown, said
    assert "steps.again" not in shown.split("<details")[0]
