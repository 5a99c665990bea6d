"""How much may be called: a burst for each token, searches, the company's tokens of the day, and the edge."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response
from typing_extensions import override

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.limits import Limit, Limits, Reading, parse_limit

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.access import Caller
    from vaivem.simulators.pipedrive.account import Account

WINDOW_SECONDS = 2.0
SEARCHES = 10
DAILY_BASE = 30_000
POSTS_A_DAY = 10_000  # what `x-daily-requests-left` counts down from; the vendor gives no figure
BLOCKED = (
    "<html><head><title>Access denied</title></head>"
    "<body><h1>Error 1015</h1><p>You are being rate limited</p></body></html>"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: how often the daily base of tokens for each seat, and the bursts of both kinds of token."""

    times: int
    token_burst: int
    app_burst: int


PLANS = {
    "lite": Plan(1, 20, 80),
    "growth": Plan(2, 40, 160),
    "premium": Plan(5, 100, 400),
    "ultimate": Plan(7, 120, 480),
}


class Meter(Limits):
    """The kit's limits, counted for each token. The kit's own count lets everything through to us."""

    def __init__(self, account: Account, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._account = account
        self.plan, self.seats, self.top_up = "premium", 5, 0
        self.spent, self.posts, self.day = 0, 0, ""
        self.by_call: dict[str, int] = {}
        self._windows: dict[tuple[str, str], deque[float]] = {}
        self._refusals: deque[float] = deque()
        self._blocked_until = 0.0
        super().__init__(Limit(PLANS[self.plan].token_burst, WINDOW_SECONDS), monotonic)

    @property
    def budget(self) -> int:
        """The company's tokens of a day."""
        return DAILY_BASE * PLANS[self.plan].times * self.seats + self.top_up

    @property
    def off(self) -> bool:
        """Whether nothing is refused."""
        return self.mode == "off"

    def choose(self, plan: str, seats: int, top_up: int) -> None:
        """Change the plan; ValueError when there is no such plan or no seat."""
        if plan not in PLANS or seats < 1 or top_up < 0:
            raise ValueError(f"plan is one of {', '.join(PLANS)}; seats 1 or more; top_up not negative")
        self.plan, self.seats, self.top_up = plan, seats, top_up
        self.documented = Limit(PLANS[plan].token_burst, WINDOW_SECONDS)
        self.set_mode(self.mode)

    @override
    def clear(self) -> None:
        super().clear()
        self._windows.clear()
        self._refusals.clear()
        self._blocked_until = 0.0

    @override
    def take(self) -> Reading:
        """What the kit asks before it knows who calls: let it through."""
        return Reading(True, self.documented.count, self.documented.count, 0.0)

    def charge(self, caller: Caller, call: str, cost: int, *, search: bool, post: bool) -> dict[str, str]:
        """Count one call and return its headers; `LimitedError` when it is over a limit."""
        self._turn_day()
        now = self._monotonic()
        self._measure(now)
        if not caller.client_id and not self.off and now < self._blocked_until:
            raise LimitedError(HTMLResponse(BLOCKED, 403, headers={"server": "cloudflare"}))
        count, seconds = self._burst(caller)
        window = self._window(caller.token, "all", now - seconds)
        left = count - len(window)
        full = left <= 0
        if search and not full:
            searches = self._window(caller.token, "search", now - WINDOW_SECONDS)
            full = len(searches) >= SEARCHES
            window, seconds = (searches, WINDOW_SECONDS) if full else (window, seconds)
        if full and not self.off:
            headers = self._headers(caller, count, 0, window[0] + seconds - now)
            raise LimitedError(self._refuse(caller, now, headers))
        if self.spent + cost > self.budget and not self.off:
            self.refused += 1
            headers = self._headers(caller, count, max(left, 1), seconds)
            raise LimitedError(self._too_many(headers, self.seconds_to_reset()))
        window.append(now)
        if search:
            self._window(caller.token, "search", now - WINDOW_SECONDS).append(now)
        self.spent += cost
        self.by_call[call] = self.by_call.get(call, 0) + cost
        self.posts += post
        return self._headers(caller, count, max(left - 1, 0), seconds)

    def seconds_to_reset(self) -> float:
        """Until the day of the budget ends."""
        now = self._account.now()
        return (self._day_start(now) + timedelta(days=1) - now).total_seconds()

    def usage(self) -> dict[str, Any]:
        """The budget of today, as the vendor's own page shows it to an admin."""
        self._turn_day()
        return {
            "plan": self.plan,
            "seats": self.seats,
            "top_up": self.top_up,
            "budget": self.budget,
            "spent": self.spent,
            "left": self.budget - self.spent,
            "day": self.day,
            "resets_at": (self._day_start(self._account.now()) + timedelta(days=1)).isoformat(),
            "by_call": dict(sorted(self.by_call.items(), key=lambda item: -item[1])),
        }

    def burst_refusal(self) -> Response:
        """A 429 as if the burst were used up, for the fault of that name."""
        headers = {"x-ratelimit-limit": str(self.documented.count), "x-ratelimit-remaining": "0"}
        return self._too_many({**headers, "x-ratelimit-reset": "2"}, WINDOW_SECONDS)

    def snapshot(self) -> dict[str, Any]:
        """Plan and spent tokens (JSON-able)."""
        names = ("plan", "seats", "top_up", "spent", "posts", "day", "by_call")
        return {name: getattr(self, name) for name in names}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take back a `snapshot`."""
        self.choose(data["plan"], data["seats"], data["top_up"])
        self.spent, self.posts, self.day = data["spent"], data["posts"], data["day"]
        self.by_call = dict(data["by_call"])

    def start_again(self) -> None:
        """The plan and the unspent budget of the first day."""
        self.spent, self.posts, self.day, self.by_call = 0, 0, "", {}
        self.choose("premium", 5, 0)

    def _burst(self, caller: Caller) -> tuple[int, float]:
        plan = PLANS[self.plan]
        own = Limit(plan.app_burst if caller.client_id else plan.token_burst, WINDOW_SECONDS)
        limit = parse_limit(self.mode, own) or own
        return limit.count, limit.seconds

    def _window(self, token: str, kind: str, start: float) -> deque[float]:
        times = self._windows.setdefault((token, kind), deque())
        while times and times[0] <= start:
            times.popleft()
        return times

    def _measure(self, now: float) -> None:
        self.total += 1
        self._arrived.append(now)
        while self._arrived[0] <= now - self.window_seconds:
            self._arrived.popleft()
        self.max_in_window = max(self.max_in_window, len(self._arrived))

    def _refuse(self, caller: Caller, now: float, headers: dict[str, str]) -> Response:
        self.refused += 1
        if not caller.client_id:
            quirks = self._account.quirks
            self._refusals.append(now)
            while self._refusals[0] <= now - 60:
                self._refusals.popleft()
            if len(self._refusals) >= quirks.edge_block_after:
                self._refusals.clear()
                self._blocked_until = now + quirks.edge_block_seconds
        return self._too_many(headers, float(headers["x-ratelimit-reset"]))

    def _headers(self, caller: Caller, limit: int, left: int, reset_in: float) -> dict[str, str]:
        headers = {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-reset": str(max(1, math.ceil(reset_in))),
        }
        if not caller.client_id:
            headers["x-daily-requests-left"] = str(max(POSTS_A_DAY - self.posts, 0))
        return headers

    def _too_many(self, headers: dict[str, str], seconds: float) -> Response:
        if self._account.quirks.retry_after:
            headers = {**headers, "retry-after": str(max(1, math.ceil(seconds)))}
        return json_answer({"success": False, "error": "request over limit", "errorCode": 429}, 429, headers)

    def _turn_day(self) -> None:
        day = self._day_start(self._account.now()).isoformat()
        if day != self.day:
            self.day, self.spent, self.posts, self.by_call = day, 0, 0, {}

    def _day_start(self, now: datetime) -> datetime:
        shift = timedelta(hours=self._account.quirks.budget_reset_hour)
        return (now - shift).replace(hour=0, minute=0, second=0, microsecond=0) + shift


class LimitedError(Exception):
    """A call that is over a limit, with its answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response
