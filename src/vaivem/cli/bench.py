"""`vaivem bench`: how fast this is on this machine, with the bounds it is compared with."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from vaivem.cli.naming import Seconds, names
from vaivem.cli.reporting import Command, CommandError, Outcome, say
from vaivem.config import Config
from vaivem.postgres.address import shown
from vaivem.postgres.server import free_port


@click.command(cls=Command)
@click.option("--seconds", default=10.0, show_default=True, type=Seconds(0.5, 600), help="Per phase.")
@click.option(
    "--only",
    multiple=True,
    callback=names,
    metavar="NAMES",
    help="These phases alone, separated by commas, or given again.",
)
@click.option("--full", is_flag=True, help="Drain a million waiting events as well.")
@click.option(
    "--database-url",
    help="An empty database of your own to measure (what is made there stays); else an embedded one.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here, as JSON."
)
def bench(
    seconds: float, only: tuple[str, ...], database_url: str | None, output: Path | None, *, full: bool
) -> Outcome:
    """Measure this machine: throughput, latencies, memory, growth. Ends within 10 minutes, leaves nothing."""
    config = Config.from_environment()
    _check(only, output, database_url)
    folder = _make_folder(config.data_dir)
    inner = Config(
        data_dir=folder,
        port=free_port("127.0.0.1"),
        database_url=database_url,
        database_user=config.database_user,
    )
    try:
        data = asyncio.run(_run(inner, seconds, only, full=full))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if output is not None:
        output.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    return Outcome(data.pop("table"), data)


def _make_folder(data_dir: Path) -> Path:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir=data_dir))
    except OSError as error:
        raise CommandError(
            f"The folder {data_dir} cannot be used: {error.strerror}. "
            "Choose another with VAIVEM_DATA_DIR, or change its owner."
        ) from error
    folder.chmod(0o755)  # the database's user passes through it when we are root
    return folder


def _check(only: tuple[str, ...], output: Path | None, database_url: str | None) -> None:
    """Refuse now what would fail after ten minutes, or leave rows among somebody's own."""
    from vaivem.bench.plan import PARTS

    unknown = [name for name in only if name not in PARTS]
    if unknown:
        raise CommandError(f"There is no phase {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    if output is not None:
        known = output.exists()
        try:
            output.open("a", encoding="utf-8").close()
            if not known:
                output.unlink()
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error
    if database_url is not None:
        _check_empty(database_url)


def _check_empty(url: str) -> None:
    if urlsplit(url).scheme not in {"postgresql", "postgres"}:
        raise CommandError("--database-url must start with postgresql:// (PostgreSQL 15 or newer).")
    import psycopg

    with psycopg.connect(url, connect_timeout=5) as db:
        taken = db.execute("select 1 from pg_tables where schemaname = current_schema() limit 1").fetchone()
    if taken is not None:
        raise CommandError(
            f"The database {shown(url)} is not empty, and the benchmark would leave its rows there. "
            "Make one for it (createdb)."
        )


async def _run(config: Config, seconds: float, only: tuple[str, ...], *, full: bool) -> dict[str, Any]:
    from vaivem.bench.installation import Installation
    from vaivem.bench.plan import PARTS, Bench
    from vaivem.bench.report import report
    from vaivem.cli.run import Steps

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
