"""Webhooks: form-encoded, unsigned, one event each, never sent again. A 410 ends the subscription."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote_plus, urlsplit

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.contacts import text_of
from vaivem.simulators.activecampaign.problems import wrong
from vaivem.simulators.activecampaign.times import local_text, plain_text
from vaivem.simulators.kit.tables import Record
from vaivem.simulators.kit.webhooks import is_loopback

EVENTS = (
    "subscribe",
    "unsubscribe",
    "update",
    "subscriber_note",
    "contact_tag_added",
    "contact_tag_removed",
    "contact_task_add",
    "account_add",
    "account_update",
    "account_contact_add",
    "account_contact_update",
    "list_add",
    "sent",
    "open",
    "click",
    "reply",
    "forward",
    "share",
    "bounce",
    "deal_add",
    "deal_update",
    "deal_note_add",
    "deal_pipeline_add",
    "deal_stage_add",
    "deal_task_add",
    "deal_task_complete",
    "deal_tasktype_add",
    "sms_sent",
    "sms_reply",
    "sms_unsub",
)
SOURCES = ("public", "admin", "api", "system")
ANSWER_SECONDS = 10.0
GONE = 410
# The events for which a subscription to one list counts.
_OF_LISTS = frozenset({"subscribe", "unsubscribe"})
_SYMBOLS = {"usd": "$", "brl": "R$", "eur": "€"}
_HEADERS = {"content-type": "application/x-www-form-urlencoded", "user-agent": "ActiveCampaign Webhook"}

Send = Callable[[str, str, bytes, dict[str, str], str], object]
Pairs = Iterator[tuple[str, str]]


def checked_webhook(data: Record, old: Record | None = None) -> Record:
    """The values of a subscription; 422 for a missing or a wrong one."""
    given = {**(old or {}), **data}
    for name in ("name", "url", "events", "sources"):
        if not given.get(name):
            raise wrong(f"The {name} attribute was not provided", "field_missing", name)
    for name, known in (("events", EVENTS), ("sources", SOURCES)):
        if not isinstance(given[name], list) or any(one not in known for one in given[name]):
            raise wrong(f"The {name} attribute is invalid", "field_invalid", name)
    if not _taken(text_of(given["url"])):
        raise wrong("The url attribute is invalid", "field_invalid", "url")
    keys = ("name", "url", "events", "sources")
    return {**{key: given[key] for key in keys}, "listid": text_of(given.get("listid")) or "0"}


def _taken(url: str) -> bool:
    """http, or https on its own port; this machine on any port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname:
        return False
    if is_loopback(parts.hostname):
        return parts.scheme in ("http", "https")
    return (parts.scheme, port) in (("http", None), ("http", 80), ("https", None), ("https", 443))


