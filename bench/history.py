"""How fast the history answers with ten million runs in it, and what deleting old ones costs the flow.

    python bench/history.py lay   --folder DIR [--runs 10000000] [--days 180]
    python bench/history.py ask   --folder DIR [--repeat 7] [--only WORDS]
    python bench/history.py thin  --folder DIR [--pairs 4] [--seconds 15]
    python bench/history.py clean --folder DIR

`lay` starts an embedded PostgreSQL in DIR and fills it: one workspace with nine tenths of the runs and thirty small
ones, people who return, rules of all sizes, failures that come in bunches, and some needles: a rule with three
runs, a failure five months back. `ask` measures each filter's first page through the web process. `thin` starts a
whole installation there (web, worker, the benchmark's vendor), sends it events, and has the worker delete old
history a day at a time in every other block, by its own nightly chore. About 2.5 GB a million runs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from past.asking import ask
from past.laying import lay
from past.thinning import thin
from vaivem.postgres import EmbeddedServer


def main() -> int:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["lay", "ask", "thin", "clean"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument(
        "--repeat", type=int, default=7, help="how often each page is asked for once it is warm"
    )
    parser.add_argument("--only", default="", help="ask for pages with this in their name")
    parser.add_argument("--pairs", type=int, default=4, help="blocks with deletion, and as many without")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each half of a block")
    given = parser.parse_args()
    folder: Path = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    if given.command == "ask":
        return ask(folder, given.repeat, given.only)
    if given.command == "thin":
        return thin(folder, given.pairs, given.seconds)
    server = EmbeddedServer(folder)
    server.start()
    try:
        if given.command == "lay":
            lay(server, given.runs, given.days)
    finally:
        server.leave()
        if given.command == "clean":
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
