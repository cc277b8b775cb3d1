"""nginx as a reverse proxy or load balancer on a free port of the loopback address."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_DEPLOYED = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
_FILES = """
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
"""
_CONFIG = """
events {{}}
http {{
    {upstream}
    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, locations: str, *, upstream: str = "") -> Iterator[str]:
    """The URL of an nginx with these `location` blocks, until the block ends. `upstream` is what they refer to."""
    port = free_port()
    config = _CONFIG.format(port=port, locations=locations, upstream=upstream)
    with _running(folder, config, port) as url:
        yield url


@contextmanager
def balancer(folder: Path, addresses: Sequence[str], config: str | None = None) -> Iterator[str]:
    """The URL of an nginx with the configuration of `deploy/` (or `config`), until the block ends.

    `addresses` replace `server-1:8000`, `server-2:8000` and so on.
    """
    port = free_port()
    config = _DEPLOYED.read_text() if config is None else config
    for number, address in enumerate(addresses, start=1):
        config = config.replace(f"server-{number}:8000", address)
    with _running(folder, config.replace("listen 8000;", f"listen 127.0.0.1:{port};"), port) as url:
        yield url


@contextmanager
def _running(folder: Path, config: str, port: int) -> Iterator[str]:
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    (folder / "nginx.conf").write_text(config.replace("http {", "http {" + _FILES.format(folder=folder), 1))
    options = f"daemon off; pid {folder}/pid; error_log {folder}/error.log;"
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", "nginx.conf", "-g", options], stderr=subprocess.DEVNULL
    )
    try:
        wait_until_it_listens(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_it_listens(port: int) -> None:
    """Wait until a program listens on a port of the loopback address."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing listens on port {port}")
