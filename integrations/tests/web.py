"""The web application as it runs in earnest: gunicorn, on the database of the tests."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import requests
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_SECONDS = 90
THREADS_PER_WORKER = 20
LOG = Path(tempfile.gettempdir()) / f"docport-web-{os.getpid()}.log"


@contextmanager
def running_web(application: str = "docport.wsgi", **environment: str) -> Iterator[str]:
    """Run two workers, each of which takes 20 requests at once; give their address."""
    port = _free_port()
    base_url = f"http://127.0.0.1:{port}"
    log = LOG.open("w")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "--config", "docport/gunicorn.py"),
            *("--workers", "2", "--threads", str(THREADS_PER_WORKER), application),
        ],
        cwd=ROOT,
        env=os.environ
        | {
            "BIND": f"127.0.0.1:{port}",
            "BASE_URL": base_url,
            "DATABASE_URL": database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "DATABASE_POOL_SIZE": str(THREADS_PER_WORKER + 1),
        }
        | environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _await(base_url, server)
        yield base_url
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def errors_in_the_log() -> list[str]:
    """Give what the servers of this process said of errors that nobody expected."""
    lines = LOG.read_text(errors="replace").splitlines(keepends=True)
    return [line for line in lines if "api_error" in line]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def database_url() -> str:
    """Give the address of the database of the tests, for other processes."""
    given = {name: quote(str(value), safe="") for name, value in connection.settings_dict.items()}
    password = f":{given['PASSWORD']}" if given["PASSWORD"] else ""
    port = f":{given['PORT']}" if given["PORT"] else ""
    return f"postgresql://{given['USER']}{password}@{given['HOST']}{port}/{given['NAME']}"


def _await(base_url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "gunicorn ended"
        try:
            requests.get(f"{base_url}/api/v1/nothing", timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
        else:
            return
    raise AssertionError("gunicorn does not answer")
