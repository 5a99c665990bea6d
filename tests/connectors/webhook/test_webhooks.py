"""Deliveries of any tool: proofs, events, repeats, answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from vaivem.connectors.sdk import Connection, Delivery, Event, Webhooks
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import SignatureError, UnreadableError

connector = get_connector("webhook")
assert connector.webhooks is not None
webhooks: Webhooks = connector.webhooks
FIXTURES = Path(__file__).with_name("fixtures") / "webhooks"
ORDER = (FIXTURES / "received__order.json").read_bytes()
HEADERS = {
    name.lower(): value
    for name, value in json.loads((FIXTURES / "received__order.headers.json").read_text()).items()
}
SECRET = "s3gredo-ção"


def connection(
    method: str = "none", credentials: dict[str, str] | None = None, **settings: Any
) -> Connection:
    settings = {**connector.manifest.defaults(), **settings}
    return Connection(9, 1, "webhook", "Loja", method, credentials=credentials or {}, settings=settings)


def post(body: bytes = ORDER, query: str = "", path: str = "", **headers: Any) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery("POST", path, query, HEADERS | named, body)


def get(query: str, **headers: str) -> Delivery:
    return Delivery("GET", "", query, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


def one(delivery: Delivery, **settings: Any) -> Event:
    (event,) = webhooks.parse(delivery, connection(**settings))
    return event


# Proofs


def signed(body: bytes = ORDER, secret: str = SECRET, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()


def by_hmac(**settings: Any) -> Connection:
    return connection("hmac", {"secret": SECRET}, **settings)


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        (signed(), {}),
        (signed().upper(), {}),
        ("sha256=" + signed(), {}),
        (base64.b64encode(bytes.fromhex(signed())).decode(), {}),
        ("v0=" + signed(), {"signature_prefix": "v0="}),
        (signed(algorithm="sha1"), {"signature_algorithm": "sha1"}),
        ("sha512=" + signed(algorithm="sha512"), {"signature_algorithm": "sha512"}),
    ],
)
def test_an_hmac_of_the_body_proves_it(given: str, settings: dict[str, Any]) -> None:
    webhooks.verify(post(x_signature=given), by_hmac(**settings))


def test_the_signatures_header_can_be_chosen() -> None:
    webhooks.verify(post(x_hub_signature=signed()), by_hmac(signature_header=" X-Hub-Signature "))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "signature_missing"),
        (signed(secret="other"), "signature_wrong"),
        (signed(ORDER + b"\n"), "signature_wrong"),
        (signed(algorithm="sha1"), "signature_wrong"),
        (signed()[:-1], "signature_wrong"),
        ("sha1=" + signed(), "signature_wrong"),
        ("v0=" + signed(), "signature_wrong"),
        ("é", "signature_wrong"),
    ],
)
def test_a_wrong_hmac_is_refused(given: str, code: str) -> None:
    with pytest.raises(SignatureError) as refused:
        webhooks.verify(post(x_signature=given), by_hmac())
    assert refused.value.code == code


def test_an_hmac_never_proves_a_query() -> None:
    with pytest.raises(SignatureError):
        webhooks.verify(get("a=1", x_signature=signed(b"")), by_hmac())
    events = webhooks.parse(post(query="valor=0", x_signature=signed()), by_hmac())
    assert events[0].data["query"] == {}


def test_a_signed_delivery_sent_again_elsewhere_is_the_same() -> None:
    first, again = (webhooks.parse(d, by_hmac())[0] for d in (post(), post(query="n=2", path="/more")))
    assert first.same == again.same


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def test_user_and_password_prove_it() -> None:
    there = connection("basic", {"user": "loja", "password": "a:b ç"})
    webhooks.verify(post(authorization=basic("loja:a:b ç")), there)
    webhooks.verify(get("a=1", authorization=basic("loja:a:b ç").replace("Basic", "basic")), there)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "signature_missing"),
        ("Bearer x", "signature_missing"),
        ("Basic", "signature_wrong"),
        ("Basic ???", "signature_wrong"),
        ("Basic é", "signature_wrong"),
        (basic("loja:other"), "signature_wrong"),
        (basic("other:senha"), "signature_wrong"),
        (basic("lojasenha"), "signature_wrong"),
        (basic("loja:senha "), "signature_wrong"),
    ],
)
def test_a_wrong_user_or_password_is_refused(given: str, code: str) -> None:
    with pytest.raises(SignatureError) as refused:
        webhooks.verify(post(authorization=given), connection("basic", {"user": "loja", "password": "senha"}))
    assert refused.value.code == code


def test_a_token_in_a_header_proves_it() -> None:
    there = connection("header", {"token": "t0ken-ç"}, token_header="Authorization")
    webhooks.verify(post(authorization="Bearer t0ken-ç"), there)
    webhooks.verify(post(x_webhook_token=" t0ken "), connection("header", {"token": "t0ken"}))


@pytest.mark.parametrize("given", ["", "t0ken2", "t0ke", "T0KEN", "é"])
def test_a_wrong_token_is_refused(given: str) -> None:
    with pytest.raises(SignatureError):
        webhooks.verify(post(x_webhook_token=given), connection("header", {"token": "t0ken"}))


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("hmac", {"x_signature": signed(secret="")}),
        ("basic", {"authorization": basic("user:")}),
        ("header", {"x_webhook_token": "Bearer "}),
        ("surprise", {}),
    ],
)
def test_without_a_stored_secret_nobody_is_let_in(method: str, headers: dict[str, Any]) -> None:
    with pytest.raises(SignatureError):
        webhooks.verify(post(**headers), connection(method, {"user": "user", "password": "", "token": " "}))


def test_without_a_proof_asked_all_are_let_in() -> None:
    webhooks.verify(get(""), connection("none"))


# Events


def test_an_event_holds_body_and_query() -> None:
    event = one(post(query="loja=3"))
    assert (event.kind, event.object) == ("received", "delivery")
    assert event.data["body"]["cliente"]["email"] == "ana@example.com"
    assert event.data["query"] == {"loja": "3"}
    assert event.data["event"] == {"name": "", "method": "POST"}


def test_a_get_holds_its_query_alone() -> None:
    event = one(get("nome=Ana&nome=Bia"))
    assert event.data["body"] == {}
    assert event.data["query"] == {"nome": ["Ana", "Bia"]}


def test_history_finds_it_by_people_and_numbers() -> None:
    event = one(post(), record_field="pedido.id")
    assert {"4711", "ana@example.com", "529.982.247-25", "(11) 95555-0142", "Ana Souza"} <= set(event.terms)
    assert "A-1" not in event.terms
    many = one(post(json.dumps({"nome": [f"n{n}" for n in range(99)]}).encode()))
    assert len(many.terms) == 30


@pytest.mark.parametrize("path", ["body.evento", "evento", ' body["evento"] '])
def test_the_events_name_is_read_where_the_person_says(path: str) -> None:
    event = one(post(), name_field=path)
    assert event.data["event"]["name"] == "pedido.pago"
    assert event.title == "pedido.pago"


def test_the_events_name_may_come_in_a_header() -> None:
    assert one(post(), name_header="X-Event").data["event"]["name"] == "pedido.pago"
    assert one(post(), name_header="X-Event", name_field="id").data["event"]["name"] == "evt-91"


def test_the_record_names_the_lane() -> None:
    event = one(post(), record_field="body.pedido.id", name_field="evento")
    assert (event.record, event.title) == ("4711", "pedido.pago · 4711")


@pytest.mark.parametrize("path", ["", "body.pedido", "body.cliente.ativo", "body.none", "pedido.itens"])
def test_without_a_usable_record_each_delivery_is_alone(path: str) -> None:
    first, second = one(post(), record_field=path), one(post(b'{"a":1}'), record_field=path)
    assert first.record
    assert first.record != second.record


def test_each_element_of_a_list_is_an_event() -> None:
    body = b'[{"id": 1}, {"id": 1}, "text"]'
    events = webhooks.parse(post(body), connection())
    assert [event.data["body"] for event in events] == [{"id": 1}, {"id": 1}, {"value": "text"}]
    assert len({event.same for event in events}) == 3
    assert [event.same for event in events] == [
        event.same for event in webhooks.parse(post(body), connection())
    ]


def test_an_empty_list_is_no_event() -> None:
    assert webhooks.parse(post(b"[]"), connection()) == []


def test_a_list_without_end_is_refused() -> None:
    with pytest.raises(UnreadableError) as refused:
        webhooks.parse(post(b"[" + b"1," * 1000 + b"1]"), connection())
    assert refused.value.code == "too_many_elements"
    assert refused.value.params == {"count": 1001, "max": 1000}


@pytest.mark.parametrize(
    ("methods", "delivery", "taken"),
    [
        ("both", get("a=1"), True),
        ("both", post(), True),
        ("post", get("a=1"), False),
        ("get", post(), False),
        ("both", Delivery("PUT", "", "", HEADERS, ORDER), False),
        ("both", Delivery("DELETE", "", "", {}, b""), False),
    ],
)
def test_only_the_chosen_methods_are_taken(methods: str, delivery: Delivery, taken: bool) -> None:
    if taken:
        assert one(delivery, methods=methods).kind == "received"
    else:
        with pytest.raises(UnreadableError) as refused:
            one(delivery, methods=methods)
        assert refused.value.code == "method_not_taken"


def test_trying_the_address_is_no_event() -> None:
    assert webhooks.is_probe(Delivery("HEAD", "", "", {}, b""), connection())
    assert webhooks.is_probe(Delivery("OPTIONS", "", "", {}, b""), connection())
    assert not webhooks.is_probe(get(""), connection())


@pytest.mark.parametrize("setting", ["name_field", "record_field", "same_field"])
def test_a_path_that_is_none_is_said(setting: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        one(post(), **{setting: "body..", "same_by": "field"})
    assert refused.value.code == "path_not_usable"


# Repeats


def test_equal_content_is_the_same_for_some_minutes() -> None:
    first, again, other = one(post()), one(post(x_request_id="2")), one(post(ORDER + b" "))
    assert first.same == again.same != other.same
    assert first.within == 10.0
    assert one(get("a=1")).same != one(get("a=2")).same
    assert one(post(path="/a")).same != one(post(path="/b")).same


@pytest.mark.parametrize(("minutes", "within"), [(0, 0.0), (2.5, 2.5), (-1, 0.0), (None, 10.0)])
def test_how_long_can_be_chosen(minutes: float | None, within: float) -> None:
    assert one(post(), same_minutes=minutes).within == within


def test_a_chosen_field_tells_deliveries_apart_for_good() -> None:
    chosen = {"same_by": "field", "same_field": "id"}
    first, again = one(post(), **chosen), one(post(ORDER.replace(b"4711", b"1")), **chosen)
    other = one(post(ORDER.replace(b"evt-91", b"evt-92")), **chosen)
    assert first.same == again.same == ("field", "evt-91")
    assert first.same != other.same
    assert first.within is None


def test_a_chosen_header_tells_deliveries_apart_for_good() -> None:
    event = one(post(), same_by="header", same_header="X-Request-ID")
    assert (event.same, event.within) == (("header", "91f0"), None)


@pytest.mark.parametrize(
    "chosen", [{"same_by": "field", "same_field": "none"}, {"same_by": "header", "same_header": "X-No"}]
)
def test_where_the_chosen_part_is_missing_content_decides(chosen: dict[str, str]) -> None:
    event = one(post(), **chosen)
    assert event.same == one(post()).same
    assert event.within == 10.0


# Answers


def test_the_answer_is_the_chosen_one() -> None:
    there = connection(answer_status=202, answer_type="application/json", answer_body='{"recebido":"sim, é"}')
    reply = webhooks.accepted(post(), there)
    assert (reply.status, reply.content_type) == (202, "application/json")
    assert reply.content == '{"recebido":"sim, é"}'.encode()


@pytest.mark.parametrize("status", [None, 0, 199, 300, 500])
def test_an_answer_never_says_that_a_kept_delivery_failed(status: int | None) -> None:
    assert webhooks.accepted(post(), connection(answer_status=status)).status == 200


@pytest.mark.parametrize("type_", ["", "json", "text/plain\r\nX-Evil: 1", "text/é"])
def test_the_answers_type_stays_one_header(type_: str) -> None:
    assert (
        webhooks.accepted(post(), connection(answer_type=type_)).content_type == "text/plain; charset=utf-8"
    )


def test_what_cannot_be_read_is_answered_400() -> None:
    assert webhooks.unreadable.status == 400
    assert webhooks.managed is False


# The trigger


def test_a_rule_may_take_one_kind_of_event_only() -> None:
    trigger = connector.trigger("received")
    event = one(post(), name_field="evento")
    assert trigger.accepts(event, {})
    assert trigger.accepts(event, {"name": " Pedido.Pago "})
    assert not trigger.accepts(event, {"name": "pedido.criado"})
    assert trigger.record(event, {}) == event.record


async def test_connecting_needs_no_call() -> None:
    class Nobody:
        connection = connection()

        async def read(self, call: Any) -> Any:
            raise AssertionError(call)

    account = await connector.account(Nobody())
    assert (account.id, await connector.checks(Nobody())) == ("", [])
    assert connector.authorise(connection()).headers == ()
