"""The audit log tells changes of rules and combinations by names: fields, what fills them, choices."""

from __future__ import annotations

import re

import pytest
from django.utils.translation import override
from tests.hub.rules.test_combining import FIELDS, combination
from tests.hub.workplace import DEFINITION, Workplace


def log(workplace: Workplace, who: str = "owner") -> list[str]:
    """Return what each line says of before and after, the newest first."""
    site = workplace.site
    page = site.browser(getattr(site, who)).get(site.url("settings/audit/")).content.decode()
    cells = re.findall(r'data-label="Before and after"><div>(.*?)</div></td>', page, re.DOTALL)
    marked = [cell.replace("<del>", "−").replace("<ins>", "+") for cell in cells]
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in marked]


def test_what_fills_a_field_is_said_as_people_read_it(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining

    row = combination(workplace)
    made = log(workplace)[0]
    for text in ("Contrato [", "+Contrato assinado", "+Vendas"):
        assert text in made
    for code in ("deal.name", "deal.stage", "s12", "p1", "value", "document.name"):
        assert code not in made
    fields = {**FIELDS, "deal.stage": {"value": "Novo"}, "deal.custom.cpf": {"from": "signer.name"}}
    combining.change(row, fields, workplace.site.owner, title="Outro nome")
    changed = log(workplace)[0]
    assert "title −Documento → negócio +Outro nome" in changed
    assert "−Contrato assinado +Novo" in changed
    assert "CPF do cliente" in changed
    assert "Vendas" not in changed, "what stayed is no change"
    assert "s11" not in changed
    assert log(workplace)[1] == made, "the entry of before is read the same under the new title"


def test_when_a_field_is_written_is_a_change_too(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining

    row = combination(workplace)
    fields = {**FIELDS, "deal.name": {**FIELDS["deal.name"], "write": "empty", "on_bad": "skip"}}
    combining.change(row, fields)
    changed = log(workplace)[0]
    assert re.search(
        r"−Contrato \[[^\]]+\] \+Contrato \[[^\]]+\] \(only where nothing stands; a value", changed
    )


@pytest.mark.parametrize("removed", [False, True])
def test_what_cannot_be_read_any_more_is_said_by_its_key(workplace: Workplace, removed: bool) -> None:
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.rules import combining
    from vaivem.hub.workspaces.models import AuditEntry

    row = combination(workplace)
    entry = AuditEntry.objects.get(action="combination.created")
    entry.after = {"fields": {**entry.after["fields"], "deal.gone": {"nonsense": 1}}}
    entry.save()
    if removed:
        combining.remove(row)
        Connection.objects.filter(pk=workplace.crm.pk).update(removed="2026-11-20T12:00Z")
    told = log(workplace)
    assert "deal.gone" in told[-1] or "deal.gone" in told[1]


def test_a_number_of_another_workspace_says_nothing(workplace: Workplace) -> None:
    from vaivem.hub.rules.logged import told
    from vaivem.hub.workspaces import audit
    from vaivem.hub.workspaces.models import AuditEntry, Workspace

    row, other = combination(workplace), Workspace.objects.exclude(pk=workplace.site.workspace.pk)[0]
    audit.note(other, None, "combination.created", "Nova", after={"id": row.pk, "fields": FIELDS})
    assert told(other, AuditEntry.objects.filter(workspace=other)) == {}


def test_a_rule_s_changes_are_told_step_by_step(workplace: Workplace) -> None:
    from vaivem.hub.rules import drafts

    rule = workplace.rule()
    step = DEFINITION["then"][0]
    fields = {**step["fields"], "deal.stage": {"value": "s11"}}
    when = {**DEFINITION["when"], "options": {"per": "envelope"}}
    drafts.save(rule, {**rule.draft, "when": when, "then": [{**step, "fields": fields}]})
    changed = log(workplace)[0]
    assert "−Contrato assinado" in changed
    assert "+Novo" in changed
    assert "Count by +envelope" in changed
    for code in ("deal.stage", "s11", "s12", "{", "kind", "create_or_update_deal"):
        assert code not in changed
    assert "Contrato {{" not in changed, "what stayed is no change"


def test_what_was_chosen_of_a_list_is_told_by_names(workplace: Workplace) -> None:
    """Several of a fixed list, and one of the account's own."""
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.rules.catalog import WorkspaceCatalog
    from vaivem.hub.rules.editing.differences import differences

    site = workplace.site
    own = Connection.objects.create(
        workspace=site.workspace, connector="activecampaign", name="Marketing", slug="marketing",
        method="token", credentials=b"", catalog={"lists": {"lists": [{"value": "7", "label": "Clientes"}]}},
    )  # fmt: skip
    signer = Connection.objects.create(
        workspace=site.workspace, connector="docusign", name="Contratos", slug="contratos", method="oauth",
        credentials=b"", catalog={},
    )  # fmt: skip
    catalog = WorkspaceCatalog(site.workspace)

    def told(
        connection: int, trigger: str, before: object, after: object, name: str
    ) -> list[tuple[str, ...]]:
        rules = [
            {"title": "x", "when": {"connection": connection, "trigger": trigger, "options": {name: value}}}
            for value in (before, after)
        ]
        return [(one.where, one.before, one.after) for one in differences(*rules, catalog)]

    with override("en"):
        chosen = told(signer.pk, "document_moved", ["sent"], ["sent", "opened"], "states")
        assert chosen == [("Steps", "Sent", "Sent, Delivered (opened)")]
        ((_where, before, after),) = told(own.pk, "contact_subscribed", "7", "8", "list")
    assert (before, after) == ("Clientes", "8"), "one that is gone at the vendor is told as it was chosen"
