"""Clicksign's API 3.0 as calls, one function each. Pure: the engine sends them.

Paths are below ``/api/v3``. Bodies are JSON:API; a PATCH repeats the id of its address in the body.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from vaivem.connectors.sdk import Answer, Call, Reader
from vaivem.core.errors import UncertainError

JSON_API = "application/vnd.api+json"
LARGEST_PAGE = 50
_READ = (("Accept", JSON_API),)
_WRITE = (("Accept", JSON_API), ("Content-Type", JSON_API))


def _get(name: str, path: str, *query: tuple[str, str]) -> Call:
    return Call(name, "GET", path, query=query, headers=_READ)


def _write(name: str, method: str, path: str, data: Mapping[str, Any]) -> Call:
    return Call(name, method, path, json={"data": data}, headers=_WRITE)


# https://developers.clicksign.com/reference/listar-envelopes
def list_envelopes(*, modified: tuple[str, str] | None = None) -> Call:
    """List envelopes; `modified` are two ISO 8601 instants."""
    query = (("filter[modified]", ",".join(modified)),) if modified else ()
    return _get("envelopes.list", "/envelopes", *query)


# https://developers.clicksign.com/docs/primeiros-passos (the call it tests a token with)
def try_token() -> Call:
    """Ask for a single envelope: the cheapest call that proves the token."""
    return _get("envelopes.try", "/envelopes", ("page[size]", "1"))


# https://developers.clicksign.com/reference/visualizar-envelope
def get_envelope(envelope: str) -> Call:
    """Read an envelope."""
    return _get("envelopes.get", f"/envelopes/{envelope}")


# https://developers.clicksign.com/reference/listar-documentos
def list_documents(envelope: str) -> Call:
    """List the documents of an envelope."""
    return _get("documents.list", f"/envelopes/{envelope}/documents")


# https://developers.clicksign.com/reference/listar-signatarios
def list_signers(envelope: str) -> Call:
    """List the signers of an envelope."""
    return _get("signers.list", f"/envelopes/{envelope}/signers")


# https://developers.clicksign.com/reference/listar-eventos
def list_document_events(envelope: str, document: str) -> Call:
    """List what happened to a document; each event's `data` is shaped as in a webhook."""
    return _get("documents.events", f"/envelopes/{envelope}/documents/{document}/events")


# https://developers.clicksign.com/reference/listar-envelopes
def drafts_named(name: str) -> Call:
    """List the drafts of exactly this name."""
    return _get("envelopes.find", "/envelopes", ("filter[name]", name), ("filter[status]", "draft"))


# https://developers.clicksign.com/reference/criar-envelope
def create_envelope(attributes: Mapping[str, Any]) -> Call:
    """Make a draft."""
    data = {"type": "envelopes", "attributes": dict(attributes)}
    return _write("envelopes.create", "POST", "/envelopes", data)


# https://developers.clicksign.com/reference/editar-envelope
def activate_envelope(envelope: str) -> Call:
    """Let a draft be signed. Nobody is told by that."""
    data = {"id": envelope, "type": "envelopes", "attributes": {"status": "running"}}
    return _write("envelopes.activate", "PATCH", f"/envelopes/{envelope}", data)


# https://developers.clicksign.com/reference/notificar-envelope
def notify_signers(envelope: str) -> Call:
    """Ask the signers whose turn it is to sign."""
    data = {"type": "notifications", "attributes": {"message": None}}
    return _write("notifications.create", "POST", f"/envelopes/{envelope}/notifications", data)


# https://developers.clicksign.com/reference/criar-documento-por-modelo
def create_document(
    envelope: str, filename: str, template: Mapping[str, Any], metadata: Mapping[str, Any]
) -> Call:
    """Add a document from a template: its key, and the variables' values as `data`."""
    attributes = {"filename": filename, "template": dict(template), "metadata": dict(metadata)}
    data = {"type": "documents", "attributes": attributes}
    return _write("documents.create", "POST", f"/envelopes/{envelope}/documents", data)


# https://developers.clicksign.com/reference/criar-signatario
def create_signer(envelope: str, attributes: Mapping[str, Any]) -> Call:
    """Add a signer."""
    data = {"type": "signers", "attributes": dict(attributes)}
    return _write("signers.create", "POST", f"/envelopes/{envelope}/signers", data)


# https://developers.clicksign.com/reference/listar-requisitos
def list_requirements(envelope: str) -> Call:
    """List what the signers of an envelope have to do."""
    return _get("requirements.list", f"/envelopes/{envelope}/requirements")


