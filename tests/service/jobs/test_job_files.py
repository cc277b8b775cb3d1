from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from glossator.service.errors import ConfigError, NoRoom
from glossator.service.jobs.job_files import JobFiles, new_id


def test_file_is_counted_and_kept_under_its_name(tmp_path: Path) -> None:
    folder = JobFiles(tmp_path, free_bytes=0)
    incoming = folder.receive()
    for part in (b"a\nb", b"", b"\nc\n"):
        incoming.write(part)
    assert (incoming.bytes, incoming.lines) == (6, 3)
    assert incoming.sha256 == hashlib.sha256(b"a\nb\nc\n").hexdigest()
    incoming.keep(folder.job("job_1") / "input.txt")
    incoming.discard()
    assert (folder.job("job_1") / "input.txt").read_bytes() == b"a\nb\nc\n"
    assert list((tmp_path / "incoming").iterdir()) == []


def test_file_that_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    incoming = JobFiles(tmp_path, free_bytes=0).receive()
    incoming.write(b"x")
    incoming.discard()
    assert list((tmp_path / "incoming").iterdir()) == []


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


def test_sweep_removes_what_is_old_and_nobody_has(tmp_path: Path) -> None:
    folder = JobFiles(tmp_path, free_bytes=0)
    for name in ("job_known", "job_stray", "job_young"):
        (folder.job(name)).mkdir()
        (folder.job(name) / "input.csv").write_text("x")
    folder.file("file_stray").write_text("x")
    (tmp_path / "incoming" / "broken").write_text("x")
    old = time.time() - 3 * 86_400
    for path in (folder.job("job_known"), folder.job("job_stray"), folder.file("file_stray"),
                 tmp_path / "incoming" / "broken"):  # fmt: skip
        os.utime(path, (old, old))
    assert folder.sweep(lambda ids: set(ids) & {"job_known"}) == ["file_stray", "job_stray"]
    assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == ["job_known", "job_young"]
    assert list((tmp_path / "incoming").iterdir()) == list((tmp_path / "files").iterdir()) == []


def test_ids_are_unlike() -> None:
    assert len({new_id("job") for _ in range(1_000)}) == 1_000
