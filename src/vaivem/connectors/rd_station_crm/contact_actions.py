"""What a rule can do with contacts and organizations."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from vaivem.connectors.rd_station_crm import finding, settling_contacts, settling_organizations
from vaivem.connectors.rd_station_crm.client import api_for
from vaivem.connectors.rd_station_crm.objects import (
    contact_fields,
    contact_output,
    organization_fields,
    organization_output,
)
from vaivem.connectors.rd_station_crm.settling_contacts import ContactKeys, contact_ref, settle_contact
from vaivem.connectors.rd_station_crm.settling_organizations import organization_ref, settle_organization
from vaivem.connectors.rd_station_crm.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Connection, Outcome
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.likeness import DOCUMENT_TYPES

WITHOUT_KEY = Field(
    key="without_key",
    type=FieldType.OPTION,
    label_key="fields.without_key",
    help_key="fields.without_key.help",
    options=(Option("fail"), Option("create")),
)
OTHER_EMAIL = Field(
    key="other_email",
    type=FieldType.OPTION,
    label_key="fields.other_email",
    help_key="fields.other_email.help",
    options=(Option("ask"), Option("same"), Option("new")),
)


class FindContact(Action):
    """Look for a contact by e-mail, document, phone, else by exact name."""

    key = "find_contact"
    object = "contact"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        keys = ("contact.name", "contact.email", "contact.phone")
        offered = contact_fields(connection)
        return tuple(field for field in offered if field.key in keys or field.type in DOCUMENT_TYPES)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "contact")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        api, connection = api_for(context.connection), context.connection
        keys = ContactKeys.of(context.values.group("contact"), connection)
        if not keys.any and not keys.name:
            raise RecordError("nothing_to_find_by", path="contact.email")
        if keys.any:
            found = await settling_contacts.find_contacts(context, api, keys)
        else:
            found = await finding.contacts_by_name(context, api, keys.name)
        contact = await settling_contacts.pick(context, found, keys)
        if contact is None:
            return Outcome(())
        output = {"contact": contact_output(connection, contact)}
        return Outcome((contact_ref(connection, contact, "found"),), output)


class CreateOrUpdateContact(Action):
    """Make a contact be there; with an organization, which a contact that has none is put into."""

    key = "create_or_update_contact"
    counts = ("contact",)
    object = "contact"
    options: ClassVar[tuple[Field, ...]] = (WITHOUT_KEY, OTHER_EMAIL)

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return contact_fields(connection) + organization_fields(connection)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "contact", "organization")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        api, connection = api_for(context.connection), context.connection
        records, output = [], {}
        company: str | None = None
        if context.values.has("organization.name"):
            organization, did = await settle_organization(context, api, context.values.group("organization"))
            company = organization["id"]
            records.append(organization_ref(connection, organization, did))
            output["organization"] = organization_output(connection, organization) | {"did": did}
        contact, did = await settle_contact(context, api, context.values.group("contact"), company)
        records.insert(0, contact_ref(connection, contact, did))
        output["contact"] = contact_output(connection, contact) | {"did": did}
        return Outcome(tuple(records), output)


class FindOrganization(Action):
    """Look for an organization by document, else by exact name."""

    key = "find_organization"
    object = "organization"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        offered = organization_fields(connection)
        return tuple(f for f in offered if f.key == "organization.name" or f.type in DOCUMENT_TYPES)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "organization")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        api, connection = api_for(context.connection), context.connection
        values = context.values.group("organization")
        name = str(values.get("name", ""))
        documents = settling_organizations.documents_of(connection, values)
        if not name and not documents:
            raise RecordError("nothing_to_find_by", path="organization.name")
        found = await settling_organizations.find_organizations(context, api, name, documents)
        organization = await settling_organizations.pick(context, found, name)
        if organization is None:
            return Outcome(())
        output = {"organization": organization_output(connection, organization)}
        return Outcome((organization_ref(connection, organization, "found"),), output)


class CreateOrUpdateOrganization(Action):
    """Make an organization be there."""

    key = "create_or_update_organization"
    counts = ("organization",)
    object = "organization"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return organization_fields(connection)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "organization")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        api, connection = api_for(context.connection), context.connection
        organization, did = await settle_organization(context, api, context.values.group("organization"))
        output = {"organization": organization_output(connection, organization) | {"did": did}}
        return Outcome((organization_ref(connection, organization, did),), output)