# https://developers.clicksign.com/reference/criar-requisito-de-qualificacao
def create_requirement(envelope: str, document: str, signer: str, attributes: Mapping[str, str]) -> Call:
    """Say what a signer does on a document; the same a second time is refused (422)."""
    ends = {"document": {"type": "documents", "id": document}, "signer": {"type": "signers", "id": signer}}
    data = {
        "type": "requirements",
        "attributes": dict(attributes),
        "relationships": {name: {"data": end} for name, end in ends.items()},
    }
    return _write("requirements.create", "POST", f"/envelopes/{envelope}/requirements", data)


# https://developers.clicksign.com/reference/listar-modelos
def list_templates() -> Call:
    """List the templates."""
    return _get("templates.list", "/templates")


# https://developers.clicksign.com/reference/listar-webhooks
def list_webhooks() -> Call:
    """List the account's webhooks, their secrets included."""
    return _get("webhooks.list", "/webhooks")


# https://developers.clicksign.com/reference/criar-webhook
def create_webhook(endpoint: str, events: Sequence[str]) -> Call:
    """Make a webhook. An address can be used once per account (422)."""
    attributes = {"endpoint": endpoint, "status": "active", "events": list(events)}
    return _write("webhooks.create", "POST", "/webhooks", {"type": "webhooks", "attributes": attributes})


# https://developers.clicksign.com/reference/editar-webhook
def update_webhook(webhook: str, attributes: Mapping[str, Any]) -> Call:
    """Change a webhook."""
    data = {"id": webhook, "type": "webhooks", "attributes": dict(attributes)}
    return _write("webhooks.update", "PATCH", f"/webhooks/{webhook}", data)


# https://developers.clicksign.com/reference/excluir-webhook
def delete_webhook(webhook: str) -> Call:
    """Remove a webhook; 404 when it is gone already."""
    return Call("webhooks.delete", "DELETE", f"/webhooks/{webhook}", headers=_READ)


def one(answer: Answer) -> Mapping[str, Any]:
    """Return the resource of an answer. Raises UncertainError when it is not JSON:API."""
    content = answer.json
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        raise UncertainError("vendor_answer_unreadable", detail=answer.text[:300])
    return data


async def each(reader: Reader, call: Call, *, pages: int = 100) -> AsyncIterator[Mapping[str, Any]]:
    """Give every resource of a list, at most `pages` pages of it.

    The documented default sizes differ (20, 25), so the size is asked for, and the end is known by the
    links and the count together: either may be missing.
    """
    size, seen = page_size(reader), 0
    for number in range(1, pages + 1):
        paged = call.with_query(("page[number]", str(number)), ("page[size]", str(size)))
        answer = await reader.read(paged)
        content = answer.json
        rows = content.get("data") if isinstance(content, dict) else None
        if not isinstance(rows, list):
            raise UncertainError("vendor_answer_unreadable", detail=answer.text[:300])
        for row in rows:
            yield row
        seen += len(rows)
        if not rows or not _goes_on(content, seen, full=len(rows) >= size):
            return


async def ends(reader: Reader, call: Call) -> list[Mapping[str, Any]]:
    """Return the first and the last page of a list: in which order it comes is not documented."""
    size = page_size(reader)
    first = await reader.read(call.with_query(("page[number]", "1"), ("page[size]", str(size))))
    last = -(-(record_count(first) or 0) // size)
    answers = [first]
    if last > 1:
        paged = call.with_query(("page[number]", str(last)), ("page[size]", str(size)))
        answers.append(await reader.read(paged))
    return [row for answer in answers for row in (answer.json or {}).get("data") or ()]


def page_size(reader: Reader) -> int:
    """Return how many records a page is asked to hold, within what the vendor takes."""
    return min(LARGEST_PAGE, max(1, int(reader.connection.settings.get("page_size") or LARGEST_PAGE)))


def record_count(answer: Answer) -> int | None:
    """Return how many records a list has in all, as its `meta` says."""
    content = answer.json
    count = content.get("meta", {}).get("record_count") if isinstance(content, dict) else None
    return count if isinstance(count, int) else None


def _goes_on(content: Mapping[str, Any], seen: int, *, full: bool) -> bool:
    if (content.get("links") or {}).get("next"):
        return True
    count = (content.get("meta") or {}).get("record_count")
    return seen < count if isinstance(count, int) else full
