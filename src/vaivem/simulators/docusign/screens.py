"""The pages about envelopes: the list, one with its people and acts, a new one, signing, templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.docusign import drafting, people
from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.acts import OF_ENVELOPE, OF_RECIPIENT, act, sign_all
from vaivem.simulators.docusign.documents import file_of
from vaivem.simulators.docusign.lifecycle import IN_PROCESS
from vaivem.simulators.docusign.problems import ProblemError
from vaivem.simulators.kit.pages import Pages, see_other

if TYPE_CHECKING:
    from vaivem.simulators.docusign.app import DocuSign

ROWS_SHOWN = 100
STATUSES = ("created", "sent", "delivered", "completed", "declined", "voided", "deleted")
_DETAILS = "/documents/details/"
_ASKED = (*tab_lists.VALUE_TABS, "checkboxTabs", "listTabs", "radioGroupTabs")


class Screens:
    """`/`, `/documents/…`, `/new`, `/signing/…`, `/view/…`, `/templates/…`."""

    def __init__(self, simulator: DocuSign, pages: Pages) -> None:
        self._simulator = simulator
        self._pages = pages

    @property
    def _account(self) -> Account:
        return self._simulator.account

    def routes(self) -> list[BaseRoute]:
        """The pages' routes; an envelope's is at the vendor's own two addresses."""
        return [
            Route("/", self._list),
            Route("/new", self._new, methods=["GET", "POST"]),
            Route(_DETAILS + "{envelope}", self._envelope, methods=["GET"]),
            Route("/send" + _DETAILS + "{envelope}", self._envelope, methods=["GET"]),
            Route(_DETAILS + "{envelope}/files/{document}", self._file),
            Route(_DETAILS + "{envelope}/{act}", self._act, methods=["POST"]),
            Route("/view/{token}", self._view),
            Route("/signing/{envelope}/{recipient}", self._signing, methods=["GET"]),
            Route("/signing/{envelope}/{recipient}/{act}", self._sign, methods=["POST"]),
            Route("/templates", self._templates),
            Route("/templates/{template}", self._template),
        ]

    def _render(
        self, request: Request, page_name: str, menu: str, code: int = 200, **context: Any
    ) -> Response:
        shared = {"menu": menu, "account": self._account.name}
        return self._pages.render(request, page_name, http_status=code, **shared, **context)

    # -- the list

    async def _list(self, request: Request) -> Response:
        text = request.query_params.get("q", "").strip().lower()
        status = request.query_params.get("status", "")
        found = [
            one
            for one in self._account.envelopes.values()
            if (not status or one["status"] == status) and _mentions(one, text)
        ]
        found.sort(key=lambda one: one["lastModified"], reverse=True)
        return self._render(
            request,
            "envelopes.html",
            "envelopes",
            rows=found[:ROWS_SHOWN],
            total=len(found),
            statuses=STATUSES,
            status=status,
            q=text,
        )

    # -- one envelope

    async def _envelope(self, request: Request) -> Response:
        return self._envelope_page(request, self._found(request))

    def _envelope_page(self, request: Request, envelope: Record, problem: str = "") -> Response:
        status = envelope["status"]
        acts = {
            "created": ("send", "discard"),
            "sent": ("resend", "expire"),
            "delivered": ("resend", "expire"),
        }
        fields = [row for rows in envelope["custom_fields"].values() for row in rows]
        sender = self._account.user(envelope["sender"])
        return self._render(
            request,
            "envelope.html",
            "envelopes",
            422 if problem else 200,
            envelope=envelope,
            sender=sender["userName"] if sender else "",
            acts=acts.get(status, () if status == "deleted" else ("purge",)),
            running=status in IN_PROCESS,
            active=people.ACTIVE,
            fields=fields,
            filled=[(one, _filled(one)) for one in envelope["recipients"]],
            expired_reason="Envelope has expired.",
            page=_DETAILS + envelope["id"],
            problem=problem,
        )

    async def _act(self, request: Request) -> Response:
        envelope, name = self._found(request), request.path_params["act"]
        async with request.form() as form:
            said = {key: _text(form, key) for key in ("reason", "name", "email", "recipient")}
        life = self._simulator.lifecycle(self._account)
        try:
            if name == "sign_all":
                sign_all(life, envelope)
            elif name in (*OF_ENVELOPE, *OF_RECIPIENT):
                recipient = _recipient(envelope, said["recipient"]) if name in OF_RECIPIENT else None
                act(life, envelope, name, recipient, said)
            else:
                raise HTTPException(404)
        except ProblemError as problem:
            return self._envelope_page(request, envelope, problem.message)
        if name == "open":
            return see_other(f"/signing/{envelope['id']}/{said['recipient']}", "open")
        return see_other(_DETAILS + envelope["id"], name)

    async def _file(self, request: Request) -> Response:
        try:
            least = self._account.quirks.document_bytes
            content, kind, _name = file_of(self._found(request), request.path_params["document"], least)
        except ProblemError as problem:
            raise HTTPException(404) from problem
        return Response(content, media_type=kind)

    def _found(self, request: Request) -> Record:
        envelope = self._account.envelopes.get(request.path_params["envelope"].lower())
        if envelope is None:
            raise HTTPException(404)
        return envelope

    # -- signing

    async def _view(self, request: Request) -> Response:
        """An address that works once; opening it as a recipient counts as having looked."""
        view = self._simulator.views.take(request.path_params["token"])
        account = self._simulator.accounts.get(view.account) if view else None
        envelope = account.envelopes.get(view.envelope) if account and view else None
        if view is None or account is None or envelope is None:
            return self._render(request, "view_gone.html", "envelopes", 410)
        if not view.recipient:
            return RedirectResponse(_DETAILS + envelope["id"], 303)
        recipient = _recipient(envelope, view.recipient)
        recipient["returnUrl"] = view.back
        if recipient["status"] == "sent":
            self._simulator.lifecycle(account).open(envelope, recipient)
            self._simulator.touch()
        return RedirectResponse(f"/signing/{envelope['id']}/{view.recipient}", 303)

    async def _signing(self, request: Request) -> Response:
        return self._signing_page(request, *self._signer(request))

    def _signing_page(
        self, request: Request, envelope: Record, recipient: Record, problem: str = ""
    ) -> Response:
        return self._render(
            request,
            "signing.html",
            "",
            422 if problem else 200,
            envelope=envelope,
            recipient=recipient,
            inputs=_inputs(recipient),
            open=recipient["status"] in people.ACTIVE and envelope["status"] in IN_PROCESS,
            back=recipient.get("returnUrl", ""),
            problem=problem,
        )

    async def _sign(self, request: Request) -> Response:
        envelope, recipient = self._signer(request)
        name = request.path_params["act"]
        async with request.form() as form:
            said: dict[str, Any] = {"reason": _text(form, "reason")}
            said["values"] = _values(recipient, form)
        try:
            if name not in ("sign", "decline", "finish_later"):
                raise HTTPException(404)
            act(self._simulator.lifecycle(self._account), envelope, name, recipient, said)
        except ProblemError as problem:
            return self._signing_page(request, envelope, recipient, problem.message)
        return see_other(f"/signing/{envelope['id']}/{recipient['recipientIdGuid']}", name)

    def _signer(self, request: Request) -> tuple[Record, Record]:
        envelope = self._found(request)
        return envelope, _recipient(envelope, request.path_params["recipient"])

    # -- a new one

    async def _new(self, request: Request) -> Response:
        if request.method == "GET":
            return self._new_page(request, request.query_params.get("template", ""), {})
        async with request.form() as form:
            given = {key: str(value).strip() for key, value in form.multi_items() if isinstance(value, str)}
        template = self._account.templates.get(given.get("template", ""))
        if template is None:
            raise HTTPException(404)
        roles = [_role_of(one, given) for one in template["recipients"]]
        sent = {
            "templateId": template["id"],
            "templateRoles": roles,
            "emailSubject": given.get("subject", ""),
        }
        send = given.get("do") == "send"
        try:
            envelope = drafting.draft(self._account, self._account.users[0], sent)
            self._simulator.lifecycle(self._account).store(envelope, send=send)
        except ProblemError as problem:
            return self._new_page(request, template["id"], given, problem.message)
        return see_other(_DETAILS + envelope["id"], "send" if send else "drafted")

    def _new_page(
        self, request: Request, template_id: str, given: dict[str, str], problem: str = ""
    ) -> Response:
        template = self._account.templates.get(template_id)
        return self._render(
            request,
            "new.html",
            "new",
            422 if problem else 200,
            templates=list(self._account.templates.values()),
            chosen=template,
            roles=[(one, _inputs(one)) for one in template["recipients"]] if template else [],
            given=_Filled(given),
            problem=problem,
        )

    # -- templates

    async def _templates(self, request: Request) -> Response:
        rows = sorted(self._account.templates.values(), key=lambda one: one["name"])
        return self._render(request, "templates.html", "templates", rows=rows)

    async def _template(self, request: Request) -> Response:
        template = self._account.templates.get(request.path_params["template"])
        if template is None:
            raise HTTPException(404)
        roles = [(one, list(tab_lists.each(one["tabs"]))) for one in template["recipients"]]
        return self._render(
            request,
            "template.html",
            "templates",
            chosen=template,
            roles=roles,
            prefill=[pair for rows in template["prefill"].values() for pair in tab_lists.each(rows)],
            label=tab_lists.label_of,
        )


