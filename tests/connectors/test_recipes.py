"""What every recipe promises: its connectors, its texts, and a definition that the core can read."""

from __future__ import annotations

from typing import Any

import pytest

from vaivem.connectors.sdk import Connection
from vaivem.connectors.sdk.recipes import Recipe, all_recipes, get_recipe
from vaivem.connectors.sdk.registry import get_connector
from vaivem.connectors.sdk.texts import LANGUAGES
from vaivem.core.rules import ActionStep, parse_rule
from vaivem.core.steps import Origin
from vaivem.core.templates import check_template

RECIPES = [pytest.param(recipe, id=recipe.key) for recipe in all_recipes()]


def connection(key: str) -> Connection:
    connector = get_connector(key)
    method = connector.manifest.auth[0].key
    return Connection(1, 1, key, "x", method, settings=connector.manifest.defaults())


def chosen(recipe: Recipe, **changes: str) -> dict[str, str]:
    """Return something for every choice."""
    given = {choice.key: choice.default or "x1" for choice in recipe.choices}
    return given | changes


def test_the_first_recipe_is_there() -> None:
    assert get_recipe("signed_document_to_deal").connector == "clicksign"
    with pytest.raises(KeyError):
        get_recipe("nobody")


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_recipe_has_its_texts(recipe: Recipe, language: str) -> None:
    connector = get_connector(recipe.connector)
    keys = ["name", "help", "title", *(choice.key for choice in recipe.choices)]
    keys += [f"{choice.key}.{value}" for choice in recipe.choices for value in choice.choices]
    missing = [key for key in keys if not connector.text(language, f"recipes.{recipe.key}.{key}")]
    assert missing == []


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_way_to_choose_gives_a_rule_that_its_systems_offer(recipe: Recipe) -> None:
    accounts = {account.key: number for number, account in enumerate(recipe.accounts, 1)}
    connectors = {number: recipe.account(key).connector for key, number in accounts.items()}
    triggers = next((c.choices for c in recipe.choices if c.key == "trigger"), ())
    for trigger in triggers or ("",):
        rule = parse_rule(recipe.definition(accounts, chosen(recipe, trigger=trigger), "T"))
        source = get_connector(connectors[int(rule.when.connection)])
        offered = source.trigger(rule.when.trigger)
        assert set(rule.when.options) <= {option.key for option in offered.options}
        for _, step in rule.all_steps():
            assert isinstance(step, ActionStep)
            at = connectors[int(step.connection)]
            action = get_connector(at).action(step.action)
            fields = {field.key: field for field in action.fields(connection(at))}
            assert {mapping.field for mapping in step.mappings} <= fields.keys()
            assert step.key is None or step.key.by.value in action.keys
            assert set(step.repeat) <= set(action.groups)


@pytest.mark.parametrize("recipe", RECIPES)
def test_choices_are_of_fields_and_paths_that_exist(recipe: Recipe) -> None:
    accounts: dict[str, Any] = {account.key: account.connector for account in recipe.accounts}
    rule = parse_rule(recipe.definition(accounts, chosen(recipe), "T"))
    steps = {step.id: step for _, step in rule.all_steps()}
    connector = get_connector(str(rule.when.connection))
    paths = frozenset(
        field.key for field in connector.trigger(rule.when.trigger).fields(connection(connector.key))
    )
    for choice in recipe.choices:
        if choice.type == "field":
            step = steps[choice.step]
            assert isinstance(step, ActionStep)
            action = get_connector(str(step.connection)).action(step.action)
            fields = {field.key: field for field in action.fields(connection(str(step.connection)))}
            assert fields[choice.field].source
        if choice.type == "template":
            assert check_template(choice.default, paths) == []
        assert set(choice.when) <= {other.key for other in recipe.choices}


def test_what_is_not_chosen_is_left_out() -> None:
    recipe = get_recipe("signed_document_to_deal")
    accounts = {"source": 1, "target": 2}
    whole = recipe.definition(accounts, {"pipeline": "p", "stage": "s", "owner": "o", "per": "envelope"}, "T")
    assert whole["when"] == {
        "connection": 1, "trigger": "document_completed", "options": {"per": "envelope"},
    }  # fmt: skip
    assert whole["then"][0]["fields"]["deal.owner"] == {"value": "o"}
    small = recipe.definition(accounts, {"trigger": "signer_signed", "per": "envelope"}, "T")
    assert small["when"] == {"connection": 1, "trigger": "signer_signed"}
    assert "deal.owner" not in small["then"][0]["fields"]
    assert small["then"][0]["fields"]["deal.name"]["text"].startswith("Contrato {{")


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_a_step_reads_of_an_earlier_one_is_offered_there(recipe: Recipe) -> None:
    accounts: dict[str, Any] = {account.key: account.connector for account in recipe.accounts}
    rule = parse_rule(recipe.definition(accounts, chosen(recipe), "T"))
    offered: set[str] = set()
    for _, step in rule.all_steps():
        assert isinstance(step, ActionStep)
        read = {str(one.source.content) for one in step.mappings if one.source.origin is Origin.FROM}
        assert {path for path in read if path.startswith("steps.")} <= offered
        action = get_connector(str(step.connection)).action(step.action)
        outputs = action.outputs(connection(str(step.connection)))
        assert outputs, f"{step.action} says nothing of what it gives"
        offered |= {f"steps.{step.id}.{field.key}" for field in outputs}
