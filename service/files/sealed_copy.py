"""Copies of bytes in memory that nothing can change any more, for libraries that open a path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from glossator.service.files.durable import write_all

_DESCRIPTORS = Path("/proc/self/fd")


class SealedCopy:
    """A file in memory (`memfd_create`) that cannot be written, and that ends when the object is closed or dropped.

    Raises:
        OSError: This system has no such files, or no memory is left.
    """

    def __init__(self, data: bytes) -> None:
        self._descriptor = -1
        if sys.platform != "linux" or not _DESCRIPTORS.exists():
            raise OSError("this system has no files in memory")
        import fcntl

        self._descriptor = os.memfd_create("glossator", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        write_all(self._descriptor, data)
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, seals)

    @property
    def path(self) -> Path:
        """The path by which this process can open the copy."""
        return _DESCRIPTORS / str(self._descriptor)

    def read(self) -> bytes:
        """Return the content."""
        return self.path.read_bytes()

    def close(self) -> None:
        """Free the memory once nothing has the copy open."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


def sealed_copy(data: bytes) -> SealedCopy | bytes:
    """Return a sealed copy, or the bytes themselves on systems without files in memory."""
    try:
        return SealedCopy(data)
    except OSError:
        return data
