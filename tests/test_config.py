"""The operator's settings: defaults that work, and a sentence for each value that cannot be used."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

import pytest

from vaivem.config import Config, ConfigError, PrivateHost, set_by_operator


def test_an_empty_environment_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    for uid, folder in ((0, "/var/lib/vaivem"), (1000, "/home/ana/.local/share/vaivem")):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        assert Config.from_environment({}) == Config(Path(folder))
    assert Config.from_environment({}).embedded


def test_everything_can_be_set() -> None:
    config = Config.from_environment(
        {
            "VAIVEM_DATA_DIR": " /srv/vaivem ",
            "DATABASE_URL": "postgresql://vaivem@db/vaivem",
            "VAIVEM_PUBLIC_URL": "https://vaivem.example.com.br/",
            "HOST": "0.0.0.0",
            "PORT": "80",
            "VAIVEM_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "VAIVEM_ALLOW_PRIVATE": "ERP.local:8080,10.1.0.0/16, [fd00::1]:81, 192.168.0.7, fd00::2",
            "VAIVEM_LOG_LEVEL": "DEBUG",
            "VAIVEM_LOG": "JSON",
        }
    )
    assert config.data_dir == Path("/srv/vaivem")
    assert config.dsn == "postgresql://vaivem@db/vaivem"
    assert not config.embedded
    assert config.public_url == "https://vaivem.example.com.br"
    assert config.local_url == "http://127.0.0.1:80"
    assert config.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert config.allowed_private_hosts == (
        PrivateHost("erp.local", 8080),
        PrivateHost(network=ipaddress.ip_network("10.1.0.0/16")),
        PrivateHost("fd00::1", 81),
        PrivateHost("192.168.0.7"),
        PrivateHost("fd00::2"),
    )
    assert (config.log_level, config.log_form) == ("debug", "json")


def test_served_test_accounts_may_be_called_and_nothing_beside_them() -> None:
    config = Config.from_environment({"VAIVEM_TEST_ACCOUNTS": "clicksign=http://127.0.0.1:9001/"})
    assert config.test_accounts == {"clicksign": "http://127.0.0.1:9001"}
    assert config.allowed_private_hosts == (PrivateHost("127.0.0.1", 9001),)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "http", "PORT must be a number"),
        ("PORT", "65536", "PORT must be a number"),
        ("PORT", "-1", "PORT must be a number"),
        ("DATABASE_URL", "mysql://db/x", "must start with postgresql://"),
        ("VAIVEM_PUBLIC_URL", "vaivem.example.com", "must be an address such as https://"),
        ("VAIVEM_PUBLIC_URL", "https://x/?a=1", "must be an address such as https://"),
        ("VAIVEM_TRUSTED_PROXIES", "10.0.0.1/8", "VAIVEM_TRUSTED_PROXIES must list"),
        ("VAIVEM_TRUSTED_PROXIES", "proxy", "VAIVEM_TRUSTED_PROXIES must list"),
        ("VAIVEM_ALLOW_PRIVATE", "10.0.0.1/8", "VAIVEM_ALLOW_PRIVATE holds a bad range"),
        ("VAIVEM_ALLOW_PRIVATE", "http://erp", "none of these|bad range"),
        ("VAIVEM_ALLOW_PRIVATE", "erp:99999", "none of these"),
        ("VAIVEM_TEST_ACCOUNTS", "http://127.0.0.1:9001", "must list test accounts"),
        ("VAIVEM_TEST_ACCOUNTS", "clicksign=127.0.0.1", "must list test accounts"),
        ("VAIVEM_LOG_LEVEL", "loud", "must be one of debug, info"),
        ("VAIVEM_LOG", "xml", "must be one of text, json"),
    ],
)
def test_a_value_that_cannot_be_used_is_said(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Config.from_environment({name: value})


def test_an_address_from_the_parent_comes_after_the_operators() -> None:
    assert Config.from_environment({"VAIVEM_DSN": "postgresql:///a"}).dsn == "postgresql:///a"
    both = {"VAIVEM_DSN": "postgresql:///a", "DATABASE_URL": "postgresql:///b"}
    assert Config.from_environment(both).dsn == "postgresql:///b"


def test_an_installation_for_a_trial_inherits_nothing_but_its_place() -> None:
    given = ("VAIVEM_SMTP_URL", "VAIVEM_BOUNCES_URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "DATABASE_URL", "PORT")
    kept = ("VAIVEM_DATA_DIR", "VAIVEM_DATABASE_USER", "PATH", "MIMALLOC_ALLOW_THP")
    assert set_by_operator(dict.fromkeys((*given, *kept), "x")) == list(given)
