"""API v1: what changed lately, a record's history, merging, and files."""

from __future__ import annotations

import base64
from collections.abc import Callable

from starlette.datastructures import UploadFile
from starlette.responses import Response

from vaivem.simulators.pipedrive.account import Account
from vaivem.simulators.pipedrive.api import Asked, Call, Handler, call, ok
from vaivem.simulators.pipedrive.paging import (
    bad_query,
    in_pagination,
    moment,
    offset_cursor,
    offset_page,
    words,
)
from vaivem.simulators.pipedrive.problems import RefusedError
from vaivem.simulators.pipedrive.schema import Record
from vaivem.simulators.pipedrive.times import plain
from vaivem.simulators.pipedrive.v1_shapes import v1_shape
from vaivem.simulators.pipedrive.values import is_int

MAX_FILE_BYTES = 50 * 1024 * 1024
RECENT = {
    "activity": "activities",
    "deal": "deals",
    "note": "notes",
    "person": "persons",
    "organization": "organizations",
    "pipeline": "pipelines",
    "product": "products",
    "stage": "stages",
    "file": "files",
    "user": "users",
}
_OTHER_RECENT = ("activityType", "filter")
_LINKS = ("deal_id", "person_id", "org_id", "product_id", "activity_id", "lead_id", "project_id")
_READ_FILES = (
    "deals:read",
    "deals:full",
    "activities:read",
    "activities:full",
    "contacts:read",
    "contacts:full",
)
_WRITE_FILES = ("deals:full", "activities:full", "contacts:full")
_SCOPES = {"deals": "deals:full", "persons": "contacts:full", "organizations": "contacts:full"}


