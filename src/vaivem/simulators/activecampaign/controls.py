"""What tests and the demo may ask and do beside the vendor's API, under `/_control`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.contacts import Contacts
from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.control import control_object
from vaivem.simulators.kit.tables import Record

if TYPE_CHECKING:
    from vaivem.simulators.activecampaign.app import ActiveCampaign

_COUNTED = (
    "contacts",
    "contact_tags",
    "contact_lists",
    "contact_automations",
    "accounts",
    "deals",
    "notes",
    "tasks",
    "schemas",
    "records",
    "webhooks",
)


class Controls:
    """Counting, looking for doubles, and the switches of what the vendor leaves open."""

    def __init__(self, simulator: ActiveCampaign) -> None:
        self._simulator = simulator

    @property
    def _account(self) -> Account:
        return self._simulator.account

    def routes(self) -> list[BaseRoute]:
        """The routes beside the kit's own."""
        return [
            Route("/counts", self._counts),
            Route("/contacts", self._contacts),
            Route("/duplicates", self._duplicates),
            Route("/imports", self._imports),
            Route("/settle", self._settle, methods=["POST"]),
            Route("/quirks", self._quirks, methods=["GET", "POST"]),
        ]

    async def _counts(self, _request: Request) -> Response:
        return json_answer({name: len(self._account[name]) for name in _COUNTED})

    async def _contacts(self, request: Request) -> Response:
        """Contacts with the names of their tags and lists, their values by field title, their records."""
        email = request.query_params.get("email")
        if email is not None:
            one = Contacts(self._account).by_email(email)
            return json_answer([self._shown(one)] if one else [])
        return json_answer([self._shown(contact) for contact in self._account["contacts"]])

    def _shown(self, contact: Record) -> Record:
        account, key = self._account, contact["id"]
        tags = (account["tags"].get(link["tag"]) for link in account["contact_tags"].find("contact", key))
        lists = account["contact_lists"].find("contact", key)
        fields = account["fields"]
        values = {
            definition["title"]: one["value"]
            for one in account["field_values"].find("contact", key)
            if (definition := fields.get(one["field"])) is not None
        }
        slugs = {schema["id"]: schema["slug"] for schema in account["schemas"]}
        records = [
            {"schema": slugs[one["schema"]], "external": one["external"], "values": one["values"]}
            for one in account["records"].find("related", key)
        ]
        series = [row["automation"] for row in account["contact_automations"].find("contact", key)]
        return {
            **contact,
            "tags": [tag["tag"] for tag in tags if tag],
            "lists": {one["list"]: one["status"] for one in lists},
            "values": values,
            "records": records,
            "automations": series,
        }

    async def _duplicates(self, _request: Request) -> Response:
        """What looks made twice: deals, notes and tasks of one text, automations entered again."""
        account = self._account
        names = ("deals", "notes", "tasks", "automations")
        kinds: dict[str, dict[tuple[str, ...], list[str]]] = {name: {} for name in names}
        for deal in account["deals"]:
            kinds["deals"].setdefault((deal["title"], str(deal["contact"])), []).append(deal["id"])
        for note in account["notes"]:
            key = (note["reltype"], note["relid"], note["note"])
            kinds["notes"].setdefault(key, []).append(note["id"])
        for task in account["tasks"]:
            told = [str(task[name]) for name in ("reltype", "relid", "title", "note", "duedate")]
            kinds["tasks"].setdefault(tuple(told), []).append(task["id"])
        for row in account["contact_automations"]:
            kinds["automations"].setdefault((row["contact"], row["automation"]), []).append(row["id"])
        return json_answer(
            {
                kind: [{"of": list(key), "ids": ids} for key, ids in groups.items() if len(ids) > 1]
                for kind, groups in kinds.items()
            }
        )

    async def _imports(self, _request: Request) -> Response:
        """Every import, the newest first: state, contacts left, ids taken (and if new), addresses refused."""
        return json_answer(self._simulator.imports.newest(len(self._account["imports"])))

    async def _settle(self, _request: Request) -> Response:
        """Work every import that waits, now."""
        self._simulator.imports.work_due(everything=True)
        return json_answer({"waiting": 0})

    async def _quirks(self, request: Request) -> Response:
        quirks = self._simulator.quirks
        if request.method == "POST":
            values = await control_object(request)
            try:
                quirks.change(values)
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(asdict(quirks))
