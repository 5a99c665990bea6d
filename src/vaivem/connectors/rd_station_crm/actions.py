"""All that a rule can do at RD Station CRM, in the order of the form."""

from __future__ import annotations

from vaivem.connectors.rd_station_crm.contact_actions import (
    CreateOrUpdateContact,
    CreateOrUpdateOrganization,
    FindContact,
    FindOrganization,
)
from vaivem.connectors.rd_station_crm.deal_actions import (
    CreateDeal,
    CreateOrUpdateDeal,
    FindDeal,
    UpdateDeal,
)
from vaivem.connectors.rd_station_crm.note_actions import AddNote, AddTask
from vaivem.connectors.sdk import Action

ACTIONS: tuple[Action, ...] = (
    CreateOrUpdateDeal(),
    CreateDeal(),
    UpdateDeal(),
    FindDeal(),
    CreateOrUpdateContact(),
    FindContact(),
    CreateOrUpdateOrganization(),
    FindOrganization(),
    AddNote(),
    AddTask(),
)
