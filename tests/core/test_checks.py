"""Checking a rule against what its connections offer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from vaivem.core.catalog import ActionShape
from vaivem.core.checks import check_rule
from vaivem.core.fields import Field, FieldType
from vaivem.core.rules import parse_rule

Definition = dict[str, Any]
DEAL = 1  # where the deal's step stands in the shared definition


def problems_of(definition: Definition, catalog: Any) -> list[tuple[str, str]]:
    problems = check_rule(parse_rule(definition), catalog)
    json.dumps([problem.to_dict() for problem in problems])
    return [(problem.path, problem.code) for problem in problems]


def test_a_right_rule_has_no_problems(definition: Definition, catalog: Any) -> None:
    assert problems_of(definition, catalog) == []


FIELDS = "then[1].fields."


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"deal.gone": {"value": 1}}, "deal.gone", "field_unknown"),
        ({"deal.name": {"value": ""}}, "deal.name", "field_missing"),
        ({"deal.name": {"text": "x" * 61}}, "deal.name", "too_long"),
        ({"deal.name": {"from": "document.title"}}, "deal.name.from", "path_unknown"),
        ({"deal.name": {"from": "document.filename.x"}}, "deal.name.from", "path_unknown"),
        ({"deal.name": {"text": "{{ document.title }}"}}, "deal.name.text", "template_unknown"),
        ({"deal.name": {"text": "{{ document.key | nope }}"}}, "deal.name.text", "template_unknown_filter"),
        ({"deal.name": {"text": "{{ document.key"}}, "deal.name.text", "template_syntax"),
        ({"deal.name": {"from": "steps.nobody.id"}}, "deal.name.from", "step_unknown"),
        ({"deal.name": {"from": "steps"}}, "deal.name.from", "step_unknown"),
        ({"deal.name": {"from": "steps.deal.id"}}, "deal.name.from", "step_not_before"),
        ({"deal.name": {"text": "{{ steps.mail.x }}"}}, "deal.name.text", "step_not_before"),
        ({"deal.name": {"text": "{{ steps.nobody.x }}"}}, "deal.name.text", "step_unknown"),
        ({"deal.name": {"text": "{{ steps.gone[document.key].x }}"}}, "deal.name.text", "path_unknown"),
        ({"deal.stage": {"value": "Perdido"}}, "deal.stage", "unknown_option"),
        ({"deal.stage": {"text": "Perdido"}}, "deal.stage", "unknown_option"),
        ({"deal.expected": {"value": "31/02/2026"}}, "deal.expected", "bad_date"),
        ({"deal.expected": {"from": "document.amount"}}, "deal.expected", "type_clash"),
        ({"deal.amount": {"from": "document.closed_at"}}, "deal.amount", "type_clash"),
        ({"contact.email": {"from": "signer.phone"}}, "contact.email", "type_clash"),
        (
            {"deal.amount": {"from": "document.key", "on_bad": "use", "instead": "zero"}},
            "deal.amount.instead",
            "bad_number",
        ),
        ({"contact.name": {"from": "one.nome"}}, "contact.name.from", "path_unknown"),
        ({"deal.name": {"from": "one.name"}}, "deal.name.from", "path_unknown"),
    ],
)
def test_mappings(definition: Definition, catalog: Any, fields: Definition, path: str, code: str) -> None:
    definition["then"][DEAL]["fields"] |= fields
    assert problems_of(definition, catalog) == [(FIELDS + path, code)]


@pytest.mark.parametrize(
    "fields",
    [
        {"deal.name": {"from": "today"}},
        {"deal.name": {"text": "{{ rule.title }} {{ steps.who.records[0].id }}"}},
        {"deal.name": {"from": "document.metadata.valor total"}},
        {"deal.amount": {"from": "document.metadata.valor"}},
        {"deal.amount": {"from": "document.key"}},
        {"deal.tags": {"from": "signers[].email"}},
        {"contact.name": {"text": "{{ one.name }} {{ signer.name }}"}},
    ],
)
def test_what_is_right(definition: Definition, catalog: Any, fields: Definition) -> None:
    definition["then"][DEAL]["fields"] |= fields
    assert problems_of(definition, catalog) == []


def test_a_template_problem_says_where_in_the_text(definition: Definition, catalog: Any) -> None:
    definition["then"][DEAL]["fields"]["deal.name"] = {"text": "a\nb {{ document.title }}"}
    (problem,) = check_rule(parse_rule(definition), catalog)
    assert problem.params == {"name": "document.title", "line": 2, "column": 6}


@pytest.mark.parametrize(
    ("step", "path", "code"),
    [
        ({"connection": "Old CRM"}, "connection", "connection_unknown"),
        ({"action": "nope"}, "action", "action_unknown"),
        (
            {"action": "find_contact", "fields": {}, "repeat": {}, "key": None, "options": {}},
            "action",
            "action_is_lookup",
        ),
        ({"key": {"by": "contact"}}, "key.by", "key_not_offered"),
        ({"key": {"by": "field", "field": "deal.gone"}}, "key.field", "field_unknown"),
        ({"options": {"odd": 1}}, "options.odd", "option_unknown"),
        ({"options": {"pipeline": {"a": 1}}}, "options.pipeline", "bad_text"),
    ],
)
def test_steps(definition: Definition, catalog: Any, step: Definition, path: str, code: str) -> None:
    definition["then"][DEAL] |= step
    assert problems_of(definition, catalog) == [(f"then[1].{path}", code)]


def test_a_lookup_must_be_one(definition: Definition, catalog: Any) -> None:
    catalog.actions["find_contact"] = replace(catalog.actions["find_contact"], reads_only=False)
    assert problems_of(definition, catalog) == [("then[0].action", "action_is_no_lookup")]


def test_a_connection_that_is_gone_is_told_at_each_place(definition: Definition, catalog: Any) -> None:
    definition["when"]["connection"] = "Gone"
    definition["then"][0]["connection"] = "Gone"
    assert problems_of(definition, catalog) == [
        ("when.connection", "connection_unknown"),
        ("then[0].connection", "connection_unknown"),
    ]


def test_an_unknown_trigger_hides_nothing_else(definition: Definition, catalog: Any) -> None:
    definition["when"]["trigger"] = "nope"
    definition["then"][DEAL]["fields"]["deal.gone"] = {"from": "anything.at.all"}
    definition["then"][DEAL]["fields"]["deal.name"] = {"text": "{{ anything.at.all }}"}
    assert problems_of(definition, catalog) == [
        ("when.trigger", "trigger_unknown"),
        ("then[1].fields.deal.gone", "field_unknown"),
    ]


def test_options_of_the_trigger(definition: Definition, catalog: Any) -> None:
    catalog.trigger_shape = replace(
        catalog.trigger_shape, options=(Field("folder", required=True), Field("x"))
    )
    definition["when"]["options"] = {"x": "a", "y": "b"}
    assert problems_of(definition, catalog) == [
        ("when.options.y", "option_unknown"),
        ("when.options.folder", "option_missing"),
    ]


def test_required_fields_by_group(definition: Definition, catalog: Any) -> None:
    shape = ActionShape(
        (
            Field("title", required=True),
            Field("deal.name", required=True, label="Nome"),
            Field("deal.x"),
            Field("contact.name", required=True),
            Field("company.name"),
        ),
        required=frozenset({"company.name"}),
    )
    catalog.actions["create_or_update_deal"] = shape
    step = {"id": "deal", "kind": "action", "connection": "CRM", "action": "create_or_update_deal"}
    definition["then"][DEAL] = {**step, "fields": {"deal.x": {"value": 1}}}
    assert problems_of(definition, catalog) == [
        ("then[1].fields.title", "field_missing"),
        ("then[1].fields.deal.name", "field_missing"),
        ("then[1].fields.company.name", "field_missing"),
    ]


@pytest.mark.parametrize(
    ("repeat", "path", "code"),
    [
        ({"deal": {"over": "signers", "as": "d"}}, "repeat.deal", "group_not_repeatable"),
        ({"company": {"over": "signers", "as": "d"}}, "repeat.company", "repeat_unused"),
        ({"contact": {"over": "signatarios", "as": "one"}}, "repeat.contact.over", "path_unknown"),
    ],
)
def test_repeats(definition: Definition, catalog: Any, repeat: Definition, path: str, code: str) -> None:
    shape = catalog.actions["create_or_update_deal"]
    catalog.actions["create_or_update_deal"] = replace(shape, groups=("contact", "company"))
    definition["then"][DEAL]["repeat"] |= repeat
    assert problems_of(definition, catalog) == [(f"then[1].{path}", code)]


def test_a_repeat_over_a_list_of_unknown_shape_reads_anything(definition: Definition, catalog: Any) -> None:
    definition["then"][DEAL]["repeat"] = {"contact": {"over": "steps.who.people", "as": "one"}}
    definition["then"][DEAL]["fields"]["contact.name"] = {"from": "one.whatever"}
    assert problems_of(definition, catalog) == []


@pytest.mark.parametrize(
    ("test", "path", "code"),
    [
        ({"field": "document.nope", "is": "is_empty"}, "field", "path_unknown"),
        ({"field": "steps.who.id", "is": "is_empty"}, "field", "step_not_before"),
        ({"field": "document.amount", "is": "greater", "value": "muito"}, "value", "test_value_wrong"),
        ({"field": "document.amount", "is": "within_days", "value": "x"}, "value", "test_value_wrong"),
        ({"field": "document.closed_at", "is": "before", "value": "x"}, "value", "test_value_wrong"),
        ({"field": "document.closed_at", "is": "between", "value": [1, 2]}, "value", "test_value_wrong"),
        ({"field": "document.amount", "is": "between", "value": [1, "x"]}, "value", "test_value_wrong"),
    ],
)
def test_conditions(definition: Definition, catalog: Any, test: Definition, path: str, code: str) -> None:
    definition["if"]["all"][0] = test
    assert problems_of(definition, catalog) == [(f"if.all[0].{path}", code)]
    definition["if"]["all"][0] = {"not": test}
    assert problems_of(definition, catalog) == [(f"if.all[0].not.{path}", code)]


def test_a_date_may_be_today(definition: Definition, catalog: Any) -> None:
    definition["if"]["all"][0] = {"field": "document.closed_at", "is": "after", "value": "today"}
    definition["if"]["all"].append(
        {"field": "document.filename", "is": "between", "value": ["2026-01-01", "today"]}
    )
    assert problems_of(definition, catalog) == []


def test_a_rule_without_conditions(definition: Definition, catalog: Any) -> None:
    del definition["if"]
    definition["then"][DEAL]["key"] = None
    assert problems_of(definition, catalog) == []


def test_waits_need_a_date(definition: Definition, catalog: Any) -> None:
    definition["then"][3]["until"]["from"] = "document.amount"
    assert problems_of(definition, catalog) == [("then[3].until.from", "type_clash")]
    definition["then"][3]["until"]["from"] = "document.nope"
    assert problems_of(definition, catalog) == [("then[3].until.from", "path_unknown")]


AWAIT: Definition = {
    "id": "signed",
    "kind": "await",
    "connection": "Clicksign",
    "trigger": "document_completed",
    "for": {"days": 7},
}


@pytest.mark.parametrize(
    ("parts", "path", "code"),
    [
        ({}, None, None),
        ({"about": {"field": "signer.email", "as": "signer.email"}}, None, None),
        ({"about": {"field": "document.key", "as": "steps.deal.document"}}, None, None),
        ({"if": [{"field": "document.amount", "is": "greater", "value": 10}]}, None, None),
        ({"connection": "nobody"}, "connection", "connection_unknown"),
        ({"trigger": "nothing"}, "trigger", "trigger_unknown"),
        ({"options": {"odd": 1}}, "options.odd", "option_unknown"),
        ({"about": {"field": "signer.nope", "as": "signer.email"}}, "about.field", "path_unknown"),
        ({"about": {"field": "signer.email", "as": "steps.nowhere.x"}}, "about.as", "step_unknown"),
        ({"about": {"field": "signer.email"}}, "about.as", "await_as_missing"),
        ({"if": [{"field": "deal.x", "is": "is_empty"}]}, "if.all[0].field", "path_unknown"),
        (
            {"if": [{"field": "document.amount", "is": "greater", "value": "x"}]},
            "if.all[0].value",
            "test_value_wrong",
        ),
    ],
)
def test_waits_for_an_event(
    definition: Definition, catalog: Any, parts: Definition, path: str | None, code: str | None
) -> None:
    definition["then"].append({**AWAIT, **parts})
    place = f"then[{len(definition['then']) - 1}]"
    assert problems_of(definition, catalog) == ([(f"{place}.{path}", code)] if path else [])


def test_a_wait_for_an_event_of_another_account_says_whose_it_is(
    definition: Definition, catalog: Any
) -> None:
    definition["then"].append({**AWAIT, "connection": "CRM"})
    place = f"then[{len(definition['then']) - 1}]"
    assert problems_of(definition, catalog) == [(f"{place}.about", "await_about_missing")]
    definition["automation"] = {"person": "signer.email"}
    definition["then"][-1]["about"] = {"field": "signer.email"}
    assert problems_of(definition, catalog) == []


def test_later_steps_read_what_the_awaited_event_told(definition: Definition, catalog: Any) -> None:
    reads = {"id": "over", "kind": "stop", "if": [{"field": "steps.signed.happened", "is": "is_false"}]}
    definition["then"] += [AWAIT, reads]
    assert problems_of(definition, catalog) == []


@pytest.mark.parametrize(
    ("part", "source", "path", "code"),
    [
        ("to", {"text": "chefe@"}, "to", "email_wrong"),
        ("to", {"value": ""}, "to", "field_missing"),
        ("to", {"from": "nobody.email"}, "to.from", "path_unknown"),
        ("subject", {"text": ""}, "subject", "field_missing"),
        ("body", {"text": "{{ nope }}"}, "body.text", "template_unknown"),
    ],
)
def test_emails(
    definition: Definition, catalog: Any, part: str, source: Definition, path: str, code: str
) -> None:
    definition["then"][4]["then"][0][part] = source
    assert problems_of(definition, catalog) == [(f"then[4].then[0].{path}", code)]


@pytest.mark.parametrize(
    "source", [{"from": "signer.email"}, {"text": "{{ signer.email }}"}, {"value": "a@b.co, c@d.co"}]
)
def test_an_email_goes_to_a_fixed_address_or_a_field(
    definition: Definition, catalog: Any, source: Definition
) -> None:
    definition["then"][4]["then"][0]["to"] = source
    assert problems_of(definition, catalog) == []


def find(step_id: str, text: str) -> Definition:
    base = {"id": step_id, "kind": "find", "connection": "CRM", "action": "find_contact"}
    return {**base, "fields": {"email": {"text": text}}}


def test_branches_see_what_ran_before_and_not_each_other(definition: Definition, catalog: Any) -> None:
    definition["then"] = [
        {
            "id": "b",
            "kind": "branch",
            "if": {"all": []},
            "then": [find("one", "a@b.co"), find("two", "{{ steps.one.x }}")],
            "else": [find("three", "{{ steps.one.x }}")],
        },
        find("four", "{{ steps.two.x }}{{ steps.three.x }}"),
    ]
    assert problems_of(definition, catalog) == [("then[0].else[0].fields.email.text", "step_not_before")]


def test_a_number_may_tick_a_box(definition: Definition, catalog: Any) -> None:
    catalog.actions["find_contact"] = ActionShape((Field("email", FieldType.BOOLEAN),), reads_only=True)
    definition["then"][0]["fields"]["email"] = {"from": "document.amount"}
    assert problems_of(definition, catalog) == []


def test_only_numbers_that_a_step_reads_first_are_raised(definition: Definition, catalog: Any) -> None:
    deal = next(one for one in definition["then"] if one["kind"] == "action")
    place = f"then[{definition['then'].index(deal)}].fields"
    deal["fields"]["deal.amount"] = {"value": 5, "write": "raise"}
    assert problems_of(definition, catalog) == [(f"{place}.deal.amount.write", "field_not_counted")]
    catalog.actions[deal["action"]] = replace(catalog.actions[deal["action"]], counts=("deal",))
    assert problems_of(definition, catalog) == []
    deal["fields"]["deal.name"]["write"] = "lower"
    assert problems_of(definition, catalog) == [(f"{place}.deal.name.write", "field_not_counted")]


def test_who_is_notified_must_be_a_member_and_told_something(definition: Definition, catalog: Any) -> None:
    tell = {"id": "tell", "kind": "notify", "member": "ana@example.com", "text": {"text": "{{ rule.title }}"}}
    definition["then"].append(tell)
    place = f"then[{len(definition['then']) - 1}]"
    assert problems_of(definition, catalog) == []
    tell |= {"member": "bia@example.com", "text": {"text": ""}}
    assert problems_of(definition, catalog) == [
        (f"{place}.member", "member_unknown"),
        (f"{place}.text", "field_missing"),
    ]


def test_a_stop_reads_only_what_came_before(definition: Definition, catalog: Any) -> None:
    test = {"field": "steps.nowhere.x", "is": "is_true"}
    definition["then"].append({"id": "end", "kind": "stop", "if": [test]})
    place = f"then[{len(definition['then']) - 1}]"
    assert problems_of(definition, catalog) == [(f"{place}.if.all[0].field", "step_unknown")]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"field": "document.status", "from": "running", "to": "closed"}, []),
        ({"field": "document.status"}, []),
        ({"field": "document.status", "to": "gone"}, [("when.changed.to", "change_not_followed")]),
        ({"field": "document.filename"}, [("when.changed.field", "change_not_told")]),
        ({"field": "nothing.there"}, [("when.changed.field", "change_not_told")]),
    ],
)
def test_only_a_change_that_is_told_can_be_waited_for(
    definition: Definition, catalog: Any, changed: Any, expected: Any
) -> None:
    status = Field("document.status")
    fields = (*catalog.trigger_shape.fields, status)
    follows = (("document.status", "states", ("running", "closed")),)
    catalog.trigger_shape = replace(
        catalog.trigger_shape, fields=fields, changes=("document.status",), follows=follows
    )
    definition["when"]["changed"] = changed
    assert problems_of(definition, catalog) == expected
