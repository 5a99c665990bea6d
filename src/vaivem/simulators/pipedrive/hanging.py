"""What hangs on a record, in both versions: followers, the deals of a stage, the activities of a person."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from vaivem.simulators.pipedrive.account import Account
from vaivem.simulators.pipedrive.api import Asked, Call, Handler, call, ok
from vaivem.simulators.pipedrive.paging import in_pagination, offset_cursor, offset_page
from vaivem.simulators.pipedrive.problems import MissingError
from vaivem.simulators.pipedrive.schema import Record, Spec
from vaivem.simulators.pipedrive.times import plain, rfc
from vaivem.simulators.pipedrive.v1_shapes import v1_shape
from vaivem.simulators.pipedrive.values import check

_FULL = {
    "deals": "deals:full",
    "persons": "contacts:full",
    "organizations": "contacts:full",
    "products": "products:full",
}
# Whose list of what, by which field; the first two are still published.
_LISTS = (
    ("pipelines", "deals", "pipeline_id"),
    ("stages", "deals", "stage_id"),
    ("persons", "deals", "person_id"),
    ("persons", "activities", "person_id"),
    ("organizations", "persons", "org_id"),
    ("organizations", "deals", "org_id"),
    ("organizations", "activities", "org_id"),
    ("deals", "activities", "deal_id"),
)
_COPIED = (
    "title", "value", "currency", "person_id", "org_id", "stage_id", "pipeline_id", "owner_id", "label_ids",
    "expected_close_date", "probability", "visible_to", "custom_fields",
)  # fmt: skip


class Hanging:
    """The handlers of lists below a record."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def v2_calls(self) -> list[Call]:
        """Followers as API v2 has them."""
        calls = []
        for table, full in _FULL.items():
            path, reads = f"/{table}/{{id}}/followers", (full, full.replace(":full", ":read"))
            calls += [
                call("GET", path, self._followers(table), 10, *reads),
                call("POST", path, self._follow(table), 5, full),
                call("DELETE", f"{path}/{{follower_id}}", self._unfollow(table), 3, full),
            ]
        return calls

    def v1_calls(self) -> list[Call]:
        """Followers as API v1 has them, lists below a record, and a deal's double."""
        calls = [call("POST", "/deals/{id}/duplicate", self._duplicate, 10, "deals:full")]
        for table, full in _FULL.items():
            path, reads = f"/{table}/{{id}}/followers", (full, full.replace(":full", ":read"))
            calls += [
                call("GET", path, self._old_followers(table), 20, *reads),
                call("POST", path, self._follow(table, old=True), 10, full),
                call("DELETE", f"{path}/{{follower_id}}", self._unfollow(table, old=True), 6, full),
                call("GET", f"/{table}/{{id}}/permittedUsers", self._permitted(table), 10, *reads),
            ]
        for table, other, pointer in _LISTS:
            kind = {"deals": "deals", "persons": "contacts", "activities": "activities"}[other]
            scopes = (f"{kind}:read", f"{kind}:full")
            calls.append(
                call("GET", f"/{table}/{{id}}/{other}", self._list(table, other, pointer), 20, *scopes)
            )
        return calls

    def _of(self, table: str, record_id: Any) -> list[Record]:
        self._account.get(table, record_id)
        rows = self._account.rows("followers")
        return [row for row in rows if (row["table"], row["record_id"]) == (table, record_id)]

    def _followers(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            page, following = offset_cursor(asked.query, self._of(table, asked.path_id()))
            return ok([_shape(row) for row in page], additional={"next_cursor": following})

        return handle

    def _old_followers(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            page, state = offset_page(asked.query, self._of(table, asked.path_id()))
            return ok([_old_shape(row) for row in page], additional=state)

        return handle

    def _follow(self, table: str, old: bool = False) -> Handler:
        async def handle(asked: Asked) -> Response:
            own, body = asked.path_id(), await asked.loose_body()
            sent = body.get("user_id")
            sent = int(sent) if old and isinstance(sent, str) and sent.isdigit() else sent
            user = check(self._account, "user_id", Spec("id", "users", nullable=False), sent)
            there = [row for row in self._of(table, own) if row["user_id"] == user]
            now = self._account.now_text()
            made = {"table": table, "record_id": own, "user_id": user, "add_time": now}
            row = there[0] if there else self._account.put("followers", made)
            if old:
                return ok(_old_shape(row), 201 if table == "products" else 200)
            return ok(_shape(row), 201)

        return handle

    def _unfollow(self, table: str, old: bool = False) -> Handler:
        async def handle(asked: Asked) -> Response:
            follower, key = asked.path_id("follower_id"), "id" if old else "user_id"
            row = next((row for row in self._of(table, asked.path_id()) if row[key] == follower), None)
            if row is None:
                raise MissingError
            del self._account.tables["followers"][row["id"]]
            return ok({key: row[key]})

        return handle

    def _permitted(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            self._account.get(table, asked.path_id())
            return ok([row["id"] for row in self._account.tables["users"].values() if row["active_flag"]])

        return handle

    def _list(self, table: str, other: str, pointer: str) -> Handler:
        nested = table not in ("pipelines", "stages")

        async def handle(asked: Asked) -> Response:
            own = self._account.get(table, asked.path_id())["id"]
            rows = [row for row in self._account.rows(other) if row[pointer] == own]
            page, state = offset_page(asked.query, rows)
            shown = [v1_shape(self._account, other, row, nested=nested) for row in page]
            return ok(shown, additional=in_pagination(state) if nested else state)

        return handle

    async def _duplicate(self, asked: Asked) -> Response:
        deal = self._account.get("deals", asked.path_id())
        copied = {key: deal[key] for key in _COPIED}
        made = self._account.create("deals", copied, asked.actor)
        return ok(v1_shape(self._account, "deals", made))


def _shape(row: Record) -> Record:
    return {"user_id": row["user_id"], "add_time": rfc(row["add_time"])}


def _old_shape(row: Record) -> Record:
    link = {"deals": "deal_id", "persons": "person_id", "organizations": "org_id", "products": "product_id"}
    shown = {"id": row["id"], "user_id": row["user_id"], "add_time": plain(row["add_time"])}
    return {**shown, link[row["table"]]: row["record_id"]}
