"""Home: the figures are those of the tables, and what needs a person is on it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.hub import history_rows as rows
from tests.hub.conftest import Site

from vaivem.hub.home.charts import scale

ZONE = ZoneInfo("America/Sao_Paulo")


def make_connection(site: Site, connector: str = "clicksign", name: str = "Raiar Solar") -> int:
    """Keep a connection."""
    from vaivem.hub.connections.saving import Access, save_new

    method = "token"
    return save_new(site.workspace, site.owner, name, Access(connector, method, {"token": "x"}, {})).pk


@pytest.fixture
def noon(site: Site) -> datetime:
    """Let it be noon in the workspace's zone, whatever the machine's clock says."""
    from django.db import connection

    now = datetime.now(ZONE)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute("update clock set shift = %s - clock_timestamp()", [noon])
    return noon


def lead(page: str) -> str:
    """Return the sentence under the headline, without its tags."""
    found = re.search(r'<p class="lead">(.*?)</p>', page, re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", "", found[1]).strip()


def test_before_anything_happened_home_shows_the_first_steps(site: Site) -> None:
    page = site.browser(site.owner).get(site.url()).text
    assert "Three steps to the first rule" in page
    assert site.url("connections/new/clicksign/") in page
    assert site.url("connections/new/") not in site.browser(site.viewer).get(site.url()).text


def test_the_figures_are_those_of_the_tables(site: Site, noon: datetime) -> None:
    conn = make_connection(site)
    ws = site.workspace.pk
    for minutes in (5, 65, 66, 125):
        rows.add_event(ws, conn, noon - timedelta(minutes=minutes))
    event = rows.add_event(ws, conn, noon - timedelta(days=1, hours=2))
    rows.add_event(ws, conn, noon - timedelta(days=1) + timedelta(hours=2))
    rows.add_run(ws, event, 1, noon - timedelta(minutes=5))
    rows.add_run(ws, event, 1, noon - timedelta(minutes=6), status=2, code="record_refused", tries=1)
    rows.add_run(ws, event, 1, noon - timedelta(minutes=7), status=3, code="filtered")
    rows.add_run(ws, event, 1, noon - timedelta(days=1))  # yesterday's
    rows.add_waiting(ws, conn, noon - timedelta(days=3))
    answer = site.browser(site.owner).get(site.url())
    day, figures = answer.context["day"], answer.context["figures"]
    assert (day.events, day.yesterday_so_far, sum(day.yesterday)) == (4, 1, 2)
    assert [(h, hour.events) for h, hour in enumerate(day.hours) if hour.events] == [(9, 1), (10, 2), (11, 1)]
    assert day.hours[11].failed == 1
    assert day.hours[11].retried == 1
    assert (figures.done, figures.failed, figures.nothing, figures.waiting) == (1, 1, 1, 1)
    assert figures.half == pytest.approx(2.0, abs=0.01)
    assert lead(answer.text) == "Today 4 events arrived. 1 run waits and 1 failed. 1 thing needs you."


def test_another_workspaces_rows_are_not_counted(site: Site, noon: datetime) -> None:
    from vaivem.hub.workspaces.models import Workspace

    conn = make_connection(site)
    other = Workspace.objects.get(slug="outra").pk
    rows.add_event(site.workspace.pk, conn, noon - timedelta(minutes=1))
    event = rows.add_event(other, 99, noon - timedelta(minutes=1), title="De outro")
    rows.add_run(other, event, 1, noon - timedelta(minutes=1), status=2)
    answer = site.browser(site.owner).get(site.url())
    assert answer.context["day"].events == 1
    assert answer.context["figures"].failed == 0
    assert "De outro" not in answer.text


def test_what_needs_a_person_is_listed_with_its_reason(site: Site, noon: datetime) -> None:
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.rules.models import Rule

    conn = make_connection(site)
    ws = site.workspace.pk
    rule = Rule.objects.create(workspace=site.workspace, title="Contrato vira negócio", state="on")
    event = rows.add_event(ws, conn, noon - timedelta(minutes=9), title="Contrato Antunes")
    problem = {
        "code": "bad_number",
        "params": {"value": "a combinar", "label": "Valor"},
        "path": "deal.amount",
    }
    for minutes in (3, 4):
        rows.add_run(
            ws, event, rule.pk, noon - timedelta(minutes=minutes), status=2, code="mapping_failed",
            params={"problems": [problem]},
        )  # fmt: skip
    rows.add_decision(ws, 5, event, conn, {"object": "contact", "candidates": [{"id": 1}, {"id": 2}]})
    rows.add_waiting(ws, conn, noon - timedelta(hours=2))
    rows.set_gate(ws, conn, 2, "credentials_refused", {"message": "revoked"})
    Connection.objects.update(state="reconnect")
    answer = site.browser(site.owner).get(site.url())
    titles = [need.title for need in answer.context["needs"]]
    assert titles == [
        "Reconnect Clicksign “Raiar Solar”",
        "Which record is right for “Contrato Antunes”?",
        "“Contrato vira negócio” failed 2 times",
    ]
    assert "refused the access: revoked" in answer.text
    assert "1 run waits and goes on by itself" in answer.text
    assert "“Valor” got “a combinar”, which is not a number." in answer.text
    assert answer.context["headline"] == "Everything is flowing except Clicksign."
    nav = re.search(
        r'href="/w/raiar-solar/"[^>]*aria-current="page".*?<span class="count warn">(\d+)', answer.text
    )
    assert nav
    assert nav[1] == str(len(titles))


def test_what_just_happened_is_told_in_words(site: Site, noon: datetime) -> None:
    conn = make_connection(site)
    target = make_connection(site, "rd_station_crm", "Vendas")
    ws = site.workspace.pk
    event = rows.add_event(ws, conn, noon - timedelta(minutes=9), title="Contrato Duarte")
    run = rows.add_run(
        ws, event, 1, noon - timedelta(minutes=8), records=[{"object": "deal", "id": "9", "did": "created"}]
    )
    rows.add_step(ws, run, target, noon - timedelta(minutes=8))
    rows.add_run(ws, event, 1, noon - timedelta(minutes=7), status=3, code="filtered")
    lines = site.browser(site.owner).get(site.url()).context["latest"]
    assert [line.text for line in lines] == ["led to nothing", "made deal"]
    assert lines[1].note == "Clicksign → RD Station CRM"
    assert lines[0].note == "The rule's conditions did not hold."


def test_the_list_of_connections_tells_limits_and_last_events(site: Site, noon: datetime) -> None:
    conn = make_connection(site)
    ws = site.workspace.pk
    event = rows.add_event(ws, conn, noon - timedelta(seconds=40))
    run = rows.add_run(ws, event, 1, noon - timedelta(seconds=20))
    for age in (1, 2, 8, 30):
        rows.add_step(ws, run, conn, noon - timedelta(seconds=age))
    one = site.browser(site.owner).get(site.url("connections/")).context["connections"][0]
    assert (one.usage.used, one.usage.calls, one.usage.seconds) == (3, 50, 10)
    assert one.word == "Working"
    assert one.events_today == 1


@pytest.mark.parametrize(
    ("most", "expected"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 6)), (304, (100, 400)), (1284, (500, 1500))]
)
def test_the_scale_has_round_lines(most: int, expected: tuple[int, int]) -> None:
    assert scale(most) == expected


def test_the_headline_says_what_does_not_flow_and_what_waits_for_a_person(site: Site, noon: datetime) -> None:
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.rules.models import Rule

    conn = make_connection(site)
    ws = site.workspace.pk
    event = rows.add_event(ws, conn, noon - timedelta(minutes=9))
    browser = site.browser(site.viewer)

    def seen() -> tuple[str, str]:
        answer = browser.get(site.url())
        return answer.context["headline"], lead(answer.text)

    def hold(title: str) -> None:
        why = {"code": "record_changed_too_often", "params": {"times": 21, "most": 20, "record": "9"}}
        Rule.objects.create(workspace=site.workspace, title=title, state="paused", held=why, held_since=noon)

    assert seen() == ("Everything is flowing.", "Today 1 event arrived. Nothing waits and nothing failed.")
    rows.add_run(ws, event, 1, noon - timedelta(hours=13), status=2, code="record_refused")
    assert seen()[0] == "It is flowing, and one thing needs you."  # it failed yesterday evening
    rows.add_decision(ws, 5, event, conn, {"object": "contact", "candidates": [{"id": 1}, {"id": 2}]})
    assert seen()[0] == "It is flowing, and one decision waits for you."
    assert seen()[1].endswith("2 things need you.")
    Connection.objects.update(wants_hook=True, subscription={"problem": {"code": "hook_gone", "params": {}}})
    assert seen()[0] == "No events arrive from: Raiar Solar."
    hold("Contrato vira negócio")
    assert seen()[0] == "Everything is flowing except the rule “Contrato vira negócio”."
    Connection.objects.update(state="reconnect")
    hold("Ganhou, avisa")
    assert seen()[0] == (
        "Everything is flowing except Clicksign, the rule “Contrato vira negócio”, "
        "and the rule “Ganhou, avisa”."
    )
    hold("Terceira")
    assert seen()[0] == "Everything is flowing except Clicksign and 3 rules."
    assert seen()[1].endswith("6 things need you.")
    site.viewer.language = "pt-br"
    site.viewer.save()
    page = browser.get(site.url()).text
    assert "Está tudo fluindo, menos a Clicksign e 3 regras." in page
