"""All that a connector's author imports."""

from vaivem.connectors.sdk.actions import Action, ActionContext, Claim, NotReadError, Reader, Writer
from vaivem.connectors.sdk.apps import App, Removal
from vaivem.connectors.sdk.bulk import BulkWrite
from vaivem.connectors.sdk.calls import Answer, Authorisation, Call, LimitState
from vaivem.connectors.sdk.connection import Connection
from vaivem.connectors.sdk.connector import Account, CheckResult, Connector
from vaivem.connectors.sdk.errors import ErrorTable, Row, VendorMessage
from vaivem.connectors.sdk.events import Delivery, Event, Outcome, RecordRef, Written
from vaivem.connectors.sdk.manifest import Manifest, load_manifest
from vaivem.connectors.sdk.quota import Quota
from vaivem.connectors.sdk.repeat import Findable, Idempotent, Keyed, Repeat, Unsafe
from vaivem.connectors.sdk.triggers import Trigger
from vaivem.connectors.sdk.webhooks import Reply, Subscriptions, Webhooks, as_documented

__all__ = [
    "Account", "Action", "ActionContext", "Answer", "App", "Authorisation", "BulkWrite", "Call",
    "CheckResult", "Claim", "Connection", "Connector", "Delivery", "ErrorTable", "Event", "Findable",
    "Idempotent", "Keyed", "LimitState", "Manifest", "NotReadError", "Outcome", "Quota", "Reader",
    "RecordRef", "Removal", "Repeat", "Reply", "Row", "Subscriptions", "Trigger", "Unsafe", "VendorMessage",
    "Webhooks", "Writer", "Written", "as_documented", "load_manifest",
]  # fmt: skip
