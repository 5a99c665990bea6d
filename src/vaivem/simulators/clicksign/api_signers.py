"""API v3: signers, requirements, watchers and notifications of an envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

from vaivem.simulators.clicksign.api import Call, Gate
from vaivem.simulators.clicksign.attributes import Attribute, read_attributes, read_data, related_id
from vaivem.simulators.clicksign.jsonapi import filters, page, resource
from vaivem.simulators.clicksign.problems import (
    ProblemError,
    bad_request,
    model_error,
    not_draft,
    not_one_of,
    unprocessable,
)
from vaivem.simulators.clicksign.records import Record, new_id
from vaivem.simulators.clicksign.requisites import ACTIONS, AUTHS, ROLES
from vaivem.simulators.clicksign.values import is_email

if TYPE_CHECKING:
    from vaivem.simulators.clicksign.app import ClicksignSimulator

_SIGNER = {
    "name": Attribute(required=True),
    "email": Attribute(),
    "phone_number": Attribute(),
    "birthday": Attribute(),
    "has_documentation": Attribute(bool),
    "documentation": Attribute(),
    "refusable": Attribute(bool),
    "group": Attribute(int),
    "location_required_enabled": Attribute(bool),
    "communicate_events": Attribute(dict),
    "signature_host": Attribute(dict),
}
_TOLD_BY = {
    "signature_request": ("none", "email", "whatsapp", "sms"),
    "signature_reminder": ("none", "email"),
    "document_signed": ("email", "whatsapp"),
}
_REQUIREMENT = {
    "action": Attribute(required=True, choices=ACTIONS),
    "role": Attribute(choices=ROLES),
    "auth": Attribute(choices=AUTHS),
    "pages": Attribute(),
    "rubric_field": Attribute(),
    "kind": Attribute(choices=("initials", "manuscript")),
}
_WATCHER = {
    "email": Attribute(required=True),
    "kind": Attribute(required=True, choices=("all_steps", "on_finished")),
    "attach_documents_enabled": Attribute(bool),
    "communicate_events": Attribute(dict),
}
_WATCHED = ("document_sent", "document_signed", "document_deadline", "document_canceled", "envelope_closed")
_NOTIFICATION = {"message": Attribute(), "email_customization": Attribute(dict)}
_LONGEST_TEXT = {
    "subject": 998,
    "head": 998,
    "greeting": 3000,
    "principal": 3000,
    "final": 3000,
    "button": 50,
}


class SignerCalls:
    """The handlers of an envelope's people and what they have to do."""

    def __init__(self, simulator: ClicksignSimulator) -> None:
        self._simulator = simulator
        self._account = simulator.account

    def routes(self, gate: Gate) -> list[BaseRoute]:
        own = "/envelopes/{envelope}"
        return [
            gate.route(f"{own}/signers", GET=self.list_signers, POST=self.create_signer),
            gate.route(f"{own}/signers/{{part}}", GET=self.show_signer, DELETE=self.delete_signer),
            gate.route(f"{own}/signers/{{part}}/notifications", POST=self.notify_one),
            gate.route(f"{own}/notifications", POST=self.notify_all),
            gate.route(f"{own}/requirements", GET=self.list_requirements, POST=self.create_requirement),
            gate.route(
                f"{own}/requirements/{{part}}", GET=self.show_requirement, DELETE=self.delete_requirement
            ),
            gate.route(f"{own}/bulk_requirements", POST=self.bulk),
            gate.route(f"{own}/signature_watchers", GET=self.list_watchers, POST=self.create_watcher),
            gate.route(
                f"{own}/signature_watchers/{{part}}", GET=self.show_watcher, DELETE=self.delete_watcher
            ),
        ]

    # -- signers

    def list_signers(self, call: Call) -> tuple[int, Record]:
        return self._list(call, "signers")

    def create_signer(self, call: Call) -> tuple[int, Record]:
        envelope = self._envelope(call)
        given = read_attributes(read_data(call.body, "signers"), _SIGNER)
        for name, value in (given.get("communicate_events") or {}).items():
            pointer = f"/data/attributes/communicate_events/{name}"
            if name not in _TOLD_BY:
                raise bad_request(pointer, f"{name} não está disponível")
            if value not in _TOLD_BY[name]:
                raise bad_request(pointer, f"{name} deve estar em: {', '.join(_TOLD_BY[name])}")
        signer = self._simulator.drafting.create_signer(envelope, given)
        return 201, {"data": resource(call.base, "signers", signer)}

    def show_signer(self, call: Call) -> tuple[int, Record]:
        return self._show(call, "signers")

    def delete_signer(self, call: Call) -> tuple[int, None]:
        self._simulator.drafting.remove_signer(self._envelope(call), self._part(call, "signers"))
        return 204, None

    # -- notifications

    def notify_all(self, call: Call) -> tuple[int, Record]:
        return self._notify(call, None)

    def notify_one(self, call: Call) -> tuple[int, Record]:
        return self._notify(call, self._part(call, "signers"))

    def _notify(self, call: Call, signer: Record | None) -> tuple[int, Record]:
        envelope = self._envelope(call)
        given = read_attributes(read_data(call.body, "notifications"), _NOTIFICATION)
        for name, text in (given.get("email_customization") or {}).items():
            longest = _LONGEST_TEXT.get(name)
            if longest is not None and len(str(text)) > longest:
                raise unprocessable(model_error(name, f"é muito longo (máximo: {longest} caracteres)"))
        summary = self._simulator.lifecycle.notify(envelope, given.get("message"), signer)
        message = given.get("message")
        attributes = {
            "message": envelope["default_message"] if message is None else message,
            "summary": summary,
            "created": self._simulator.notifier.now(),
        }
        return 200, {"data": {"id": new_id(), "type": "notifications", "attributes": attributes}}

    # -- requirements

    def list_requirements(self, call: Call) -> tuple[int, Record]:
        return self._list(call, "requirements")

    def create_requirement(self, call: Call) -> tuple[int, Record]:
        data = read_data(call.body, "requirements")
        return 201, self._add_requirement(call, self._envelope(call), data)

    def show_requirement(self, call: Call) -> tuple[int, Record]:
        return self._show(call, "requirements")

    def delete_requirement(self, call: Call) -> tuple[int, None]:
        self._simulator.drafting.remove_requirement(self._envelope(call), self._part(call, "requirements"))
        return 204, None

    def bulk(self, call: Call) -> tuple[int, Record]:
        """Each operation stands for itself: the answer is 200 though some may have failed."""
        envelope = self._envelope(call)
        operations = call.body.get("atomic:operations")
        if not isinstance(operations, list) or not operations:
            raise bad_request("/atomic:operations", "atomic:operations deve ser informado(a)")
        results = []
        for operation in operations:
            try:
                results.append(self._operate(call, envelope, operation))
            except ProblemError as problem:
                results.append({"errors": problem.errors})
        return 200, {"atomic:results": results}

    def _operate(self, call: Call, envelope: Record, operation: Any) -> Record:
        if not isinstance(operation, dict) or operation.get("op") not in ("add", "remove"):
            raise bad_request("/atomic:operations/op", "op deve estar em: add, remove")
        if operation["op"] == "add":
            return self._add_requirement(call, envelope, read_data(operation, "requirements"))
        ref = operation.get("ref")
        if not isinstance(ref, dict) or ref.get("type") != "requirements":
            raise bad_request("/atomic:operations/ref", "ref deve ser informado(a)")
        requirement = self._account.find_in("requirements", str(ref.get("id")), envelope)
        self._simulator.drafting.remove_requirement(envelope, requirement)
        return {}

    def _add_requirement(self, call: Call, envelope: Record, data: Record) -> Record:
        given = read_attributes(data, _REQUIREMENT)
        document = related_id(data, "document", "documents")
        signer = related_id(data, "signer", "signers")
        for name, found in (("document", document), ("signer", signer)):
            if found is None:
                raise bad_request(f"/data/relationships/{name}", f"{name} deve ser informado(a)")
        requirement = self._simulator.drafting.create_requirement(envelope, str(document), str(signer), given)
        return {"data": resource(call.base, "requirements", requirement)}

    # -- watchers

    def list_watchers(self, call: Call) -> tuple[int, Record]:
        return self._list(call, "signature_watchers")

    def create_watcher(self, call: Call) -> tuple[int, Record]:
        envelope = self._envelope(call)
        given = read_attributes(read_data(call.body, "signature_watchers"), _WATCHER)
        if not is_email(given["email"]):
            raise unprocessable(model_error("email", "não é válido"))
        if envelope["status"] not in ("draft", "running"):
            raise not_draft()
        told = {f"signature_watcher_{name}": "email" for name in _WATCHED}
        for name in given.get("communicate_events") or {}:
            if name not in told:
                raise not_one_of("communicate_events", told)
        now = self._simulator.notifier.now()
        watcher = {
            "id": new_id(),
            "envelope": envelope["id"],
            "email": given["email"],
            "kind": given["kind"],
            "communicate_events": {**told, **(given.get("communicate_events") or {})},
            "attach_documents_enabled": bool(given.get("attach_documents_enabled")),
            "created": now,
            "modified": now,
        }
        self._account.add("signature_watchers", watcher)
        return 201, {"data": resource(call.base, "signature_watchers", watcher)}

    def show_watcher(self, call: Call) -> tuple[int, Record]:
        return self._show(call, "signature_watchers")

    def delete_watcher(self, call: Call) -> tuple[int, None]:
        self._account.remove("signature_watchers", self._part(call, "signature_watchers"))
        return 204, None

    # -- the same for all

    def _list(self, call: Call, table: str) -> tuple[int, Record]:
        filters(call.query, ())
        records = self._account.parts(self._envelope(call), table)
        return 200, page(call.address, call.query, records, lambda r: resource(call.base, table, r))

    def _show(self, call: Call, table: str) -> tuple[int, Record]:
        return 200, {"data": resource(call.base, table, self._part(call, table))}

    def _envelope(self, call: Call) -> Record:
        return self._account.find("envelopes", call.path["envelope"])

    def _part(self, call: Call, table: str) -> Record:
        return self._account.find_in(table, call.path["part"], self._envelope(call))
