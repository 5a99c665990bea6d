"""A rule's definition: reading, writing, and everything that can be wrong with one."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaivem.core.changes import Change
from vaivem.core.conditions import Group, Joint, Test
from vaivem.core.errors import Recovery
from vaivem.core.fields import FieldType, WritePolicy
from vaivem.core.operators import Operator
from vaivem.core.rules import (
    ActionStep,
    BranchStep,
    EmailStep,
    FindStep,
    KeyChoice,
    KeyKind,
    Missing,
    NotifyStep,
    OnBad,
    Origin,
    Repeat,
    Rule,
    RuleDefinitionError,
    Source,
    StopStep,
    WaitStep,
    parse_rule,
    read_rule,
    rule_to_dict,
)

Definition = dict[str, Any]


def problems_of(definition: Any) -> list[tuple[str, str]]:
    with pytest.raises(RuleDefinitionError) as caught:
        parse_rule(definition)
    assert caught.value.recovery is Recovery.FIX_RULE
    json.dumps([problem.to_dict() for problem in caught.value.problems])
    return [(problem.path, problem.code) for problem in caught.value.problems]


def test_reads_a_whole_rule(definition: Definition) -> None:
    rule = parse_rule(definition)
    find, deal, pause, later, big = rule.then
    assert rule.title == "Contrato assinado vira negócio"
    assert rule.when.options == {"folder": "Vendas"}
    assert rule.connections() == {"Clicksign", "CRM"}
    assert isinstance(find, FindStep)
    assert find.missing is Missing.STOP
    assert isinstance(deal, ActionStep)
    assert deal.key == KeyChoice(KeyKind.FIELD, "deal.name")
    assert deal.repeat == {"contact": Repeat("signers", "one")}
    assert [mapping.field for mapping in deal.mappings][:2] == ["deal.name", "deal.stage"]
    name, stage, amount, expected, *_ = deal.mappings
    assert (name.source.origin, name.cut, name.write, name.on_bad) == (Origin.TEXT, True, None, OnBad.FAIL)
    assert (stage.source, stage.write) == (Source(Origin.VALUE, "s2"), WritePolicy.CREATED)
    assert (amount.on_bad, amount.instead) == (OnBad.USE, 0)
    assert (expected.on_bad, expected.clear) == (OnBad.SKIP, True)
    assert isinstance(pause, WaitStep)
    assert pause.duration == timedelta(days=2, hours=1)
    assert isinstance(later, WaitStep)
    assert (later.until, later.shift) == ("document.closed_at", -timedelta(days=1, minutes=30))
    assert isinstance(big, BranchStep)
    assert isinstance(big.then[0], EmailStep)
    assert [path for path, _ in rule.all_steps()] == [
        "then[0]",
        "then[1]",
        "then[2]",
        "then[3]",
        "then[4]",
        "then[4].then[0]",
        "then[4].else[0]",
    ]


def test_a_rule_survives_json(definition: Definition) -> None:
    rule = parse_rule(definition)
    written = rule_to_dict(rule)
    assert parse_rule(json.loads(json.dumps(written))) == rule
    assert rule_to_dict(parse_rule(written)) == written


def test_what_is_written_is_what_was_read(definition: Definition) -> None:
    written = rule_to_dict(parse_rule(definition))
    assert written["then"][:4] == definition["then"][:4]
    assert written["if"] == definition["if"]
    assert written["when"] == definition["when"]


def test_fixed_values_and_options_may_be_any_json(definition: Definition) -> None:
    definition["then"][1]["options"] = {"tags": ["a", {"b": [1, None, True, 1.5]}]}
    definition["then"][1]["fields"]["deal.tags"] = {"value": ["a", "b"]}
    assert rule_to_dict(parse_rule(definition))["then"][1] == definition["then"][1]


def minimal(**step: Any) -> Definition:
    base = {"id": "a", "kind": "action", "connection": 2, "action": "note"}
    return {"title": "x", "when": {"connection": 1, "trigger": "t"}, "then": [{**base, **step}]}


def test_the_smallest_rule() -> None:
    rule = parse_rule(minimal())
    assert rule == Rule("x", rule.when, (ActionStep("a", 2, "note"),))
    assert rule_to_dict(rule) == minimal()
    assert rule.connections() == {1, 2}


def condition_of(data: Any) -> Group | None:
    return parse_rule({**minimal(), "if": data}).condition


@pytest.mark.parametrize(
    ("data", "group"),
    [
        ([{"field": "a", "is": "is_empty"}], Group(Joint.ALL, (Test("a", Operator.IS_EMPTY),))),
        (
            {"not": {"field": "a", "is": "one_of", "value": ["x"]}},
            Group(Joint.NOT, (Test("a", Operator.ONE_OF, ["x"]),)),
        ),
        (
            {"any": [{"all": []}, {"field": "a", "is": "before", "value": date(2026, 1, 2), "type": "date"}]},
            Group(
                Joint.ANY,
                (Group(Joint.ALL, ()), Test("a", Operator.BEFORE, "2026-01-02", FieldType.DATE)),
            ),
        ),
    ],
)
def test_conditions_are_read_and_written(data: Any, group: Group) -> None:
    assert condition_of(data) == group
    written = rule_to_dict(parse_rule({**minimal(), "if": data}))["if"]
    assert condition_of(written) == group


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        ("x", "if", "rule_wrong_type"),
        ({"all": [], "any": []}, "if", "rule_one_of"),
        ({"some": []}, "if.some", "rule_unknown_key"),
        ({"all": "x"}, "if.all", "rule_wrong_type"),
        ({"all": ["x"]}, "if.all[0]", "rule_wrong_type"),
        ({"all": [{"field": "a"}]}, "if.all[0].is", "rule_missing"),
        ({"all": [{"field": "a", "is": "matches"}]}, "if.all[0].is", "rule_unknown_choice"),
        ({"all": [{"field": "a..b", "is": "is_empty"}]}, "if.all[0].field", "rule_bad_path"),
        ({"all": [{"field": "", "is": "is_empty"}]}, "if.all[0].field", "rule_missing"),
        ({"all": [{"field": "a", "is": "equals"}]}, "if.all[0].value", "rule_missing"),
        ({"all": [{"field": "a", "is": "equals", "value": ["x"]}]}, "if.all[0].value", "rule_wrong_type"),
        ({"all": [{"field": "a", "is": "one_of", "value": "x"}]}, "if.all[0].value", "rule_wrong_type"),
        ({"all": [{"field": "a", "is": "between", "value": [1]}]}, "if.all[0].value", "rule_two_values"),
        ({"all": [{"field": "a", "is": "equals", "value": object()}]}, "if.all[0].value", "rule_wrong_type"),
        (
            {"all": [{"field": "a", "is": "equals", "value": float("nan")}]},
            "if.all[0].value",
            "rule_wrong_type",
        ),
        ({"all": [{"field": "a", "is": "is_empty", "type": "x"}]}, "if.all[0].type", "rule_unknown_choice"),
        ({"all": [{"field": "a", "is": "is_empty", "odd": 1}]}, "if.all[0].odd", "rule_unknown_key"),
        ({"all": [{"field": "a", "is": "is_empty"}] * 101}, "if", "rule_too_many_tests"),
        (
            {"all": [{"all": [{"all": [{"all": [{"all": [{"all": []}]}]}]}]}]},
            "if.all[0].all[0].all[0].all[0].all[0]",
            "rule_too_deep",
        ),
    ],
)
def test_what_can_be_wrong_with_conditions(data: Any, path: str, code: str) -> None:
    assert (path, code) in problems_of({**minimal(), "if": data})


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"title": ""}, "title", "rule_missing"),
        ({"title": 5}, "title", "rule_wrong_type"),
        ({"title": "x" * 201}, "title", "rule_too_long"),
        ({"odd": 1}, "odd", "rule_unknown_key"),
        ({5: 1}, "5", "rule_unknown_key"),
        ({"when": None}, "when", "rule_missing"),
        ({"when": {"connection": True, "trigger": "t"}}, "when.connection", "rule_wrong_type"),
        ({"when": {"connection": 1}}, "when.trigger", "rule_missing"),
        ({"when": {"connection": 1, "trigger": "t", "options": [1]}}, "when.options", "rule_wrong_type"),
        ({"then": None}, "then", "rule_no_steps"),
        ({"then": []}, "then", "rule_no_steps"),
        ({"then": {}}, "then", "rule_wrong_type"),
        ({"then": "steps"}, "then", "rule_wrong_type"),
        ({"then": ["x"]}, "then[0]", "rule_wrong_type"),
        ({"then": [{"id": "a"}]}, "then[0].kind", "rule_unknown_choice"),
        ({"then": [{"id": "a", "kind": []}]}, "then[0].kind", "rule_unknown_choice"),
    ],
)
def test_what_can_be_wrong_with_a_rule(change: dict[Any, Any], path: str, code: str) -> None:
    assert (path, code) in problems_of({**minimal(), **change})


def wait(**content: Any) -> Definition:
    return {"id": "a", "kind": "wait", "connection": None, "action": None, **content}


@pytest.mark.parametrize(
    ("step", "path", "code"),
    [
        ({"id": "Ação"}, "id", "rule_bad_name"),
        ({"id": None}, "id", "rule_missing"),
        ({"missing": "stop"}, "missing", "rule_unknown_key"),
        ({"kind": "find", "missing": "cry"}, "missing", "rule_unknown_choice"),
        ({"connection": ""}, "connection", "rule_missing"),
        ({"key": {}}, "key.by", "rule_missing"),
        ({"key": {"by": "magic"}}, "key.by", "rule_unknown_choice"),
        ({"key": {"by": "field"}}, "key.field", "rule_missing"),
        ({"repeat": {"contact": {"over": "signers"}}}, "repeat.contact.as", "rule_missing"),
        ({"repeat": {"contact": {"over": "signers", "as": "steps"}}}, "repeat.contact.as", "rule_bad_name"),
        ({"repeat": {"contact": {"over": "[]", "as": "one"}}}, "repeat.contact.over", "rule_bad_path"),
        ({"fields": []}, "fields", "rule_wrong_type"),
        ({"fields": {"a.b": "x"}}, "fields.a.b", "rule_wrong_type"),
        ({"fields": {"a": {}}}, "fields.a", "rule_one_of"),
        ({"fields": {"a": {"from": "x", "value": 1}}}, "fields.a", "rule_one_of"),
        ({"fields": {"a": {"from": "x..y"}}}, "fields.a.from", "rule_bad_path"),
        ({"fields": {"a": {"text": "x" * 20_001}}}, "fields.a.text", "rule_too_long"),
        ({"fields": {"a": {"value": {1}}}}, "fields.a.value", "rule_wrong_type"),
        ({"fields": {"a": {"value": 1, "write": "never"}}}, "fields.a.write", "rule_unknown_choice"),
        ({"fields": {"a": {"value": 1, "on_bad": "x"}}}, "fields.a.on_bad", "rule_unknown_choice"),
        ({"fields": {"a": {"value": 1, "on_bad": "use"}}}, "fields.a.instead", "rule_instead_with_use"),
        ({"fields": {"a": {"value": 1, "instead": 0}}}, "fields.a.instead", "rule_instead_with_use"),
        ({"fields": {"a": {"value": 1, "clear": "yes"}}}, "fields.a.clear", "rule_wrong_type"),
        ({"fields": {"a": {"value": 1, "max": 5}}}, "fields.a.max", "rule_unknown_choice"),
        ({"fields": {f"f{n}": {"value": 1} for n in range(201)}}, "fields", "rule_too_many_mappings"),
        ({"kind": "wait"}, "", "rule_one_of"),
        ({"kind": "await", "connection": 1, "trigger": "t"}, "for", "rule_missing"),
        ({"kind": "await", "for": {"days": 1}}, "trigger", "rule_missing"),
        ({"kind": "await", "for": {"days": 400}}, "for", "rule_bad_duration"),
        ({"kind": "await", "about": {"as": "a"}}, "about.field", "rule_missing"),
        ({"kind": "await", "about": {"field": "a", "is": "b"}}, "about.is", "rule_unknown_key"),
        ({"kind": "await", "if": {"all": ["x"]}}, "if.all[0]", "rule_wrong_type"),
        ({"kind": "wait", "for": {"days": 1}, "until": {"from": "a"}}, "", "rule_one_of"),
        ({"kind": "wait", "for": {"days": 0}}, "for", "rule_bad_duration"),
        ({"kind": "wait", "for": {"days": -1}}, "for", "rule_bad_duration"),
        ({"kind": "wait", "for": {"days": 367}}, "for", "rule_bad_duration"),
        ({"kind": "wait", "for": {"weeks": 1}}, "for.weeks", "rule_unknown_key"),
        ({"kind": "wait", "for": {"days": True}}, "for.days", "rule_wrong_type"),
        ({"kind": "wait", "for": {"days": 1e300}}, "for.days", "rule_wrong_type"),
        ({"kind": "wait", "until": {}}, "until.from", "rule_missing"),
        (
            {"kind": "wait", "until": {"from": "a", "shift": {"days": -400}}},
            "until.shift",
            "rule_bad_duration",
        ),
        ({"kind": "branch", "then": [{}]}, "if", "rule_missing"),
        ({"kind": "branch", "if": {"all": []}}, "", "rule_no_steps"),
        ({"kind": "email"}, "to", "rule_missing"),
        ({"kind": "email", "to": {"text": "a", "max": "cut"}}, "to.max", "rule_unknown_key"),
    ],
)
def test_what_can_be_wrong_with_a_step(step: Definition, path: str, code: str) -> None:
    place = f"then[0].{path}" if path else "then[0]"
    assert (place, code) in problems_of(minimal(**step))


def test_everything_wrong_is_told_at_once() -> None:
    assert problems_of({"then": [{"kind": "action"}, {"id": "a", "kind": "wait", "for": {}}]}) == [
        ("title", "rule_missing"),
        ("when", "rule_missing"),
        ("then[0].id", "rule_missing"),
        ("then[0].connection", "rule_missing"),
        ("then[0].action", "rule_missing"),
        ("then[1].for", "rule_bad_duration"),
    ]


def test_step_ids_are_unique_across_branches(definition: Definition) -> None:
    definition["then"][4]["then"][0]["id"] = "deal"
    assert problems_of(definition) == [("then[4].then[0].id", "rule_step_id_twice")]


def nested(depth: int) -> Definition:
    step: Definition = {"id": "z", "kind": "wait", "for": {"days": 1}}
    for level in range(depth - 1):
        step = {"id": f"b{level}", "kind": "branch", "if": {"all": []}, "then": [step]}
    return {**minimal(), "then": [step]}


def test_branches_nest_five_deep_and_no_more() -> None:
    assert len(parse_rule(nested(5)).all_steps()) == 5
    assert problems_of(nested(6)) == [
        ("then[0].then[0].then[0].then[0].then[0].then", "rule_too_deep"),
    ]


def test_a_rule_has_fifty_steps_at_most() -> None:
    steps = [{"id": f"s{n}", "kind": "wait", "for": {"days": 1}} for n in range(51)]
    assert len(parse_rule({**minimal(), "then": steps[:50]}).then) == 50
    assert problems_of({**minimal(), "then": steps}) == [("then", "rule_too_many_steps")]


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=366)))
def test_durations_survive_their_written_form(duration: timedelta) -> None:
    rule = Rule("x", parse_rule(minimal()).when, (WaitStep("a", duration),))
    assert parse_rule(rule_to_dict(rule)).then == rule.then


@given(st.timedeltas(timedelta(days=-300), timedelta(days=300)))
def test_shifts_survive_their_written_form(shift: timedelta) -> None:
    rule = Rule("x", parse_rule(minimal()).when, (WaitStep("a", until="a.b", shift=shift),))
    assert parse_rule(rule_to_dict(rule)).then == rule.then


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["action", "wait", "branch"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["title", "when", "then", "if", "kind", "id", "fields", "for", "all", "not", "text"]
            )
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["title", "when", "if", "then"]), JSON) | JSON)
def test_any_json_is_a_rule_or_a_list_of_problems(data: Any) -> None:
    try:
        rule = parse_rule(data)
    except RuleDefinitionError:
        return
    assert parse_rule(rule_to_dict(rule)) == rule


def test_stop_and_notify_come_back_as_they_were() -> None:
    stop = {"id": "a", "kind": "stop", "if": {"any": [{"field": "x", "is": "is_true"}]}}
    tell = {"id": "b", "kind": "notify", "member": "ana@example.com", "text": {"text": "{{ x }}"}}
    rule = parse_rule(minimal() | {"then": [stop, tell]})
    assert isinstance(rule.then[0], StopStep)
    assert isinstance(rule.then[1], NotifyStep)
    assert rule_to_dict(rule)["then"] == [stop, tell]


@pytest.mark.parametrize(
    ("step", "place", "code"),
    [
        ({"kind": "stop"}, "then[0].if", "rule_missing"),
        ({"kind": "notify", "text": {"text": "x"}}, "then[0].member", "rule_missing"),
        ({"kind": "notify", "member": "a@b.example"}, "then[0].text", "rule_missing"),
        (
            {"kind": "stop", "if": [{"field": "x", "is": "is_true"}], "then": []},
            "then[0].then",
            "rule_unknown_key",
        ),
    ],
)
def test_what_is_wrong_with_stop_and_notify_is_said_by_place(
    step: dict[str, Any], place: str, code: str
) -> None:
    _, problems = read_rule(minimal() | {"then": [{"id": "a", **step}]})
    assert (place, code) in {(one.path, one.code) for one in problems}


def test_an_automation_comes_back_as_it_was() -> None:
    data = minimal() | {"automation": {"person": "signer.email", "inside": "skip"}}
    rule = parse_rule(data)
    assert rule.automation is not None
    assert rule.automation.person == "signer.email"
    assert rule_to_dict(rule)["automation"] == data["automation"]
    assert "automation" not in rule_to_dict(parse_rule(minimal()))
    _, problems = read_rule(minimal() | {"automation": {"inside": "maybe"}})
    assert [(one.path, one.code) for one in problems] == [
        ("automation.person", "rule_missing"),
        ("automation.inside", "rule_unknown_choice"),
    ]


def test_a_change_that_a_rule_waits_for_comes_back_as_it_was() -> None:
    when = minimal()["when"] | {"changed": {"field": "deal.stage", "from": "4", "to": 5, "type": "option"}}
    rule = parse_rule(minimal() | {"when": when})
    assert rule.when.changed == Change("deal.stage", "4", 5, FieldType.OPTION)
    assert rule_to_dict(rule)["when"] == when
    alone = minimal()["when"] | {"changed": {"field": "deal.stage"}}
    assert rule_to_dict(parse_rule(minimal() | {"when": alone}))["when"] == alone
    empty = minimal()["when"] | {"changed": {"field": "deal.stage", "from": "", "to": None}}
    assert rule_to_dict(parse_rule(minimal() | {"when": empty}))["when"] == alone


@pytest.mark.parametrize(
    ("changed", "place", "code"),
    [
        ({}, "when.changed.field", "rule_missing"),
        ("deal.stage", "when.changed", "rule_wrong_type"),
        ({"field": "a b[", "to": "x"}, "when.changed.field", "rule_bad_path"),
        ({"field": "a", "to": ["x"]}, "when.changed.to", "rule_wrong_type"),
        ({"field": "a", "until": "x"}, "when.changed.until", "rule_unknown_key"),
        ({"field": "a", "type": "colour"}, "when.changed.type", "rule_unknown_choice"),
    ],
)
def test_what_is_wrong_with_a_change_is_said_by_place(changed: Any, place: str, code: str) -> None:
    _, problems = read_rule(minimal() | {"when": minimal()["when"] | {"changed": changed}})
    assert (place, code) in [(one.path, one.code) for one in problems]
