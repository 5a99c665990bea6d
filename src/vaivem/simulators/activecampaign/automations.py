"""Automations: who is in which, those that a tag begins, and the Webhook action inside one."""

from vaivem.simulators.activecampaign.account import QUIET_IMPORT, Account
from vaivem.simulators.activecampaign.contacts import text_of
from vaivem.simulators.activecampaign.problems import message, no_result
from vaivem.simulators.kit.tables import Record

ACTIVE, INACTIVE = "1", "2"
RUNNING, DONE = "1", "2"


class Automations:
    """Enrols contacts. Enrolling somebody again makes a second entry, as at the vendor."""

    def __init__(self, account: Account) -> None:
        self._account = account
        account.listen(self._on_event)

    def enrol(self, contact_id: object, automation_id: object, source: str) -> Record:
        """Let a contact enter; refused for an unknown contact or automation, or one that is not active."""
        contact = self._account["contacts"].get(text_of(contact_id))
        automation = self._account["automations"].get(text_of(automation_id))
        if contact is None or automation is None or automation["status"] != ACTIVE:
            raise message(403, "Could not create SubscriberSeries")
        values = {"contact": contact["id"], "automation": automation["id"], "status": RUNNING}
        row = self._account.add("contact_automations", values)
        if automation["webhook_url"]:
            self._account.tell("automation", source, contact=contact, automation=automation)
        return row

    def leave(self, row_id: object) -> None:
        """Take an entry out, by the id of the association."""
        if text_of(row_id) not in self._account["contact_automations"]:
            raise no_result("SubscriberSeries", row_id, 403)
        self._account["contact_automations"].remove(text_of(row_id))

    def finish(self, row: Record) -> None:
        """The contact has come to the automation's end."""
        self._account.change("contact_automations", row, {"status": DONE})

    def _on_event(self, event: str, about: Record, source: str) -> None:
        """A tag begins the automations that wait for it."""
        if event != "contact_tag_added" or source == QUIET_IMPORT:
            return
        for automation in self._account["automations"]:
            if automation["status"] == ACTIVE and automation["trigger_tag"] == about["tag"]["id"]:
                self.enrol(about["contact"]["id"], automation["id"], "system")
