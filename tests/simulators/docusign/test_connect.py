"""Connect: configurations, both levels, each format, keys, what is tried again and in which order."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re

import orjson
import pytest
from defusedxml.ElementTree import fromstring

from vaivem.simulators.docusign.connect import EVENTS
from vaivem.simulators.docusign.messages import signature

ALL = [kind for kind in EVENTS if kind.startswith(("envelope", "recipient"))]
DATA = {"version": "restv2.1", "format": "json"}
X = "{http://www.docusign.net/API/3.0}"


def kinds(messages):
    return [(one["event"], one["data"].get("recipientId", "")) for one in messages]


async def test_configurations_are_made_listed_changed_and_deleted(ds):
    made = await ds.configuration("https://hub.example/in", ["envelope-sent"])
    assert made["connectId"].isdigit()
    listed = await ds.good("GET", "/connect")
    assert listed == {"configurations": [made], "totalRecords": "1"}
    one = await ds.good("GET", f"/connect/{made['connectId']}")
    assert one["configurations"] == [made]
    changed = await ds.good("PUT", "/connect", {**made, "name": "new", "events": ["envelope-voided"]})
    assert (changed["name"], changed["events"]) == ("new", ["envelope-voided"])
    part = await ds.good("PUT", "/connect", {"connectId": made["connectId"], "allowEnvelopePublish": "false"})
    assert (part["name"], part["allowEnvelopePublish"]) == ("new", "false")
    await ds.good("DELETE", f"/connect/{made['connectId']}")
    await ds.refused("GET", f"/connect/{made['connectId']}")
    await ds.refused("PUT", "/connect", {"name": "no id"})
    assert (await ds.good("GET", "/connect"))["configurations"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"configurationType": "other"},
        {"urlToPublishTo": "http://far.example/"},
        {"urlToPublishTo": "https://far.example/" + "x" * 4096},
        {"events": ["envelope-signed"]},
        {"events": "envelope-sent"},
        {"eventData": {"version": "restv2.1", "includeData": ["everything"]}},
        {"deliveryMode": "Sometimes"},
    ],
)
async def test_configurations_that_are_not_taken(ds, change):
    body = {"name": "hub", "configurationType": "custom", "urlToPublishTo": "https://hub.example/"}
    await ds.refused("POST", "/connect", {**body, **change})
    assert (await ds.control("counts"))["configurations"] == 0


async def test_there_are_at_most_twenty(ds):
    for number in range(20):
        await ds.configuration(f"https://hub.example/{number}", ["envelope-sent"])
    body = {"name": "hub", "configurationType": "custom", "urlToPublishTo": "https://hub.example/"}
    await ds.refused("POST", "/connect", body)


async def test_an_account_without_connect_refuses(ds):
    answer = await ds.api("GET", "/connect", account=ds.second_id)
    assert (answer.status, answer.json["errorCode"]) == (403, "ACCOUNT_LACKS_PERMISSIONS")
    await ds.control("connect", {"enabled": False})
    assert await ds.refused("GET", "/connect", status=403) == "ACCOUNT_LACKS_PERMISSIONS"


async def test_each_happening_is_a_message_with_the_state_it_left(ds, receiver):
    made = await ds.configuration(receiver.url, ALL)
    envelope = await ds.sent(ds.own(1, 2))
    await ds.act(envelope, "sign", "p1@example.com")
    await ds.act(envelope, "sign", "p2@example.com")
    got = await receiver.messages(10)
    assert kinds(got) == [
        ("envelope-created", ""),
        ("envelope-sent", ""),
        ("recipient-sent", "1"),
        ("recipient-delivered", "1"),
        ("envelope-delivered", ""),
        ("recipient-completed", "1"),
        ("recipient-sent", "2"),
        ("recipient-delivered", "2"),
        ("recipient-completed", "2"),
        ("envelope-completed", ""),
    ]
    states = [one["data"]["envelopeSummary"]["status"] for one in got]
    assert states == ["created", "sent", "sent", "sent", *["delivered"] * 5, "completed"]
    last = got[-1]
    assert last["configurationId"] == int(made["connectId"])
    assert last["uri"] == f"/restapi/v2.1/accounts/{ds.id}/envelopes/{envelope}"
    assert (last["retryCount"], last["apiVersion"]) == (0, "v2.1")
    assert last["data"].keys() == {"accountId", "userId", "envelopeId", "envelopeSummary"}
    people = last["data"]["envelopeSummary"]["recipients"]
    assert people["signers"][0]["status"] == "completed"
    assert "carbonCopies" not in people
    assert receiver.got[0][0]["content-type"].startswith("application/json")


async def test_a_message_holds_what_was_asked_for(ds, receiver):
    await ds.configuration(receiver.url, ["envelope-sent"], eventData={**DATA, "includeData": []})
    await ds.sent()
    (plain,) = await receiver.messages(1)
    assert plain["data"].keys() == {"accountId", "userId", "envelopeId"}
    whole = {**DATA, "includeData": ["custom_fields", "tabs", "documents"]}
    await ds.configuration(receiver.url, ["envelope-completed"], eventData=whole)
    envelope = await ds.sent()
    await receiver.wait(2)
    await ds.act(envelope, "sign_all")
    summary = (await receiver.messages(3))[-1]["data"]["envelopeSummary"]
    assert summary["customFields"]["textCustomFields"][0]["name"] == "Centro de custo"
    assert "signHereTabs" in summary["recipients"]["signers"][0]["tabs"]
    (document,) = summary["envelopeDocuments"]
    assert base64.b64decode(document["PDFBytes"]).startswith(b"%PDF")


async def test_bodies_may_be_of_many_megabytes(ds, receiver):
    await ds.control("quirks", {"document_bytes": 6_000_000})
    data = {**DATA, "includeData": ["recipients", "documents"]}
    await ds.configuration(receiver.url, ["envelope-sent"], eventData=data)
    await ds.sent()
    (body,) = await receiver.wait(1)
    assert len(body) > 8_000_000


@pytest.mark.parametrize(
    "more",
    [
        {"allowEnvelopePublish": "false"},
        {"pausePublish": "true"},
        {"allUsers": "false"},
        {"allUsers": "false", "userIds": ["somebody else"]},
        {"deliveryMode": "Aggregate", "events": [], "envelopeEvents": ["sent"]},
    ],
)
async def test_configurations_that_never_fire(ds, receiver, more):
    await ds.configuration(receiver.url, ["envelope-sent"], **more)
    await ds.sent()
    assert (await ds.control("deliveries")) == []


async def test_one_person_only_and_all_but_one(ds, receiver):
    user = ds.credentials["user_id"]
    mine = {"allUsers": "false", "userIds": [user]}
    await ds.configuration(receiver.url, ["envelope-sent"], **mine)
    await ds.configuration(receiver.url + "2", ["envelope-sent"], **mine, allUsersExcept="true")
    await ds.sent()
    assert [one["url"] for one in await ds.control("deliveries")] == [receiver.url]


async def test_both_levels_tell_of_the_same_envelope(ds, receiver):
    await ds.configuration(receiver.url, ["envelope-sent"])
    note = {
        "url": receiver.url,
        "requireAcknowledgment": "true",
        "deliveryMode": "SIM",
        "events": ["envelope-sent", "recipient-completed"],
        "eventData": {**DATA, "includeData": ["recipients"]},
    }
    envelope = await ds.sent(ds.definition(eventNotification=note))
    got = await receiver.messages(2)
    assert [one["event"] for one in got] == ["envelope-sent"] * 2
    assert len({one["configurationId"] for one in got}) == 2
    await ds.sent()
    await ds.act(envelope, "sign", "1")
    assert [one["event"] for one in await receiver.messages(4)].count("recipient-completed") == 1


async def test_an_envelopes_own_configuration_works_without_connect(ds, receiver):
    await ds.control("connect", {"enabled": False})
    notes = [
        {"url": f"{receiver.url}{number}", "envelopeEvents": [{"envelopeEventStatusCode": "completed"}]}
        for number in range(2)
    ]
    envelope = await ds.sent(ds.definition(eventNotifications=notes))
    await ds.act(envelope, "sign_all")
    assert len(await receiver.wait(2)) == 2


async def test_recipient_connect_tells_the_account_of_who_receives(ds, receiver):
    more = {"configurationType": "customrecipient"}
    await ds.configuration(receiver.url, ["recipient-sent"], **more)
    await ds.sent()
    await ds.sent(ds.definition(templateRoles=[ds.role(email="otavio@raiarsolar.example")]))
    (one,) = await receiver.messages(1)
    assert one["data"]["envelopeSummary"]["recipients"]["signers"][0]["email"].startswith("otavio@")


async def test_the_state_of_an_envelope_comes_once_an_action(ds, receiver):
    more = {
        "deliveryMode": "Aggregate",
        "events": [],
        "envelopeEvents": ["Sent", "Delivered", "Completed"],
        "recipientEvents": ["Sent", "Delivered", "Completed"],
    }
    await ds.configuration(receiver.url, [], **more)
    envelope = await ds.sent()
    await ds.act(envelope, "sign_all")
    got = [one["status"] for one in await receiver.messages(2)]
    assert sorted(got) == ["completed", "sent"]


async def test_the_older_xml_has_no_zone_in_its_times(ds, receiver):
    more = {
        "eventData": None,
        "deliveryMode": "Aggregate",
        "events": [],
        "envelopeEvents": ["Completed"],
        "includeDocuments": "true",
        "includeTimeZoneInformation": "true",
        "includeHMAC": "true",
    }
    key = (await ds.control("keys", {"key": "k"}))["key"]
    await ds.control("quirks", {"xml_bom": True})
    await ds.configuration(receiver.url, [], **more)
    fields = {"textCustomFields": [{"name": "hub", "value": "7"}]}
    envelope = await ds.sent(ds.definition(customFields=fields))
    await ds.act(envelope, "sign_all")
    (raw,) = await receiver.wait(1)
    headers = receiver.got[0][0]
    assert headers["content-type"].startswith("text/xml")
    assert headers["x-docusign-signature-1"] == signature(key, raw)
    assert raw.startswith(b"\xef\xbb\xbf")
    root = fromstring(raw.decode("utf-8-sig"))
    status = root.find(f"{X}EnvelopeStatus")
    texts = {child.tag.removeprefix(X): child.text for child in status}
    assert (texts["EnvelopeID"], texts["Status"]) == (envelope, "Completed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", texts["Completed"])
    assert root.findtext(f"{X}TimeZoneOffset") in ("-8", "-7")
    person = status.find(f"{X}RecipientStatuses/{X}RecipientStatus")
    assert person.findtext(f"{X}Status") == "Completed"
    field = status.find(f"{X}CustomFields/{X}CustomField")
    assert (field.findtext(f"{X}Name"), field.findtext(f"{X}Value")) == ("hub", "7")
    content = root.findtext(f"{X}DocumentPDFs/{X}DocumentPDF/{X}PDFBytes")
    assert base64.b64decode(content).startswith(b"%PDF")


def test_the_published_vector():
    wanted = "IGJDKz/YGCKthi/yco0enp54AovLXmQ7wSzs6Uxaqdk="
    assert signature("docusign-test-key", b'{"event":"envelope-sent"}') == wanted


async def test_every_active_key_signs_and_a_retired_one_no_longer(ds, receiver):
    await ds.configuration(receiver.url, ["envelope-sent"], includeHMAC="true")
    await ds.sent()
    await receiver.wait(1)
    assert not [name for name in receiver.got[0][0] if name.startswith("x-docusign-signature")]
    first = await ds.good("POST", "/connect/secret", {}, 201)
    second = await ds.good("POST", "/connect/secret", {}, 201)
    await ds.sent()
    headers, raw = (await receiver.wait(2)) and receiver.got[1]

    def right(secret):
        digest = hmac.new(secret.encode(), raw, hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    assert headers["x-authorization-digest"] == "HMACSHA256"
    assert headers["x-docusign-signature-1"] == right(first["secret"])
    assert headers["x-docusign-signature-2"] == right(second["secret"])
    await ds.good("DELETE", f"/connect/secret/{first['keyId']}")
    listed = (await ds.good("GET", "/connect/secret"))["secrets"]
    assert [one["keyId"] for one in listed] == [second["keyId"]]
    assert "secret" not in listed[0]
    await ds.sent()
    headers, raw = (await receiver.wait(3)) and receiver.got[2]
    assert headers["x-docusign-signature-1"] == right(second["secret"])
    assert "x-docusign-signature-2" not in headers


async def failed(ds, tries):
    """Wait until the first delivery has failed so often."""
    for _ in range(1500):
        if len((await ds.control("deliveries"))[0]["tries"]) >= tries:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("the first delivery was not tried so often")


async def test_while_an_address_is_down_the_rest_waits_and_comes_in_order(ds, receiver):
    wanted = ["envelope-sent", "recipient-delivered", "recipient-completed", "envelope-completed"]
    await ds.configuration(receiver.url, wanted, includeHMAC="true")
    old = await ds.control("keys", {"key": "old"})
    receiver.status = 503
    envelope = await ds.sent()
    await failed(ds, 1)
    await ds.act(envelope, "sign", "1")
    states = [one["state"] for one in await ds.control("deliveries")]
    assert states == ["retrying", "held", "held", "held"]
    log = (await ds.good("GET", "/connect/logs"))["logs"]
    assert [one["status"] for one in log] == ["Pending", "Pending", "Pending", "Failed"]
    receiver.status = 200
    await ds.control("keys", {"key": "new"})
    await ds.call("DELETE", f"/_control/keys/{old['keyId']}")
    await ds.advance(seconds=16)  # the quick retry
    await ds.settled()
    assert [one["state"] for one in await ds.control("deliveries")] == ["delivered"] * 4
    came = [orjson.loads(body) for _, body in receiver.got[1:]]
    assert [one["event"] for one in came] == wanted
    assert [one["retryCount"] for one in came] == [1, 0, 0, 0]
    for headers, body in receiver.got[1:]:
        assert headers["x-docusign-signature-1"] == signature("new", body)
    assert (await ds.control("connect"))["failures"] == []


async def test_a_message_is_given_up_after_ten_retries(ds, receiver):
    receiver.status = 500
    await ds.configuration(receiver.url, ["envelope-sent"])
    await ds.sent()
    for tries in range(1, 12):
        await failed(ds, tries)
        await ds.advance(days=1, minutes=1)
    (delivery,) = await ds.control("deliveries")
    assert (delivery["state"], len(delivery["tries"])) == ("failed", 11)
    receiver.status = 200
    await ds.sent()
    await ds.settled()
    assert [one["state"] for one in await ds.control("deliveries")] == ["failed", "delivered"]


async def test_without_acknowledgement_a_message_is_lost(ds, receiver):
    receiver.status = 500
    await ds.configuration(receiver.url, ["envelope-sent"], requiresAcknowledgement="false")
    await ds.sent()
    await ds.settled()
    (delivery,) = await ds.control("deliveries")
    assert (delivery["state"], len(delivery["tries"])) == ("failed", 1)


async def test_what_failed_is_listed_and_sent_again(ds, receiver):
    receiver.status = 500
    await ds.configuration(receiver.url, ["envelope-sent"], requiresAcknowledgement="false")
    envelope = await ds.sent()
    await ds.settled()
    (failure,) = (await ds.good("GET", "/connect/failures"))["failures"]
    assert (failure["envelopeId"], failure["status"]) == (envelope, "Failed")
    (log,) = (await ds.good("GET", "/connect/logs"))["logs"]
    whole = await ds.good("GET", f"/connect/logs/{log['logId']}?additional_info=true")
    assert "envelope-sent" in whole["connectDebugLog"][0]["eventDescription"]
    receiver.status = 200
    queued = await ds.good("PUT", f"/connect/envelopes/{envelope}/retry_queue")
    assert [one["envelopeId"] for one in queued["retryQueue"]] == [envelope]
    assert (await receiver.messages(2))[-1]["retryCount"] == 1
    assert (await ds.good("GET", "/connect/failures"))["failures"] == []
    await ds.good("DELETE", "/connect/logs")
    assert (await ds.good("GET", "/connect/logs"))["totalRecords"] == "0"


async def test_old_envelopes_are_published_again(ds, receiver):
    done, draft = await ds.sent(), await ds.sent(ds.definition("created"))
    await ds.act(done, "sign_all")
    config = {"urlToPublishTo": receiver.url, "eventData": {**DATA, "includeData": ["recipients"]}}
    body = {"envelopes": [done, draft, "nothing"], "config": {**config, "deliveryMode": "SIM"}}
    told = await ds.good("POST", "/connect/envelopes/publish/historical", body, 201)
    assert (told["submittedForPublishingEnvelopeCount"], told["errorCount"]) == ("1", "2")
    (one,) = await receiver.messages(1)
    assert (one["event"], one["data"]["envelopeId"]) == ("envelope-completed", done)


async def test_doubled_and_missing_messages(ds, receiver):
    await ds.configuration(receiver.url, ["envelope-sent"])
    await ds.control("faults", {"p_webhook_double": 1})
    await ds.sent()
    first, second = await receiver.wait(2)
    assert first == second
    await ds.control("faults", {"p_webhook_double": 0, "p_webhook_missing": 1})
    await ds.sent()
    assert (await ds.control("deliveries"))[-1]["state"] == "dropped"


async def test_other_happenings(ds, receiver):
    await ds.configuration(receiver.url, list(EVENTS))
    envelope = await ds.sent(ds.own(1, 1))
    await ds.act(envelope, "bounce", "1")
    await ds.act(envelope, "fail_authentication", "2")
    await ds.act(envelope, "finish_later", "2")
    await ds.act(envelope, "correct", "2", email="other@example.com")
    await ds.good("PUT", f"/envelopes/{envelope}?resend_envelope=true", {})
    await ds.act(envelope, "void", reason="enough")
    await ds.act(envelope, "purge")
    await ds.control("templates", {"name": "New", "roles": [{"roleName": "A"}]})
    await ds.settled()
    told = {one["event"] for one in await receiver.messages(12)}
    assert told >= {
        "recipient-autoresponded",
        "recipient-authenticationfailed",
        "recipient-finish-later",
        "envelope-corrected",
        "recipient-resent",
        "envelope-resent",
        "envelope-voided",
        "envelope-purge",
        "template-created",
    }


async def test_a_key_and_a_pair_of_tokens_are_known_beforehand(limited, receiver):
    known = limited.credentials
    await limited.configuration(receiver.url, ["envelope-sent"], includeHMAC="true")
    await limited.sent()
    (raw,) = await receiver.wait(1)
    headers = receiver.got[0][0]
    assert headers["x-docusign-signature-1"] == signature(known["connect_key"], raw)
    fresh = await limited.token(grant_type="refresh_token", refresh_token=known["refresh_token"])
    assert fresh.json["access_token"] != known["access_token"]
