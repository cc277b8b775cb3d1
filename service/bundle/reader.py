"""Reads a bundle: every check that needs no inference, then its manifest and its golden rows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from glossator.service.bundle import file_names
from glossator.service.bundle.checks import check_contents, check_files
from glossator.service.bundle.golden import GoldenRow, parse_golden
from glossator.service.bundle.manifest import Manifest, parse_manifest
from glossator.service.bundle.task import Task
from glossator.service.errors import BundleInvalid, BundleNotFound, Fault, shorten

MAX_MANIFEST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder in which every file matches the manifest."""

    path: Path
    manifest: Manifest
    golden: tuple[GoldenRow, ...]

    @property
    def task(self) -> Task:
        return self.manifest.task

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def digest(self) -> str:
        return self.manifest.digest


def read_bundle(path: str | Path) -> Bundle:
    """Return the bundle at `path`, checked without running its graphs.

    Raises:
        BundleNotFound: There is no folder, or it has no manifest.
        BundleVersionUnsupported: The format version is not the one that this code reads.
        BundleInvalid: Something is wrong; the error lists every fault.
    """
    root = Path(path)
    try:
        manifest = parse_manifest(_manifest_bytes(root))
        faults = check_files(root, manifest)
        if not faults:  # the content of a damaged file means nothing
            faults = check_contents(root, manifest)
        if not faults:
            return Bundle(root, manifest, tuple(parse_golden((root / file_names.GOLDEN).read_bytes())))
    except OSError as error:
        where = os.path.relpath(error.filename, root) if error.filename else ""
        faults = [Fault("unreadable-file", error.strerror or str(error), shorten(where))]
    raise BundleInvalid(
        f"the bundle {root.name!r} does not verify",
        faults=faults,
        hint="Copy the bundle again from where it was exported, or export the checkpoint again.",
    )


def _manifest_bytes(root: Path) -> bytes:
    hint = "Give the folder that `glossator export` wrote."
    if not os.path.isdir(root):  # unlike Path.is_dir, returns False if the name is too long or access is denied
        raise BundleNotFound("there is no bundle here", found=root, expected="a folder", hint=hint)
    manifest = root / file_names.MANIFEST
    if not manifest.is_file() or manifest.is_symlink():
        raise BundleNotFound(f"the folder has no {file_names.MANIFEST}", found=root, hint=hint)
    if manifest.stat().st_size > MAX_MANIFEST_BYTES:
        what = f"{manifest.stat().st_size} bytes, at most {MAX_MANIFEST_BYTES} allowed"
        raise BundleInvalid(
            "the manifest is not valid",
            faults=[Fault("manifest-too-large", what, file_names.MANIFEST)],
            hint=hint,
        )
    return manifest.read_bytes()
