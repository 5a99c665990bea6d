"""A trigger's and a step's own choices in the editor: one of a list, several, texts; and what comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.activecampaign.recorded import connection
from tests.hub.rules.test_editor import edit, made, opened
from tests.hub.workplace import Workplace

from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.fields import Field, FieldType, Option
from vaivem.hub.rules.editing.options import OptionForm, option_forms

MARKETING = get_connector("activecampaign")


def forms(trigger: str, **chosen: Any) -> dict[str, OptionForm]:
    found = option_forms(MARKETING.trigger(trigger).options, chosen, connection(), empty="any")
    return {one.key: one for one in found}


@pytest.mark.usefixtures("workplace")
def test_what_an_account_s_list_offers_is_picked_and_never_typed() -> None:
    there = forms("deal_stage_changed", pipeline="1", stage="5")
    shown = [(one.value, one.label, one.chosen) for one in there["stage"].choices]
    assert shown == [("", "any", False), ("4", "Proposta", False), ("5", "Negociação", True)]
    assert there["pipeline"].control == there["stage"].control == "select"
    # Without a pipeline there is no stage to pick; what is gone at the vendor stays to be seen.
    assert [one.value for one in forms("deal_stage_changed")["stage"].choices] == [""]
    gone = forms("deal_stage_changed", pipeline="1", stage="77")["stage"].choices
    assert [(one.value, one.chosen) for one in gone][-1] == ("77", True)
    # A list that was not read yet: then it is typed.
    assert forms("deal_stage_changed", pipeline="9")["stage"].control == "text"


@pytest.mark.usefixtures("workplace")
def test_several_of_an_open_list_are_texts_with_commas() -> None:
    form = forms("tag_added", tags=["cliente", "orçamento"])["tags"]
    assert (form.control, form.value, form.choices) == ("list", "cliente, orçamento", ())


def rule_of(connection_id: int, states: list[str]) -> dict[str, Any]:
    options = {"prefix": "contrato", "states": states}
    return {
        "title": "Passos",
        "when": {"connection": connection_id, "trigger": "document_moved", "options": options},
        "then": [{"id": "pause", "kind": "wait", "for": {"days": 2}}],
    }


def test_several_steps_are_ticked_and_kept(workplace: Workplace) -> None:
    from vaivem.hub.connections.models import Connection

    site, sealed = workplace.site, workplace.sign.credentials
    signer = Connection.objects.create(
        workspace=site.workspace,
        connector="clicksign",
        name="C",
        slug="c",
        method="token",
        credentials=sealed,
    )
    rule = made(workplace, rule_of(signer.pk, ["sent", "opened"]))
    form = opened(workplace, rule)
    assert form["when:picked:states"] == ["sent", "opened"]
    browser, page = site.browser(site.owner), edit(workplace, rule)
    assert browser.post(page, form).status_code == 302
    rule.refresh_from_db()
    assert rule.draft["when"]["options"] == {"prefix": "contrato", "states": ["sent", "opened"]}
    ticked = opened(workplace, rule) | {"when:picked:states": ["declined", "opened"]}
    assert browser.post(page, ticked).status_code == 302
    rule.refresh_from_db()
    assert rule.draft["when"]["options"]["states"] == ["declined", "opened"]
    none = {key: value for key, value in opened(workplace, rule).items() if key != "when:picked:states"}
    assert browser.post(page, none).status_code == 302
    rule.refresh_from_db()
    assert rule.draft["when"]["options"] == {"prefix": "contrato"}


def test_a_change_is_chosen_as_a_sentence_and_kept(workplace: Workplace) -> None:
    from vaivem.hub.connections.models import Connection

    site, sealed = workplace.site, workplace.sign.credentials
    signer = Connection.objects.create(
        workspace=site.workspace,
        connector="clicksign",
        name="C",
        slug="c",
        method="token",
        credentials=sealed,
    )
    rule = made(workplace, rule_of(signer.pk, ["sent", "opened", "completed"]))
    browser, page = site.browser(site.owner), edit(workplace, rule)
    form = opened(workplace, rule)
    assert form["when:changed"] == [""]
    assert "when:changed_from" not in form
    assert browser.post(page, form | {"when:changed": "step.state"}).status_code == 302
    rule.refresh_from_db()
    assert rule.draft["when"]["changed"] == {"field": "step.state"}
    ends = {"when:changed_from": "sent", "when:changed_to": "completed"}
    assert browser.post(page, opened(workplace, rule) | ends).status_code == 302
    rule.refresh_from_db()
    wanted = {"field": "step.state", "from": "sent", "to": "completed"}
    assert rule.draft["when"]["changed"] == wanted
    assert browser.post(page, opened(workplace, rule)).status_code == 302
    rule.refresh_from_db()
    assert rule.draft["when"]["changed"] == wanted, "kept as it is"
    never = opened(workplace, rule) | {"when:changed_to": "voided"}
    assert browser.post(page, never).status_code == 302
    shown = browser.get(page).content.decode()
    assert "“voided” can never come" in shown
    assert browser.post(page, opened(workplace, rule) | {"when:changed": ""}).status_code == 302
    rule.refresh_from_db()
    assert "changed" not in rule.draft["when"]


@pytest.mark.usefixtures("workplace")
def test_what_an_open_list_names_is_ticked_beside_texts() -> None:
    from django.http import QueryDict

    from vaivem.hub.rules.editing.form import read_form

    named = tuple(Option(one, one) for one in ("orçamento", "e-book"))
    field = Field("names", FieldType.OPTIONS, label="Nomes", options=named, allow_new_option=True)
    [form] = option_forms((field,), {"names": ["e-book", "pop-up"]}, connection())
    assert (form.control, form.value) == ("list", "pop-up")
    assert [(one.value, one.chosen) for one in form.choices] == [("orçamento", False), ("e-book", True)]
    # By number, or too many to look through: texts only.
    for options in ((Option(7, "sete"),), tuple(Option(str(one), str(one)) for one in range(31))):
        [form] = option_forms((replace(field, options=options),), {"names": ["7"]}, connection())
        assert (form.choices, form.value) == ((), "7")

    sent = "when:options=names&when:listed:names=1&when:option:names=pop-up, e-book&when:picked:names=e-book"
    said = read_form(QueryDict(sent), {})["when"]["options"]
    assert said == {"names": ["e-book", "pop-up"]}
    none = "when:options=names&when:listed:names=1&when:option:names="
    assert "options" not in read_form(QueryDict(none), {"when": {"options": said}})["when"]
