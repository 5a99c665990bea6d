"""What the vendor fills in and refuses when a record is written: statuses, stages, names, participants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaivem.simulators.pipedrive.problems import ApiError, RefusedError
from vaivem.simulators.pipedrive.schema import Record
from vaivem.simulators.pipedrive.times import local_date
from vaivem.simulators.pipedrive.values import whole_if_it_is

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.account import Account

_TIMES_OF = {"open": (), "won": ("won_time",), "lost": ("lost_time",)}


def settle(
    account: Account, table: str, record: Record, before: Record | None, given: set[str], user_id: int
) -> None:
    """Complete `record` in place; `given` are the fields that were sent. RefusedError when it cannot be."""
    if "owner_id" in record and record["owner_id"] is None:
        record["owner_id"] = user_id
    for name in ("creator_user_id", "creator_id"):
        if name in record and record[name] is None:
            record[name] = user_id
    if table == "deals":
        _deal(account, record, before, given)
    elif table == "persons":
        _person(record, before, given)
    elif table == "activities":
        _activity(account, record, before, given)
    elif table == "leads":
        if record["person_id"] is None and record["organization_id"] is None:
            raise RefusedError("person_id", "a lead needs a person or an organization")
    elif table == "notes":
        _note(record, user_id)
    elif table == "deal_products":
        record["sum"] = whole_if_it_is(round(_sum(record), 2))
    elif table in ("pipelines", "stages") and before is None:
        rows = account.rows(table)
        if table == "stages":
            rows = account.stages_of(record["pipeline_id"])
        record["order_nr"] = max((row["order_nr"] for row in rows), default=0) + 1


def _person(record: Record, before: Record | None, given: set[str]) -> None:
    """The whole name and its two parts follow each other; the first words are the first name."""
    first, last = (record["first_name"] or "").strip(), (record["last_name"] or "").strip()
    if given & {"first_name", "last_name"} and not (before is None and "name" in given):
        record["name"] = " ".join(part for part in (first, last) if part)
    elif before is None or "name" in given:
        first, _, last = " ".join((record["name"] or "").split()).partition(" ")
        record["name"] = (record["name"] or "").strip()
    if not record["name"]:
        raise RefusedError("name", "is required, or first_name and last_name")
    record["first_name"], record["last_name"] = first or None, last or None


def _note(record: Record, user_id: int) -> None:
    if record["user_id"] is None:
        record["user_id"] = user_id
    links = ("deal_id", "person_id", "org_id", "lead_id", "project_id", "task_id")
    if all(record[link] is None for link in links):
        raise RefusedError("deal_id", f"one of {', '.join(links)} is required")


def _activity(account: Account, record: Record, before: Record | None, given: set[str]) -> None:
    if record["type"] is None:
        record["type"] = account.rows("activity_types")[0]["key_string"]
    if not record["subject"]:
        types = {item["key_string"]: item["name"] for item in account.rows("activity_types")}
        record["subject"] = types[record["type"]]
    if "participants" in given:
        primary = [item["person_id"] for item in record["participants"] if item["primary"]]
        record["person_id"] = primary[0] if primary else None
    elif "person_id" in given:
        if account.quirks.activity_person_ignored:
            record["person_id"] = before["person_id"] if before else None
        elif record["person_id"] is not None:
            record["participants"] = [{"person_id": record["person_id"], "primary": True}]
    was_done = bool(before and before["done"])
    if bool(record["done"]) != was_done:
        record["marked_as_done_time"] = account.now_text() if record["done"] else None


def _deal(account: Account, record: Record, before: Record | None, given: set[str]) -> None:
    _place(account, record, before, given)
    _close(account, record, before, given)
    if record["currency"] is None:
        record["currency"] = account.tables["users"][record["owner_id"]]["default_currency"]
    if record["value"] is None:
        record["value"] = 0
    if record["origin"] is None:
        record["origin"] = "API"
    if bool(record["is_archived"]) != bool(before and before["is_archived"]):
        asked = record["archive_time"] if "archive_time" in given else None
        record["archive_time"] = (asked or account.now_text()) if record["is_archived"] else None
    items = [item for item in account.rows("deal_products") if item["deal_id"] == record["id"]]
    if items:
        record["value"] = whole_if_it_is(round(sum(item["sum"] for item in items if item["is_enabled"]), 2))


def _place(account: Account, record: Record, before: Record | None, given: set[str]) -> None:
    """The stage decides the pipeline; with a pipeline alone, its first stage is taken."""
    if "stage_id" in given and record["stage_id"] is not None:
        pipeline_id = account.get("stages", record["stage_id"])["pipeline_id"]
        if "pipeline_id" in given and record["pipeline_id"] != pipeline_id:
            raise RefusedError("pipeline_id", "the stage belongs to another pipeline")
        record["pipeline_id"] = pipeline_id
    elif before is None or ("pipeline_id" in given and record["pipeline_id"] != before["pipeline_id"]):
        if record["pipeline_id"] is None:
            record["pipeline_id"] = min(account.rows("pipelines"), key=lambda row: row["order_nr"])["id"]
        stages = account.stages_of(record["pipeline_id"])
        if not stages:
            raise RefusedError("pipeline_id", "the pipeline has no stage")
        record["stage_id"] = stages[0]["id"]
    if before is None or record["stage_id"] != before["stage_id"]:
        record["stage_change_time"] = account.now_text()


def _close(account: Account, record: Record, before: Record | None, given: set[str]) -> None:
    """A status brings its times; a time or a reason of another status is refused."""
    status, was = record["status"], before["status"] if before else "open"
    if "lost_reason" in given and record["lost_reason"] is not None and status != "lost":
        raise RefusedError("lost_reason", "can only be set when the status is lost")
    for name, wanted in (("won_time", ("won",)), ("lost_time", ("lost",)), ("close_time", ("won", "lost"))):
        if name in given and record[name] is not None and status not in wanted:
            raise RefusedError(name, f"can only be set when the status is {' or '.join(wanted)}")
    if status == "open" and (before is None or was != "open"):
        _check_cap(account)
    for name in ("won_time", "lost_time"):
        if name not in _TIMES_OF[status]:
            record[name] = None
        elif record[name] is None or (status != was and name not in given):
            record[name] = account.now_text()
    if status == "open":
        record["close_time"] = None
    elif "close_time" not in given or record["close_time"] is None:
        record["close_time"] = record["won_time"] or record["lost_time"]
    if status != "lost":
        record["lost_reason"] = None
    for name in ("won", "lost", "close"):
        record[f"local_{name}_date"] = local_date(record[f"{name}_time"])


def _check_cap(account: Account) -> None:
    limit = account.quirks.open_deals_limit
    if limit and sum(deal["status"] == "open" for deal in account.rows("deals")) >= limit:
        raise ApiError(403, "Open deals limit reached", "", "feature_capping_deals_limit")


def _sum(item: Record) -> float:
    whole: float = float(item["item_price"]) * float(item["quantity"])
    whole -= whole * item["discount"] / 100 if item["discount_type"] == "percentage" else item["discount"]
    return whole * (1 + item["tax"] / 100) if item["tax_method"] == "exclusive" else whole
