"""The editor: what its form says becomes the draft, and nothing that was typed is lost or overwritten."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tests.hub.forms import fields_of
from tests.hub.workplace import Workplace

if TYPE_CHECKING:
    from django.test import Client

    from vaivem.hub.rules.models import Rule

EVERYTHING: dict[str, Any] = {
    "title": "Tudo que uma regra pode ter",
    "when": {"connection": "assinaturas", "trigger": "document_completed", "options": {"per": "envelope"}},
    "if": {
        "all": [
            {"field": "document.name", "is": "contains", "value": "Contrato"},
            {
                "any": [
                    {"field": "signer.email", "is": "is_not_empty"},
                    {"field": "document.name", "is": "one_of", "value": ["Contrato A", "Contrato B"]},
                    {
                        "not": [
                            {
                                "field": "document.metadata.valor",
                                "is": "greater",
                                "value": 10,
                                "type": "money",
                            }
                        ]
                    },
                ]
            },
            {"field": "document.finished_at", "is": "between", "value": ["2026-01-01", "2026-12-31"]},
        ]
    },
    "then": [
        {
            "id": "deal",
            "kind": "action",
            "connection": "vendas",
            "action": "create_or_update_deal",
            "key": {"by": "source"},
            "repeat": {"contact": {"over": "signers", "as": "signer"}},
            "fields": {
                "deal.name": {
                    "text": "Contrato {{ document.name }} – {{ signer.name | first_name }}",
                    "max": "cut",
                },
                "deal.pipeline": {"value": "p1"},
                "deal.stage": {"value": "s12", "write": "always"},
                "deal.custom.cpf": {"from": "signer.cpf", "on_bad": "use", "instead": "52998224725"},
                "contact.name": {"from": "signer.name"},
                "contact.email": {"from": "signer.email", "write": "empty", "on_bad": "skip", "clear": True},
            },
        },
        {"id": "pause", "kind": "wait", "for": {"days": 2, "hours": 3}},
        {"id": "due", "kind": "wait", "until": {"from": "document.finished_at", "shift": {"days": -1}}},
        {
            "id": "way",
            "kind": "branch",
            "if": {"any": [{"field": "signer.name", "is": "starts_with", "value": "Ana"}]},
            "then": [
                {
                    "id": "letter",
                    "kind": "email",
                    "to": {"value": "vendas@raiar.example"},
                    "subject": {"text": "Assinado: {{ document.name }}"},
                    "body": {"text": "Oi,\n\n{{ signer.name }} assinou."},
                }
            ],
            "else": [{"id": "pause_2", "kind": "wait", "for": {"minutes": 5}}],
        },
    ],
}


def edit(workplace: Workplace, rule: Rule) -> str:
    return workplace.site.url(f"rules/{rule.pk}/edit/")


def opened(workplace: Workplace, rule: Rule, client: Client | None = None) -> dict[str, Any]:
    """Open the editor and return what its form would send."""
    site = workplace.site
    answer = (client or site.browser(site.owner)).get(edit(workplace, rule))
    assert answer.status_code == 200
    return fields_of(answer.content.decode(), "rule-form")


def made(workplace: Workplace, definition: dict[str, Any]) -> Rule:
    from vaivem.hub.rules import publishing

    return publishing.create(workplace.site.workspace, definition, workplace.site.owner)


def numbered(workplace: Workplace, definition: dict[str, Any]) -> dict[str, Any]:
    from vaivem.hub.rules.catalog import WorkspaceCatalog
    from vaivem.hub.rules.definitions import with_ids

    return with_ids(copy.deepcopy(definition), WorkspaceCatalog(workplace.site.workspace))


def test_opening_and_saving_changes_nothing(workplace: Workplace) -> None:
    rule = made(workplace, EVERYTHING)
    form = opened(workplace, rule)
    site = workplace.site
    answer = site.browser(site.owner).post(edit(workplace, rule), form)
    assert answer.status_code == 302
    rule.refresh_from_db()
    assert rule.draft == numbered(workplace, EVERYTHING)
    assert rule.revision == 0


def test_what_is_typed_becomes_the_draft(workplace: Workplace) -> None:
    rule, site = workplace.rule(), workplace.site
    form = opened(workplace, rule)
    form["then.0:text:deal.name"] = ["Venda {{ document.name }}"]
    form["then.0:text:contact.name"] = ["{{ signer.email }}"]
    form["then.0:pick:deal.stage"] = ["s11"]
    form["title"] = ["Outro nome"]
    site.browser(site.owner).post(edit(workplace, rule), form)
    rule.refresh_from_db()
    fields = rule.draft["then"][0]["fields"]
    assert rule.title == "Outro nome"
    assert fields["deal.name"] == {"text": "Venda {{ document.name }}"}
    assert fields["contact.name"] == {"from": "signer.email"}
    assert fields["deal.stage"] == {"value": "s11"}
    assert rule.versions.get(number=1).definition["title"] != "Outro nome"  # what runs stays as it was


def test_publishing_from_the_editor_says_everything_that_is_wrong(workplace: Workplace) -> None:
    rule, site = workplace.rule(), workplace.site
    form = opened(workplace, rule)
    form["then.0:text:deal.name"] = [""]
    form["then.0:pick:deal.stage"] = [""]
    form["then.0:text:contact.email"] = ["{{ nobody.knows }}"]
    answer = site.browser(site.owner).post(edit(workplace, rule), {**form, "act": "publish"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "3 things keep it from being published" in page
    assert 'href="#then-0-deal-name"' in page
    assert 'id="then-0-deal-name"' in page
    form = fields_of(page, "rule-form")
    form |= {"then.0:text:deal.name": ["Venda"], "then.0:pick:deal.stage": ["s11"]}
    form["then.0:text:contact.email"] = ["{{ signer.email }}"]
    answer = site.browser(site.owner).post(edit(workplace, rule), {**form, "act": "publish"})
    rule.refresh_from_db()
    assert (answer.status_code, rule.version) == (302, 2)
