"""What becomes of a document for signature, in words that all signers' connectors share.

Each vendor has its own events; a rule that tags people by what they did should not care. A connector says
what an event means (`DocumentMoved.step`), the rest is here: which steps a rule follows, which tags they
give, and that a step which was told late is the same step. See decision 0015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from typing_extensions import override

from vaivem.connectors.sdk.actions import Reader
from vaivem.connectors.sdk.events import Event
from vaivem.connectors.sdk.triggers import Trigger
from vaivem.core.fields import Field, FieldType, Option

SENT, OPENED, COMPLETED, DECLINED, VOIDED, CLOSED, CHANGED = (
    "sent", "opened", "completed", "declined", "voided", "closed", "changed",
)  # fmt: skip
# What a step says of those before it: who signed had been sent the document and had opened it, though the
# vendor may tell that later, or never. `completed` is a recipient's own, `closed` the whole document's: that
# all had been sent it shows in their tags alone, for it would begin a rule for "sent" once more. `changed` is
# whatever else the vendor tells; a rule that follows it takes every step, and it has no tag of its own.
CHAINS: Mapping[str, tuple[str, ...]] = {
    SENT: (SENT,),
    OPENED: (SENT, OPENED),
    COMPLETED: (SENT, OPENED, COMPLETED),
    DECLINED: (SENT, OPENED, DECLINED),
    VOIDED: (VOIDED,),
    CLOSED: (CLOSED,),
    CHANGED: (CHANGED,),
}
FOLLOWED = (SENT, OPENED, COMPLETED, DECLINED)  # without a choice
# As the integrations that people know spell them. A document's end is of nobody in particular: no tag.
TAG_NAMES: Mapping[str, str] = {
    SENT: "Sent",
    OPENED: "Delivered",
    COMPLETED: "Completed",
    DECLINED: "Declined",
}

# How far a document, or a recipient, is. What ends it is never taken back by what is told late.
# A draft was sent to nobody: no step that a rule can follow, only what a rule of ours made.
# Of one half made, whoever the signer's tool has not taken is marked as lacking.
HALF, DRAFT, LACKING = "half", "draft", "lacking"
RANKS: Mapping[str, int] = {
    HALF: -2, DRAFT: -1, CHANGED: 0, SENT: 1, OPENED: 2, COMPLETED: 3, DECLINED: 4, VOIDED: 5, CLOSED: 6,
}  # fmt: skip
STATE = "step.state"

RECIPIENT_FIELDS = ("name", "first_name", "last_name", "email", "phone")  # of a step's, beside its id
STEP_FIELDS = (
    Field(
        "step.state",
        FieldType.OPTION,
        label_key="fields.step.state",
        options=tuple(Option(state) for state in CHAINS),
        sample=COMPLETED,
    ),
    Field("step.at", FieldType.DATETIME, label_key="fields.step.at"),
    Field("step.tags", label_key="fields.step.tags", many=True),
    Field("step.document", FieldType.RECORD, label_key="fields.step.document"),
    Field("step.name", label_key="fields.step.name"),
    Field("step.url", FieldType.URL, label_key="fields.step.url"),
    Field("step.sender", label_key="fields.step.sender"),
    Field("step.sent_at", FieldType.DATETIME, label_key="fields.step.sent_at"),
    Field("step.completed_at", FieldType.DATETIME, label_key="fields.step.completed_at"),
    Field("step.recipients", FieldType.LIST, label_key="fields.step.recipients"),
    Field("step.with_email", FieldType.LIST, label_key="fields.step.with_email"),
)

STATES = Field(
    "states",
    FieldType.OPTIONS,
    label_key="fields.states",
    help_key="fields.states.help",
    options=tuple(Option(state) for state in CHAINS),
)
PREFIX = Field("prefix", label_key="fields.prefix", help_key="fields.prefix.help", max_length=60)
MOST_OF_A_TAG = 100
TAGS = tuple(
    Field(f"tag_{state}", label_key=f"fields.tag_{state}", max_length=MOST_OF_A_TAG) for state in TAG_NAMES
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a document: what it came to, for whom.

    `recipients` are those whose step it is (``id, name, first_name, last_name, email, phone``): the one who
    acted, or all of them for what concerns the document. `at` and the times of `document` are ISO 8601 texts.
    `document` holds ``id, name, url, sender, sent_at, completed_at``, None where the event does not tell.
    """

    state: str
    recipients: Sequence[Mapping[str, Any]]
    document: Mapping[str, Any] = field(default_factory=dict)
    at: str | None = None


