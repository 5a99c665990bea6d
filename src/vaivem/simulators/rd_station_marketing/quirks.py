"""Where the vendor's documents disagree or are silent: what this account does, as switches."""

from dataclasses import asdict, dataclass
from typing import Any

_CHOICES: dict[str, tuple[Any, ...]] = {
    "refresh_returns": ("new", "same", "none"),
    "unknown_lead_status": (200, 404),
    "duplicate_status": (400, 401, 409, 422),
    "segmentations_key": ("segmentations", "contacts"),
    "probe": ("post_json", "post_empty", "get", "none"),
}


@dataclass(slots=True)
class Quirks:
    """Each default is the documented behaviour, or else the one that is harder on a client."""

    refresh_returns: str = "new"  # scheme A's refresh: a new refresh token, the same one, or none
    old_refresh_dies: bool = False  # scheme A: the refresh token that was used is dead afterwards
    refresh_idle_days: float = (
        0.0  # scheme A: days without use after which it dies; 0 is never, as documented
    )
    conversion_seconds: float = 2.0  # from the 200 until a conversion is worked
    qualification_seconds: float = 1.0  # the same for opportunity, sale and loss
    unknown_lead_status: int = 200  # an event for a lead that is not there: accepted and dropped, or 404
    funnel_put_fires: bool = True  # PUT funnels with opportunity true fires WEBHOOK.MARKED_OPPORTUNITY
    duplicate_status: int = 400  # a second subscription of the same url and event_type
    probe: str = "post_json"  # how a new subscription's address is tried
    relations_only_if_asked: bool = True  # company and funnel only with include_relations
    segmentations_key: str = "segmentations"  # top key of the list; the documents' sample says contacts
    strict_social: bool = True  # twitter, facebook, linkedin: letters, digits, ".", "-", "_" only
    retry_after: bool = False  # a 429 also carries the standard Retry-After header

    def change(self, values: dict[str, Any]) -> None:
        """Set some switches, all or none; ValueError at an unknown one or a value of the wrong kind."""
        checked = {}
        for name, value in values.items():
            now = getattr(self, name, None)
            number = isinstance(now, float) and type(value) is int
            if now is None or not (number or type(value) is type(now)):
                raise ValueError(f"{name}: known switches and their types are {asdict(self)}")
            if value not in _CHOICES.get(name, (value,)):
                raise ValueError(f"{name} is one of {_CHOICES[name]}")
            checked[name] = float(value) if number else value
        for name, value in checked.items():
            setattr(self, name, value)
