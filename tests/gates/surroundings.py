"""What an installation stands in: a PostgreSQL 15 of the operator's, nginx with TLS, two workers."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vaivem.postgres.server import free_port

POSTGRES = Path("/usr/lib/postgresql/15/bin")
COMMAND = [sys.executable, "-m", "vaivem.cli"]
START_SECONDS = 90.0

NGINX = """
worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl; server_name localhost;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    client_max_body_size 6m;
    location / {{
      proxy_pass http://127.0.0.1:{inner};
      proxy_http_version 1.1; proxy_request_buffering off;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
    }}
  }}
}}
"""


def lacking() -> list[str]:
    """Return what is not installed here."""
    missing = [] if (POSTGRES / "initdb").exists() else ["postgresql-15"]
    return missing + ([] if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") else ["nginx"])


@contextmanager
def postgres_15(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL 15 of its own; yield the address of an empty database."""
    data, port = folder / "pg15", free_port("127.0.0.1")
    user = "nobody" if os.geteuid() == 0 else None
    data.mkdir()
    if user:
        shutil.chown(data, user)
        data.chmod(0o700)

    def run(*command: str | Path) -> None:
        subprocess.run(
            [str(part) for part in command], user=user, check=True, cwd="/", env={"LC_ALL": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    run(POSTGRES / "initdb", "-D", data, "-U", "vaivem", "--auth=trust", "-E", "UTF8")
    options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1"
    run(POSTGRES / "pg_ctl", "-D", data, "-l", data / "log", "-w", "-o", options, "start")
    try:
        run(POSTGRES / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "vaivem", "vaivem")
        yield f"postgresql://vaivem@127.0.0.1:{port}/vaivem"
    finally:
        run(POSTGRES / "pg_ctl", "-D", data, "-m", "fast", "stop")


@contextmanager
def tls_proxy(folder: Path, port: int, inner: int) -> Iterator[None]:
    """Run nginx as the operations guide says, with a certificate of its own."""
    subprocess.run(
        [shutil.which("openssl") or "openssl",
         "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, inner=inner))
    binary = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    process = subprocess.Popen([binary, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def vaivem_up(environment: dict[str, str], log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """Run `vaivem up --workers 2` until the end."""
    with log.open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, "up", "--workers", "2"],
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        limit = time.monotonic() + START_SECONDS
        while not ready():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            time.sleep(0.3)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(40)
        finally:
            process.kill()
            print(log.read_text()[-8000:])  # noqa: T201 - pytest shows it when something failed


def trusting(folder: Path) -> ssl.SSLContext:
    """Return what trusts the proxy's certificate, and no other."""
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


def answers(url: str, context: ssl.SSLContext) -> bool:
    """Say whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=3, context=context) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
