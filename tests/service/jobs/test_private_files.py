from __future__ import annotations

import os
from pathlib import Path

import pytest

from glossator.service.errors import JobConflict
from glossator.service.jobs.private_files import inside_folder, is_same_file, open_private, read_private


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "jobs" / "job_1").mkdir(parents=True)
    (tmp_path / "root" / "jobs" / "job_1" / "result").write_bytes(b"rows")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "result").write_bytes(b"secret")
    return tmp_path / "root"


def test_file_is_read_and_the_root_may_be_a_link(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    assert read_private(root, "jobs", "job_1", "result") == b"rows"
    assert read_private(root.parent / "link", "jobs", "job_1", "result") == b"rows"


@pytest.mark.parametrize("name", ["jobs", "jobs/job_1", "jobs/job_1/result"])
def test_link_at_any_place_is_refused(root: Path, name: str) -> None:
    place = root / name
    moved = root.parent / "moved"
    place.rename(moved)
    place.symlink_to(moved)  # even to the right file
    with pytest.raises(JobConflict, match="was changed on disk") as caught:
        open_private(root, "jobs", "job_1", "result")
    assert caught.value.found == "result: a link"


def test_pipe_and_folder_are_refused_at_once(root: Path) -> None:
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(JobConflict) as caught:
            open_private(root, name)
        assert caught.value.found == f"{name}: not a file"


def test_missing_file_is_named_without_its_folder(root: Path) -> None:
    with pytest.raises(JobConflict) as caught:
        open_private(root, "jobs", "job_1", "none")
    assert caught.value.found == "none: missing"
    assert str(root) not in str(caught.value)


def test_working_folder_is_entered_without_following_links(root: Path) -> None:
    before = Path.cwd()
    with inside_folder(root, "jobs", "job_1"):
        assert Path("result").read_bytes() == b"rows"
    assert Path.cwd() == before
    (root / "jobs" / "job_2").symlink_to(root.parent / "secret")
    with pytest.raises(JobConflict), inside_folder(root, "jobs", "job_2"):
        pass
    assert Path.cwd() == before


def test_swapped_or_changed_file_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "jobs" / "job_1")
    state = os.lstat("result")
    assert is_same_file("result", state)
    Path("result").rename("other")
    assert not is_same_file("result", state)
    Path("result").symlink_to("other")
    assert not is_same_file("result", state)
    Path("result").unlink()
    Path("result").write_bytes(b"rows")
    assert not is_same_file("result", state)
