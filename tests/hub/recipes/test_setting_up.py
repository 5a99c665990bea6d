"""From a recipe to a rule: accounts, choices, what it would write."""

from __future__ import annotations

from typing import Any

import pytest
from tests.hub.workplace import Workplace

from vaivem.core.errors import Problem, RuleError

KEY = "acme_document_to_deal"
CHOSEN = {"pipeline": "p1", "stage": "s12"}


@pytest.fixture
def recipe(workplace: Workplace) -> Any:
    from vaivem.connectors.sdk.recipes import get_recipe

    return get_recipe(KEY)


def catalog(workplace: Workplace) -> Any:
    from vaivem.hub.rules.catalog import WorkspaceCatalog

    return WorkspaceCatalog(workplace.site.workspace)


def accounts(workplace: Workplace) -> dict[str, Any]:
    return {"source": workplace.sign, "target": workplace.crm}


def test_switching_on_makes_a_published_rule(workplace: Workplace, recipe: Any) -> None:
    from vaivem.hub.recipes.setting_up import switch_on

    given = {"source": workplace.sign.pk, "target": workplace.crm.pk}
    rule = switch_on(recipe, workplace.site.workspace, given, CHOSEN, workplace.site.owner)
    assert (rule.state, rule.version, rule.recipe) == ("on", 1, KEY)
    assert rule.title == "Contrato assinado vira negociação"
    again = switch_on(recipe, workplace.site.workspace, given, CHOSEN)
    assert again.title == "Contrato assinado vira negociação (2)"


def test_only_connections_of_the_right_system_fit(workplace: Workplace, recipe: Any) -> None:
    from vaivem.hub.recipes.setting_up import RecipeError, fitting, read_accounts

    found = fitting(recipe, catalog(workplace))
    assert {key: [row.pk for row in rows] for key, rows in found.items()} == {
        "source": [workplace.sign.pk], "target": [workplace.crm.pk],
    }  # fmt: skip
    swapped = {"source": workplace.crm.pk, "target": str(workplace.sign.pk)}
    with pytest.raises(RecipeError) as raised:
        read_accounts(recipe, swapped, catalog(workplace))
    assert [problem.path for problem in raised.value.problems] == ["source", "target"]
    assert read_accounts(recipe, {"source": "assinaturas", "target": workplace.crm.pk}, catalog(workplace))


def test_a_stage_waits_for_its_funnel_and_is_of_that_funnel(workplace: Workplace, recipe: Any) -> None:
    from vaivem.hub.recipes.setting_up import ask

    first = {one.choice.key: one for one in ask(recipe, accounts(workplace), {}, catalog(workplace))}
    assert [option.label for option in first["pipeline"].options] == ["Vendas", "Pós-venda"]
    assert (first["stage"].options, first["stage"].waits_for) == ((), "pipeline")
    assert first["per"].shown
    then = ask(recipe, accounts(workplace), {"pipeline": "p2", "stage": "s12"}, catalog(workplace))
    stage = next(one for one in then if one.choice.key == "stage")
    assert [option.label for option in stage.options] == ["Novo"]
    assert stage.value == "s21"  # the other funnel's is dropped, and the only one chooses itself


def test_what_is_not_asked_is_hidden(workplace: Workplace, recipe: Any) -> None:
    from vaivem.hub.recipes.setting_up import ask

    asked = ask(recipe, accounts(workplace), {"trigger": "signer_signed"}, catalog(workplace))
    assert [one.choice.key for one in asked if not one.shown] == ["per"]


def test_open_choices_are_named(workplace: Workplace, recipe: Any) -> None:
    from vaivem.hub.recipes.setting_up import RecipeError, switch_on

    with pytest.raises(RecipeError) as raised:
        switch_on(
            recipe,
            workplace.site.workspace,
            {"source": workplace.sign.pk, "target": workplace.crm.pk},
            {"pipeline": "p1"},
        )
    assert [(p.code, p.path) for p in raised.value.problems] == [("choice_missing", "stage")]


