"""`vaivem bench`: how fast this is on this machine, with the bounds it is compared with."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from vaivem.cli.naming import names
from vaivem.cli.reporting import Command, CommandError, Outcome, say
from vaivem.config import Config
from vaivem.postgres.server import free_port


@click.command(cls=Command)
@click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(0.5, 600), help="Per phase."
)
@click.option(
    "--only",
    multiple=True,
    callback=names,
    metavar="NAMES",
    help="These phases alone, separated by commas, or given again.",
)
@click.option("--full", is_flag=True, help="Drain a million waiting events as well.")
@click.option("--database-url", help="An empty database of your own to measure; else an embedded one.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here, as JSON."
)
def bench(
    seconds: float, only: tuple[str, ...], database_url: str | None, output: Path | None, *, full: bool
) -> Outcome:
    """Measure this machine: throughput, latencies, memory, growth. Ends within 10 minutes, leaves nothing."""
    config = Config.from_environment()
    config.data_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=config.data_dir))
    folder.chmod(0o755)  # the database's user passes through it when we are root
    inner = replace(
        config,
        data_dir=folder,
        host="127.0.0.1",
        port=free_port("127.0.0.1"),
        database_url=database_url,
        inherited_dsn=None,
        public_url=None,
    )
    try:
        data = asyncio.run(_run(inner, seconds, only, full=full))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if output is not None:
        output.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    return Outcome(data.pop("table"), data)


async def _run(config: Config, seconds: float, only: tuple[str, ...], *, full: bool) -> dict[str, Any]:
    from vaivem.bench.installation import Installation
    from vaivem.bench.plan import PARTS, Bench
    from vaivem.bench.report import report
    from vaivem.cli.run import Steps

    unknown = [name for name in only if name not in PARTS]
    if unknown:
        raise CommandError(f"There is no phase {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    say(f"The benchmark runs in {config.data_dir}")
    async with Installation(config, Steps()) as house:
        run = Bench(house, seconds)
        await run.start()
        for name, part in PARTS.items():
            if not only or name in only:
                await part(run)
        if full:
            await run.drain()
        return report(run)
