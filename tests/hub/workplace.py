"""Two systems that exist only in tests, and a workspace that is connected to both."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.conftest import Site

if TYPE_CHECKING:
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.rules.models import Rule

SYSTEMS = Path(__file__).parent / "systems"
SECRET = "um-token-que-ninguem-pode-ver"
CATALOG = {
    "lists": {
        "pipelines": [{"value": "p1", "label": "Vendas"}, {"value": "p2", "label": "Pós-venda"}],
        "stages/p1": [{"value": "s11", "label": "Novo"}, {"value": "s12", "label": "Contrato assinado"}],
        "stages/p2": [{"value": "s21", "label": "Novo"}],
        "users": [{"value": "u1", "label": "Rafael Nogueira"}],
    },
    "fields": {"deal": [{"key": "deal.custom.cpf", "type": "cpf", "label": "CPF do cliente"}]},
}
DEFINITION = {
    "title": "Contrato assinado vira negócio",
    "when": {"connection": "assinaturas", "trigger": "document_completed"},
    "then": [
        {
            "id": "deal",
            "kind": "action",
            "connection": "vendas",
            "action": "create_or_update_deal",
            "key": {"by": "source"},
            "repeat": {"contact": {"over": "signers", "as": "signer"}},
            "fields": {
                "deal.name": {"text": "Contrato {{ document.name }}"},
                "deal.pipeline": {"value": "Vendas"},
                "deal.stage": {"value": "Contrato assinado"},
                "contact.name": {"from": "signer.name"},
                "contact.email": {"from": "signer.email"},
            },
        }
    ],
}


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the registry find the systems of `tests/hub/systems`, and only for this test."""
    from vaivem import connectors
    from vaivem.connectors.sdk import recipes, texts
    from vaivem.connectors.sdk.registry import connector_keys, get_connector

    caches = (connector_keys, get_connector, texts.load_texts, recipes.all_recipes)
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, str(SYSTEMS)])
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()
    for name in [name for name in sys.modules if name.startswith("vaivem.connectors.acme_")]:
        del sys.modules[name]


@dataclass(frozen=True, slots=True)
class Workplace:
    """The site with a signature account and a CRM account connected."""

    site: Site
    sign: Connection
    crm: Connection

    def rule(self, **changes: Any) -> Rule:
        """Make a rule that is switched on."""
        from vaivem.hub.rules import publishing

        rule = publishing.create(self.site.workspace, {**DEFINITION, **changes}, self.site.owner)
        publishing.publish(rule, self.site.owner)
        return rule


@pytest.fixture
def workplace(site: Site, systems: None) -> Workplace:
    """Connect both systems."""
    from vaivem.hub.connections.models import Connection
    from vaivem.vault import Vault

    sealed = Vault.from_folder(site_folder()).seal({"token": SECRET})
    made = {
        slug: Connection.objects.create(
            workspace=site.workspace,
            connector=connector,
            name=name,
            slug=slug,
            method="token",
            credentials=sealed,
            catalog=catalog,
        )
        for slug, name, connector, catalog in (
            ("assinaturas", "Assinaturas Raiar", "acme_sign", {}),
            ("vendas", "Vendas Raiar", "acme_crm", CATALOG),
        )
    }
    return Workplace(site, made["assinaturas"], made["vendas"])


def site_folder() -> Path:
    """Return the data folder of the test's hub."""
    from django.conf import settings

    folder: Path = settings.VAIVEM.data_dir
    return folder
