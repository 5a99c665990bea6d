"""Pages of the one who sends: envelopes, adding documents and signers, sending, following."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.clicksign.drafting import LARGEST_FILE, MEDIA_TYPES
from vaivem.simulators.clicksign.files import file_links
from vaivem.simulators.clicksign.problems import ProblemError
from vaivem.simulators.clicksign.records import Record
from vaivem.simulators.kit.pages import Pages, see_other

if TYPE_CHECKING:
    from vaivem.simulators.clicksign.app import ClicksignSimulator

PAGE_LENGTH = 50
ROLES = ("sign", "party", "contractor", "contractee", "witness", "approve")
AUTHS = ("email", "sms", "whatsapp", "selfie", "handwritten")
_ENDINGS = {ending: media_type for media_type, ending in MEDIA_TYPES.items()}


class SendingPages:
    """``/``, ``/documents/new`` and ``/envelopes/...``."""

    def __init__(self, simulator: ClicksignSimulator, pages: Pages) -> None:
        self._simulator = simulator
        self._account = simulator.account
        self._pages = pages

    def routes(self) -> list[BaseRoute]:
        own = "/envelopes/{envelope}"
        return [
            Route("/", self.home),
            Route("/documents/new", self.new, methods=["GET"]),
            Route("/documents/new", self.upload, methods=["POST"]),
            Route(f"{own}/signers", self.signers, methods=["GET"]),
            Route(f"{own}/signers", self.add_signer, methods=["POST"]),
            Route(f"{own}/signers/{{signer}}/remove", self.remove_signer, methods=["POST"]),
            Route(f"{own}/send", self.send, methods=["POST"]),
            Route(f"{own}/sent", self.sent),
            Route(f"{own}/documents/{{document}}/{{act}}", self.finish, methods=["POST"]),
            Route(own, self.follow),
        ]

    async def home(self, request: Request) -> Response:
        status = request.query_params.get("status")
        number = request.query_params.get("page", "1")
        start = (max(int(number), 1) - 1) * PAGE_LENGTH if number.isascii() and number.isdigit() else 0
        found = [
            e for e in reversed(self._account["envelopes"].values()) if status in (None, "", e["status"])
        ]
        rows = [self._row(envelope) for envelope in found[start : start + PAGE_LENGTH]]
        after = start // PAGE_LENGTH + 2 if start + PAGE_LENGTH < len(found) else None
        return self._pages.render(
            request,
            "home.html",
            account=self._account.settings["name"],
            rows=rows,
            total=len(found),
            status=status or "",
            after=after,
        )

    async def new(self, request: Request) -> Response:
        return self._new(request)

    async def upload(self, request: Request) -> Response:
        async with request.form(max_files=20, max_part_size=LARGEST_FILE) as form:
            files = [f for f in form.getlist("files") if isinstance(f, UploadFile) and f.filename]
            if not files:
                return self._new(request, ["content - não pode ficar em branco"])
            name = str(form.get("name") or "").strip() or _stem(str(files[0].filename))
            drafting = self._simulator.drafting
            envelope = drafting.create_envelope({"name": name})
            try:
                for file in files:
                    filename = str(file.filename)
                    media_type = _ENDINGS.get("." + filename.rpartition(".")[2].lower(), "")
                    if not media_type:
                        raise HTTPException(415)
                    drafting.add_document(envelope, filename, await file.read(), media_type)
            except ProblemError as problem:
                self._account.remove("envelopes", envelope)
                return self._new(request, _texts(problem))
            except HTTPException:
                self._account.remove("envelopes", envelope)
                return self._new(request, [f"filename - deve terminar em {', '.join(_ENDINGS)}"])
        return see_other(f"/envelopes/{envelope['id']}/signers")

    async def signers(self, request: Request) -> Response:
        return self._signers(request, self._envelope(request))

    async def add_signer(self, request: Request) -> Response:
        envelope = self._envelope(request)
        async with request.form() as form:
            fields = {key: str(value).strip() for key, value in form.items()}
        try:
            self._add_signer(envelope, fields)
        except ProblemError as problem:
            return self._signers(request, envelope, _texts(problem), fields)
        return see_other(f"/envelopes/{envelope['id']}/signers", "signer_added")

    def _add_signer(self, envelope: Record, fields: dict[str, str]) -> None:
        drafting = self._simulator.drafting
        names = ("name", "email", "phone_number", "documentation", "birthday")
        given: dict[str, Any] = {name: fields[name] for name in names if fields.get(name)}
        auth = fields.get("auth", "email")
        # Who has only a telephone is told by it.
        channel = "email" if fields.get("email") else "whatsapp"
        told = {"signature_request": channel, "document_signed": channel}
        told["signature_reminder"] = "email" if channel == "email" else "none"
        group = fields.get("group", "1")
        given.update(
            name=fields.get("name", ""),
            refusable="refusable" in fields,
            group=int(group) if group.isascii() and group.isdigit() else 0,
            communicate_events=told,
        )
        signer = drafting.create_signer(envelope, given)
        try:
            for document in envelope["documents"]:
                agree = {"action": "agree", "role": fields.get("role", "sign")}
                for requirement in (agree, {"action": "provide_evidence", "auth": auth}):
                    drafting.create_requirement(envelope, document, signer["id"], requirement)
        except ProblemError:
            self._account.remove("signers", signer)
            raise

    async def remove_signer(self, request: Request) -> Response:
        envelope = self._envelope(request)
        signer = self._account["signers"].get(request.path_params["signer"])
        if signer is None or signer["envelope"] != envelope["id"]:
            raise HTTPException(404)
        try:
            self._simulator.drafting.remove_signer(envelope, signer)
        except ProblemError as problem:
            return self._signers(request, envelope, _texts(problem))
        return see_other(f"/envelopes/{envelope['id']}/signers")

    async def send(self, request: Request) -> Response:
        envelope = self._envelope(request)
        async with request.form() as form:
            message = str(form.get("message") or "").strip() or None
        try:
            self._simulator.lifecycle.activate(envelope)
            self._simulator.lifecycle.notify(envelope, message)
        except ProblemError as problem:
            return self._signers(request, envelope, _texts(problem))
        return see_other(f"/envelopes/{envelope['id']}/sent")

    async def sent(self, request: Request) -> Response:
        return self._pages.render(request, "sent.html", envelope=self._envelope(request))

    async def follow(self, request: Request) -> Response:
        return self._follow(request, self._envelope(request))

    async def finish(self, request: Request) -> Response:
        envelope = self._envelope(request)
        document = self._account["documents"].get(request.path_params["document"])
        if document is None or document["envelope"] != envelope["id"]:
            raise HTTPException(404)
        lifecycle = self._simulator.lifecycle
        act = {"cancel": lifecycle.cancel, "close": lifecycle.close}.get(request.path_params["act"])
        if act is None:
            raise HTTPException(404)
        try:
            act(document)
        except ProblemError as problem:
            return self._follow(request, envelope, _texts(problem))
        return see_other(f"/envelopes/{envelope['id']}")

    def _new(self, request: Request, problems: list[str] | None = None) -> Response:
        status = 422 if problems else 200
        return self._pages.render(
            request, "new.html", status, problems=problems or [], endings=list(_ENDINGS)
        )

    def _signers(
        self,
        request: Request,
        envelope: Record,
        problems: list[str] | None = None,
        fields: dict[str, str] | None = None,
    ) -> Response:
        if envelope["status"] != "draft" and not problems:
            return see_other(f"/envelopes/{envelope['id']}")
        signers = sorted(self._account.parts(envelope, "signers"), key=lambda s: s["group"])
        return self._pages.render(
            request,
            "signers.html",
            422 if problems else 200,
            envelope=envelope,
            documents=self._account.parts(envelope, "documents"),
            signers=[{**s, "auths": self._auths(envelope, s)} for s in signers],
            problems=problems or [],
            fields=fields or {},
            roles=ROLES,
            auths=AUTHS,
        )

    def _follow(self, request: Request, envelope: Record, problems: list[str] | None = None) -> Response:
        now, base = self._simulator.clock.now(), self._simulator.base_url
        documents = self._account.parts(envelope, "documents")
        events = [
            self._account["events"][e] | {"filename": d["filename"]} for d in documents for e in d["events"]
        ]
        return self._pages.render(
            request,
            "envelope.html",
            422 if problems else 200,
            envelope=envelope,
            documents=[{**d, "links": file_links(base, d, now)} for d in documents],
            signers=self._account.parts(envelope, "signers"),
            events=sorted(events, key=lambda event: str(event["created"])),
            problems=problems or [],
        )

    def _row(self, envelope: Record) -> Record:
        signers = self._account.parts(envelope, "signers")
        done = sum(1 for signer in signers if signer["signed"])
        names = [document["filename"] for document in self._account.parts(envelope, "documents")]
        return {**envelope, "filenames": names, "signed": done, "asked": len(signers)}

    def _auths(self, envelope: Record, signer: Record) -> list[str]:
        requirements = self._account.parts(envelope, "requirements")
        mine = [r["auth"] for r in requirements if r["signer"] == signer["id"] and r["auth"]]
        return list(dict.fromkeys(mine))

    def _envelope(self, request: Request) -> Record:
        envelope = self._account["envelopes"].get(request.path_params["envelope"])
        if envelope is None:
            raise HTTPException(404)
        return envelope


def _texts(problem: ProblemError) -> list[str]:
    return [str(error["detail"]) for error in problem.errors]


def _stem(filename: str) -> str:
    return filename.rpartition(".")[0] or filename
