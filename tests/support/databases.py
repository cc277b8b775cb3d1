"""A PostgreSQL of one's own: made in a temporary folder, started on a free port of this machine, and removed."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def postgres_programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs, None where there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    if found:
        return Path(found[-1]).parent
    named = shutil.which("initdb")
    return None if named is None else Path(named).parent


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a running server, with its files flushed to disk as in earnest. It does not run as root."""
    programs = postgres_programs()
    assert programs is not None
    user = "postgres" if os.geteuid() == 0 else None
    root = Path(tempfile.mkdtemp(prefix="glossator-postgres-"))
    try:
        if user is not None:
            os.chown(root, pwd.getpwnam(user).pw_uid, -1)
        data = root / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]

        def run(*arguments: str) -> None:
            subprocess.run(arguments, check=True, capture_output=True, user=user, cwd=root, timeout=60)

        run(str(programs / "initdb"), "-D", str(data), "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={root}"
        control = str(programs / "pg_ctl")
        run(control, "-D", str(data), "-o", options, "-l", str(root / "log"), "-w", "start")
        try:
            yield f"postgresql://tester@127.0.0.1:{port}/postgres"
        finally:
            run(control, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)
