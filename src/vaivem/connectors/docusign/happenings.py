"""What has happened to an envelope, as far as its state tells: each step with whom it is about, and when.

The vendor tells one happening in many ways: by two configurations, as JSON or as XML, one event at a time or
the whole state at once, and again in the list of changes. All of them come to the same steps here, and a step
is known by what it is, never by who told it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ENVELOPE_STEPS = ("sent", "delivered", "completed", "declined", "voided")
RECIPIENT_STEPS = ("sent", "delivered", "completed", "declined")
# What happens once to an envelope or to a person in it. Anything else may honestly happen again.
ONCE = frozenset(
    {"envelope-created"}
    | {f"envelope-{step}" for step in ENVELOPE_STEPS}
    | {f"recipient-{step}" for step in RECIPIENT_STEPS}
)

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One happening: the vendor's word, the index of the recipient in the list (None: the envelope), when."""

    kind: str
    recipient: int | None
    at: str | None


def steps_of(envelope: Raw, recipients: Sequence[Raw]) -> list[Step]:
    """Return every step that was reached, in the order in which they happened.

    Where no time is told, a step counts as reached when the state is that very one.
    """
    found = [*_envelope_steps(envelope)]
    for index, recipient in enumerate(recipients):
        found += _recipient_steps(index, recipient)
    # Of the same moment, the person's step comes before the envelope's that follows from it.
    return sorted(found, key=lambda step: (step.at or "9", step.recipient is None))


def _envelope_steps(envelope: Raw) -> Iterator[Step]:
    for step in ENVELOPE_STEPS:
        at = envelope[f"{step}_at"]
        if at or envelope["status"] == step:
            yield Step(f"envelope-{step}", None, at or envelope["changed_at"])


def _recipient_steps(index: int, recipient: Raw) -> Iterator[Step]:
    state = {"signed": "completed"}.get(recipient["status"] or "", recipient["status"])
    for step in RECIPIENT_STEPS:
        at = recipient[f"{step}_at"]
        # A refusal leaves the time of signing empty; a state of its own tells it, without a time.
        if at or state == step:
            yield Step(f"recipient-{step}", index, at)


def people(recipients: Sequence[Raw]) -> list[str]:
    """Return what each recipient is known by within the envelope, whatever the message was written in.

    JSON counts recipients, XML gives each a long id: both know the e-mail (or the name), and which of those
    with the same one it is.
    """
    order = sorted(range(len(recipients)), key=lambda index: recipients[index]["order"] or 0)
    seen: Counter[str] = Counter()
    names = [""] * len(recipients)
    for index in order:
        recipient = recipients[index]
        name = str(recipient["email"] or recipient["name"] or recipient["id"] or "").casefold()
        names[index] = f"{name}#{seen[name]}"
        seen[name] += 1
    return names
