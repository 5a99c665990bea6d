"""Many letters to a real mail server while workers are killed: each is there or asked about, none twice."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from vaivem.engine.post import LETTERS_AT_ONCE

from .conftest import House

LETTERS = 1000 if os.environ.get("VAIVEM_LONG") else 60
KILLS = 12 if os.environ.get("VAIVEM_LONG") else 4

pytestmark = [pytest.mark.crash, pytest.mark.timeout(700 if os.environ.get("VAIVEM_LONG") else 300)]


class Box:
    """What the server took: the Message-ID and the address of each letter."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.addresses: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(random.random() * 0.05)
        assert isinstance(envelope.content, bytes)
        self.names.append(message_from_bytes(envelope.content)["Message-ID"])
        self.addresses += envelope.rcpt_tos
        await asyncio.sleep(random.random() * 0.05)  # taken, and the answer on its way
        return "250 taken"


@pytest.fixture
def box() -> Iterator[tuple[Box, int]]:
    made = Box()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(made, hostname="127.0.0.1", port=port)
    server.start()
    yield made, port
    server.stop()


@pytest.mark.soak
async def test_every_letter_is_there_or_asked_about_and_none_twice(
    house: House, box: tuple[Box, int]
) -> None:
    taken, port = box
    house.environment["VAIVEM_SMTP_URL"] = f"smtp://127.0.0.1:{port}/crm@example.com"
    tell = {"id": "tell", "kind": "email", "to": {"from": "email"}, "subject": {"text": "{{ name }}"},
            "body": {"text": "Olá, {{ name }}"}}  # fmt: skip
    house.rule("put", then=[tell])
    for number in range(LETTERS):
        address = f"p{number}@example.com"
        assert 200 <= await house.deliver(delivery=f"d{number}", record=f"r{number}", email=address) < 300
    at = sorted(random.sample(range(1, LETTERS * 3 // 4), KILLS))
    worker = house.worker()
    for many in at:
        await house.until(lambda n=many: len(set(taken.addresses)) >= n, 300)
        house.kill(worker)
        worker = house.worker()
    await house.until(lambda: all_told(house), 300)
    assert not [name for name, times in Counter(taken.names).items() if times > 1]
    assert not [address for address, times in Counter(taken.addresses).items() if times > 1]
    question = "select split_part(question->>'sent', E'\\n', 1) from decision where answer is null"
    doubted = {address for (address,) in house.rows(question)}
    figures = f"{len(taken.names)} at the server, {len(doubted)} in Decisions, {KILLS} kills"
    print(figures)  # noqa: T201 - what the long form is run for
    assert doubted | set(taken.addresses) == {f"p{number}@example.com" for number in range(LETTERS)}
    assert len(doubted) <= KILLS * LETTERS_AT_ONCE, "a letter was in doubt before its turn had come"
    assert doubted, "no kill came between a letter and its outcome: the test proves nothing"


def ended(house: House) -> int:
    return int(house.value("select count(*) from run where status = 1"))


def asked(house: House) -> int:
    return int(house.value("select count(*) from decision where answer is null"))


def all_told(house: House) -> bool:
    return ended(house) + asked(house) == LETTERS
