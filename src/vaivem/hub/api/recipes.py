"""Recipes over the REST API."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from vaivem.connectors.sdk.recipes import Recipe, all_recipes, get_recipe
from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.errors import gone
from vaivem.hub.api.once import once
from vaivem.hub.api.rules import rule_out
from vaivem.hub.api.shapes import RecipeIn, RecipeOut, RuleOut
from vaivem.hub.connections.models import Connection
from vaivem.hub.recipes.setting_up import Asked, ask, fitting, switch_on, text
from vaivem.hub.rules.catalog import WorkspaceCatalog

router = Router(tags=["recipes"])


@router.get("", response=list[RecipeOut])
def list_recipes(request: HttpRequest) -> list[dict[str, Any]]:
    """List the recipes with the connections that fit each of their accounts."""
    catalog = WorkspaceCatalog(workspace_of(request))
    return [_out(recipe, catalog, {}) for recipe in all_recipes()]


@router.get("/{key}", response=RecipeOut)
def one(request: HttpRequest, key: str) -> dict[str, Any]:
    """Show a recipe's choices; pass accounts and choices made so far in the query to get the next lists."""
    catalog = WorkspaceCatalog(workspace_of(request))
    return _out(_find(key), catalog, {name: str(value) for name, value in request.GET.items()})


@router.post("/{key}", response={201: RuleOut})
def apply(request: HttpRequest, key: str, payload: RecipeIn) -> Status[Any]:
    """Make the recipe's rule and switch it on."""
    recipe = _find(key)

    def make() -> dict[str, Any]:
        rule = switch_on(
            recipe, workspace_of(request), payload.accounts, payload.choices, title=payload.title
        )
        return rule_out(rule)

    return once(request, make)


def _find(key: str) -> Recipe:
    try:
        return get_recipe(key)
    except KeyError as error:
        raise gone() from error


def _out(recipe: Recipe, catalog: WorkspaceCatalog, given: dict[str, str]) -> dict[str, Any]:
    fit = fitting(recipe, catalog)
    accounts: dict[str, Connection] = {}
    for account in recipe.accounts:
        rows, wanted = fit[account.key], given.get(account.key)
        chosen = [row for row in rows if wanted in (str(row.pk), row.slug)] or (
            rows if len(rows) == 1 else []
        )
        if chosen:
            accounts[account.key] = chosen[0]
    return {
        "key": recipe.key,
        "name": text(recipe, "name"),
        "help": text(recipe, "help"),
        "minutes": recipe.minutes,
        "accounts": [
            {
                "key": account.key,
                "connector": account.connector,
                "connections": [row.pk for row in fit[account.key]],
            }
            for account in recipe.accounts
        ],
        "choices": [_choice(one) for one in ask(recipe, accounts, given, catalog)],
    }


def _choice(asked: Asked) -> dict[str, Any]:
    return {
        "key": asked.choice.key,
        "type": asked.choice.type,
        "label": asked.label,
        "help": asked.help,
        "required": asked.choice.required,
        "asked": asked.shown,
        "value": asked.value,
        "options": [{"value": str(one.value), "label": one.label or str(one.value)} for one in asked.options],
        "waits_for": asked.waits_for,
    }
