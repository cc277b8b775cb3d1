from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from glossator.service.errors import OutputError
from glossator.service.files.atomic_file import AtomicFile


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_complete_file_appears_on_commit_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    output = AtomicFile(str(path))
    output.write(b"new")
    assert path.read_text() == "old"
    (temporary,) = set(names(tmp_path)) - {"out.jsonl"}
    assert temporary.startswith(".out.jsonl.")
    output.commit()
    assert path.read_text() == "new"
    assert names(tmp_path) == ["out.jsonl"]


def test_discard_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    for codec in (None, ".gz"):
        output = AtomicFile(str(path), codec=codec)
        output.write(b"new")
        output.discard()
        assert path.read_text() == "old"
        assert names(tmp_path) == ["out.jsonl"]


def test_gzip_output_depends_neither_on_the_time_nor_on_the_name(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        output = AtomicFile(str(tmp_path / name), codec=".gz")
        output.write(b"text\n" * 100)
        output.commit()
    first = (tmp_path / "a.gz").read_bytes()
    assert first == (tmp_path / "b.gz").read_bytes()
    assert first[4:8] == b"\0\0\0\0"  # no time: RFC 1952, MTIME
    assert first[3] == 0  # no name: RFC 1952, FLG
    assert gzip.decompress(first) == b"text\n" * 100


def test_a_new_file_gets_the_default_mode_and_an_old_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "private").touch(mode=0o600)
    for name in ("out", "private"):
        output = AtomicFile(str(tmp_path / name))
        output.commit()
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names(tmp_path)}
    assert modes == {"plain": modes["plain"], "out": modes["plain"], "private": 0o600}


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far/true.txt")
    output = AtomicFile(str(tmp_path / "link"))
    output.write(b"new")
    output.commit()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "true.txt").read_bytes() == b"new"
    assert names(tmp_path / "far") == ["true.txt"]


def test_a_name_of_the_maximum_length_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    AtomicFile(str(path)).commit()
    assert path.exists()


@pytest.mark.parametrize("codec", [None, ".gz", ".zst"])
def test_a_full_disk_raises_output_error_and_the_device_stays_a_device(codec: str | None) -> None:
    output = AtomicFile("/dev/full", codec=codec)

    def fill() -> None:
        for _ in range(1000):
            output.write(os.urandom(1000))
        output.commit()

    with pytest.raises(OutputError, match="/dev/full") as caught:
        fill()
    output.discard()
    assert caught.value.found == "No space left on device"
    assert caught.value.hint
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv.gz"])
def test_a_file_above_the_size_limit_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")
    program = (
        "import os, resource, signal, sys\n"
        "from glossator.service.documents.row_writer import open_row_writer\n"
        "from glossator.service.errors import OutputError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try:\n"
        "    with open_row_writer(sys.argv[1], ['text']) as writer:\n"
        "        for _ in range(1000):\n"
        "            writer.write({'text': os.urandom(500).hex()})\n"
        "except OutputError as error:\n"
        "    print(error.found)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, tmp_path / name], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("File too large\n", "")
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "old"


def test_a_missing_folder_or_a_folder_as_output_raises_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        AtomicFile(str(tmp_path / "no" / "out.csv"))
    assert caught.value.hint == "Make its folder first."
    with pytest.raises(OutputError) as caught:
        AtomicFile(str(tmp_path))
    assert caught.value.found == "it is a folder"
    with pytest.raises(OutputError):
        AtomicFile(str(tmp_path / ("n" * 256)))
    assert names(tmp_path) == []


def test_standard_output_is_written_directly_and_left_open() -> None:
    stdout = io.BytesIO()
    output = AtomicFile("-", stdout=stdout)
    output.write(b"row\n")
    output.commit()
    assert stdout.getvalue() == b"row\n"
    assert not stdout.closed


def test_a_closed_pipe_raises_output_error_and_prints_nothing_else() -> None:
    program = (
        "from glossator.service.files.atomic_file import AtomicFile\n"
        "from glossator.service.errors import OutputError\n"
        "import sys\n"
        "output = AtomicFile('-')\n"
        "try:\n"
        "    for _ in range(10_000):\n"
        "        output.write(b'x' * 1000)\n"
        "except OutputError as error:\n"
        "    output.discard()\n"
        "    print(error.hint, file=sys.stderr)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b"The reader of the pipe closed it before the end.\n"
    assert process.wait() == 0


def test_a_standard_output_without_bytes_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # as in a notebook
    output = AtomicFile(str(tmp_path / "out.jsonl"))
    output.write(b"new")
    output.commit()
    assert (tmp_path / "out.jsonl").read_text() == "new"
