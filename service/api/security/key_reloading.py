"""The key file of a running server: it is read again when it changes.

A file that is gone, unreadable or damaged may hide that a key was revoked. So its last keys stay valid only for a while
(`Settings.key_file_grace_seconds`). Then all of them are refused until the file can be read again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from glossator.service.api.security.key_file import ApiKey, read_keys
from glossator.service.errors import ConfigError

logger = logging.getLogger("glossator.service.api")


class KeyFileStatus(NamedTuple):
    """For how long the file could not be read (0 if it can), and whether its keys are refused because of that."""

    unreadable_seconds: float = 0.0
    refused: bool = False


class ReloadingKeyFile:
    """The keys of a file. Raises ConfigError if the file cannot be read at the start."""

    _CHECK_SECONDS = 1.0

    def __init__(self, path: Path, grace_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._grace = grace_seconds
        self._clock = clock
        self._stamp = self._file_stamp()
        self._keys = read_keys(path).keys
        self._next_check = clock() + self._CHECK_SECONDS
        self._unreadable_since: float | None = None
        self._refusal_logged = False

    def keys(self) -> list[ApiKey]:
        """The current keys; none if the file cannot be read for longer than the grace period."""
        return [] if self.status().refused else self._keys

    def status(self) -> KeyFileStatus:
        """Whether the file can be read. Looks at the file if the last look was a second ago."""
        now = self._clock()
        if now >= self._next_check:
            self._next_check = now + self._CHECK_SECONDS
            self._reload(now)
        if self._unreadable_since is None:
            return KeyFileStatus()
        seconds = now - self._unreadable_since
        refused = seconds >= self._grace
        if refused and not self._refusal_logged:
            self._refusal_logged = True
            logger.error("the key file %s is unreadable for %.0f s: all of its keys are refused", self._path, seconds)
        return KeyFileStatus(seconds, refused)

    def _reload(self, now: float) -> None:
        stamp = self._file_stamp()
        if stamp is None or stamp != self._stamp:
            try:
                self._keys = read_keys(self._path).keys
            except ConfigError as error:
                if self._unreadable_since is None:
                    self._unreadable_since = now
                    logger.error("its last keys stay valid for %g s: %s", self._grace, error)
                return
            self._stamp = stamp
        if self._unreadable_since is not None:
            logger.warning("the key file %s can be read again", self._path)
            self._unreadable_since, self._refusal_logged = None, False

    def _file_stamp(self) -> object:
        """What changes whenever the file, its content or its permissions change. None if there is no such file."""
        with suppress(OSError):
            found = self._path.stat()
            return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        return None
