"""The history as a table: the same runs as the list, scoped, limited and said so, and no formula in it."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from tests.hub.conftest import Site
from tests.hub.past import Past
from tests.hub.workplace import Workplace


@pytest.fixture
def past(workplace: Workplace) -> Past:
    return Past(workplace)


def table(site: Site, member: Any, query: str = "") -> list[list[str]]:
    """Download it and read it as a spreadsheet does."""
    answer = site.browser(member).get(site.url(f"history/export.csv{query}"))
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert answer.headers["content-disposition"].startswith('attachment; filename="vaivem-raiar-solar-')
    return list(csv.reader(io.StringIO(text), delimiter=";"))


def test_it_has_what_the_list_has(past: Past) -> None:
    site, rule = past.workplace.site, past.workplace.rule()
    done = past.event("Contrato Lúcia", found_by=("Contrato Lúcia",))
    past.run(rule.pk, event=done, records='[{"object": "deal", "id": "9", "did": "created"}]')
    past.run(rule.pk, 2, event=past.event("Proposta Rui"), code="record_refused")
    head, failed, first = table(site, site.viewer)
    assert head[:3] == ["Time", "What happened", "Status"]
    assert (failed[1], failed[2], failed[4]) == ("Proposta Rui", "Failed", rule.title)
    assert (first[1], first[2], first[5]) == ("Contrato Lúcia", "Done", past.workplace.sign.name)
    assert first[-1].startswith("http://127.0.0.1/w/raiar-solar/history/")
    assert len(first[0]) == len("2026-11-28 09:00:00")
    assert [row[1] for row in table(site, site.viewer, "?status=failed")[1:]] == ["Proposta Rui"]
    assert [row[1] for row in table(site, site.viewer, "?q=lucia")[1:]] == ["Contrato Lúcia"]
    assert table(site, site.viewer, "?q=ninguem") == [head]
    assert site.browser(site.viewer).get(site.url("history/export.csv?status=what")).status_code == 404


def test_it_is_of_this_workspace_and_noted(past: Past) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    site = past.workplace.site
    past.run()
    past.sql("update run set ws = ws + 1")
    assert len(table(site, site.owner, "?status=done")) == 1
    assert site.browser(site.stranger).get(site.url("history/export.csv")).status_code == 404
    assert site.browser().get(site.url("history/export.csv")).status_code == 302
    [entry] = AuditEntry.objects.filter(action="history.exported")
    assert (entry.member, entry.after) == (site.owner, {"status": "done"})
    assert "downloaded the history" in site.browser(site.owner).get(site.url("settings/audit/")).text


def test_what_is_cut_says_so(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaivem.hub.history import export

    for number in range(7):
        past.run(event=past.event(f"Contrato {number}"))
    monkeypatch.setattr(export, "PAGE", 2)
    site = past.workplace.site
    assert [row[1] for row in table(site, site.owner)[1:]] == [f"Contrato {n}" for n in range(6, -1, -1)]
    monkeypatch.setattr(export, "MOST_ROWS", 5)
    *_rows, last = table(site, site.owner)
    assert len(_rows) == 6
    assert last[0].startswith("Not all: the newest 5, back to ")
    monkeypatch.setattr(export, "SECONDS", -1.0)
    assert table(site, site.owner)[-1][0].startswith("Not all: the newest 2")


def test_no_cell_is_a_formula(past: Past) -> None:
    for title in ("=1+1", "+55 11", "-2", "@x", 'Aspas " e ; e\nlinha'):
        past.run(event=past.event(title))
    seen = {row[1] for row in table(past.workplace.site, past.workplace.site.owner)[1:]}
    assert seen == {"'=1+1", "'+55 11", "'-2", "'@x", 'Aspas " e ; e\nlinha'}


def test_the_list_leads_to_it_with_its_filters(past: Past) -> None:
    site = past.workplace.site
    past.run(event=past.event("Velho", id=past.id(timedelta(days=2))))
    page = site.browser(site.viewer).get(site.url("history/?status=done&period=7days")).text
    assert f'{site.url("history/export.csv")}?status=done&amp;period=7days"' in page
    assert "the newest 10,000 at most" in page or "the newest 10.000 at most" in page
