"""The connector that the authors' guide shows is run as a reader would run it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.fake_context import FakeContext, FakeReader, answer
from tests.docs.pages import page

from vaivem import connectors
from vaivem.connectors.sdk import Connection, Connector, Findable, texts
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.errors import RetryError

CONNECTION = Connection(7, 1, "acme_desk", "Acme", "token", {"token": "t-1"})
MADE = answer(201, {"id": 41, "subject": "Contrato"})
VALUES = {"ticket.subject": "Contrato", "ticket.email": "ana@example.com"}


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connector]:
    """Write the guide's files into a folder that the registry looks into."""
    for name, text in page("docs/connectors.md").files().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, str(tmp_path)])
    caches = (connector_keys, get_connector, texts.load_texts)
    for cache in caches:
        cache.cache_clear()
    yield get_connector("acme_desk")
    for cache in caches:
        cache.cache_clear()
    for name in [name for name in sys.modules if name.startswith("vaivem.connectors.acme_desk")]:
        del sys.modules[name]


def step(acme: Connector, routes: dict[str, Any], **more: Any) -> FakeContext:
    return FakeContext(acme, CONNECTION, routes, action="create_ticket", values=VALUES, **more)


async def test_it_makes_a_ticket_and_knows_it_again(acme: Connector) -> None:
    first = step(acme, {"tickets.create": MADE})
    outcome = await first.run()
    assert (outcome.records[0].id, outcome.records[0].did) == ("41", "created")
    assert first.vendor.last("tickets.create").json["external_id"] == first.reference
    assert isinstance(first.repeats["tickets.create"], Findable)
    again = step(acme, {}, memory=first.memory)
    assert (await again.run()).records[0].did == "kept"


async def test_a_ticket_whose_answer_was_lost_is_found(acme: Connector) -> None:
    found = answer(200, {"tickets": [{"id": 41, "subject": "Contrato"}]})
    context = step(acme, {"tickets.by_reference": found}, lost=["tickets.create"])
    assert (await context.run()).records[0].id == "41"
    assert context.vendor.names == ["tickets.create", "tickets.by_reference"]


async def test_a_ticket_that_is_not_found_is_made(acme: Connector) -> None:
    none = answer(200, {"tickets": []})
    context = step(acme, {"tickets.by_reference": none, "tickets.create": MADE}, lost=["tickets.create"])
    assert (await context.run()).records[0].id == "41"
    assert context.vendor.names.count("tickets.create") == 2


async def test_its_table_of_errors_is_read(acme: Connector) -> None:
    context = step(acme, {"tickets.create": answer(409, {"message": "indexing, try later"})})
    with pytest.raises(RetryError) as raised:
        await context.run()
    assert raised.value.code == "still_indexing"
    assert acme.text("en", "errors.still_indexing") == "Acme Desk is still indexing the record."


async def test_it_can_be_connected(acme: Connector) -> None:
    reader = FakeReader(acme, CONNECTION, {"account.read": answer(200, {"id": 3, "company": "Raiar"})})
    account = await acme.account(reader)
    assert (account.id, account.name) == ("3", "Raiar")
    assert acme.authorise(CONNECTION).headers == (("Authorization", "Bearer t-1"),)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_it_speaks_its_one_language_to_whoever_reads_another(acme: Connector, language: str) -> None:
    assert acme.text(language, "auth.token.token") == "Acme token"
