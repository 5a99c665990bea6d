"""What a person does with a deal on the board, and what the board shows."""

from dataclasses import dataclass

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.account import Account

CARDS_SHOWN = 50
ACTS = ("win", "lose", "move", "pause", "resume")


@dataclass(frozen=True, slots=True)
class Column:
    """One stage with its newest open deals, how many there are in all, and what they are worth together."""

    stage: Record
    cards: list[Record]
    count: int
    value: float


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of a deal's history: when, what (created, moved, note, won, lost), and its text."""

    at: str
    kind: str
    text: str


class Board:
    """The deals of one account as a person handles them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def act(self, deal_id: str, act: str, *, stage_id: str = "", lost_reason_id: str = "") -> Record:
        """Do one of `ACTS` and return the deal; ValueError at another, else refused as in the APIs."""
        if act == "move":
            return self._account.update("deals", deal_id, {"stage_id": stage_id})
        if act == "lose":
            reason = {"lost_reason_id": lost_reason_id} if lost_reason_id else {}
            return self._account.update("deals", deal_id, {"status": "lost", **reason})
        statuses = {"win": "won", "pause": "paused", "resume": "ongoing"}
        if act not in statuses:
            raise ValueError(f"{act} is not one of {', '.join(ACTS)}")
        return self._account.update("deals", deal_id, {"status": statuses[act]})

    def columns(self, pipeline_id: str) -> list[Column]:
        """The stages of a pipeline with the deals that are open or paused in them."""
        return [self._column(stage) for stage in self._account.stages_of(pipeline_id)]

    def closed(self, pipeline_id: str, status: str) -> int:
        """How many deals of a pipeline are won or lost."""
        deals = self._account.tables["deals"].find("pipeline_id", pipeline_id)
        return sum(deal["status"] == status for deal in deals)

    def history(self, deal: Record) -> list[Happening]:
        """What happened to a deal, newest first."""
        stages = self._account.tables["stages"]
        lines = [Happening(deal["created_at"], "created", deal["name"])]
        for step in deal["_stages"][1:]:
            stage = stages.get(step["deal_stage_id"])
            lines.append(Happening(step["start_date"], "moved", stage["name"] if stage else ""))
        for note in self._account.tables["notes"].find("deal_id", deal["id"]):
            lines.append(Happening(note["registered_at"], "note", note["description"]))
        if deal["closed_at"]:
            lines.append(Happening(deal["closed_at"], deal["status"], deal["name"]))
        return sorted(lines, key=lambda line: line.at, reverse=True)

    def _column(self, stage: Record) -> Column:
        deals = self._account.tables["deals"].find("stage_id", stage["id"])
        open_deals = [deal for deal in deals if deal["status"] in ("ongoing", "paused")]
        value = sum(deal["total_price"] for deal in open_deals)
        return Column(stage, open_deals[: -CARDS_SHOWN - 1 : -1], len(open_deals), value)
