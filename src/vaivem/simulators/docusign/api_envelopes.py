"""Envelopes: made, listed, read, sent, voided; their custom fields, history and form data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.docusign import drafting
from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.account import Record
from vaivem.simulators.docusign.api import Call, Gate, Result
from vaivem.simulators.docusign.listing import changes
from vaivem.simulators.docusign.problems import ProblemError, body, parameter
from vaivem.simulators.docusign.shapes import INCLUDES, envelope_shape

if TYPE_CHECKING:
    from vaivem.simulators.docusign.app import DocuSign

ONE = "/envelopes/{envelope}"


class EnvelopeCalls:
    """What is called about envelopes as a whole."""

    def __init__(self, simulator: DocuSign) -> None:
        self._simulator = simulator

    def routes(self, gate: Gate) -> list[BaseRoute]:
        """The routes; the fixed ones before those with an id."""
        fields = {"POST": self._add_fields, "PUT": self._set_fields, "DELETE": self._drop_fields}
        return [
            gate.route("/envelopes", GET=self._list, POST=self._create),
            gate.route("/envelopes/status", PUT=self._statuses),
            gate.reading(ONE, self._read, PUT=self._change),
            gate.reading(f"{ONE}/custom_fields", self._fields, **fields),
            gate.reading(f"{ONE}/form_data", self._form_data),
            gate.reading(f"{ONE}/audit_events", self._audit),
            gate.reading(f"{ONE}/notification", self._notification),
            gate.route("/folders/recyclebin", PUT=self._recycle),
            gate.route("/custom_fields", GET=self._definitions),
            gate.route(f"{ONE}/views/{{view}}", POST=self._view),
        ]

    def _list(self, call: Call) -> Result:
        swept = not call.listed("envelope_ids") and not call.listed("transaction_ids")
        if swept and call.query.get("start_position", "0") == "0":
            self._simulator.polling.listed(call.account.key)
        return 200, changes(call)

    def _statuses(self, call: Call) -> Result:
        """The status of a set; the ids are in the body where the query says `request_body`."""
        ids = call.listed("envelope_ids")
        transactions = call.listed("transaction_ids")
        if ids == ["request_body"]:
            ids = _texts(call.body, "envelopeIds")
        if transactions == ["request_body"]:
            transactions = _texts(call.body, "transactionIds")
        return 200, changes(call, ids, transactions)

    def _create(self, call: Call) -> Result:
        envelope = drafting.draft(call.account, call.user, call.body)
        send = call.body.get("status") == "sent"
        self._simulator.lifecycle(call.account).store(envelope, send=send)
        return 201, {
            "envelopeId": envelope["id"],
            "status": envelope["status"],
            "statusDateTime": envelope["statusChanged"],
            "uri": f"/envelopes/{envelope['id']}",
        }

    def _read(self, call: Call) -> Result:
        include = [part for part in call.listed("include") if part in INCLUDES]
        return 200, envelope_shape(call.account, call.envelope(), include)

    def _change(self, call: Call) -> Result:
        """Send, void, resend; subject, blurb and notification of a draft."""
        envelope, sent = call.envelope(), call.body
        lifecycle = self._simulator.lifecycle(call.account)
        if call.flag("resend_envelope"):
            lifecycle.resend(envelope)
            return 200, {"envelopeId": envelope["id"]}
        status = str(sent.get("status") or "")
        if status == "voided":
            lifecycle.void(envelope, str(sent.get("voidedReason") or ""))
            return 200, {"envelopeId": envelope["id"]}
        if status not in ("", "sent", "created"):
            raise parameter("status must be sent or voided.")
        if sent.get("purgeState"):
            lifecycle.purge(envelope)
        self._edit(call, envelope)
        if status == "sent":
            lifecycle.send(envelope)
        return 200, {"envelopeId": envelope["id"]}

    def _edit(self, call: Call, envelope: Record) -> None:
        sent = call.body
        keys = {"emailSubject", "emailBlurb", "notification", "customFields"} & set(sent)
        if keys and envelope["status"] != "created":
            raise ProblemError("ENVELOPE_INVALID_STATUS")
        if "emailSubject" in sent:
            envelope["subject"] = drafting.checked_subject(sent["emailSubject"])
        if "emailBlurb" in sent:
            envelope["blurb"] = str(sent["emailBlurb"] or "")
        drafting.set_notification(envelope, sent.get("notification"))
        if keys:
            envelope["lastModified"] = call.account.stamp()

    # -- parts of an envelope

    def _fields(self, call: Call) -> Result:
        return 200, call.envelope()["custom_fields"]

    def _add_fields(self, call: Call) -> Result:
        return 201, self._write_fields(call)

    def _set_fields(self, call: Call) -> Result:
        return 200, self._write_fields(call)

    def _write_fields(self, call: Call) -> Record:
        """Add or change by `fieldId` or name; the answer holds what was sent, as it is kept."""
        envelope = call.envelope()
        kept: dict[str, list[Record]] = envelope["custom_fields"]
        done: dict[str, list[Record]] = {"textCustomFields": [], "listCustomFields": []}
        for name, sent in drafting.each_custom_field(call.body):
            known = next((row for row in kept[name] if _same_field(row, sent)), None)
            field = drafting.custom_field(call.account, name, {**(known or {}), **sent})
            kept[name] = [*(row for row in kept[name] if row is not known), field]
            done[name].append(field)
        envelope["lastModified"] = call.account.stamp()
        return done

    def _drop_fields(self, call: Call) -> Result:
        envelope = call.envelope()
        for name, sent in drafting.each_custom_field(call.body):
            rows = envelope["custom_fields"][name]
            envelope["custom_fields"][name] = [row for row in rows if not _same_field(row, sent)]
        return 200, envelope["custom_fields"]

    def _form_data(self, call: Call) -> Result:
        if not call.account.quirks.form_data:
            raise ProblemError("ACCOUNT_LACKS_PERMISSIONS", "Senders may not download form data.")
        envelope = call.envelope()
        each = [(one, _form_items(one["tabs"])) for one in envelope["recipients"]]
        prefill = [item for rows in envelope["prefill"].values() for item in _form_items(rows)]
        times = {"SentTime": "sent", "DeliveredTime": "delivered", "SignedTime": "signed"}
        return 200, {
            "envelopeId": envelope["id"],
            "status": envelope["status"],
            "emailSubject": envelope["subject"],
            "sentDateTime": envelope["sent"],
            "formData": [item for _one, items in each for item in items],
            "prefillFormData": {"formData": prefill},
            "recipientFormData": [
                {
                    "recipientId": one["recipientId"],
                    "name": one["name"],
                    "email": one["email"],
                    "formData": items,
                    **{name: one[key] for name, key in times.items() if one[key]},
                }
                for one, items in each
            ],
        }

    def _audit(self, call: Call) -> Result:
        rows = call.envelope()["audit"]
        return 200, {
            "auditEvents": [
                {"eventFields": [{"name": key, "value": value} for key, value in row.items()]} for row in rows
            ]
        }

    def _notification(self, call: Call) -> Result:
        envelope = call.envelope()
        days = str(envelope["expireDays"])
        told = {
            "useAccountDefaults": "false",
            "expirations": {"expireEnabled": "true", "expireAfter": days, "expireWarn": "0"},
        }
        return 200, {**told, **(envelope["notification"] or {})}

    # -- beside envelopes

    def _recycle(self, call: Call) -> Result:
        """Throw drafts (and finished envelopes) away."""
        chosen = [call.account.envelopes.get(key.lower()) for key in _texts(call.body, "envelopeIds")]
        if not chosen or None in chosen:
            raise ProblemError("ENVELOPE_DOES_NOT_EXIST")
        for envelope in chosen:
            if envelope is not None:
                self._simulator.lifecycle(call.account).discard(envelope)
        return 200, {"folders": [{"folderId": "recyclebin", "name": "Deleted Items", "type": "recyclebin"}]}

    def _definitions(self, call: Call) -> Result:
        return 200, call.account.field_definitions

    def _view(self, call: Call) -> Result:
        """An address that works once: the draft for its sender, or the signing page of an embedded signer."""
        envelope, view = call.envelope(), call.path["view"]
        if view in ("sender", "edit"):
            if envelope["status"] != "created":
                raise ProblemError("ENVELOPE_INVALID_STATUS")
            return 201, {"url": self._simulator.views.sender(call.account, envelope)}
        if view == "correct":
            return 201, {"url": self._simulator.views.sender(call.account, envelope)}
        if view != "recipient":
            raise ProblemError("RESOURCE_NOT_FOUND")
        for one in envelope["recipients"]:
            wanted = call.body.get("clientUserId") or ""
            same = one["email"].lower() == str(call.body.get("email") or "").lower()
            if wanted and one["clientUserId"] == wanted and same:
                back = str(call.body.get("returnUrl") or "")
                return 201, {"url": self._simulator.views.recipient(call.account, envelope, one, back)}
        raise ProblemError("UNKNOWN_ENVELOPE_RECIPIENT")


def _same_field(row: Record, sent: Record) -> bool:
    if sent.get("fieldId"):
        return bool(row["fieldId"] == str(sent["fieldId"]))
    return bool(row["name"] == sent.get("name"))


def _form_items(tabs: Record) -> list[Record]:
    """What stands in the tabs that have a label."""
    return [_form_item(kind, tab) for kind, tab in tab_lists.each(tabs) if tab_lists.label_of(kind, tab)]


def _form_item(kind: str, tab: Record) -> Record:
    item = {"name": tab_lists.label_of(kind, tab), "value": tab_lists.value_of(kind, tab)}
    if kind == "listTabs":
        item["listSelectedValue"] = str(tab.get("listSelectedValue") or "")
    return {**item, "originalValue": str(tab.get("originalValue") or "")}


def _texts(sent: Record, key: str) -> list[str]:
    rows = sent.get(key)
    if not isinstance(rows, list):
        raise body(f"{key} must be a list.")
    return [str(row) for row in rows]
