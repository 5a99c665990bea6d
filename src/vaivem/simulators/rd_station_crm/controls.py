"""What tests and the demo may ask and do beside the vendor's APIs, under `/_control`."""

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.control import control_object
from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.access import Access, App
from vaivem.simulators.rd_station_crm.account import Account
from vaivem.simulators.rd_station_crm.board import Board
from vaivem.simulators.rd_station_crm.custom_values import definitions
from vaivem.simulators.rd_station_crm.problems import MissingError, RefusedError
from vaivem.simulators.rd_station_crm.v2 import ApiV2, sentence


class Controls:
    """Counting, looking for doubles, a person's acts, and the switches of what the vendor leaves open."""

    def __init__(self, account: Account, access: Access, board: Board, shapes: ApiV2) -> None:
        self._account = account
        self._access = access
        self._board = board
        self._shapes = shapes

    def routes(self) -> list[BaseRoute]:
        """The routes beside the kit's own."""
        return [
            Route("/counts", self._counts),
            Route("/deals", self._deals),
            Route("/deals/contacts", self._deals_contacts),
            Route("/duplicates", self._duplicates),
            Route("/deals/{deal_id}/{act}", self._act, methods=["POST"]),
            Route("/quirks", self._quirks, methods=["GET", "POST"]),
            Route("/apps", self._apps, methods=["POST"]),
            Route("/revoke", self._revoke, methods=["POST"]),
        ]

    async def _counts(self, _request: Request) -> Response:
        tables = ("contacts", "deals", "organizations", "notes", "tasks", "webhooks")
        return json_answer({name: len(self._account.tables[name]) for name in tables})

    async def _deals(self, request: Request) -> Response:
        """Deals in API v2's shape: those with `?reference=` in any custom field, or with `?name=`, or all."""
        deals, query = self._account.tables["deals"], request.query_params
        if "reference" in query:
            slugs = [field["slug"] for field in definitions(self._account, "deal")]
            ids = dict.fromkeys(
                key for slug in slugs for key in deals.ids("custom", (slug, query["reference"]))
            )
            found = [self._account.get("deals", key) for key in ids]
        else:
            found = deals.find("name", query["name"]) if "name" in query else deals.dump()
        return json_answer([self._shapes.shape("deals", deal) for deal in found])

    async def _deals_contacts(self, _request: Request) -> Response:
        """Every deal's name with the e-mails of the contacts that are linked to it."""
        contacts = self._account.tables["contacts"]
        emails = {one["id"]: [email["email"] for email in one["emails"]] for one in contacts}
        rows = [
            {
                "id": deal["id"],
                "name": deal["name"],
                "contacts": sorted(email for one in deal["contact_ids"] for email in emails.get(one, [one])),
            }
            for deal in self._account.tables["deals"]
        ]
        return json_answer(rows)

    async def _duplicates(self, _request: Request) -> Response:
        """Groups of ids that look like one thing made twice; all empty when nothing was doubled."""
        texts = {field["slug"] for field in definitions(self._account, "deal") if field["type"] == "text"}
        deals, contacts = self._account.tables["deals"], self._account.tables["contacts"]
        references = [
            {"field": key[0], "value": key[1], "ids": ids}
            for key, ids in deals.shared_keys("custom")
            if isinstance(key, tuple) and key[0] in texts
        ]
        return json_answer(
            {
                "deals_by_reference": references,
                "deals_by_name": _groups(deals.shared_keys("name")),
                "contacts_by_email": _groups(contacts.shared_keys("email")),
                "contacts_by_phone": _groups(contacts.shared_keys("phone")),
                "organizations_by_name": self._organizations(),
            }
        )

    def _organizations(self) -> list[dict[str, Any]]:
        """The vendor keeps the exact name unique; a second spelling of it is what can go wrong."""
        groups: dict[str, list[str]] = defaultdict(list)
        for organization in self._account.tables["organizations"]:
            groups[" ".join(organization["name"].casefold().split())].append(organization["id"])
        return [{"value": name, "ids": ids} for name, ids in groups.items() if len(ids) > 1]

    async def _act(self, request: Request) -> Response:
        body, path = await control_object(request), request.path_params
        stage_id, reason = str(body.get("stage_id", "")), str(body.get("lost_reason_id", ""))
        try:
            deal = self._board.act(path["deal_id"], path["act"], stage_id=stage_id, lost_reason_id=reason)
        except MissingError as error:
            raise HTTPException(404, str(error)) from error
        except RefusedError as error:
            raise HTTPException(422, "; ".join(sentence(item) for item in error.problems)) from error
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        return json_answer(self._shapes.shape("deals", deal))

    async def _quirks(self, request: Request) -> Response:
        if request.method == "POST":
            values = await control_object(request)
            try:
                self._account.quirks.change(values)
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(asdict(self._account.quirks))

    async def _apps(self, request: Request) -> Response:
        """Register an app (`name`, `client_id`, `client_secret`, `redirect_uris`), or one of that id anew."""
        body = await control_object(request)
        texts: Record = {key: body.get(key) for key in ("name", "client_id", "client_secret")}
        uris = body.get("redirect_uris", [])
        if not all(isinstance(text, str) and text for text in texts.values()) or not isinstance(uris, list):
            raise HTTPException(400, "name, client_id and client_secret are texts, redirect_uris is a list")
        app = self._access.register(App(**texts, redirect_uris=tuple(str(uri) for uri in uris)))
        return json_answer(asdict(app))

    async def _revoke(self, _request: Request) -> Response:
        """End every code and token, as a person does who removes the app from the account."""
        self._access.revoke()
        return json_answer({"revoked": True})


def _groups(shared: Any) -> list[dict[str, Any]]:
    return [{"value": key, "ids": ids} for key, ids in shared]