def test_what_a_setting_stands_in_for_is_asked_without_it(workplace: Workplace, recipe: Any) -> None:
    """A vendor may refuse what has no owner: every run would fail, and nobody had been asked."""
    from msgspec.structs import replace

    from vaivem.hub.recipes.setting_up import RecipeError, ask, definition

    choices = [
        replace(one, required=False, stand_in="first_stage") if one.key == "stage" else one
        for one in recipe.choices
    ]
    leaning = replace(recipe, choices=tuple(choices))
    chosen = accounts(workplace)
    with pytest.raises(RecipeError) as raised:
        definition(leaning, chosen, {"pipeline": "p1"}, "T")
    assert [(p.code, p.path) for p in raised.value.problems] == [("choice_missing", "stage")]
    workplace.crm.settings = {"first_stage": "s11"}
    workplace.crm.save()
    chosen = accounts(workplace)
    assert definition(leaning, chosen, {"pipeline": "p1"}, "T")["title"] == "T"
    asked = {one.choice.key: one for one in ask(leaning, chosen, {}, catalog(workplace))}
    assert not asked["stage"].choice.required


def test_a_wrong_text_keeps_the_rule_from_being_made(workplace: Workplace, recipe: Any) -> None:
    from vaivem.hub.recipes.setting_up import switch_on
    from vaivem.hub.rules.models import Rule

    given = {"source": workplace.sign.pk, "target": workplace.crm.pk}
    with pytest.raises(RuleError) as raised:
        switch_on(recipe, workplace.site.workspace, given, CHOSEN | {"deal_name": "{{ nome }}"})
    assert raised.value.problem.code == "template_unknown"
    assert not Rule.objects.exists()


def test_the_preview_shows_what_would_be_written(workplace: Workplace, recipe: Any) -> None:
    from vaivem.hub.recipes.setting_up import definition
    from vaivem.hub.rules import publishing
    from vaivem.hub.rules.previews import preview, sample_of
    from vaivem.hub.shell.clock import now

    made = definition(recipe, accounts(workplace), CHOSEN, "Teste")
    checked = publishing.check(made, catalog(workplace), zone="America/Sao_Paulo")
    assert checked.rule is not None
    sample = sample_of(checked.rule, catalog(workplace))
    [step] = preview(checked.rule, catalog(workplace), sample, now())
    values = {(line.key, line.element): line.value for line in step.lines}
    assert values[("deal.name", 0)] == "Contrato Contrato Duarte – Marina Duarte"
    assert values[("deal.stage", 0)] == "Contrato assinado"
    assert values[("contact.email", 2)] == "otavio@tresirmaos.example"
    bad = {**sample, "signers": [{"name": "Ana", "email": "ana"}]}
    [wrong] = preview(checked.rule, catalog(workplace), bad, now())
    [told] = [line.problem for line in wrong.lines if line.problem]
    assert "“ana”" in told


def test_the_preview_shows_what_the_action_would_refuse(
    workplace: Workplace, recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the fields are right one by one."""
    from vaivem.connectors.sdk.registry import get_connector
    from vaivem.hub.recipes.setting_up import definition
    from vaivem.hub.rules import publishing
    from vaivem.hub.rules.previews import preview, sample_of
    from vaivem.hub.shell.clock import now

    action = get_connector("acme_crm").action("create_or_update_deal")
    monkeypatch.setattr(
        type(action),
        "refuses",
        lambda self, connection, values, options: (
            Problem("nothing_found", {"step": f"{connection.id} {values['deal.name']} {sorted(options)}"}),
        ),
    )
    checked = publishing.check(
        definition(recipe, accounts(workplace), CHOSEN, "Teste"), catalog(workplace), zone="America/Sao_Paulo"
    )
    assert checked.rule is not None
    sample = sample_of(checked.rule, catalog(workplace))
    [step] = preview(checked.rule, catalog(workplace), sample, now())
    assert step.problems == (
        f"O passo “{workplace.crm.pk} Contrato Contrato Duarte – Marina Duarte []” não encontrou nada.",
    )
    bad = {**sample, "signers": [{"name": "Ana", "email": "ana"}]}
    [wrong] = preview(checked.rule, catalog(workplace), bad, now())
    assert wrong.problems == (), "the field that is wrong comes first"
