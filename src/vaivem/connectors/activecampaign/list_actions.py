"""Lists: whether a contact gets what is sent to one. Who left is brought back only if the rule says so."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from vaivem.connectors.activecampaign import client, finding
from vaivem.connectors.activecampaign.objects import field, label, live, option, output, ref, who_fields
from vaivem.connectors.activecampaign.records import SUBSCRIBED, Record
from vaivem.connectors.activecampaign.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Connection, Idempotent, Outcome
from vaivem.core.errors import SkipError
from vaivem.core.fields import Field, FieldType

LEFT, BOUNCED = "2", "3"
WHO_LEFT = option("who_left", "skip", "subscribe")


async def _status(context: ActionContext, contact_id: str, list_id: str) -> str | None:
    """Return a contact's status on a list, None when it never was on it."""
    rows = await finding.parts(context, contact_id, "contactLists")
    return next((str(row.get("status")) for row in rows if str(row.get("list")) == list_id), None)


class _ListAction(Action):
    object = "contact"
    status: ClassVar[str]

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return (*who_fields(), live(connection, "contact.list", "lists", required=True))

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        of_list = (field("list.id", FieldType.RECORD, sample="2"), field("list.name", sample="Clientes"))
        return (*outputs_of(connection, "contact"), *of_list)

    @override
    async def run(self, context: ActionContext) -> Outcome:
        contact, list_id = await finding.meant(context), str(context.values["contact.list"])
        before = await _status(context, contact["id"], list_id)
        if before == self.status or not self.is_due(before):
            return self._outcome(context.connection, contact, list_id, "kept")
        again = self.again(context, contact, before)
        call = client.set_list(contact["id"], list_id, int(self.status), again=again)
        await context.write(call, Idempotent(), lambda answer: {})
        return self._outcome(context.connection, contact, list_id, "updated")

    def is_due(self, before: str | None) -> bool:
        """Say whether there is anything to change."""
        return True

    def again(self, context: ActionContext, contact: Record, before: str | None) -> bool:
        """Say whether this brings somebody back; raises SkipError where that is not wanted."""
        return False

    @staticmethod
    def _outcome(connection: Connection, contact: Record, list_id: str, did: str) -> Outcome:
        named = {"id": list_id, "name": label(connection, "lists", list_id)}
        shown = {"contact": output(connection, "contact", contact) | {"did": did}, "list": named}
        return Outcome((ref(connection, "contact", contact, did),), shown)


class Subscribe(_ListAction):
    """Put a contact on a list."""

    key = "subscribe_to_list"
    status = SUBSCRIBED
    options: ClassVar[tuple[Field, ...]] = (WHO_LEFT,)

    @override
    def again(self, context: ActionContext, contact: Record, before: str | None) -> bool:
        if before == BOUNCED:
            raise SkipError("contact_bounced", params={"contact": contact["email"] or contact["id"]})
        if before == LEFT and context.options.get("who_left") != "subscribe":
            raise SkipError("contact_left_list", params={"contact": contact["email"] or contact["id"]})
        return before == LEFT


class Unsubscribe(_ListAction):
    """Take a contact off a list; one that was never on it stays as it is."""

    key = "unsubscribe_from_list"
    status = LEFT

    @override
    def is_due(self, before: str | None) -> bool:
        return before is not None and before != BOUNCED
