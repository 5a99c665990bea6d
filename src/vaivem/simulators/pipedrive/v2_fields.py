"""API v2: what fields there are, and making, changing and deleting custom ones and their options."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.responses import Response

from vaivem.simulators.pipedrive.account import Account, new_code
from vaivem.simulators.pipedrive.api import Asked, Call, Handler, call, ok
from vaivem.simulators.pipedrive.builtin_fields import BUILTIN, builtin
from vaivem.simulators.pipedrive.custom_fields import (
    CREATABLE,
    definition,
    definitions,
    subfields,
    without_option,
)
from vaivem.simulators.pipedrive.paging import offset_cursor, words
from vaivem.simulators.pipedrive.problems import MissingError, RefusedError
from vaivem.simulators.pipedrive.schema import Record
from vaivem.simulators.pipedrive.times import rfc

_EXTRAS = ("ui_visibility", "important_fields", "required_fields")
_TABLES = {
    "deal": ("deals", "leads"),
    "person": ("persons",),
    "organization": ("organizations",),
    "product": ("products",),
}
_READS = {
    "deal": ("deals:read", "deals:full", "admin", "deal-fields:full"),
    "person": ("contacts:read", "contacts:full", "admin", "contact-fields:full"),
    "organization": ("contacts:read", "contacts:full", "admin", "contact-fields:full"),
    "product": ("products:read", "products:full", "product-fields:full"),
    "activity": ("admin",),
}
_WRITES = {
    "deal": ("admin", "deal-fields:full"),
    "person": ("admin", "contact-fields:full"),
    "organization": ("admin", "contact-fields:full"),
    "product": ("products:full", "product-fields:full"),
}
_OPTION_WRITES = {
    "deal": "deals:full",
    "person": "contacts:full",
    "organization": "contacts:full",
    "product": "products:full",
}
COLORS = ("green", "blue", "yellow", "red", "purple", "gray")


class FieldsV2:
    """The handlers of dealFields, personFields and so on."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def calls(self) -> list[Call]:
        """Every operation with its published cost and scopes."""
        calls: list[Call] = []
        for entity, reads in _READS.items():
            many, one = f"/{entity}Fields", f"/{entity}Fields/{{field_code}}"
            calls += [
                call("GET", many, self._lister(entity), 10, *reads),
                call("GET", one, self._getter(entity), 1, *reads),
            ]
            if entity not in _WRITES:
                continue
            writes, options = _WRITES[entity], (*_WRITES[entity], _OPTION_WRITES[entity])
            calls += [
                call("POST", many, self._creator(entity), 5, *writes),
                call("PATCH", one, self._on_field(entity, self._change), 5, *options),
                call("DELETE", one, self._on_field(entity, self._delete), 3, *writes),
                call("POST", f"{one}/options", self._on_field(entity, self._add_options), 5, *options),
                call("PATCH", f"{one}/options", self._on_field(entity, self._change_options), 5, *options),
                call("DELETE", f"{one}/options", self._on_field(entity, self._delete_options), 3, *options),
            ]
        return calls

    def all_fields(self, entity: str) -> list[Record]:
        """The fields of an entity as stored, those that the vendor made first."""
        return [*builtin(self._account, entity), *definitions(self._account, entity)]

    def shape(self, field: Record, extras: list[str] | None = None) -> Record:
        """A definition as this API shows it."""
        options = field["options"]
        shown = {
            "field_name": field["field_name"],
            "field_code": field["field_code"],
            "description": field["description"] or "",
            "field_type": field["field_type"],
            "options": options and [_option(option) for option in options],
            "subfields": subfields(field["field_code"], field["field_name"], field["field_type"]),
            "is_custom_field": field["is_custom_field"],
            "is_optional_response_field": False,
        }
        kept = field.get("extras") or {}
        shown.update({name: kept.get(name) or _default(name, field["entity"]) for name in extras or ()})
        return shown

    def _lister(self, entity: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            extras = words(asked.query, "include_fields", _EXTRAS)
            page, following = offset_cursor(asked.query, self.all_fields(entity))
            shown = [self.shape(field, extras) for field in page]
            return ok(shown, additional={"next_cursor": following})

        return handle

    def _getter(self, entity: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            code, extras = (
                asked.request.path_params["field_code"],
                words(asked.query, "include_fields", _EXTRAS),
            )
            found = next((item for item in self.all_fields(entity) if item["field_code"] == code), None)
            if found is None:
                raise MissingError("Field")
            return ok(self.shape(found, extras))

        return handle

    def _creator(self, entity: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            body = await asked.body()
            field = self.make(entity, body, asked.actor.user_id)
            return ok(self.shape(field, list(_EXTRAS[:2])))

        return handle

    def make(self, entity: str, body: Record, user_id: int) -> Record:
        """Make a custom field out of what was sent."""
        name, kind = body.get("field_name"), body.get("field_type")
        if not isinstance(name, str) or not name.strip() or len(name) > 255:
            raise RefusedError("field_name", "must be a string of 1 to 255 characters")
        if kind not in CREATABLE:
            raise RefusedError("field_type", f"must be one of {', '.join(CREATABLE)}")
        has_options = kind in ("enum", "set")
        if has_options and not body.get("options"):
            raise RefusedError("options", "are required for the types enum and set")
        now = self._account.now_text()
        field = {
            "entity": entity,
            "field_code": new_code(),
            "field_name": name,
            "field_type": kind,
            "description": body.get("description"),
            "options": [self._option(item, place) for place, item in enumerate(body["options"])]
            if has_options
            else None,
            "is_custom_field": True,
            "is_deleted": False,
            "created_by_user_id": user_id,
            "add_time": now,
            "update_time": now,
            "extras": {key: body[key] for key in _EXTRAS if key in body},
        }
        return self._account.put("fields", field)

    def _on_field(self, entity: str, act: Callable[[Asked, Record], Awaitable[Response]]) -> Handler:
        async def handle(asked: Asked) -> Response:
            code = asked.request.path_params["field_code"]
            field = definition(self._account, entity, code)
            if field is None:
                if code in {item[0] for item in BUILTIN[entity]}:
                    raise RefusedError("field_code", "this field cannot be changed")
                raise MissingError("Field")
            return await act(asked, field)

        return handle

    async def _change(self, asked: Asked, field: Record) -> Response:
        body = await asked.body()
        known = {"field_name", "description", *_EXTRAS}
        if not body or set(body) - known:
            raise RefusedError("body", f"takes {', '.join(sorted(known))}")
        extras = {**field["extras"], **{key: body[key] for key in _EXTRAS if key in body}}
        own: Record = {key: body[key] for key in ("field_name", "description") if key in body}
        return ok(self.shape(self._put({**field, **own, "extras": extras})))

    async def _delete(self, _asked: Asked, field: Record) -> Response:
        return ok(self.shape(self._put({**field, "is_deleted": True})))

    async def _add_options(self, asked: Asked, field: Record) -> Response:
        sent = await self._options(asked, field, ("label",))
        made = [self._option(item, len(field["options"]) + place) for place, item in enumerate(sent)]
        self._put({**field, "options": [*field["options"], *made]})
        return ok([_short(option) for option in made])

    async def _change_options(self, asked: Asked, field: Record) -> Response:
        sent = {item["id"]: item["label"] for item in await self._options(asked, field, ("id", "label"))}
        changed = [
            {**option, "label": sent.get(option["id"], option["label"])} for option in field["options"]
        ]
        self._put({**field, "options": changed})
        return ok([_short(option) for option in changed if option["id"] in sent])

    async def _delete_options(self, asked: Asked, field: Record) -> Response:
        gone = {item["id"] for item in await self._options(asked, field, ("id",))}
        self.delete_options(field, gone)
        return ok([_short(option) for option in field["options"] if option["id"] in gone])

    def delete_options(self, field: Record, gone: set[int]) -> None:
        """Take options away, out of the records too."""
        self._put({**field, "options": [o for o in field["options"] if o["id"] not in gone]})
        code = field["field_code"]
        for table in _TABLES[field["entity"]]:
            for record in list(self._account.tables[table].values()):
                value = record["custom_fields"].get(code)
                for option_id in gone:
                    value = without_option(value, option_id)
                if value != record["custom_fields"].get(code):
                    values = {**record["custom_fields"], code: value}
                    self._account.tables[table][record["id"]] = {**record, "custom_fields": values}

    async def _options(self, asked: Asked, field: Record, keys: tuple[str, ...]) -> list[Any]:
        """The array that was sent: all of it is good or none is taken."""
        if field["field_type"] not in ("enum", "set"):
            raise RefusedError("field_code", "this field has no options")
        try:
            sent = orjson.loads(await asked.request.body())
        except orjson.JSONDecodeError as error:
            raise RefusedError("body", "must be an array") from error
        whole = isinstance(sent, list) and sent and all(isinstance(item, dict) for item in sent)
        if not whole or any(set(item) != set(keys) for item in sent):
            raise RefusedError("body", f"must be an array of objects of {', '.join(keys)}")
        known = {option["id"] for option in field["options"]}
        if "id" in keys and any(item["id"] not in known for item in sent):
            raise RefusedError("id", "there is no such option")
        if "label" in keys and any(not isinstance(item["label"], str) or not item["label"] for item in sent):
            raise RefusedError("label", "must be a string")
        return list(sent)

    def _option(self, item: Any, place: int) -> Record:
        if not isinstance(item, dict) or not isinstance(item.get("label"), str) or not item["label"]:
            raise RefusedError("options", "must be an array of objects of label")
        now = self._account.now_text()
        color = COLORS[place % len(COLORS)]
        own = self._account.new_id("options")
        return {"id": own, "label": item["label"], "color": color, "add_time": now, "update_time": now}

    def _put(self, field: Record) -> Record:
        return self._account.put("fields", {**field, "update_time": self._account.now_text()})


def _option(option: Record) -> Record:
    if "add_time" not in option:
        return {"id": option["id"], "label": option["label"]}
    times = {key: rfc(option[key]) for key in ("add_time", "update_time")}
    return {"id": option["id"], "label": option["label"], "color": option["color"], **times}


def _short(option: Record) -> Record:
    return {"id": option["id"], "label": option["label"]}


def _default(name: str, entity: str) -> Record:
    if name == "important_fields":
        return {"enabled": False, "stage_ids": []}
    if name == "required_fields":
        return {"enabled": False, **({"stage_ids": [], "statuses": {}} if entity == "deal" else {})}
    shown: Record = {"add_visible_flag": False, "details_visible_flag": True}
    if entity == "deal":
        shown["projects_detail_visible_flag"] = False
        shown["show_in_pipelines"] = {"show_in_all": True, "pipeline_ids": []}
    if entity in ("person", "organization"):
        shown["show_in_add_deal_dialog"] = {"show": False, "order": None}
    return shown
