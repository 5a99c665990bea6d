"""Bulk imports: how they go on, what is written, who is not taken, and the page that shows them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from tests.simulators.activecampaign.importing import ANA, BIA, PATH, done, info, later, queued, send

from vaivem.simulators.activecampaign.app import ActiveCampaign
from vaivem.simulators.kit.account import Settings
from vaivem.simulators.kit.store import Store

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac
    from tests.simulators.receiver import Receiver

# -- how it goes on


async def test_from_the_call_to_the_end(ac: Ac) -> None:
    quirks = {
        "import_status_seconds": 100,
        "import_seconds": 1000,
        "import_claimed_seconds": 200,
        "import_active_seconds": 400,
    }
    await ac.control("quirks", quirks)
    people = [{"email": f"p{number}@example.com"} for number in range(4)]
    answer = await send(ac, *people)
    assert answer.json == {
        "Success": 1,
        "queued_contacts": 4,
        "batchId": answer.json["batchId"],
        "message": "Contact import queued",
    }
    batch = answer.json["batchId"]
    nothing: dict[str, list[str]] = {"success": [], "failure": []}
    assert await info(ac, batch) == {"status": False, **nothing}, "no status yet is false and no text"
    assert (await ac.api("GET", PATH)).json["outstanding"][0]["contacts"] == "4"
    for seconds, status in ((150, "waiting"), (700, "claimed")):
        await later(ac, seconds)
        assert await info(ac, batch) == {"status": status, **nothing}
        assert await ac.kept("p0@example.com") is None
    await later(ac, 400)  # 1250 of 1000 to 1400
    half = await info(ac, batch)
    assert (half["status"], half["success"]) == ("active", ["7", "8"])
    assert await ac.kept("p2@example.com") is None
    await later(ac, 200)
    assert await info(ac, batch) == {"status": "completed", "success": ["7", "8", "9", "10"], "failure": []}
    overview = (await ac.api("GET", PATH)).json
    assert (overview["outstanding"], overview["recentlyCompleted"][0]["batches"]) == ([], "1")
    await later(ac, 8 * 24 * 3600)
    assert (await ac.api("GET", PATH)).json["recentlyCompleted"] == [], "seven days are recent"
    assert (await info(ac, batch))["status"] == "completed"


@pytest.mark.parametrize("end", ["failed", "interrupted"])
async def test_an_end_before_the_end(ac: Ac, end: str) -> None:
    await ac.control("quirks", {"import_ends": end, "import_ends_after": 1})
    batch = await queued(ac, ANA, BIA)
    await ac.control("quirks", {"import_ends": "completed"})
    good = await queued(ac, {"email": "caio@example.com"})
    await later(ac, 10)
    told = await info(ac, batch)
    assert told == {"status": end, "success": ["7"], "failure": []}
    assert (await ac.kept("ana@example.com"))["id"] == "7"
    assert await ac.kept("bia@example.com") is None
    await later(ac, 3600)
    assert await info(ac, batch) == told, "it is not tried again"
    assert (await info(ac, good))["status"] == "completed"


async def test_an_import_is_kept_over_a_restart(
    ac: Ac, start: Callable[..., Awaitable[Any]], tmp_path: Path
) -> None:
    await ac.control("quirks", {"exclusions": ["bia@example.com"], "import_active_seconds": 1000})
    batch = await queued(ac, ANA, BIA)
    await later(ac, 600)
    second = ActiveCampaign()
    second.restore_all(orjson.loads(orjson.dumps(ac.simulator.state())))
    running = type(ac)(await start(second, Settings(limits="off", state=tmp_path / "ac.json")))
    assert (await info(running, batch))["status"] == "active"
    await later(running, 600)
    assert await info(running, batch) == {
        "status": "completed",
        "success": ["7"],
        "failure": ["bia@example.com"],
    }


async def test_what_was_worked_is_saved(tmp_path: Path) -> None:
    simulator = ActiveCampaign()
    simulator.store = Store(tmp_path / "ac.json", simulator.name)
    simulator.imports.queue({"contacts": [ANA]}, 100)
    simulator.clock.advance(0)
    assert not simulator.store.dirty, "nothing is due"
    simulator.clock.advance(10)
    assert simulator.store.dirty


async def test_what_an_older_version_kept(ac: Ac) -> None:
    kept = {"contacts": [ANA], "quiet": True, "due": ac.simulator.account.now_text(), "status": "waiting"}
    ac.simulator.account.add("imports", {**kept, "success": [], "failure": []}, "old")
    assert await info(ac, "old") == {"status": "completed", "success": ["7"], "failure": []}
    assert (await ac.call("GET", "/imports")).status == 200


# -- what is written


async def test_a_contact_with_everything(ac: Ac) -> None:
    one = {
        **ANA,
        "last_name": "Lima",
        "phone": "+5531",
        "firstName": "camel case is passed over",
        "customer_acct_name": "Duarte Arquitetura",
        "tags": ["Cliente", "nova"],
        "fields": [
            {"id": 1, "value": "935"},
            {"id": "5", "value": "Painéis||Bateria"},
            {"id": 99, "value": "no such field"},
        ],
        "subscribe": [{"listid": 1}, {"listid": "99"}],
        "unsubscribe": [{"listid": "2"}],
    }
    assert (await done(ac, one))["success"] == ["7"]
    kept = await ac.kept()
    assert (kept["firstName"], kept["lastName"], kept["phone"]) == ("Ana", "Lima", "+5531")
    assert kept["tags"] == ["cliente", "nova"], "a tag is the same in any letters, and made where missing"
    assert kept["values"] == {"CPF": "935", "Interesses": "||Painéis||Bateria||"}
    assert kept["lists"] == {"1": "1", "2": "2"}
    links = (await ac.api("GET", "/contacts/7/accountContacts")).json["accountContacts"]
    assert [link["account"] for link in links] == ["1"]
    await done(ac, {**ANA, "customer_acct_name": "Nova Ltda"}, {**BIA, "customer_acct_name": "Nova Ltda"})
    assert [one["name"] for one in (await ac.api("GET", "/accounts?search=nova")).json["accounts"]] == [
        "Nova Ltda"
    ]
    links = (await ac.api("GET", "/contacts/7/accountContacts")).json["accountContacts"]
    assert [link["account"] for link in links] == ["1"], "who is in a company stays there"


async def test_what_is_not_sent_stays(ac: Ac) -> None:
    await ac.contact(
        firstName="Ana",
        lastName="Lima",
        phone="1",
        fieldValues=[{"field": 1, "value": "a"}, {"field": 2, "value": "b"}],
    )
    await done(ac, {"email": " ANA@Example.com ", "phone": "", "fields": [{"id": 1, "value": ""}]})
    kept = await ac.kept()
    assert (kept["id"], kept["firstName"], kept["lastName"], kept["phone"]) == ("7", "Ana", "Lima", "")
    assert kept["values"] == {"CPF": "", "Empresa": "b"}


@pytest.mark.parametrize(("told", "ids"), [("created", ["8"]), ("taken", ["7", "8"])])
async def test_ids_of_new_contacts_or_of_all(ac: Ac, told: str, ids: list[str]) -> None:
    await ac.control("quirks", {"import_success": told})
    await ac.contact()
    again = {"email": "BIA@example.com", "first_name": "Bia"}
    assert (await done(ac, ANA, BIA, again))["success"] == ids, "the same contact twice is told once"
    assert (await ac.kept("bia@example.com"))["firstName"] == "Bia", "and the second wins"


@pytest.mark.parametrize(
    ("whole", "contact", "entered"),
    [
        ({}, {}, ["1"]),
        ({"exclude_automations": True}, {}, []),
        ({}, {"exclude_automations": True}, []),
        ({"exclude_automations": "true"}, {}, []),
        ({"exclude_automations": False}, {"exclude_automations": False}, ["1"]),
        ({"exclude_automations": "false"}, {"exclude_automations": 0}, ["1"]),
    ],
)
async def test_automations(ac: Ac, whole: Any, contact: Any, entered: list[str]) -> None:
    await done(ac, {**ANA, "tags": ["cliente"], **contact}, **whole)
    assert (await ac.kept())["automations"] == entered


async def test_no_webhook_tells_of_it(ac: Ac, receiver: Receiver) -> None:
    events = (await ac.api("GET", "/webhook/events")).json["webhookEvents"]
    hook = {
        "name": "Hub",
        "url": receiver.url,
        "events": events,
        "sources": ["public", "admin", "api", "system"],
    }
    assert (await ac.api("POST", "/webhooks", {"webhook": hook})).status == 201
    everything = {"tags": ["x"], "subscribe": [{"listid": 1}], "customer_acct_name": "Nova Ltda"}
    await done(ac, {**ANA, **everything}, {"email": "bia.salles@example.com", **everything})
    await done(ac, {**ANA, "unsubscribe": [{"listid": 1}]})
    assert (await ac.kept())["lists"] == {"1": "2"}
    await ac.contact(phone="1")
    assert [form["type"] for form in await receiver.forms(1)] == ["update"]
    assert len(ac.simulator.webhooks.list()) == 1


# -- who is not taken


async def test_addresses_that_cannot_be(ac: Ac) -> None:
    """The vendor's two examples of failures, and what its page says an address must have."""
    impossible = [
        "invalid.email@invalidDomain",
        "invalid'character@example.com",
        "a(b)@example.com",
        "a@example.c",
        "a@example.c1",
        "a@exa:mple.com",
        "a" * 250 + "@example.com",
    ]
    told = await done(ac, *({"email": email} for email in impossible), ANA)
    assert told == {"status": "completed", "success": ["7"], "failure": impossible}
    assert (await ac.control("counts"))["contacts"] == 7