class _Filled(dict[str, str]):
    """What a template may ask for any key; what is not there is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def _mentions(envelope: Record, text: str) -> bool:
    said = [envelope["id"], envelope["subject"]]
    said += [one[key] for one in envelope["recipients"] for key in ("name", "email")]
    return not text or any(text in part.lower() for part in said)


def _recipient(envelope: Record, guid: str) -> Record:
    for one in envelope["recipients"]:
        if one["recipientIdGuid"] == guid:
            found: Record = one
            return found
    raise HTTPException(404)


def _filled(recipient: Record) -> list[tuple[str, str]]:
    pairs = [
        (tab_lists.label_of(kind, tab), tab_lists.value_of(kind, tab))
        for kind, tab in tab_lists.each(recipient["tabs"])
    ]
    return [(label, value) for label, value in pairs if label and value]


def _inputs(recipient: Record) -> list[Record]:
    """What a recipient's tabs ask for, as form fields."""
    found = []
    for kind, tab in tab_lists.each(recipient["tabs"]):
        if kind not in _ASKED:
            continue
        options = [item["value"] for item in tab.get("listItems") or tab.get("radios") or []]
        found.append(
            {
                "label": tab_lists.label_of(kind, tab),
                "kind": "check" if kind == "checkboxTabs" else "choice" if options else "text",
                "options": options,
                "value": tab_lists.value_of(kind, tab),
                "locked": tab.get("locked") == "true",
            }
        )
    return found


