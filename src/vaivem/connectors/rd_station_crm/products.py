"""Puts products into a deal: one line for each product."""

from __future__ import annotations

from vaivem.connectors.rd_station_crm.client import Api
from vaivem.connectors.rd_station_crm.finding import all_pages
from vaivem.connectors.rd_station_crm.records import Record
from vaivem.connectors.sdk import ActionContext, Findable, Idempotent
from vaivem.core.mapping import Values


async def settle_products(
    context: ActionContext, api: Api, deal_id: str, lines: list[Values]
) -> list[Record]:
    """Add the products that a deal lacks and change those that differ; return our lines as they are now.

    A line is recognised by its product. Lines of other products are left alone.
    """
    if not lines:
        return []
    present = await all_pages(context, api, api.products(deal_id), api.read_products)
    settled: list[Record] = []
    for line in lines:
        there = _of_product([*present, *settled], line["product"])
        changed = await _settle(context, api, deal_id, line, there)
        settled = [other for other in settled if other["id"] != changed["id"]] + [changed]
    return settled


async def _settle(
    context: ActionContext, api: Api, deal_id: str, line: Values, there: Record | None
) -> Record:
    if there is None:

        async def find() -> Record | None:
            lines = await all_pages(context, api, api.products(deal_id), api.read_products)
            return _of_product(lines, line["product"])

        wanted = line.to_create()
        made = await context.write(api.product_add(deal_id, wanted), Findable(find), api.read_product)
        return wanted | made  # a person who settled a doubt told the id alone
    changes = line.to_update(there)
    if not changes:
        return there
    call = api.product_change(deal_id, there["id"], changes)
    return await context.write(call, Idempotent(), api.read_product)


def _of_product(lines: list[Record], product: str) -> Record | None:
    return next((line for line in reversed(lines) if line["product"] == product), None)
