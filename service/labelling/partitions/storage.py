"""A folder or a pattern in a file system or an object store, through fsspec. Objects and files appear whole.

Needs fsspec, of the extra `files`, and for some stores another package (s3fs, gcsfs).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glossator.service.documents.sources.remote import is_remote
from glossator.service.errors import ConfigError, ExtraMissing, FileMissing, InputError, OutputError
from glossator.service.files.durable import write_atomically
from glossator.service.labelling.partitions.part import InputFile
from glossator.service.optional_packages import import_optional

_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss"}
"""Protocols whose writes show the complete object or none."""
_WILDCARDS = frozenset("*?[")


class Storage:
    """The file system of a URL or of a local path.

    Args:
        url: A file, a folder or a pattern, such as `s3://bucket/in/*.jsonl` or `in/`.

    Raises:
        ConfigError: The protocol is unknown.
        ExtraMissing: A package is not installed.
    """

    def __init__(self, url: str) -> None:
        core = import_optional("fsspec.core", "labelling in parts", package="fsspec")
        self.url = url
        self.is_local = not is_remote(url)
        try:
            self._system, self._path = core.url_to_fs(url if self.is_local else url.rstrip("/"))
        except ImportError as error:
            raise ExtraMissing(f"{url} cannot be used: {error}", hint="Install that package.") from None
        except ValueError as error:
            raise ConfigError("unknown protocol", found=url, hint=f"Use one that fsspec knows. ({error})") from None
        protocol = self._system.protocol
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)

    def list_files(self) -> list[InputFile]:
        """Return the files at the URL, sorted by name; hidden files are left out.

        Raises:
            FileMissing: There is none.
            InputError: The store cannot be read.
        """
        with self._read_errors(self.url):
            self._system.invalidate_cache()
            if _WILDCARDS & set(self._path):
                names = self._system.glob(self._path)
            elif self._system.isdir(self._path):
                names = self._system.find(self._path)
            else:
                names = [self._path]
            found = [self._state(name) for name in sorted(names) if not self._is_hidden(name)]
        files = [file for file in found if file is not None]
        if not files:
            raise FileMissing("no files found", found=self.url, expected="a file, a folder or a pattern")
        return files

    def state(self, url: str) -> InputFile:
        """Return size and version of a file as they are now."""
        with self._read_errors(url):
            self._system.invalidate_cache()
            state = self._state(self._system._strip_protocol(url))
        if state is None:
            raise FileMissing("the file no longer exists", found=url)
        return state

    def read(self, url: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes of a file."""
        with self._read_errors(url):
            data: bytes = self._system.cat_file(self._system._strip_protocol(url), start=start, end=stop)
            return data

    @contextlib.contextmanager
    def open(self, url: str) -> Iterator[Any]:
        """Yield a file that can be read from any place."""
        with self._read_errors(url), self._system.open(self._system._strip_protocol(url), "rb") as file:
            yield file

    def fetch(self, url: str, target: Path) -> None:
        """Copy a file to this machine."""
        with self._read_errors(url):
            self._system.get_file(self._system._strip_protocol(url), str(target))

    def path(self, name: str) -> str:
        """Return the path of a file of this folder, as local programs use it."""
        return f"{self._path.rstrip('/')}/{name}"

    def get(self, name: str) -> bytes | None:
        """Return the content of a file of this folder; None if there is none."""
        with self._read_errors(name):
            self._system.invalidate_cache()
            try:
                data: bytes = self._system.cat_file(self.path(name))
            except FileNotFoundError:
                return None
            return data

    def get_all(self, folder: str, suffix: str) -> list[bytes]:
        """Return the contents of the files with this suffix in a folder inside this one, sorted by name."""
        sizes = {name: size for name, size in sorted(self.sizes(folder).items()) if name.endswith(suffix)}
        paths = [self.path(f"{folder}/{name}") for name in sizes]
        with self._read_errors(folder):  # with the sizes, stores need one request for each file, several at a time
            return list(self._system.cat_ranges(paths, [0] * len(paths), list(sizes.values()), on_error="raise"))

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Return the names and sizes of the files in this folder, or in a folder inside it."""
        found = self._list(folder)
        return {info["name"].rpartition("/")[2]: int(info["size"]) for info in found if info["type"] == "file"}

    def names(self, folder: str = "") -> set[str]:
        """Return the names of the files and folders in this folder, or in a folder inside it."""
        return {info["name"].rpartition("/")[2] for info in self._list(folder)}

    def _list(self, folder: str) -> list[dict[str, Any]]:
        with self._read_errors(self.url):
            self._system.invalidate_cache()
            try:
                return list(self._system.ls(self.path(folder).rstrip("/"), detail=True))
            except FileNotFoundError:
                return []

    def put(self, name: str, content: bytes | Path) -> None:
        """Write a file of this folder, from bytes or from a local file. It replaces an older one, and appears whole.

        Raises:
            OutputError: It cannot be written.
        """
        target = self.path(name)
        try:
            if self.is_local:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(Path(target), content if isinstance(content, bytes) else content.read_bytes())
                return
            whole = bool(self._protocols & _OBJECT_STORES)
            written = target if whole else self.path(f".{name.replace('/', '-')}.{secrets.token_hex(4)}.part")
            if not whole:
                self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
            if isinstance(content, bytes):
                self._system.pipe_file(written, content)
            else:
                self._system.put_file(str(content), written)
            if not whole:
                self._system.mv(written, target)
        except Exception as error:  # each store raises its own errors
            raise OutputError(
                f"{name} cannot be written to {self.url}",
                found=f"{type(error).__name__}: {error}",
                hint="Check the network and your permissions, then give the same command again: it resumes.",
            ) from error

    def remove(self, name: str) -> None:
        """Remove a file of this folder, or a folder in it, if there is one."""
        try:
            self._system.rm(self.path(name), recursive=True)
        except FileNotFoundError:
            return

    def _state(self, name: str) -> InputFile | None:
        try:
            info = self._system.info(name)
        except FileNotFoundError:
            return None
        if info["type"] != "file":
            return None
        version = next((str(info[key]) for key in ("ETag", "etag", "mtime") if info.get(key)), None)
        url = name if self.is_local else self._system.unstrip_protocol(name)
        return InputFile(url, int(info["size"]), version or str(self._system.ukey(name)))

    def _is_hidden(self, name: str) -> bool:
        inside = name.removeprefix(self._path) if not _WILDCARDS & set(self._path) else name.rpartition("/")[2]
        return any(part.startswith((".", "_")) for part in inside.split("/") if part) and name != self._path

    @contextlib.contextmanager
    def _read_errors(self, url: str) -> Iterator[None]:
        """Turn the errors of stores into an InputError."""
        try:
            yield
        except (InputError, ConfigError):
            raise
        except FileNotFoundError:
            raise FileMissing("nothing found", found=url, hint="Check the URL and the network.") from None
        except OSError as error:
            raise InputError(
                f"{url} cannot be read",
                found=f"{type(error).__name__}: {error}",
                hint="Check the URL, the network and your permissions.",
            ) from error
