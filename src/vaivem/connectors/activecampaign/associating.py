"""A contact belongs to one company at most; the vendor refuses a second one."""

from __future__ import annotations

from vaivem.connectors.activecampaign import client, sales_client
from vaivem.connectors.activecampaign.records import Record
from vaivem.connectors.sdk import ActionContext, Answer, Findable, Keyed
from vaivem.core.mapping import Values

Link = dict[str, str]


async def settle_association(context: ActionContext, contact: Record, values: Values) -> bool:
    """Have a contact belong to the company that a rule names; say whether that changed anything.

    By the field's policy: one that belongs to another company stays there, unless the rule says always.
    """
    wanted = str(values["account"] or "")
    if not wanted or "account" not in values.to_update({"account": contact["account"]}):
        return False
    async with context.claim("contact_account", f"contact:{contact['id']}"):
        link = await _link(context, contact["id"])
        if link and link["account"] == wanted:
            return False
        if link:
            await _leave(context, contact["id"], link)
        await _join(context, contact["id"], wanted, values["job_title"])
    return True


async def _link(context: ActionContext, contact_id: str) -> Link | None:
    rows = client.rows(await context.read(sales_client.contact_accounts(contact_id)), "accountContacts")
    mine = (row for row in rows if str(row.get("contact")) == contact_id)
    return next((_link_of(row["id"], row["account"]) for row in mine), None)


async def _leave(context: ActionContext, contact_id: str, link: Link) -> None:
    async def is_gone() -> Link | None:
        now = await _link(context, contact_id)
        return None if now and now["id"] == link["id"] else link

    gone = Keyed(f"accountContact:{link['id']}", is_gone)
    await context.write(sales_client.leave_account(link["id"]), gone, lambda answer: link)


async def _join(context: ActionContext, contact_id: str, account_id: str, job_title: str | None) -> None:
    async def find() -> Link | None:
        now = await _link(context, contact_id)
        return now if now and now["account"] == account_id else None

    def take(answer: Answer) -> Link:
        return _link_of(client.one(answer, "accountContact").get("id"), account_id)

    await context.write(sales_client.join_account(contact_id, account_id, job_title), Findable(find), take)


def _link_of(number: object, account: object) -> Link:
    return {"id": str(number), "account": str(account)}