class Deliveries:
    """Turns what the account tells into deliveries, handed to `send(event, url, body, headers, hook id)`."""

    def __init__(self, account: Account, send: Send) -> None:
        self._account = account
        self._send = send
        account.listen(self.on_event)

    def on_event(self, event: str, about: Record, source: str) -> None:
        """Send an event to whoever subscribed to it and to what caused it."""
        if event == "automation":
            self._send_action(about["automation"], about["contact"], source)
            return
        for hook in list(self._account["webhooks"]):
            if event not in hook["events"] or source not in hook["sources"]:
                continue
            if event in _OF_LISTS and hook["listid"] not in ("0", about["list"]["id"]):
                continue
            self._send(
                event, hook["url"], encoded(self._pairs(event, about, source)), dict(_HEADERS), hook["id"]
            )

    def on_outcome(self, hook_id: str, status: int | None) -> None:
        """An address that says 410 has had its last."""
        if status == GONE and hook_id in self._account["webhooks"]:
            self._account["webhooks"].remove(hook_id)

    def _send_action(self, automation: Record, contact: Record, source: str) -> None:
        pairs = [*self._contact(contact), ("seriesid", automation["id"]), ("type", "automation")]
        pairs += [("initiated_from", source), ("automation[name]", automation["name"])]
        self._send("automation", automation["webhook_url"], encoded(iter(pairs)), dict(_HEADERS), "")

    def _pairs(self, event: str, about: Record, source: str) -> Pairs:
        yield "type", event
        yield "date_time", local_text(self._account.now_text()) or ""
        yield "initiated_from", source
        yield "initiated_by", source
        list_id = about["list"]["id"] if "list" in about else "0"
        if event == "unsubscribe":
            yield "list[][id]", list_id
        else:
            yield "list", list_id
        if event == "subscribe":
            yield "form[id]", "0"
        deal = about.get("deal")
        contact = about.get("contact") or self._account["contacts"].get(deal["contact"] if deal else None)
        if contact is not None:
            yield from self._contact(contact)
            yield from self._firm(contact)
        yield from self._rest(event, about)

    def _rest(self, event: str, about: Record) -> Pairs:
        if "tag" in about:
            yield "tag", about["tag"]["tag"]
        if event == "unsubscribe":
            yield "unsubscribe[reason]", about.get("reason") or ""
            yield "campaign[id]", "0"
        if event == "subscriber_note":
            yield "note", about["note"]["note"]
        if event.startswith("account"):
            yield from self._account_block(about)
        if "deal" in about:
            yield from self._deal(about["deal"])
            yield from _numbered("updated_fields", about.get("updated") or [])
        if event == "deal_note_add":
            yield "note[id]", about["note"]["id"]
            yield "note[text]", about["note"]["note"]
        if "task" in about:
            yield from self._task(about["task"])

    def _contact(self, contact: Record) -> Pairs:
        account, key = self._account, contact["id"]
        tags = (account["tags"].get(link["tag"]) for link in account["contact_tags"].find("contact", key))
        yield "contact[id]", key
        yield "contact[email]", contact["email"]
        yield "contact[first_name]", contact["firstName"]
        yield "contact[last_name]", contact["lastName"]
        yield "contact[phone]", contact["phone"]
        yield "contact[ip]", "0.0.0.0"
        yield "contact[tags]", ", ".join(tag["tag"] for tag in tags if tag)
        for value in account["field_values"].find("contact", key):
            field = account["fields"].get(value["field"])
            if field is not None:
                name = field["id"] if account.quirks.field_keys == "id" else field["perstag"].lower()
                yield f"contact[fields][{name}]", value["value"]
        firm = self._firm_of(contact)
        yield "contact[customer_acct_name]", firm["name"] if firm else ""
        yield "contact[orgname]", firm["name"] if firm else ""

    def _firm(self, contact: Record) -> Pairs:
        firm = self._firm_of(contact)
        yield "customer_acct_name", firm["name"] if firm else ""
        yield "customer_acct_id", firm["id"] if firm else "0"
        yield "orgname", firm["name"] if firm else ""

    def _firm_of(self, contact: Record) -> Record | None:
        links = self._account["account_contacts"].find("contact", contact["id"])
        return self._account["accounts"].get(links[0]["account"]) if links else None

    def _account_block(self, about: Record) -> Pairs:
        record = about["account"]
        yield "account[id]", record["id"]
        yield "account[name]", record["name"]
        yield "account[account_url]", record["accountUrl"]
        yield "account[created_timestamp]", plain_text(record["cdate"])
        yield "account[updated_timestamp]", plain_text(record["udate"])
        yield from self._custom("account", record["id"])
        yield from _numbered("updated_fields", about.get("updated") or [])

    def _deal(self, deal: Record) -> Pairs:
        """The value is in major units here: formatted, and raw."""
        account = self._account
        stage, group = account["deal_stages"].get(deal["stage"]), account["deal_groups"].get(deal["group"])
        firm, owner = account["accounts"].get(deal["account"]), account["users"].get(deal["owner"])
        contact = account["contacts"].get(deal["contact"]) or {}
        units = int(deal["value"]) / 100
        values: list[tuple[str, Any]] = [
            ("id", deal["id"]),
            ("title", deal["title"]),
            ("create_date", plain_text(deal["cdate"])),
            ("create_date_iso", local_text(deal["cdate"])),
            ("orgid", deal["account"] or "0"),
            ("orgname", firm["name"] if firm else ""),
            ("stageid", deal["stage"]),
            ("stage_title", stage["title"] if stage else ""),
            ("pipelineid", deal["group"]),
            ("pipeline_title", group["title"] if group else ""),
            ("value", f"{units:,.2f}"),
            ("value_raw", f"{units:.2f}".rstrip("0").rstrip(".")),
            ("currency", deal["currency"]),
            ("currency_symbol", _SYMBOLS.get(deal["currency"], "")),
            ("owner", deal["owner"]),
            ("owner_firstname", owner["firstName"] if owner else ""),
            ("owner_lastname", owner["lastName"] if owner else ""),
            ("contactid", deal["contact"] or "0"),
            ("contact_email", contact.get("email", "")),
            ("contact_firstname", contact.get("firstName", "")),
            ("contact_lastname", contact.get("lastName", "")),
            ("status", deal["status"]),
        ]
        yield from ((f"deal[{name}]", text_of(value)) for name, value in values)
        yield from self._custom("deal", deal["id"])

    def _task(self, task: Record) -> Pairs:
        """What a task's event tells is in no document: the names are a guess, by those of a deal."""
        kind = self._account["task_types"].get(task["dealTasktype"])
        yield "task[id]", task["id"]
        yield "task[title]", text_of(task["title"])
        yield "task[note]", task["note"]
        yield "task[type_id]", task["dealTasktype"]
        yield "task[type_title]", kind["title"] if kind else ""
        yield "task[duedate]", local_text(task["duedate"]) or ""

    def _custom(self, kind: str, owner: str) -> Pairs:
        for place, datum in enumerate(self._account[f"{kind}_data"].find("owner", owner)):
            meta = self._account[f"{kind}_meta"].get(datum["meta"])
            begin = f"{kind}[fields][{place}]"
            yield f"{begin}[id]", datum["meta"]
            yield f"{begin}[key]", meta["fieldLabel"] if meta else ""
            if isinstance(datum["value"], list):
                yield from _numbered(f"{begin}[value]", datum["value"])
            else:
                yield f"{begin}[value]", text_of(datum["value"])


def _numbered(name: str, values: list[Any]) -> Pairs:
    for place, value in enumerate(values):
        yield f"{name}[{place}]", text_of(value)


def encoded(pairs: Pairs) -> bytes:
    """The body as it goes over the wire."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()
