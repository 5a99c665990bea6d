"""People, companies and their records, as noted from events; every question is of one workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vaivem.core.identity import normalise_cpf_cnpj, normalise_email, normalise_phone, query_terms
from vaivem.core.numbers import parse_moment
from vaivem.engine.people import TAG, TAGS, tags_of
from vaivem.hub.history.rows import fetch

PAGE = 50
MOST_RECORDS, MOST_BONDS, MOST_RELATED, MOST_WORDS = 400, 200, 30, 6


@dataclass(frozen=True, slots=True)
class Person:
    """A person or a company. `merged`: into which one it went."""

    id: int
    kind: str
    name: str
    at: datetime
    merged: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a system says of one field, and since when it is known to."""

    values: tuple[str, ...]
    at: datetime

    @property
    def text(self) -> str:
        """The values in one line."""
        return ", ".join(self.values)

    @property
    def moment(self) -> datetime | None:
        """The value where it is a moment, not a day."""
        found = parse_moment(self.values[0]) if len(self.values) == 1 and "T" in self.values[0] else None
        return found if isinstance(found, datetime) else None


@dataclass(frozen=True, slots=True)
class Known:
    """A record of theirs, as it was told last, and the tags it has by all that is known.

    `event_id` 0: no event told of it. `wrote` is when a rule last wrote to it, in the run `run_id`; `read`
    when one last read something new of it, in the run `read_run_id`.
    """

    id: int
    person: int | None
    kind: str
    conn: int
    object: str
    record: str
    fields: Mapping[str, Said]
    told: datetime
    event_id: int
    wrote: datetime | None
    run_id: int
    read: datetime | None
    read_run_id: int
    tags: tuple[str, ...]

    def said(self, *names: str) -> str:
        """Return the first of these fields that has a value, "" when none has."""
        return next((self.fields[name].text for name in names if name in self.fields), "")


@dataclass(frozen=True, slots=True)
class Why:
    """Why two records are the same: by a key's value, by what a rule made, or a member said so."""

    a: int
    b: int
    why: str
    value: str
    at: datetime


def keys_of(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the exact keys that a text may be (one is enough), and what its words begin with (all)."""
    exact = [
        f"{kind}:{value}"
        for kind, value in (
            ("cpf_cnpj", normalise_cpf_cnpj(text)),
            ("email", normalise_email(text)),
            ("phone", normalise_phone(text)),
            ("code", " ".join(text.split()).casefold() if any(map(str.isdigit, text)) else ""),
        )
        if value
    ]
    words = sorted(query_terms(text))[:MOST_WORDS]
    return exact, [(f"name:{_plain(word)}%", f"document:{_plain(word)}%") for word in words]


def _plain(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def people(
    ws: int, text: str = "", *, before: tuple[datetime, int] | None = None, kind: str = "", limit: int = PAGE
) -> list[Person]:
    """Return a page and one more, those heard of last first; narrowed by what a member typed."""
    params: dict[str, Any] = {"ws": ws, "n": limit + 1, "kind": kind}
    where = " and p.kind = %(kind)s" if kind else ""
    exact, words = keys_of(text)
    if text.strip() and not exact and not words:
        return []
    having = (
        "p.id in (select r.person from known_key k join known_record r on r.ws = k.ws and r.id = k.record_id"
        " where k.ws = %(ws)s and "
    )
    ways = []
    if exact:
        ways.append(f"{having} k.key = any(%(exact)s))")
        params["exact"] = exact
    for place, (name, document) in enumerate(words):
        params |= {f"a{place}": name, f"b{place}": document}
    if words:
        each = (f"{having} (k.key like %(a{n})s or k.key like %(b{n})s))" for n in range(len(words)))
        ways.append(f"({' and '.join(each)})")
    if ways:
        where += f" and ({' or '.join(ways)})"
    if before is not None:
        where += " and (p.at, p.id) < (%(at)s, %(id)s)"
        params |= {"at": before[0], "id": before[1]}
    query = (
        "select p.id, p.kind, p.name, p.at from person p where p.ws = %(ws)s and p.merged is null"  # noqa: S608 - fixed parts only
        f"{where} order by p.at desc, p.id desc limit %(n)s"
    )
    return fetch(query, params, Person)


def one(ws: int, number: int) -> Person | None:
    """Return a person of this workspace."""
    query = "select id, kind, name, at, merged from person where ws = %(ws)s and id = %(id)s"
    return next(iter(fetch(query, {"ws": ws, "id": number}, Person)), None)


RECORD = (
    "r.id, r.person, r.kind, r.conn, r.object, r.record, r.fields::text, r.told, r.event_id"
    ", r.wrote, r.run_id, r.read, r.read_run_id"
)


def records_of(ws: int, people: Sequence[int]) -> list[Known]:
    """Return the records of some people, in the order in which they were noted."""
    query = (
        f"select {RECORD} from known_record r where r.ws = %(ws)s and r.person = any(%(ids)s)"  # noqa: S608 - fixed parts only
        " order by r.id limit %(n)s"
    )
    return fetch(query, {"ws": ws, "ids": list(people), "n": MOST_RECORDS}, known)


def related(ws: int, person: int) -> list[Known]:
    """Return the deals, people and companies that were told of together with a person, the newest first."""
    query = (
        f"select {RECORD} from known_record r where r.ws = %(ws)s and r.id in ("  # noqa: S608 - fixed parts only
        " select o.record_id from known_record p join heard h on h.ws = p.ws and h.record_id = p.id"
        " join heard o on o.ws = h.ws and o.event_id = h.event_id where p.ws = %(ws)s and p.person = %(id)s)"
        " and r.person is distinct from %(id)s and r.object <> 'recipient'"
        " order by r.told desc, r.id desc limit %(n)s"
    )
    return fetch(query, {"ws": ws, "id": person, "n": MOST_RELATED}, known)


def kept_for(ws: int, records: Sequence[int]) -> list[Known]:
    """Return what rules keep for these records at their systems, the newest first."""
    query = (
        f"select {RECORD} from known_record r where r.ws = %(ws)s and r.of_record = any(%(ids)s)"  # noqa: S608 - fixed parts only
        " order by r.told desc, r.id limit %(n)s"
    )
    return fetch(query, {"ws": ws, "ids": list(records), "n": MOST_RELATED}, known)


def whys(ws: int, records: Sequence[int]) -> list[Why]:
    """Return what binds these records."""
    query = (
        "select a, b, why, value, at from bond where ws = %(ws)s and a = any(%(ids)s) and b = any(%(ids)s)"
        " order by id limit %(n)s"
    )
    return fetch(query, {"ws": ws, "ids": list(records), "n": MOST_BONDS}, Why)


def known(*columns: Any) -> Known:
    """Return a record from its columns."""
    number, person, kind, conn, object_key, record, fields, told, event_id, *by_rules = columns
    wrote, run_id, read, read_run_id = by_rules
    kept = json.loads(fields)
    said = {
        key: Said(tuple(value) if isinstance(value, list) else (str(value),), datetime.fromtimestamp(at, UTC))
        for key, (value, at) in kept.items()
        if key != TAGS and not key.startswith(TAG)
    }
    return Known(
        number, person, kind, conn, object_key, record, said, told, event_id,
        wrote, run_id or 0, read, read_run_id or 0, tags_of(kept),
    )  # fmt: skip
