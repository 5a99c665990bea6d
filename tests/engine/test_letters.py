"""E-mail steps: sent once, tried again when surely not sent, asked about when nobody can know."""

from __future__ import annotations

import json
from email.header import decode_header, make_header
from typing import Any

import pytest

from vaivem.engine.control import answer_decision

from .conftest import House
from .inside import pass_time, put, working
from .mail import Mail


def letter(**parts: Any) -> dict[str, Any]:
    whole = {
        "id": "tell", "kind": "email", "to": {"text": "{{ email }}"},
        "subject": {"text": "Assinado: {{ name }}"}, "body": {"text": "Olá,\n{{ name }} assinou."},
    }  # fmt: skip
    return whole | parts


def subjects(mail: Mail) -> list[str]:
    return [str(make_header(decode_header(one["Subject"]))) for one in mail.letters]


def answer(house: House, choice: str) -> None:
    (number,) = house.rows("select id from decision where answer is null")[0]
    with house.db() as db, db.cursor() as cursor:
        assert answer_decision(cursor, 1, number, {"choice": choice}, 1)


async def test_a_letter_goes_out_once_with_its_fields(house: House, mail: Mail) -> None:
    both = {"text": "{{ email }}, boss@example.com"}
    house.rule("put", then=[letter(to=both), put("then")])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1", name="Conceição", email="ana@example.com")
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    sent, other = mail.letters
    assert subjects(mail) == ["Assinado: Conceição"] * 2
    assert (sent["From"], sent["To"], other["To"]) == (
        "crm@example.com", "ana@example.com", "boss@example.com"
    )  # fmt: skip
    assert sent["List-Unsubscribe"] != other["List-Unsubscribe"]
    body = sent.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "Conceição assinou." in body.decode()
    assert house.rows("select name, status, done from step order by n")[0] == ("mail.send", 250, True)


async def test_without_a_mail_server_the_run_says_so(house: House) -> None:
    house.rule("put", then=[letter()])
    async with working(house):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
    assert house.runs() == [(2, "mail_not_configured")]


async def test_a_letter_without_an_address_fails_by_name(house: House, mail: Mail) -> None:
    house.rule("put", then=[letter(to={"from": "nothing"})])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
    assert house.runs() == [(2, "mapping_failed")]
    assert house.value("select params->'problems'->0->>'path' from run") == "to"
    assert not mail.letters


@pytest.mark.parametrize("command", ["MAIL", "."])
async def test_a_busy_mail_server_is_tried_again(house: House, mail: Mail, command: str) -> None:
    mail.faults = {command: ["451 later"]}
    house.rule("put", then=[letter()])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(lambda: house.rows("select 1 from pending where state = 'retry'"))
        assert house.value("select code from pending") == "mail_server_busy"
        assert not mail.letters
        pass_time(house, minutes=5)
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    assert len(mail.letters) == 1


async def test_a_mail_server_that_is_away_is_tried_again(house: House, mail: Mail) -> None:
    await mail.stop()
    house.rule("put", then=[letter()])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(lambda: house.rows("select 1 from pending where code = 'mail_server_unreachable'"))
        await mail.start()
        pass_time(house, minutes=5)
        await house.until(house.runs)
    assert len(mail.letters) == 1


async def test_a_refused_letter_fails_with_the_servers_words(house: House, mail: Mail) -> None:
    mail.faults = {".": ["554 looks like spam"]}
    house.rule("put", then=[letter()])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
    assert house.runs() == [(2, "mail_refused")]
    assert "looks like spam" in json.dumps(house.value("select params from run"))


@pytest.mark.parametrize(("choice", "letters"), [("done", 1), ("do", 2), ("skip", 1)])
async def test_a_lost_answer_waits_for_a_person(house: House, mail: Mail, choice: str, letters: int) -> None:
    mail.faults = {".": ["cut"]}
    house.rule("put", then=[letter(), put("then")])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1", name="Ana")
        await house.until(lambda: house.rows("select 1 from decision where answer is null"))
        assert "Assinado: Ana" in house.value("select question->>'sent' from decision")
        await house.until(lambda: house.value("select count(*) from pending where state = 'decision'"))
        answer(house, choice)
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    assert len(mail.letters) == letters
    names = {one["Message-ID"] for one in mail.letters}
    assert len(names) == 1  # the letter that was sent again is the same one to a mail program
    assert f"Message-ID: {names.pop()}" in house.value("select question->>'sent' from decision")
    assert len(house.vendor.puts) == 1
    assert house.value("select count(*) from intent") == 0


@pytest.mark.parametrize("goodbye", ["421 closing", "cut"])
async def test_a_goodbye_that_fails_does_not_send_the_letter_again(
    house: House, mail: Mail, goodbye: str
) -> None:
    mail.faults = {"QUIT": [goodbye]}
    house.rule("put", then=[letter()])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    assert len(mail.letters) == 1


@pytest.mark.crash
async def test_a_crash_before_a_letter_asks_before_it_goes(house: House, mail: Mail) -> None:
    house.rule("put", then=[letter()])
    house.environment["VAIVEM_SMTP_URL"] = mail.url
    dying = house.worker(crash_at="journal.after_outcome:1")
    await house.deliver(delivery="d1")
    await house.until(lambda: dying.poll() is not None)
    assert not mail.letters
    async with working(house, smtp_url=mail.url):
        await house.until(lambda: house.rows("select 1 from decision where answer is null"))
        assert not mail.letters
        await house.until(lambda: house.value("select count(*) from pending where state = 'decision'"))
        answer(house, "do")
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    assert len(mail.letters) == 1


@pytest.mark.soak
@pytest.mark.crash
@pytest.mark.parametrize(
    ("point", "asks"), [("journal.before_outcome:2", True), ("run.before_finish:1", False)]
)
async def test_a_crash_after_a_letter_asks_only_if_its_outcome_was_not_kept(
    house: House, mail: Mail, point: str, asks: bool
) -> None:
    house.rule("put", then=[letter()])
    house.environment["VAIVEM_SMTP_URL"] = mail.url
    dying = house.worker(crash_at=point)
    await house.deliver(delivery="d1")
    await house.until(lambda: dying.poll() is not None)
    assert len(mail.letters) == 1
    async with working(house, smtp_url=mail.url):
        if asks:
            await house.until(lambda: house.value("select count(*) from pending where state = 'decision'"))
            answer(house, "done")
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    assert house.value("select count(*) from decision") == int(asks)
    assert len(mail.letters) == 1
