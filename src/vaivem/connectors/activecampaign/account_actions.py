"""What a rule can do with accounts: the companies of contacts. The vendor keeps their names unique."""

from __future__ import annotations

from functools import partial

from typing_extensions import override

from vaivem.connectors.activecampaign import client, finding, sales_client
from vaivem.connectors.activecampaign.objects import account_fields, candidate, output, ref
from vaivem.connectors.activecampaign.records import Record, account_from, body_for, flat
from vaivem.connectors.activecampaign.trigger_fields import outputs_of
from vaivem.connectors.sdk import Action, ActionContext, Answer, Connection, Idempotent, Keyed, Outcome
from vaivem.core.errors import RecordError
from vaivem.core.fields import Field
from vaivem.core.identity import normalise_name
from vaivem.core.mapping import Values


async def settle_account(context: ActionContext, values: Values) -> tuple[Record, str]:
    """Find, create or update one account; return it and what was done."""
    name = str(values["name"])
    key = f"name:{normalise_name(name)}"
    async with context.claim("account", key):
        found = await finding.accounts_named(context, name)
        account = await _pick(context, found, name)
        if account is not None:
            return await _update(context, account, values)

        async def find() -> Record | None:
            return next(iter(await finding.accounts_named(context, name)), None)

        changes = values.to_create()
        if owner := context.connection.settings.get("default_owner"):
            changes.setdefault("owner", owner)
        call = sales_client.create_account(body_for(context.connection, "account", changes))
        return await context.write(call, Keyed(key, find), partial(_taken, {})), "created"


async def _update(context: ActionContext, account: Record, values: Values) -> tuple[Record, str]:
    changes = values.to_update(flat(account))
    if not changes:
        return account, "kept"
    call = sales_client.update_account(account["id"], body_for(context.connection, "account", changes))
    return await context.write(call, Idempotent(), partial(_taken, account["custom"])), "updated"


def _taken(custom: Record, answer: Answer) -> Record:
    return account_from(client.one(answer, "account"), custom)


async def _pick(context: ActionContext, found: list[Record], name: str) -> Record | None:
    """Return the account that is meant: names that differ by an accent are two at the vendor."""
    exact = [one for one in found if one["name"] == name]
    if len(exact) == 1 or len(found) < 2:
        return next(iter(exact or found), None)
    shown = [candidate(context.connection, "account", one) for one in found]
    chosen = await context.choose("account", list(shown), name=name, why="several")
    return next((one for one in found if one["id"] == chosen), None)


def _outcome(connection: Connection, account: Record, did: str) -> Outcome:
    shown = {"account": output(connection, "account", account) | {"did": did}}
    return Outcome((ref(connection, "account", account, did),), shown)


class CreateOrUpdateAccount(Action):
    """Make a company be there."""

    key = "create_or_update_account"
    counts = ("account",)
    object = "account"

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return account_fields(connection)

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "account")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        account, did = await settle_account(context, context.values.group("account"))
        return _outcome(context.connection, account, did)


class FindAccount(Action):
    """Look for a company by its exact name."""

    key = "find_account"
    object = "account"
    reads_only = True

    @override
    def fields(self, connection: Connection) -> tuple[Field, ...]:
        return tuple(one for one in account_fields(connection) if one.key == "account.name")

    @override
    def outputs(self, connection: Connection) -> tuple[Field, ...]:
        return outputs_of(connection, "account")

    @override
    async def run(self, context: ActionContext) -> Outcome:
        name = str(context.values.get("account.name", ""))
        if not name:
            raise RecordError("nothing_to_find_by", path="account.name")
        account = await _pick(context, await finding.accounts_named(context, name), name)
        return _outcome(context.connection, account, "found") if account else Outcome(())
