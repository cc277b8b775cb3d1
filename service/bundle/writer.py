"""The last steps of writing a bundle: the list of its files, and the manifest with its digest."""

from __future__ import annotations

from pathlib import Path

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import FileEntry, Manifest
from glossator.service.bundle.reader import Bundle
from glossator.service.files.hashing import hash_file


def list_files(root: Path) -> dict[str, FileEntry]:
    """Return the size and hash of every file below `root` except the manifest, by relative path, sorted."""
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {
        name: FileEntry(sha256=hash_file(root / name), size=(root / name).stat().st_size)
        for name in names
        if name != file_names.MANIFEST
    }


def copy_bundle(bundle: Bundle, root: Path) -> None:
    """Write the files of a bundle, as they were checked, into the folder `root`.

    Raises BundleInvalid if a file has changed since the bundle was read, OSError if one cannot be written.
    """
    for name in bundle.manifest.files:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(bundle.read(name))
    (root / file_names.MANIFEST).write_bytes(bundle.manifest.to_bytes())


def write_manifest(root: Path, manifest: Manifest) -> Manifest:
    """Write `bundle.json` with its digest into `root`; return the manifest with the digest."""
    complete = manifest.with_digest()
    (root / file_names.MANIFEST).write_bytes(complete.to_bytes())
    return complete
