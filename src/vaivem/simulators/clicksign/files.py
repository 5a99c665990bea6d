"""The documents' files: a small PDF of what was signed, and addresses that hold for about five minutes."""

from __future__ import annotations

import hashlib
import hmac
import io
import zipfile
from datetime import datetime
from urllib.parse import quote, urlencode

from vaivem.simulators.clicksign.records import Account, Record

# The vendor signs its download addresses for this long.
LIFETIME_SECONDS = 299
_KEY = b"clicksign-test-account-files"
_PAGE_LINES = 48


def file_links(base_url: str, document: Record, now: datetime) -> dict[str, str]:
    """``original``, and once they are ready ``signed`` and ``ziped`` (the vendor's spelling)."""
    kinds = ["original"]
    if document["signed_ready"]:
        kinds += ["signed", "ziped"]
    return {kind: _address(base_url, document, kind, int(now.timestamp())) for kind in kinds}


def allowed(document_id: str, kind: str, date: str, signature: str, now: datetime) -> bool:
    """Whether a download address is one of ours and not yet expired."""
    right = hmac.compare_digest(_signature(document_id, kind, date), signature)
    return right and date.isdigit() and 0 <= now.timestamp() - int(date) <= LIFETIME_SECONDS


def content(account: Account, document: Record, kind: str) -> tuple[bytes, str]:
    """The file's bytes and media type."""
    original, media_type = account.files[document["file"]], document["media_type"]
    if kind == "original":
        return original, media_type
    signed = signed_pdf(account, document)
    if kind == "signed":
        return signed, "application/pdf"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(document["filename"], original)
        archive.writestr(_stem(document["filename"]) + "-assinado.pdf", signed)
    return packed.getvalue(), "application/zip"


def signed_pdf(account: Account, document: Record) -> bytes:
    """A PDF that says who signed and when."""
    lines = [document["filename"], f"SHA256: {document['file']}", "", "Registro de assinaturas"]
    for signer in account.signers_of(document):
        at = signer["signed"].get(document["id"])
        lines.append(f"{signer['name']} - {signer['email'] or signer['phone_number']}: {at or 'não assinou'}")
    return make_pdf(lines)


def make_pdf(lines: list[str]) -> bytes:
    """Lines of Latin text on as many A4 pages as they need."""
    pages = [lines[start : start + _PAGE_LINES] for start in range(0, len(lines), _PAGE_LINES)] or [[]]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        stream = _page_stream(page)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            + f"/Contents {5 + 2 * number} 0 R >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream))
    return _assemble(objects)


def _page_stream(lines: list[str]) -> bytes:
    drawn = [b"BT /F1 11 Tf 56 786 Td 15 TL"]
    for line in lines:
        text = line.encode("cp1252", "replace")
        for special in (b"\\", b"(", b")"):
            text = text.replace(special, b"\\" + special)
        drawn.append(b"(" + text + b") Tj T*")
    drawn.append(b"ET")
    return b"\n".join(drawn)


def _assemble(objects: list[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def _address(base_url: str, document: Record, kind: str, at: int) -> str:
    name = document["filename"] if kind == "original" else f"{_stem(document['filename'])}-{kind}"
    query = {
        "X-Amz-Date": str(at),
        "X-Amz-Expires": str(LIFETIME_SECONDS),
        "X-Amz-Signature": _signature(document["id"], kind, str(at)),
    }
    return f"{base_url}/files/{document['id']}/{kind}/{quote(name)}?{urlencode(query)}"


def _signature(document_id: str, kind: str, date: str) -> str:
    return hmac.new(_KEY, f"{document_id}/{kind}/{date}".encode(), hashlib.sha256).hexdigest()


def _stem(filename: str) -> str:
    return filename.rsplit(".", 1)[0]
