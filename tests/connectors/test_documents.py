"""Steps of a document, the same for each signer's tool: one test, one table, the same tags in the end.

The moment at which a vendor tells a state may differ; what a marketing tool holds in the end, and the order
in which it got it, may not. Events come in every order, and one of them twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.connectors.clicksign import recorded as clicksign
from tests.connectors.docusign import recorded as docusign
from tests.connectors.fake_context import FakeReader

from vaivem.connectors.sdk import Connection, Connector, Delivery, Event
from vaivem.connectors.sdk.documents import CHAINS, RANKS, DocumentMoved
from vaivem.core.changes import Change, Judgement, Kept
from vaivem.engine.changes import Told, judge_all

ALL = {"states": list(CHAINS)}


@dataclass(frozen=True)
class Signing:
    """One vendor's recorded deliveries of each state, and who signs and who refuses in them."""

    connector: Connector
    connection: Connection
    webhook: Callable[[str], Delivery]
    names: dict[str, str]
    signer: str
    refuser: str

    @property
    def trigger(self) -> DocumentMoved:
        found = self.connector.trigger("document_moved")
        assert isinstance(found, DocumentMoved)
        return found

    def event(self, state: str) -> Event:
        assert self.connector.webhooks is not None
        return self.connector.webhooks.parse(self.webhook(self.names[state]), self.connection)[0]

    async def told(self, state: str, options: dict[str, Any]) -> dict[str, Any]:
        reader = FakeReader(self.connector, self.connection, {})
        scope = await self.trigger.scope(reader, self.event(state), options)
        assert scope is not None
        step: dict[str, Any] = scope["step"]
        return step

    def plain(self, tag: str) -> str:
        """Return a tag without what is the vendor's own in it."""
        return tag.removeprefix(self.trigger.prefix).removeprefix(f"-{self.trigger.mark}_") or "every"


SIGNINGS = {
    "clicksign": Signing(
        clicksign.connector,
        clicksign.connection(clicksign.SECRET),
        clicksign.webhook,
        {
            "sent": "add_signer__two",
            "opened": "signature_started__second_signer",
            "completed": "sign__second_signer",
            "declined": "refusal__roles_in_list",
            "closed": "document_closed__two_signers",
            "voided": "cancel__by_hand",
            "changed": "update_deadline__a_week_later",
        },
        clicksign.BRUNO,
        clicksign.ANA,
    ),
    "docusign": Signing(
        docusign.connector,
        docusign.connection(read=False),
        docusign.webhook,
        {
            "sent": "recipient-sent",
            "opened": "recipient-delivered",
            "completed": "recipient-completed",
            "declined": "recipient-declined",
            "closed": "envelope-completed",
            "voided": "envelope-voided",
            "changed": "envelope-corrected",
        },
        "otavio@tresirmaos.example",
        "julia@raiarsolar.example",
    ),
}
EVERY = pytest.mark.parametrize("signing", SIGNINGS.values(), ids=SIGNINGS)


@EVERY
@pytest.mark.parametrize("state", CHAINS)
async def test_each_state_is_told_in_common_words(signing: Signing, state: str) -> None:
    assert signing.trigger.accepts(signing.event(state), ALL)
    step = await signing.told(state, ALL)
    assert step["state"] == state
    assert step["document"]
    assert step["recipients"]
    alone = state in ("opened", "completed", "declined")
    assert not alone or len(step["recipients"]) == 1
    assert all(one["id"] for one in step["recipients"])
    assert {"name", "first_name", "last_name", "email", "phone", "id"} == set(step["recipients"][0])


@EVERY
async def test_events_in_any_order_end_in_the_same_tags(signing: Signing) -> None:
    told = {state: await signing.told(state, ALL) for state in signing.names}
    keys = {state: signing.trigger.once_key(signing.event(state), ALL) for state in signing.names}
    assert len(set(keys.values())) == len(keys)
    assert keys["changed"] is None, "of changes, each one counts"
    happened = ["sent", "opened", "completed", "declined", "closed"]
    for order in itertools.permutations([*happened, "opened"]):
        held: dict[str, list[str]] = {}
        done: set[str | None] = set()
        for state in order:
            if keys[state] in done:
                continue
            done.add(keys[state])
            for one in told[state]["recipients"]:
                tags = held.setdefault(one["id"], [])
                tags += [tag for tag in map(signing.plain, told[state]["tags"]) if tag not in tags]
        assert held[signing.signer] == ["every", "Sent", "Delivered", "Completed"], order
        assert held[signing.refuser] == ["every", "Sent", "Delivered", "Declined"], order
        assert len(held) == 2


