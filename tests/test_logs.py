"""The log: JSON lines with ids, traces as a field, and no secret in either form."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import logging.config
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from vaivem import logs
from vaivem.logs import MASK, about, hide, masked

WORK = SimpleNamespace(ws=1, lane=-(2**62) - 1, run_id=2**60 + 1, event_id=2**60, rule=4, conn=9)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has secrets of its own."""
    monkeypatch.setattr(logs, "_secrets", {})


class Log:
    """A logger of a test's own and what it wrote."""

    def __init__(self, form: str) -> None:
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(logs.formatter("worker", form))
        self.logger = logging.Logger("vaivem.test")  # noqa: LOG001 - of this test only, in no tree
        self.logger.addHandler(handler)

    @property
    def text(self) -> str:
        """All that was written."""
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was written, each line read as JSON."""
        return [json.loads(line) for line in self.text.splitlines()]


@contextlib.contextmanager
def at_work() -> Iterator[None]:
    """Work on a run."""
    token = about.set(WORK)
    try:
        yield
    finally:
        about.reset(token)


def test_a_line_says_when_where_and_what() -> None:
    log = Log("json")
    log.logger.warning('Two\nlines, "quotes" and %s', "ação \ud800")
    (line,) = log.lines
    assert datetime.fromisoformat(line.pop("time")).utcoffset() is not None
    assert line == {
        "level": "warning",
        "logger": "vaivem.test",
        "message": 'Two\nlines, "quotes" and ação ?',
        "process": "worker",
        "pid": os.getpid(),
    }


def test_a_line_of_a_run_has_its_ids() -> None:
    log = Log("json")
    with at_work():
        log.logger.info("at work")
        log.logger.info("of another", extra={"connection": 12})
    log.logger.info("after")
    ids = {"workspace": "1", "rule": "4", "event": str(2**60), "run": str(2**60 + 1), "lane": str(WORK.lane)}
    shown = [{name: line[name] for name in logs.IDS if name in line} for line in log.lines]
    assert shown == [{**ids, "connection": "9"}, {**ids, "connection": "12"}, {}]


async def test_runs_side_by_side_keep_their_own_ids() -> None:
    log = Log("json")

    async def work(run: int) -> None:
        about.set(SimpleNamespace(**{**vars(WORK), "run_id": run}))
        await asyncio.sleep(0)
        log.logger.info("%d", run)

    await asyncio.gather(*(asyncio.create_task(work(run)) for run in range(1, 20)))
    assert [line["run"] for line in log.lines] == [line["message"] for line in log.lines]
    assert about.get() is None


def test_an_exception_is_a_field() -> None:
    log = Log("json")
    hide({"token": "s3cr3t-of-the-account"})
    try:
        raise ValueError("refused s3cr3t-of-the-account")
    except ValueError:
        log.logger.exception("It failed")
    (line,) = log.lines
    assert line["exception"]["type"] == "ValueError"
    assert line["exception"]["message"] == f"refused {MASK}"
    assert "test_an_exception_is_a_field" in line["exception"]["trace"]
    assert "s3cr3t" not in log.text


@pytest.mark.parametrize("form", ["text", "json"])
def test_known_secrets_are_in_no_form_of_the_log(form: str) -> None:
    log = Log(form)
    secrets = [
        "plain-word1",
        "plain-word1-and-more",
        "with/slash+plus==",
        'with"quote\\and',
        "nested-in-a-list",
    ]
    hide(
        {
            "a": secrets[0],
            "b": {"c": secrets[1], "d": secrets[2]},
            "e": [secrets[3], {"f": secrets[4]}],
            "n": 7,
        }
    )
    log.logger.error("1 %s 2 %s 3 %s 4 %s 5 %s 6 with%%2Fslash%%2Bplus%%3D%%3D", *secrets)
    said = log.text if form == "text" else log.lines[0]["message"]
    assert f"1 {MASK} 2 {MASK} 3 {MASK} 4 {MASK} 5 {MASK} 6 {MASK}" in said


def test_short_words_and_old_secrets_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_SECRETS", 10)
    for number in range(50):
        hide(f"secret-number-{number}")
    hide("short")
    assert masked("short secret-number-49") == f"short {MASK}"
    assert len(logs._secrets) == 10


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-123", f"Authorization: {MASK}"),
        (
            "{'authorization': 'Basic dXNlcjpwYXNz', 'accept': 'x'}",
            f"{{'authorization': '{MASK}', 'accept': 'x'}}",
        ),
        ("b'X-Api-Token: 1234'", f"b'X-Api-Token: {MASK}'"),
        ("{b'Authorization': b'Token 1234'}", f"{{b'Authorization': b'{MASK}'}}"),
        ("sent Bearer abcdefgh12345", f"sent Bearer {MASK}"),
        ("GET /v1/deals?token=abc123&page=2", f"GET /v1/deals?token={MASK}&page=2"),
        ("GET /v1?page=2&key=abc123 gave 401", f"GET /v1?page=2&key={MASK} gave 401"),
        ("/back/?code=4%2F0Ab&state=xyz", f"/back/?code={MASK}&state={MASK}"),
        ('{"refresh_token": "r-1", "lasts": 3600}', f'{{"refresh_token": "{MASK}", "lasts": 3600}}'),
        ("postgresql://vaivem:pa55w0rd@db/vaivem", f"postgresql://vaivem:{MASK}@db/vaivem"),
        ("POST /hook/AbC123xyz/part", f"POST /hook/{MASK}/part"),
        ("Page failed: GET /enter/AbC123xyz/", f"Page failed: GET /enter/{MASK}/"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl", MASK),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- end", f"{MASK} end"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Connection 7: the webhook is not right: invalid_token: the token has expired",
        "The key file changed and cannot be used: code=23505",
        "GET /v1/deals?page=2&limit=50 gave 429",
        "Worker 3 of host-1 is at work",
    ],
)
def test_words_about_secrets_stay_readable(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "x-",
        "a-",
        "x-token",
        "x-a ",
        "token=",
        "token token",
        "'token",
        '"key":',
        "authorization ",
        "cookie: ",
        "bearer ",
        "basic\t",
        "eyJabcdefgh-",
        "eyJabcdefgh.",
        "://a:",
        "//:@",
        "/hook/",
        "?code=",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN A",
        " ",
        "\x00",
        "é",
    ],
)
def test_what_strangers_send_costs_no_time(piece: str) -> None:
    hide([f"secret-number-{number}" for number in range(500)])
    text = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]
    began = time.process_time()
    for _ in range(3):
        masked(text)

    assert time.process_time() - began < 1.5  # three times 10 to 30 ms; when quadratic, minutes


def test_a_long_text_is_cut_and_no_half_secret_is_left() -> None:
    secret = "correct horse battery staple " * 4
    hide(secret)
    for before in range(logs.LONGEST_TEXT - 200, logs.LONGEST_TEXT + 5, 5):
        shown = masked("." * before + secret + "." * 200)
        assert "correct" not in shown
        assert before + len(secret) + 200 <= logs.LONGEST_TEXT or shown.endswith(" more)")


def test_the_web_server_logs_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import logging, logging.config; from vaivem import logs;"
        "logging.config.dictConfig(logs.server_settings('json'));"
        "logging.getLogger('_granian').warning('Bearer %s', 'abcdefgh1234');"
        "logging.config.dictConfig(logs.pages_settings('json', 'info'));"
        "logging.getLogger('vaivem.hub').info('page', extra={'workspace': 3})"
    )
    environ = {**os.environ, logs.WEB_VARIABLE: "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ
    )
    first, second = map(json.loads, done.stderr.splitlines())
    assert (first["process"], first["message"], first["level"]) == ("web", f"Bearer {MASK}", "warning")
    assert (second["process"], second["logger"], second["workspace"]) == ("web", "vaivem.hub", "3")
