"""What tests and the demo may ask and do beside the vendor's API, under `/_control`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.control import control_object
from vaivem.simulators.pipedrive.access import HUB_SCOPES, SCOPES, Access, App
from vaivem.simulators.pipedrive.account import Account
from vaivem.simulators.pipedrive.board import Board
from vaivem.simulators.pipedrive.meter import Meter
from vaivem.simulators.pipedrive.oauth import OAuth
from vaivem.simulators.pipedrive.problems import ApiError
from vaivem.simulators.pipedrive.schema import Record
from vaivem.simulators.pipedrive.v2 import ApiV2


class Controls:
    """Counting, looking for doubles, a person's acts, the plan, and the switches."""

    def __init__(
        self, account: Account, access: Access, board: Board, shapes: ApiV2, meter: Meter, oauth: OAuth
    ) -> None:
        self._account = account
        self._access = access
        self._board = board
        self._shapes = shapes
        self._meter = meter
        self._oauth = oauth

    def routes(self) -> list[BaseRoute]:
        """The routes beside the kit's own."""
        return [
            Route("/counts", self._counts),
            Route("/persons", self._persons),
            Route("/organizations", self._organizations),
            Route("/deals", self._deals),
            Route("/duplicates", self._duplicates),
            Route("/deals/{deal_id:int}/{act}", self._act, methods=["POST"]),
            Route("/users/{user_id:int}", self._user, methods=["POST"]),
            Route("/quirks", self._quirks, methods=["GET", "POST"]),
            Route("/budget", self._budget, methods=["GET", "POST"]),
            Route("/apps", self._apps, methods=["GET", "POST"]),
            Route("/uninstall", self._uninstall, methods=["POST"]),
        ]

    async def _counts(self, _request: Request) -> Response:
        tables = ("persons", "organizations", "deals", "leads", "notes", "activities", "webhooks")
        return json_answer({name: len(self._account.rows(name)) for name in tables})

    async def _persons(self, request: Request) -> Response:
        """Persons in API v2's shape: those with `?email=`, or all."""
        email, rows = request.query_params.get("email", "").lower(), self._account.rows("persons")
        if email:
            rows = [row for row in rows if email in [item["value"].lower() for item in row["emails"]]]
        return json_answer([self._shapes.shape("persons", row) for row in rows])

    async def _organizations(self, request: Request) -> Response:
        """Organizations in API v2's shape: those of `?name=`, or all."""
        name, rows = request.query_params.get("name"), self._account.rows("organizations")
        found = [row for row in rows if name is None or row["name"] == name]
        return json_answer([self._shapes.shape("organizations", row) for row in found])

    async def _deals(self, request: Request) -> Response:
        """Deals in API v2's shape: `?reference=` in any custom field, `?title=`, `?person_id=`, or all."""
        rows, query = self._account.rows("deals"), request.query_params
        if "reference" in query:
            rows = [row for row in rows if query["reference"] in row["custom_fields"].values()]
        if "title" in query:
            rows = [row for row in rows if row["title"] == query["title"]]
        if "person_id" in query:
            rows = [row for row in rows if str(row["person_id"]) == query["person_id"]]
        return json_answer([self._shapes.shape("deals", row) for row in rows])

    async def _duplicates(self, _request: Request) -> Response:
        """Groups of ids that look like one thing made twice; all empty when nothing was doubled."""
        persons, deals = self._account.rows("persons"), self._account.rows("deals")
        codes = [
            f["field_code"] for f in self._account.tables["fields"].values() if f["field_type"] == "varchar"
        ]
        emails = [(item["value"].lower(), row["id"]) for row in persons for item in row["emails"]]
        phones = [(_digits(item["value"]), row["id"]) for row in persons for item in row["phones"]]
        names = [(_plain(row["name"]), row["id"]) for row in self._account.rows("organizations")]
        references = [
            (row["custom_fields"][code], row["id"])
            for row in deals
            for code in codes
            if row["custom_fields"].get(code)
        ]
        return json_answer(
            {
                "persons_by_email": _groups(emails),
                "persons_by_phone": _groups(phones),
                "organizations_by_name": _groups(names),
                "deals_by_reference": _groups(references),
                "deals_by_title": _groups([(row["title"], row["id"]) for row in deals]),
            }
        )

    async def _act(self, request: Request) -> Response:
        body, path = await control_object(request), request.path_params
        try:
            deal = self._board.act(
                path["deal_id"],
                path["act"],
                stage_id=int(body.get("stage_id", 0)),
                reason=str(body.get("lost_reason", "")),
                value=float(body.get("value", 0)),
            )
        except ApiError as error:
            raise HTTPException(error.status, error.error) from error
        except (TypeError, ValueError) as error:
            raise HTTPException(400, str(error)) from error
        return json_answer(self._shapes.shape("deals", deal))

    async def _user(self, request: Request) -> Response:
        """Deactivate a user (`active`: false) or let him in again."""
        user = self._account.tables["users"].get(request.path_params["user_id"])
        active = (await control_object(request)).get("active")
        if user is None or not isinstance(active, bool):
            raise HTTPException(400, "active is true or false, for a user of the account")
        changed = {**user, "active_flag": active, "update_time": self._account.now_text()}
        self._account.tell_user("change", changed, user, self._board.actor)
        return json_answer({"id": user["id"], "active": active})

    async def _quirks(self, request: Request) -> Response:
        if request.method == "POST":
            values = await control_object(request)
            try:
                self._account.quirks.change(values)
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(asdict(self._account.quirks))

    async def _budget(self, request: Request) -> Response:
        """Today's tokens; `plan`, `seats`, `top_up` and `spent` can be set."""
        if request.method == "POST":
            body, meter = await control_object(request), self._meter
            meter.usage()
            try:
                plan, seats = str(body.get("plan", meter.plan)), int(body.get("seats", meter.seats))
                meter.choose(plan, seats, int(body.get("top_up", meter.top_up)))
                meter.spent = int(body.get("spent", meter.spent))
            except (TypeError, ValueError) as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(self._meter.usage())

    async def _apps(self, request: Request) -> Response:
        """The apps; or register one (`name`, `client_id`, `client_secret`, `redirect_uris`, `scopes`)."""
        if request.method == "GET":
            return json_answer(
                [{**asdict(app), "client_secret": "***"} for app in self._access.apps.values()]
            )
        body = await control_object(request)
        texts: Record = {key: body.get(key) for key in ("name", "client_id", "client_secret")}
        uris, scopes = body.get("redirect_uris", []), body.get("scopes", list(HUB_SCOPES))
        if not all(isinstance(text, str) and text for text in texts.values()) or not isinstance(uris, list):
            raise HTTPException(400, "name, client_id and client_secret are texts, redirect_uris is a list")
        if not isinstance(scopes, list) or set(scopes) - set(SCOPES):
            raise HTTPException(400, f"scopes is a list of {', '.join(SCOPES)}")
        lists: dict[str, Any] = {"redirect_uris": tuple(str(uri) for uri in uris), "scopes": tuple(scopes)}
        return json_answer(asdict(self._access.register(App(**texts, **lists))))

    async def _uninstall(self, request: Request) -> Response:
        """Remove an app as its user does at the vendor (`client_id`, `user_id`; by default the demo's)."""
        body = await control_object(request)
        client_id = str(body.get("client_id") or next(iter(self._access.apps)))
        user_id = body.get("user_id") or self._board.actor.user_id
        return json_answer({"removed": self._oauth.uninstall(client_id, int(user_id))})


def _groups(pairs: list[tuple[str, int]]) -> list[dict[str, Any]]:
    found: dict[str, list[int]] = defaultdict(list)
    for value, own in pairs:
        if value and own not in found[value]:
            found[value].append(own)
    return [{"value": value, "ids": ids} for value, ids in found.items() if len(ids) > 1]


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
