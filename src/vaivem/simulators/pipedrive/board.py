"""What a person does with a deal on the board, and what the board shows."""

from __future__ import annotations

from dataclasses import dataclass

from vaivem.simulators.pipedrive.account import Account, Actor
from vaivem.simulators.pipedrive.schema import Record

CARDS_SHOWN = 50
ACTS = ("win", "lose", "reopen", "move", "value", "archive", "unarchive", "delete")


@dataclass(frozen=True, slots=True)
class Column:
    """One stage with its newest open deals, how many there are in all, and what they are worth together."""

    stage: Record
    cards: list[Record]
    count: int
    value: float


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of a deal's history: when, what, and its text."""

    at: str
    kind: str
    text: str


class Board:
    """The deals of one account as a person handles them in the vendor's application."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def actor(self) -> Actor:
        """The person who looks: the account's first user."""
        return Actor(next(iter(self._account.tables["users"])), "app")

    def act(
        self, deal_id: int, act: str, *, stage_id: int = 0, reason: str = "", value: float = 0.0
    ) -> Record:
        """Do one of `ACTS` and return the deal; ValueError at another, else refused as in the API."""
        changes: dict[str, Record] = {
            "win": {"status": "won"},
            "lose": {"status": "lost", "lost_reason": reason or None},
            "reopen": {"status": "open"},
            "move": {"stage_id": stage_id},
            "value": {"value": value},
            "archive": {"is_archived": True},
            "unarchive": {"is_archived": False},
            "delete": {},
        }
        if act not in changes:
            raise ValueError(f"{act} is not one of {', '.join(ACTS)}")
        if act == "delete":
            self._account.delete("deals", deal_id, self.actor)
            return self._account.get("deals", deal_id, deleted=True)
        return self._account.update("deals", deal_id, changes[act], self.actor)

    def columns(self, pipeline_id: int) -> list[Column]:
        """The stages of a pipeline with their open deals."""
        return [self._column(stage) for stage in self._account.stages_of(pipeline_id)]

    def closed(self, pipeline_id: int, status: str) -> int:
        """How many deals of a pipeline are won or lost."""
        deals = self._account.rows("deals")
        return sum(deal["pipeline_id"] == pipeline_id and deal["status"] == status for deal in deals)

    def history(self, deal: Record) -> list[Happening]:
        """What happened to a deal, newest first."""
        account = self._account
        lines = [Happening(deal["add_time"], "created", deal["title"])]
        stages = {str(key): stage["name"] for key, stage in account.tables["stages"].items()}
        for line in account.changelog.get(f"deals/{deal['id']}", ()):
            if line["field_key"] == "stage_id":
                lines.append(Happening(line["time"], "moved", stages.get(line["new_value"], "")))
            elif line["field_key"] == "status":
                lines.append(Happening(line["time"], line["new_value"], deal["title"]))
            elif line["field_key"] == "value":
                lines.append(Happening(line["time"], "value", line["new_value"]))
        for note in account.rows("notes"):
            if note["deal_id"] == deal["id"]:
                lines.append(Happening(note["add_time"], "note", note["content"]))
        return sorted(lines, key=lambda line: line.at, reverse=True)

    def _column(self, stage: Record) -> Column:
        deals = [
            deal
            for deal in self._account.rows("deals")
            if deal["stage_id"] == stage["id"] and deal["status"] == "open" and not deal["is_archived"]
        ]
        return Column(stage, deals[: -CARDS_SHOWN - 1 : -1], len(deals), sum(deal["value"] for deal in deals))
