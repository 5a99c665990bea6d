"""HTTP: what this folder holds."""

from __future__ import annotations

import base64

from typing_extensions import override

from vaivem.connectors.http.actions import Lookup, Request
from vaivem.connectors.http.answers import read_message
from vaivem.connectors.sdk import (
    Account,
    Authorisation,
    Call,
    CheckResult,
    Connection,
    Connector,
    ErrorTable,
    Reader,
    Row,
    load_manifest,
)
from vaivem.core.errors import RecordError, RuleError

# Without credentials of ours in it, a refusal says nothing about the connection: only this call is wrong.
ERRORS = ErrorTable(
    Row(401, RuleError, "credentials_wanted", lambda call, answer: not call.authorise),
    Row(405, RuleError, "method_refused"),
    read=read_message,
)


class HttpConnector(Connector):
    """Any tool that takes requests. It only calls; to listen there is the webhook."""

    manifest = load_manifest("vaivem.connectors.http")
    errors = ERRORS
    actions = (Request(), Lookup())

    @override
    def authorise(self, connection: Connection) -> Authorisation:
        """Prove ourselves as the connection was made."""
        credentials = {key: str(value or "").strip() for key, value in connection.credentials.items()}
        if connection.method == "bearer":
            token = credentials["token"].removeprefix("Bearer ").strip()
            return Authorisation(headers=(("Authorization", f"Bearer {token}"),))
        if connection.method == "basic":
            pair = f"{credentials['user']}:{credentials.get('password', '')}".encode()
            return Authorisation(headers=(("Authorization", f"Basic {base64.b64encode(pair).decode()}"),))
        if connection.method == "header":
            return Authorisation(headers=((credentials["parameter"], credentials["value"]),))
        if connection.method == "query":
            return Authorisation(query=((credentials["parameter"], credentials["value"]),))
        return Authorisation()

    @override
    async def account(self, reader: Reader) -> Account:
        """Try the credentials where the person said, if they did. Nobody says whose they are."""
        call = _test_call(reader.connection)
        if call is not None:
            await reader.read(call)
        return Account("")

    @override
    async def checks(self, reader: Reader) -> list[CheckResult]:
        """Say what was tried."""
        call = _test_call(reader.connection)
        if call is None:
            return [CheckResult("tried", "warn")]
        try:
            answer = await reader.read(call)
        except (RecordError, RuleError) as error:
            status = error.params.get("status", "")
            return [CheckResult("tried", "bad", {"path": call.path, "status": status})]
        return [CheckResult("tried", "ok", {"path": call.path, "status": answer.status})]


def _test_call(connection: Connection) -> Call | None:
    path = str(connection.settings.get("test_path") or "").strip()
    if not path:
        return None
    if not connection.settings.get("address_api") or "://" in path:
        raise RuleError("base_address_missing", params={"address": path[:200]})
    return Call("test", "GET", path, authorise=connection.method != "none")


connector = HttpConnector()
