"""Compiled rules: stored, loaded and run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaivem.core.compiled_steps import (
    CompiledAction,
    CompiledBranch,
    CompiledEmail,
    CompiledWait,
    EmailContent,
)
from vaivem.core.compiler import CompiledRule, compile_rule
from vaivem.core.errors import RuleError
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.mapping import MappingError
from vaivem.core.rules import parse_rule

Definition = dict[str, Any]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def compiled(definition: Definition, catalog: Any) -> CompiledRule:
    return compile_rule(parse_rule(definition), catalog)


def test_a_compiled_rule_survives_json(compiled: CompiledRule) -> None:
    stored = json.loads(json.dumps(compiled.to_dict()))
    loaded = CompiledRule.from_dict(stored)
    assert loaded.to_dict() == compiled.to_dict()
    assert loaded.rule == compiled.rule
    assert loaded.fields == compiled.fields


def test_it_holds_what_the_engine_needs(compiled: CompiledRule) -> None:
    assert compiled.kinds == {"document_closed"}
    assert compiled.connection_id == 1
    assert compiled.trigger.trigger == "document_completed"
    assert compiled.connections == {"Clicksign": 1, "CRM": 2}
    assert [step.id for step in compiled.steps] == ["who", "deal", "pause", "later", "big"]
    deal = compiled.step("deal")
    assert isinstance(deal, CompiledAction)
    assert deal.connection_id == 2
    assert set(deal.fields) == {
        "deal.name",
        "deal.stage",
        "deal.amount",
        "deal.expected",
        "contact.name",
        "contact.email",
    }
    assert deal.fields["deal.name"].required
    assert isinstance(compiled.step("mail"), CompiledEmail)
    with pytest.raises(KeyError):
        compiled.step("nope")


def test_it_knows_every_path_that_it_reads(compiled: CompiledRule) -> None:
    assert compiled.paths == {
        "document.filename",
        "document.amount",
        "document.closed_at",
        "signer.email",
        "signer.name",
        "signers",
        "one.name",
        "one.email",
    }


def test_its_conditions_know_the_types_of_fields(compiled: CompiledRule, scope: dict[str, Any]) -> None:
    assert compiled.passes(scope).passed
    scope["document"]["amount"] = "R$ 99,99"
    verdict = compiled.passes(scope)
    assert not verdict.passed
    assert [(r.test.field, r.test.type, r.seen) for r in verdict.reasons] == [
        ("document.amount", FieldType.MONEY, "R$ 99,99")
    ]


def test_a_rule_without_conditions_lets_everything_through(definition: Definition, catalog: Any) -> None:
    del definition["if"]
    compiled = compile_rule(parse_rule(definition), catalog)
    assert compiled.passes({}).passed
    assert "if" not in compiled.to_dict()["rule"]


def test_it_fills_the_fields_of_a_step(compiled: CompiledRule, scope: dict[str, Any]) -> None:
    deal = compiled.step("deal")
    assert isinstance(deal, CompiledAction)
    values = deal.resolve(scope, zone="America/Sao_Paulo")
    assert values.group("deal").to_create() == {
        "name": "Contrato Contrato – Padaria.pdf de ana da silva",
        "stage": "s2",
        "amount": 1234.56,
        "expected": "2026-11-19",
    }
    assert [one["name"] for one in values.each("contact")] == ["Ana", "Beto"]


def test_waits(compiled: CompiledRule, scope: dict[str, Any]) -> None:
    pause, later = compiled.step("pause"), compiled.step("later")
    assert isinstance(pause, CompiledWait)
    assert isinstance(later, CompiledWait)
    assert pause.until(scope, now=NOW) == NOW + timedelta(days=2, hours=1)
    assert later.until(scope, now=NOW) == datetime(2026, 11, 19, 2, 1, 6, tzinfo=UTC)
    scope["document"]["closed_at"] = "2026-12-24"
    assert later.until(scope, now=NOW, zone="UTC") == datetime(2026, 12, 22, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(("seen", "shown"), [(None, ""), ("amanhã", "amanhã")])
def test_a_wait_without_a_date_fails(
    compiled: CompiledRule, scope: dict[str, Any], seen: Any, shown: str
) -> None:
    scope["document"]["closed_at"] = seen
    later = compiled.step("later")
    assert isinstance(later, CompiledWait)
    with pytest.raises(MappingError) as caught:
        later.until(scope, now=NOW)
    assert caught.value.problem.code == "wait_no_date"
    assert caught.value.problem.params == {"value": shown, "field": "document.closed_at"}


@pytest.mark.parametrize(("amount", "way"), [("1.000,00", "mail"), ("999,99", "nap")])
def test_a_branch_goes_one_way(compiled: CompiledRule, scope: dict[str, Any], amount: str, way: str) -> None:
    scope["document"]["amount"] = amount
    big = compiled.step("big")
    assert isinstance(big, CompiledBranch)
    verdict, steps = big.choose(scope)
    assert verdict.passed is (way == "mail")
    assert [step.id for step in steps] == [way]


def email(definition: Definition, catalog: Any, **parts: Any) -> CompiledEmail:
    definition["then"][4]["then"][0] |= parts
    step = compile_rule(parse_rule(definition), catalog).step("mail")
    assert isinstance(step, CompiledEmail)
    return step


def test_an_email(definition: Definition, catalog: Any, scope: dict[str, Any]) -> None:
    step = email(definition, catalog, to={"from": "signers[].email"})
    assert step.fill(scope) == EmailContent(
        ("ana@raiar.example", "beto@raiar.example"), "Contrato – Padaria.pdf", "Valor: 1.234,56"
    )


def test_an_email_may_have_an_empty_body(definition: Definition, catalog: Any, scope: dict[str, Any]) -> None:
    assert email(definition, catalog, body={"value": ""}).fill(scope).body == ""


def test_everything_wrong_with_an_email_is_told(
    definition: Definition, catalog: Any, scope: dict[str, Any]
) -> None:
    step = email(
        definition,
        catalog,
        to={"from": "signer.name"},
        subject={"from": "document.nothing"},
        body={"text": "{{ 1 | divided_by: 0 }}"},
    )
    with pytest.raises(MappingError) as caught:
        step.fill(scope)
    assert [(problem.path, problem.code) for problem in caught.value.problems] == [
        ("to", "bad_email"),
        ("subject", "required_missing"),
        ("body", "template_failed"),
    ]


def test_what_the_catalog_lacks_is_told_at_once(definition: Definition, catalog: Any) -> None:
    definition["when"]["trigger"] = "nope"
    definition["then"][0]["connection"] = "Gone"
    definition["then"][0]["action"] = "nope"
    with pytest.raises(RuleError) as caught:
        compile_rule(parse_rule(definition), catalog)
    assert {problem.code for problem in caught.value.problems} == {
        "connection_unknown",
        "trigger_unknown",
        "action_unknown",
    }


def test_fields_can_be_brought_up_to_date(
    compiled: CompiledRule, catalog: Any, scope: dict[str, Any]
) -> None:
    shape = catalog.actions["create_or_update_deal"]
    fields = tuple(
        replace(field, options=(Option("s2", "Assinado"),)) if field.key == "deal.stage" else field
        for field in shape.fields
        if field.key != "deal.expected"
    )
    catalog.actions["create_or_update_deal"] = replace(shape, fields=fields)
    del catalog.actions["find_contact"]
    fresh = compiled.refreshed(catalog)
    assert fresh.fields["who"] == compiled.fields["who"]
    assert fresh.fields["deal"]["deal.stage"].options == (Option("s2", "Assinado"),)
    deal = fresh.step("deal")
    assert isinstance(deal, CompiledAction)
    with pytest.raises(MappingError) as caught:
        deal.resolve(scope)
    assert [(problem.path, problem.code) for problem in caught.value.problems] == [
        ("deal.expected", "field_gone")
    ]


def test_required_fields_of_the_action_are_kept_though_not_mapped(
    definition: Definition, catalog: Any
) -> None:
    shape = catalog.actions["find_contact"]
    catalog.actions["find_contact"] = replace(shape, fields=(*shape.fields, Field("code", required=True)))
    compiled = compile_rule(parse_rule(definition), catalog)
    assert set(compiled.fields["who"]) == {"email", "code"}


def test_another_format_is_refused(compiled: CompiledRule) -> None:
    with pytest.raises(RuleError) as caught:
        CompiledRule.from_dict({**compiled.to_dict(), "format": 99})
    assert caught.value.code == "compiled_format_unknown"
