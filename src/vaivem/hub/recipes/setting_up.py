"""From a recipe to a rule that is switched on: which accounts fit, what is chosen, what it would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils import translation
from msgspec.structs import replace

from vaivem.connectors.sdk.recipes import Recipe, RecipeAccount, RecipeChoice, pairs, parts
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import Problem, RuleError
from vaivem.core.fields import Field, Option
from vaivem.engine.offers import choices
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.messages import connector_text
from vaivem.hub.recipes.mapped import Mapped, mapped
from vaivem.hub.rules import publishing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog, as_seen
from vaivem.hub.rules.models import Rule, RuleState
from vaivem.hub.workspaces.models import Member, Workspace


class RecipeError(RuleError):
    """What was chosen for a recipe does not do; `problems` carry the account's or choice's key as path."""

    default_code = "recipe_incomplete"


@dataclass(frozen=True, slots=True)
class Asked:
    """A choice as it is asked now. `options` are empty for texts, and while a list waits for another.

    `parts` are those chosen of several; `mapped` is the table of a mapping.
    """

    choice: RecipeChoice
    label: str
    help: str
    value: str
    options: tuple[Option, ...]
    shown: bool
    waits_for: str = ""
    mapped: Mapped | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """Return what is chosen of several."""
        return parts(self.value)


def text(recipe: Recipe, key: str) -> str:
    """Return one of a recipe's texts in the current language, or ""."""
    return connector_text(recipe.connector, f"recipes.{recipe.key}.{key}")


def fitting(recipe: Recipe, catalog: WorkspaceCatalog) -> dict[str, list[Connection]]:
    """Return the connections that fit each account of a recipe, working ones first."""
    found: dict[str, list[Connection]] = {}
    for account in recipe.accounts:
        rows = [row for row in catalog.connections.values() if row.connector == account.connector]
        found[account.key] = sorted(rows, key=lambda row: row.state != ConnectionState.WORKING)
    return found


def read_accounts(
    recipe: Recipe, given: Mapping[str, str | int], catalog: WorkspaceCatalog
) -> dict[str, Connection]:
    """Return the chosen connections by account. Raises RecipeError with every account that is wrong."""
    chosen: dict[str, Connection] = {}
    problems: list[Problem] = []
    for account in recipe.accounts:
        ref = given.get(account.key, "")
        row = catalog.connection(int(ref) if isinstance(ref, str) and ref.isdecimal() else ref)
        if row is None or row.connector != account.connector:
            problems.append(Problem("connection_unknown", {"connection": str(ref)}, account.key))
        else:
            chosen[account.key] = row
    if problems:
        raise RecipeError(problems=tuple(problems))
    return chosen


def ask(
    recipe: Recipe,
    accounts: Mapping[str, Connection],
    given: Mapping[str, str],
    catalog: WorkspaceCatalog,
) -> list[Asked]:
    """Return the recipe's choices with what they are chosen from. A list of one chooses itself."""
    chosen = recipe.settled(given)
    asked: list[Asked] = []
    by_field: dict[tuple[str, str], RecipeChoice] = {
        (choice.step, choice.field): choice for choice in recipe.choices if choice.type == "field"
    }
    for choice in as_required(recipe, accounts):
        options, waits_for = _options(recipe, choice, accounts, chosen, by_field, catalog)
        value = chosen[choice.key]
        if choice.type == "field":
            known = {str(option.value) for option in options}
            value = value if value in known or not options else ""
            if not value and choice.required and len(options) == 1:
                value = str(options[0].value)
            chosen[choice.key] = value
        asked.append(
            Asked(
                choice=choice,
                label=text(recipe, choice.key),
                help=text(recipe, f"{choice.key}.help"),
                value=value,
                options=options,
                shown=choice.asked(chosen),
                waits_for=waits_for,
                mapped=mapped(recipe, choice, accounts, value, catalog) if choice.type == "mapping" else None,
            )
        )
    return asked


def as_required(recipe: Recipe, accounts: Mapping[str, Connection]) -> list[RecipeChoice]:
    """Return the choices; one whose stand-in the chosen connection lacks is required."""
    return [
        replace(choice, required=choice.required or _lacks_stand_in(recipe, choice, accounts))
        for choice in recipe.choices
    ]


def _lacks_stand_in(recipe: Recipe, choice: RecipeChoice, accounts: Mapping[str, Connection]) -> bool:
    if not choice.stand_in:
        return False
    row = accounts.get(account_of_step(recipe, choice.step).key)
    return row is not None and not row.settings.get(choice.stand_in)


def chosen_values(asked: list[Asked]) -> dict[str, str]:
    """Return the choices as they stand."""
    return {one.choice.key: one.value for one in asked}


