"""What one step of a recipe gives to the next: the editor names it, with an example, in four languages."""

from __future__ import annotations

import html
from typing import Any

import pytest
from tests.hub.conftest import Site

LABELS = {
    "pt_BR": "Pessoa: código",
    "en": "Person: id",
    "fr": "Personne\u202f: code",
    "es": "Persona: código",
}


@pytest.fixture
def rule(site: Site) -> Any:
    """Make the draft of the recipe over two accounts with nothing read yet."""
    from vaivem.connectors.sdk.recipes import get_recipe
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.recipes.setting_up import draft

    accounts = {
        key: Connection.objects.create(
            workspace=site.workspace, connector=connector, name=connector, slug=key, method="oauth"
        ).pk
        for key, connector in (("source", "rd_station_marketing"), ("target", "pipedrive"))
    }
    chosen = {"pipeline": "1", "stage": "4"}
    return draft(get_recipe("lead_to_deal"), site.workspace, accounts, chosen, site.owner)


def test_the_editor_offers_the_person_of_the_step_before(site: Site, rule: Any) -> None:
    answer = site.browser(site.owner).get(f"/w/{site.workspace.slug}/rules/{rule.pk}/edit/")
    shown = html.unescape(answer.content.decode())
    for path in ("steps.organization.organization.id", "steps.person.person.id", "steps.person.person.email"):
        assert f'data-token="{path}"' in shown, path


@pytest.mark.parametrize("language", LABELS)
def test_it_is_called_by_its_name(site: Site, rule: Any, language: str) -> None:
    from django.utils import translation

    from vaivem.hub.rules.catalog import WorkspaceCatalog
    from vaivem.hub.rules.editing.pickable import of_step

    step = rule.draft["then"][1]
    with translation.override(language.replace("_", "-").lower()):
        found = {one.path: one for one in of_step("then.1", "2", step, WorkspaceCatalog(site.workspace))}
    person = found["steps.person.person.id"]
    assert person.label.endswith(LABELS[language])
    assert person.value == "12"
