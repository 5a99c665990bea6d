"""Which lane an event's record has with a rule, as its next events will find it."""

from __future__ import annotations

from vaivem.core.errors import VaivemError
from vaivem.engine.lane_keys import lane_key
from vaivem.hub.history.detail import Received
from vaivem.hub.history.names import Names
from vaivem.hub.history.why import event_of, trigger_of
from vaivem.hub.rules.models import RuleVersion


def record_lane(received: Received, rule: int, names: Names) -> int | None:
    """Return the lane of a record with a rule; None where the rule takes no more events of it.

    By what the event says as it is read today and by the rule's version of today: so do events that come now.
    """
    row = names.rules.get(rule)
    version = RuleVersion.objects.filter(rule=rule, number=row.version or 0).first() if row else None
    event = event_of(received, names)
    if version is None or event is None:
        return None
    when = version.definition.get("when", {})
    pairs = {str(ref): number for ref, number in version.compiled.get("connections", ())}
    trigger = trigger_of(received, names, str(when.get("trigger")))
    if trigger is None or pairs.get(str(when.get("connection"))) != received.event.conn:
        return None
    try:
        record = trigger.record(event, when.get("options") or {})
    except (VaivemError, LookupError, TypeError, ValueError, AttributeError):
        return None  # what a parser of today cannot read goes nowhere near other events
    return lane_key(received.event.conn, event.object, record, rule)
