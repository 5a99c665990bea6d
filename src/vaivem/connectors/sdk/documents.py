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

SENT, OPENED, COMPLETED, DECLINED, VOIDED, CLOSED = (
    "sent", "opened", "completed", "declined", "voided", "closed",
)  # fmt: skip
# What a step says of those before it: who signed had been sent the document and had opened it, though the
# vendor may tell that later, or never. `completed` is a recipient's own, `closed` the whole document's: that
# all had been sent it shows in their tags alone, for it would begin a rule for "sent" once more.
CHAINS: Mapping[str, tuple[str, ...]] = {
    SENT: (SENT,),
    OPENED: (SENT, OPENED),
    COMPLETED: (SENT, OPENED, COMPLETED),
    DECLINED: (SENT, OPENED, DECLINED),
    VOIDED: (VOIDED,),
    CLOSED: (CLOSED,),
}
FOLLOWED = (SENT, OPENED, COMPLETED, DECLINED)  # without a choice
# As the integrations that people know spell them. A document's end is of nobody in particular: no tag.
TAG_NAMES: Mapping[str, str] = {
    SENT: "Sent",
    OPENED: "Delivered",
    COMPLETED: "Completed",
    DECLINED: "Declined",
}

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
    begin (`prefix`) and what they call the step (`mark`), as in ``<prefix>-<mark>_Sent``.
    Texts beside the usual: ``fields.states``, ``fields.prefix`` and ``fields.step.*``.
    """

    key = "document_moved"
    options: ClassVar[tuple[Field, ...]] = (STATES, PREFIX)
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
        if step is None or state is None:
            return None
        who = "+".join(sorted(str(one.get("id") or one.get("email")) for one in step.recipients))
        return f"{step.document.get('id')}:{who}:{state}"

    @override
    async def scope(
        self, reader: Reader, event: Event, options: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        step = self.step(event)
        return {**event.data, "step": self.told(step, options)} if step else None

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
        prefix = str(options.get("prefix") or "").strip() or self.prefix
        chosen = _chosen(options)
        passed = dict.fromkeys((SENT, *CHAINS[step.state]))
        named = (state for state in passed if state in chosen and state in TAG_NAMES)
        return [prefix, *(f"{prefix}-{self.mark}_{TAG_NAMES[state]}" for state in named)]


def followed(step: Step, options: Mapping[str, Any]) -> str | None:
    """Return the last state on the way to this step that a rule follows, None where it follows none."""
    chosen = _chosen(options)
    return next((state for state in reversed(CHAINS[step.state]) if state in chosen), None)


def _chosen(options: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(map(str, options.get("states") or FOLLOWED))
