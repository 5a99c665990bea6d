"""The editor with nonsense: every problem is said where it is, in words of people, and nothing is lost."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from tests.hub.rules.test_editor import EVERYTHING, edit, made, opened
from tests.hub.workplace import DEFINITION, Workplace


def blocking(workplace: Workplace, definition: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what stands above the editor: place, text and the part of the page that it leads to."""
    rule, site = made(workplace, definition), workplace.site
    answer = site.browser(site.owner).get(edit(workplace, rule))
    page = answer.content.decode()
    found = [(one.place, one.text, one.target) for one in answer.context["editor"].blocking]
    for _place, text, target in found:
        assert f'id="{target}"' in page, target
        assert not re.search(r"then\[|\bif\.|fields\.", text), text  # no paths of ours
    return found


def filled(key: str, source: dict[str, Any]) -> dict[str, Any]:
    definition = copy.deepcopy(DEFINITION)
    definition["then"][0]["fields"][key] = source  # type: ignore[index]
    return definition


def after(*steps: dict[str, Any]) -> dict[str, Any]:
    return {**copy.deepcopy(DEFINITION), "then": [*copy.deepcopy(DEFINITION["then"]), *steps]}  # type: ignore[misc]


def asked(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {**copy.deepcopy(DEFINITION), "if": {"all": [{"field": field, "is": operator, "value": value}]}}


@pytest.mark.parametrize(
    ("key", "source", "said"),
    [
        ("deal.name", {"text": "Oi {{ document.name"}, "A “{{” is not closed"),
        ("deal.name", {"text": "{% if document.name %}oi"}, "“{% endif %}” is missing at the end"),
        ("deal.name", {"text": "oi{% endfor %}"}, "“{% endfor %}” closes nothing"),
        ("deal.name", {"text": "{% include 'x' %}"}, "“{% include %}” cannot be used"),
        ("deal.name", {"text": "{{ }}"}, "cannot be read. Choose the field from the list"),
        ("deal.name", {"text": "{% for i in (1..9) %}x{% endfor %}"}, "Counting with “(1..3)”"),
        ("deal.name", {"text": "{{ document.name | banana }}"}, "There is no filter “banana”"),
        ("deal.name", {"text": "{{ steps.gone.deal.id }}"}, "a step that is no longer there"),
        ("deal.name", {"from": "documento.nome"}, "documento.nome"),
        ("deal.stage", {"value": "s99"}, "“s99” does not exist in Acme CRM, or no longer. Choose again."),
        ("deal.pipeline", {"value": "p9"}, "“p9” does not exist in Acme CRM, or no longer. Choose again."),
        ("deal.custom.zzz", {"value": "1"}, "does not exist in Acme CRM, or no longer. Take it out."),
        ("deal.custom.cpf", {"value": "529.982.247-26"}, "which is not a valid CPF"),
        ("deal.custom.cpf", {"value": "12.ABC.345/01DE-35"}, "which is not a valid CPF"),
        ("deal.custom.cpf", {"from": "document.finished_at"}, "This field takes: CPF."),
    ],
)  # fmt: skip
def test_a_field_says_what_is_wrong_with_it(
    workplace: Workplace, key: str, source: dict[str, Any], said: str
) -> None:
    found = blocking(workplace, filled(key, source))
    assert [one for one in found if said in one[1]], found
    place, text, target = next(one for one in found if said in one[1])
    assert place.startswith("Step 1, ")
    assert target == f"then-0-{key.replace('.', '-')}"
    assert "run" not in text.split()  # nothing has run yet


def test_what_people_write_is_understood(workplace: Workplace) -> None:
    for value in ("529.982.247-25", "52998224725", " 529982247-25 "):
        assert blocking(workplace, filled("deal.custom.cpf", {"value": value})) == []
    assert blocking(workplace, filled("deal.name", {"text": "ç" * 5000})) == []


def test_the_accounts_own_fields_have_their_names_in_places(workplace: Workplace) -> None:
    [(place, _text, _target)] = blocking(workplace, filled("deal.custom.cpf", {"value": "abc"}))
    assert place == "Step 1, CPF do cliente"


@pytest.mark.parametrize(
    ("step", "place", "said", "target"),
    [
        ({"kind": "wait", "for": {}}, "Step 2", "more than nothing, and 366 days at most", "then-1"),
        ({"kind": "wait", "for": {"days": 9999}}, "Step 2", "366 days at most", "then-1"),
        ({"kind": "wait", "for": {"days": "dois"}}, "Step 2", "Write the time as a number.", "then-1"),
        ({"kind": "wait", "until": {"from": "zzz"}}, "Step 2", "zzz", "then-1"),
        (
            {"kind": "email", "to": {"value": "não é"}, "subject": {"value": "a"}, "body": {"value": "b"}},
            "Step 2, To", "is not an e-mail address", "then-1-to",
        ),
        (
            {"kind": "email", "to": {"value": "a@b.co"}, "subject": {"text": ""}, "body": {"value": "b"}},
            "Step 2, Subject", "“Subject” is still empty", "then-1-subject",
        ),
        (
            {"kind": "action", "connection": 999, "action": "x", "fields": {}},
            "Step 2", "The account that was chosen here is gone", "then-1",
        ),
        (
            {"kind": "action", "connection": "vendas", "action": "fly", "fields": {}},
            "Step 2", "What this step did is no longer offered", "then-1",
        ),
    ],
)  # fmt: skip
def test_a_step_says_what_is_wrong_with_it(
    workplace: Workplace, step: dict[str, Any], place: str, said: str, target: str
) -> None:
    found = blocking(workplace, after({"id": "odd", **step}))
    assert [(one[0], one[2]) for one in found if said in one[1]] == [(place, target)], found


@pytest.mark.parametrize(
    ("field", "operator", "value", "said"),
    [
        ("document.finished_at", "before", "ontem", "“ontem” is not a date"),
        ("document.name", "greater", "abc", "“abc” is not a number"),
        ("document.name", "contains", "", "Say with what to compare"),
        ("zzz", "equals", "1", "zzz"),
    ],
)
def test_a_condition_says_what_is_wrong_with_it(
    workplace: Workplace, field: str, operator: str, value: Any, said: str
) -> None:
    found = blocking(workplace, asked(field, operator, value))
    assert [(one[0], one[2]) for one in found if said in one[1]] == [("Condition 1", "if")], found


def test_a_date_is_understood_as_it_is_written_here(workplace: Workplace) -> None:
    for date in ("31/12/2026", "2026-12-31"):
        assert blocking(workplace, asked("document.finished_at", "before", date)) == []


def test_the_whole_rule_says_what_is_wrong_with_it(workplace: Workplace) -> None:
    def only(**parts: Any) -> tuple[str, str, str]:
        [found] = blocking(workplace, {**copy.deepcopy(DEFINITION), **parts})
        return found

    assert only(title="x" * 400) == ("Name", "The name has more than 200 characters.", "title")
    assert only(then=[]) == ("Steps", "There is no step yet. Add one.", "then-section")
    gone = only(when={"connection": "assinaturas", "trigger": "zzz"})
    assert gone == ("Start", "What started this rule is no longer offered. Choose what happens.", "when")


def test_an_action_that_fills_nothing_says_what_it_needs(workplace: Workplace) -> None:
    definition = copy.deepcopy(DEFINITION)
    definition["then"][0] |= {"fields": {}, "repeat": {}}  # type: ignore[index]
    targets = [one[2] for one in blocking(workplace, definition)]
    assert {"then-0-deal-name", "then-0-deal-pipeline", "then-0-deal-stage"} <= set(targets)


@pytest.mark.soak
def test_fifty_steps_are_edited_and_no_more(workplace: Workplace) -> None:
    definition, site = copy.deepcopy(EVERYTHING), workplace.site
    step = definition["then"][0]
    definition["then"] = [{**copy.deepcopy(step), "id": f"deal_{number}"} for number in range(49)]
    rule = made(workplace, definition)
    form = opened(workplace, rule)
    assert sum(len(values) for values in form.values()) > 1000  # more than Django takes unasked
    form["then.48:text:deal.name"] = ["Z" * 5000]
    browser, page = site.browser(site.owner), edit(workplace, rule)
    assert browser.post(page, form | {"act": ["add then wait"]}).status_code == 302
    rule.refresh_from_db()
    assert len(rule.draft["then"]) == 50
    assert rule.draft["then"][48]["fields"]["deal.name"] == {"value": "Z" * 5000, "max": "cut"}
    text = browser.get(page).content.decode()
    assert "A rule has 50 steps at most" in text
    assert 'value="add then wait"' not in text
    browser.post(page, opened(workplace, rule) | {"act": ["add then wait"]})
    rule.refresh_from_db()
    assert len(rule.draft["then"]) == 50