def definition(
    recipe: Recipe, accounts: Mapping[str, Connection], chosen: Mapping[str, str], title: str
) -> dict[str, object]:
    """Return the rule's definition. Raises RecipeError when a required choice is open."""
    problems = [
        Problem("choice_missing", {"choice": text(recipe, choice.key)}, choice.key)
        for choice in as_required(recipe, accounts)
        if choice.asked(recipe.settled(chosen)) and _is_open(choice, choice.given(chosen))
    ]
    if problems:
        raise RecipeError(problems=tuple(problems))
    given = {key: row.pk for key, row in accounts.items()}
    return recipe.definition(given, chosen, title, left_out(recipe, accounts))


def _is_open(choice: RecipeChoice, given: str) -> bool:
    """Say whether something is still to be chosen; of a field's pair, one half alone is."""
    if choice.type == "mapping":
        return len(pairs(given)) < sum(part != "=" for part in parts(given))
    return choice.required and not given


def left_out(recipe: Recipe, accounts: Mapping[str, Connection]) -> dict[str, Connection]:
    """Return the optional steps that the chosen accounts cannot do, each with its connection."""
    found = {}
    for step in recipe.optional:
        row = accounts.get(account_of_step(recipe, step).key)
        if row is not None and not _can(row, _action_of(recipe, step)):
            found[step] = row
    return found


def _can(row: Connection, action: str) -> bool:
    return get_connector(row.connector).action(action).available(as_seen(row))


def _action_of(recipe: Recipe, step_id: str) -> str:
    return str(next(step["action"] for step in recipe.rule["then"] if step["id"] == step_id))


@transaction.atomic
def switch_on(
    recipe: Recipe,
    workspace: Workspace,
    given: Mapping[str, str | int],
    chosen: Mapping[str, str],
    member: Member | None = None,
    *,
    title: str = "",
) -> Rule:
    """Make the rule and switch it on. Raises RecipeError, or RuleError with what keeps it from running."""
    rule = draft(recipe, workspace, given, chosen, member, title=title)
    publishing.publish(rule, member)
    return rule


def draft(
    recipe: Recipe,
    workspace: Workspace,
    given: Mapping[str, str | int],
    chosen: Mapping[str, str],
    member: Member | None = None,
    *,
    title: str = "",
) -> Rule:
    """Make the rule, to be looked at in the editor first. Raises RecipeError."""
    accounts = read_accounts(recipe, given, WorkspaceCatalog(workspace))
    made = definition(recipe, accounts, chosen, title or free_title(recipe, workspace))
    return publishing.create(workspace, made, member, recipe=recipe.key)


def free_title(recipe: Recipe, workspace: Workspace) -> str:
    """Return the recipe's title in the workspace's language, with a number when it is taken."""
    with translation.override(workspace.language.replace("_", "-").lower()):
        title = text(recipe, "title")
    rules = Rule.objects.filter(workspace=workspace, title__startswith=title)
    taken = set(rules.exclude(state=RuleState.REMOVED).values_list("title", flat=True))
    numbered = (f"{title} ({number})" for number in range(2, len(taken) + 3))
    return next(one for one in (title, *numbered) if one not in taken)


def account_of_step(recipe: Recipe, step_id: str) -> RecipeAccount:
    """Return the account that a step of the recipe's rule is at. Raises KeyError."""
    for step in recipe.rule["then"]:
        if step["id"] == step_id:
            return recipe.account(step["connection"].removeprefix("$"))
    raise KeyError(step_id)


def _field(
    recipe: Recipe, choice: RecipeChoice, accounts: Mapping[str, Connection], catalog: WorkspaceCatalog
) -> Field | None:
    row = accounts.get(account_of_step(recipe, choice.step).key)
    shape = catalog.action(row.pk, _action_of(recipe, choice.step)) if row else None
    return next((field for field in shape.fields if field.key == choice.field), None) if shape else None


def _options(
    recipe: Recipe,
    choice: RecipeChoice,
    accounts: Mapping[str, Connection],
    chosen: Mapping[str, str],
    by_field: Mapping[tuple[str, str], RecipeChoice],
    catalog: WorkspaceCatalog,
) -> tuple[tuple[Option, ...], str]:
    """Return what a choice is chosen from, and the key of the choice that must come first, if one must."""
    if choice.type in ("choice", "several"):
        named = (Option(value, text(recipe, f"{choice.key}.{value}")) for value in choice.choices)
        return tuple(named), ""
    if choice.type in ("template", "text", "mapping"):
        return (), ""
    field = _field(recipe, choice, accounts, catalog)
    row = accounts.get(account_of_step(recipe, choice.step).key)
    seen = catalog.seen(row.pk) if row else None
    if field is None or seen is None:
        return (), ""
    parent = by_field.get((choice.step, field.depends_on or ""))
    if parent is None:
        return _named(seen.connector, field, field.options), ""
    if not chosen.get(parent.key):
        return (), parent.key
    return choices(seen, field, chosen[parent.key]), ""


def _named(connector: str, field: Field, options: tuple[Option, ...]) -> tuple[Option, ...]:
    return tuple(Option(one.value, words.option_name(connector, field, one.value)) for one in options)
