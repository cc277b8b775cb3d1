from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from glossator.service.errors import ConfigError, NoRoom
from glossator.service.jobs.job_files import JobFiles, new_id

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): stat.S_IMODE(path.lstat().st_mode) for path in root.rglob("*")}


def test_file_is_counted_and_kept_under_its_name(tmp_path: Path) -> None:
    folder = JobFiles(tmp_path, free_bytes=0)
    incoming = folder.receive()
    for part in (b"a\nb", b"", b"\nc\n"):
        incoming.write(part)
    assert (incoming.bytes, incoming.lines) == (6, 3)
    assert incoming.sha256 == hashlib.sha256(b"a\nb\nc\n").hexdigest()
    with folder.new_job("job_1") as made:
        incoming.keep(made / "input.txt")
    incoming.discard()
    assert (folder.job("job_1") / "input.txt").read_bytes() == b"a\nb\nc\n"
    assert list((tmp_path / "incoming").iterdir()) == []


def test_file_that_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    incoming = JobFiles(tmp_path, free_bytes=0).receive()
    incoming.write(b"x")
    incoming.discard()
    assert list((tmp_path / "incoming").iterdir()) == []


def test_files_are_private_from_their_creation(tmp_path: Path, umask: int) -> None:
    folder = JobFiles(tmp_path / "new" / "jobs", free_bytes=0)
    incoming = folder.receive()
    assert set(modes(folder.root / "incoming").values()) == {0o600}
    with folder.new_job("job_1") as made:
        incoming.keep(made / "input.txt")
    incoming.discard()
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    assert modes(folder.root) == {
        "jobs": 0o700, "files": 0o700, "incoming": 0o700, "jobs/job_1": 0o700, "jobs/job_1/input.txt": 0o600,
    }  # fmt: skip


def test_folders_of_an_earlier_start_become_private(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs").chmod(0o755)
    JobFiles(tmp_path, free_bytes=0)
    assert modes(tmp_path)["jobs"] == 0o700


@pytest.mark.parametrize("name", ["jobs", "files", "incoming"])
def test_link_instead_of_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="cannot be used"):
        JobFiles(tmp_path / "store")


def test_disk_is_never_filled(tmp_path: Path) -> None:
    folder = JobFiles(tmp_path, free_bytes=1 << 60)
    with pytest.raises(NoRoom, match="not enough disk space"):
        folder.check_room()
    incoming = folder.receive()
    with pytest.raises(NoRoom):
        incoming.write(b"x")
    incoming.discard()


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        JobFiles(tmp_path / "file")


def test_leftovers_of_a_killed_server_are_removed_by_the_next(tmp_path: Path) -> None:
    """An upload, a job and a batch file that were not accepted: their process was killed at that moment."""
    program = """
import os, signal, sys
from pathlib import Path
from glossator.service.jobs.job_files import JobFiles

folder = JobFiles(Path(sys.argv[1]), free_bytes=0)
uploads = [folder.receive() for _ in range(3)]
for upload in uploads:
    upload.write(b"x")
uploads[1].keep(folder.file("file_1"))
with folder.new_job("job_1") as made:
    uploads[2].keep(made / "input.txt")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environment, check=False, timeout=60)
    folder = JobFiles(tmp_path, free_bytes=0)
    assert {"jobs/job_1/input.txt", "files/file_1"} < modes(tmp_path).keys()
    assert folder.sweep(lambda _: set()) == ["file_1", "job_1"]
    assert modes(tmp_path).keys() == {"jobs", "files", "incoming"}


def test_what_another_process_makes_is_left_alone(tmp_path: Path) -> None:
    folder = JobFiles(tmp_path, free_bytes=0)
    uploads = [folder.receive() for _ in range(3)]
    uploads[1].keep(folder.file("file_1"))
    with folder.new_job("job_1") as made:
        uploads[2].keep(made / "input.txt")
        before = modes(tmp_path)
        assert folder.sweep(lambda _: set()) == []
        assert modes(tmp_path) == before
    for upload in uploads:
        upload.discard()


def test_job_that_is_accepted_during_a_sweep_stays(tmp_path: Path) -> None:
    folder = JobFiles(tmp_path, free_bytes=0)
    with folder.new_job("job_1"):
        pass
    answers = iter([set[str](), {"job_1"}])  # accepted between the two questions
    assert folder.sweep(lambda _: next(answers)) == []
    assert folder.job("job_1").is_dir()


def test_link_among_the_jobs_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    folder = JobFiles(tmp_path / "store", free_bytes=0)
    folder.file("file_1").symlink_to(tmp_path / "mine" / "file")
    folder.sweep(lambda _: set())
    assert not folder.file("file_1").is_symlink()
    assert (tmp_path / "mine" / "file").read_text() == "x"


def test_ids_are_unlike() -> None:
    assert len({new_id("job") for _ in range(1_000)}) == 1_000
