from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2
import pytest

from glossator.service.bundle import file_names
from glossator.service.errors import OutputError
from glossator.service.files.atomic_folder import atomic_folder, check_destination, claim_folder


def write(destination: Path, content: str = "new", *, overwrite: bool = False) -> None:
    with atomic_folder(destination, overwrite=overwrite, markers=file_names.FOLDER_MARKERS) as folder:
        (folder / file_names.TASK).write_text(content)
        (folder / "onnx").mkdir()
        (folder / "onnx" / "model.onnx").write_text(content)


def write_and_raise(destination: Path, error: type[BaseException]) -> None:
    with atomic_folder(destination, overwrite=True, markers=file_names.FOLDER_MARKERS) as folder:
        (folder / file_names.TASK).write_text("half")
        raise error


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_complete_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    destination = tmp_path / "deep" / "down" / "bundle"
    with atomic_folder(destination) as folder:
        assert folder.parent == destination.parent  # the same file system: a rename is one step
        (folder / "file").write_text("x")
        assert not destination.exists()
    assert names(tmp_path) == ["deep", "deep/down", "deep/down/bundle", "deep/down/bundle/file"]
    assert destination.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [True, False])
def test_after_an_error_nothing_is_left_and_the_old_folder_is_unchanged(
    tmp_path: Path, error: type[BaseException], old: bool
) -> None:
    destination = tmp_path / "bundle"
    if old:
        write(destination, "old")
    before = names(tmp_path)
    with pytest.raises(error):
        write_and_raise(destination, error)
    assert names(tmp_path) == before
    assert not old or (destination / file_names.TASK).read_text() == "old"


def test_an_existing_folder_is_replaced_only_with_overwrite(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "old")
    with pytest.raises(OutputError, match="exists already"):
        write(tmp_path / "bundle")
    assert (tmp_path / "bundle" / file_names.TASK).read_text() == "old"


@pytest.mark.parametrize("marker", [file_names.TASK, file_names.MANIFEST, None])
def test_overwrite_replaces_a_folder_with_a_marker_or_an_empty_one(tmp_path: Path, marker: str | None) -> None:
    destination = tmp_path / "bundle"
    destination.mkdir()
    if marker is not None:
        (destination / marker).write_text("old")
        (destination / "left-over").write_text("old")
    write(destination, overwrite=True)
    assert names(tmp_path) == ["bundle", "bundle/onnx", "bundle/onnx/model.onnx", f"bundle/{file_names.TASK}"]
    assert (destination / file_names.TASK).read_text() == "new"


def test_overwrite_does_not_replace_other_folders(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")
    (tmp_path / "file").write_text("x")
    for destination in (tmp_path / "photos", tmp_path / "file"):
        with pytest.raises(OutputError, match="did not write"):
            write(destination, overwrite=True)
    assert names(tmp_path) == ["file", "photos", "photos/cat.jpg"]


def test_a_full_disk_raises_output_error_and_nothing_is_left(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OutputError, match="No space left"), atomic_folder(tmp_path / "bundle"):
        Path("/dev/full").write_text("x")
    assert names(tmp_path) == []


LIMITED = """
import resource, signal, sys
from glossator.service.files.atomic_folder import atomic_folder
from glossator.service.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with atomic_folder(sys.argv[1], overwrite=True, markers=["task.json"]) as folder:
        (folder / "small").write_bytes(b"x" * 900)
        (folder / "large").write_bytes(b"x" * 5000)
except OutputError as error:
    sys.exit(f"refused: {error}")
"""


def test_a_file_above_the_size_limit_raises_output_error_and_the_old_folder_is_unchanged(tmp_path: Path) -> None:
    """In a process of its own, which may write files of at most 1,000 bytes."""
    write(tmp_path / "bundle", "old")
    before = names(tmp_path)
    finished = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "bundle")], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith("refused: ")
    assert "File too large" in finished.stderr
    assert names(tmp_path) == before
    assert (tmp_path / "bundle" / file_names.TASK).read_text() == "old"


def test_the_old_folder_is_restored_when_the_rename_fails(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "old")
    before = names(tmp_path)
    with (
        pytest.raises(OutputError),
        atomic_folder(tmp_path / "bundle", overwrite=True, markers=[file_names.TASK]) as folder,
    ):
        shutil.rmtree(folder)
    assert names(tmp_path) == before


@pytest.mark.parametrize("destination", ["x" * 300, "file/bundle"])
def test_a_path_that_cannot_be_written_raises_output_error(tmp_path: Path, destination: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match=r"cannot be (written|created)"):
        write(tmp_path / destination)
    assert names(tmp_path) == ["file"]


