"""Field combinations in files: made and changed by title, with the rules that share them, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.hub.rules.test_combining import FIELDS, combination, ran_fields, sharing
from tests.hub.workplace import DEFINITION, Workplace

TITLE = "Documento → negócio"
ENTRY = {"title": TITLE, "from": "assinaturas", "to": "vendas", "object": "deal", "fields": FIELDS}
HEAD = "combination;from;to;object;field;source;text;value;write;on_bad\n"
TABLE = (
    HEAD
    + f"{TITLE};assinaturas;vendas;deal;deal.name;;Contrato {{{{ document.name }}}};;;\n"
    + f"{TITLE};assinaturas;vendas;deal;deal.pipeline;;;Vendas;;\n"
    + f"{TITLE};assinaturas;vendas;deal;deal.stage;;;Contrato assinado;created;\n"
)


def plan(workplace: Workplace, content: Any) -> Any:
    from vaivem.hub.rules import files

    text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
    return files.plan(text, workplace.site.workspace)


def done(workplace: Workplace, content: Any) -> Any:
    from vaivem.hub.rules import files

    planned = plan(workplace, content)
    assert planned.ok, [change.to_dict() for change in planned.changes]
    files.apply(planned, workplace.site.owner)
    return planned


def acts(planned: Any) -> list[tuple[str, str]]:
    return [(change.kind.value, change.act.value) for change in planned.changes]


def test_a_file_makes_a_combination_and_the_rule_that_shares_it(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import Combination, Rule

    content = {"combinations": [ENTRY], "rules": [{**DEFINITION, **sharing()}]}
    assert acts(done(workplace, content)) == [("combination", "create"), ("rule", "create")]
    row, rule = Combination.objects.get(), Rule.objects.get()
    assert (row.title, row.source_id, row.object) == (TITLE, workplace.sign.pk, "deal")
    assert rule.draft["then"][0]["combination"] == row.pk
    assert ran_fields(rule)["deal.stage"] == "s12"
    assert acts(plan(workplace, content)) == [("combination", "unchanged"), ("rule", "unchanged")]


def test_changing_one_says_what_it_touches_and_publishes_it(workplace: Workplace) -> None:
    combination(workplace)
    rule = workplace.rule(**sharing())
    changed = {**ENTRY, "fields": {**FIELDS, "deal.name": {"text": "Outro"}}}
    planned = done(workplace, {"combinations": [changed]})
    [change] = planned.changes
    assert (change.act, change.touches) == ("change", (rule.title,))
    assert change.before["fields"]["deal.name"] == FIELDS["deal.name"]
    assert "+    text: Outro" in change.diff
    rule.refresh_from_db()
    assert (rule.version, ran_fields(rule)["deal.name"]) == (2, "Outro")


def test_a_rule_of_the_same_file_is_published_once(workplace: Workplace) -> None:
    combination(workplace)
    rule = workplace.rule(**sharing())
    entry = {**ENTRY, "fields": {**FIELDS, "deal.name": {"text": "Outro"}}}
    own = sharing(**{"deal.stage": {"value": "Novo"}})
    done(workplace, {"combinations": [entry], "rules": [{**DEFINITION, **own}]})
    rule.refresh_from_db()
    assert rule.version == 2
    assert (ran_fields(rule)["deal.name"], ran_fields(rule)["deal.stage"]) == ("Outro", "s11")


def test_what_is_exported_changes_nothing_when_it_comes_back(workplace: Workplace) -> None:
    from vaivem.hub.rules import files
    from vaivem.hub.rules.catalog import WorkspaceCatalog

    combination(workplace)
    rule = workplace.rule(**sharing())
    text = files.as_file([rule], WorkspaceCatalog(workplace.site.workspace))
    data = yaml.safe_load(text)
    assert data["combinations"][0]["from"] == "assinaturas"
    assert data["rules"][0]["then"][0]["combination"] == TITLE
    assert set(data["rules"][0]["then"][0]["fields"]) == {"contact.name", "contact.email"}
    assert acts(plan(workplace, text)) == [("combination", "unchanged"), ("rule", "unchanged")]


def test_a_plan_does_not_outlive_the_combination_it_was_made_from(workplace: Workplace) -> None:
    from vaivem.hub.rules import combining, files

    planned = plan(workplace, {"combinations": [ENTRY]})
    row = combination(workplace)
    with pytest.raises(files.PlanError, match="plan_is_old"):
        files.apply(planned)
    changing = plan(
        workplace, {"combinations": [{**ENTRY, "fields": {**FIELDS, "deal.name": {"text": "A"}}}]}
    )
    combining.change(row, {**FIELDS, "deal.name": {"text": "B"}})
    with pytest.raises(files.PlanError, match="plan_is_old"):
        files.apply(changing)
    row.refresh_from_db()
    assert row.fields["deal.name"]["text"] == "B"


def test_all_that_is_wrong_is_said_at_once_with_its_line(workplace: Workplace) -> None:
    combination(workplace, "Outra")
    text = """combinations:
  - title: Nova
    from: ninguem
    to: vendas
    object: deal
    colour: red
  - title: Outra
    from: assinaturas
    to: vendas
    object: deal
    fields:
      deal.name: {text: x}
      deal.nothing: {text: x}
  - title: Vazia
    from: assinaturas
    to: vendas
    object: ship
