"""Where the vendor's documents disagree or are silent: what this account does, as switches."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Quirks:
    """Each default is the documented behaviour, or else the one that is harder on a client."""

    email_case_sensitive: bool = False  # does `email:` tell capitals apart
    custom_field_key: str = "slug"  # key of API v2's custom field values: slug or id
    page_size: int = 25  # API v2's default page size; one page of the documents says 20
    wrong_link_prefix: bool = True  # page links carry /api/v2, which is not routed
    unstable_order: bool = True  # without `sort`, records move between pages
    deal_owner_required: bool = True  # API v2 refuses a new deal without owner
    deal_updated_on_create: bool = True  # a new deal also fires crm_deal_updated
    silent_links: bool = True  # linking a contact or an organization to a deal fires nothing
    duplicate_name_status: int = 422  # for an organization's name that is taken: 400 or 422
    ping_on_create: bool = False  # a new webhook's URL is called once with an empty body
    suspend_after: int = 10  # deliveries given up in a row before a webhook is suspended

    def change(self, values: dict[str, Any]) -> None:
        """Set some switches, all or none; ValueError at an unknown one or a value of the wrong type."""
        for name, value in values.items():
            now = getattr(self, name, None)
            if now is None or type(value) is not type(now):
                raise ValueError(f"{name}: known switches and their types are {asdict(self)}")
        if values.get("custom_field_key", "slug") not in ("slug", "id"):
            raise ValueError("custom_field_key is slug or id")
        if values.get("duplicate_name_status", 422) not in (400, 422):
            raise ValueError("duplicate_name_status is 400 or 422")
        for name, value in values.items():
            setattr(self, name, value)
