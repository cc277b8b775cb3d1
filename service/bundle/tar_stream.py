"""A bundle as a tar archive, written while it is read: the same bundle gives the same bytes."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import FileEntry, Manifest
from glossator.service.errors import BundleInvalid
from glossator.service.files.open_folder import OpenFolder

MEDIA_TYPE = "application/x-tar"
_END = 2 * tarfile.BLOCKSIZE
_READ_BYTES = 1 << 18


class TarStream:
    """The archive of one bundle. Iterate over it once.

    Args:
        folder: The folder of the bundle.
        manifest: Its manifest.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest
        self._root = f"{manifest.name}-{manifest.digest[:12]}"
        self._description = manifest.to_bytes()

    @property
    def filename(self) -> str:
        """The name of the archive."""
        return f"{self._root}.tar"

    @property
    def size(self) -> int:
        """The number of bytes."""
        sizes = {file_names.MANIFEST: len(self._description)} | {
            name: entry.size for name, entry in self._manifest.files.items()
        }
        return _END + sum(len(self._header(name, size)) + size + _padding(size) for name, size in sizes.items())

    def __iter__(self) -> Iterator[bytes]:
        """Yield the archive. Raises BundleInvalid if a file is not as in the manifest: the archive then has no end."""
        size = len(self._description)
        yield self._header(file_names.MANIFEST, size) + self._description + bytes(_padding(size))
        with OpenFolder(self._folder) as folder:
            for name, entry in self._manifest.files.items():
                yield self._header(name, entry.size)
                yield from _content(folder, name, entry)
        yield bytes(_END)

    def _header(self, name: str, size: int) -> bytes:
        info = tarfile.TarInfo(f"{self._root}/{name}")
        info.size, info.mode = size, 0o644
        return info.tobuf(tarfile.PAX_FORMAT)


def _content(folder: OpenFolder, name: str, entry: FileEntry) -> Iterator[bytes]:
    """Yield a file, filled up to whole blocks, and check it."""
    found, size = hashlib.sha256(), 0
    with open(folder.open(name), "rb") as file:
        while size < entry.size and (part := file.read(min(_READ_BYTES, entry.size - size))):
            found.update(part)
            size += len(part)
            yield part
        is_whole = size == entry.size and not file.read(1)
    if not is_whole or found.hexdigest() != entry.sha256:
        raise BundleInvalid("a file of the bundle has changed", found=name, hint="Copy the bundle to the server again.")
    yield bytes(_padding(size))


def _padding(size: int) -> int:
    return -size % tarfile.BLOCKSIZE
