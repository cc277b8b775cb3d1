"""HAProxy as a reverse proxy on a free port of the loopback address."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nginx import free_port, wait_until_it_listens

_CONFIG = """
global
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
    http-reuse always
    {options}
frontend public
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    server one {address} pool-max-conn 1
"""


@contextmanager
def haproxy(folder: Path, address: str, *, options: str = "") -> Iterator[tuple[str, int]]:
    """The address of an HAProxy in front of a server, which reuses its connections, until the block ends."""
    program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("HAProxy is not installed")
    port = free_port()
    file = folder / "haproxy.cfg"
    file.write_text(_CONFIG.format(port=port, address=address, options=options))
    process = subprocess.Popen([program, "-db", "-f", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_listens(port)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(30)
