"""Rules from a file in the browser: the plan first, then all of it or nothing."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.hub.workplace import DEFINITION, Workplace


def upload(workplace: Workplace, content: bytes) -> Any:
    site = workplace.site
    file = SimpleUploadedFile("rules.yaml", content)
    return site.browser(site.owner).post(site.url("rules/file/"), {"file": file})


def text(*entries: dict[str, Any]) -> str:
    return yaml.safe_dump({"rules": list(entries)}, allow_unicode=True)


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found
    return found[1]


def carried(page: str) -> str:
    """Return the file's text as the plan's page gives it back."""
    found = re.search(r'<textarea name="text" hidden>(.*?)</textarea>', page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def test_a_file_is_shown_and_only_then_applied(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import Rule

    site = workplace.site
    page = upload(workplace, text(DEFINITION).encode()).content.decode()
    assert "New: 1. Changed: 0. Unchanged: 0." in page
    assert not Rule.objects.exists()
    form = {"text": carried(page), "seen": seen(page)}
    assert site.browser(site.owner).post(site.url("rules/file/"), form).status_code == 302
    rule = Rule.objects.get()
    assert (rule.title, rule.state) == (DEFINITION["title"], "on")
    again = upload(workplace, text(DEFINITION).encode()).content.decode()
    assert "Unchanged: 1." in again
    assert 'name="seen"' not in again


def test_what_was_not_seen_is_not_done(workplace: Workplace) -> None:
    site = workplace.site
    page = upload(workplace, text(DEFINITION).encode()).content.decode()
    rule = workplace.rule(**{"if": [{"field": "document.name", "is": "is_not_empty"}]})
    form = {"text": text(DEFINITION), "seen": seen(page)}
    answer = site.browser(site.owner).post(site.url("rules/file/"), form)
    assert answer.status_code == 409
    assert "Changed: 1." in answer.content.decode()
    rule.refresh_from_db()
    assert rule.version == 1


def test_problems_are_said_in_words_with_their_place(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import Rule

    step = DEFINITION["then"][0]
    fields = {**step["fields"], "deal.stage": {"value": "Nenhuma"}}
    wrong = {**DEFINITION, "title": "Errada", "then": [{**step, "fields": fields}]}
    answer = upload(workplace, text(DEFINITION, wrong).encode())
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 422
    assert "Step 1, Stage: " in page
    assert "Nenhuma" in page
    assert 'name="seen"' not in page
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    "content", [b"rules: [", b"\xff\xfe\x00", b"rules:\n- \x07", b"a: 1", b"", b"- " * 400_000]
)
def test_what_is_no_file_of_rules_is_refused_in_a_sentence(workplace: Workplace, content: bytes) -> None:
    answer = upload(workplace, content)
    assert answer.status_code == 422
    assert "The file was not taken" in answer.content.decode()


def test_the_rules_that_are_downloaded_change_nothing_when_they_come_back(workplace: Workplace) -> None:
    site = workplace.site
    workplace.rule()
    answer = site.browser(site.viewer).get(site.url("rules/file/rules.yaml"))
    assert "attachment" in answer["Content-Disposition"]
    assert "Unchanged: 1." in upload(workplace, answer.content).content.decode()


def test_the_example_can_be_filled_and_brought_in(workplace: Workplace) -> None:
    from vaivem.hub.rules import files

    site = workplace.site
    content = site.browser(site.owner).get(site.url("rules/file/example.yaml")).content.decode()
    entries = yaml.safe_load(content)["rules"]
    assert all(entry["enabled"] is False for entry in entries)
    [ours] = [entry for entry in entries if entry["when"]["connection"] == "assinaturas"]
    fields = next(step for step in ours["then"] if "fields" in step)["fields"]
    fields["deal.pipeline"], fields["deal.stage"] = {"value": "Vendas"}, {"value": "Novo"}
    planned = files.plan(text(ours), site.workspace)
    assert planned.ok, planned.changes[0].problems
    [rule] = files.apply(planned)
    assert rule.state == "draft"


def test_who_may_bring_a_file(workplace: Workplace) -> None:
    from vaivem.hub.rules.models import Rule

    site = workplace.site
    for member, status in ((site.viewer, 403), (site.stranger, 404)):
        browser = site.browser(member)
        assert browser.get(site.url("rules/file/")).status_code == status
        form = {"text": text(DEFINITION), "seen": "x"}
        assert browser.post(site.url("rules/file/"), form).status_code == status
    for page in ("rules.yaml", "example.yaml"):
        assert site.browser(site.viewer).get(site.url(f"rules/file/{page}")).status_code == 200
        assert site.browser(site.stranger).get(site.url(f"rules/file/{page}")).status_code == 404
    assert not Rule.objects.exists()
