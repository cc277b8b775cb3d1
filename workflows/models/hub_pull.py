"""Downloads a bundle from a repository on the Hugging Face hub, and verifies it before the folder appears.

The commit that a bundle came from is in the record of the run: nothing in a bundle may change.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.bundle import file_names
from glossator.service.bundle.checks import check_names
from glossator.service.bundle.manifest import Manifest, parse_manifest
from glossator.service.bundle.reader import MAX_MANIFEST_BYTES, read_bundle, read_manifest
from glossator.service.errors import BundleError, BundleInvalid, ConfigError, Fault, shorten
from glossator.service.files.atomic_folder import atomic_folder, check_destination
from glossator.service.files.hashing import hash_file
from glossator.workflows.models.hub_repository import HubFile, HubRepository, split_name, to_megabytes
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.workflows.run_records import RunStore

_OF_THE_HUB = frozenset({".gitattributes"})
"""Files that the hub itself adds to a repository."""
_SHOWN_CHARACTERS = 500
"""Of the names of files that are not downloaded; `PulledBundle.ignored` has all."""


@dataclass(frozen=True, slots=True)
class PulledBundle:
    """A bundle from the hub: its folder, and the commit that it was read from."""

    repository: str
    commit: str
    folder: Path
    name: str
    digest: str
    ignored: list[str]
    """Files of the repository that are not of the bundle, and were not downloaded."""
    unchanged: bool
    """Whether the folder had this version already."""


def pull_bundle(
    name: str,
    output: Path,
    store: RunStore,
    reporter: Reporter,
    *,
    revision: str | None = None,
    digest: str | None = None,
    overwrite: bool = False,
    bars: bool = False,
) -> PulledBundle:
    """Download a bundle and verify it; the folder appears complete or not at all.

    Args:
        name: `owner/name` on the hub, or `owner/name@revision`.
        output: The bundle's folder.
        store: Where the run is recorded.
        reporter: Receives the progress.
        revision: A branch, a tag or a commit; None takes the newest commit of `main`.
        digest: The version that it must be: a digest, or its first 7 or more digits.
        overwrite: Replace an existing bundle.
        bars: Let the client draw progress bars on standard error.

    Raises:
        BundleError: What the hub has is no valid bundle, or another version.
        ConfigError: The hub has no such repository or revision, refuses it, or cannot be reached.
        OutputError: The folder cannot be written.
    """
    from glossator.service.inference.runtime.sandboxed_load import load_sandboxed

    if digest is not None and not 7 <= len(digest) <= 64:
        raise ConfigError("this is no digest", found=digest, expected="7 to 64 hexadecimal digits")
    repository_name, revision = split_name(name, revision)
    repository = HubRepository(repository_name, bars=bars)
    commit = repository.head(revision).id
    there = repository.files(commit)
    manifest = _manifest_to_pull(repository, commit, there)
    if digest is not None and not manifest.digest.startswith(digest.lower()):
        raise BundleInvalid(
            "the repository holds another version",
            found=f"{manifest.digest} in commit {commit[:12]}",
            expected=digest,
            hint="Name the commit of the wanted version: --revision COMMIT.",
        )
    ignored = sorted(there.keys() - manifest.files.keys() - {file_names.MANIFEST} - _OF_THE_HUB)
    if ignored:
        reporter.stage(f"not part of the bundle, not downloaded: {shorten(', '.join(ignored), _SHOWN_CHARACTERS)}")
    if _has(output, manifest):
        return PulledBundle(repository.name, commit, output, manifest.name, manifest.digest, ignored, unchanged=True)
    check_destination(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS)
    if faults := [*check_names(manifest), *_differences(manifest, there)]:
        raise _changed(repository, faults)
    with store.record("pull", reporter) as record:
        with atomic_folder(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS) as folder:
            size = sum(entry.size for entry in manifest.files.values())
            reporter.stage(f"downloading {len(manifest.files)} files, {to_megabytes(size)}")
            _download(repository, commit, there, manifest, folder)
            reporter.stage("verifying")
            load_sandboxed(folder)
        record.run.config = {"repository": repository.name, "revision": revision, "commit": commit}
        record.run.outputs = {"bundle": str(output), "digest": manifest.digest}
    return PulledBundle(repository.name, commit, output, manifest.name, manifest.digest, ignored, unchanged=False)


def _manifest_to_pull(repository: HubRepository, commit: str, there: Mapping[str, HubFile]) -> Manifest:
    """Return the manifest in a commit. Raises ConfigError if there is none, BundleError if it is not valid."""
    found = there.get(file_names.MANIFEST)
    if found is None:
        raise ConfigError(
            f"the repository holds no bundle: it has no {file_names.MANIFEST}",
            found=f"{repository.name} at {commit[:12]}",
            hint=f"`glossator import {repository.name} -o FOLDER` makes a bundle of a model of another library.",
        )
    if found.size > MAX_MANIFEST_BYTES:
        raise _changed(repository, [Fault("manifest-too-large", f"{found.size} bytes", file_names.MANIFEST)])
    try:
        return parse_manifest(repository.download(file_names.MANIFEST, commit, found).read_bytes())
    except BundleInvalid as error:
        raise _changed(repository, list(error.faults)) from error


def _differences(manifest: Manifest, there: Mapping[str, HubFile]) -> list[Fault]:
    """Return what can be known to be wrong before anything is downloaded."""
    faults = []
    for name, entry in manifest.files.items():
        found = there.get(name)
        if found is None:
            faults.append(Fault("missing-file", "listed in the manifest, not in the repository", name))
        elif found.size != entry.size:
            faults.append(Fault("wrong-size", f"{found.size} bytes, expected {entry.size}", name))
        elif found.sha256 not in (None, entry.sha256):
            faults.append(Fault("wrong-hash", "its content has changed since the bundle was pushed", name))
    return faults


def _download(
    repository: HubRepository, commit: str, there: Mapping[str, HubFile], manifest: Manifest, folder: Path
) -> None:
    """Copy the files of a commit into a folder. Raises BundleInvalid that names each file with another content."""
    faults = []
    for name, entry in manifest.files.items():
        path = repository.download(name, commit, there[name])
        if hash_file(path) != entry.sha256:
            faults.append(Fault("wrong-hash", "its content has changed since the bundle was pushed", name))
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    if faults:
        raise _changed(repository, faults)
    (folder / file_names.MANIFEST).write_bytes(manifest.to_bytes())


def _has(output: Path, manifest: Manifest) -> bool:
    """Whether a folder holds this version, whole."""
    try:
        return read_manifest(output).digest == manifest.digest and read_bundle(output) is not None
    except (BundleError, OSError):
        return False


def _changed(repository: HubRepository, faults: list[Fault]) -> BundleInvalid:
    return BundleInvalid(
        f"the repository {repository.name} does not hold the bundle that was pushed",
        faults=faults,
        hint="Somebody changed the files after the push. Push the bundle again, or pull the commit of the push: "
        "--revision COMMIT.",
    )
