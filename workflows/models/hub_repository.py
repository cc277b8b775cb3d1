"""One model repository on the Hugging Face hub: its commits, its files, and new commits.

The address of the hub is HF_ENDPOINT, the token HF_TOKEN. Downloads go through the client's cache, which resumes them.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.modeling.hub_errors import hub_errors
from glossator.service.bundle.names import repository_name
from glossator.service.errors import ConfigError
from glossator.service.files.hashing import hash_file
from glossator.workflows.extras import require_extra

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of a repository, and who can read the repository."""

    id: str
    private: bool


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a commit: the SHA-256 of a large file, the Git name of the content of a small one."""

    size: int
    sha256: str | None
    blob_id: str

    def holds(self, content: bytes | Path) -> bool:
        """Whether this is the content of the file."""
        if self.sha256 is not None:
            found = hash_file(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()
            return found == self.sha256
        data = content.read_bytes() if isinstance(content, Path) else content
        # Git names a content by SHA-1, which proves nothing against an attacker: only changes are found by it.
        return self.blob_id == hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def split_name(name: str, revision: str | None = None) -> tuple[str, str | None]:
    """Return `owner/name` and the revision in `owner/name@revision`, or the one given. Raises ConfigError."""
    repository, inside = repository_name(name), name.partition("@")[2]
    if repository is None:
        raise ConfigError(
            "this is not a name on the hub", found=name, expected="owner/name, or owner/name@revision to pull"
        )
    if inside and revision is not None and inside != revision:
        raise ConfigError(
            "two revisions are given", found=f"{inside} and {revision}", hint="Leave one of them out: --revision."
        )
    return repository, inside or revision


def to_megabytes(size: int) -> str:
    """Return a number of bytes as text.

    >>> to_megabytes(90_400_000)
    '90.4 MB'
    """
    return f"{size / 1e6:,.1f} MB"


class HubRepository:
    """A repository by its name. Every method raises ConfigError if the hub refuses or cannot be reached.

    Args:
        name: `owner/name`.
        bars: Let the client draw progress bars on standard error.

    Raises:
        ExtraMissing: huggingface_hub is not installed.
    """

    def __init__(self, name: str, *, bars: bool = False) -> None:
        require_extra("hub")
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        (enable_progress_bars if bars else disable_progress_bars)()
        self.name = name
        self._api: HfApi = HfApi(library_name="glossator")

    def head(self, revision: str | None = None) -> Commit:
        """Return the newest commit of a branch, or the commit that a tag or a commit names."""
        with hub_errors(self._at(revision)):
            info = self._api.model_info(self.name, revision=revision)
            return Commit(str(info.sha), bool(info.private))

    def find_head(self, branch: str) -> Commit | None:
        """Return the newest commit of a branch; None if the repository or the branch is missing, or hidden from us."""
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

        with hub_errors(self._at(branch)):
            try:
                info = self._api.model_info(self.name, revision=branch)
            except GatedRepoError:
                raise
            except (RepositoryNotFoundError, RevisionNotFoundError):
                return None
            return Commit(str(info.sha), bool(info.private))

    def files(self, commit: str) -> dict[str, HubFile]:
        """Return the files of a commit by name."""
        from huggingface_hub.hf_api import RepoFile

        with hub_errors(self._at(commit)):
            tree = list(self._api.list_repo_tree(self.name, recursive=True, revision=commit))
        return {
            each.path: HubFile(each.size, None if each.lfs is None else each.lfs.sha256, each.blob_id)
            for each in tree
            if isinstance(each, RepoFile)
        }

    def download(self, name: str, commit: str, expected: HubFile) -> Path:
        """Return a file of a commit in the client's cache; a damaged file of the cache is downloaded again."""
        with hub_errors(f"{name} of {self._at(commit)}"):
            path = Path(self._api.hf_hub_download(self.name, name, revision=commit))
            if not expected.holds(path):
                path = Path(self._api.hf_hub_download(self.name, name, revision=commit, force_download=True))
            return path

    def create(self, *, private: bool) -> None:
        """Create the repository if it is missing."""
        with hub_errors(self.name):
            self._api.create_repo(self.name, private=private, exist_ok=True)

    def create_branch(self, branch: str) -> None:
        """Create a branch at the newest commit of `main` if it is missing."""
        with hub_errors(self._at(branch)):
            self._api.create_branch(self.name, branch=branch, exist_ok=True)

    def commit(
        self,
        files: Mapping[str, Path],
        deleted: Collection[str],
        *,
        branch: str,
        parent: str,
        message: str,
    ) -> str:
        """Upload files, and delete others, in one commit after `parent`; returns the commit."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with hub_errors(self._at(branch)), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the client about its own HTTP library, and about fields of the card
            made = self._api.create_commit(
                self.name,
                [
                    *(CommitOperationAdd(name, path) for name, path in files.items()),
                    *(CommitOperationDelete(name) for name in deleted),
                ],
                commit_message=message,
                revision=branch,
                parent_commit=parent,
            )
        return str(made.oid)

    def url(self, commit: str) -> str:
        """Return the address of the page of a commit."""
        return f"{self._api.endpoint}/{self.name}/tree/{commit}"

    def _at(self, revision: str | None) -> str:
        return self.name if revision is None else f"{self.name} at {revision}"
