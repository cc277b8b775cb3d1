"""Files that are elsewhere: `https://`, `s3://`, `gs://` and whatever else fsspec knows, fetched before they are read.

They are copied to a temporary folder first: tables and archives are read from both ends, and a labelling is known by
the bytes of its input. Only the command line comes here: a server that fetched what it is told to would reach into its
own network. Needs fsspec, of the extra `files`, and for some stores a package of theirs (s3fs, gcsfs).
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
_MAGIC = frozenset("*?[")


def is_remote(path: str) -> bool:
    """Whether a path is a URL.

    >>> [is_remote(path) for path in ("s3://bucket/a.csv", "a.csv", "-", "C:/a.csv")]
    [True, False, False, False]
    """
    return _URL.match(path) is not None


@contextmanager
def fetched(url: str, told: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """The path of a copy, until the block ends: of the file, or of a folder with all that a pattern or a folder holds.

    Raises FileMissing where nothing is there, InputError where it cannot be had, ConfigError for a kind of URL that is
    not known, ExtraMissing where a package is wanting, and OutputError where there is no room.
    """
    core = import_optional("fsspec.core", f"reading {url.partition(':')[0]}://", package="fsspec")
    with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
        try:
            system, path = core.url_to_fs(url)
            yield_path = _fetch(system, path, url, Path(folder), told)
        except ImportError as error:
            raise ExtraMissing(f"{url} cannot be read: {error}", hint="Install the package that it names.") from None
        except ValueError as error:
            raise ConfigError(
                "this kind of URL is not known", found=url, expected="https://, s3://, gs:// or another of fsspec's",
                hint=f"Fetch the file yourself. ({error})",
            ) from None  # fmt: skip
        except FileNotFoundError as error:  # also where no server answers
            raise FileMissing(
                f"nothing is at {url}", found=error.__cause__, expected="a file, a folder or a pattern",
                hint="Check the address and the network.",
            ) from None  # fmt: skip
        except InputError:
            raise
        except Exception as error:  # each store has errors of its own
            raise InputError(
                f"{url} cannot be fetched", found=f"{type(error).__name__}: {error}",
                hint="Check the address, the network and your rights; or fetch it yourself.",
            ) from error  # fmt: skip
        yield yield_path


def _fetch(system: Any, path: str, url: str, folder: Path, told: Callable[[str], None]) -> str:
    """Copies what is there; the path of the copy."""
    web = "http" in (system.protocol if isinstance(system.protocol, str) else "|".join(system.protocol))
    magic = next((place for place, letter in enumerate(path) if letter in _MAGIC), None)
    if not web and (magic is not None or system.isdir(path)):  # a page of links is no folder
        before = PurePosixPath(path if magic is None else path[:magic].rpartition("/")[0])
        pattern = f"{path.rstrip('/')}/**" if magic is None else path
        found = sorted(each for each in system.glob(pattern) if system.isfile(each))
        if not found:
            raise FileNotFoundError(url)
        for each in found:
            inside = PurePosixPath(each)
            name = inside.relative_to(before) if inside.is_relative_to(before) else PurePosixPath(inside.name)
            _copy(system, each, folder / Path(*(part for part in name.parts if part not in ("..", "/"))))
        told(f"fetched {len(found):,} files from {url}")
        return str(folder)
    target = folder / (PurePosixPath(path.partition("?")[0]).name or "file")
    size = _copy(system, path, target)
    told(f"fetched {url}: {size:,} bytes")
    return str(target)


def _copy(system: Any, path: str, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    with system.open(path, "rb") as source, open(target, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    return target.stat().st_size
