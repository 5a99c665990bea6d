"""Who is who: records of all systems, put together to people and companies, and the documents sent to them.

What is noted does not depend on the order in which it is told, nor on how often: of each field the value that
was told last stays, and what ends a document is not taken back. That two records are the same is concluded
from what they have in common at the moment; a member may say otherwise (`hub.records.linking`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vaivem.connectors.sdk.documents import DRAFT, HALF, LACKING, RANKS, Step
from vaivem.core.identity import match_keys, normalise_cpf, search_terms
from vaivem.core.kinship import DEAL, PERSON
from vaivem.core.numbers import parse_datetime
from vaivem.engine.statements import statement

MOST_FIELDS, MOST_TEXT, MOST_VALUES, MOST_WORDS = 80, 500, 10, 12
KEPT = "kept"  # the kind of a record that is kept for somebody, and is nobody itself
RECIPIENT = "recipient"  # a signer, by address: signers' tools have no contacts of their own
TAGS, TAGS_ON, TAGS_OFF = "tags", "tags_on", "tags_off"
TAG = "tag:"  # of a tag that is known by itself: its name where it is there, else ""
SILENT = frozenset({"updated_at"})  # of no news by itself
APART = frozenset({TAGS_ON, TAGS_OFF, "did", "of", LACKING})
SURE = ("email:", "cpf_cnpj:", "code:")  # a telephone is often that of a company, or of a family


@dataclass(frozen=True, slots=True)
class Sight:
    """A record as an event tells it, or the outcome of a step. `event_id` 0: no event did.

    `run_id` is the run that wrote it, 0 where none did. Of its tags, `data` has all of them (``tags``), or
    some that are there for sure (``tags_on``) or are not (``tags_off``).
    """

    conn: int
    object: str
    record: str
    kind: str
    data: Mapping[str, Any]
    told: datetime
    event_id: int
    run_id: int = 0


async def note_record(db: Any, ws: int, sight: Sight) -> int:
    """Note a record, whose it is and what it is known by; return its number."""
    row = await _put(db, ws, sight)
    number: int = row["id"]
    keys = list(_keys(sight.kind, {key: value for key, (value, _at) in json.loads(row["fields"]).items()}))
    await db.execute(statement("people", "forget_keys"), ws, number, keys)
    await db.execute(statement("people", "keys"), ws, number, keys, row["told"])
    if sight.event_id:
        await db.execute(statement("people", "hear"), ws, number, sight.event_id)
    if sight.kind == DEAL:
        return number
    if row["person"] is None:
        person = await db.fetchval(statement("people", "make_person"), ws, sight.kind, sight.told)
        await db.execute(statement("people", "belong"), ws, number, person)
    sure = [key for key in keys if key.startswith(SURE)]
    for like in await db.fetch(statement("people", "alike"), ws, number, sight.kind, sure):
        why, _, value = like["key"].partition(":")
        await bind(db, ws, number, like["id"], why, value, sight.told)
    person = await db.fetchval(statement("people", "person_of"), ws, number)
    await db.execute(statement("people", "named"), ws, person, sight.told)
    return number


async def note_read(db: Any, ws: int, sight: Sight, run_id: int) -> tuple[int, bool]:
    """Note a record that a run read; return its number, and whether that says anything new of it.

    What is known already, or was told later otherwise, is nothing new.
    """
    key = (ws, sight.conn, sight.object, sight.record)
    before = await db.fetchval(statement("people", "fields"), *key)
    number = await note_record(db, ws, sight)
    after = await db.fetchval(statement("people", "fields"), *key)
    if before is not None and _said(before) == _said(after):
        return number, False
    await db.execute(statement("people", "read"), ws, number, sight.told, run_id)
    return number, True


def _said(fields: str) -> tuple[dict[str, Any], set[str]]:
    """Return what is known of a record, without when; a list's order says nothing."""
    known = json.loads(fields)
    values = {
        key: sorted(value) if isinstance(value, list) else value
        for key, (value, _at) in known.items()
        if key not in SILENT and key != TAGS and not key.startswith(TAG)
    }
    return values, {tag.casefold() for tag in tags_of(known)}


