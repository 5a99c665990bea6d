"""Alerts: grouped into one mail, told once, reminded of, chosen, stopped; each in its member's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.hub.past import Past
from tests.hub.workplace import Workplace, systems, workplace

from vaivem.config import Config

__all__ = ["systems", "workplace"]


@pytest.fixture
def posted(hub: Config) -> Iterator[Config]:
    """A hub whose letters stay on a page, where a test can read them."""
    from django.test.utils import override_settings

    config = replace(hub, smtp_url="outbox:")
    with override_settings(VAIVEM=config):
        yield config


@pytest.fixture
def past(posted: Config, workplace: Workplace) -> Past:
    from vaivem.hub.workspaces.models import Member

    Member.objects.filter(pk=workplace.site.owner.pk).update(language="pt_BR")
    return Past(workplace)


def later(past: Past, **time: float) -> None:
    """Let time pass, for the engine and the hub alike."""
    past.sql("update clock set shift = shift + %s", timedelta(**time))


def tell() -> int:
    from vaivem.hub.alerts.digest import tell_everybody

    return tell_everybody()


def texts() -> list[str]:
    """Return the alert mails so far, the oldest first."""
    from vaivem.hub.connections.lines import vault
    from vaivem.hub.mail.models import Letter

    rows = Letter.objects.filter(kind="alerts").order_by("id")
    return [f"{row.subject}\n{vault().open(bytes(row.content))['text']}" for row in rows]


def break_connection(past: Past) -> None:
    from vaivem.hub.connections.models import Connection

    Connection.objects.filter(pk=past.workplace.crm.pk).update(state="reconnect")


def everything_wrong(past: Past) -> None:
    """Break what can break."""
    rule = past.workplace.rule()
    break_connection(past)
    past.run(rule.pk, status=2, code="record_refused")
    past.decision(past.waiting("decision", "decision_needed", rule=rule.pk))
    past.sql("update decision set asked = vv_now() - interval '5 hours'")
    past.item(rule.pk, id=past.id(timedelta(hours=2)))


def test_what_breaks_together_comes_in_one_mail_in_the_members_words(past: Past) -> None:
    everything_wrong(past)
    assert tell() == 0  # it may pass by itself
    later(past, minutes=5)
    assert tell() == 1
    (mail,) = texts()
    assert mail.startswith("Raiar Solar: 4 coisas precisam de você")
    for words in (
        "Reconecte",
        "falhou uma vez em 24 horas",
        "espera há mais de 60 minutos",
        "Isto foi feito",
    ):
        assert words in mail, mail
    assert "http://127.0.0.1:8000/w/raiar-solar/" in mail


def test_a_round_that_is_repeated_tells_nobody_twice(past: Past) -> None:
    everything_wrong(past)
    tell()
    later(past, minutes=5)
    assert [tell() for _ in range(4)] == [1, 0, 0, 0]
    later(past, hours=2)
    assert tell() == 0


def test_there_are_two_reminders_and_then_silence(past: Past) -> None:
    break_connection(past)
    sent = []
    for _ in range(40):
        sent.append(tell())
        later(past, hours=12)
    assert sum(sent) == 3


def test_a_mail_that_crashed_half_way_is_neither_noted_nor_sent(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaivem.hub.alerts import digest

    break_connection(past)
    tell()
    later(past, minutes=5)
    whole = digest.post

    def crash(*args: Any, **kwargs: Any) -> Any:
        whole(*args, **kwargs)
        raise RuntimeError("killed right after the letter was written")

    monkeypatch.setattr(digest, "post", crash)
    with pytest.raises(RuntimeError):
        tell()
    assert texts() == []
    monkeypatch.setattr(digest, "post", whole)
    assert (tell(), len(texts())) == (1, 1)


def test_what_comes_and_goes_is_told_once(past: Past) -> None:
    from vaivem.hub.connections.models import Connection

    for _ in range(10):
        break_connection(past)
        tell()
        later(past, minutes=5)
        tell()
        Connection.objects.update(state="working")
        later(past, minutes=5)
        tell()
    assert len(texts()) == 1


def test_what_is_over_for_long_and_comes_back_is_told_again(past: Past) -> None:
    from vaivem.hub.connections.models import Connection

    for _ in range(2):
        break_connection(past)
        tell()
        later(past, minutes=5)
        tell()
        Connection.objects.update(state="working")
        tell()
        later(past, hours=7)
        tell()
    assert len(texts()) == 2


def test_at_most_one_mail_an_hour(past: Past) -> None:
    break_connection(past)
    tell()
    later(past, minutes=5)
    assert tell() == 1
    rule = past.workplace.rule()
    past.run(rule.pk, status=2, code="record_refused", id=past.id(-timedelta(minutes=5)))
    tell()
    later(past, minutes=10)
    assert tell() == 0
    later(past, minutes=50)
    assert tell() == 1
    assert "Reconecte" not in texts()[1]


def test_each_member_gets_what_they_chose_in_their_language(past: Past) -> None:
    from vaivem.hub.workspaces.models import Membership

    site = past.workplace.site
    Membership.objects.filter(member=site.viewer).update(alerts=["reconnect"])
    everything_wrong(past)
    tell()
    later(past, minutes=5)
    assert tell() == 2
    assert texts()[1].startswith("Raiar Solar: one thing needs you")
    site.browser(site.owner).post(site.url("alerts/"), {"failing": "1"})
    assert Membership.objects.get(member=site.owner, workspace=site.workspace).alerts == ["failing"]


def test_the_link_in_a_mail_stops_its_alerts_and_a_preview_does_not(past: Past) -> None:
    from vaivem.hub.workspaces.models import Membership

    break_connection(past)
    tell()
    later(past, minutes=5)
    tell()
    found = re.search(r"(/alerts/stop/\S+/)", texts()[0])
    assert found
    site, owner = past.workplace.site, Membership.objects.get(member=past.workplace.site.owner)
    stranger = site.browser(csrf=True)  # a mail program: no session, no cookie
    assert stranger.get(found[1]).status_code == 200
    owner.refresh_from_db()
    assert owner.alerts is None
    assert stranger.post(found[1], {"List-Unsubscribe": "One-Click"}).status_code == 200
    owner.refresh_from_db()
    assert owner.alerts == []
    later(past, days=2)
    assert tell() == 0
    assert stranger.post("/alerts/stop/forged:token/").status_code == 410


def test_the_header_lets_a_mail_program_stop_them(past: Past) -> None:
    from vaivem.hub.connections.lines import vault
    from vaivem.hub.mail.models import Letter

    break_connection(past)
    tell()
    later(past, minutes=5)
    tell()
    headers = vault().open(bytes(Letter.objects.get().content))["headers"]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Unsubscribe"].startswith("<http://127.0.0.1:8000/alerts/stop/")


def test_what_waits_as_it_should_is_no_trouble(past: Past) -> None:
    rule = past.workplace.rule()
    past.waiting("wait", "waiting", rule=rule.pk, id=past.id(timedelta(hours=5)))
    past.waiting("decision", "decision_needed", rule=rule.pk, id=past.id(timedelta(hours=5)))
    past.item(rule.pk, lane_state=3, id=past.id(timedelta(hours=5)))  # the rule is paused
    tell()
    later(past, minutes=5)
    assert tell() == 0


def test_without_a_mail_server_nothing_is_noted(workplace: Workplace) -> None:
    from vaivem.hub.alerts.models import Told

    break_connection(Past(workplace))
    assert tell() == 0
    assert not Told.objects.exists()


def test_of_causes_that_failed_as_often_the_newest_come_first(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were their order by chance, those that are cut off would come and go from one look to the next."""
    from vaivem.hub.alerts import troubles

    monkeypatch.setattr(troubles, "MOST", 5)
    rule = past.workplace.rule()
    codes = [f"cause_{number}" for number in (3, 8, 1, 9, 2, 7, 4, 6, 5, 0)]
    for code in codes:
        past.run(rule.pk, status=2, code=code)
    found = troubles.read_troubles(past.workplace.site.workspace, past.now)
    assert [one.key.rpartition("/")[2] for one in found] == codes[::-1][:5]
