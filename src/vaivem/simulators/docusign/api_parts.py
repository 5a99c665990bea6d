"""The parts of an envelope: recipients, their tabs, the sender's tabs on a document, documents and files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import BaseRoute

from vaivem.simulators.docusign import people
from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.account import Record
from vaivem.simulators.docusign.api import Call, Gate, Result
from vaivem.simulators.docusign.documents import file_of
from vaivem.simulators.docusign.problems import ProblemError, parameter
from vaivem.simulators.docusign.shapes import documents_shape, prefill_shape, recipients_shape

if TYPE_CHECKING:
    from vaivem.simulators.docusign.app import DocuSign

_RECIPIENTS = "/envelopes/{envelope}/recipients"
_DOCUMENTS = "/envelopes/{envelope}/documents"


class PartCalls:
    """What is called about one part of an envelope."""

    def __init__(self, simulator: DocuSign) -> None:
        self._simulator = simulator

    def routes(self, gate: Gate) -> list[BaseRoute]:
        """The routes."""
        recipients = {"POST": self._add_recipients, "PUT": self._change_recipients}
        tabs = {"PUT": self._write_tabs, "POST": self._add_tabs}
        prefill = {"PUT": self._write_prefill, "POST": self._add_prefill}
        return [
            gate.reading(_RECIPIENTS, self._recipients, **recipients),
            gate.reading(f"{_RECIPIENTS}/{{recipient}}/tabs", self._tabs, **tabs),
            gate.reading(_DOCUMENTS, self._documents),
            gate.reading(f"{_DOCUMENTS}/{{document}}", self._file),
            gate.reading(f"{_DOCUMENTS}/{{document}}/tabs", self._prefill, **prefill),
        ]

    # -- recipients

    def _recipients(self, call: Call) -> Result:
        return 200, recipients_shape(call.envelope(), with_tabs=call.flag("include_tabs"))

    def _add_recipients(self, call: Call) -> Result:
        envelope = call.envelope()
        if envelope["status"] not in ("created", "sent", "delivered"):
            raise ProblemError("ENVELOPE_INVALID_STATUS")
        new = [people.made(kind, sent) for kind, sent in people.each_sent(call.body)]
        people.numbered([*envelope["recipients"], *new])
        envelope["recipients"] += new
        envelope["lastModified"] = call.account.stamp()
        shown = recipients_shape({**envelope, "recipients": new}, with_tabs=False)
        return 201, shown

    def _change_recipients(self, call: Call) -> Result:
        """Names and addresses of who is there; what could not be done is said at each."""
        envelope = call.envelope()
        lifecycle = self._simulator.lifecycle(call.account)
        told = []
        for _kind, sent in people.each_sent(call.body):
            key = str(sent.get("recipientId") or "")
            details = {"errorCode": "SUCCESS", "message": ""}
            try:
                recipient = people.find(envelope["recipients"], key)
                lifecycle.correct(
                    envelope, recipient, str(sent.get("name") or ""), str(sent.get("email") or "")
                )
                tab_lists.fill(recipient["tabs"], tab_lists.checked(sent.get("tabs")))
            except ProblemError as problem:
                details = {"errorCode": problem.code, "message": problem.message}
            told.append({"recipientId": key, "errorDetails": details})
        return 200, {"recipientUpdateResults": told}

    # -- tabs

    def _tabs(self, call: Call) -> Result:
        recipient = people.find(call.envelope()["recipients"], call.path["recipient"])
        return 200, {kind: rows for kind, rows in recipient["tabs"].items() if rows}

    def _write_tabs(self, call: Call) -> Result:
        """Change tabs by `tabId`, or by label where no id is sent."""
        envelope = self._changeable(call)
        recipient = people.find(envelope["recipients"], call.path["recipient"])
        _write_all(recipient["tabs"], tab_lists.checked(call.body))
        return 200, {kind: rows for kind, rows in recipient["tabs"].items() if rows and kind in call.body}

    def _add_tabs(self, call: Call) -> Result:
        envelope = self._changeable(call)
        recipient = people.find(envelope["recipients"], call.path["recipient"])
        sent = tab_lists.checked(call.body)
        for kind, tab in tab_lists.each(sent):
            recipient["tabs"].setdefault(kind, []).append(tab_lists.made(kind, tab))
        return 201, {kind: recipient["tabs"][kind][-len(rows) :] for kind, rows in sent.items() if rows}

    def _prefill(self, call: Call) -> Result:
        return 200, prefill_shape(self._lists(call))

    def _write_prefill(self, call: Call) -> Result:
        self._changeable(call)
        sent = tab_lists.checked(call.body.get("prefillTabs"))
        _write_all(self._lists(call), sent)
        return 200, prefill_shape(self._lists(call))

    def _add_prefill(self, call: Call) -> Result:
        """A tab with a label that is there is written; another one needs a place of its own."""
        self._changeable(call)
        lists = self._lists(call)
        tab_lists.fill(lists, tab_lists.checked(call.body.get("prefillTabs")), refuse_unmatched=True)
        return 201, prefill_shape(lists)

    def _lists(self, call: Call) -> dict[str, list[Record]]:
        envelope, key = call.envelope(), call.path["document"]
        if not any(one["documentId"] == key for one in envelope["documents"]):
            raise ProblemError("DOCUMENT_DOES_NOT_EXIST")
        found: dict[str, list[Record]] = envelope["prefill"].setdefault(key, {})
        return found

    def _changeable(self, call: Call) -> Record:
        envelope = call.envelope()
        if envelope["status"] not in ("created", "sent", "delivered"):
            raise ProblemError("ENVELOPE_INVALID_STATUS")
        envelope["lastModified"] = call.account.stamp()
        return envelope

    # -- documents

    def _documents(self, call: Call) -> Result:
        envelope = call.envelope()
        return 200, {"envelopeId": envelope["id"], "envelopeDocuments": documents_shape(envelope)}

    def _file(self, call: Call) -> Result:
        least = call.account.quirks.document_bytes
        content, kind, name = file_of(call.envelope(), call.path["document"], least)
        told = f"file; filename*=UTF-8''{quote(name)}; documentid=\"{call.path['document']}\""
        return Response(content, media_type=kind, headers={"content-disposition": told})


def _write_all(tabs: dict[str, list[Record]], sent: dict[str, list[Record]]) -> None:
    for kind, new in tab_lists.each(sent):
        label = tab_lists.label_of(kind, new)
        found = [
            tab
            for tab in tabs.get(kind, [])
            if (new.get("tabId") and tab.get("tabId") == new["tabId"])
            or (not new.get("tabId") and label and tab_lists.label_of(kind, tab) == label)
        ]
        if not found:
            raise parameter(f"There is no tab {new.get('tabId') or label} in {kind}.")
        for tab in found:
            tab_lists.write(kind, tab, new)
