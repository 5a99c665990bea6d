"""The log of `web` and `worker`: one line a message, for people or as JSON, and never with a secret in it.

What a line is about comes from two places: the lane's task says which run it works on (`about`), and other
places name ids at the message (`extra={"connection": 7}`). Neither costs anything until a message is logged.

Known credentials are kept out word by word; patterns catch what only looks like one. No library does both,
and what would be left to it (a JSON object a line) is ten lines here.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

import orjson
from typing_extensions import override

MASK = "•••"
PLAIN_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
IDS = ("workspace", "connection", "rule", "event", "run", "lane")
SHORTEST_SECRET = 8  # a shorter text is a word that would be missing everywhere
MOST_SECRETS = 5_000
LONGEST_TEXT = 32 * 1024
LONGEST_SECRET = 8 * 1024  # what a text that is cut loses at its end, where half a secret may stand
WEB_VARIABLE = "VAIVEM_IS_WEB"  # set by `vaivem web` for its own server process

# What strangers send ends in messages, so every pattern takes linear time: what may stand before a word is
# bounded, not looked at, or begins where letters begin. Each has words without which it cannot match: looking
# for those costs a hundredth.
_WORDS = ("token", "secret", "passw", "senha", "key", "signature")
_NAME = r"(?:token|secret|passw(?:or)?d|senha|api[_-]?key|access[_-]?key|private[_-]?key|signature)"
_PATTERNS = (
    (
        ("private key",),
        re.compile(r"-----BEGIN ([A-Z ]{0,30}PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL),
        MASK,
    ),
    (  # a header, as it is sent or as a mapping is printed
        ("authorization", "cookie", "x-"),
        re.compile(
            r"""(?ix) (?<![\w-])
            ((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,40}?(?:token|key|secret|signature))
            (["']? \s* [:=] \s* (?:b?["'])?) (?:(?<=["']) [^"'\r\n]+ | [^"'\r\n,}]+)"""
        ),
        rf"\1\2{MASK}",
    ),
    (("bearer", "basic"), re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    (
        (*_WORDS, "sig=", "hmac="),
        re.compile(rf"(?i)({_NAME}|\b(?:key|sig|hmac))=[^&\s\"'<>]+"),
        rf"\1={MASK}",
    ),
    (
        ("code=", "state=", "assertion="),
        re.compile(r"(?i)([?&](?:code|state|assertion)=)[^&\s\"'<>]+"),
        rf"\1{MASK}",
    ),
    (_WORDS, re.compile(rf"""(?i)({_NAME}["']\s*:\s*b?["'])[^"']+"""), rf"\1{MASK}"),
    (("://",), re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{MASK}@"),
    (
        ("/hook/", "/enter/", "/invitation/", "/alerts/stop/"),
        re.compile(r"(/(?:hook|enter|invitation|alerts/stop)/)[^/\s?\"']+"),
        rf"\1{MASK}",
    ),
    (  # a JSON Web Token
        ("eyj",),
        re.compile(r"(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)*+"),
        MASK,
    ),
)


class Work(Protocol):
    """A run as its lane's task has it (the engine's `Item`)."""

    @property
    def ws(self) -> int:
        """Its workspace."""

    @property
    def lane(self) -> int:
        """The key of its lane."""

    @property
    def run_id(self) -> int:
        """The run."""

    @property
    def event_id(self) -> int:
        """The event that it began with."""

    @property
    def rule(self) -> int:
        """Its rule."""

    @property
    def conn(self) -> int:
        """The connection that the event came from; 0: none."""


about: ContextVar[Work | None] = ContextVar("about", default=None)
"""What this task works on. The object itself is kept: its ids are read when a message is logged."""


def no_trace(event: int) -> str:
    """Return that an event has no trace: traces are off."""
    return ""


trace_of: Callable[[int], str] = no_trace
"""Gives the trace of an event (0: of what this task does), as a collector shows it; "" without traces."""

_secrets: dict[str, None] = {}  # the newest last; a dictionary keeps the order


def hide(credentials: Any) -> None:
    """Keep every text in `credentials` (JSON of any depth) out of what is logged from now on."""
    for secret in _texts(credentials):
        for form in {secret, quote(secret, safe="")}:
            _secrets.pop(form, None)
            _secrets[form] = None
    while len(_secrets) > MOST_SECRETS:
        _secrets.pop(next(iter(_secrets)), None)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= SHORTEST_SECRET:
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def masked(text: str) -> str:
    """Return a text without the secrets that we know and without what looks like one; the longest are cut."""
    rest = len(text) - LONGEST_TEXT
    if rest > 0:
        return f"{_masked(text[:LONGEST_TEXT])[:-LONGEST_SECRET]}… ({rest + LONGEST_SECRET} more)"
    return _masked(text)


def _masked(text: str) -> str:
    found = [secret for secret in tuple(_secrets) if secret in text]
    for secret in sorted(found, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(secret, MASK)
    lowered = text.lower()
    for words, pattern, instead in _PATTERNS:
        if any(word in lowered for word in words):
            text = pattern.sub(instead, text)
    return text


class PlainFormatter(logging.Formatter):
    """A line for people, with the trace of an exception below it."""

    def __init__(self) -> None:
        super().__init__(PLAIN_FORMAT)

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Return the message without secrets."""
        return masked(super().format(record))


class JsonFormatter(logging.Formatter):
    """A JSON object on one line; `process` is the name of the command that logs."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON without secrets."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
            "process": self._process,
            "pid": record.process,
            **_with_trace(_ids(record)),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = {
                "type": record.exc_info[0].__name__,
                "message": masked(str(record.exc_info[1])),
                "trace": masked(self.formatException(record.exc_info)),
            }
        # Half a surrogate pair, from a vendor's broken text, must not cost us the line.
        return orjson.dumps(_sound(line)).decode()


def _ids(record: logging.LogRecord) -> dict[str, str]:
    """Return what is known of the ids, as texts: many JSON readers round numbers of 64 bits."""
    work = about.get()
    known: dict[str, Any] = {}
    if work is not None:
        values = (work.ws, work.conn, work.rule, work.event_id, work.run_id, work.lane)
        known = dict(zip(IDS, values, strict=True))
    known |= {name: record.__dict__[name] for name in IDS if name in record.__dict__}
    return {name: str(known[name]) for name in IDS if known.get(name)}


def _with_trace(ids: dict[str, str]) -> dict[str, str]:
    trace = trace_of(int(ids.get("event", 0)))
    return ids | {"trace_id": trace} if trace else ids


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _sound(inner) for name, inner in value.items()}
    return value


def formatter(process: str, form: str) -> logging.Formatter:
    """Return the formatter for a form of VAIVEM_LOG (`text` or `json`)."""
    return JsonFormatter(process) if form == "json" else PlainFormatter()


def to_stderr(process: str, form: str, level: str) -> None:
    """Send what this process logs to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(process, form))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def server_settings(form: str) -> dict[str, Any]:
    """Return the settings for the log of the web server itself (granian), as `dictConfig` takes them."""
    own = {"handlers": ["stderr"], "level": "WARNING", "propagate": False}
    return {
        **_settings("web", form),
        "loggers": {"_granian": dict(own), "granian.access": dict(own)},
    }


def pages_settings(form: str, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: for the web process, and for commands that need Django."""
    process = "web" if os.environ.get(WEB_VARIABLE) else "command"
    return {
        **_settings(process, form),
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            # What a page answers with 4xx is not the operator's problem.
            "django.request": {"level": "ERROR"},
            "django.db.backends": {"level": "WARNING"},
        },
    }


def _settings(process: str, form: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "vaivem.logs.formatter", "process": process, "form": form}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    }
