"""The page of a move: what exists already is counted, linked by the move, and parted when it is undone."""

from __future__ import annotations

import html
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.hub.rules.test_moving import answers, post, rules_by_title, seen
from tests.hub.workplace import DEFINITION, Workplace


def asked(workplace: Workplace, form: dict[str, Any]) -> Any:
    """Ask for a look; return the move."""
    from vaivem.hub.rules.models import Move

    answer = post(workplace, {**form, "seen": seen(post(workplace, form)), "look": "1", "days": "30"})
    assert answer.status_code == 302, answer.content.decode()
    row = Move.objects.get()
    assert answer["location"].endswith(f"/rules/moving/{row.pk}/")
    return row


def found(workplace: Workplace, row: Any) -> None:
    """Be the worker that looked."""
    from vaivem.hub.rules.models import MoveFound

    crm, sign = workplace.crm.pk, workplace.sign.pk
    step = {"step": "deal", "object": "deal", "name": "x"}
    hows: list[tuple[str, str, str]] = [
        ("unchanged", "found", "email"),
        ("updates", "found", "name"),
        ("asks", "several", ""),
        ("creates", "new", ""),
    ]
    for n, (result, how, by) in enumerate(hows):
        MoveFound.objects.create(
            move=row,
            n=n,
            rule=0,
            title=f"Padaria {n}",
            result=result,
            steps=[{**step, "how": how, "by": by}],
            links=[[crm, "contact", f"c{n}", sign, "signer", f"s{n}"]] if how == "found" else [],
            keys=[[crm, "deal", f"source:{n}", f"d{n}"]] if n == 1 else [],
        )
    row.state, row.total = "done", 4
    row.save()


def page(workplace: Workplace, row: Any, part: str = "", form: dict[str, Any] | None = None) -> Any:
    site = workplace.site
    browser, address = site.browser(site.owner), site.url(f"rules/moving/{row.pk}/{part}")
    return browser.get(address) if form is None else browser.post(address, form)


def kept() -> tuple[list[Any], list[Any]]:
    from vaivem.hub.history.rows import fetch

    linked = fetch("select object, record, of_object, of_record from linked order by record", {}, tuple)
    return linked, fetch("select object, key, record_id from link order by key", {}, tuple)


def test_what_exists_is_counted_then_linked_with_the_switch_and_undone(workplace: Workplace) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    old = workplace.rule()
    since = old.on_since
    row = asked(workplace, answers(workplace, old=old.pk))
    assert row.state == "waiting"
    assert (row.until - row.since).days == 30
    assert row.rules[0]["rule"]["title"] == "Nova regra"
    assert "hx-get" in page(workplace, row, "look/").content.decode()
    found(workplace, row)
    text = html.unescape(page(workplace, row).content.decode())
    for said in (
        "by e-mail: 1",
        "by name: 1",
        "Padaria 2",
        "Several records fit",
        "Nothing has changed yet.",
    ):
        assert said in text
    assert (rules_by_title()[old.title].state, kept()) == ("on", ([], []))

    answer = page(workplace, row, form={})
    assert answer.status_code == 302
    rules = rules_by_title()
    assert (rules[old.title].state, rules["Nova regra"].state) == ("draft", "on")
    pairs = [("contact", f"c{n}", "signer", f"s{n}") for n in (0, 1)]
    assert kept() == (pairs, [("deal", "source:1", "d1")])
    assert page(workplace, row, form={}).status_code == 409  # once

    assert page(workplace, row, "undo/", {}).status_code == 302
    rules = rules_by_title()
    assert (rules[old.title].state, rules["Nova regra"].state) == ("on", "draft")
    assert rules[old.title].on_since == since
    assert kept() == ([], [])
    assert page(workplace, row, "undo/", {}).status_code == 409
    assert "was taken back" in page(workplace, row).content.decode()
    assert "rules.moved_back" in set(AuditEntry.objects.values_list("action", flat=True))


def test_an_undone_move_brings_back_what_ran_and_keeps_the_draft(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    old = workplace.rule()
    row = asked(workplace, answers(workplace, old=old.pk))
    page(workplace, row, form={})
    old.refresh_from_db()
    changed = {**old.draft, "title": "Outro título"}
    publishing.save_draft(old, changed)
    page(workplace, row, "undo/", {})
    old.refresh_from_db()
    running = old.versions.get(number=old.version).definition
    assert (old.state, running["title"], old.draft["title"]) == ("on", DEFINITION["title"], "Outro título")


def test_the_places_to_switch_off_stay_on_the_page_after_the_move(workplace: Workplace) -> None:
    zone = ZoneInfo(workplace.site.workspace.zone)
    moment = datetime.now(zone).replace(second=0, microsecond=0, tzinfo=None) + timedelta(hours=3)
    form = answers(workplace, where="elsewhere", tool="Ponte Velha", moment=moment.isoformat())
    row = asked(workplace, form)
    assert page(workplace, row, form={}).status_code == 422  # without saying that the old one is off
    assert rules_by_title() == {}
    assert page(workplace, row, form={"off": "1"}).status_code == 302
    text = html.unescape(page(workplace, row).content.decode())
    assert "The move was made" in text
    assert "Where to switch “Ponte Velha” off" in text
    assert "In “Vendas Raiar”" in text
    assert rules_by_title()["Nova regra"].on_since == moment.replace(tzinfo=zone)


def test_what_changed_meanwhile_is_not_moved(workplace: Workplace) -> None:
    from vaivem.hub.rules import publishing

    old = workplace.rule()
    row = asked(workplace, answers(workplace, old=old.pk))
    publishing.save_draft(old, {**old.draft, "title": "Outro"})
    answer = page(workplace, row, form={})
    assert (answer.status_code, "changed meanwhile" in answer.content.decode()) == (409, True)
    old.refresh_from_db()
    assert old.state == "on"


def test_a_look_is_stopped_and_goes_on(workplace: Workplace) -> None:
    from vaivem.hub.history.rows import fetch

    row = asked(workplace, answers(workplace, old=workplace.rule().pk))
    page(workplace, row, "look/stop/", {})
    row.refresh_from_db()
    assert row.state == "stopped"
    page(workplace, row, "look/go-on/", {})
    row.refresh_from_db()
    assert row.state == "waiting"
    asked_for = fetch("select count(*) from pgqueuer where entrypoint = 'look'", {}, tuple)
    assert asked_for == [(2,)]
