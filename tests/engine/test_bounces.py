"""Letters that come back: read from a mailbox, known by their Message-ID, noted once with their run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from vaivem.engine.bounces import Bounces, read_report

from .conftest import House
from .imap import Imap
from .inside import working
from .mail import Mail
from .test_letters import letter

REPORT = """\
From: MAILER-DAEMON@mx.example.com
To: crm@example.com
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="B"

--B
Content-Type: text/plain

I'm sorry.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; {address}
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1
 <{address}> no such user

--B
Content-Type: {kind}

From: crm@example.com
To: {address}
Message-ID: {name}
Subject: Assinado

--B--
"""


def report(
    name: str, address: str = "ana@example.com", action: str = "failed", kind: str = "message/rfc822"
) -> bytes:
    text = REPORT.format(name=name, address=address, action=action, kind=kind)
    return text.replace("\n", "\r\n").encode()


@pytest.fixture
async def box() -> AsyncIterator[Imap]:
    made = Imap()
    await made.start()
    yield made
    await made.stop()


async def sent(house: House, mail: Mail, address: str = "Ana@example.com") -> str:
    """Let a rule send a letter; return its Message-ID."""
    house.rule("put", then=[letter()])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1", email=address)
        await house.until(house.runs)
    return str(mail.letters[0]["Message-ID"])


async def look(house: House, url: str) -> None:
    async with asyncpg.create_pool(house.dsn, min_size=1, max_size=1) as pool:
        await Bounces(url, pool).look()


def bounced(house: House) -> list[tuple[Any, ...]]:
    return house.rows("select workspace_id, run, address, status, said from mail_bounce order by id")


def fact(house: House) -> dict[str, Any]:
    found: dict[str, Any] = house.value("select value from fact where name = 'bounces'")
    return found


async def test_a_letter_that_comes_back_is_noted_once_and_the_mailbox_left_alone(
    house: House, mail: Mail, box: Imap
) -> None:
    name = await sent(house, mail)
    box.letters = {3: b"Subject: Oi\r\nContent-Type: text/plain\r\n\r\nOi\r\n", 5: report(name)}
    await look(house, box.url)
    run = house.value("select id from run")
    assert bounced(house) == [
        (1, run, "ana@example.com", "5.1.1", "550 5.1.1 <ana@example.com> no such user")
    ]
    await look(house, box.url)
    assert box.read == [5]  # letters of people are not read, and nothing is read twice
    box.letters[6] = report(name)  # the same said again
    await look(house, box.url)
    assert len(bounced(house)) == 1
    assert box.read == [5, 6]
    assert box.marked == 0
    assert (fact(house)["uid"], "code" in fact(house)) == (6, False)


async def test_a_mailbox_that_was_made_anew_is_read_from_the_start(
    house: House, mail: Mail, box: Imap
) -> None:
    name = await sent(house, mail)
    box.letters = {90: b"Content-Type: text/plain\r\n\r\nOi\r\n"}
    await look(house, box.url)
    box.validity, box.letters = 8, {2: report(name)}
    await look(house, box.url)
    assert len(bounced(house)) == 1


async def test_what_is_not_ours_or_not_for_good_is_not_noted(house: House, mail: Mail, box: Imap) -> None:
    name = await sent(house, mail)
    _, run, place = name.strip("<>").partition("@")[0].split(".")
    others = [
        report(f"<2.{run}.{place}@example.com>"),  # another workspace's
        report(f"<1.{int(run) + 1}.{place}@example.com>"),
        report(f"<1.{run}.{int(place) + 1}@example.com>"),
        report("<1.99999999999999999999.1@example.com>"),
        report("<something@example.com>"),
        report(name, action="delayed"),
        report(name).replace(b"multipart/report", b"multipart/mixed"),
        report(name)[:200],
        b"Content-Type: multipart/report; boundary=B\r\n\r\n\xff\xfe\x00",
    ]
    box.letters = dict(enumerate(others, start=1))
    await look(house, box.url)
    assert bounced(house) == []
    assert fact(house)["uid"] == len(others)


async def test_who_passed_it_on_is_named_by_the_address_we_wrote_to(
    house: House, mail: Mail, box: Imap
) -> None:
    name = await sent(house, mail)
    box.letters = {1: report(name, address="ana.nova@outra.example", kind="text/rfc822-headers")}
    await look(house, box.url)
    assert [row[2] for row in bounced(house)] == ["ana@example.com"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda url: url.replace("uma%20senha", "errada"), "bounces_refused"),
        (lambda url: url.replace("Caixa", "Outra"), "bounces_refused"),
        (lambda url: "imap://a:b@127.0.0.1:9/INBOX", "bounces_unreachable"),
    ],
)
async def test_why_a_mailbox_cannot_be_read_is_kept_for_the_page(
    house: House, box: Imap, change: Any, code: str
) -> None:
    await look(house, change(box.url))
    assert fact(house)["code"] == code
    assert "senha" not in str(fact(house))
    await look(house, box.url)
    assert "code" not in fact(house)


def test_a_report_names_each_address_that_failed() -> None:
    two = report("<1.2.3@example.com>").replace(
        b"--B\r\nContent-Type: message/rfc822",
        b"Final-Recipient: rfc822; bia@example.com\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n"
        b"--B\r\nContent-Type: message/rfc822",
    )
    assert [(one.recipient, one.status, one.run) for one in read_report(two)] == [
        ("ana@example.com", "5.1.1", 2), ("bia@example.com", "5.2.2", 2)
    ]  # fmt: skip
