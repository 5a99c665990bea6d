"""Recipes: which there are, the few choices of one with what it would write, and switching it on."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from vaivem.connectors.sdk.recipes import Recipe, get_recipe
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import RuleError
from vaivem.hub.connections import test_accounts
from vaivem.hub.connections.lines import without_secrets
from vaivem.hub.recipes.listing import offered
from vaivem.hub.recipes.outlook import Outlook, outlook, rejected
from vaivem.hub.recipes.setting_up import Asked, chosen_values, draft, switch_on, text
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.figures import read_figures
from vaivem.hub.rules.sentences import sentence_of
from vaivem.hub.rules.views import find
from vaivem.hub.shell import clock
from vaivem.hub.shell.links import page
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role


@require_safe
@for_role(place="recipes")
def recipes(request: MemberRequest) -> HttpResponse:
    """List the recipes."""
    values = {
        "groups": offered(request.workspace),
        "can_connect": request.membership.at_least(Role.ADMIN),
    }
    return render(request, "recipes/list.html", values)


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(place="recipes")
def recipe(request: MemberRequest, key: str) -> HttpResponse:
    """Show a recipe's choices with what it would write; a POST switches it on."""
    found, now = _find(key), clock.now()
    posted = request.method == "POST"
    given = read_given(found, request.POST if posted else request.GET)
    state = outlook(found, given, request.workspace, now)
    if not posted or "show" in given:  # without script, a button shows what the choices come to
        return _page(request, found, state)
    accounts = {one.account.key: one.chosen.pk for one in state.accounts if one.chosen is not None}
    begin = draft if "edit" in given else switch_on
    try:
        rule = begin(found, request.workspace, accounts, chosen_values(list(state.asked)), request.user)
    except RuleError as error:
        return _page(request, found, rejected(state, error.problems), status=422)
    if "edit" in given:
        return redirect("rule_edit", request.workspace.slug, rule.pk)
    return redirect("recipe_on", request.workspace.slug, key, rule.pk)


@require_safe
@for_role(place="recipes")
def on(request: MemberRequest, key: str, number: int) -> HttpResponse:
    """Say what happens next, and follow the first event."""
    found, rule = _find(key), find(request, number)
    source = WorkspaceCatalog(request.workspace).connection(rule.draft.get("when", {}).get("connection"))
    if rule.recipe != key or source is None:
        raise Http404
    webhooks = get_connector(source.connector).webhooks
    by_hand = webhooks is not None and webhooks.by_hand(without_secrets(source))
    values = {
        "now": clock.now(),
        "recipe": found,
        "name": text(found, "name"),
        "rule": rule,
        "sentence": sentence_of(rule.draft, WorkspaceCatalog(request.workspace)),
        "source": source,
        "hook_is_ours": webhooks is not None and not by_hand,
        "registering": webhooks is not None and not by_hand and not source.subscription.get("ids"),
        "hook_by_hand": by_hand,
        "figures": read_figures(request.workspace.pk, [rule.pk], clock.now())[rule.pk],
        "pages": page("test_accounts", request.workspace.slug) if source.test_account else "",
    }
    return render(request, "recipes/on.html", values)


def _page(request: MemberRequest, recipe: Recipe, state: Outlook, status: int = 200) -> HttpResponse:
    missing = {one.connector for one in state.missing}
    listed = [one.choice for one in state.asked if not _keeps_its_cursor(one)]
    values: dict[str, Any] = {
        "recipe": recipe,
        "name": text(recipe, "name"),
        "help": text(recipe, "help"),
        "state": state,
        "accounts": [(one, state.wrong.get(one.account.key, "")) for one in state.accounts],
        "asked": [(one, state.wrong.get(one.choice.key, "")) for one in state.asked],
        "parts": ",".join(["#switch", *(f"#part-{choice.key}" for choice in listed)]),
        "offered": [one for one in test_accounts.offered(request.workspace) if one.key in missing],
        "can_switch_on": request.membership.at_least(Role.EDITOR),
        "can_connect": request.membership.at_least(Role.ADMIN),
    }
    return render(request, "recipes/recipe.html", values, status=status)


def read_given(recipe: Recipe, form: QueryDict) -> dict[str, str]:
    """Return what a form gives: of several, and of a mapping's pairs, all in one text (`sdk/recipes.py`)."""
    given = {name: str(value) for name, value in form.items()}
    for choice in recipe.choices:
        if choice.type == "several" and choice.key in form:
            given[choice.key] = ",".join(filter(None, form.getlist(choice.key)))
        if choice.type == "mapping" and f"{choice.key}.target" in form:
            both = (form.getlist(f"{choice.key}.{half}") for half in ("target", "source"))
            told = (f"{target}={source}" for target, source in zip(*both, strict=False) if target or source)
            given[choice.key] = ",".join(told)
    return given


def _keeps_its_cursor(one: Asked) -> bool:
    """Say whether a choice is left alone while somebody types in it; one that is not always asked is not."""
    return one.choice.type in ("template", "text") and not one.choice.when


def _find(key: str) -> Recipe:
    try:
        return get_recipe(key)
    except KeyError as error:
        raise Http404 from error
