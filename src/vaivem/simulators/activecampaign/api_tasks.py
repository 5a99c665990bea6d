"""The calls about tasks and their types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.activecampaign.api import SOURCE, Call, Gate, Result, paid
from vaivem.simulators.activecampaign.listing import answer, filters, matching
from vaivem.simulators.activecampaign.problems import bad_request
from vaivem.simulators.activecampaign.shapes_tasks import task_type_shape
from vaivem.simulators.activecampaign.tasks import Tasks
from vaivem.simulators.activecampaign.times import read_time
from vaivem.simulators.kit.tables import Record

if TYPE_CHECKING:
    from vaivem.simulators.activecampaign.app import ActiveCampaign

# The filters that the description names, by what they are about.
_COLUMNS = {
    "title": "title",
    "reltype": "reltype",
    "relid": "relid",
    "status": "status",
    "note": "note",
    "d_tasktypeid": "dealTasktype",
    "userid": "user",
    "assignee_userid": "assignee",
}


class TaskCalls:
    """The handlers."""

    def __init__(self, simulator: ActiveCampaign) -> None:
        self._tasks = Tasks(simulator.account)

    def routes(self, gate: Gate) -> list[BaseRoute]:
        return [
            gate.route("/dealTasktypes", GET=paid(self.types)),
            gate.route("/dealTasks", GET=paid(self.tasks), POST=paid(self.create)),
            gate.route(
                "/dealTasks/{id}", GET=paid(self.task), PUT=paid(self.change), DELETE=paid(self.delete)
            ),
        ]

    def types(self, call: Call) -> Result:
        rows = list(call.account["task_types"])
        return 200, answer("dealTasktypes", call.query, rows, task_type_shape)

    def tasks(self, call: Call) -> Result:
        wanted = filters(call.query)
        rows = _due(matching(call.account["tasks"], wanted, _COLUMNS), wanted)
        return 200, answer("dealTasks", call.query, rows, call.shapes.task)

    def create(self, call: Call) -> Result:
        task = self._tasks.create(call.wrapped("dealTask"), call.user["id"], SOURCE)
        return 201, {"dealTask": call.shapes.task(task)}

    def task(self, call: Call) -> Result:
        """Read by itself a task has more, and its status is a text."""
        return 200, {"dealTask": call.shapes.task(self._task(call), whole=True)}

    def change(self, call: Call) -> Result:
        task = self._tasks.change(self._task(call), call.wrapped("dealTask"), SOURCE)
        shown = call.shapes.task(task)
        return 200, {"dealTask": {**shown, "ownerType": shown["owner"]["type"]}}

    def delete(self, call: Call) -> Result:
        call.account["tasks"].remove(self._task(call)["id"])
        return 200, {}

    def _task(self, call: Call) -> Record:
        task = call.account["tasks"].get(call.path["id"])
        if task is None:
            raise bad_request()
        return task


def _due(rows: list[Record], wanted: dict[str, tuple[str, str]]) -> list[Record]:
    """Narrow by the due date: that moment, after or before one."""
    for name, fits in (
        ("duedate", str.__eq__),
        ("due_after", str.__gt__),
        ("due_before", str.__lt__),
    ):
        if name in wanted:
            moment = read_time(wanted[name][1])
            if moment is None:
                raise bad_request()
            rows = [row for row in rows if fits(row["duedate"], moment)]
    return rows