"""
    planned = plan(workplace, text)
    said = [
        (problem.code, line)
        for change in planned.changes
        for problem, line in zip(change.problems, change.lines, strict=True)
    ]
    assert ("rule_unknown_key", 6) in said
    assert ("connection_unknown", 3) in said
    assert ("field_unknown", 13) in said
    assert ("combination_object_unknown", 17) in said
    assert not planned.ok


def test_the_form_of_a_file_is_refused_whole_with_each_line(workplace: Workplace) -> None:
    from vaivem.hub.rules import files

    with pytest.raises(files.FileError) as raised:
        plan(workplace, "rules:\n  - 1\n  - title: a\n    title: b\ncombinations: x\nothers: []\n")
    assert [(one.code, one.path) for one in raised.value.placed] == [
        ("file_key_twice", "4"),
        ("rule_wrong_type", "2"),
        ("rule_wrong_type", "5"),
        ("rule_unknown_key", "6"),
    ]


def test_a_title_stays_with_its_pair(workplace: Workplace) -> None:
    combination(workplace)
    planned = plan(workplace, {"combinations": [{**ENTRY, "object": "contact"}, ENTRY]})
    codes = {problem.code for change in planned.changes for problem in change.problems}
    assert {"combination_pair_fixed", "title_twice_in_file"} <= codes


@pytest.mark.parametrize("sign", [";", ",", "\t"])
def test_a_table_makes_a_combination(workplace: Workplace, sign: str) -> None:
    from vaivem.hub.rules.models import Combination

    planned = done(workplace, "\ufeff" + TABLE.replace(";", sign))
    assert planned.is_table
    fields = Combination.objects.get().fields
    assert fields["deal.pipeline"] == {"value": "p1"}
    assert fields["deal.stage"] == {"value": "s12", "write": "created"}


def test_a_wrong_table_says_each_row(workplace: Workplace) -> None:
    from vaivem.hub.rules import files

    text = HEAD + "A;assinaturas;;deal;deal.name;x;y;;;\nA;outra;vendas;deal;deal.name;x;;;;\n;;;;;;;;;\n"
    text += "A;assinaturas;vendas;deal;deal.name;x;;;;\n"
    with pytest.raises(files.FileError) as raised:
        plan(workplace, text)
    assert [(one.code, one.path) for one in raised.value.placed] == [
        ("file_cell_missing", "2"),
        ("file_row_filled_by", "2"),
        ("file_row_differs", "5"),
        ("file_key_twice", "5"),
    ]
    with pytest.raises(files.FileError) as raised:
        plan(workplace, "combination;colour\nA;red\n")
    assert {one.code for one in raised.value.placed} == {"file_column_unknown", "file_column_missing"}
    planned = plan(workplace, HEAD + "A;assinaturas;vendas;deal;deal.nothing;x;;;;\n")
    [change] = planned.changes
    assert ("field_unknown", 2) in {
        (one.code, line) for one, line in zip(change.problems, change.lines, strict=True)
    }


def test_the_table_that_is_downloaded_comes_back_and_the_page_says_rows(workplace: Workplace) -> None:
    site = workplace.site
    combination(workplace)
    browser = site.browser(site.owner)
    text = browser.get(site.url("rules/file/combinations.csv")).content.decode()
    assert acts(plan(workplace, text)) == [("combination", "unchanged")]
    wrong = text.replace(";deal.stage;", ";deal.nothing;")
    page = browser.post(site.url("rules/file/"), {"text": wrong}).content.decode()
    assert "Row 4" in page
    page = browser.post(site.url("rules/file/"), {"text": "rules:\n  - 1\n  - 2\n"}).content.decode()
    assert "Line 2: " in page
    assert "Line 3: " in page
