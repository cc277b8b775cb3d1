"""Servers in processes of their own, on free ports of the loopback address."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
HTTP = httpx.Client(
    timeout=60,
    verify=False,
    limits=httpx.Limits(max_keepalive_connections=0),
    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
)
"""Calls a server as `httpx.get` and `httpx.post` do, with a new connection and no cookies, but does not read the
certificates of TLS each time: that takes longer than most calls."""
_PROGRAM = """
import sys
from pathlib import Path
from glossator.service.api.app import create_app
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.transport.server import serve
from glossator.service.api.settings import Settings
from glossator.service.inference.model import load
from glossator.service.registry import Registry

settings = Settings(port=0)
if settings.models is None:
    models = {Path(folder).name: load(folder, threads=1) for folder in sys.argv[1:]}
else:
    models = RegistryCatalog(Registry(settings.models), load=lambda folder: load(folder, threads=1))
serve(create_app(models, settings), settings, on_ready=lambda url: print(url, file=sys.stderr, flush=True))
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    process: subprocess.Popen[str]
    url: str


@contextmanager
def server(*bundles: Path, **settings: object) -> Iterator[Server]:
    """A server of bundles with these settings (`job_lease_seconds=1`), until the block ends.

    With `models=FOLDER`, it follows the registry in that folder.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *map(str, bundles)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, cwd=ROOT, env=environment(settings),
    )  # fmt: skip
    try:
        assert process.stderr is not None
        lines = []
        while not (line := process.stderr.readline()).startswith(("http", "unix:")):
            lines.append(line)
            assert line, f"the server did not start: {''.join(lines)}"
        yield Server(process, line.strip())
    finally:
        process.terminate()
        process.communicate(timeout=60)


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {f"GLOSSATOR_{name.upper()}": str(value) for name, value in settings.items()}
