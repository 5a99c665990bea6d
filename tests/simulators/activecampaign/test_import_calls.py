"""The call of a bulk import: what it refuses, its sizes and its pace, and what faults leave of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from pyreqwest.exceptions import RequestError
from tests.simulators.activecampaign.importing import ANA, BIA, PATH, info, later, queued, send

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac

NOT_VALID = (
    "JSON payload did not pass validation. Please fix failure Reasons and retry. "
    "The import was not queued for processing."
)


@pytest.mark.parametrize(
    ("contact", "reason"),
    [
        ({}, "Field 'email' not found"),
        ({"email": None}, "Field 'email' not found"),
        ([], "Field 'email' not found"),
        ({"email": "ana"}, "Field 'email' incorrect format"),
        ({"email": "@example.com"}, "Field 'email' incorrect format"),
        ({"email": "ana lima@example.com"}, "Field 'email' incorrect format"),
        ({"email": 1}, "Field 'email' incorrect format"),
        ({**ANA, "phone": ["1"]}, "Field 'phone' incorrect format"),
        ({**ANA, "tags": "x"}, "Field 'tags' incorrect format"),
        ({**ANA, "tags": [""]}, "Field 'tags' incorrect format"),
        ({**ANA, "fields": [None]}, "Field 'fields' incorrect format"),
        ({**ANA, "fields": [{"id": 1}]}, "Field 'fields' incorrect format"),
        ({**ANA, "fields": [{"id": "CPF", "value": "x"}]}, "Field 'fields' incorrect format"),
        ({**ANA, "fields": [{"value": "x"}]}, "Field 'fields' incorrect format"),
        ({**ANA, "subscribe": {"listid": 1}}, "Field 'subscribe' incorrect format"),
        ({**ANA, "unsubscribe": [{"list": 1}]}, "Field 'unsubscribe' incorrect format"),
    ],
)
async def test_one_wrong_contact_refuses_all(ac: Ac, contact: Any, reason: str) -> None:
    refused = await send(ac, BIA, contact)
    reasons = [{"contact": 2, "failureReason": reason}]
    assert (refused.status, refused.json) == (
        400,
        {"success": 0, "message": NOT_VALID, "failureReasons": reasons},
    )
    assert await ac.control("imports") == []
    await ac.control("quirks", {"import_counts_from": 0})
    assert (await send(ac, BIA, contact)).json["failureReasons"][0]["contact"] == 1


async def test_sizes(ac: Ac) -> None:
    many = [{"email": f"p{number}@example.com"} for number in range(251)]
    for body in ({}, [], {"contacts": []}, {"contacts": {}}, {"contacts": many}):
        refused = await ac.api("POST", PATH, body)
        assert (refused.status, refused.json["success"], refused.json["message"]) == (400, 0, NOT_VALID)
        assert all(isinstance(reason, str) for reason in refused.json["failureReasons"])
    assert (await ac.api("POST", PATH, {"contacts": many[:250]})).status == 200
    value = {"id": 9, "value": ""}
    body = {"contacts": [{**ANA, "fields": [value]}, BIA]}
    value["value"] = "x" * (399_999 - len(orjson.dumps(body)))
    assert len(orjson.dumps(body)) == 399_999
    assert (await ac.api("POST", PATH, body)).status == 200
    value["value"] += "x"
    assert (await ac.api("POST", PATH, body)).status == 400


async def test_an_unknown_batch(ac: Ac) -> None:
    without = await ac.api("GET", "/import/info")
    assert (without.status, without.json) == (
        400,
        {"success": 0, "message": "'batchId' is a required field."},
    )
    unknown = await ac.api("GET", "/import/info?batchId=0641fbdd-f62f-4c2c-ba02-3a83d5d11ac9")
    assert (unknown.status, unknown.json["success"]) == (400, 0)


@pytest.mark.parametrize(("people", "most"), [([ANA], 20), ([ANA, BIA], 100)])
async def test_imports_a_minute(ac: Ac, people: list[Any], most: int) -> None:
    """The vendor's page has twenty a minute for calls with one contact, and a hundred for the others."""
    statuses = [(await send(ac, *people)).status for _ in range(most)]
    assert statuses == [200] * most
    refused = await send(ac, *people)
    reason = (
        f"Up to {most} imports may be requested per minute."
        "Please batch contacts into larger requests, or retry this request in a minute."
    )
    body = {"success": 0, "message": "Rate limit exceeded.", "failureReasons": [reason]}
    assert (refused.status, refused.json) == (400, body)
    assert (await send(ac, *([ANA] if len(people) == 2 else [ANA, BIA]))).status == 200
    assert len(await ac.control("imports")) == most + 1
    await later(ac, 61)
    assert (await send(ac, *people)).status == 200


# -- faults


@pytest.mark.parametrize(
    ("fault", "status", "kept"),
    [
        ("429", 429, False),
        ("500", 500, False),
        ("html", 502, False),
        ("500_after_write", 500, True),
        ("empty", 200, True),
        ("reset_before", None, False),
        ("reset_after_write", None, True),
        ("half_body", None, True),
    ],
)
async def test_a_lost_answer_leaves_the_import_queued(
    ac: Ac, fault: str, status: int | None, *, kept: bool
) -> None:
    await ac.control("faults", {"next": [{"path": f"/api/3{PATH}", "method": "POST", "fault": fault}]})
    if status is None:
        with pytest.raises(RequestError):
            await send(ac, ANA, BIA)
    else:
        answer = await send(ac, ANA, BIA)
        assert answer.status == status
        assert (fault == "429") == ("retry-after" in answer.headers)
    waiting = (await ac.api("GET", PATH)).json["outstanding"]
    assert [(one["batches"], one["contacts"]) for one in waiting] == ([("1", "2")] if kept else [])
    await later(ac, 10)
    assert (await ac.kept() is not None) is kept
    assert (await send(ac, ANA, BIA)).status == 200


async def test_faults_of_the_look_change_nothing(ac: Ac) -> None:
    batch = await queued(ac, ANA)
    for fault in ("500", "empty", "html"):
        await ac.control("faults", {"next": [{"path": "/api/3/import/info", "fault": fault}]})
        answer = await ac.api("GET", f"/import/info?batchId={batch}")
        assert answer.status != 200 or answer.body == b""
    await later(ac, 10)
    assert (await info(ac, batch))["status"] == "completed"
