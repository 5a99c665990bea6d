"""Database addresses: every client library reads them alike, and none shows its password."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from vaivem.postgres.address import (
    fits_socket,
    shown,
    socket_dsn,
    tcp_dsn,
    with_database,
)


@pytest.mark.parametrize("folder", ["/var/lib/vaivem/run", "/home/José da Silva/a&b=c", "/x/50%"])
def test_a_socket_address_keeps_its_folder(folder: str) -> None:
    parts = conninfo_to_dict(with_database(socket_dsn(Path(folder)), "other"))
    assert parts == {"user": "vaivem", "dbname": "other", "host": folder, "port": "5432"}


def test_a_password_survives_and_is_not_shown() -> None:
    dsn = tcp_dsn(5433, "p@:/?#ss")
    assert conninfo_to_dict(dsn)["password"] == "p@:/?#ss"
    assert shown(dsn) == "postgresql://vaivem:***@127.0.0.1:5433/vaivem"
    assert shown(socket_dsn(Path("/run"))) == "postgresql://vaivem@/vaivem?host=/run&port=5432"


@pytest.mark.parametrize(
    ("folder", "fits"),
    [("/" + "a" * 88, True), ("/" + "a" * 90, False), ("/" + "é" * 46, False), ("/a,b", False)],
)
def test_which_folders_can_hold_a_socket(folder: str, fits: bool) -> None:
    assert fits_socket(Path(folder)) is fits
