"""Deliveries: proved by the secret in the address, read out of brackets; the subscription; looking back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.connectors.activecampaign.recorded import (
    ADDRESS,
    FIXTURES,
    SECRET,
    connection,
    connector,
    contact,
    deal,
    listed,
    webhook,
)
from tests.connectors.fake_context import FakeReader, answer

from vaivem.connectors.activecampaign.deliveries import nested
from vaivem.connectors.activecampaign.records import contact_from, contact_written
from vaivem.connectors.sdk import Delivery, Event
from vaivem.core.echoes import is_echo, kept
from vaivem.core.errors import ReconnectError, RuleError, SignatureError, UnreadableError
from vaivem.core.kinship import relatives
from vaivem.engine.intake import takes

hooks = connector.webhooks
assert hooks is not None
NAMES = sorted(
    path.stem for path in (FIXTURES / "webhooks").glob("*.json") if not path.stem.endswith(".headers")
)
KINDS = sorted({kind for trigger in connector.triggers for kind in trigger.kinds})
ME = answer(200, {"user": {"id": "1", "firstName": "Bia", "lastName": "Souza"}})
EVENTS = answer(200, {"webhookEvents": [*KINDS, "open", "click"]})


def event(name: str, **catalog: Any) -> Event:
    assert hooks is not None
    (found,) = hooks.parse(webhook(name), connection(**catalog))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_delivery_is_proved_by_its_address(name: str) -> None:
    assert hooks is not None
    hooks.verify(webhook(name), connection())
    for wrong in (f"/{SECRET[:-1]}", "", "/", f"/{SECRET}x"):
        with pytest.raises(SignatureError):
            hooks.verify(webhook(name, wrong), connection())
    unknown = replace(connection(), credentials={"token": "k"})
    for path in ("", f"/{SECRET}"):
        with pytest.raises(SignatureError):
            hooks.verify(webhook(name, path), unknown)


@pytest.mark.parametrize("name", NAMES)
def test_a_delivery_names_its_record(name: str) -> None:
    found = event(name)
    assert found.kind == name.partition("__")[0]
    expected = {"deal": "9", "account": "7"}.get(found.object, "3")
    assert found.record == expected
    assert found.same == ()  # it has no mark of its own: the whole request is it
    assert found.occurred == datetime(2026, 11, 24, 10, 16, 48, tzinfo=UTC)
    assert expected in found.terms


@pytest.mark.parametrize(
    "body",
    [b"", b"type=update", b"type=update&contact[id]=", b"contact[id]=3", b"type=update&contact=3",
     b"type=update&contact[id]=../1"],
)  # fmt: skip
def test_what_names_nothing_cannot_be_read(body: bytes) -> None:
    assert hooks is not None
    with pytest.raises(UnreadableError):
        hooks.parse(Delivery("POST", f"/{SECRET}", "", {}, body), connection())


def test_brackets_become_objects_in_any_order() -> None:
    body = b"a[b][1]=x&a[b][0]=y&c[]=1&c[]=2&d[][id]=5&a[n]=%C3%A7&e=1&e[f]=2&g[h]=1&g[h][i]=2"
    assert nested(body) == {
        "a": {"b": {"1": "x", "0": "y"}, "n": "ç"},
        "c": {"0": "1", "1": "2"},
        "d": {"0": {"id": "5"}},
        "e": {"0": "1", "f": "2"},
        "g": {"h": {"0": "1", "i": "2"}},
    }
    assert nested(b"\xff\xfe=%ff")  # no text at all: read, and found to name nothing
    with pytest.raises(UnreadableError):
        nested(b"a=1&" * 30_000)


def test_lists_are_told_in_three_ways() -> None:
    assert event("subscribe__to_a_list").data["list"] == {"id": "1"}
    assert event("unsubscribe__with_a_reason").data["list"] == {"id": "1"}
    assert event("update__by_a_person").data["list"] == {"id": None}


def test_a_tag_is_told_of_its_contact() -> None:
    assert event("contact_tag_added__one").data["contact"]["tags_on"] == ["orçamento"]
    assert event("contact_tag_removed__one").data["contact"]["tags_off"] == ["proposta"]
    assert not {"tags_on", "tags_off"} & event("update__by_a_person").data["contact"].keys()


def test_a_deal_s_money_is_in_whole_units_here() -> None:
    told = event("deal_update__value").data["deal"]
    assert (told["value"], told["currency"], told["stage"]) == (1_044_055.0, "BRL", "4")


def test_our_own_change_is_known_however_fields_are_named() -> None:
    written = contact_written(connection(), contact_from(connection(), contact()))
    ours = kept(written.values, written.version)
    by_api = event("update__by_the_api")
    assert by_api.version is None
    assert by_api.changed is not None
    assert is_echo(by_api.changed, by_api.version, ours, whole=False)
    named = event("update__named_by_tags")
    assert named.changed == by_api.changed
    # A person who saves the same later is a person.
    later = event("update__by_a_person")
    assert later.version == later.occurred
    earlier = kept(written.values, datetime(2026, 11, 24, 10, 0, tzinfo=UTC))
    assert not is_echo(later.changed or {}, later.version, earlier, whole=False)
    other = contact_written(connection(), contact_from(connection(), contact(values={"1": "1", "4": "Casa"})))
    assert not is_echo(by_api.changed, None, kept(other.values, other.version), whole=False)
    values = {"1": "529.982.247-25", "4": "Casa", "5": "||Bateria||Painéis||", "6": "2026-01-01"}
    cleared = contact_from(connection(), contact(values=values))
    full = contact_written(connection(), cleared)
    assert not is_echo(by_api.changed, None, kept(full.values, full.version), whole=False)


def test_a_changed_deal_says_what_was_changed() -> None:
    assert event("deal_update__value").changed == {"value": 1_044_055.0}
    assert event("deal_update__stage").changed == {"stage": "4"}
    assert event("deal_update__won").changed == {"status": "won"}
    assert event("deal_add__open").changed is None


def test_an_empty_request_is_a_probe() -> None:
    assert hooks is not None
    assert hooks.is_probe(Delivery("POST", f"/{SECRET}", "", {}, b" "), connection())
    assert not hooks.is_probe(webhook("update__by_a_person"), connection())


def hook(number: str = "7", **changes: Any) -> dict[str, Any]:
    """Return our webhook as the vendor lists it."""
    sources = ["public", "admin", "api", "system"]
    there = {"id": number, "name": "Vaivém", "url": f"{ADDRESS}/{SECRET}", "events": KINDS, "listid": "0"}
    return {**there, "sources": sources, **changes}


def writer(*there: dict[str, Any], **routes: Any) -> FakeReader:
    base = {"users.me": ME, "webhooks.events": EVENTS, "webhooks.list": listed("webhooks", *there)}
    return FakeReader(connector, connection(), {**base, **routes})


async def test_the_webhook_is_made_once() -> None:
    assert hooks is not None
    stranger = hook("2", url="https://other.example/h")
    made = writer(stranger, **{"webhooks.create": answer(201, {"webhook": hook("8")})})
    done = await hooks.ensure(made, ADDRESS, KINDS)
    assert (done.ids, done.secrets, done.mended) == (("8",), {"secret": SECRET}, ())
    body = made.vendor.last("webhooks.create").json["webhook"]
    assert body["url"] == f"{ADDRESS}/{SECRET}"
    assert set(body["events"]) == set(KINDS)
    assert set(body["sources"]) == {"public", "admin", "api", "system"}
    again = writer(stranger, hook())
    assert (await hooks.ensure(again, ADDRESS, KINDS)).ids == ("7",)
    assert again.vendor.names == ["users.me", "webhooks.events", "webhooks.list"]


@pytest.mark.parametrize(
    "altered",
    [
        {"url": f"{ADDRESS}/old"},
        {"url": ADDRESS},
        {"events": ["update"]},
        {"sources": ["admin"]},
        {"listid": "3"},
    ],
)
async def test_an_altered_webhook_is_put_right(altered: dict[str, Any]) -> None:
    assert hooks is not None
    routes = {"webhooks.update": answer(200, {"webhook": hook()}), "webhooks.delete": answer(200, {})}
    changed = writer(hook(**altered), hook("9", **altered), **routes)
    done = await hooks.ensure(changed, ADDRESS, KINDS)
    assert (done.ids, done.mended) == (("7",), ("webhook", "double"))
    assert changed.vendor.last("webhooks.update").json["webhook"]["url"] == f"{ADDRESS}/{SECRET}"
    assert changed.vendor.last("webhooks.delete").path.endswith("/9")


async def test_a_secret_is_new_for_each_connection() -> None:
    assert hooks is not None
    secrets = set()
    for _ in range(2):
        fresh = writer(**{"webhooks.create": answer(201, {"webhook": hook("8")})})
        fresh.connection = replace(connection(), credentials={"token": "k", "url": "https://x.api-us1.com"})
        secrets.add((await hooks.ensure(fresh, ADDRESS, KINDS)).secrets["secret"])
    assert len(secrets) == 2
    assert all(len(one) >= 32 for one in secrets)


async def test_only_events_that_the_plan_has_are_asked_for() -> None:
    assert hooks is not None
    made = writer(
        **{
            "webhooks.events": answer(200, {"webhookEvents": ["update", "subscribe"]}),
            "webhooks.create": answer(201, {"webhook": hook("8")}),
        }
    )
    await hooks.ensure(made, ADDRESS, KINDS)
    assert made.vendor.last("webhooks.create").json["webhook"]["events"] == ["subscribe", "update"]
    made = writer(
        **{
            "webhooks.events": answer(404, {"message": "Not Found"}),
            "webhooks.create": answer(201, {"webhook": hook("8")}),
        }
    )
    await hooks.ensure(made, ADDRESS, KINDS)
    assert made.vendor.last("webhooks.create").json["webhook"]["events"] == KINDS


async def test_a_dead_key_and_a_wrong_port_are_said() -> None:
    assert hooks is not None
    dead = writer(**{"users.me": answer(403, {"message": "Forbidden"})})
    with pytest.raises(ReconnectError):
        await hooks.ensure(dead, ADDRESS, KINDS)
    with pytest.raises(RuleError) as refused:
        await hooks.ensure(writer(), "https://hub.example.com:8443/hook/abc", KINDS)
    assert refused.value.code == "webhook_port"
    inside = writer(**{"webhooks.create": answer(201, {"webhook": hook("8")})})
    assert (await hooks.ensure(inside, "http://hub.example.com:8080/hook/abc", KINDS)).ids == ("8",)


async def test_removing_leaves_others_alone() -> None:
    assert hooks is not None
    there = (
        hook(),
        hook("8", url=f"{ADDRESS}/old"),
        hook("2", url=f"{ADDRESS}def/x"),
        hook("3", url="https://o"),
    )
    gone = writer(
        *there, **{"webhooks.delete": [answer(404, {"message": "No Result found"}), answer(200, {})]}
    )
    await hooks.remove(gone, ADDRESS)
    deleted = [call.path.rpartition("/")[2] for call in gone.vendor.calls if call.method == "DELETE"]
    assert deleted == ["7", "8"]


SINCE = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
UNTIL = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)


async def test_what_was_missed_comes_in_the_webhook_s_form() -> None:
    assert hooks is not None
    rows = [contact()["contact"], {**contact("4")["contact"], "udate": "2026-11-24T05:00:00-03:00"}]
    tags = [
        {"id": "1", "contact": "3", "tag": "21", "cdate": "2026-11-24T09:00:01-03:00"},
        {"id": "2", "contact": "3", "tag": "20", "cdate": "2026-11-20T09:00:01-03:00"},
        {"id": "3", "contact": "3", "tag": "99", "cdate": "2026-11-24T09:00:01-03:00"},
    ]
    old = {**deal("8")["deal"], "cdate": "2026-11-01T09:00:01-03:00", "status": "1"}
    still = {**deal("7")["deal"], "cdate": "2026-11-01T09:00:01-03:00", "mdate": "2026-11-02T09:00:01-03:00"}
    looks = FakeReader(
        connector,
        connection(),
        {
            "contacts.changed": listed("contacts", *rows),
            "contacts.read": answer(200, contact()),
            "contacts.contactTags": listed("contactTags", *tags),
            "deals.list": listed("deals", deal()["deal"], old, still),
        },
    )
    deliveries = await hooks.missed(looks, SINCE, UNTIL)
    asked = dict(looks.vendor.last("contacts.changed").query)
    assert asked["filters[updated_after]"] == "2026-11-23T11:00:00+00:00"
    found = [one for delivery in deliveries for one in hooks.parse(delivery, connection())]
    assert [(one.kind, one.record) for one in found] == [
        ("update", "3"),
        ("contact_tag_added", "3"),
        ("deal_add", "9"),
        ("deal_update", "8"),
    ]
    assert all(one.near and one.same for one in found)
    assert len({one.same for one in found}) == len(found)
    told = event("update__by_the_api")
    assert (found[0].title, found[0].changed) == (told.title, told.changed)
    assert found[1].title == event("contact_tag_added__one").title
    assert found[2].title == event("deal_add__open").title
    assert found[3].data["deal"]["value"] == 1500.5
    assert found[3].data["deal"]["created_at"] == "2026-11-01T09:00:01-03:00"
    # Looked for again, it is the same.
    again = [one for delivery in deliveries for one in hooks.parse(delivery, connection())]
    assert [one.same for one in again] == [one.same for one in found]


@pytest.mark.parametrize(
    ("made", "changed", "began", "taken"),
    [
        # Made and won after the rule began: whenever it was won, it was then.
        ("2026-11-23T09:00:01-03:00", "2026-11-24T09:00:01-03:00", "2026-11-22T00:00:00-03:00", True),
        ("2026-11-24T08:30:00-03:00", "2026-11-24T09:00:01-03:00", "2026-11-22T00:00:00-03:00", True),
        # Made before: it may have been won last year, and renamed today.
        ("2026-11-01T09:00:01-03:00", "2026-11-24T09:00:01-03:00", "2026-11-22T00:00:00-03:00", False),
        # A win of it may have been told before what is remembered.
        ("2026-10-01T09:00:01-03:00", "2026-11-24T09:00:01-03:00", "2026-09-01T00:00:00-03:00", False),
        (None, "2026-11-24T09:00:01-03:00", "2026-11-22T00:00:00-03:00", False),
    ],
)
async def test_a_win_that_is_looked_up_counts_only_when_it_is_surely_new(
    made: str | None, changed: str, began: str, taken: bool
) -> None:
    assert hooks is not None
    row = {**deal("8")["deal"], "cdate": made, "mdate": changed, "status": "1"}
    answers = {"contacts.changed": listed("contacts"), "deals.list": listed("deals", row)}
    looks = FakeReader(connector, connection(), answers)
    (delivery,) = await hooks.missed(looks, SINCE, UNTIL)
    (found,) = hooks.parse(delivery, connection())
    use: Any = SimpleNamespace(
        on_since=datetime.fromisoformat(began), trigger=connector.trigger("deal_won"), options={}
    )
    assert takes(use, found) is taken


def test_a_win_that_is_told_counts_however_old_the_deal_is() -> None:
    told = event("deal_update__won")
    assert told.occurred is not None
    use: Any = SimpleNamespace(on_since=told.occurred, trigger=connector.trigger("deal_won"), options={})
    assert takes(use, told)
    use.on_since = told.occurred + timedelta(seconds=1)
    assert not takes(use, told)


async def test_an_account_without_deals_is_looked_through_all_the_same() -> None:
    assert hooks is not None
    looks = FakeReader(
        connector,
        connection(),
        {
            "contacts.changed": listed("contacts", contact()["contact"]),
            "contacts.read": answer(404, {"message": "No Result found for Subscriber with id 3"}),
            "deals.list": answer(403, {"message": "Forbidden"}),
        },
    )
    assert await hooks.missed(looks, SINCE, UNTIL) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_delivery_says_who_it_is_about(name: str) -> None:
    """The Records pages read people, companies and deals out of events: each with what it is known by."""
    found = event(name)
    about = relatives(5, connector.kinds, found.object, found.record, found.data)
    assert about[0].object == found.object
    assert about[0].record == found.record
    assert about[0].told - {found.record}, "more than its number"
    people = [one for one in about if one.kind == "person"]
    assert all(any("@" in value for value in one.told) for one in people), people
    assert people or found.object == "account"
