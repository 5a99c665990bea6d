"""How records look on API v3: resources, lists, pages and filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlencode

from vaivem.simulators.clicksign.problems import bad_filter_value, filter_not_allowed, sort_not_allowed
from vaivem.simulators.clicksign.records import Record
from vaivem.simulators.clicksign.values import read_instant, stamp

PAGE_SIZE = 20
LARGEST_PAGE = 50

_SHOWN: dict[str, tuple[str, ...]] = {
    "envelopes": (
        "name",
        "status",
        "deadline_at",
        "locale",
        "auto_close",
        "rubric_enabled",
        "remind_interval",
        "block_after_refusal",
        "deadline_partial_signature_action",
        "default_subject",
        "default_message",
    ),
    "documents": ("status", "filename", "template", "metadata", "migrated"),
    "signers": (
        "name",
        "birthday",
        "email",
        "phone_number",
        "location_required_enabled",
        "has_documentation",
        "documentation",
        "refusable",
        "group",
        "communicate_events",
    ),
    "signature_watchers": ("email", "kind", "communicate_events", "attach_documents_enabled"),
    "events": ("name", "data"),
    "webhooks": ("endpoint", "secret", "status", "events"),
    "templates": ("name", "color"),
    "folders": ("name", "path", "in_root"),
    "users": ("name", "email", "phone_number"),
    "memberships": ("role", "consumption_accessible", "tracking_accessible", "folder_management_accessible"),
    "acceptance_term_whatsapps": (
        "sender_phone",
        "signer_phone",
        "signer_name",
        "sender_name_option",
        "sent_at",
        "status",
        "status_flow",
        "title",
        "message",
    ),
    "auto_signature_terms": ("name", "documentation", "birthday", "email"),
}
_REQUIREMENT_SHOWN = {
    "agree": ("action", "role", "rubric_pages"),
    "provide_evidence": ("action", "auth"),
    "rubricate": ("action", "pages", "rubric_field", "kind"),
}
_UNLINKED = frozenset({"events", "acceptance_term_whatsapps", "auto_signature_terms"})
_NESTED = frozenset({"documents", "signers", "requirements", "signature_watchers"})


def resource(base: str, kind: str, record: Record, files: Mapping[str, str] | None = None) -> Record:
    """One record as a JSON:API resource. ``base`` is the address of API v3, ``files`` go under ``links``."""
    names = _REQUIREMENT_SHOWN[record["action"]] if kind == "requirements" else _SHOWN[kind]
    attributes = {name: record.get(name) for name in names}
    if kind == "signers" and record.get("signature_host"):
        attributes["signature_host"] = record["signature_host"]
    attributes["created"] = record["created"]
    if kind != "events":
        attributes["modified"] = record["modified"]
    shown: Record = {"id": record["id"], "type": kind}
    if kind not in _UNLINKED:
        parent = f"envelopes/{record['envelope']}/" if kind in _NESTED else ""
        own = f"{base}/{parent}{kind}/{record['id']}"
        shown["links"] = {"self": own, **({"files": dict(files)} if files else {})}
    shown["attributes"] = attributes
    if kind == "envelopes":
        shown["relationships"] = _envelope_links(f"{base}/envelopes/{record['id']}")
    return shown


def _envelope_links(own: str) -> Record:
    return {
        part: {"links": {"self": f"{own}/relationships/{part}", "related": f"{own}/{part}"}}
        for part in ("documents", "signers", "requirements")
    }


def page(
    address: str, query: Mapping[str, str], records: Sequence[Record], show: Callable[[Record], Record]
) -> Record:
    """One page of ``records`` with the links to the others; ``query`` is the request's own."""
    size = min(_number(query, "page[size]", PAGE_SIZE), LARGEST_PAGE)
    number = _number(query, "page[number]", 1)
    last = max((len(records) + size - 1) // size, 1)
    kept = [(k, v) for k, v in query.items() if not k.startswith("page[") and k != "access_token"]

    def link(to: int) -> str:
        pairs = [*kept, ("page[number]", str(to)), ("page[size]", str(size))]
        return f"{address}?{urlencode(pairs)}"

    links = {"first": link(1)}
    if 1 < number <= last + 1:
        links["prev"] = link(number - 1)
    if number < last:
        links["next"] = link(number + 1)
    links["last"] = link(last)
    start = (number - 1) * size
    data = [show(record) for record in records[start : start + size]]
    return {"data": data, "meta": {"record_count": len(records)}, "links": links}


def filters(query: Mapping[str, str], allowed: Iterable[str]) -> dict[str, str]:
    """The ``filter[...]`` of a request; one that is not allowed is the vendor's 400."""
    known = set(allowed)
    found = {}
    for key, value in query.items():
        if key.startswith("filter[") and key.endswith("]"):
            name = key[7:-1]
            if name not in known:
                raise filter_not_allowed(name)
            found[name] = value
    return found


def span(name: str, value: str) -> tuple[str, str]:
    """A date filter's two instants ``from,to`` as stamps."""
    start, comma, end = value.partition(",")
    instants = read_instant(start.strip()), read_instant(end.strip())
    if not comma or instants[0] is None or instants[1] is None:
        raise bad_filter_value(name, value)
    return stamp(instants[0]), stamp(instants[1])


def ordered(records: list[Record], sort: str | None) -> list[Record]:
    """By ``name`` or ``-name``; as made without ``sort``."""
    if not sort:
        return records
    if sort not in ("name", "-name"):
        raise sort_not_allowed(sort)
    return sorted(records, key=lambda record: str(record["name"]), reverse=sort == "-name")


def _number(query: Mapping[str, str], key: str, default: int) -> int:
    text = query.get(key)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise bad_filter_value(key, text)
    return int(text)
