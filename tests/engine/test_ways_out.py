"""Letters offer a way out of their own, and go no more to who has used it."""

from __future__ import annotations

import re
from typing import Any

from .conftest import House
from .inside import pass_time, put, working
from .mail import Mail
from .test_letters import answer, letter


def opt_out(house: House, address: str) -> None:
    with house.db() as db:
        db.execute(
            "insert into mail_address (workspace_id, address, token, opted_out)"
            " values (1, %s, 't-' || %s, now()) on conflict (workspace_id, address) do update"
            " set opted_out = excluded.opted_out",
            (address, address),
        )


def notes(house: House) -> list[Any]:
    found: list[Any] = house.value("select coalesce(params->'notes', '[]') from run")
    return found


def to(mail: Mail) -> list[str]:
    return [str(one["To"]) for one in mail.letters]


async def test_a_letter_has_the_way_out_of_its_address(house: House, mail: Mail) -> None:
    house.rule("put", then=[letter()])
    async with working(house, smtp_url=mail.url):
        for number, address in enumerate(("Ana@Example.com", "ana@example.com")):
            await house.deliver(delivery=f"d{number}", record=f"r{number}", email=address)
        await house.until(lambda: len(house.runs()) == 2)
    first, second = mail.letters
    link = first["List-Unsubscribe"].strip("<>")
    assert re.fullmatch(r"http://[^/]+/unsubscribe/[\w-]{32}/", link)
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    body = first.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert link in body.decode()
    assert second["List-Unsubscribe"] == first["List-Unsubscribe"]  # kept, so that each letter's link works
    assert house.rows("select address, opted_out from mail_address") == [("ana@example.com", None)]


async def test_who_opted_out_gets_nothing_and_the_history_says_why(house: House, mail: Mail) -> None:
    opt_out(house, "ana@example.com")
    house.rule("put", then=[letter(), put("then")])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1", email="ANA@example.com")
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    assert mail.letters == []
    assert len(house.vendor.puts) == 1
    (note,) = notes(house)
    assert (note["code"], note["params"]["address"]) == ("address_opted_out", "ANA@example.com")
    assert house.rows("select name, code, method from step where step = 'tell'") == [
        ("mail.skip", "address_opted_out", "")
    ]
    assert house.value("select count(*) from intent") == 0


async def test_of_several_only_who_opted_out_is_left_out(house: House, mail: Mail) -> None:
    opt_out(house, "b@example.com")
    house.rule(
        "put", then=[letter(to={"text": "a@example.com, B@example.com, c@example.com, A@example.com"})]
    )
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
    assert [one.lower() for one in to(mail)] == ["a@example.com", "c@example.com"]
    assert len({one["Message-ID"] for one in mail.letters}) == 2


async def test_a_transactional_letter_goes_to_all_and_offers_no_way_out(house: House, mail: Mail) -> None:
    opt_out(house, "ana@example.com")
    house.rule("put", then=[letter(to={"text": "ana@example.com, b@example.com"}, transactional=True)])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
    (sent,) = mail.letters
    assert sent["To"] == "ana@example.com, b@example.com"
    assert sent["List-Unsubscribe"] is None
    assert notes(house) == []


async def test_a_long_link_is_one_that_mail_programs_read(house: House, mail: Mail) -> None:
    host = "https://integracoes.uma-empresa-com-um-nome-bem-comprido.example"
    with house.db() as db:
        db.execute(
            "insert into fact (name, value, at) values ('public_address', %s, now())",
            (f'{{"url": "{host}"}}',),
        )
    house.rule("put", then=[letter()])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1", email="ana@example.com")
        await house.until(house.runs)
    (sent,) = mail.letters
    assert sent["List-Unsubscribe"].startswith(f"<{host}/unsubscribe/")


async def test_another_workspaces_opt_out_is_its_own(house: House, mail: Mail) -> None:
    with house.db() as db:
        db.execute("insert into workspace (name, slug, zone) values ('Outra', 'outra', 'America/Sao_Paulo')")
        db.execute(
            "insert into mail_address (workspace_id, address, token, opted_out)"
            " select id, 'ana@example.com', 'other', now() from workspace where slug = 'outra'"
        )
    house.rule("put", then=[letter()])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1", email="ana@example.com")
        await house.until(house.runs)
    assert to(mail) == ["ana@example.com"]


async def test_each_letter_of_a_step_is_sent_once_whatever_is_in_doubt(house: House, mail: Mail) -> None:
    mail.faults = {".": ["250 good", "cut"]}
    house.rule("put", then=[letter(to={"text": "a@example.com, b@example.com, c@example.com"}), put("then")])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(lambda: house.value("select count(*) from pending where state = 'decision'"))
        assert "b@example.com" in house.value("select question->>'sent' from decision")
        answer(house, "done")
        await house.until(house.runs)
    assert to(mail) == ["a@example.com", "b@example.com", "c@example.com"]
    assert house.runs() == [(1, "")]


async def test_who_opts_out_while_a_letter_waits_is_left_out(house: House, mail: Mail) -> None:
    mail.faults = {"MAIL": ["451 later"]}
    house.rule("put", then=[letter()])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1", email="ana@example.com")
        await house.until(lambda: house.rows("select 1 from pending where state = 'retry'"))
        opt_out(house, "ana@example.com")
        pass_time(house, minutes=5)
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    assert mail.letters == []


async def test_an_address_that_is_refused_among_others_is_noted(house: House, mail: Mail) -> None:
    mail.faults = {"RCPT": ["250 good", "550 no such user"]}
    house.rule("put", then=[letter(to={"text": "a@example.com, b@example.com"}, transactional=True)])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
    assert len(mail.letters) == 1
    assert house.runs() == [(1, "")]
    assert [one["code"] for one in notes(house)] == ["mail_some_refused"]


async def test_html_goes_beside_text_with_its_values_escaped(house: House, mail: Mail) -> None:
    html = {"text": "<p>Olá, <b>{{ name }}</b></p><script>x</script>"}
    house.rule("put", then=[letter(html=html, body={"text": "Olá, {{ name }}"})])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1", name="Souza & <Filhos>", email="ana@example.com")
        await house.until(house.runs)
    (sent,) = mail.letters
    assert sent.get_content_type() == "multipart/alternative"
    plain, rich = (part.get_payload(decode=True) for part in sent.walk() if not part.is_multipart())
    assert isinstance(plain, bytes)
    assert isinstance(rich, bytes)
    assert "Olá, Souza & <Filhos>" in plain.decode()
    assert "<b>Souza &amp; &lt;Filhos&gt;</b>" in rich.decode()
    assert "<script" not in rich.decode()
    link = sent["List-Unsubscribe"].strip().strip("<>")
    assert link in plain.decode()
    assert link in rich.decode()