def test_a_destination_can_be_checked_in_advance(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    check_destination(tmp_path / "new" / "bundle", overwrite=False)
    for destination in (tmp_path / "file", tmp_path / "file" / "bundle", tmp_path / ("x" * 300), Path("/")):
        with pytest.raises(OutputError):
            check_destination(destination, overwrite=True)
    assert names(tmp_path) == ["file"]


def test_every_file_and_folder_is_on_disk_before_the_name_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[str, bool]] = []
    real = os.fsync

    def recording(descriptor: int) -> None:
        flushed.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")).name, (tmp_path / "bundle").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    write(tmp_path / "bundle")
    before = [name for name, appeared in flushed if not appeared]
    assert len(before) == 4
    assert {file_names.TASK, "model.onnx", "onnx"} < set(before)
    assert before.index("model.onnx") < before.index("onnx")
    assert flushed[-1] == (tmp_path.name, True)  # the rename itself


def test_two_commands_cannot_write_one_folder_at_the_same_time(tmp_path: Path) -> None:
    """The second one is refused at once, before it does any work; the first one is not disturbed."""
    destination, other = tmp_path / "bundle", tmp_path / "other"
    with atomic_folder(destination) as folder:
        (folder / file_names.TASK).write_text("first")
        second = ThreadPoolExecutor(1)
        with pytest.raises(OutputError, match="another command is writing this folder"):
            second.submit(write, destination, overwrite=True).result()
        second.submit(write, other).result()
        second.shutdown()
    assert (destination / file_names.TASK).read_text() == "first"
    write(destination, "next", overwrite=True)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bundle", "other"]


def test_the_command_that_claimed_a_folder_may_write_it(tmp_path: Path) -> None:
    destination = tmp_path / "deep" / "bundle"
    with claim_folder(destination):
        write(destination, "one")
        write(destination, "two", overwrite=True)
        assert (destination / file_names.TASK).read_text() == "two"
        with ThreadPoolExecutor(1) as second, pytest.raises(OutputError, match="another command"):
            second.submit(write, destination, overwrite=True).result()
    assert [each.name for each in destination.parent.iterdir()] == ["bundle"]


KILLED = """
import os, signal, sys
from pathlib import Path
from glossator.service.files.atomic_folder import atomic_folder
with atomic_folder(sys.argv[1], overwrite=True, markers=["task.json"]) as folder:
    (folder / "task.json").write_text("killed")
    if sys.argv[2] == "while writing":
        os.kill(os.getpid(), signal.SIGKILL)
    renames, real = [0], Path.rename
    def rename(self, target):
        if renames[0] == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        renames[0] += 1
        return real(self, target)
    Path.rename = rename
"""


@pytest.mark.parametrize("moment", ["while writing", "0", "1"])
def test_leftovers_of_a_killed_command_are_removed_by_the_next_one(tmp_path: Path, moment: str) -> None:
    """Killed before, and between, the two renames that replace an older folder."""
    destination = tmp_path / "bundle"
    write(destination, "old")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(destination), moment], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) > 1
    for name in (".bundle-settings", ".bundles.0123abcd.part", ".bundle.0123abcd.parts"):
        (tmp_path / name).mkdir()
    with claim_folder(destination):
        assert (destination / file_names.TASK).read_text() == "old"
    write(destination, "new", overwrite=True)
    assert (destination / file_names.TASK).read_text() == "new"
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        ".bundle-settings",
        ".bundle.0123abcd.parts",
        ".bundles.0123abcd.part",
        "bundle",
    ]


def test_a_full_disk_elsewhere_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library writes to the folder for temporary files, and its error has no file name."""
    full = tmp_path / "tmp"
    full.mkdir()
    real = shutil.disk_usage

    def disk_usage(path: Path) -> shutil._ntuple_diskusage:
        return real(path)._replace(free=0) if path == full else real(path)._replace(free=1 << 40)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    monkeypatch.setattr(tempfile, "tempdir", str(full))
    with pytest.raises(OutputError, match="No space left") as caught, atomic_folder(tmp_path / "bundle"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.found == str(full)


def test_a_file_elsewhere_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file") as caught, atomic_folder(tmp_path / "bundle"):
        (tmp_path / "corpus.csv").read_bytes()
    assert caught.value.found == str(tmp_path / "corpus.csv")


def test_a_missing_template_is_not_taken_for_a_fault_of_the_disk(tmp_path: Path) -> None:
    environment = jinja2.Environment(loader=jinja2.DictLoader({}), autoescape=True)
    with pytest.raises(jinja2.TemplateNotFound), atomic_folder(tmp_path / "report"):
        environment.get_template("report.html")
    assert names(tmp_path) == []
