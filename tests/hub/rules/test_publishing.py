"""The life of a rule: what is checked, what publishing makes, what the engine is told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.hub.workplace import DEFINITION, Workplace

from vaivem.core.compiler import CompiledRule
from vaivem.core.errors import RuleError


def codes(problems: Any) -> set[tuple[str, str]]:
    return {(problem.code, problem.path) for problem in problems}


def check(workplace: Workplace, definition: dict[str, Any]) -> Any:
    from vaivem.hub.rules import publishing
    from vaivem.hub.rules.catalog import WorkspaceCatalog

    return publishing.check(definition, WorkspaceCatalog(workplace.site.workspace), zone="America/Sao_Paulo")


def with_fields(**fields: Any) -> dict[str, Any]:
    step = DEFINITION["then"][0]
    assert isinstance(step, dict)
    return {**DEFINITION, "then": [{**step, "fields": {**step["fields"], **fields}}]}


def test_publishing_compiles_for_the_engine_and_switches_on(workplace: Workplace) -> None:
    rule = workplace.rule()
    version = rule.versions.get()
    compiled = CompiledRule.from_dict(version.compiled)
    assert (rule.state, rule.version, version.number) == ("on", 1, 1)
    assert rule.on_since is not None
    assert compiled.connection_id == workplace.sign.pk
    assert compiled.kinds == {"document_closed"}
    assert version.author == workplace.site.owner


def test_connections_are_kept_by_id_so_that_renaming_changes_nothing(workplace: Workplace) -> None:
    rule = workplace.rule()
    assert rule.draft["when"]["connection"] == workplace.sign.pk
    assert rule.draft["then"][0]["connection"] == workplace.crm.pk


@pytest.mark.parametrize("name", ["vendas", "Vendas Raiar", "VENDAS  raiar"])
def test_a_connection_goes_by_its_name_or_short_name(workplace: Workplace, name: str) -> None:
    from vaivem.hub.rules.catalog import WorkspaceCatalog

    assert WorkspaceCatalog(workplace.site.workspace).connection_id(name) == workplace.crm.pk


def test_a_name_that_two_connections_share_is_neither(workplace: Workplace) -> None:
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.rules.catalog import WorkspaceCatalog

    Connection.objects.create(
        workspace=workplace.site.workspace, connector="acme_crm", name="Vendas Raiar", slug="vendas-2",
        method="token", credentials=b"",
    )  # fmt: skip
    catalog = WorkspaceCatalog(workplace.site.workspace)
    assert catalog.connection_id("Vendas Raiar") is None
    assert catalog.connection_id("vendas") == workplace.crm.pk


def test_a_connection_of_another_workspace_is_not_there(workplace: Workplace) -> None:
    from vaivem.hub.rules.catalog import WorkspaceCatalog

    workplace.crm.workspace = workplace.site.stranger.workspaces.get()
    workplace.crm.save()
    catalog = WorkspaceCatalog(workplace.site.workspace)
    assert catalog.connection_id(workplace.crm.pk) is None
    assert ("connection_unknown", "then[0].connection") in codes(check(workplace, DEFINITION).problems)


def test_a_choice_that_depends_on_another_is_settled_under_it(workplace: Workplace) -> None:
    rule = workplace.rule()
    fields = rule.draft["then"][0]["fields"]
    assert fields["deal.stage"] == {"value": "s12"}
    other = check(
        workplace, with_fields(**{"deal.pipeline": {"value": "p2"}, "deal.stage": {"value": "Novo"}})
    )
    assert other.problems == ()
    assert {m.field: m.source.content for m in other.rule.then[0].mappings}["deal.stage"] == "s21"


def test_a_stage_of_another_funnel_is_refused(workplace: Workplace) -> None:
    found = check(
        workplace, with_fields(**{"deal.pipeline": {"value": "p2"}, "deal.stage": {"value": "s12"}})
    )
    assert codes(found.problems) == {("unknown_option", "then[0].fields.deal.stage")}
    assert found.problems[0].params["choices"] == ["Novo"]


def test_the_accounts_own_fields_can_be_mapped(workplace: Workplace) -> None:
    assert check(workplace, with_fields(**{"deal.custom.cpf": {"value": "123.456.789-09"}})).ok
    wrong = check(workplace, with_fields(**{"deal.custom.cpf": {"value": "123.456.789-00"}}))
    assert codes(wrong.problems) == {("bad_cpf", "then[0].fields.deal.custom.cpf")}


def test_all_problems_come_at_once_and_nothing_is_published(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    rule = publishing.create(
        workplace.site.workspace, with_fields(**{"deal.name": {"text": "{{ nome }}"}, "deal.x": {"value": 1}})
    )
    with pytest.raises(RuleError) as raised:
        publishing.publish(rule)
    assert codes(raised.value.problems) == {
        ("template_unknown", "then[0].fields.deal.name.text"),
        ("field_unknown", "then[0].fields.deal.x"),
    }
    rule.refresh_from_db()
    assert (rule.state, rule.version, rule.versions.count()) == ("draft", None, 0)


def test_publishing_the_same_again_makes_no_version(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    rule = workplace.rule()
    publishing.publish(rule)
    assert rule.versions.count() == 1
    publishing.save_draft(rule, {**DEFINITION, "title": "Outra"})
    assert rule.version == 1
    publishing.publish(rule)
    assert (rule.version, rule.title, rule.versions.count()) == (2, "Outra", 2)


def test_an_edited_rule_stays_on_since_it_was_switched_on(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    rule = workplace.rule()
    since = rule.on_since
    publishing.save_draft(rule, {**DEFINITION, "title": "Outra"})
    publishing.publish(rule)
    assert rule.on_since == since


def test_a_paused_rule_stays_paused_when_it_is_published(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    rule = workplace.rule()
    publishing.pause(rule)
    publishing.save_draft(rule, {**DEFINITION, "title": "Outra"})
    publishing.publish(rule)
    assert (rule.state, rule.version) == ("paused", 2)
    publishing.resume(rule)
    assert rule.state == "on"
    with pytest.raises(publishing.RuleStateError):
        publishing.resume(rule)


def test_the_first_rule_asks_for_the_webhook(workplace: Workplace) -> None:
    from django.db import connection

    workplace.rule()
    workplace.sign.refresh_from_db()
    assert workplace.sign.wants_hook
    with connection.cursor() as cursor:
        cursor.execute("select entrypoint, convert_from(payload, 'utf8') from pgqueuer")
        assert cursor.fetchall() == [("ensure_webhook", f'{{"connection": {workplace.sign.pk}}}')]


def test_restoring_makes_an_old_version_the_draft_only(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    rule = workplace.rule()
    publishing.save_draft(rule, {**DEFINITION, "title": "Outra"})
    publishing.publish(rule)
    publishing.restore(rule, 1)
    assert (rule.version, rule.draft["title"]) == (2, DEFINITION["title"])


def test_what_vanished_at_the_vendor_is_found(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing
    from vaivem.hub.rules.catalog import WorkspaceCatalog

    rule = workplace.rule()
    assert publishing.troubles(rule, WorkspaceCatalog(workplace.site.workspace)) == ()
    workplace.crm.catalog["lists"]["stages/p1"].pop()
    workplace.crm.save()
    found = publishing.troubles(rule, WorkspaceCatalog(workplace.site.workspace))
    assert codes(found) == {("unknown_option", "then[0].fields.deal.stage")}


def test_every_change_leaves_an_audit_entry(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing
    from vaivem.hub.workspaces.models import AuditEntry

    rule = workplace.rule()
    owner = workplace.site.owner
    publishing.pause(rule, owner)
    publishing.resume(rule, owner)
    publishing.save_draft(rule, {**DEFINITION, "title": "Outra"}, owner)
    publishing.remove(rule, owner)
    made = list(AuditEntry.objects.order_by("id").values_list("action", "member"))
    names = ("created", "published", "paused", "resumed", "edited", "removed")
    assert made == [(f"rule.{name}", owner.pk) for name in names]


def test_removing_a_rule_ends_what_waits_of_it(workplace: Workplace) -> None:
    from django.db import connection

    from vaivem.hub.rules import publishing

    rule, other = workplace.rule(), workplace.rule(title="Outra")
    ws = workplace.site.workspace.pk
    with connection.cursor() as cursor:
        cursor.execute("select (extract(epoch from vv_now()) * 1000)::bigint << 22")
        now = cursor.fetchone()[0]
        for lane, owner, number in ((1, rule, 10), (2, rule, 11), (3, other, 12)):
            state = 2 if lane == 2 else 1
            cursor.execute(
                "insert into lane (ws, key, rule, gate, tail, state, due) values (%s,%s,%s,0,1,%s,vv_now())",
                [ws, lane, owner.pk, state],
            )
            cursor.execute(
                "insert into item (ws, lane, seq, run_id, event_id, rule, version)"
                " values (%s,%s,1,%s,%s,%s,1)",
                [ws, lane, now + number, now, owner.pk],
            )
        publishing.remove(rule)
        # A worker has 2 in hand; 3 is the other rule's. Lane 1 stays for what may be arriving, without work.
        cursor.execute("select key, state from lane order by key")
        assert cursor.fetchall() == [(1, 1), (2, 2), (3, 1)]
        cursor.execute("select lane from item order by lane")
        assert cursor.fetchall() == [(2,), (3,)]
        cursor.execute("select id - %s, rule, status, code from run", [now])
        assert cursor.fetchall() == [(10, rule.pk, 4, "rule_was_removed")]