def tags_of(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a record's tags, by its fields as they are kept (name: values and when they were told).

    They are those of the list that was told last, with what is known of single ones since then.
    """
    whole, since = fields.get(TAGS, ([], float("-inf")))
    found = {name.casefold(): name for name in (whole if isinstance(whole, list) else [whole])}
    for key, (name, at) in fields.items():
        if key.startswith(TAG) and at > since:
            found[key.removeprefix(TAG)] = name
    return tuple(name for name in found.values() if name)


async def note_kept(db: Any, ws: int, sight: Sight, object_key: str, record: str) -> None:
    """Note a record that is kept for another one of its connection, if that one is known."""
    whose = await db.fetchval(statement("people", "known"), ws, sight.conn, object_key, record)
    if whose is not None:
        row = await _put(db, ws, sight)
        await db.execute(statement("people", "keep_for"), ws, row["id"], whose)


async def _put(db: Any, ws: int, sight: Sight) -> Any:
    return await db.fetchrow(
        statement("people", "record"), ws, sight.conn, sight.object, sight.record, sight.kind,
        json.dumps(_fields(sight)), sight.told, sight.event_id, sight.run_id,
    )  # fmt: skip


async def bind(db: Any, ws: int, one: int, other: int, why: str, value: str, at: datetime) -> None:
    """Say that two records are the same, unless their people's documents or a member say otherwise."""
    people = [await db.fetchval(statement("people", "person_of"), ws, number) for number in (one, other)]
    keep, gone = min(people), max(people)
    if keep != gone:
        if await db.fetchval(statement("people", "apart"), ws, keep, gone):
            return
        await db.execute(statement("people", "merge_records"), ws, keep, gone)
        await db.execute(statement("people", "merge_person"), ws, keep, gone)
        await db.execute(statement("people", "named"), ws, keep, at)
    await db.execute(statement("people", "bind"), ws, one, other, why, value, at)


async def note_step(
    db: Any, ws: int, conn: int, step: Step, told: datetime, event_id: int, run_id: int = 0
) -> None:
    """Note a step of a document, for the document and for each recipient whose step it is.

    `run_id` is the run that made it happen, 0 where the signer's tool told of it by the event.
    """
    about, rank = step.document, RANKS[step.state]
    at = parse_datetime(step.at, "UTC") or told
    document, name = str(about["id"]), str(about.get("name") or "")
    texts = (name, str(about.get("url") or ""), str(about.get("sender") or ""))
    sent, completed = (parse_datetime(about.get(key), "UTC") for key in ("sent_at", "completed_at"))
    if step.state != "closed":
        completed = None  # a recipient's own end is not the document's
    made_in = await db.fetchval(
        statement("people", "document"), ws, conn, document, *texts, step.state, rank, sent, completed, told,
        run_id,
    )  # fmt: skip
    words = [f"document:{word}" for word in sorted(search_terms([name]))[:MOST_WORDS]]
    heard = [""]
    for one in step.recipients:
        who = _who(one)
        if not who:
            continue
        heard.append(who)
        sight = Sight(conn, RECIPIENT, who, PERSON, one, told, 0 if run_id else event_id, run_id)
        number = await note_record(db, ws, sight)
        await _note_recipient(db, ws, (conn, document, who), number, one, step.state, at, told)
        await db.execute(statement("people", "keys"), ws, number, words, told)
        if run_id:
            await db.execute(statement("people", "hear"), ws, number, event_id)
    if made_in:
        await db.execute(statement("people", "undraft"), ws, conn, document, RANKS["closed"])
    for who in (heard[1:] or heard) if not run_id else ():
        await db.execute(statement("people", "document_event"), ws, conn, document, event_id, step.state, who)


async def _note_recipient(
    db: Any,
    ws: int,
    key: tuple[int, str, str],
    number: int,
    one: Mapping[str, Any],
    state: str,
    at: datetime,
    told: datetime,
) -> None:
    own = {"closed": "completed", "voided": "sent"}.get(state, state)  # at the end all have signed
    if state == HALF and not one.get(LACKING):
        own = DRAFT
    sent, opened = (at if own == name and state == name else None for name in ("sent", "opened"))
    ended = at if own in ("completed", "declined") else None
    name, email = str(one.get("name") or ""), str(one.get("email") or "").strip()
    await db.execute(
        statement("people", "recipient"),
        ws,
        *key,
        number,
        name,
        email,
        own,
        RANKS[own],
        sent,
        opened,
        ended,
        told,
    )


def _who(recipient: Mapping[str, Any]) -> str:
    """Return what a recipient is told from others by, at this connection and over its documents."""
    email = str(recipient.get("email") or "").strip().casefold()
    return email or str(recipient.get("id") or recipient.get("name") or "")


def _fields(sight: Sight) -> dict[str, tuple[str | list[str], float]]:
    """Return a record's plain values as texts, each with when it was told; the account's own fields too."""
    told = sight.told.timestamp()
    found: dict[str, tuple[str | list[str], float]] = {}
    for key, value in sight.data.items():
        if key in APART:
            continue
        inner = value.items() if isinstance(value, Mapping) and key == "custom" else ((key, value),)
        for name, one in inner:
            many = list(_plain(one if isinstance(one, list) else [one]))
            if many and len(found) < MOST_FIELDS:
                found[str(name)] = (many if isinstance(one, list) else many[0], told)
    for key, is_on in ((TAGS_OFF, False), (TAGS_ON, True)):
        for name in _plain(sight.data.get(key) or ()):
            found[f"{TAG}{name.casefold()}"] = (name if is_on else "", told)
    return found


def _plain(values: Iterable[Any]) -> Iterator[str]:
    plain = (str(value) for value in values if isinstance(value, str | int | float))
    filled = (text.replace("\x00", "").strip()[:MOST_TEXT] for text in plain)
    yield from [text for text in filled if text][:MOST_VALUES]


def _keys(kind: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """Return what a record is known by. A person's CNPJ is their company's, which others have too."""

    def said(*names: str) -> list[str]:
        values = [fields.get(name) for name in names]
        return [str(x) for value in values for x in (value if isinstance(value, list) else [value]) if x]

    numbers = said("cpf_cnpj", "cpf", "cnpj", "documentation", "document")
    if kind == PERSON:
        numbers = [number for number in numbers if normalise_cpf(number)]
    told = {
        "email": said("email", "emails"),
        "phone": said("phone", "phones", "mobile", "mobile_phone", "personal_phone"),
        "code": said("external_code", "external_id"),
        "cpf_cnpj": numbers,
    }
    yield from dict.fromkeys(map(str, match_keys(kind, **told)))
    words = search_terms(said("name", "title"))
    yield from (f"name:{word}" for word in sorted(words)[:MOST_WORDS])