@EVERY
async def test_a_voided_document_leaves_each_the_tags_of_what_they_did(signing: Signing) -> None:
    happened = ["sent", "opened", "completed", "voided"]
    told = {state: await signing.told(state, ALL) for state in happened}
    keys = {state: signing.trigger.once_key(signing.event(state), ALL) for state in happened}
    for order in itertools.permutations([*happened, "voided"]):
        held: dict[str, list[str]] = {}
        done: set[str | None] = set()
        for state in order:
            if keys[state] not in done:
                for one in told[state]["recipients"]:
                    tags = held.setdefault(one["id"], [])
                    tags += [tag for tag in map(signing.plain, told[state]["tags"]) if tag not in tags]
            done.add(keys[state])
        assert held.pop(signing.signer) == ["every", "Sent", "Delivered", "Completed"], order
        assert all(tags == ["every", "Sent"] for tags in held.values()), order


@EVERY
async def test_what_a_rule_does_not_follow_gives_no_tag(signing: Signing) -> None:
    options = {"states": ["opened"], "prefix": "x"}
    assert not signing.trigger.accepts(signing.event("sent"), options)
    assert not signing.trigger.accepts(signing.event("voided"), options)
    step = await signing.told("completed", options)
    assert (step["state"], step["tags"]) == ("opened", ["x", f"x-{signing.trigger.mark}_Delivered"])
    keys = {signing.trigger.once_key(signing.event(state), options) for state in ("opened", "completed")}
    assert len(keys) == 1
    # The end of the document is told only to who follows it: "sent" does not begin once more.
    assert not signing.trigger.accepts(signing.event("closed"), {})
    ended = await signing.told("closed", {"states": ["sent", "closed"]})
    assert [signing.plain(tag) for tag in ended["tags"]] == ["every", "Sent"]


@EVERY
async def test_tags_have_the_names_that_the_rule_gives_them(signing: Signing) -> None:
    named = {"prefix": "contratos", "tag_opened": "abriu o contrato", "tag_completed": " assinou "}
    step = await signing.told("completed", named)
    mark = signing.trigger.mark
    assert step["tags"] == ["contratos", f"contratos-{mark}_Sent", "abriu o contrato", "assinou"]
    shown = signing.trigger.example(named)["step"]["tags"]
    assert shown == step["tags"], "the preview says what will be written"


@EVERY
async def test_any_change_is_followed_without_a_tag_of_its_own(signing: Signing) -> None:
    for options in ({}, {"states": ["sent", "closed"]}):
        assert not signing.trigger.accepts(signing.event("changed"), options)
    alone = {"states": ["changed"]}
    for state in signing.names:
        assert signing.trigger.accepts(signing.event(state), alone)
        step = await signing.told(state, alone)
        assert (step["state"], step["tags"]) == (state, [signing.trigger.prefix])
    both = {"states": ["completed", "changed"]}
    opened = await signing.told("opened", both)
    assert (opened["state"], [signing.plain(tag) for tag in opened["tags"]]) == ("opened", ["every"])


async def test_only_the_recipients_that_the_rule_is_about_are_told() -> None:
    """Those who sign, unless copies and others are wanted; nobody whose turn has not come."""
    signing = SIGNINGS["docusign"]

    def people(step: dict[str, Any]) -> set[str]:
        return {one["email"] for one in step["recipients"]}

    signers = people(await signing.told("closed", ALL))
    copies = people(await signing.told("closed", {**ALL, "groups": ["copies"]}))
    both = people(await signing.told("closed", {**ALL, "groups": ["signers", "copies"]}))
    assert signers
    assert copies
    assert not signers & copies
    assert both == signers | copies
    assert people(await signing.told("closed", {**ALL, "who": "everybody"})) >= both, "as rules said before"


@pytest.mark.parametrize("vendor", SIGNINGS)
@pytest.mark.parametrize(
    "order",
    [
        *itertools.permutations(("sent", "opened", "completed")),
        *itertools.permutations(("sent", "opened", "voided")),
    ],
)
async def test_a_state_changes_forward_only_whatever_the_order(vendor: str, order: tuple[str, ...]) -> None:
    """A rule that waits for a change of the state hears each step that leads on, and none that leads back."""
    signing, change = SIGNINGS[vendor], Change("step.state")
    kept: dict[str, Kept] = {}
    heard: list[str] = []
    for state in (*order, order[0]):
        scope = {"step": await signing.told(state, ALL)}
        told = Told.of(signing.trigger, signing.connection, signing.event(state), change.field, scope)
        assert told.subjects != ("",), "each recipient has a state"
        found, fresh = judge_all(change, kept, told, signing.trigger, "America/Sao_Paulo")
        kept |= {one: Kept(told.value, told.at) for one in fresh}
        if found.judgement is Judgement.CHANGED:
            heard.append(state)
    ranks = [RANKS[one] for one in heard]
    assert ranks == sorted(set(ranks))
    last = max(order, key=lambda state: RANKS[state])
    who = signing.trigger.subjects("step.state", {"step": await signing.told(last, ALL)})
    assert {kept[one].value for one in who} == {last}
