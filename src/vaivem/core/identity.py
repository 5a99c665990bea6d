"""Identity: the normalised values that say two records are the same person, company or deal.

The same functions make what is stored and what is looked for: match keys (claims, links) and search terms.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import phonenumbers
from stdnum.br import cnpj, cpf
from stdnum.exceptions import ValidationError
from typing_extensions import override

from vaivem.core.folding import digits_of, fold, squeeze

DEFAULT_REGION = "BR"
MAX_TERMS = 60

_EMAIL_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}")
_HOST_LABEL = re.compile(r"(?!-)[^\W_](?:[\w-]{0,61}[^\W_])?(?<!-)")
_EDGES = " \t.,;:!?()[]{}<>\"'“”‘’«»–—-_/\\|"
_PUNCTUATED_NUMBER = re.compile(r"[+(]?\d[\d\s().\-/+]*")
_HYPHENS = re.compile(r"[-_./–—]")


@dataclass(frozen=True, slots=True)
class MatchKey:
    """One normalised value that says who a record is. As text: ``email:ana@example.com``."""

    kind: str  # cpf_cnpj | code | email | phone
    value: str

    @override
    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def parse_email(text: str) -> str | None:
    """Return an e-mail address with its domain in lower case, or None when it is not one.

    Takes what people write and mail systems accept: no quoted local parts, no addresses without a dot in
    the domain, no comments. ``Ana <ana@x.com>`` and ``mailto:`` are not addresses.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or len(text) > 254 or not _EMAIL_LOCAL.fullmatch(local):
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    labels = domain.lower().split(".")
    if len(labels) < 2 or not all(_HOST_LABEL.fullmatch(label) for label in labels) or labels[-1].isdecimal():
        return None
    return f"{local}@{'.'.join(labels)}"


def normalise_email(text: str) -> str | None:
    """Return the address in lower case, which is how addresses are compared; None when it is not one."""
    address = parse_email(text)
    return address.lower() if address else None


@lru_cache(maxsize=2048)
def normalise_phone(text: str, region: str = DEFAULT_REGION) -> str | None:
    """Return a phone number in E.164, or None when it is not a whole one (no area code, too short)."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def normalise_cpf(text: str) -> str | None:
    """Return the 11 digits of a CPF, or None when its form or its check digits are wrong."""
    return _checked(cpf, text, 11)


def normalise_cnpj(text: str) -> str | None:
    """Return the 14 letters or digits of a CNPJ (the alphanumeric one too), or None when it is wrong."""
    return _checked(cnpj, text, 14)


def normalise_cpf_cnpj(text: str) -> str | None:
    """Return a CPF or CNPJ without its mask, or None when it is neither."""
    return normalise_cpf(text) or normalise_cnpj(text)


def _checked(module: Any, text: str, length: int) -> str | None:
    try:
        number = str(module.validate(text))
    except ValidationError:
        return None
    repeated = len(set(number)) == 1  # 111.111.111-11 has right check digits and is nobody's
    return number if len(number) == length and number.isascii() and not repeated else None


def normalise_name(text: str) -> str:
    """Return a name as names are compared: without accents, case and extra blanks."""
    return fold(text)


_KINDS = ("cpf_cnpj", "code", "email", "phone")
_KEYS_OF = {"deal": ("code",)}


def match_keys(kind: str, **values: Any) -> tuple[MatchKey, ...]:
    """Return the match keys of a record of `kind` (``person``, ``company``, ``deal``), the surest first.

    `values`: ``cpf_cnpj``, ``code``, ``email``, ``phone``, each a text, a list of texts or None. What is not
    valid makes no key. A deal is known by its code only. Raises TypeError for other names.
    """
    if unknown := values.keys() - set(_KINDS):
        raise TypeError(f"not a match key: {', '.join(sorted(unknown))}")
    keys: list[MatchKey] = []
    for key_kind in _KEYS_OF.get(kind, _KINDS):
        value = values.get(key_kind)
        for text in value if isinstance(value, list | tuple) else (value,):
            normal = _normalise(key_kind, text) if text is not None else None
            if normal:
                keys.append(MatchKey(key_kind, normal))
    return tuple(dict.fromkeys(keys))


def _normalise(key_kind: str, value: Any) -> str | None:
    text = str(value)
    if key_kind == "cpf_cnpj":
        return normalise_cpf_cnpj(text)
    if key_kind == "email":
        return normalise_email(text)
    if key_kind == "phone":
        return normalise_phone(text)
    return squeeze(text).casefold()


def search_terms(values: Iterable[Any]) -> set[str]:
    """Return the terms under which a record with these values is found (at most MAX_TERMS).

    E-mail addresses, numbers without their punctuation (CPF, CNPJ, phone with and without country), and the
    whole words of everything else.
    """
    terms: dict[str, None] = {}
    for value in values:
        if value is not None and not isinstance(value, bool):
            terms |= dict.fromkeys(_terms_of(str(value)))
    return set(list(terms)[:MAX_TERMS])


def query_terms(text: str) -> set[str]:
    """Return the terms that a record must all have to be found by what a person typed."""
    text = text.strip()
    if _PUNCTUATED_NUMBER.fullmatch(text):
        return {digits_of(text)}
    return {word for word in (_trimmed(word) for word in fold(text).split()) if word}


@lru_cache(maxsize=1024)
def _terms_of(text: str) -> tuple[str, ...]:
    """Return a text's terms, in order. Kept: an event, its run and what they make say much the same."""
    text = text.strip()
    if _PUNCTUATED_NUMBER.fullmatch(text):
        number = digits_of(text)
        phone = normalise_phone(text) if text.startswith(("+", "(")) or len(number) in (10, 11) else None
        national = number.removeprefix("55") if text.startswith("+55") else number
        return (number, national, phone.removeprefix("+")) if phone else (number, national)
    terms: list[str] = []
    for word in fold(text).split():
        whole = _trimmed(word)
        if not whole:
            continue
        terms.append(whole)
        if "@" not in whole and _HYPHENS.search(whole):
            parts = [_trimmed(part) for part in _HYPHENS.split(whole)]
            if all(part.isalpha() for part in parts):
                terms.extend(parts)  # "Maria-Clara" is found by either half; an id like 4c1b-9a57 is not
    return tuple(terms)


def _trimmed(word: str) -> str:
    return word.strip(_EDGES)


def term_hash(workspace_id: int, text: str) -> int:
    """Return the signed 64-bit hash under which a term is stored; it differs between workspaces."""
    hashing = _hashing(workspace_id).copy()
    hashing.update(text.encode())
    return int.from_bytes(hashing.digest(), "big", signed=True)


def record_hash(workspace_id: int, record: str) -> int:
    """Return the hash under which the events of a record are found: that of its longest word."""
    return term_hash(workspace_id, max(sorted(search_terms([record])), key=len, default=""))


@lru_cache(maxsize=1024)
def _hashing(workspace_id: int) -> blake2b:
    """Return the beginning of a workspace's hashes."""
    return blake2b(digest_size=8, key=struct.pack(">q", workspace_id))
