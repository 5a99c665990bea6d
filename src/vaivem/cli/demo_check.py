"""The main job once, without a browser: somebody acts in one test account, and it shows in the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from vaivem.cli import parts
from vaivem.cli.reporting import CommandError, Outcome, say
from vaivem.config import Config
from vaivem.simulators.stories import Act, Asker, Held, Served, stories

ARRIVAL_SECONDS = 25.0
LOOK_SECONDS = 0.2
NUMBER = 3  # a document with two signers
DONE = 1


async def check_main_job(config: Config, served: Sequence[Served]) -> Outcome:
    """Act, wait for the result at the other side, and report the trail."""
    beginnings, endings = stories("act"), stories("holds")
    begin = next((account for account in served if account.name in beginnings), None)
    ends = [account for account in served if account.name in endings]
    if begin is None or not ends:
        raise CommandError("There is no pair of test accounts between which a story can go.")
    async with Asker() as asker:
        begun = time.monotonic()
        act: Act = await beginnings[begin.name].act(begin, NUMBER, asker)
        say(f"  {begin.name}: “{act.title}” was signed by {', '.join(who['name'] for who in act.people)}")
        trail = await _until_done(config, act)
        held = [record for end in ends for record in await endings[end.name].holds(end, act, asker)]
        seconds = round(time.monotonic() - begun, 3)
    problem = _problem(act, held, trail)
    data = {
        "act": {"record": act.record, "title": act.title, "people": [dict(who) for who in act.people]},
        "trail": trail,
        "records": [{"object": one.object, "id": one.id, "name": one.name} for one in held],
        "arrival_seconds": seconds,
    }
    return Outcome(_shown(trail, held, seconds), data, problem)


async def _until_done(config: Config, act: Act) -> Mapping[str, Any]:
    limit = time.monotonic() + ARRIVAL_SECONDS
    while True:
        trail = await parts.call(config, "demo-trail", act.record)
        if trail["runs"] or time.monotonic() > limit:
            return trail
        await asyncio.sleep(LOOK_SECONDS)


def _problem(act: Act, held: Sequence[Held], trail: Mapping[str, Any]) -> str:
    """Return what is not as it should be, "" when the job was done once and whole."""
    if not trail["events"]:
        return "The signature did not arrive: no event of the document is in the history."
    if not trail["runs"]:
        return f"The event arrived, and its run was not done within {ARRIVAL_SECONDS:.0f} seconds."
    failed = [run for run in trail["runs"] if run["status"] != DONE]
    if failed:
        return f"The run ended otherwise than done: {failed[0]['code']}"
    people = {who["email"] for who in act.people if who["email"]}
    contacts = [one for one in held if one.object == "contact"]
    deals = [one for one in held if one.object == "deal"]
    if len(contacts) != len(people):
        return f"There should be {len(people)} contacts at the other side; there are {len(contacts)}."
    if len(deals) != 1:
        return f"There should be one deal at the other side; there are {len(deals)}."
    return ""


def _shown(trail: Mapping[str, Any], held: Sequence[Held], seconds: float) -> str:
    lines = [f"event  {event['id']}  {event['kind']}  {event['title']}" for event in trail["events"]]
    for run in trail["runs"]:
        lines.append(f"run    {run['id']}  {'done' if run['status'] == DONE else run['code']}")
        for call in run["calls"]:
            status = call["status"] or call["code"]
            lines.append(
                f"  {call['method']:<5}{call['name']:<24}{status!s:>5}{call['ms']:>6} ms  {call['url']}"
            )
    lines += [f"{one.object:<7}{one.id}  {one.name}" for one in held]
    return "\n".join([*lines, f"From the signature to the deal: {seconds:.1f} s"])


def _place(url: str) -> str:
    """Return an address without its query: names and numbers are in the JSON."""
    return url.partition("?")[0]
