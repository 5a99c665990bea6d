"""The recipes as a list: in groups, each with what it still needs in this workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count
from django.utils.translation import gettext as _

from vaivem.connectors.sdk.recipes import Recipe, all_recipes
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.recipes.setting_up import fitting, text
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Rule, RuleState
from vaivem.hub.workspaces.models import Workspace

# The most used recipe stands in the first group.
ORDER = {group: place for place, group in enumerate(("signature", "marketing", "service"))}


@dataclass(frozen=True, slots=True)
class Offered:
    """A recipe. `missing` is a connector that is not connected, `broken` one whose access is refused."""

    recipe: Recipe
    name: str
    help: str
    connectors: tuple[str, ...]
    in_use: int
    missing: str = ""
    broken: Connection | None = None


def offered(workspace: Workspace) -> dict[str, list[Offered]]:
    """Return the recipes under their groups' headings."""
    catalog = WorkspaceCatalog(workspace)
    used = Rule.objects.filter(workspace=workspace, state=RuleState.ON).exclude(recipe="")
    counts = dict(used.values_list("recipe").annotate(Count("pk")))
    found: dict[str, list[Offered]] = {}
    for recipe in sorted(all_recipes(), key=lambda one: ORDER.get(one.group, len(ORDER))):
        found.setdefault(group_name(recipe.group), []).append(_offered(recipe, catalog, counts))
    return found


def group_name(group: str) -> str:
    """Return the heading of a group of recipes."""
    names = {
        "signature": _("Contracts and signatures"),
        "marketing": _("From marketing to sales, and back"),
        "service": _("Finance and service"),
    }
    return names.get(group, _("More"))


def _offered(recipe: Recipe, catalog: WorkspaceCatalog, counts: Mapping[str, int]) -> Offered:
    fit = fitting(recipe, catalog)
    missing = next((one.connector for one in recipe.accounts if not fit[one.key]), "")
    refused = (rows[0] for rows in fit.values() if rows and rows[0].state == ConnectionState.RECONNECT)
    return Offered(
        recipe=recipe,
        name=text(recipe, "name"),
        help=text(recipe, "help"),
        connectors=tuple(one.connector for one in recipe.accounts),
        in_use=counts.get(recipe.key, 0),
        missing=missing,
        broken=next(refused, None),
    )
