"""A listening Unix socket: a file that programs of this machine connect to, such as a reverse proxy."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glossator.service.errors import ConfigError

_ANY_USER = 0o666


@contextmanager
def unix_listener(path: Path, backlog: int) -> Iterator[socket.socket]:
    """A socket that listens at `path`; the file is removed at the end.

    Any user who may enter its folder may connect, like to a port of the loopback address. The file of a server that
    was killed is replaced.

    Raises:
        ConfigError: Another program listens there, the path is another kind of file, or it cannot be created.
    """
    _remove_stale(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(str(path))
            os.chmod(path, _ANY_USER)
            listener.listen(backlog)
        except OSError as error:
            raise ConfigError(
                f"the Unix socket cannot be created: {error.strerror or error}",
                found=path,
                expected="a path in a folder that exists, of at most about 100 characters",
            ) from error
        try:
            yield listener
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _remove_stale(path: Path) -> None:
    """Remove the file of a socket that nobody listens on. Raises ConfigError for any other file."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise ConfigError("the path of the Unix socket is another file", found=path, hint="Choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise ConfigError(
        "the Unix socket is in use", found=path, hint="Stop the program that uses it, or choose another path."
    )