def _values(recipient: Record, form: FormData) -> dict[str, str]:
    """What was typed, by label; a box that is not ticked is not sent."""
    values = {}
    for one in _inputs(recipient):
        text = _text(form, f"tab:{one['label']}")
        values[one["label"]] = ("true" if text else "false") if one["kind"] == "check" else text
    return {label: value for label, value in values.items() if value}


def _role_of(role: Record, given: dict[str, str]) -> Record:
    """A role of the form of a new envelope, as the API takes it."""
    number = role["recipientId"]
    lists: dict[str, list[Record]] = {}
    for kind, tab in tab_lists.each(role["tabs"]):
        label = tab_lists.label_of(kind, tab)
        value = given.get(f"tab:{number}:{label}", "")
        if kind not in _ASKED or not value:
            continue
        row: Record = {"tabLabel": label, "value": value}
        if kind == "checkboxTabs":
            row = {"tabLabel": label, "selected": "true"}
        elif kind == "radioGroupTabs":
            row = {"groupName": label, "radios": [{"value": value, "selected": "true"}]}
        lists.setdefault(kind, []).append(row)
    person = {key: given.get(f"{key}:{number}", "") for key in ("name", "email")}
    return {"roleName": role["roleName"], **person, "tabs": lists}


def _text(form: FormData, key: str) -> str:
    value = form.get(key, "")
    return value.strip() if isinstance(value, str) else ""
