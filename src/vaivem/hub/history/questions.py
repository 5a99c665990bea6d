"""What is asked of a person, and what was answered, ready to show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from vaivem.core.fields import FieldType
from vaivem.hub.history.detail import DecisionRow
from vaivem.hub.history.names import Names
from vaivem.hub.history.received import shown_body
from vaivem.hub.history.why import typed
from vaivem.hub.messages import connector_text, explain, named
from vaivem.hub.workspaces.models import Member


def question(decision: DecisionRow, names: Names) -> dict[str, Any]:
    """Return what is asked, ready to show."""
    asked = decision.question
    code = str(
        asked.get("code") or ("several_matches" if len(asked.get("candidates", ())) > 1 else "match_unsure")
    )
    candidates = [
        {
            "id": str(one.get("id")),
            "name": one.get("name") or one.get("id"),
            "url": names.record_url({**one, "conn": decision.conn, "object": asked.get("object")}),
            "facts": _facts(one, decision.conn, str(asked.get("object", "")), names),
        }
        for one in asked.get("candidates", ())
    ]
    return {
        "id": decision.id,
        "kind": decision.kind,
        "asked": decision.asked,
        "in_the": named(names.connector(decision.conn))["in_the"],
        "object": names.object(decision.conn, str(asked.get("object", ""))).lower(),
        "why": explain(code, asked, names.connector(decision.conn)),
        "method": asked.get("method", ""),
        "url": asked.get("url", ""),
        "sent": shown_body(str(asked.get("sent") or "").encode()),
        "candidates": candidates,
        "looked": _moment(asked.get("looked")),
        "remembers": bool(asked.get("remembers", True)),
    }


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None


def _facts(candidate: dict[str, Any], conn: int, object_key: str, names: Names) -> list[tuple[str, str]]:
    """Return what tells one candidate apart from the others."""
    connector = names.connector(conn)
    own = names.object(conn, object_key)
    found = []
    for key, value in candidate.items():
        if key in ("id", "name", "url") or value in (None, "", []):
            continue
        name = connector_text(connector, f"fields.{object_key}.{key}") or key
        kind = FieldType.DATETIME if key.endswith("_at") else FieldType.TEXT
        word = (
            connector_text(connector, f"fields.{object_key}.{key}.{value}") if isinstance(value, str) else ""
        )
        found.append((_short(name, own), word or typed(value, kind, names.workspace.zone)))
    return found


def _short(name: str, own: str) -> str:
    """Return a field's name without its object's in front ("Contact: e-mail"), which the question names."""
    head, _colon, rest = name.partition(":")
    return capfirst(rest.strip()) if rest and head.strip() == own else name


def answered(decision: DecisionRow) -> dict[str, Any]:
    answer = decision.answer or {}
    words = {
        "done": _("it had been done"),
        "do": _("do it again"),
        "skip": _("leave it out"),
        "record": _("use %(record)s") % {"record": answer.get("record", "")},
        "create": _("make a new one"),
        "stopped": _("stopped"),
    }
    member = Member.objects.filter(pk=decision.answered_by or 0).first()
    return {
        "text": words.get(str(answer.get("choice")), str(answer.get("choice"))),
        "who": str(member) if member else _("a program"),
        "at": decision.answered,
    }