class DocumentMoved(Trigger):
    """A document for signature made a step that the rule follows; each step of each recipient once.

    A connector says what an event means (`step`), which events can mean something (`kinds`), how its tags
    begin (`prefix`) and what they call the step (`mark`), as in ``<prefix>-<mark>_Sent``; a rule may name
    each itself (`TAGS`). Texts beside the usual: ``fields.states .prefix .tag_<state> .step.*``.
    """

    key = "document_moved"
    options: ClassVar[tuple[Field, ...]] = (STATES, PREFIX, *TAGS)
    changes: ClassVar[tuple[str, ...]] = (STATE,)
    follows: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = ((STATE, "states", FOLLOWED),)
    prefix: ClassVar[str]
    mark: ClassVar[str]

    def step(self, event: Event) -> Step | None:
        """Return what an event means; None for one that is no step. Pure."""
        raise NotImplementedError

    @override
    def accepts(self, event: Event, options: Mapping[str, Any]) -> bool:
        step = self.step(event)
        return step is not None and followed(step, options) is not None

    @override
    def once_key(self, event: Event, options: Mapping[str, Any]) -> str | None:
        step = self.step(event)
        state = followed(step, options) if step else None
        if step is None or state in (None, CHANGED):  # of changes, each one counts
            return None
        who = "+".join(sorted(str(one.get("id") or one.get("email")) for one in step.recipients))
        return f"{step.document.get('id')}:{who}:{state}"

    @override
    def example(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        step = self.sample["step"]
        shown = Step(COMPLETED, step["recipients"])
        return {**self.sample, "step": {**step, "tags": self.tags(shown, options)}}

    @override
    async def scope(
        self, reader: Reader, event: Event, options: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        step = self.step(event)
        return {**event.data, "step": self.told(step, options)} if step else None

    @override
    def place(self, path: str, value: Any) -> int | None:
        return RANKS.get(str(value)) if path == STATE else None

    @override
    def subjects(self, path: str, scope: Mapping[str, Any]) -> tuple[str, ...]:
        if path != STATE:
            return ("",)
        people = scope["step"]["recipients"]
        return tuple(dict.fromkeys(str(one.get("id") or one.get("email")) for one in people)) or ("",)

    def told(self, step: Step, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what rules read of a step."""
        document = step.document
        return {
            "state": followed(step, options),
            "at": step.at,
            "tags": self.tags(step, options),
            "document": document.get("id"),
            **{key: document.get(key) for key in ("name", "url", "sender", "sent_at", "completed_at")},
            "recipients": [dict(one) for one in step.recipients],
            "with_email": [dict(one) for one in step.recipients if one.get("email")],
        }

    def tags(self, step: Step, options: Mapping[str, Any]) -> list[str]:
        """Return the tags of a step and of those before it, in their order, so that none is missing.

        Tags are added and never replaced: what comes late or in another order gives the same in the end.
        """
        chosen = _chosen(options)
        prefix = str(options.get("prefix") or "").strip() or self.prefix
        passed = dict.fromkeys((SENT, *CHAINS[step.state])) if step.state != CHANGED else {}
        named = (state for state in passed if state in chosen and state in TAG_NAMES)
        return list(dict.fromkeys([prefix, *(self.tag(state, prefix, options) for state in named)]))

    def tag(self, state: str, prefix: str, options: Mapping[str, Any]) -> str:
        """Return a step's own tag: the rule's name for it, else the usual one."""
        given = str(options.get(f"tag_{state}") or "").strip()
        return given or f"{prefix}-{self.mark}_{TAG_NAMES[state]}"


def followed(step: Step, options: Mapping[str, Any]) -> str | None:
    """Return the last state on the way to this step that a rule follows, None where it follows none.

    To a rule that follows every change, a step is what it is.
    """
    chosen = _chosen(options)
    if CHANGED in chosen:
        return step.state
    return next((state for state in reversed(CHAINS[step.state]) if state in chosen), None)


def _chosen(options: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(map(str, options.get("states") or FOLLOWED))
