from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from glossator.service.errors import ConfigError, OutputError
from glossator.service.files.atomic_write import AtomicFile, refuse_same_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_whole_on_commit_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    aside = AtomicFile(str(path))
    aside.write(b"new")
    assert path.read_text() == "old"
    (temporary,) = set(names(tmp_path)) - {"out.jsonl"}
    assert temporary.startswith(".out.jsonl.")
    aside.commit()
    assert path.read_text() == "new"
    assert names(tmp_path) == ["out.jsonl"]


def test_discard_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    for codec in (None, ".gz"):
        aside = AtomicFile(str(path), codec=codec)
        aside.write(b"new")
        aside.discard()
        assert path.read_text() == "old"
        assert names(tmp_path) == ["out.jsonl"]


def test_gzip_output_is_the_same_bytes_at_any_time_and_under_any_name(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        aside = AtomicFile(str(tmp_path / name), codec=".gz")
        aside.write(b"text\n" * 100)
        aside.commit()
    first = (tmp_path / "a.gz").read_bytes()
    assert first == (tmp_path / "b.gz").read_bytes()
    assert first[4:8] == b"\0\0\0\0"  # no time: RFC 1952, MTIME
    assert first[3] == 0  # no name: RFC 1952, FLG
    assert gzip.decompress(first) == b"text\n" * 100


def test_a_new_file_has_the_mode_of_new_files_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "private").touch(mode=0o600)
    for name in ("out", "private"):
        aside = AtomicFile(str(tmp_path / name))
        aside.commit()
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names(tmp_path)}
    assert modes == {"plain": modes["plain"], "out": modes["plain"], "private": 0o600}


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far/true.txt")
    aside = AtomicFile(str(tmp_path / "link"))
    aside.write(b"new")
    aside.commit()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "true.txt").read_bytes() == b"new"
    assert names(tmp_path / "far") == ["true.txt"]


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    AtomicFile(str(path)).commit()
    assert path.exists()


@pytest.mark.parametrize("codec", [None, ".gz", ".zst"])
def test_no_room_is_our_error_and_the_device_stays_a_device(codec: str | None) -> None:
    aside = AtomicFile("/dev/full", codec=codec)

    def fill() -> None:
        for _ in range(1000):
            aside.write(os.urandom(1000))
        aside.commit()

    with pytest.raises(OutputError, match="/dev/full") as caught:
        fill()
    aside.discard()
    assert caught.value.found == "No space left on device"
    assert caught.value.hint
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv.gz"])
def test_a_file_that_outgrows_its_room_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")
    program = (
        "import os, resource, signal, sys\n"
        "from glossator.service.documents.row_formats import open_sink\n"
        "from glossator.service.errors import OutputError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try:\n"
        "    with open_sink(sys.argv[1], ['text']) as sink:\n"
        "        for _ in range(1000):\n"
        "            sink.write({'text': os.urandom(500).hex()})\n"
        "except OutputError as error:\n"
        "    print(error.found)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, tmp_path / name], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("File too large\n", "")
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "old"


def test_a_folder_that_is_missing_or_in_the_way_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        AtomicFile(str(tmp_path / "no" / "out.csv"))
    assert caught.value.hint == "Make its folder first."
    with pytest.raises(OutputError) as caught:
        AtomicFile(str(tmp_path))
    assert caught.value.found == "it is a folder"
    with pytest.raises(OutputError):
        AtomicFile(str(tmp_path / ("n" * 256)))
    assert names(tmp_path) == []


def test_standard_output_is_written_straight_and_left_open() -> None:
    stdout = io.BytesIO()
    aside = AtomicFile("-", stdout=stdout)
    aside.write(b"row\n")
    aside.commit()
    assert stdout.getvalue() == b"row\n"
    assert not stdout.closed


def test_a_closed_pipe_is_our_error_and_nothing_more_is_said() -> None:
    program = (
        "from glossator.service.files.atomic_write import AtomicFile\n"
        "from glossator.service.errors import OutputError\n"
        "import sys\n"
        "aside = AtomicFile('-')\n"
        "try:\n"
        "    for _ in range(10_000):\n"
        "        aside.write(b'x' * 1000)\n"
        "except OutputError as error:\n"
        "    aside.discard()\n"
        "    print(error.hint, file=sys.stderr)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b"Its reader closed it before the end.\n"
    assert process.wait() == 0


def test_the_output_may_not_be_an_input_under_any_name(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("{}\n")
    (tmp_path / "link").symlink_to(source)
    os.link(source, tmp_path / "hard")
    for name in ("in.jsonl", "link", "hard", "../" + tmp_path.name + "/in.jsonl"):
        with pytest.raises(ConfigError, match="the output is the input"):
            refuse_same_file(str(tmp_path / name), [str(tmp_path / "absent"), str(source)])
    refuse_same_file(str(tmp_path / "out.jsonl"), [str(source)])
    refuse_same_file("-", ["-"])