class ChangesV1:
    """The handlers of recents, changelogs, merges and files."""

    def __init__(self, account: Account, api_domain: Callable[[], str]) -> None:
        self._account = account
        self._api_domain = api_domain

    def calls(self) -> list[Call]:
        """Every operation with its published cost and scopes."""
        calls = [
            call("GET", "/recents", self._recents, 20, "recents:read", "search:read"),
            call("GET", "/files", self._files(), 20, *_READ_FILES),
            call("POST", "/files", self._add_file, 10, *_WRITE_FILES),
            call("GET", "/files/{id}", self._file, 2, *_READ_FILES),
            call("DELETE", "/files/{id}", self._delete_file, 6, *_WRITE_FILES),
            call("GET", "/files/{id}/download", self._download, 20, *_READ_FILES),
        ]
        for table, scope in _SCOPES.items():
            pointer = {"deals": "deal_id", "persons": "person_id", "organizations": "org_id"}[table]
            own = f"/{table}/{{id}}"
            calls += [
                call("GET", f"{own}/changelog", self._changelog(table), 20, "recents:read"),
                call("PUT", f"{own}/merge", self._merger(table), 40, scope),
                call("GET", f"{own}/files", self._files(pointer), 20, scope, scope.replace("full", "read")),
            ]
        return calls

    async def _recents(self, asked: Asked) -> Response:
        since = moment(asked.query, "since_timestamp")
        if since is None:
            raise bad_query("since_timestamp", "is required")
        items = words(asked.query, "items", (*RECENT, *_OTHER_RECENT)) or list(RECENT)
        found = [
            (row["update_time"], item, RECENT[item], row)
            for item in items
            if item in RECENT
            for row in self._account.tables[RECENT[item]].values()
            if row["update_time"] >= since
        ]
        found.sort(key=lambda entry: entry[0])
        page, state = offset_page(asked.query, found)
        shown = [
            {"item": item, "id": row["id"], "data": self._shape(table, row)} for _at, item, table, row in page
        ]
        last = plain(page[-1][0]) if page else None
        more = {"since_timestamp": plain(since), "last_timestamp_on_page": last, **in_pagination(state)}
        return ok(shown, additional=more)

    def _shape(self, table: str, row: Record) -> Record:
        if table == "files":
            return self._file_shape(row)
        # Here organizations have their owner as an object, the others as an id.
        return v1_shape(self._account, table, row, nested=table == "organizations")

    def _changelog(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            record = self._account.get(table, asked.path_id(), deleted=True)
            lines = self._account.changelog.get(f"{table}/{record['id']}", [])
            page, following = offset_cursor(asked.query, lines[::-1])
            shown = [{**line, "time": plain(line["time"])} for line in page]
            return ok(shown, additional={"next_cursor": following})

        return handle

    def _merger(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            into = (await asked.loose_body()).get("merge_with_id")
            into = int(into) if isinstance(into, str) and into.isdigit() else into
            if not is_int(into):
                raise RefusedError("merge_with_id", "must be an integer")
            record = self._account.merge(table, asked.path_id(), into, asked.actor)
            if table == "organizations":
                return ok({"id": record["id"]})
            return ok({**v1_shape(self._account, table, record), "merge_what_id": asked.path_id()})

        return handle

    def _files(self, pointer: str = "") -> Handler:
        async def handle(asked: Asked) -> Response:
            own = asked.path_id() if pointer else 0
            rows = [row for row in self._account.rows("files") if not pointer or row[pointer] == own]
            page, state = offset_page(asked.query, rows)
            shown = [self._file_shape(row) for row in page]
            return ok(shown, additional=state if pointer else in_pagination(state))

        return handle

    async def _add_file(self, asked: Asked) -> Response:
        async with asked.request.form() as form:
            upload = form.get("file")
            if not isinstance(upload, UploadFile) or not upload.filename:
                raise RefusedError("file", "is required")
            content, name = await upload.read(MAX_FILE_BYTES + 1), upload.filename
            links = {key: form.get(key) for key in _LINKS}
        if len(content) > MAX_FILE_BYTES:
            raise RefusedError("file", "is too large")
        tables = {"deal_id": "deals", "person_id": "persons", "org_id": "organizations", "lead_id": "leads"}
        kept: Record = {}
        for key, value in links.items():
            kept[key] = int(value) if isinstance(value, str) and value.isdigit() else value or None
            if kept[key] is not None and key in tables and not self._account.exists(tables[key], kept[key]):
                raise RefusedError(key, "does not exist")
        now = self._account.now_text()
        row = {
            "user_id": asked.actor.user_id,
            **kept,
            "name": name,
            "file_size": len(content),
            "description": "",
            "add_time": now,
            "update_time": now,
            "is_deleted": False,
            "_content": base64.b64encode(content).decode(),
        }
        return ok(self._file_shape(self._account.put("files", row)))

    async def _file(self, asked: Asked) -> Response:
        return ok(self._file_shape(self._account.get("files", asked.path_id())))

    async def _delete_file(self, asked: Asked) -> Response:
        row = self._account.get("files", asked.path_id())
        self._account.put("files", {**row, "is_deleted": True, "update_time": self._account.now_text()})
        return ok({"id": row["id"]})

    async def _download(self, asked: Asked) -> Response:
        row = self._account.get("files", asked.path_id())
        # Never shown in place: an uploaded page must not run under this address.
        headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
        content = base64.b64decode(row["_content"])
        return Response(content, media_type="application/octet-stream", headers=headers)

    def _file_shape(self, row: Record) -> Record:
        tables = self._account.tables
        deal, person = tables["deals"].get(row["deal_id"]), tables["persons"].get(row["person_id"])
        organization = tables["organizations"].get(row["org_id"])
        return {
            "id": row["id"],
            "user_id": row["user_id"],
            **{key: row[key] for key in _LINKS},
            "add_time": plain(row["add_time"]),
            "update_time": plain(row["update_time"]),
            "file_name": f"{row['id']}-{row['name']}",
            "file_size": row["file_size"],
            "active_flag": not row["is_deleted"],
            "inline_flag": False,
            "remote_location": "s3",
            "remote_id": "",
            "cid": "",
            "s3_bucket": "",
            "mail_message_id": "",
            "mail_template_id": "",
            "deal_name": deal and deal["title"],
            "person_name": person and person["name"],
            "org_name": organization and organization["name"],
            "product_name": None,
            "lead_name": None,
            "project_name": None,
            "url": f"{self._api_domain()}/api/v1/files/{row['id']}/download",
            "name": row["name"],
            "description": row["description"],
        }
