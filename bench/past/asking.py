"""Asks for each filter's first page through the web process, as a browser does."""

from __future__ import annotations

import asyncio
import http.client
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from past.laying import BIG, BROKEN_RULE, QUIET_RULE, RARE_RULE
from vaivem.bench.gauges import cpu_seconds
from vaivem.cli import parts
from vaivem.cli.run import Steps
from vaivem.config import Config
from vaivem.postgres import EmbeddedServer
from vaivem.postgres.server import free_port
from vaivem.processes.supervisor import Supervisor

LIMIT_MS = 300

QUESTIONS = {
    "everything": "",
    "status done": "status=done",
    "status failed": "status=failed",
    "status waiting": "status=waiting",
    "status needs you": "status=needs_you",
    "status nothing": "status=nothing",
    "status stopped (one, 5 months back)": "status=stopped",
    "the largest rule": "rule=1",
    "a rule with three runs": f"rule={RARE_RULE}",
    "failed of the largest rule": "rule=1&status=failed",
    "stopped of the largest rule (one)": "rule=1&status=stopped",
    "failed of a rule that failed once": f"rule={BROKEN_RULE}&status=failed",
    "failed of a rule that never failed": f"rule={QUIET_RULE}&status=failed",
    "a connection": "connection=1",
    "failed at a connection": "connection=2&status=failed",
    "stopped at a connection (one)": "connection=2&status=stopped",
    "today": "period=today",
    "yesterday, failed": "period=yesterday&status=failed",
    "seven days of a rule with three runs": f"period=7days&rule={RARE_RULE}",
    "30 days, stopped (none)": "period=30days&status=stopped",
    "a month long ago": "period=dates&from={month}&to={month_end}",
    "a month long ago, failed": "period=dates&from={month}&to={month_end}&status=failed",
    "e-mail": "q=p4711@example.com",
    "CPF": "q=00000004711",
    "CPF with mask": "q=000.000.047-11",
    "phone": "q=%2B55+11+9000-04711",
    "a word in every title": "q=contrato",
    "a first name": "q=joao",
    "a rare surname": "q=zanetti",
    "two common words": "q=maria+silva",
    "a common and a rare word": "q=maria+zanetti",
    "three words": "q=contrato+joao+zanetti",
    "no such word": "q=inexistente",
    "a common word and one that is nowhere": "q=contrato+inexistente",
    "word in every title, failed": "q=contrato&status=failed",
    "word in every title, stopped (one)": "q=contrato&status=stopped",
    "first name, stopped (none)": "q=joao&status=stopped",
    "first name, rule with three runs": f"q=joao&rule={RARE_RULE}",
    "first name, rule that failed once, failed": f"q=joao&rule={BROKEN_RULE}&status=failed",
    "first name, failed, yesterday": "q=joao&status=failed&period=yesterday",
    "word in every title, a connection": "q=contrato&connection=2",
    "two words, failed, a month long ago": "q=maria+silva&status=failed&period=dates&from={month}&to={month_end}",
}


def configured(folder: Path) -> Config:
    """Return the settings of an installation in the folder, and of nothing around it."""
    for name in ("DATABASE_URL", "VAIVEM_PUBLIC_URL", "VAIVEM_DSN"):
        os.environ.pop(name, None)
    config = replace(
        Config.from_environment(),
        data_dir=folder,
        host="127.0.0.1",
        port=free_port("127.0.0.1"),
        database_url=None,
        inherited_dsn=None,
        public_url=None,
    )
    os.environ.update(parts.settings(config))
    return config


def ask(folder: Path, repeat: int, only: str) -> int:
    """Print how long each first page takes; the exit code says whether all hold, the slowest of each too.

    `CPU`: what web and database spent on a page, in milliseconds. A busy machine makes a page slow, and leaves this.
    """
    config = configured(folder)
    return asyncio.run(_ask(config, repeat, only))


async def _ask(config: Config, repeat: int, only: str) -> int:
    logs = config.data_dir / "logs"
    logs.mkdir(exist_ok=True)
    house = [*parts.database(config), parts.tables(config), parts.web(config, logs)]
    async with Supervisor(house, Steps()) as running:
        dsn = running.environment["VAIVEM_DSN"]
        cookie = await asyncio.to_thread(_signed_in, dsn)
        database = EmbeddedServer(config.data_dir).postmaster_pid or 0
        ours = (running.pid("web"), database)
        return await asyncio.to_thread(_measure, config, cookie, ours, repeat, only)


def _signed_in(dsn: str) -> str:
    from vaivem.cli.migration import use_django

    use_django(dsn)
    from django.conf import settings
    from django.test import Client

    from vaivem.hub.workspaces.models import Member, Membership, Role

    member = Member.objects.filter(email="bench@example.com").first()
    if member is None:
        member = Member.objects.create_user("bench@example.com", None, language="pt-br", name="Bench")
    Membership.objects.get_or_create(member=member, workspace_id=BIG, defaults={"role": Role.OWNER})
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(member, "allauth.account.auth_backends.AuthenticationBackend")
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


def _pages() -> dict[str, str]:
    month = (datetime.now(UTC) - timedelta(days=120)).date()
    dates = {"month": month.isoformat(), "month_end": (month + timedelta(days=30)).isoformat()}
    pages = {name: f"/w/w1/history/?{query.format(**dates)}" for name, query in QUESTIONS.items()}
    pages["events without a rule"] = "/w/w1/history/events/"
    pages["refused deliveries"] = "/w/w1/history/rejected/"
    pages["home"] = "/w/w1/"
    return pages


def _measure(config: Config, cookie: str, ours: Sequence[int], repeat: int, only: str) -> int:
    pages = {name: address for name, address in _pages().items() if only in name}
    web = http.client.HTTPConnection(urlsplit(config.local_url).netloc, timeout=60)
    headers = {"Cookie": cookie, "Accept-Language": "pt-BR"}
    for _ in range(3):  # the application's own first time
        _get(web, "/w/w1/history/rejected/", headers)
    print(f"{'milliseconds':44} first  median  slowest   CPU  rows")
    over: dict[str, list[str]] = {"median": [], "slowest": []}
    for name, address in pages.items():
        first, rows = _get(web, address, headers)
        before = sum(map(cpu_seconds, ours))
        taken = [_get(web, address, headers)[0] for _ in range(repeat)]
        spent = (sum(map(cpu_seconds, ours)) - before) * 1000 / repeat
        median, slowest = statistics.median(taken), max(taken)
        mark = "  SLOW" if median >= LIMIT_MS else "  slow" if slowest >= LIMIT_MS else ""
        over["median"] += [name] if median >= LIMIT_MS else []
        over["slowest"] += [name] if slowest >= LIMIT_MS else []
        print(
            f"{name:44} {first:5.0f}  {median:6.0f}  {slowest:7.0f}  {spent:4.0f}  {rows:4}{mark}", flush=True
        )
    for which, names in over.items():
        print(f"by the {which}: {len(pages) - len(names)} of {len(pages)} under {LIMIT_MS} ms")
    print(f"load average {os.getloadavg()[0]:.1f}")
    return 1 if over["slowest"] else 0


def _get(web: http.client.HTTPConnection, address: str, headers: Mapping[str, str]) -> tuple[float, int]:
    """Return how many milliseconds a page took, and how many rows it has."""
    begun = time.perf_counter()
    web.request("GET", address, headers=dict(headers))
    answer = web.getresponse()
    body = answer.read()
    taken = (time.perf_counter() - begun) * 1000
    if answer.status != 200:
        raise SystemExit(f"{address} was answered {answer.status}")
    return taken, body.count(b'class="when"')
