"""Uploads a bundle to a repository on the Hugging Face hub, which then holds the files of the bundle as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Manifest, parse_manifest
from glossator.service.bundle.reader import MAX_MANIFEST_BYTES, Bundle, read_bundle
from glossator.service.errors import BundleError, ConfigError, Fault, OutputError
from glossator.workflows.models.hub_repository import Commit, HubFile, HubRepository, split_name, to_megabytes
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.workflows.run_records import RunStore

BRANCH = "main"


@dataclass(frozen=True, slots=True)
class PushedBundle:
    """A bundle on the hub: its commit, and which files the push changed there."""

    repository: str
    branch: str
    commit: str
    url: str
    digest: str
    changed: list[str]
    deleted: list[str]


def push_bundle(
    folder: Path,
    name: str,
    store: RunStore,
    reporter: Reporter,
    *,
    private: bool | None = None,
    branch: str = BRANCH,
    message: str | None = None,
    overwrite: bool = False,
    bars: bool = False,
) -> PushedBundle:
    """Verify a bundle and upload it to a repository, which is created if it is missing.

    Args:
        folder: The bundle.
        name: `owner/name` on the hub.
        store: Where the run is recorded.
        reporter: Receives the progress.
        private: Whether a new repository is private. None makes it private, and accepts an existing public one.
        branch: The branch, which is created if it is missing.
        message: The message of the commit; None takes the model's name and digest.
        overwrite: Replace files of the repository that no push has written.
        bars: Let the client draw progress bars on standard error.

    Raises:
        BundleError: The bundle does not verify.
        ConfigError: The hub refuses or cannot be reached, or the repository holds another model.
        OutputError: The hub's new commit does not hold the files of the bundle.
    """
    from glossator.service.inference.runtime.sandboxed_load import load_sandboxed

    if "@" in name:
        raise ConfigError("a push has no revision", found=name, expected="owner/name", hint="Pass --branch BRANCH.")
    repository = HubRepository(split_name(name)[0], bars=bars)
    reporter.stage("verifying the bundle")
    load_sandboxed(folder)
    bundle = read_bundle(folder)
    with store.record("push", reporter) as record:
        head = _open_for_push(repository, branch, private, reporter)
        there = repository.files(head.id)
        before = _manifest_of(repository, head.id, there)
        if before is None and not overwrite:
            _refuse_other_model(repository, bundle, there)
        changed = [each for each in _names(bundle) if each not in there or not there[each].holds(_read(bundle, each))]
        deleted = sorted(({*before.files} if before else set()) & there.keys() - set(_names(bundle)))
        commit = head.id
        if changed or deleted:
            _warn_of_texts(bundle, private=head.private, reporter=reporter)
            size = sum((folder / each).stat().st_size for each in changed)
            reporter.stage(f"uploading {len(changed)} of {len(_names(bundle))} files, {to_megabytes(size)}")
            commit = repository.commit(
                {each: folder / each for each in changed},
                deleted,
                branch=branch,
                parent=head.id,
                message=message or f"{bundle.name}@{bundle.digest[:12]}",
            )
            _check_pushed(repository, commit, bundle)
        record.run.config = {"repository": repository.name, "branch": branch}
        record.run.outputs = {"bundle": str(folder), "digest": bundle.digest, "commit": commit}
    return PushedBundle(repository.name, branch, commit, repository.url(commit), bundle.digest, changed, deleted)


def _open_for_push(repository: HubRepository, branch: str, private: bool | None, reporter: Reporter) -> Commit:
    """Return the head of the branch; create repository and branch if they are missing."""
    head = repository.find_head(branch)
    if head is None:
        repository.create(private=private is not False)
        if branch != BRANCH:
            repository.create_branch(branch)
        head = repository.head(branch)
    if private is True and not head.private:
        raise ConfigError(
            "the repository is public",
            found=repository.name,
            expected="a private repository",
            hint="Make it private on its page, or leave --private out.",
        )
    reporter.stage(f"{'private' if head.private else 'public'} repository {repository.name}, branch {branch}")
    return head


def _manifest_of(repository: HubRepository, commit: str, there: Mapping[str, HubFile]) -> Manifest | None:
    """Return the manifest of the bundle that a commit holds; None if it holds none that can be read."""
    found = there.get(file_names.MANIFEST)
    if found is None or found.size > MAX_MANIFEST_BYTES:
        return None
    try:
        return parse_manifest(repository.download(file_names.MANIFEST, commit, found).read_bytes())
    except BundleError:
        return None


def _refuse_other_model(repository: HubRepository, bundle: Bundle, there: Mapping[str, HubFile]) -> None:
    """Raise ConfigError if a push would replace files of another model. A card that was made on the page is none."""
    replaced = sorted(there.keys() & set(_names(bundle)) - {file_names.CARD})
    if replaced:
        raise ConfigError(
            "the repository holds something that `glossator push` did not write",
            found=f"{repository.name} with {', '.join(replaced)}",
            expected="an empty repository, or one with a bundle",
            hint="Choose another name, or pass --overwrite. The old files stay in the history of the repository.",
        )


def _warn_of_texts(bundle: Bundle, *, private: bool, reporter: Reporter) -> None:
    """Say which texts of the data go along."""
    readers = "everyone who can read the repository" if private else "everyone, as the repository is public"
    pages = [name for name in bundle.manifest.files if name.endswith(".html")]
    holders = ", ".join([f"{len(bundle.golden)} golden rows", *pages])
    reporter.stage(f"texts of your data go to {readers}: {holders}")
    if file_names.TRAINING_TEXTS in bundle.manifest.files:
        reporter.detail(
            f"{file_names.TRAINING_TEXTS} lets them test whether a text was trained on "
            "(glossator export --no-training-hashes leaves it out)"
        )


def _check_pushed(repository: HubRepository, commit: str, bundle: Bundle) -> None:
    """Compare the new commit with the bundle."""
    there = repository.files(commit)
    faults = [
        Fault("not-pushed", "the new commit does not hold this content", name)
        for name in _names(bundle)
        if name not in there or not there[name].holds(_read(bundle, name))
    ]
    if faults:
        raise OutputError(
            f"the hub did not take every file into the commit {commit}",
            faults=faults,
            hint="Remove a .gitignore or .gitattributes that concerns them from the repository, and push again.",
        )


def _names(bundle: Bundle) -> list[str]:
    return [*bundle.manifest.files, file_names.MANIFEST]


def _read(bundle: Bundle, name: str) -> bytes:
    """Return the content that the manifest has the hash of, whatever is in the folder by now."""
    return bundle.manifest.to_bytes() if name == file_names.MANIFEST else bundle.read(name)
