"""What tests and the demo may ask and do beside the vendor's API, under `/_control`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.docusign import drafting, people
from vaivem.simulators.docusign.access import App
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.acts import act, sign_all
from vaivem.simulators.docusign.api_connect import drop_key, new_key
from vaivem.simulators.docusign.problems import ProblemError
from vaivem.simulators.docusign.seed import make_template
from vaivem.simulators.docusign.shapes import INCLUDES, envelope_shape, template_shape
from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.control import control_object

if TYPE_CHECKING:
    from vaivem.simulators.docusign.app import DocuSign


class Controls:
    """Counting, looking, a person's acts, and the switches of what the vendor leaves open."""

    def __init__(self, simulator: DocuSign) -> None:
        self._simulator = simulator

    @property
    def _account(self) -> Account:
        return self._simulator.account

    def routes(self) -> list[BaseRoute]:
        """The routes beside the kit's own."""
        both = ["GET", "POST"]
        return [
            Route("/counts", self._counts),
            Route("/envelopes", self._envelopes, methods=both),
            Route("/envelopes/{envelope}/{act}", self._act, methods=["POST"]),
            Route("/duplicates", self._duplicates),
            Route("/polling", self._polling),
            Route("/templates", self._templates, methods=both),
            Route("/templates/{template}", self._change_template, methods=["POST"]),
            Route("/connect", self._connect, methods=both),
            Route("/keys", self._keys, methods=both),
            Route("/keys/{key}", self._drop_key, methods=["DELETE"]),
            Route("/quirks", self._quirks, methods=both),
            Route("/apps", self._apps, methods=["POST"]),
            Route("/consents", self._consents, methods=["POST"]),
            Route("/revoke", self._revoke, methods=["POST"]),
        ]

    async def _counts(self, _request: Request) -> Response:
        by_status: dict[str, int] = {}
        for envelope in self._account.envelopes.values():
            by_status[envelope["status"]] = by_status.get(envelope["status"], 0) + 1
        return json_answer(
            {
                "envelopes": len(self._account.envelopes),
                "by_status": by_status,
                "templates": len(self._account.templates),
                "configurations": len(self._account.configurations),
                "keys": len(self._account.hmac_keys),
                "polling_violations": self._simulator.polling.count,
            }
        )

    async def _envelopes(self, request: Request) -> Response:
        """All envelopes whole (`?status=`, `?transaction=`); POST makes one as the vendor's API would.

        The body is that of the vendor's own call; with `odd` true what the vendor would refuse of its people
        (no name, no e-mail) is let through, for what older envelopes hold.
        """
        if request.method == "POST":
            return await self._make(request)
        query = request.query_params
        status, transaction = query.get("status"), query.get("transaction")
        rows = [
            envelope_shape(self._account, one, INCLUDES)
            for one in self._account.envelopes.values()
            if (status is None or one["status"] == status)
            and (transaction is None or one["transactionId"] == transaction)
        ]
        return json_answer(rows)

    async def _make(self, request: Request) -> Response:
        sent = await control_object(request)
        odd = sent.pop("odd", False) is True
        account, life = self._account, self._simulator.lifecycle(self._account)
        try:
            envelope = drafting.draft(account, account.users[0], sent)
            life.store(envelope, send=sent.get("status") == "sent", complete=not odd)
        except ProblemError as problem:
            raise HTTPException(400, str(problem)) from problem
        return json_answer(envelope_shape(account, envelope, INCLUDES))

    async def _act(self, request: Request) -> Response:
        """`/envelopes/{id}/{act}` with `recipient` (its id or e-mail), `reason`, `values`, `name`, `email`.

        `sign_all` lets everybody sign. The answer is the envelope afterwards.
        """
        body, name = await control_object(request), request.path_params["act"]
        envelope = self._account.envelopes.get(request.path_params["envelope"].lower())
        if envelope is None:
            raise HTTPException(404, "no such envelope")
        life = self._simulator.lifecycle(self._account)
        try:
            if name == "sign_all":
                sign_all(life, envelope)
            else:
                act(life, envelope, name, _recipient(envelope, body.get("recipient")), body)
        except ProblemError as problem:
            raise HTTPException(400, str(problem)) from problem
        return json_answer(envelope_shape(self._account, envelope, INCLUDES))

    async def _duplicates(self, _request: Request) -> Response:
        """Envelopes that look like one made twice: of one transactionId, or of equal custom fields."""
        seen: dict[tuple[str, str], list[str]] = {}
        for one in self._account.envelopes.values():
            if one["transactionId"]:
                seen.setdefault(("transactionId", one["transactionId"]), []).append(one["id"])
            for row in one["custom_fields"]["textCustomFields"]:
                if row["value"]:
                    seen.setdefault((row["name"], row["value"]), []).append(one["id"])
        return json_answer(
            [
                {"by": by, "value": value, "envelopes": ids}
                for (by, value), ids in seen.items()
                if len(ids) > 1
            ]
        )

    async def _polling(self, _request: Request) -> Response:
        """Reads of one envelope's resource within a quarter of an hour, and how the list was read."""
        return json_answer(self._simulator.polling.as_dict())

    # -- templates

    async def _templates(self, request: Request) -> Response:
        """All templates whole; POST `{"name", "roles": [{"roleName", "tabs", …}]}` makes one."""
        if request.method == "POST":
            body = await control_object(request)
            try:
                roles = [people.made("signers", role) for role in body.get("roles") or []]
                template = make_template(
                    self._account,
                    str(body.get("name") or "Template"),
                    self._account.users[0]["userId"],
                    roles,
                )
            except ProblemError as problem:
                raise HTTPException(400, str(problem)) from problem
            self._account.templates[template["id"]] = template
            self._simulator.publisher.tell_template(self._account, "template-created", template)
            return json_answer(self._shown(template))
        return json_answer([self._shown(one) for one in self._account.templates.values()])

    async def _change_template(self, request: Request) -> Response:
        """`{"delete": true}`, `{"drop_role": name}`, `{"drop_tab": label}` or `{"name": …}`."""
        body = await control_object(request)
        template = self._account.templates.get(request.path_params["template"])
        if template is None:
            raise HTTPException(404, "no such template")
        kind = "template-modified"
        if body.get("delete") is True:
            del self._account.templates[template["id"]]
            kind = "template-deleted"
        if "name" in body:
            template["name"] = str(body["name"])
        rows = template["recipients"]
        template["recipients"] = [one for one in rows if one["roleName"] != body.get("drop_role")]
        for one in template["recipients"]:
            for tabs in one["tabs"].values():
                tabs[:] = [tab for tab in tabs if tab.get("tabLabel") != body.get("drop_tab", object())]
        template["lastModified"] = self._account.stamp()
        self._simulator.publisher.tell_template(self._account, kind, template)
        return json_answer(self._shown(template))

    def _shown(self, template: Record) -> Record:
        include = ("recipients", "tabs", "documents", "custom_fields")
        return template_shape(self._account, template, include)

    # -- Connect and its keys

    async def _connect(self, request: Request) -> Response:
        """Whether the account has Connect, its configurations, log and failures; POST `{"enabled"}`."""
        account = self._account
        if request.method == "POST":
            account.connect_enabled = bool((await control_object(request)).get("enabled"))
        return json_answer(
            {
                "enabled": account.connect_enabled,
                "configurations": list(account.configurations.values()),
                "of_envelopes": [hook for one in account.envelopes.values() for hook in one["hooks"]],
                "logs": account.logs,
                "failures": list(account.failures.values()),
            }
        )

    async def _keys(self, request: Request) -> Response:
        """The keys with their secrets; POST `{"key": text}` (or empty for a random one) adds one."""
        if request.method == "POST":
            sent = await control_object(request)
            return json_answer(new_key(self._account, str(sent.get("key") or "")))
        return json_answer(self._account.hmac_keys)

    async def _drop_key(self, request: Request) -> Response:
        """Retire a key by its id."""
        try:
            drop_key(self._account, request.path_params["key"])
        except ProblemError as problem:
            raise HTTPException(404, "no such key") from problem
        return json_answer(self._account.hmac_keys)

    async def _quirks(self, request: Request) -> Response:
        quirks = self._simulator.quirks
        if request.method == "POST":
            try:
                quirks.change(await control_object(request))
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(asdict(quirks))

    # -- apps and consent

    async def _apps(self, request: Request) -> Response:
        """Register an app: `name`, `integration_key`, `secret_key`, `redirect_uris`, `public_keys`."""
        body = await control_object(request)
        texts: dict[str, Any] = {key: body.get(key) for key in ("name", "integration_key", "secret_key")}
        lists = {key: body.get(key, []) for key in ("redirect_uris", "public_keys")}
        if not all(isinstance(text, str) and text for text in texts.values()):
            raise HTTPException(400, "name, integration_key and secret_key are texts")
        if not all(isinstance(rows, list) for rows in lists.values()):
            raise HTTPException(400, "redirect_uris and public_keys are lists")
        uris, keys = (tuple(map(str, lists[key])) for key in ("redirect_uris", "public_keys"))
        app = App(**texts, redirect_uris=uris, public_keys=keys)
        return json_answer(asdict(self._simulator.access.register(app)))

    async def _consents(self, request: Request) -> Response:
        """A person agrees to an app, as on the consent page: `integration_key`, `user_id`, `scopes`."""
        body = await control_object(request)
        credentials = self._simulator.credentials()
        app = self._simulator.access.apps.get(
            str(body.get("integration_key", credentials["integration_key"]))
        )
        if app is None:
            raise HTTPException(404, "no such app")
        scopes = tuple(str(scope) for scope in body.get("scopes") or ("signature", "impersonation"))
        self._simulator.access.agree(app, str(body.get("user_id", credentials["user_id"])), scopes)
        return json_answer({"agreed": list(scopes)})

    async def _revoke(self, _request: Request) -> Response:
        """End every consent, code and token, as a person does who removes the app from the profile."""
        self._simulator.access.revoke_all()
        return json_answer({"revoked": True})


def _recipient(envelope: Record, key: Any) -> Record | None:
    for one in envelope["recipients"]:
        if key and str(key).lower() in (one["recipientId"], one["recipientIdGuid"], one["email"].lower()):
            found: Record = one
            return found
    return None