async def test_the_list_of_exclusions(ac: Ac) -> None:
    await ac.control("quirks", {"exclusions": ["BIA@example.com", "*@spam.example.com"]})
    told = await done(ac, ANA, {**BIA, "tags": ["nova"]}, {"email": "X@SPAM.example.com"})
    assert told == {
        "status": "completed",
        "success": ["7"],
        "failure": ["bia@example.com", "X@SPAM.example.com"],
    }
    assert await ac.kept("bia@example.com") is None
    assert (await ac.api("GET", "/tags?search=nova")).json["tags"] == []
    for wrong in ("bia@example.com", [1]):
        assert (await ac.call("POST", "/_control/quirks", {"exclusions": wrong})).status == 400
    shown = await ac.control("imports")
    assert [(one["state"], one["refused"]) for one in shown] == [
        ("completed", [["bia@example.com", "excluded"], ["X@SPAM.example.com", "excluded"]])
    ]


@pytest.mark.parametrize(
    ("quirk", "failure", "phone"), [("refused", ["ana@example.com"], ""), ("skipped", [], "1")]
)
async def test_who_left_a_list_is_not_put_on_it(ac: Ac, quirk: str, failure: list[str], phone: str) -> None:
    await ac.control("quirks", {"import_unsubscribed": quirk})
    await done(ac, {**ANA, "subscribe": [{"listid": 1}]})
    await done(ac, {**ANA, "unsubscribe": [{"listid": 1}]})
    told = await done(ac, {**ANA, "phone": "1", "subscribe": [{"listid": 2}, {"listid": 1}]}, BIA)
    assert told["failure"] == failure
    kept = await ac.kept()
    assert (kept["lists"]["1"], kept["phone"]) == ("2", phone)
    assert kept["lists"].get("2") == (None if failure else "1")
    assert (await done(ac, {**ANA, "phone": "2"}))["failure"] == [], "only for that list"
    told = await done(ac, {**BIA, "subscribe": [{"listid": 1}]}, {**BIA, "subscribe": [{"listid": 1}]})
    assert told["failure"] == [], "who is on it stays on it"


# -- the page


async def test_the_page_of_imports(ac: Ac) -> None:
    assert "Nenhuma importação ainda." in (await ac.call("GET", "/imports")).text
    await ac.contact()
    await ac.control("quirks", {"exclusions": ["*@spam.example.com"]})
    await done(ac, ANA, BIA, {"email": "<b>@example.com"}, {"email": "x@spam.example.com"})
    await ac.control("quirks", {"import_ends": "interrupted"})
    await done(ac, BIA)
    await done(ac, *({"email": f"{number}@nowhere"} for number in range(5)))
    await ac.control("quirks", {"import_ends": "completed"})
    await done(ac, *({"email": f"{number}@nowhere"} for number in range(5)))
    await queued(ac, ANA)
    page = (await ac.call("GET", "/imports")).text
    for text in (
        "Na fila",
        "Interrompida",
        "Concluída",
        "5 endereços",
        "x@spam.example.com",
        "na lista de exclusão",
    ):
        assert text in page, text
    assert "&lt;b&gt;@example.com" in page
    assert page.index("Na fila") < page.index("Interrompida") < page.rindex("Concluída"), "the newest first"
    assert 'href="/imports" aria-current="page"' in page
    assert 'href="/imports">' in (await ac.call("GET", "/")).text
