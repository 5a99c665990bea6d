"""What a person does to an envelope, by its name: for the pages and the control app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.simulators.docusign import people
from vaivem.simulators.docusign.account import Record
from vaivem.simulators.docusign.lifecycle import Lifecycle
from vaivem.simulators.docusign.problems import ProblemError, parameter

OF_RECIPIENT = ("open", "sign", "decline", "bounce", "fail_authentication", "finish_later", "correct")
OF_ENVELOPE = ("send", "void", "resend", "expire", "discard", "purge")
_REMARKS = {"fail_authentication": "recipient-authenticationfailed", "finish_later": "recipient-finish-later"}


def act(
    lifecycle: Lifecycle, envelope: Record, name: str, recipient: Record | None, said: Mapping[str, Any]
) -> None:
    """Do one thing. `said` may hold reason, values (tabs by label), name, email. Raises ProblemError."""
    reason = str(said.get("reason") or "")
    if name in OF_ENVELOPE:
        _on_envelope(lifecycle, envelope, name, reason)
    elif recipient is None:
        raise ProblemError("UNKNOWN_ENVELOPE_RECIPIENT")
    elif name == "open":
        lifecycle.open(envelope, recipient)
    elif name == "sign":
        values = said.get("values")
        lifecycle.sign(envelope, recipient, values if isinstance(values, dict) else None)
    elif name == "decline":
        lifecycle.decline(envelope, recipient, reason)
    elif name == "bounce":
        lifecycle.bounce(envelope, recipient, reason or "550 5.1.1 The email account does not exist.")
    elif name == "correct":
        lifecycle.correct(envelope, recipient, str(said.get("name") or ""), str(said.get("email") or ""))
    elif name in _REMARKS:
        if recipient["status"] not in people.ACTIVE:
            raise ProblemError("ENVELOPE_NOT_IN_CORRECT_STATE")
        lifecycle.remark(_REMARKS[name], envelope, recipient)
    else:
        raise parameter(f"An act is one of {', '.join((*OF_ENVELOPE, *OF_RECIPIENT))}.")


def sign_all(lifecycle: Lifecycle, envelope: Record) -> None:
    """Everybody signs whose turn it is or comes."""
    while envelope["status"] in ("sent", "delivered"):
        waiting = [one for one in envelope["recipients"] if one["status"] in people.ACTIVE]
        if not waiting:
            return
        if waiting[0]["kind"] in people.LOOKERS:
            lifecycle.open(envelope, waiting[0])
        else:
            lifecycle.sign(envelope, waiting[0])


def _on_envelope(lifecycle: Lifecycle, envelope: Record, name: str, reason: str) -> None:
    if name == "send":
        lifecycle.send(envelope)
    elif name == "void":
        lifecycle.void(envelope, reason)
    elif name == "resend":
        lifecycle.resend(envelope)
    elif name == "expire":
        lifecycle.expire(envelope)
    elif name == "discard":
        lifecycle.discard(envelope)
    else:
        lifecycle.purge(envelope)
