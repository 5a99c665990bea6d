"""API v3: envelopes, their documents, and the documents' events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.clicksign.api import Call, Gate
from vaivem.simulators.clicksign.attributes import Attribute, read_attributes, read_data, related_id
from vaivem.simulators.clicksign.files import file_links
from vaivem.simulators.clicksign.jsonapi import filters, ordered, page, resource, span
from vaivem.simulators.clicksign.problems import (
    bad_request,
    missing_attribute,
    model_error,
    not_draft,
    unprocessable,
)
from vaivem.simulators.clicksign.records import Record
from vaivem.simulators.clicksign.values import read_instant, stamp

if TYPE_CHECKING:
    from vaivem.simulators.clicksign.app import ClicksignSimulator

_EDITABLE = {
    "name": Attribute(required=True),
    "locale": Attribute(choices=("pt-BR", "en-US")),
    "auto_close": Attribute(bool),
    "remind_interval": Attribute(object),
    "block_after_refusal": Attribute(bool),
    "deadline_at": Attribute(),
    "default_subject": Attribute(),
    "default_message": Attribute(),
    "deadline_partial_signature_action": Attribute(choices=("closed", "canceled")),
}
_CHANGES = {**_EDITABLE, "status": Attribute(choices=("draft", "running"))}
_DOCUMENT = {
    "filename": Attribute(required=True),
    "content_base64": Attribute(),
    "template": Attribute(dict),
    "duplicate": Attribute(dict),
    "metadata": Attribute(dict),
}
_DOCUMENT_CHANGES = {"status": Attribute(choices=("canceled", "closed")), "metadata": Attribute(dict)}
_EVENT = {
    "name": Attribute(required=True, choices=("custom", "add_image")),
    "data": Attribute(dict, required=True),
}
_LONGEST_SUBJECT = 100


class EnvelopeCalls:
    """The handlers of envelopes and documents."""

    def __init__(self, simulator: ClicksignSimulator) -> None:
        self._simulator = simulator
        self._account = simulator.account

    def routes(self, gate: Gate) -> list[BaseRoute]:
        document = "/envelopes/{envelope}/documents/{document}"
        return [
            gate.route("/envelopes", GET=self.list_envelopes, POST=self.create),
            gate.route("/envelopes/{envelope}", GET=self.show, PATCH=self.update, DELETE=self.delete),
            gate.route("/envelopes/{envelope}/activate", POST=self.activate),
            gate.route("/envelopes/{envelope}/relationships/folder", PATCH=self.move),
            gate.route("/envelopes/{envelope}/documents", GET=self.list_documents, POST=self.create_document),
            gate.route(
                document, GET=self.show_document, PATCH=self.update_document, DELETE=self.delete_document
            ),
            gate.route(f"{document}/events", GET=self.list_document_events, POST=self.create_event),
            gate.route("/envelopes/{envelope}/events", GET=self.list_events),
        ]

    def list_envelopes(self, call: Call) -> tuple[int, Record]:
        allowed = ("status", "name", "created", "modified", "deadline_at")
        wanted = filters(call.query, allowed)
        envelopes = self._account["envelopes"]
        if "name" in wanted:
            ids = self._account.envelope_ids_by_name.get(wanted["name"], {})
            found = [envelopes[envelope_id] for envelope_id in ids]
        else:
            found = list(envelopes.values())
        if "status" in wanted:
            found = [e for e in found if e["status"] in wanted["status"].split(",")]
        for name in ("created", "modified", "deadline_at"):
            if name in wanted:
                start, end = span(name, wanted[name])
                found = [e for e in found if start <= e[name] <= end]
        found = ordered(found, call.query.get("sort"))
        return 200, page(call.address, call.query, found, lambda e: resource(call.base, "envelopes", e))

    def create(self, call: Call) -> tuple[int, Record]:
        data = read_data(call.body, "envelopes")
        given = read_attributes(data, _EDITABLE)
        _check_subject(given)
        envelope = self._simulator.drafting.create_envelope(given, related_id(data, "folder", "folders"))
        return 201, self._one(call, envelope)

    def show(self, call: Call) -> tuple[int, Record]:
        return 200, self._one(call, self._envelope(call))

    def update(self, call: Call) -> tuple[int, Record]:
        envelope = self._envelope(call)
        data = read_data(call.body, "envelopes", envelope["id"])
        given = read_attributes(data, _CHANGES, creating=False)
        _check_subject(given)
        status = given.pop("status", None)
        if status == "draft" and envelope["status"] != "draft":
            text = f"não pode ser alterado de {envelope['status']} para draft"
            raise unprocessable(model_error("status", text))
        if given:
            self._simulator.drafting.update_envelope(envelope, given)
        if status == "running":
            self._simulator.lifecycle.activate(envelope)
        return 200, self._one(call, envelope)

    def delete(self, call: Call) -> tuple[int, None]:
        envelope = self._envelope(call)
        if envelope["status"] != "draft":
            raise not_draft()
        self._account.remove("envelopes", envelope)
        return 204, None

    def activate(self, call: Call) -> tuple[int, None]:
        self._simulator.lifecycle.activate(self._envelope(call))
        return 202, None

    def move(self, call: Call) -> tuple[int, Record]:
        envelope = self._envelope(call)
        data = read_data(call.body, "folders")
        folder = self._account.find("folders", str(data.get("id")))
        envelope["folder"] = folder["id"]
        envelope["modified"] = self._simulator.notifier.now()
        return 200, {"data": {"type": "folders", "id": folder["id"]}}

    def list_documents(self, call: Call) -> tuple[int, Record]:
        filters(call.query, ())
        documents = self._account.parts(self._envelope(call), "documents")
        return 200, page(call.address, call.query, documents, lambda d: self._shown_document(call, d))

    def create_document(self, call: Call) -> tuple[int, Record]:
        envelope = self._envelope(call)
        given = read_attributes(read_data(call.body, "documents"), _DOCUMENT)
        document = self._simulator.drafting.create_document(envelope, given)
        return 201, {"data": self._shown_document(call, document)}

    def show_document(self, call: Call) -> tuple[int, Record]:
        return 200, {"data": self._shown_document(call, self._document(call))}

    def update_document(self, call: Call) -> tuple[int, Record]:
        document = self._document(call)
        data = read_data(call.body, "documents", document["id"])
        given = read_attributes(data, _DOCUMENT_CHANGES, creating=False)
        if given.get("metadata") is not None:
            document["metadata"] = given["metadata"]
            document["modified"] = self._simulator.notifier.now()
        if given.get("status") == "canceled":
            self._simulator.lifecycle.cancel(document)
        elif given.get("status") == "closed":
            self._simulator.lifecycle.close(document)
        return 200, {"data": self._shown_document(call, document)}

    def delete_document(self, call: Call) -> tuple[int, None]:
        document = self._document(call)
        if self._envelope(call)["status"] != "draft":
            raise not_draft()
        self._account.remove("documents", document)
        return 204, None

    def list_document_events(self, call: Call) -> tuple[int, Record]:
        return 200, self._events_page(call, [self._document(call)])

    def list_events(self, call: Call) -> tuple[int, Record]:
        return 200, self._events_page(call, self._account.parts(self._envelope(call), "documents"))

    def create_event(self, call: Call) -> tuple[int, Record]:
        document = self._document(call)
        given = read_attributes(read_data(call.body, "events"), _EVENT)
        occurred_at = given["data"].get("occurred_at")
        if occurred_at is not None:
            instant = read_instant(occurred_at)
            if instant is None:
                pointer = "/data/attributes/data/occurred_at"
                raise bad_request(pointer, "occurred_at não está em um formato válido")
            if instant > self._simulator.clock.now():
                raise unprocessable(model_error("occurred_at", "deve ser anterior à data atual"))
            given["data"]["occurred_at"] = stamp(instant)
        if not given["data"]:
            raise missing_attribute("data")
        event = self._simulator.notifier.emit(document, given["name"], given["data"])
        return 201, {"data": resource(call.base, "events", event)}

    def _events_page(self, call: Call, documents: list[Record]) -> Record:
        wanted = filters(call.query, ("name",))
        events = [self._account["events"][event_id] for d in documents for event_id in d["events"]]
        if "name" in wanted:
            events = [event for event in events if event["name"] == wanted["name"]]
        events.sort(key=lambda event: str(event["created"]))
        return page(call.address, call.query, events, lambda e: resource(call.base, "events", e))

    def _one(self, call: Call, envelope: Record) -> Record:
        return {"data": resource(call.base, "envelopes", envelope)}

    def _shown_document(self, call: Call, document: Record) -> Record:
        files = file_links(self._simulator.base_url, document, self._simulator.clock.now())
        return resource(call.base, "documents", document, files)

    def _envelope(self, call: Call) -> Record:
        return self._account.find("envelopes", call.path["envelope"])

    def _document(self, call: Call) -> Record:
        return self._account.find_in("documents", call.path["document"], self._envelope(call))


def _check_subject(given: Record) -> None:
    if len(given.get("default_subject") or "") > _LONGEST_SUBJECT:
        text = f"é muito longo (máximo: {_LONGEST_SUBJECT} caracteres)"
        raise unprocessable(model_error("default_subject", text))
