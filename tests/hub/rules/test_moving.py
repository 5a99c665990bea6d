"""Moving from an old integration: both sets side by side, and switched at one moment."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from tests.hub.rules.test_combining import ran_fields, sharing
from tests.hub.rules.test_files_with_combinations import ENTRY
from tests.hub.workplace import DEFINITION, Workplace

NEW = {**DEFINITION, **sharing(), "title": "Nova regra"}
FILE = yaml.safe_dump({"combinations": [ENTRY], "rules": [NEW]}, allow_unicode=True)


def answers(workplace: Workplace, **more: Any) -> dict[str, Any]:
    pair = {"one": str(workplace.sign.pk), "two": str(workplace.crm.pk)}
    return {**pair, "where": "here", "text": FILE, **more}


def post(workplace: Workplace, form: dict[str, Any], member: Any = None) -> Any:
    site = workplace.site
    return site.browser(member or site.owner).post(site.url("rules/moving/"), form)


def seen(answer: Any) -> str:
    found = re.search(r'name="seen" value="(\w+)"', answer.content.decode())
    assert found, answer.content.decode()
    return found[1]


def rules_by_title() -> dict[str, Any]:
    from vaivem.hub.rules.models import Rule

    return {rule.title: rule for rule in Rule.objects.all()}


def test_the_questions_offer_what_runs_between_the_accounts(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    site, rule = workplace.site, workplace.rule()
    publishing.create(site.workspace, {**DEFINITION, "title": "Rascunho"})
    browser = site.browser(site.owner)
    page = browser.get(site.url("rules/moving/")).content.decode()
    assert rule.title not in page
    pair = f"?one={workplace.crm.pk}&two={workplace.sign.pk}"
    page = browser.get(site.url("rules/moving/") + pair).content.decode()
    assert f'name="old" value="{rule.pk}" checked' in page
    assert "Rascunho" in page
    same = f"?one={workplace.crm.pk}&two={workplace.crm.pk}"
    answer = browser.get(site.url("rules/moving/") + same)
    assert (answer.status_code, "Choose two different accounts." in answer.content.decode()) == (422, True)


def test_old_rules_end_when_the_new_ones_begin_without_a_gap(workplace: Workplace) -> None:
    from django.db import connection

    from vaivem.hub.workspaces.models import AuditEntry

    old = workplace.rule()
    with connection.cursor() as cursor:  # what the old rule took and has not done yet
        cursor.execute(
            "insert into lane (ws, key, rule, gate, tail, state, prio, due, recover)"
            " values (%s, 7, %s, %s, 0, 1, 0, vv_now(), false)",
            [workplace.site.workspace.pk, old.pk, workplace.crm.pk],
        )
    form = answers(workplace, old=old.pk)
    answer = post(workplace, form)
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 200, page
    assert page.index(DEFINITION["title"]) < page.index("Nova regra")
    assert page.count("Contrato assinado") >= 2  # the stage, on both sides: by the combination in the new one
    assert set(rules_by_title()) == {old.title}

    assert post(workplace, {**form, "seen": seen(answer)}).status_code == 302
    rules = rules_by_title()
    assert (rules[old.title].state, rules[old.title].version) == ("draft", None)
    new = rules["Nova regra"]
    assert (new.state, new.on_since) == ("on", old.on_since)  # what arrives late is taken by the new one
    assert ran_fields(new)["deal.stage"] == "s12"
    with connection.cursor() as cursor:
        cursor.execute("select state from lane where rule = %s", [old.pk])
        assert cursor.fetchall() == [(1,)]  # it is finished, not stopped and not held
    assert {"rule.switched_off", "rules.moved"} <= set(AuditEntry.objects.values_list("action", flat=True))


def test_a_rule_that_was_switched_off_can_be_published_again(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    rule = workplace.rule()
    publishing.switch_off(rule)
    assert (rule.state, rule.version) == ("draft", None)
    site = workplace.site
    assert site.browser(site.owner).get(site.url(f"rules/{rule.pk}/")).status_code == 200
    publishing.publish(rule)
    rule.refresh_from_db()
    assert (rule.state, rule.version) == ("on", 2)
    publishing.pause(rule)
    with pytest.raises(publishing.RuleStateError):
        publishing.switch_off(rule)


def test_from_elsewhere_only_what_happens_after_the_moment_counts(workplace: Workplace) -> None:
    zone = ZoneInfo(workplace.site.workspace.zone)
    moment = datetime.now(zone).replace(second=0, microsecond=0, tzinfo=None) + timedelta(hours=3)
    form = answers(
        workplace, where="elsewhere", tool="Ponte Velha", does="Cria um negócio.", moment=moment.isoformat()
    )
    answer = post(workplace, form)
    page = html.unescape(answer.content.decode())
    assert "Where to switch “Ponte Velha” off" in page
    assert "In “Vendas Raiar”" in page
    assert "Cria um negócio." in page
    form["seen"] = seen(answer)
    answer = post(workplace, form)  # without saying that the old one is off
    assert (answer.status_code, rules_by_title()) == (422, {})
    assert post(workplace, {**form, "off": "1"}).status_code == 302
    assert rules_by_title()["Nova regra"].on_since == moment.replace(tzinfo=zone)


@pytest.mark.parametrize("moment", ["", "ontem", "2001-01-01T10:00", "2999-01-01T10:00", "9999-12-31T23:59"])
def test_a_moment_that_cannot_be_is_refused(workplace: Workplace, moment: str) -> None:
    answer = post(workplace, answers(workplace, where="elsewhere", moment=moment))
    assert answer.status_code == 422
    assert 'name="seen"' not in answer.content.decode()


def test_drafts_take_the_place_and_what_changed_meanwhile_is_shown_again(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    old = workplace.rule()
    draft = publishing.create(workplace.site.workspace, {**DEFINITION, "title": "Rascunho"})
    form = answers(workplace, text="", old=old.pk, draft=draft.pk)
    first = seen(post(workplace, form))
    publishing.save_draft(draft, {**DEFINITION, "title": "Rascunho 2"})
    answer = post(workplace, {**form, "seen": first})
    assert answer.status_code == 409
    assert rules_by_title()[old.title].state == "on"
    assert post(workplace, {**form, "seen": seen(answer)}).status_code == 302
    rules = rules_by_title()
    assert (rules[old.title].state, rules["Rascunho 2"].state) == ("draft", "on")


def test_a_wrong_set_changes_nothing(workplace: Workplace) -> None:
    old = workplace.rule()
    wrong = yaml.safe_dump(
        [{**DEFINITION, "title": "Errada", "when": {"connection": "assinaturas", "trigger": "x"}}]
    )
    same = yaml.safe_dump([DEFINITION], allow_unicode=True)
    said_of = {
        "": "No rule would be switched on.",
        wrong: "“x”",
        same: "which is to be switched off",
        "rules: [": "not readable",
        "rules:\n  - 1\n": "Line 2",
    }
    for text, said in said_of.items():
        answer = post(workplace, answers(workplace, text=text, old=old.pk, seen=""))
        assert answer.status_code == 422
        assert said in html.unescape(answer.content.decode())
    old.refresh_from_db()
    assert old.state == "on"


def test_a_file_about_other_accounts_is_refused_with_the_line(workplace: Workplace) -> None:
    from vaivem.hub.connections.models import Connection

    old, crm = workplace.rule(), workplace.crm
    Connection.objects.create(
        workspace=crm.workspace,
        connector=crm.connector,
        name="Outra conta",
        slug="outra-conta",
        method=crm.method,
        state=crm.state,
        catalog=crm.catalog,
    )
    strange = {**DEFINITION, "title": "De outra conta"}
    strange["then"] = [{**strange["then"][0], "connection": "outra-conta"}]
    text = yaml.safe_dump({"rules": [DEFINITION | {"title": "Nova"}, strange]}, allow_unicode=True)
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "De outra conta" in one)
    begins = next(n for n in range(line, 0, -1) if text.splitlines()[n - 1].startswith("- "))
    form = answers(workplace, text=text, old=old.pk)
    answer = post(workplace, form)
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 422
    assert f"“De outra conta”, on line {begins} of the file, is between other accounts:" in page
    assert "“Nova”, on line" not in page
    table = (
        "combination,from,to,object,field,source,text,value\n"
        "Certa,assinaturas,vendas,deal,deal.name,document.name,,\n"
        "Alheia,assinaturas,outra-conta,deal,deal.name,document.name,,\n"
    )
    page = html.unescape(post(workplace, {**form, "text": table}).content.decode())
    assert "“Alheia”, on line 3 of the file, is between other accounts:" in page
    assert "“Certa”, on line" not in page


def test_who_may_move(workplace: Workplace) -> None:
    site, old = workplace.site, workplace.rule()
    for member, status in ((site.viewer, 403), (site.stranger, 404)):
        assert site.browser(member).get(site.url("rules/moving/")).status_code == status
        assert post(workplace, answers(workplace, old=old.pk, seen="x"), member).status_code == status
    old.refresh_from_db()
    assert old.state == "on"
