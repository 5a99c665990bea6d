"""What numbers in the history stand for: rules and connections, removed ones too."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from django.db.models import F
from django.utils.translation import gettext as _

from vaivem.connectors import sdk
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.hub.connections.models import Connection
from vaivem.hub.messages import connector_text
from vaivem.hub.rules.catalog import as_seen
from vaivem.hub.rules.models import Rule, RuleVersion
from vaivem.hub.workspaces.models import Workspace


class Names:
    """The rules and connections of one workspace, read once when they are first needed."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @cached_property
    def rules(self) -> dict[int, Rule]:
        """The rules by id."""
        return {rule.pk: rule for rule in Rule.objects.filter(workspace=self.workspace).defer("draft")}

    @cached_property
    def connections(self) -> dict[int, Connection]:
        """The connections by id."""
        rows = Connection.objects.filter(workspace=self.workspace).defer("credentials")
        return {row.pk: row for row in rows.order_by("name", "pk")}

    @cached_property
    def _targets(self) -> dict[int, int]:
        """The first connection that each rule's version does something at."""
        found: dict[int, int] = {}
        rows = RuleVersion.objects.filter(rule__workspace=self.workspace, number=F("rule__version"))
        for rule, steps, pairs in rows.values_list("rule_id", "definition__then", "compiled__connections"):
            numbers = {str(ref): number for ref, number in pairs or ()}
            refs = (str(step.get("connection")) for step in steps or () if step.get("connection"))
            found[rule] = next((numbers[ref] for ref in refs if ref in numbers), 0)
        return found

    def rule(self, number: int) -> str:
        """Return a rule's title."""
        rule = self.rules.get(number)
        return rule.title if rule else _("rule %(number)s") % {"number": number}

    def connector(self, conn: int) -> str:
        """Return the connector of a connection, or ""."""
        row = self.connections.get(conn)
        return row.connector if row and row.connector in connector_keys() else ""

    def connection(self, conn: int) -> str:
        """Return a connection's name."""
        row = self.connections.get(conn)
        return row.name if row else ""

    def system(self, conn: int) -> str:
        """Return the name of the system that a connection is at."""
        key = self.connector(conn)
        return get_connector(key).manifest.name if key else ""

    def target(self, rule: int) -> str:
        """Return the connector that a rule writes to, or ""."""
        return self.connector(self._targets.get(rule, 0))

    def seen(self, conn: int) -> sdk.Connection | None:
        """Return a connection as its connector sees it, without credentials."""
        row = self.connections.get(conn)
        return as_seen(row) if row and row.connector in connector_keys() else None

    def object(self, conn: int, key: str) -> str:
        """Return the name of an object at a connection ("deal")."""
        return connector_text(self.connector(conn), f"objects.{key}") or key

    def trigger(self, conn: int, kind: str) -> str:
        """Return how a kind of event reads ("a document is completed"), or the vendor's word."""
        key = self.connector(conn)
        if key:
            for trigger in get_connector(key).triggers:
                if kind in trigger.kinds:
                    return connector_text(key, f"triggers.{trigger.key}.name") or kind
        return kind

    def record_url(self, record: dict[str, Any]) -> str:
        """Return a record's address at its vendor, "" when none is known. Only web addresses count."""
        url = str(record.get("url") or "")
        conn = int(record.get("conn") or 0)
        seen = self.seen(conn)
        if not url and seen is not None:
            connector = get_connector(seen.connector)
            url = connector.record_url(seen, str(record.get("object")), str(record.get("id")))
        return url if urlsplit(url).scheme in ("http", "https") else ""
