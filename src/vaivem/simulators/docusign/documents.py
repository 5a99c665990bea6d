"""The files of an envelope: a small PDF of each document, the certificate, all of them in one, a ZIP."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

from vaivem.simulators.docusign import tabs as tab_lists
from vaivem.simulators.docusign.account import Record
from vaivem.simulators.docusign.problems import ProblemError

PAGE_LINES = 48


def pdf_of(envelope: Record, document: Record, least_bytes: int = 0) -> bytes:
    """A document's PDF: as it was uploaded, or made of its lines and what stands in its tabs."""
    if document["content"]:
        return padded(base64.b64decode(document["content"]), least_bytes)
    lines = [document["name"], "", *document["lines"], ""]
    for one in envelope["recipients"]:
        filled = [
            f"{tab_lists.label_of(kind, tab)}: {tab_lists.value_of(kind, tab)}"
            for kind, tab in tab_lists.each(one["tabs"])
            if tab_lists.value_of(kind, tab)
        ]
        lines += [f"{one['roleName'] or one['name']}", *filled, ""]
    for kind, tab in tab_lists.each(envelope["prefill"].get(document["documentId"], {})):
        lines.append(f"{tab_lists.label_of(kind, tab)}: {tab_lists.value_of(kind, tab)}")
    return padded(make_pdf(lines), least_bytes)


def certificate(envelope: Record) -> bytes:
    """Who did what when."""
    lines = [
        "Certificate Of Completion",
        f"Envelope Id: {envelope['id']}",
        f"Status: {envelope['status']}",
        "",
    ]
    for one in envelope["recipients"]:
        lines.append(f"{one['name']} <{one['email']}>: {one['status']}")
        lines += [f"  {key}: {one[key]}" for key in ("sent", "delivered", "signed", "declined") if one[key]]
    return make_pdf(lines)


def file_of(envelope: Record, key: str, least_bytes: int = 0) -> tuple[bytes, str, str]:
    """Bytes, media type and name of a document, or of `combined`, `archive`, `certificate`, `portfolio`."""
    if key == "certificate":
        return certificate(envelope), "application/pdf", "Summary.pdf"
    if key in ("combined", "portfolio"):
        lines = [f"{one['documentId']}. {one['name']}" for one in envelope["documents"]]
        content = padded(make_pdf([envelope["subject"], "", *lines]), least_bytes)
        return content, "application/pdf", f"{envelope['subject'] or 'Envelope'}.pdf"
    if key == "archive":
        return archive(envelope, least_bytes), "application/zip", "Envelope.zip"
    found = next((one for one in envelope["documents"] if one["documentId"] == key), None)
    if found is None:
        raise ProblemError("DOCUMENT_DOES_NOT_EXIST")
    return pdf_of(envelope, found, least_bytes), "application/pdf", found["name"]


def archive(envelope: Record, least_bytes: int = 0) -> bytes:
    """Every document and the certificate."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for number, document in enumerate(envelope["documents"], start=1):
            out.writestr(f"{number}-{document['name']}", pdf_of(envelope, document, least_bytes))
        out.writestr("Summary.pdf", certificate(envelope))
    return packed.getvalue()


def document_shape(envelope: Record, document: Record, **more: Any) -> Record:
    """A document in lists and payloads."""
    return {
        "documentId": document["documentId"],
        "documentIdGuid": document["documentIdGuid"],
        "name": document["name"],
        "type": "content",
        "uri": f"/envelopes/{envelope['id']}/documents/{document['documentId']}",
        "order": document["order"],
        "pages": [{"pageId": document["documentIdGuid"], "sequence": "1", "height": "842", "width": "595"}],
        "availableDocumentTypes": [{"type": "electronic", "isDefault": "true"}],
        "display": "inline",
        "includeInDownload": "true",
        **more,
    }


def certificate_shape(envelope: Record) -> Record:
    """The certificate in the list of documents."""
    return {
        "documentId": "certificate",
        "name": "Summary",
        "type": "summary",
        "uri": f"/envelopes/{envelope['id']}/documents/certificate",
        "order": "999",
        "display": "inline",
        "includeInDownload": "true",
    }


def padded(content: bytes, least_bytes: int) -> bytes:
    """The same PDF with a comment behind it, so that it is at least so big."""
    missing = least_bytes - len(content)
    return content if missing <= 0 else content + b"\n%" + b"x" * missing


def make_pdf(lines: list[str]) -> bytes:
    """Lines of Latin text on as many pages as they need."""
    pages = [lines[at : at + PAGE_LINES] for at in range(0, len(lines), PAGE_LINES)] or [[]]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        drawn = [b"BT /F1 11 Tf 56 786 Td 15 TL"]
        drawn += [b"(%b) Tj T*" % _escaped(line) for line in page]
        stream = b"\n".join([*drawn, b"ET"])
        parts.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (5 + 2 * number)
        )
        parts.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream))
    return _assembled(parts)


def _escaped(line: str) -> bytes:
    text = line.encode("cp1252", "replace")
    for mark in (b"\\", b"(", b")"):
        text = text.replace(mark, b"\\" + mark)
    return text


def _assembled(parts: list[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, part in enumerate(parts, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, start)
    return bytes(out)
