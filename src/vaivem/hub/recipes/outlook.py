"""A recipe as it is being filled in: what was chosen so far, and what the rule would write with that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _

from vaivem.connectors.sdk.recipes import Recipe, RecipeAccount
from vaivem.core.errors import Problem
from vaivem.core.fields import FieldType, group_of
from vaivem.core.paths import read
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.messages import connector_text
from vaivem.hub.recipes.setting_up import (
    Asked,
    RecipeError,
    ask,
    chosen_values,
    definition,
    fitting,
    free_title,
    left_out,
    text,
)
from vaivem.hub.rules import publishing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.previews import Line, StepPreview, preview, sample_of
from vaivem.hub.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class AccountAsked:
    """An account that the recipe needs, the connections that fit, and the one that is chosen."""

    account: RecipeAccount
    starts: bool
    rows: list[Connection]
    chosen: Connection | None

    @property
    def broken(self) -> bool:
        """Whether the chosen one has to be reconnected first."""
        return self.chosen is not None and self.chosen.state == ConnectionState.RECONNECT


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of a step that belong together; `title` is "" for the only one of its kind."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """One step of the preview in blocks."""

    step: StepPreview
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A field of the example that texts can use."""

    label: str
    code: str
    value: str


@dataclass(frozen=True, slots=True)
class Without:
    """A step that the chosen account cannot do: what that means, and where it could be made able to."""

    text: str
    connection: Connection


@dataclass(frozen=True, slots=True)
class Outlook:
    """What stands on the page. `open` are the names of choices to make; `problems` say what is wrong.

    `without` are the steps that are left out.
    """

    recipe: Recipe
    accounts: tuple[AccountAsked, ...]
    asked: tuple[Asked, ...] = ()
    written: tuple[Written, ...] = ()
    offers: tuple[Offer, ...] = ()
    open: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)
    without: tuple[Without, ...] = ()

    @property
    def missing(self) -> list[RecipeAccount]:
        """The accounts that no connection fits."""
        return [one.account for one in self.accounts if not one.rows]


def outlook(recipe: Recipe, given: Mapping[str, str], workspace: Workspace, now: datetime) -> Outlook:
    """Return the page's state for what is given so far; nothing is kept or sent."""
    catalog = WorkspaceCatalog(workspace)
    accounts = _accounts(recipe, given, catalog)
    chosen = {one.account.key: one.chosen for one in accounts if one.chosen is not None}
    if len(chosen) < len(accounts):
        return Outlook(recipe, accounts)
    asked = tuple(ask(recipe, chosen, given, catalog))
    without = tuple(
        Without(text(recipe, f"without.{step}"), row) for step, row in left_out(recipe, chosen).items()
    )
    base = Outlook(recipe, accounts, asked, without=without)
    try:
        made = definition(recipe, chosen, chosen_values(list(asked)), free_title(recipe, workspace))
    except RecipeError as error:
        paths = {problem.path for problem in error.problems}
        return replace(base, open=tuple(one.label for one in asked if one.choice.key in paths))
    return _previewed(base, made, catalog, workspace, now)


def rejected(state: Outlook, problems: tuple[Problem, ...]) -> Outlook:
    """Return the page's state after switching on was refused: each open choice says so."""
    own = {one.choice.key for one in state.asked} | {one.account.key for one in state.accounts}
    wrong = {problem.path: words.sentence(problem) for problem in problems if problem.path in own}
    others = tuple(words.sentence(problem) for problem in problems if problem.path not in own)
    return replace(state, wrong=wrong, problems=state.problems or others)


def _accounts(
    recipe: Recipe, given: Mapping[str, str], catalog: WorkspaceCatalog
) -> tuple[AccountAsked, ...]:
    start = str(recipe.rule["when"]["connection"]).removeprefix("$")
    found = []
    for account in recipe.accounts:
        rows = fitting(recipe, catalog)[account.key]
        wanted = given.get(account.key, "")
        chosen = next((row for row in rows if str(row.pk) == wanted), rows[0] if rows else None)
        found.append(AccountAsked(account, account.key == start, rows, chosen))
    return tuple(found)


def _previewed(
    state: Outlook, made: Mapping[str, Any], catalog: WorkspaceCatalog, workspace: Workspace, now: datetime
) -> Outlook:
    checked = publishing.check(made, catalog, zone=workspace.zone)
    if checked.rule is None or checked.problems:
        problems = tuple(_placed(problem, made, catalog) for problem in checked.problems)
        return replace(state, problems=problems)
    sample = sample_of(checked.rule, catalog)
    steps = preview(checked.rule, catalog, sample, now, workspace.zone)
    written = tuple(Written(step, tuple(_blocks(step))) for step in steps)
    when = checked.rule.when
    texts = any(one.choice.type == "template" for one in state.asked)
    offers = tuple(_offers(catalog, when.connection, when.trigger, sample)) if texts else ()
    return replace(state, written=written, offers=offers)


def _placed(problem: Problem, made: Mapping[str, Any], catalog: WorkspaceCatalog) -> str:
    place = words.place(problem.path, made, catalog)
    text = str(words.explained(problem, made, catalog))
    return f"{place}: {text}" if place else text


def _blocks(step: StepPreview) -> Iterator[Block]:
    for (element, group), lines in groupby(
        step.lines, key=lambda line: (line.element, group_of(line.key) if line.element else "")
    ):
        yield Block(_block_title(step.connector, group, element) if element else "", tuple(lines))


def _block_title(connector: str, group: str, element: int) -> str:
    name = connector_text(connector, f"objects.{group}") or group
    return _("%(object)s %(number)s") % {"object": name, "number": element}


def _offers(
    catalog: WorkspaceCatalog, connection: str | int, trigger: str, sample: Mapping[str, Any]
) -> Iterator[Offer]:
    shape, row = catalog.trigger(connection, trigger), catalog.connection(connection)
    if shape is None or row is None:
        return
    for one in shape.fields:
        if one.type in (FieldType.LIST, FieldType.OBJECT) or "[" in one.key:
            continue
        value = read(sample, one.key)
        shown = str(value) if isinstance(value, str | int | float) else ""
        yield Offer(words.label(row.connector, one), f"{{{{ {one.key} }}}}", shown)
