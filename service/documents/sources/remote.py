"""Remote files: `https://`, `s3://`, `gs://` and the other protocols of fsspec. They are copied before they are read.

The copy is needed because Parquet files and archives are read from both ends, and because a resumed labelling compares
the bytes of its input. Only the command line uses this module: a server that fetched any URL would give its clients
access to its own network. Needs fsspec, of the extra `files`, and for some stores another package (s3fs, gcsfs).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from glossator.service.errors import ConfigError, ExtraMissing, FileMissing, InputError
from glossator.service.optional_packages import import_optional

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_WILDCARDS = frozenset("*?[")


def is_remote(path: str) -> bool:
    """Return whether a path is a URL.

    >>> [is_remote(path) for path in ("s3://bucket/a.csv", "a.csv", "-", "C:/a.csv")]
    [True, False, False, False]
    """
    return _URL.match(path) is not None


@contextmanager
def local_copy(url: str, report: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """Yield the path of a temporary copy: a file, or a folder with the files of a remote folder or pattern.

    Args:
        url: What to copy.
        report: Called with a sentence about what was copied.

    Raises:
        FileMissing: There is nothing at the URL.
        InputError: It cannot be fetched.
        ConfigError: The protocol is unknown.
        ExtraMissing: A package is not installed.
    """
    core = import_optional("fsspec.core", f"reading {url.partition(':')[0]}://", package="fsspec")
    with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
        try:
            system, path = core.url_to_fs(url)
            copy = _fetch(system, path, url, Path(folder), report)
        except ImportError as error:
            raise ExtraMissing(f"{url} cannot be read: {error}", hint="Install that package.") from None
        except ValueError as error:
            raise ConfigError(
                "unknown protocol",
                found=url,
                expected="https://, s3://, gs:// or another protocol of fsspec",
                hint=f"Fetch the file yourself. ({error})",
            ) from None
        except FileNotFoundError as error:  # also if no server answers
            raise FileMissing(
                f"nothing found at {url}",
                found=error.__cause__,
                expected="a file, a folder or a pattern",
                hint="Check the URL and the network.",
            ) from None
        except InputError:
            raise
        except Exception as error:  # each store raises its own errors
            raise InputError(
                f"{url} cannot be fetched",
                found=f"{type(error).__name__}: {error}",
                hint="Check the URL, the network and your permissions, or fetch it yourself.",
            ) from error
        yield copy


def _fetch(system: Any, path: str, url: str, folder: Path, report: Callable[[str], None]) -> str:
    """Copy the file or the files; return the path of the copy."""
    web = "http" in (system.protocol if isinstance(system.protocol, str) else "|".join(system.protocol))
    magic = next((place for place, letter in enumerate(path) if letter in _WILDCARDS), None)
    if not web and (magic is not None or system.isdir(path)):  # a page of links is not a folder
        root = PurePosixPath(path if magic is None else path[:magic].rpartition("/")[0])
        pattern = f"{path.rstrip('/')}/**" if magic is None else path
        found = sorted(each for each in system.glob(pattern) if system.isfile(each))
        if not found:
            raise FileNotFoundError(url)
        for remote in found:
            inside = PurePosixPath(remote)
            name = inside.relative_to(root) if inside.is_relative_to(root) else PurePosixPath(inside.name)
            _copy(system, remote, folder / Path(*(part for part in name.parts if part not in ("..", "/"))))
        report(f"fetched {len(found):,} files from {url}")
        return str(folder)
    target = folder / (PurePosixPath(path.partition("?")[0]).name or "file")
    size = _copy(system, path, target)
    report(f"fetched {url}: {size:,} bytes")
    return str(target)


def _copy(system: Any, path: str, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    with system.open(path, "rb") as source, open(target, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    return target.stat().st_size
