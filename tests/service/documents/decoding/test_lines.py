from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.decoding.lines import SAMPLE_SIZE, LineStream
from glossator.service.errors import InputError, UndecodableFile, UnreadableRow


def lines_of(data: bytes, *, limit: int = 1 << 20, codec: str | None = None, encoding: str | None = None) -> LineStream:
    stdin = io.BufferedReader(io.BytesIO(data))
    return LineStream("-", codec=codec, encoding=encoding, stdin=stdin, limit=limit)


text_with_odd_ends = st.text(
    st.one_of(st.sampled_from("ab\n\r\u2028\u2029\x85\x0b\x0c\x1c\U0001f600"), st.characters())
)


@given(text_with_odd_ends.filter(lambda text: text and "\0" not in text and text[0] != "\ufeff"))
def test_lines_are_split_at_lf_only_and_lose_nothing(text: str) -> None:
    data = text.encode("utf-8", "replace")
    lines = list(lines_of(data, encoding="utf-8"))
    assert "".join(line.text for line in lines) == data.decode()
    assert [line.text for line in lines] == re.findall(r"[^\n]*\n|[^\n]+", data.decode())
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))


def test_line_content_has_no_line_end_and_keeps_a_lone_cr() -> None:
    lines = list(lines_of(b"one\r\ntwo\nth\rree\r\r\nfour\r"))
    assert [line.content for line in lines] == ["one", "two", "th\rree\r", "four\r"]


def test_lines_across_blocks_are_complete() -> None:
    data = b"".join(b"%d %s\n" % (number, b"x" * (number % 5000)) for number in range(5000))
    assert len(data) > 2 * SAMPLE_SIZE
    lines = lines_of(data)
    assert not lines.sample_is_complete
    assert b"".join(line.text.encode() for line in lines) == data


def test_the_sample_has_at_least_one_line_and_takes_none() -> None:
    lines = lines_of(b"y" * (SAMPLE_SIZE + 5) + b"\nsecond\n", limit=2 * SAMPLE_SIZE)
    assert len(lines.sample()) == 1
    assert [len(line.text) for line in lines] == [SAMPLE_SIZE + 6, 7]


def test_a_line_above_the_limit_affects_only_its_own_row() -> None:
    lines = list(lines_of(b"first\n" + b"z" * 5000 + b"\nthird\n", limit=1000))
    assert [line.number for line in lines] == [1, 2, 3]
    assert [line.error is None for line in lines] == [True, False, True]
    assert isinstance(lines[1].error, UnreadableRow)
    assert "line 2" in lines[1].error.message
    assert lines[1].error.found == "5,001 characters"
    assert len(lines[1].text) == 500
    assert lines[2].text == "third\n"


@pytest.mark.parametrize("kept", [12, 2000, -9])
def test_truncated_gzip_gives_the_lines_so_far_then_an_error(kept: int) -> None:
    import random

    words = random.Random(5)
    whole = "".join(f"row {number} {words.random()}\n" for number in range(500))
    lines = list(lines_of(gzip.compress(whole.encode())[:kept], codec=".gz"))
    *good, last = lines
    assert isinstance(last.error, UndecodableFile)
    assert f"from line {len(good) + 1} on" in last.error.message
    assert "".join(line.text for line in good) + last.text == whole[: sum(len(line.text) for line in lines)]
    decompressor = zlib.decompressobj(31)
    held = decompressor.decompress(gzip.compress(whole.encode())[:kept]).count(b"\n")
    assert len(good) == held  # every line that the bytes hold is given


def test_damaged_gzip_checksum_is_an_error_after_the_lines() -> None:
    data = bytearray(gzip.compress(b"one\ntwo\n"))
    data[-8] ^= 1
    lines = list(lines_of(bytes(data), codec=".gz"))
    assert [line.content for line in lines] == ["one", "two", ""]
    assert isinstance(lines[-1].error, UndecodableFile)


def test_a_file_named_gzip_that_is_not_gzip_is_refused() -> None:
    with pytest.raises(UndecodableFile, match="is not gzip data"):
        lines_of(b"plain text\n", codec=".gz")


def test_a_failing_disk_gives_the_lines_so_far_then_an_error(tmp_path: Path) -> None:
    class FailingDisk(io.RawIOBase):
        def __init__(self) -> None:
            self.left = 3

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            if not self.left:
                raise OSError(5, "Input/output error")
            self.left -= 1
            buffer[:6] = b"abcde\n"
            return 6

    lines = list(LineStream("-", stdin=io.BufferedReader(cast(Any, FailingDisk()))))
    assert [line.content for line in lines] == ["abcde", "abcde", "abcde", ""]
    assert lines[-1].error is not None
    assert "Input/output error" in (lines[-1].error.found or "")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="the file is empty"):
        LineStream(str(path))


def test_a_pipe_is_read_once_and_in_order(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo\n")
    os.close(writing)
    lines = LineStream(f"/dev/fd/{reading}")
    assert [line.content for line in lines] == ["one", "two"]
    lines.close()
    os.close(reading)


def test_standard_input_is_left_open() -> None:
    stdin = io.BufferedReader(io.BytesIO(b"one\n"))
    lines = LineStream("-", stdin=stdin)
    lines.close()
    assert not stdin.closed
