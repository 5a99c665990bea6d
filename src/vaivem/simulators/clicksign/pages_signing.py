"""Pages of the one who signs: the mailbox, the document, personal data, the code, and refusing."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.clicksign.files import file_links
from vaivem.simulators.clicksign.problems import ProblemError
from vaivem.simulators.clicksign.records import Record
from vaivem.simulators.clicksign.requisites import TOKENS
from vaivem.simulators.clicksign.values import is_cpf, is_date, is_full_name
from vaivem.simulators.kit.pages import Pages, see_other

if TYPE_CHECKING:
    from vaivem.simulators.clicksign.app import ClicksignSimulator

MAILS_SHOWN = 100
REASONS = ("contact", "content", "data", "other")
_REASON_TEXTS = {
    "contact": "Não reconheço o remetente",
    "content": "Não concordo com o conteúdo",
    "data": "Dados incorretos",
    "other": "Outros",
}


class SigningPages:
    """``/mailbox`` and ``/sign/...``."""

    def __init__(self, simulator: ClicksignSimulator, pages: Pages) -> None:
        self._simulator = simulator
        self._account = simulator.account
        self._pages = pages

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/mailbox", self.mailbox),
            Route("/mailbox/{mail}", self.mail),
            Route("/sign/{key}", self.view),
            Route("/sign/{key}/data", self.data, methods=["GET"]),
            Route("/sign/{key}/data", self.confirm_data, methods=["POST"]),
            Route("/sign/{key}/token", self.token, methods=["GET"]),
            Route("/sign/{key}/token", self.finalize, methods=["POST"]),
            Route("/sign/{key}/refuse", self.refusal, methods=["GET"]),
            Route("/sign/{key}/refuse", self.refuse, methods=["POST"]),
            Route("/sign/{key}/done", self.done),
        ]

    async def mailbox(self, request: Request) -> Response:
        mails = list(self._account["mails"].values())
        newest = [self._shown(mail) for mail in reversed(mails[-MAILS_SHOWN:])]
        return self._pages.render(request, "mailbox.html", mails=newest, total=len(mails))

    async def mail(self, request: Request) -> Response:
        mail = self._account["mails"].get(request.path_params["mail"])
        if mail is None:
            raise HTTPException(404)
        return self._pages.render(request, "mail.html", mail=self._shown(mail))

    async def view(self, request: Request) -> Response:
        signer = self._signer(request)
        if self._pending(signer):
            self._simulator.lifecycle.start_signing(signer)
        now, base = self._simulator.clock.now(), self._simulator.base_url
        documents = [{**d, "links": file_links(base, d, now)} for d in self._documents(signer)]
        pending = self._pending(signer)
        return self._pages.render(request, "sign.html", signer=signer, documents=documents, pending=pending)

    async def data(self, request: Request) -> Response:
        return self._data(request, self._waiting_signer(request), [])

    async def confirm_data(self, request: Request) -> Response:
        signer = self._waiting_signer(request)
        async with request.form() as form:
            fields = {key: str(value).strip() for key, value in form.items()}
        name = fields.get("name", "")
        wrong = [] if is_full_name(name) else ["name"]
        asked = signer["has_documentation"]
        if asked and not is_cpf(fields.get("documentation", "")):
            wrong.append("documentation")
        if asked and signer["birthday"] is None and not is_date(fields.get("birthday", "")):
            wrong.append("birthday")
        if wrong:
            return self._data(request, signer, wrong, fields)
        signer["name"] = name
        if asked:
            signer["documentation"] = fields["documentation"]
            signer["birthday"] = signer["birthday"] or fields["birthday"]
        return see_other(f"/sign/{signer['key']}/token")

    async def token(self, request: Request) -> Response:
        return self._token(request, self._waiting_signer(request), wrong=False)

    async def finalize(self, request: Request) -> Response:
        signer = self._waiting_signer(request)
        if signer["has_documentation"] and not signer["documentation"]:
            return see_other(f"/sign/{signer['key']}/data")
        async with request.form() as form:
            code = str(form.get("code") or "").strip()
        if self._needs_code(signer) and not hmac.compare_digest(code.encode(), signer["code"].encode()):
            return self._token(request, signer, wrong=True)
        for document in self._pending(signer):
            self._simulator.lifecycle.sign(document, signer)
        return see_other(f"/sign/{signer['key']}/done")

    async def refusal(self, request: Request) -> Response:
        signer = self._refusing_signer(request)
        return self._pages.render(request, "refuse.html", signer=signer, reasons=REASONS)

    async def refuse(self, request: Request) -> Response:
        signer = self._refusing_signer(request)
        async with request.form() as form:
            reason = _REASON_TEXTS.get(str(form.get("reason")), _REASON_TEXTS["other"])
            comment = str(form.get("comment") or "").strip() or None
        for document in self._pending(signer):
            try:
                self._simulator.lifecycle.refuse(document, signer, [reason], comment)
            except ProblemError:
                # The first refusal may have paused the envelope; the rest is then not asked any more.
                break
        return see_other(f"/sign/{signer['key']}/done")

    async def done(self, request: Request) -> Response:
        return self._pages.render(request, "done.html", signer=self._signer(request))

    def _data(
        self, request: Request, signer: Record, wrong: list[str], fields: dict[str, str] | None = None
    ) -> Response:
        names = ("name", "documentation", "birthday")
        values = {name: (fields or {}).get(name) or signer[name] or "" for name in names}
        status = 422 if wrong else 200
        return self._pages.render(request, "data.html", status, signer=signer, values=values, wrong=wrong)

    def _token(self, request: Request, signer: Record, wrong: bool) -> Response:
        status, needed = (422 if wrong else 200), self._needs_code(signer)
        return self._pages.render(request, "token.html", status, signer=signer, wrong=wrong, needed=needed)

    def _needs_code(self, signer: Record) -> bool:
        auths = {
            r["auth"] for d in signer["list_keys"] for r in self._account.requirements_of(d, signer["id"])
        }
        return bool(auths & TOKENS)

    def _shown(self, mail: Record) -> Record:
        envelope = self._account["envelopes"].get(mail["envelope"])
        signer = self._account["signers"].get(mail["signer"] or "")
        return {**mail, "envelope_name": envelope["name"] if envelope else "", "signer": signer}

    def _signer(self, request: Request) -> Record:
        signer_id = self._account.signer_by_key.get(request.path_params["key"], "")
        signer = self._account["signers"].get(signer_id)
        if signer is None or self._account["envelopes"][signer["envelope"]]["status"] == "draft":
            raise HTTPException(404)
        return signer

    def _waiting_signer(self, request: Request) -> Record:
        """The signer of the address, if something still waits for them; else a 409."""
        signer = self._signer(request)
        if not self._pending(signer):
            raise HTTPException(409)
        return signer

    def _refusing_signer(self, request: Request) -> Record:
        signer = self._waiting_signer(request)
        if not signer["refusable"]:
            raise HTTPException(409)
        return signer

    def _documents(self, signer: Record) -> list[Record]:
        return [self._account["documents"][document_id] for document_id in signer["list_keys"]]

    def _pending(self, signer: Record) -> list[Record]:
        lifecycle = self._simulator.lifecycle
        return [d for d in self._documents(signer) if any(s is signer for s in lifecycle.pending(d))]
