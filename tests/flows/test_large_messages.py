"""The largest messages of DocuSign, several at once, at a whole installation: the memory they take."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from pyreqwest.client import ClientBuilder

from tests.crash.conftest import Town, folder, town_in

__all__ = ["folder"]  # a fixture, taken over

pytestmark = pytest.mark.timeout(400)

MIB = 1024 * 1024
LARGE = 60 * MIB
AT_ONCE = 8
# Two take turns, and each is held as it came and as it is read; a packed one also as it is unpacked. Eight
# took 327 MiB more (JSON), and 467 without turns; there is room, for the allocator gives back when it likes.
MOST_MORE = {"json": 400 * MIB, "xml": 400 * MIB, "packed": 480 * MIB}


def message(form: str, size: int) -> tuple[bytes, str]:
    """Return a message with one large file inside, and the envelope's id."""
    envelope = str(uuid4())
    if form == "xml":
        head = (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<DocuSignEnvelopeInformation xmlns="http://www.docusign.net/API/3.0"><EnvelopeStatus>'
            f"<EnvelopeID>{envelope}</EnvelopeID><Subject>Contrato</Subject><Status>Sent</Status>"
            "<TimeGenerated>2026-11-23T10:00:00</TimeGenerated><Sent>2026-11-23T09:59:59</Sent>"
            "</EnvelopeStatus><DocumentPDFs><DocumentPDF><Name>c.pdf</Name><PDFBytes>"
        ).encode()
        tail = b"</PDFBytes></DocumentPDF></DocumentPDFs></DocuSignEnvelopeInformation>"
    else:
        file = {"documentId": "1", "name": "c.pdf", "PDFBytes": ""}
        summary = {"status": "sent", "emailSubject": "Contrato", "envelopeDocuments": [file]}
        told = {
            "event": "envelope-sent",
            "generatedDateTime": "2026-11-23T13:00:00.0000000Z",
            "data": {"envelopeId": envelope, "envelopeSummary": summary},
        }
        head, tail = (part.encode() for part in json.dumps(told).split('"PDFBytes": ""'))
        head, tail = head + b'"PDFBytes": "', b'"' + tail
    return head + b"JVBERi0x" * ((size - len(head) - len(tail)) // 8) + tail, envelope


class Sender:
    """Signs and sends as the vendor does, and looks at the web process meanwhile."""

    def __init__(self, town: Town) -> None:
        self.town = town
        ((hook,),) = town.rows("select hook from connection where connector = 'docusign'")
        self.url = f"{town.config.local_url}/hook/{hook}"
        self.key = town.accounts["docusign"].credentials["connect_key"]

    async def send(self, body: bytes, **headers: str) -> int:
        """Return the status of a signed message."""
        digest = hmac.new(self.key.encode(), body, hashlib.sha256).digest()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["x-docusign-signature-1"] = base64.b64encode(digest).decode()
        async with ClientBuilder().no_proxy().timeout(timedelta(seconds=200)).build() as client:
            answer = await client.post(self.url).headers(named).body_bytes(body).build().send()
            await answer.bytes()
            return answer.status

    def peak(self) -> int:
        """Return the most that the web process and its child have had in memory, in bytes."""
        first = psutil.Process(self.town.installation.supervisor.pid("web"))
        return sum(_high_water(one.pid) for one in (first, *first.children(recursive=True)))

    def kept(self, envelopes: list[str]) -> list[int]:
        """Return the sizes of what was kept of envelopes."""
        rows = self.town.rows("select record, length(body) from event")
        return [size for record, size in rows if record in envelopes]


def _high_water(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.fixture
async def sender(folder: Path) -> AsyncIterator[Sender]:
    """An installation with the account connected."""
    async with town_in(folder, accounts=("docusign",)) as town:
        yield Sender(town)


@pytest.mark.soak
@pytest.mark.parametrize("form", ["json", "xml", "packed"])
async def test_several_large_messages_at_once_stay_within_a_bound(sender: Sender, form: str) -> None:
    kind = "text/xml" if form == "xml" else "application/json"
    small, _ = message("xml" if form == "xml" else "json", 10_000)
    assert await sender.send(small, content_type=kind) == 200
    made = [message("xml" if form == "xml" else "json", LARGE) for _ in range(AT_ONCE)]
    bodies, envelopes = [body for body, _ in made], [envelope for _, envelope in made]
    more = {}
    if form == "packed":
        bodies, more = [gzip.compress(body) for body in bodies], {"content_encoding": "gzip"}
        assert all(len(body) < MIB for body in bodies)
    before = sender.peak()
    sent = (sender.send(body, content_type=kind, **more) for body in bodies)
    assert await asyncio.gather(*sent) == [200] * AT_ONCE
    grown = sender.peak() - before
    print(f"{AT_ONCE} × {LARGE // MIB} MiB, {form}: {before / MIB:.0f} MiB before, {grown / MIB:.0f} more")  # noqa: T201
    kept = sender.kept(envelopes)
    assert len(kept) == AT_ONCE
    assert max(kept) < 10_000
    assert grown < MOST_MORE[form]
