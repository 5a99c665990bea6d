"""Rules from files: the plan says what would change; applying does that, whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.hub.workplace import DEFINITION, Workplace


def text(*entries: dict[str, Any]) -> str:
    return yaml.safe_dump({"rules": list(entries)}, allow_unicode=True)


def plan(workplace: Workplace, content: str) -> Any:
    from vaivem.hub.rules import files

    return files.plan(content, workplace.site.workspace)


def test_a_file_makes_its_rules_and_then_changes_nothing(workplace: Workplace) -> None:
    from vaivem.hub.rules import files

    planned = plan(workplace, text(DEFINITION))
    assert [change.act for change in planned.changes] == ["create"]
    assert all(line.startswith(("+", "@@")) for line in planned.changes[0].diff)
    [rule] = files.apply(planned)
    assert (rule.state, rule.version, rule.title) == ("on", 1, DEFINITION["title"])
    again = plan(workplace, text(DEFINITION))
    assert [(change.act, change.diff) for change in again.changes] == [("unchanged", ())]
    files.apply(again)
    assert rule.versions.count() == 1


def test_a_changed_rule_is_shown_as_a_diff_and_published_anew(workplace: Workplace) -> None:
    from vaivem.hub.rules import files

    rule = workplace.rule()
    step = DEFINITION["then"][0]
    fields = {**step["fields"], "deal.name": {"text": "{{ document.name }}"}}
    planned = plan(workplace, text({**DEFINITION, "then": [{**step, "fields": fields}]}))
    [change] = planned.changes
    assert change.act == "change"
    assert "-      text: Contrato {{ document.name }}" in change.diff
    assert "+      text: '{{ document.name }}'" in change.diff
    assert not any(line[:1] in "+-" and "connection" in line for line in change.diff)
    files.apply(planned)
    rule.refresh_from_db()
    assert rule.version == 2


def test_names_and_ids_of_choices_and_connections_are_the_same_rule(workplace: Workplace) -> None:
    workplace.rule()
    step = DEFINITION["then"][0]
    fields = {**step["fields"], "deal.stage": {"value": "s12"}}
    other = {
        **DEFINITION,
        "when": {"connection": "Assinaturas Raiar", "trigger": "document_completed"},
        "then": [{**step, "connection": workplace.crm.pk, "fields": fields}],
    }
    assert [change.act for change in plan(workplace, text(other)).changes] == ["unchanged"]


def test_a_rule_can_be_kept_off_and_paused_by_the_file(workplace: Workplace) -> None:
    from vaivem.hub.rules import files

    [draft] = files.apply(plan(workplace, text({**DEFINITION, "title": "Nova", "enabled": False})))
    assert (draft.state, draft.version) == ("draft", None)
    rule = workplace.rule()
    planned = plan(workplace, text({**DEFINITION, "enabled": False}))
    assert planned.changes[0].diff[-1] == "+enabled: false"
    files.apply(planned)
    rule.refresh_from_db()
    assert rule.state == "paused"
    assert [change.act for change in plan(workplace, text({**DEFINITION, "enabled": False})).changes] == [
        "unchanged"
    ]
    files.apply(plan(workplace, text(DEFINITION)))
    rule.refresh_from_db()
    assert rule.state == "on"


def test_one_wrong_rule_keeps_the_whole_file_out(workplace: Workplace) -> None:
    from vaivem.hub.rules import files
    from vaivem.hub.rules.models import Rule

    wrong = {**DEFINITION, "title": "Errada", "when": {"connection": "ninguem", "trigger": "x"}}
    planned = plan(workplace, text(DEFINITION, wrong))
    assert not planned.ok
    assert [problem.code for problem in planned.changes[1].problems] == ["connection_unknown"]
    with pytest.raises(files.PlanError):
        files.apply(planned)
    assert not Rule.objects.exists()


def test_a_title_is_one_rule(workplace: Workplace) -> None:
    twice = plan(workplace, text(DEFINITION, DEFINITION))
    assert {problem.code for change in twice.changes for problem in change.problems} == {
        "title_twice_in_file"
    }
    workplace.rule()
    workplace.rule()
    found = plan(workplace, text(DEFINITION))
    assert [problem.code for problem in found.changes[0].problems] == ["title_twice_in_workspace"]


def test_a_plan_does_not_outlive_the_rules_it_was_made_from(workplace: Workplace) -> None:
    from vaivem.hub.rules import files, publishing

    planned = plan(workplace, text(DEFINITION))
    rule = workplace.rule()
    with pytest.raises(files.PlanError, match="plan_is_old"):
        files.apply(planned)
    changing = plan(workplace, text({**DEFINITION, "enabled": False}))
    publishing.remove(rule)
    with pytest.raises(files.PlanError, match="plan_is_old"):
        files.apply(changing)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("rules: [", "file_unreadable"),
        ("a: 1", "file_without_rules"),
        ("", "file_without_rules"),
        ("- 1", "plan_has_problems"),
        ("- " * 3_000, "file_unreadable"),
        ("rules: &a [*a]", "file_unreadable"),
        ("a: &a [1]\nb: &b [" + "*a," * 400 + "]\nrules: [" + "*b," * 900 + "]", "file_unreadable"),
        ("rules: [{title: 2026-02-30}]", "file_unreadable"),
        ("!!python/object/apply:os.system ['true']", "file_unreadable"),
    ],
)
def test_what_is_no_file_of_rules_is_refused(workplace: Workplace, content: str, code: str) -> None:
    from vaivem.hub.rules import files

    with pytest.raises(files.FileError) as raised:
        plan(workplace, content)
    assert raised.value.code == code


def test_the_file_that_is_shown_can_be_applied(workplace: Workplace) -> None:
    from vaivem.hub.rules import files
    from vaivem.hub.rules.catalog import WorkspaceCatalog

    rule = workplace.rule()
    shown = files.as_file([rule], WorkspaceCatalog(workplace.site.workspace))
    assert "connection: assinaturas" in shown
    [entry] = yaml.safe_load(shown)["rules"]
    assert list(entry) == ["title", "when", "then"]  # as people write it, not as the database orders it
    assert next(iter(entry["then"][0])) == "id"
    assert [change.act for change in plan(workplace, shown).changes] == ["unchanged"]
