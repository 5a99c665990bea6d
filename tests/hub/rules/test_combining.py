"""Field combinations: shared by steps, changed together with every rule that shares them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.hub.rules.test_publishing import check, codes
from tests.hub.workplace import DEFINITION, Workplace

from vaivem.core.compiler import CompiledRule
from vaivem.core.errors import RuleError

FIELDS = {
    "deal.name": {"text": "Contrato {{ document.name }}"},
    "deal.pipeline": {"value": "Vendas"},
    "deal.stage": {"value": "Contrato assinado"},
}
PEOPLE = {"contact.name": {"from": "signer.name"}, "contact.email": {"from": "signer.email"}}


def combination(workplace: Workplace, title: str = "Documento → negócio", **fields: Any) -> Any:
    from vaivem.hub.rules import combining

    pair = (workplace.sign.pk, workplace.crm.pk)
    owner = workplace.site.owner
    return combining.create(workplace.site.workspace, title, pair, "deal", fields or FIELDS, owner)


def sharing(title: str = "Documento → negócio", **own: Any) -> dict[str, Any]:
    step = DEFINITION["then"][0]
    assert isinstance(step, dict)
    return {"then": [{**step, "combination": title, "fields": {**PEOPLE, **own}}]}


def ran_fields(rule: Any) -> dict[str, Any]:
    """Return what the engine was given: the source of each field of the first step."""
    compiled = CompiledRule.from_dict(rule.versions.get(number=rule.version).compiled)
    step = compiled.rule.then[0]
    return {one.field: one.source.content for one in step.mappings}  # type: ignore[union-attr]


def test_a_published_version_holds_the_fields_of_its_combination(workplace: Workplace) -> None:
    combination(workplace)
    rule = workplace.rule(**sharing())
    assert ran_fields(rule) == {
        "deal.name": "Contrato {{ document.name }}", "deal.pipeline": "p1", "deal.stage": "s12",
        "contact.name": "signer.name", "contact.email": "signer.email",
    }  # fmt: skip


def test_a_step_adds_fields_and_changes_one_for_itself(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining

    row = combination(workplace)
    rule = workplace.rule(**sharing(**{"deal.name": {"text": "Só meu"}}))
    combining.change(row, {**FIELDS, "deal.name": {"text": "Outro"}, "deal.stage": {"value": "Novo"}})
    rule.refresh_from_db()
    assert (ran_fields(rule)["deal.name"], ran_fields(rule)["deal.stage"]) == ("Só meu", "s11")


def test_changing_it_publishes_every_rule_that_shares_it_and_no_other(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining
    from vaivem.hub.workspaces.models import AuditEntry

    row = combination(workplace)
    one, two = workplace.rule(**sharing()), workplace.rule(**sharing(), title="Outra")
    alone = workplace.rule(title="Sozinha")
    changed = combining.change(row, {**FIELDS, "deal.name": {"text": "Novo nome"}}, workplace.site.owner)
    assert {rule.pk for rule in changed} == {one.pk, two.pk}
    for rule in (one, two, alone):
        rule.refresh_from_db()
    assert (one.version, two.version, alone.version) == (2, 2, 1)
    assert ran_fields(one)["deal.name"] == ran_fields(two)["deal.name"] == "Novo nome"
    assert one.draft == one.versions.get(number=2).definition
    done = AuditEntry.objects.filter(action="rule.published", after__version=2)
    assert {entry.member for entry in done} == {workplace.site.owner}
    assert row.revision == 2


def test_a_draft_that_waits_is_not_published_by_it(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining, publishing

    row, rule = combination(workplace), None
    rule = workplace.rule(**sharing())
    publishing.save_draft(rule, {**rule.draft, "title": "Ainda não"})
    combining.change(row, {**FIELDS, "deal.name": {"text": "Novo nome"}})
    rule.refresh_from_db()
    assert (rule.title, rule.draft["title"]) == ("Ainda não", "Ainda não")
    assert rule.versions.get(number=2).definition["title"] == DEFINITION["title"]
    assert rule.draft["then"][0]["fields"]["deal.name"] == {"text": "Novo nome", "shared": True}


def test_a_rule_that_refuses_keeps_everything_as_it_was(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining

    row = combination(workplace)
    rules = [workplace.rule(**sharing()), workplace.rule(**sharing(), title="Outra")]
    with pytest.raises(RuleError) as caught:
        combining.change(row, {**FIELDS, "deal.name": {"text": "{{ nothing.at.all }}"}})
    assert caught.value.problems
    row.refresh_from_db()
    assert (row.fields["deal.name"], row.revision) == (FIELDS["deal.name"], 1)
    for rule in rules:
        rule.refresh_from_db()
        assert rule.version == 1


def test_what_it_touches_is_known_before(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining

    row, rule = combination(workplace), None
    rule = workplace.rule(**sharing())
    found = combining.touched(row, {**FIELDS, "deal.name": {"text": "Novo nome"}})
    assert [(one.rule.pk, one.problems) for one in found] == [(rule.pk, ())]
    assert found[0].before["then"][0]["fields"]["deal.name"]["text"] == FIELDS["deal.name"]["text"]
    assert found[0].after["then"][0]["fields"]["deal.name"]["text"] == "Novo nome"
    rule.refresh_from_db()
    row.refresh_from_db()
    assert (rule.version, row.fields["deal.name"]) == (1, FIELDS["deal.name"])


def test_required_fields_and_unknown_ones_are_refused(workplace: Workplace) -> None:
    with pytest.raises(RuleError) as caught:
        combination(workplace, **{"deal.nothing": {"value": "x"}})
    assert ("field_unknown", "fields.deal.nothing") in codes(caught.value.problems)
    assert ("required_missing", "fields.deal.name") in codes(caught.value.problems)


def test_one_for_other_accounts_does_not_fit(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import Combination

    row = combination(workplace)
    Combination.objects.filter(pk=row.pk).update(source=workplace.crm)
    found = check(workplace, {**DEFINITION, **sharing()})
    assert ("combination_unfit", "then[0].combination") in codes(found.problems)
    unknown = check(workplace, {**DEFINITION, **sharing("Nenhuma")})
    assert ("combination_unknown", "then[0].combination") in codes(unknown.problems)


def test_another_workspace_has_none_of_it(workplace: Workplace) -> None:
    from vaivem.hub.rules.catalog import WorkspaceCatalog
    from vaivem.hub.workspaces.models import Workspace

    row = combination(workplace)
    other = Workspace.objects.create(slug="mais-uma", name="Mais uma")
    assert WorkspaceCatalog(other).combination(row.pk) is None
    assert WorkspaceCatalog(other).combination(row.title) is None


def test_it_is_removed_only_when_no_rule_shares_it_and_comes_back(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining, publishing
    from vaivem.hub.rules.definitions import each_action, loose

    row, rule = combination(workplace), None
    rule = workplace.rule(**sharing())
    with pytest.raises(RuleError) as caught:
        combining.remove(row)
    assert caught.value.code == "combination_shared"
    before = ran_fields(rule)
    publishing.save_draft(rule, each_action(rule.draft, loose))
    publishing.publish(rule)
    assert ran_fields(rule) == before
    combining.remove(row)
    assert row.removed is not None
    combining.bring_back(row)
    assert row.removed is None


def test_restoring_a_version_brings_back_what_ran(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining, publishing

    row, rule = combination(workplace), None
    rule = workplace.rule(**sharing())
    combining.change(row, {**FIELDS, "deal.name": {"text": "Novo nome"}})
    rule.refresh_from_db()
    publishing.restore(rule, 1)
    publishing.publish(rule)
    assert ran_fields(rule)["deal.name"] == FIELDS["deal.name"]["text"]
    assert "combination" not in rule.draft["then"][0]
