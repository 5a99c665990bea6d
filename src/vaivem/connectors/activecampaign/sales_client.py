"""ActiveCampaign's API v3: accounts, deals, pipelines and their own fields, one function a call. Pure.

An account here is a company.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.activecampaign.client import PREFIX, listed, whole
from vaivem.connectors.sdk import Call

# Where an object's own fields and their values are, and how the vendor calls whose they are.
FIELDS = {"account": "accountCustomFieldMeta", "deal": "dealCustomFieldMeta"}
VALUES = {"account": "accountCustomFieldData", "deal": "dealCustomFieldData"}
_OWNERS = {"account": "customerAccountId", "deal": "dealId"}


def own_fields(object_key: str) -> Call:
    """https://developers.activecampaign.com/reference/list-all-custom-fields (deals; accounts alike)"""
    return listed(FIELDS[object_key])


def own_values(object_key: str, record_id: str) -> Call:
    """https://developers.activecampaign.com/reference/list-all-custom-field-values (deals; accounts alike)"""
    return listed(VALUES[object_key], (f"filters[{_OWNERS[object_key]}]", record_id))


def create_deal_field(label: str) -> Call:
    """https://developers.activecampaign.com/reference/create-a-custom-field-1: a text of one line."""
    body = {"dealCustomFieldMetum": {"fieldLabel": label, "fieldType": "text"}}
    return Call("dealCustomFieldMeta.create", "POST", f"{PREFIX}/dealCustomFieldMeta", json=body)


def account(account_id: str) -> Call:
    """https://developers.activecampaign.com/reference/get-an-account"""
    return Call("accounts.read", "GET", f"{PREFIX}/accounts/{account_id}")


def search_accounts(name: str) -> Call:
    """https://developers.activecampaign.com/reference/list-all-accounts: names that contain a text."""
    return listed("accounts", ("search", name))


def create_account(body: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/create-an-account-new: names are unique."""
    return Call("accounts.create", "POST", f"{PREFIX}/accounts", json={"account": dict(body)})


def update_account(account_id: str, body: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/update-an-account-new"""
    path = f"{PREFIX}/accounts/{account_id}"
    return Call("accounts.update", "PUT", path, json={"account": dict(body)})


def contact_accounts(contact_id: str) -> Call:
    """https://developers.activecampaign.com/reference/list-all-associations: at most one for a contact."""
    return listed("accountContacts", ("filters[contact]", contact_id))


def join_account(contact_id: str, account_id: str, job_title: str | None) -> Call:
    """https://developers.activecampaign.com/reference/create-an-account-1"""
    body: dict[str, Any] = {"contact": whole(contact_id), "account": whole(account_id)}
    body |= {"jobTitle": job_title} if job_title else {}
    return Call("accountContacts.create", "POST", f"{PREFIX}/accountContacts", json={"accountContact": body})


def leave_account(link_id: str) -> Call:
    """https://developers.activecampaign.com/reference/delete-an-association"""
    return Call("accountContacts.delete", "DELETE", f"{PREFIX}/accountContacts/{link_id}")


def deal(deal_id: str) -> Call:
    """https://developers.activecampaign.com/reference/retrieve-a-deal"""
    return Call("deals.read", "GET", f"{PREFIX}/deals/{deal_id}")


def deals(*filters: tuple[str, str]) -> Call:
    """https://developers.activecampaign.com/reference/list-all-deals; filters by name, as in ``title``."""
    return listed("deals", *((f"filters[{name}]", value) for name, value in filters))


def create_deal(body: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/create-a-deal-new"""
    return Call("deals.create", "POST", f"{PREFIX}/deals", json={"deal": dict(body)})


def update_deal(deal_id: str, body: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/update-a-deal-new: what is not named stays."""
    return Call("deals.update", "PUT", f"{PREFIX}/deals/{deal_id}", json={"deal": dict(body)})


def pipelines() -> Call:
    """https://developers.activecampaign.com/reference/list-all-pipelines"""
    return listed("dealGroups")


def stages(pipeline: str) -> Call:
    """https://developers.activecampaign.com/reference/list-all-deal-stages"""
    return listed("dealStages", ("filters[d_groupid]", pipeline))


def task_types() -> Call:
    """https://developers.activecampaign.com/reference/list-all-deal-task-types"""
    return listed("dealTasktypes")


def tasks(kind: str, record_id: str) -> Call:
    """https://developers.activecampaign.com/reference/list-all-tasks: those of one record."""
    return listed("dealTasks", ("filters[reltype]", kind), ("filters[relid]", record_id))


def create_task(body: Mapping[str, Any]) -> Call:
    """https://developers.activecampaign.com/reference/create-a-task: on a contact or a deal."""
    return Call("dealTasks.create", "POST", f"{PREFIX}/dealTasks", json={"dealTask": dict(body)})
