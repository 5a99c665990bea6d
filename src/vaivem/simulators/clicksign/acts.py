"""What people do at the vendor, for tests and the demo: sign, refuse, send, and many at once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.clicksign.api import error_answer
from vaivem.simulators.clicksign.files import make_pdf
from vaivem.simulators.clicksign.people import person
from vaivem.simulators.clicksign.problems import ProblemError
from vaivem.simulators.clicksign.records import Record
from vaivem.simulators.clicksign.seed import vars_of
from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.control import control_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vaivem.simulators.clicksign.app import ClicksignSimulator

LARGEST_BULK = 20_000
_SWITCHES = ("envelopes_enabled", "templates_enabled", "lenient_bearer", "blocked")


class Acts:
    """The simulator's own routes under ``/_control``."""

    def __init__(self, simulator: ClicksignSimulator) -> None:
        self._simulator = simulator
        self._account = simulator.account
        self._made = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[BaseRoute]:
        return [
            _route("/open", self.open),
            _route("/sign", self.sign),
            _route("/refuse", self.refuse),
            _route("/close", self.close),
            _route("/cancel", self.cancel),
            _route("/documents", self.documents),
            _route("/signatures/bulk", self.bulk),
            Route("/signed", self.signed),
            _route("/switches", self.switches),
            Route("/counts", self.counts),
        ]

    # -- one person

    async def open(self, data: Record) -> Any:
        """``{"document" or "envelope", "signer"?}``: the next signer, or that one, opens the signing page."""
        document = self._chosen(data)[0]
        waiting = self._waiting(document, data.get("signer"))
        if not waiting:
            raise HTTPException(409, "nobody can open that now")
        self._simulator.lifecycle.start_signing(waiting[0])
        return {"opened": [_pair(document, waiting[0])]}

    async def sign(self, data: Record) -> Any:
        """``{"document"?, "envelope"?, "signer"?, "all"?}``: the next signer, that signer, or all of them."""
        documents = self._chosen(data)
        signed = []
        for document in documents:
            while True:
                waiting = self._waiting(document, data.get("signer"))
                if not waiting:
                    break
                self._simulator.lifecycle.sign(document, waiting[0])
                signed.append(_pair(document, waiting[0]))
                if not data.get("all") and data.get("signer") is None:
                    break
        if not signed:
            raise HTTPException(409, "nobody can sign that now")
        return {"signed": signed}

    async def refuse(self, data: Record) -> Any:
        """``{"document" or "envelope", "signer"?, "reasons"?, "comment"?}``."""
        document = self._chosen(data)[0]
        waiting = self._waiting(document, data.get("signer"))
        if not waiting:
            raise HTTPException(409, "nobody can refuse that now")
        reasons = [str(reason) for reason in data.get("reasons") or ["Outros"]]
        self._simulator.lifecycle.refuse(document, waiting[0], reasons, data.get("comment"))
        return {"refused": [_pair(document, waiting[0])]}

    async def close(self, data: Record) -> Any:
        for document in self._chosen(data):
            self._simulator.lifecycle.close(document)
        return {"closed": True}

    async def cancel(self, data: Record) -> Any:
        for document in self._chosen(data):
            self._simulator.lifecycle.cancel(document)
        return {"canceled": True}

    def _chosen(self, data: Record) -> list[Record]:
        """The documents meant: one, an envelope's, all running ones, or the newest running one's."""
        if data.get("document"):
            return [self._account.find("documents", str(data["document"]))]
        if data.get("envelope"):
            envelopes = [self._account.find("envelopes", str(data["envelope"]))]
        else:
            running = [self._account["envelopes"][envelope_id] for envelope_id in self._account.running]
            envelopes = running if data.get("all") else running[-1:]
        found = [
            d for e in envelopes for d in self._account.parts(e, "documents") if d["status"] == "running"
        ]
        if not found:
            raise HTTPException(409, "no document is running")
        return found

    def _waiting(self, document: Record, signer: Any) -> list[Record]:
        waiting = self._simulator.lifecycle.pending(document)
        return [s for s in waiting if signer is None or signer in (s["id"], s["email"])]

    # -- whole envelopes

    async def documents(self, data: Record) -> Any:
        """A running envelope in one call; with ``sign`` also signed by all."""
        signers = data.get("signers") or [vars_of(person(0))]
        filename = str(data.get("filename") or "Contrato.pdf")
        envelope = self.compose(filename, signers, data.get("metadata"), int(data.get("documents", 1)))
        self._send(envelope)
        if data.get("sign"):
            self._sign_all(envelope)
        return self._ids(envelope)

    def compose(
        self, filename: str, signers: list[Record], metadata: Record | None, documents: int
    ) -> Record:
        """A draft with its documents, signers and requirements, ready to be activated."""
        drafting = self._simulator.drafting
        stem, dot, ending = filename.rpartition(".")
        envelope = drafting.create_envelope({"name": stem or filename})
        if metadata is not None:
            metadata = {key: _naming(value, envelope) for key, value in metadata.items()}
        for number in range(documents):
            name = filename if number == 0 else f"{stem or filename} ({number + 1}){dot}{ending}"
            pdf = make_pdf([name, "", "Documento da conta de teste."])
            drafting.add_document(envelope, name, pdf, "application/pdf", metadata=metadata)
        for given in signers:
            signer = drafting.create_signer(envelope, {"name": "", **given})
            auth = "email" if signer["email"] else "sms"
            for document in self._account.parts(envelope, "documents"):
                for attributes in (
                    {"action": "agree", "role": "sign"},
                    {"action": "provide_evidence", "auth": auth},
                ):
                    drafting.create_requirement(envelope, document["id"], signer["id"], attributes)
        return envelope

    async def bulk(self, data: Record) -> Any:
        """``{"count", "distinct_people"?, "signers"?, "rate"?, "metadata"?}``: signed envelopes.

        Each has one signer; with ``signers`` in turn one, two and so on up to that many. In a text of the
        metadata, ``{envelope}`` stands for the id of each one's envelope. Without ``rate`` the answer comes
        when all are signed. With it (envelopes a second) it comes at once and the signing goes on;
        ``GET /_control/counts`` tells how far.
        """
        count = int(data.get("count", 0))
        if not 1 <= count <= LARGEST_BULK:
            raise HTTPException(400, f"count is from 1 to {LARGEST_BULK}")
        people = int(data.get("distinct_people") or count)
        signers = int(data.get("signers") or 1)
        if not 1 <= signers <= people:
            raise HTTPException(400, "signers is from 1 to the number of people")
        first, self._made = self._made, self._made + count
        rate = data.get("rate")
        sign_one = partial(self._one_signed, people=people, signers=signers, metadata=data.get("metadata"))
        if rate is None:
            made = [sign_one(number) for number in range(first, first + count)]
            return {"count": count, "documents": [d for ids in made for d in ids["documents"]]}
        task = asyncio.create_task(self._paced(range(first, first + count), float(rate), sign_one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return {"count": count, "seconds": count / float(rate)}

    async def _paced(self, numbers: range, rate: float, sign_one: Callable[[int], Record]) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for done, number in enumerate(numbers, start=1):
            sign_one(number)
            # Paced against the start, so that a late turn is made up for.
            await asyncio.sleep(max(0.0, start + done / rate - loop.time()))

    def _one_signed(self, number: int, *, people: int, signers: int, metadata: Record | None) -> Record:
        who = [person((number + place) % people) for place in range(1 + number % signers)]
        filename = f"Contrato {number + 1:05d} - {who[0].company}.pdf"
        envelope = self.compose(filename, [vars_of(one) for one in who], metadata, 1)
        self._send(envelope)
        self._sign_all(envelope)
        return self._ids(envelope)

    def _send(self, envelope: Record) -> None:
        self._simulator.lifecycle.activate(envelope)
        self._simulator.lifecycle.notify(envelope, None)

    def _sign_all(self, envelope: Record) -> None:
        for document in self._account.parts(envelope, "documents"):
            # Each round signs for the group whose turn it is; the next group follows.
            while waiting := self._simulator.lifecycle.pending(document):
                self._simulator.lifecycle.sign(document, waiting[0])

    # -- the account

    async def switches(self, data: Record) -> Any:
        """Set any of the account's switches, or ``api_user`` (a user's id, or null for none)."""
        for name, value in data.items():
            if name == "api_user" and (value is None or value in self._account["users"]):
                continue
            if name not in _SWITCHES or not isinstance(value, bool):
                raise HTTPException(
                    400, f"true or false for: {', '.join(_SWITCHES)}; or a user's id for api_user"
                )
        self._account.settings.update(data)
        return {name: self._account.settings[name] for name in (*_SWITCHES, "api_user")}

    async def counts(self, request: Request) -> Response:
        tables = {table: len(records) for table, records in self._account.tables.items()}
        signatures = sum(len(signer["signed"]) for signer in self._account["signers"].values())
        closed = sum(1 for document in self._account["documents"].values() if document["status"] == "closed")
        return json_answer({**tables, "signatures": signatures, "closed_documents": closed})

    async def signed(self, request: Request) -> Response:
        """Every closed document with its signers, by e-mail: what somebody must find at the other end."""
        closed = [d for d in self._account["documents"].values() if d["status"] == "closed"]
        rows = [
            {"document": document["id"], "filename": document["filename"], "signers": self._emails(document)}
            for document in closed
        ]
        return json_answer(rows)

    def _emails(self, document: Record) -> list[str]:
        envelope = self._account["envelopes"][document["envelope"]]
        return sorted(str(signer["email"]) for signer in self._account.parts(envelope, "signers"))

    def _ids(self, envelope: Record) -> Record:
        documents, signers = envelope["documents"], envelope["signers"]
        return {"envelope": envelope["id"], "documents": list(documents), "signers": list(signers)}


def _naming(value: Any, envelope: Record) -> Any:
    return value.replace("{envelope}", envelope["id"]) if isinstance(value, str) else value


def _pair(document: Record, signer: Record) -> Record:
    return {"envelope": document["envelope"], "document": document["id"], "signer": signer["id"]}


def _route(path: str, act: Callable[[Record], Awaitable[Any]]) -> Route:
    async def endpoint(request: Request) -> Response:
        data = await control_object(request)
        try:
            return json_answer(await act(data))
        except ProblemError as problem:
            return error_answer(problem)
        except (TypeError, ValueError) as error:
            raise HTTPException(400, str(error)) from error

    return Route(path, endpoint, methods=["POST"])
