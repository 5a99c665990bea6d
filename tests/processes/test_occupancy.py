"""One installation per folder and port, and a demo folder that the database's user can reach."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from vaivem.cli.demo_folder import demo_folder
from vaivem.processes.occupancy import OccupiedError, check_port, sole_user


def test_a_second_user_of_a_folder_is_told_who_has_it(data_dir: Path) -> None:
    with sole_user(data_dir, "http://127.0.0.1:8000"):
        who = f"process {os.getpid()}, at http://127.0.0.1:8000, since 20"
        with pytest.raises(OccupiedError, match=who), sole_user(data_dir, "http://127.0.0.1:8001"):
            pytest.fail("it must not get in")
        (data_dir / "locks/up").write_text("damaged")
        with pytest.raises(OccupiedError, match="another proc"), sole_user(data_dir, "http://127.0.0.1:1"):
            pytest.fail("it must not get in")
    with sole_user(data_dir, "http://127.0.0.1:8001"):
        pass


@pytest.mark.parametrize("shared", [False, True])
def test_a_taken_port_is_said_also_when_it_could_be_shared(shared: bool) -> None:
    with socket.socket() as other:
        if shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OccupiedError, match=f"Port {port} is taken by process {os.getpid()} "):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_a_host_of_another_machine_is_said() -> None:
    with pytest.raises(OccupiedError, match=r"Nobody can listen at 192\.0\.2\.1:8000"):
        check_port("192.0.2.1", 8000)
    with pytest.raises(OccupiedError, match="is not an address of this machine"):
        check_port("no.such.host.invalid", 8000)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_a_demo_in_roots_closed_home_keeps_its_data_elsewhere(data_dir: Path) -> None:
    elsewhere = data_dir / "elsewhere"
    assert demo_folder(data_dir / ".data", elsewhere) == data_dir / ".data"
    (data_dir / "closed").mkdir(mode=0o700)
    assert demo_folder(data_dir / "closed/.data", elsewhere) == elsewhere
