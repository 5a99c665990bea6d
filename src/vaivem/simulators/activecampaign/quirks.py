"""Where the vendor's documents disagree or are silent: what this account does, as switches."""

from dataclasses import asdict, dataclass, field
from typing import Any

_CHOICES: dict[str, tuple[Any, ...]] = {
    "plan": ("enterprise", "professional", "plus"),
    "bad_key_status": (401, 403),
    "sync_existing_status": (200, 201),
    "field_keys": ("id", "perstag"),
    "import_ends": ("completed", "failed", "interrupted"),
    "import_success": ("created", "taken"),
    "import_unsubscribed": ("refused", "skipped"),
    "import_counts_from": (0, 1),
    "import_success_key": ("Success", "success"),
}


@dataclass(slots=True)
class Quirks:
    """Each default is the documented behaviour, or else the one that is harder on a client."""

    plan: str = "enterprise"  # private custom objects need enterprise
    deals: bool = True  # whether the plan has deals; without them their calls are 403
    unpaid: bool = False  # every call is answered with 402
    bad_key_status: int = 403  # a missing or wrong key
    sync_existing_status: int = 200  # contact/sync of a contact that is there; a new one is 201
    field_keys: str = "id"  # keys of contact[fields][…] in webhooks: the id or the small personalisation tag
    update_on_create: bool = False  # a contact made without a list fires `update`
    tag_changes_contact: bool = False  # a tag moves the contact's udate
    object_notes: bool = (
        False  # /deals/{id}/notes and /accounts/{id}/notes are there, as the description says
    )
    record_update_merges: bool = True  # fields absent from a record's update stay as they were
    import_seconds: float = 2.0  # from the answer of a bulk import until it is worked
    import_status_seconds: float = 1.0  # from the answer, in which the status is false and no text
    import_claimed_seconds: float = 0.5  # the last of the waiting, in which it is `claimed`
    import_active_seconds: float = 1.0  # how long the work takes; contacts are taken one after the other
    import_ends: str = "completed"  # how an import that is sent from now on ends
    import_ends_after: int = 0  # contacts that are worked before it ends as failed or interrupted
    import_success: str = "created"  # `success` has the ids of new contacts, or of all that were taken
    import_unsubscribed: str = "refused"  # somebody who left a list that the import would add them to
    import_counts_from: int = 1  # the number of the first contact in `failureReasons`
    import_success_key: str = "Success"  # of the answer to the call; the vendor has both
    # Addresses that no import takes, `*` for anything: the account's list of exclusions.
    exclusions: list[str] = field(default_factory=list)

    def change(self, values: dict[str, Any]) -> None:
        """Set some switches, all or none; ValueError at an unknown one or a value of the wrong kind."""
        checked = {}
        for name, value in values.items():
            now = getattr(self, name, None)
            number = isinstance(now, float) and type(value) is int
            if now is None or not (number or type(value) is type(now)):
                raise ValueError(f"{name}: known switches and their types are {asdict(self)}")
            if isinstance(value, list) and not all(isinstance(one, str) for one in value):
                raise ValueError(f"{name} is a list of texts")
            if value not in _CHOICES.get(name, (value,)):
                raise ValueError(f"{name} is one of {_CHOICES[name]}")
            checked[name] = float(value) if number else value
        for name, value in checked.items():
            setattr(self, name, value)
