"""Moving by answering questions: what the old integration does, and the recipes that do the same.

The answers make rules that are kept off; the page of the move then shows them beside what runs today.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from vaivem.connectors.sdk.recipes import Recipe, all_recipes
from vaivem.core.errors import Problem, RuleError
from vaivem.hub.connections.models import Connection
from vaivem.hub.recipes.setting_up import Asked, ask, chosen_values, draft, text
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.moving_answers import pair_of
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

SIMPLE = ("choice", "field", "template", "text")


@dataclass(frozen=True, slots=True)
class Question:
    """A recipe as a question: does the old integration do this? `asked` are its choices, once it does."""

    recipe: Recipe
    name: str
    help: str
    ticked: bool
    asked: tuple[tuple[Asked, str], ...]  # with what is wrong
    accounts: Mapping[str, Connection]


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.EDITOR, place="rules")
def questions(request: MemberRequest) -> HttpResponse:
    """Ask, until nothing is open; then make the rules, kept off, and go back to the move."""
    given = request.POST or request.GET
    catalog = WorkspaceCatalog(request.workspace)
    numbers = [number for number in pair_of(given) if number in catalog.connections]
    back = {"one": given.get("one", ""), "two": given.get("two", ""), "where": given.get("where", "here")}
    if len(set(numbers)) != 2:
        return redirect(f"{reverse('rules_moving', args=[request.workspace.slug])}?{urlencode(back)}")
    pair = [catalog.connections[number] for number in numbers]
    wrong: dict[tuple[str, str], str] = {}
    found = _questions(given, pair, catalog, wrong)
    refused = ""
    if request.method == "POST" and not given.get("show"):
        if not any(one.ticked for one in found):
            refused = _("Tick at least one thing that the old integration does.")
        else:
            made = _made(request, found, wrong)
            if made:
                address = reverse("rules_moving", args=[request.workspace.slug])
                chosen = [*back.items(), *(("draft", str(number)) for number in made)]
                return redirect(f"{address}?{urlencode(chosen)}")
            refused = _("Some answers are still open.")
        found = _questions(given, pair, catalog, wrong)
    values = {
        "questions": found,
        "names": [words.account(row) for row in pair],
        "back": back,
        "query": urlencode(back),
        "refused": refused,
    }
    return render(request, "rules/moving_questions.html", values, status=422 if refused else 200)


def _questions(
    given: Mapping[str, str],
    pair: list[Connection],
    catalog: WorkspaceCatalog,
    wrong: Mapping[tuple[str, str], str],
) -> list[Question]:
    """Return the recipes between the two accounts as questions."""
    found = []
    for recipe in all_recipes():
        accounts = {
            account.key: row
            for account in recipe.accounts
            for row in pair
            if row.connector == account.connector
        }
        if len(accounts) != len(recipe.accounts) or {row.pk for row in accounts.values()} != {
            row.pk for row in pair
        }:
            continue
        ticked = bool(given.get(recipe.key))
        own = {
            choice.key: given[f"{recipe.key}.{choice.key}"]
            for choice in recipe.choices
            if f"{recipe.key}.{choice.key}" in given
        }
        asked = ask(recipe, accounts, own, catalog) if ticked else []
        shown = [one for one in asked if one.shown and one.choice.type in SIMPLE]
        found.append(
            Question(
                recipe,
                text(recipe, "name"),
                text(recipe, "help"),
                ticked,
                tuple((one, wrong.get((recipe.key, one.choice.key), "")) for one in shown),
                accounts,
            )
        )
    return found


def _made(request: MemberRequest, found: list[Question], wrong: dict[tuple[str, str], str]) -> list[int]:
    """Make a rule of each ticked question, all or none; what is open goes to `wrong`."""
    made: list[int] = []
    with transaction.atomic():
        for one in found:
            if not one.ticked:
                continue
            given = {key: row.pk for key, row in one.accounts.items()}
            chosen = chosen_values([asked for asked, _said in one.asked])
            try:
                rule = draft(one.recipe, request.workspace, given, chosen, request.user)
            except RuleError as error:
                for problem in error.problems or (Problem(error.code, error.params),):
                    wrong[one.recipe.key, problem.path] = words.sentence(problem)
            else:
                made.append(rule.pk)
        if wrong:
            transaction.set_rollback(True)
    return [] if wrong else made
