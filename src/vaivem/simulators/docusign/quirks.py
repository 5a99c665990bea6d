"""Where the vendor's documents disagree or are silent: what this account does, as switches."""

from dataclasses import asdict, dataclass
from typing import Any

_CHOICES: dict[str, tuple[Any, ...]] = {
    "not_found_status": (400, 404),
    "permission_status": (400, 401, 403),
    "hourly_status": (400, 429),
    "burst_status": (400, 429),
    "polling": ("flag", "refuse"),
    "unmatched_tab": ("ignore", "refuse"),
    "same_transaction": ("again", "refuse"),
    "unknown_transaction": ("omit", "error"),
    "delivered_when": ("current_order", "all"),
    "long_custom_field": ("cut", "refuse"),
    "environment": ("demo", "production"),
}


@dataclass(slots=True)
class Quirks:
    """Each default is the documented behaviour, or else the one that is harder on a client."""

    environment: str = "demo"  # bursts of 200 calls in 30 s, or 500 in production
    hourly_calls: int = 3000  # an account's, of all apps together
    not_found_status: int = 404
    permission_status: int = 403
    hourly_status: int = 400
    burst_status: int = 429
    retry_after: bool = False  # a 429 has the standard Retry-After header
    polling: str = "flag"  # reading an envelope again within a quarter of an hour is only noted
    old_refresh_dies: bool = True  # a refresh token that was used is dead
    unmatched_tab: str = "ignore"  # a tab of a role that its template does not have
    same_transaction: str = "again"  # a second envelope with a transactionId that was used
    unknown_transaction: str = "omit"  # from envelopeTransactionStatuses, or in it with errorDetails
    unrelated_slip: bool = False  # lists by status also hold one envelope of another status
    delivered_when: str = "current_order"  # who must have looked for the envelope to be delivered
    long_custom_field: str = "cut"  # names and values over 100 characters
    sent_recipient_first: bool = False  # recipient-sent goes out before envelope-sent
    new_time_on_retry: bool = False  # a repeated delivery has a generatedDateTime of its own
    xml_bom: bool = False  # the older XML begins with a byte order mark
    form_data: bool = True  # the account's senders may download form data
    document_bytes: int = 0  # make every document's PDF at least so big
    base_uri: str = ""  # what userinfo says instead of this account's own address

    def change(self, values: dict[str, Any]) -> None:
        """Set some switches, all or none; ValueError at an unknown one or a value of the wrong kind."""
        for name, value in values.items():
            now = getattr(self, name, None)
            if now is None or type(value) is not type(now):
                raise ValueError(f"{name}: known switches and their types are {asdict(self)}")
            if value not in _CHOICES.get(name, (value,)):
                raise ValueError(f"{name} is one of {_CHOICES[name]}")
        for name, value in values.items():
            setattr(self, name, value)
