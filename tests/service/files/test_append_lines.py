from __future__ import annotations

import errno
import fcntl
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.files.append_lines import append_line, read_lines, split_lines
from glossator.service.files.printable_json import printable_json


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@given(st.lists(st.text(st.characters()), max_size=5), st.text(st.characters()), st.data())
def test_any_texts_read_back_however_the_last_line_is_cut(texts: list[str], last: str, data: st.DataObject) -> None:
    lines = [printable_json(text).encode() for text in texts]
    cut = printable_json(last).encode()
    cut = cut[: data.draw(st.integers(0, len(cut)))]
    assert split_lines(b"".join(line + b"\n" for line in lines) + cut) == (lines, cut)


@pytest.mark.parametrize("torn", [b"", b"{", b'{"whole": 1}', b"x" * 10_000])
def test_a_torn_line_is_left_out_and_the_next_append_removes_it(file: Path, torn: bytes) -> None:
    append_line(file, b"one")
    with file.open("ab") as stream:
        stream.write(torn)
    assert read_lines(file) == ([b"one"], torn)
    append_line(file, b"two")
    assert file.read_bytes() == b"one\ntwo\n"


def test_a_file_of_one_torn_line_is_emptied_by_the_next_append(file: Path) -> None:
    file.write_bytes(b"x" * 9_000)
    append_line(file, b"one")
    assert file.read_bytes() == b"one\n"


def test_a_line_on_a_full_disk_is_taken_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_line(file, b"one")
    real = os.write

    def write(descriptor: int, data: bytes | memoryview) -> int:
        if len(data) < 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:4])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left") as caught:
        append_line(file, b"a longer second line")
    assert caught.value.filename == str(file)
    assert file.read_bytes() == b"one\n"


def test_a_line_that_is_being_written_is_not_torn(file: Path) -> None:
    file.write_bytes(b"one\nhal")
    with file.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert read_lines(file) == ([b"one"], b"")
    assert read_lines(file) == ([b"one"], b"hal")


def test_lines_of_several_writers_do_not_mix(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append_line(file, b"%d" % number * 50), range(10, 50)))
    lines = read_lines(file)
    assert sorted(lines.complete) == [b"%d" % number * 50 for number in range(10, 50)]
    assert lines.torn == b""


def test_a_line_with_a_line_end_is_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="line end"):
        append_line(file, b"one\ntwo")
    assert file.read_bytes() == b""


def test_appended_lines_are_on_disk_with_the_name_of_their_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    append_line(file, b"one")
    append_line(file, b"two")
    assert synced == ["file", "folder"] * 2
