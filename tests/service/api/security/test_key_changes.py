"""Changes of the key file by several processes, through links, of other owners, and on a full disk."""

from __future__ import annotations

import errno
import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from glossator.service.api.security.key_changes import add_key, revoke_key, rotate_key
from glossator.service.api.security.key_file import read_keys
from glossator.service.errors import ConfigError, OutputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


CHANGES = """
import sys, pathlib
from glossator.service.api.security.key_changes import add_key, revoke_key
file, worker = pathlib.Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(6):
    add_key(file, f"{worker}-{number}", ["infer"], None)
    revoke_key(file, f"old-{worker}-{number}")
"""


def test_changes_of_several_processes_are_all_kept(file: Path) -> None:
    """A revoked key does not come back, and no added key is lost."""
    workers = 4
    for worker in range(workers):
        for number in range(6):
            add_key(file, f"old-{worker}-{number}", ["infer"], None)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CHANGES, str(file), str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for worker in range(workers)
    ]
    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [(each.communicate(timeout=60), each.returncode)[1] for each in processes] == [0] * workers
    assert {key.name for key in read_keys(file).keys} == {f"{w}-{n}" for w in range(workers) for n in range(6)}
    assert [each.name for each in file.parent.iterdir()] == ["keys.json"]


def test_a_link_is_followed_and_stays(file: Path, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    file.symlink_to("secrets/real.json")
    add_key(file, "shop", ["infer"], None)
    rotate_key(file, "shop", 1.0)
    assert file.is_symlink()
    assert [key.name for key in read_keys(tmp_path / "secrets" / "real.json").keys] == ["shop"]
    assert [each.name for each in (tmp_path / "secrets").iterdir()] == ["real.json"]


def test_the_mode_is_kept(file: Path) -> None:
    add_key(file, "shop", ["infer"], None)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    rotate_key(file, "shop", 1.0)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_and_the_group_are_kept(file: Path) -> None:
    add_key(file, "shop", ["infer"], None)
    os.chown(file, 12_345, 23_456)
    add_key(file, "web", ["infer"], None)
    assert (file.stat().st_uid, file.stat().st_gid) == (12_345, 23_456)


def test_an_owner_that_cannot_be_kept_is_an_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_key(file, "shop", ["infer"], None)
    before = file.read_bytes()
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        found = list(real(descriptor))
        found[4] += 1  # st_uid
        return os.stat_result(found)

    def fchown(*_: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fstat", fstat)
    monkeypatch.setattr(os, "fchown", fchown)
    with pytest.raises(OutputError, match="the key file cannot be written: Operation not permitted"):
        revoke_key(file, "shop")
    assert file.read_bytes() == before


def test_a_full_disk_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_key(file, "shop", ["infer"], None)
    before = file.read_bytes()

    def write(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OutputError, match="the key file cannot be written: No space left") as caught:
        add_key(file, "web", ["infer"], None)
    assert caught.value.found == str(file)
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == ["keys.json"]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the key file cannot be written: No such file"):
        add_key(tmp_path / "none" / "keys.json", "shop", ["infer"], None)


def test_leftovers_of_a_killed_command_are_removed(file: Path) -> None:
    for name in (".keys.json.0123abcd.part", ".other.json.0123abcd.part", ".keys.json.lock"):
        file.with_name(name).write_text("{}")
    add_key(file, "shop", ["infer"], None)
    assert sorted(each.name for each in file.parent.iterdir()) == [".other.json.0123abcd.part", "keys.json"]


@pytest.mark.parametrize("days", [math.inf, -math.inf, math.nan, -1.0, 36_501.0, 1e300])
def test_impossible_periods_are_refused(file: Path, days: float) -> None:
    with pytest.raises(ConfigError, match="not a possible number of days"):
        add_key(file, "shop", ["infer"], days)
    assert not file.exists()
    add_key(file, "shop", ["infer"], 36_500)
    with pytest.raises(ConfigError, match="not a possible number of hours"):
        rotate_key(file, "shop", days * 24)
