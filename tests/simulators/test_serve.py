"""The program itself: one line when ready, a clean stop, a state that outlives it."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from vaivem.simulators import serve
from vaivem.simulators.kit.store import Store, UnreadableStateError


def begin(*arguments):
    command = [sys.executable, "-m", "vaivem.simulators.serve", "clicksign", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())


def end(process, number=signal.SIGTERM):
    started = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
    return time.monotonic() - started


def post(url, data):
    request = urllib.request.Request(url, json.dumps(data).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def read(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_line_and_clean_stop(number):
    process, ready = begin("--limits", "off", "--retries", "1,2,3")
    assert set(ready) == {"name", "base_url", "credentials", "pages_url", "control_url"}
    assert ready["credentials"]["access_token"]
    schedule = read(ready["control_url"] + "/webhooks/schedule")
    assert schedule["delays_seconds"] == [1, 2, 3]
    # A connection kept open must not hold the stop up.
    port = int(ready["base_url"].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(15).startswith(b"HTTP/1.1 200")
        # Neither must a call that is left without an answer on purpose.
        post(ready["control_url"] + "/faults", {"next": [{"fault": "timeout"}]})
        idle.sendall(b"GET /api/v3/envelopes HTTP/1.1\r\nHost: x\r\n\r\n")
        assert end(process, number) < 15  # what is left without an answer hangs for as long as we like


def test_state_is_kept(tmp_path):
    state = tmp_path / "deep" / "clicksign.json"
    process, ready = begin("--state", str(state))
    made = post(ready["control_url"] + "/documents", {"filename": "Kept.pdf", "metadata": {"a": 1}})
    end(process)
    process, ready = begin("--state", str(state))
    tables = read(ready["control_url"] + "/state")["tables"]
    end(process)
    assert [d["id"] for d in tables["documents"]] == made["documents"]
    assert tables["documents"][0]["metadata"] == {"a": 1}


def test_a_client_that_speaks_tls_only_is_answered():
    process, ready = begin("--tls")
    assert ready["base_url"].startswith("https://127.0.0.1:")
    trusting = ssl.create_default_context(cafile=ready["certificate"])
    with urllib.request.urlopen(ready["pages_url"], timeout=30, context=trusting) as answer:
        assert answer.status == 200
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(ready["pages_url"], timeout=30)
    end(process)
    assert not Path(ready["certificate"]).exists()


def test_exit_after_start_and_public_base():
    process, ready = begin("--exit-after-start", "--public-base", "https://test.example/")
    assert process.wait(timeout=30) == 0
    process.communicate()
    assert ready["base_url"] == "https://test.example"


def test_wrong_arguments(tmp_path, capsys):
    broken = tmp_path / "state.json"
    broken.write_text("{")
    assert serve.main(["clicksign", "--state", str(broken)]) == 1
    assert serve.main(["clicksign", "--limits", "many"]) == 1
    assert "many" in capsys.readouterr().err
    with pytest.raises(serve.UnknownSimulatorError, match="clicksign"):
        serve.make("../kit")


def test_a_state_of_another_simulator_is_refused(tmp_path):
    Store(tmp_path / "s.json", "one").save({"a": 1})
    assert Store(tmp_path / "s.json", "one").load() == {"a": 1}
    with pytest.raises(UnreadableStateError):
        Store(tmp_path / "s.json", "two").load()
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"], "nothing is left beside it"
