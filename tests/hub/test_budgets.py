"""The budget of a day: what was used, how long it lasts, and what people read when it is spent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.hub.conftest import Site

from vaivem.connectors.sdk import Quota
from vaivem.hub.connections.budgets import budget_of

KEY = "pipedrive"  # a vendor with a budget of a day
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def ago(minutes: int, cost: int) -> tuple[datetime, int]:
    return NOON - timedelta(minutes=minutes), cost


def test_the_forecast_goes_by_the_last_hour() -> None:
    spent = [ago(60 * 13, 5000), ago(300, 4000), ago(50, 500), ago(10, 500)]
    told = budget_of(Quota(8000), spent, NOON)
    assert (told.used, told.size) == (5000, 8000)  # of today, from midnight UTC
    assert told.until == NOON + timedelta(minutes=150)  # 3000 are left, 1000 went in 50 minutes
    assert told.ends == datetime(2026, 3, 11, tzinfo=UTC)


def test_a_budget_that_lasts_has_no_end_today() -> None:
    assert budget_of(Quota(100_000), [ago(50, 500)], NOON).until is None
    assert budget_of(Quota(100), [ago(300, 50)], NOON).until is None  # nothing was spent in the last hour
    assert budget_of(Quota(100), [], NOON).used == 0
    assert budget_of(Quota(100), [ago(20, 300)], NOON).until == NOON
    unknown = budget_of(Quota(), [ago(20, 300)], NOON)
    assert (unknown.until, unknown.text) == (None, "300")


def test_the_day_is_the_vendors() -> None:
    told = budget_of(Quota(1000, reset_hour=10), [ago(130, 70), ago(110, 30)], NOON)
    assert told.used == 30
    assert told.ends == NOON + timedelta(hours=22)


def make(site: Site) -> int:
    from vaivem.hub.connections.saving import Access, save_new

    access = Access(KEY, "token", {"token": "x"}, {"plan": "growth", "seats": 3})
    return save_new(site.workspace, site.owner, "Vendas", access).pk


def sql(query: str, *values: object) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query, values)


def test_the_page_says_what_was_used_and_that_it_is_a_guess(site: Site) -> None:
    number = make(site)
    sql("insert into spending values (%s, vv_now(), 45000, 900)", number)
    for member in (site.owner, site.viewer):
        page = site.browser(member).get(site.url(f"connections/{number}/")).text
        assert "45.000 of 180.000 used today by Vaivém" in page
        assert "An estimate" in page
        assert "is spent" not in page
    assert site.browser(site.stranger).get(site.url(f"connections/{number}/")).status_code == 404


def test_a_spent_budget_is_said_on_the_page_and_at_home(site: Site) -> None:
    from tests.hub import history_rows as rows

    from vaivem.hub.shell import clock

    number = make(site)
    rows.add_event(site.workspace.pk, number, clock.now())
    home = site.browser(site.viewer).get(site.url()).text
    assert "is spent" not in home
    spent = (
        "insert into gate (conn, ws, state, code, closed_until)"
        " values (%s, %s, 4, 'daily_budget_spent', vv_now() + %s)"
        " on conflict (conn) do update set closed_until = excluded.closed_until"
    )
    ws = site.workspace.pk
    sql(spent, number, ws, timedelta(hours=3))
    page = site.browser(site.viewer).get(site.url(f"connections/{number}/")).text
    assert "The day’s budget is spent" in page
    assert "live events are tried now and then" in page
    home = site.browser(site.viewer).get(site.url()).text
    assert "The day’s budget is spent at: Pipedrive." in home
    assert "The day’s budget of “Vendas” is spent" in home
    assert 'class="count warn">1<' in home
    assert "Budget spent" in site.browser(site.viewer).get(site.url("connections/")).text
    sql(spent, number, ws, timedelta(seconds=-1))
    assert "is spent" not in site.browser(site.viewer).get(site.url()).text
