"""The account itself and its templates: roles, tabs, documents."""

from __future__ import annotations

from starlette.routing import BaseRoute

from vaivem.simulators.docusign import people
from vaivem.simulators.docusign.account import Record
from vaivem.simulators.docusign.api import Call, Gate, Result
from vaivem.simulators.docusign.listing import paged
from vaivem.simulators.docusign.problems import ProblemError, parameter
from vaivem.simulators.docusign.shapes import (
    prefill_shape,
    recipients_shape,
    template_document,
    template_shape,
)

MOST, LONGEST_SEARCH = 2000, 48
_ORDERS = {"name": "name", "modified": "lastModified", "used": "lastUsed"}
_ONE = "/templates/{template}"


class TemplateCalls:
    """What is called about the account and its templates."""

    def routes(self, gate: Gate) -> list[BaseRoute]:
        """The routes."""
        return [
            gate.route("", GET=_account),
            gate.route("/templates", GET=_list),
            gate.route(_ONE, GET=_read),
            gate.route(f"{_ONE}/recipients", GET=_recipients),
            gate.route(f"{_ONE}/recipients/{{recipient}}/tabs", GET=_tabs),
            gate.route(f"{_ONE}/documents", GET=_documents),
            gate.route(f"{_ONE}/documents/{{document}}/tabs", GET=_prefill),
            gate.route(f"{_ONE}/custom_fields", GET=_fields),
        ]


def _account(call: Call) -> Result:
    account = call.account
    return 200, {
        "accountIdGuid": account.id,
        "externalAccountId": account.number,
        "accountName": account.name,
        "planName": account.plan,
        "planClassification": "business",
        "connectPermission": "true" if account.connect_enabled else "false",
        "createdDate": "2024-02-01T12:00:00.0000000Z",
        "currencyCode": "BRL",
        "suspensionStatus": "",
        "envelopeSendingBlocked": "false",
        "seatsInUse": str(len(account.users)),
    }


def _list(call: Call) -> Result:
    """Templates that the user may see: their own, those shared, or all with `user_filter=all`."""
    query = call.query
    text = query.get("search_text", "")
    if len(text) > LONGEST_SEARCH:
        raise parameter(f"search_text has at most {LONGEST_SEARCH} characters.")
    key = _ORDERS.get(query.get("order_by", "name"))
    if key is None:
        raise parameter("order_by is not known.")
    found = [one for one in call.account.templates.values() if text.lower() in one["name"].lower()]
    found = [one for one in found if _visible(call, one)]
    found.sort(key=lambda one: one[key].lower(), reverse=query.get("order", "asc").lower() == "desc")
    page, told = paged(call, found[:MOST], "/templates", MOST)
    include = call.listed("include")
    return 200, {**told, "envelopeTemplates": [template_shape(call.account, one, include) for one in page]}


def _visible(call: Call, template: Record) -> bool:
    mine = bool(template["owner"] == call.user["userId"])
    asked_for = call.query.get("user_filter", "")
    if asked_for == "owned_by_me":
        return mine
    if asked_for == "shared_with_me":
        return template["shared"] == "true" and not mine
    return bool(mine or template["shared"] == "true" or (call.user["isAdmin"] and asked_for == "all"))


def _found(call: Call) -> Record:
    template = call.account.templates.get(call.path["template"].lower())
    if template is None:
        raise ProblemError("TEMPLATE_ID_INVALID")
    return template


def _read(call: Call) -> Result:
    """One template whole; its tabs only where they are asked for."""
    include = {"recipients", "documents", "custom_fields", *call.listed("include")}
    return 200, template_shape(call.account, _found(call), include)


def _recipients(call: Call) -> Result:
    return 200, recipients_shape(_found(call), with_tabs=call.flag("include_tabs"))


def _tabs(call: Call) -> Result:
    recipient = people.find(_found(call)["recipients"], call.path["recipient"])
    return 200, {kind: rows for kind, rows in recipient["tabs"].items() if rows}


def _documents(call: Call) -> Result:
    template = _found(call)
    pages = [{"sequence": "1", "height": "842", "width": "595"}]
    rows = [{**template_document(template, one), "pages": pages} for one in template["documents"]]
    return 200, {"templateId": template["id"], "templateDocuments": rows}


def _prefill(call: Call) -> Result:
    template, key = _found(call), call.path["document"]
    if not any(one["documentId"] == key for one in template["documents"]):
        raise ProblemError("DOCUMENT_DOES_NOT_EXIST")
    return 200, prefill_shape(template["prefill"].get(key, {}))


def _fields(call: Call) -> Result:
    return 200, _found(call)["custom_fields"]
