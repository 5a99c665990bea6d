"""Errors, typed by what to do about them.

    VaivemError                 code, params, detail; says its `recovery`
    ├── RetryError              passing, and certainly not done: try again later
    ├── UncertainError          passing, and perhaps done: repeat-safety decides first
    ├── ReconnectError          the vendor no longer accepts the credentials: a person reconnects
    ├── RuleError               the rule or the vendor's set-up must be fixed by a person
    ├── RecordError             this record is refused; the next one may pass
    ├── SkipError               there is nothing to do here: the step is left out, the run goes on
    ├── DecisionError           a person decides (several matches, a write in doubt)
    ├── DeliveryError           a webhook that cannot be taken
    │   ├── SignatureError      not authentic
    │   ├── UnreadableError     authentic, but not readable
    │   └── TooLargeError
    └── BugError                ours

`code` is stable and is the key of the translated text and its next step; `params` fill that text;
`detail` is for the log and the history (the vendor's own words), never with a secret in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from typing_extensions import override


class Recovery(StrEnum):
    """What is done about a problem. The engine reads only this, never the class or the code."""

    RETRY = "retry"
    RESOLVE = "resolve"  # perhaps done: the write's repeat-safety comes first
    RECONNECT = "reconnect"
    FIX_RULE = "fix_rule"
    SKIP_RECORD = "skip_record"
    DECIDE = "decide"
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, as stored, shown and translated.

    `path` is the place in a rule (``then[0].fields.deal.name``) or the field's key; empty when there is none.
    """

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; empty parts are left out."""
        parts = {"code": self.code, "params": dict(self.params), "path": self.path, "detail": self.detail}
        return {name: value for name, value in parts.items() if value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Problem:
        """Read what `to_dict` wrote."""
        return cls(data["code"], data.get("params", {}), data.get("path", ""), data.get("detail", ""))


class VaivemError(Exception):
    """The root of all errors that we raise on purpose."""

    recovery: ClassVar[Recovery] = Recovery.BUG
    default_code: ClassVar[str] = "bug"

    def __init__(
        self,
        code: str | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        detail: str = "",
        path: str = "",
        problems: tuple[Problem, ...] = (),
    ) -> None:
        self.code = code or self.default_code
        self.params: Mapping[str, Any] = dict(params or {})
        self.detail = detail
        self.path = path
        self.problems = problems or (Problem(self.code, self.params, path, detail),)
        super().__init__(self.code, self.params, detail)

    @override
    def __str__(self) -> str:
        listed = "; ".join(f"{p.path} {p.code} {dict(p.params)}".strip() for p in self.problems)
        return f"{listed} {self.detail}".strip()

    @property
    def problem(self) -> Problem:
        """The first problem: what a one-line message shows."""
        return self.problems[0]


class RetryError(VaivemError):
    """Passing and certainly not done. `retry_after` (seconds) is the vendor's own word, if it gave one.

    A `limit` delays and never counts as a failure; a `narrow` one is of this record, and stops no other; with
    `spent` the day's budget is used up.
    """

    recovery = Recovery.RETRY
    default_code = "vendor_unavailable"

    def __init__(
        self,
        code: str | None = None,
        *,
        retry_after: float | None = None,
        limit: bool = False,
        narrow: bool = False,
        spent: bool = False,
        **rest: Any,
    ) -> None:
        super().__init__(code, **rest)
        self.retry_after = retry_after
        self.limit = limit
        self.narrow = narrow
        self.spent = spent


class UncertainError(VaivemError):
    """Passing but uncertain: the request may have been carried out."""

    recovery = Recovery.RESOLVE
    default_code = "vendor_answer_lost"


class ReconnectError(VaivemError):
    """The credentials are no longer accepted; people are told, runs are held."""

    recovery = Recovery.RECONNECT
    default_code = "reconnect_needed"


class RuleError(VaivemError):
    """The rule, a permission or the vendor's set-up must be changed by a person."""

    recovery = Recovery.FIX_RULE
    default_code = "rule_needs_fix"


class RecordError(VaivemError):
    """The vendor refuses this record, or this record does not fit the rule."""

    recovery = Recovery.SKIP_RECORD
    default_code = "record_refused"


class SkipError(RecordError):
    """There is nothing to do here, as the rule wants it: the step is left out with this as its reason.

    Raised by an action before it writes anything. Where nobody takes it, it is a refused record.
    """

    default_code = "step_skipped"


class DecisionError(VaivemError):
    """A person decides. `question` is JSON: what is asked, the choices, what is known."""

    recovery = Recovery.DECIDE
    default_code = "decision_needed"

    def __init__(
        self, code: str | None = None, *, question: Mapping[str, Any] | None = None, **rest: Any
    ) -> None:
        super().__init__(code, **rest)
        self.question: Mapping[str, Any] = dict(question or {})


class DeliveryError(VaivemError):
    """A webhook delivery that cannot be taken as it is."""

    recovery = Recovery.SKIP_RECORD
    default_code = "delivery_refused"


class SignatureError(DeliveryError):
    """Not authentic: answered 401."""

    default_code = "signature_wrong"


class UnreadableError(DeliveryError):
    """Authentic but not readable: kept raw, listed under rejected."""

    default_code = "delivery_unreadable"


class TooLargeError(DeliveryError):
    """Over the connector's size limit: answered 413."""

    default_code = "delivery_too_large"


class BugError(VaivemError):
    """Ours: shown as such, with a reference for the log."""

    default_code = "bug"
