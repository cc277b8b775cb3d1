"""Reads a bundle: every check that needs no inference, then its manifest and its golden rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from glossator.service.bundle import file_names
from glossator.service.bundle.checks import check_files, check_hash
from glossator.service.bundle.golden import GoldenRow, parse_golden
from glossator.service.bundle.manifest import Manifest, parse_manifest
from glossator.service.bundle.names import repository_name
from glossator.service.bundle.task import Task
from glossator.service.errors import BundleInvalid, BundleNotFound, Fault, shorten
from glossator.service.files.open_folder import OpenFolder
from glossator.service.files.sealed_copy import SealedCopy, sealed_copy

MAX_MANIFEST_BYTES = 64 * 2**20
_FOLDER_HINT = "Give the folder that `glossator export` wrote."
_CHECKPOINT_HINT = "It is a checkpoint. Make a bundle of it: glossator export {0} -o FOLDER."
_HUB_HINT = (
    "If it is a name on the Hugging Face hub: models are never downloaded while they are used. Download it first, "
    "`glossator pull {0} -o FOLDER` for a bundle, `glossator import {1} -o FOLDER` for a model of another library, "
    "then give the folder."
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder in which every file matched the manifest when it was read."""

    path: Path
    manifest: Manifest
    golden: tuple[GoldenRow, ...]
    _kept: dict[str, bytes | SealedCopy] = field(default_factory=dict, repr=False, compare=False)

    @property
    def task(self) -> Task:
        return self.manifest.task

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def digest(self) -> str:
        return self.manifest.digest

    def read(self, name: str) -> bytes:
        """Return the content of a file in the manifest, always the content that the manifest has the hash of.

        Raises BundleInvalid if the file has changed since the bundle was read, or cannot be read.
        """
        if (kept := self._kept.pop(name, None)) is not None:
            return kept if isinstance(kept, bytes) else kept.read()
        entry = self.manifest.files[name]
        try:
            with OpenFolder(self.path) as folder:
                data = folder.read(name, max_bytes=entry.size)
        except OSError as error:
            fault: Fault | None = _unreadable(error, self.path)
        else:
            fault = check_hash(name, data, entry)
            if fault is None:
                return data
        assert fault is not None
        raise BundleInvalid(
            f"a file of the bundle {self.name!r} has changed since the bundle was loaded",
            faults=[fault],
            hint="Put the file back. To serve another version, use a new folder.",
        )

    @contextmanager
    def open_graph(self, name: str) -> Iterator[Path | bytes]:
        """Yield what ONNX Runtime loads a graph from: the path of a copy that nothing can change, or the content.

        The copy is freed at the end. Raises the errors of `read`.
        """
        copy = self._kept.pop(name, None) or sealed_copy(self.read(name))
        if isinstance(copy, bytes):
            yield copy
            return
        try:
            yield copy.path
        finally:
            copy.close()


def read_bundle(path: str | Path, *, keep: Callable[[Manifest], Collection[str]] = lambda _: ()) -> Bundle:
    """Return the bundle at `path`, checked without running its graphs.

    Args:
        path: The folder.
        keep: Which files, by its manifest, stay in memory until `Bundle.read` returns them: those that are loaded next.

    Raises:
        BundleNotFound: There is no folder, or it has no manifest.
        BundleVersionUnsupported: The format version is not the one that this code reads.
        BundleInvalid: Something is wrong; the error lists every fault.
    """
    root = Path(path)
    kept: dict[str, bytes | SealedCopy] = {}
    try:
        with _open(root) as folder:
            manifest = parse_manifest(_manifest_bytes(folder, root))
            wanted = {*keep(manifest), file_names.GOLDEN}
            faults = check_files(folder, manifest, lambda name, data: _receive(kept, wanted, name, data))
    except OSError as error:
        faults = [_unreadable(error, root)]
    if faults:
        raise BundleInvalid(
            f"the bundle {root.name!r} does not verify",
            faults=faults,
            hint="Copy the bundle again from where it was exported, or export the checkpoint again.",
        )
    golden = kept.pop(file_names.GOLDEN)
    assert isinstance(golden, bytes)
    return Bundle(root, manifest, tuple(parse_golden(golden)), kept)


def _receive(kept: dict[str, bytes | SealedCopy], wanted: Collection[str], name: str, data: bytes) -> None:
    if name in wanted:
        kept[name] = sealed_copy(data) if name.endswith(".onnx") else data


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of a bundle without checking its files. Raises BundleError or OSError."""
    with _open(path) as folder:
        return parse_manifest(_manifest_bytes(folder, path))


def _open(root: Path) -> OpenFolder:
    if not os.path.isdir(root):  # unlike Path.is_dir, returns False if the name is too long or access is denied
        repository = repository_name(str(root))
        hint = _FOLDER_HINT if repository is None or os.path.isdir(root.parent) else _HUB_HINT.format(root, repository)
        raise BundleNotFound("there is no bundle here", found=root, expected="a folder", hint=hint)
    return OpenFolder(root)


def _manifest_bytes(folder: OpenFolder, root: Path) -> bytes:
    manifest = root / file_names.MANIFEST
    if not manifest.is_file() or manifest.is_symlink():
        hint = _CHECKPOINT_HINT.format(root) if (root / file_names.TASK).is_file() else _FOLDER_HINT
        raise BundleNotFound(f"the folder has no {file_names.MANIFEST}", found=root, hint=hint)
    data = folder.read(file_names.MANIFEST, max_bytes=MAX_MANIFEST_BYTES)
    if len(data) > MAX_MANIFEST_BYTES:
        what = f"more than {MAX_MANIFEST_BYTES} bytes"
        raise BundleInvalid(
            "the manifest is not valid",
            faults=[Fault("manifest-too-large", what, file_names.MANIFEST)],
            hint=_FOLDER_HINT,
        )
    return data


def _unreadable(error: OSError, root: Path) -> Fault:
    where = os.fspath(error.filename or "")
    where = os.path.relpath(where, root) if os.path.isabs(where) else where
    return Fault("unreadable-file", error.strerror or str(error), shorten(where))
