from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from glossator.service.documents.decoding.lines import LineStream
from glossator.service.documents.row_writer import open_row_writer
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import UndecodableFile
from glossator.service.files import compression

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": lambda data: zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read(),
}


def read(data: bytes, codec: str) -> bytes:
    stream = compression.open_decompressed(io.BytesIO(data), codec)
    return b"".join(iter(lambda: stream.read1(1000), b""))


@pytest.mark.parametrize("codec", compression.SUFFIXES)
@settings(deadline=None)  # xz is slow on a busy machine
@given(pieces=st.lists(st.binary(max_size=5000), min_size=1, max_size=3))
def test_streams_are_compatible_with_other_tools_in_both_directions(codec: str, pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    assert read(b"".join(COMPRESS[codec](piece) for piece in pieces), codec) == content  # one stream after another
    raw = io.BytesIO()
    with compression.open_compressed(raw, codec) as stream:
        for piece in pieces:
            stream.write(piece)
    assert DECOMPRESS[codec](raw.getvalue()) == content


@pytest.mark.parametrize("codec", compression.SUFFIXES)
def test_a_truncated_stream_gives_its_rows_and_then_an_error(codec: str) -> None:
    data = COMPRESS[codec]("".join(f"{number * 7919 % 100_003}\n" for number in range(300_000)).encode())
    lines = list(LineStream("-", codec=codec, stdin=io.BufferedReader(io.BytesIO(data[: len(data) * 4 // 5]))))  # type: ignore[arg-type]
    assert len(lines) > 50_000
    assert lines[-1].error is not None
    assert f"the {compression.CODEC_NAMES[codec]} data are truncated or damaged" in lines[-1].error.message
    assert all(line.error is None for line in lines[:-1])


@pytest.mark.parametrize("codec", compression.SUFFIXES)
def test_data_of_another_kind_are_refused(tmp_path: Path, codec: str) -> None:
    (tmp_path / f"notes.txt{codec}").write_text("plain text, and no more than that\n")
    with pytest.raises(UndecodableFile, match=f"is not {compression.CODEC_NAMES[codec]} data") as caught:
        open_reader(tmp_path / f"notes.txt{codec}")
    assert codec in (caught.value.hint or "")


@pytest.mark.parametrize("codec", compression.SUFFIXES)
def test_the_suffix_decides_the_compression(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"out.csv{codec}"
    with open_row_writer(path, ["text"]) as writer:
        writer.write({"text": "naïve"})
    assert DECOMPRESS[codec](path.read_bytes()).decode() == "text\nnaïve\n"
    with open_reader(path) as source:
        assert [record.fields for record in source.records()] == [{"text": "naïve"}]


def test_a_decompression_bomb_is_read_block_by_block(tmp_path: Path) -> None:
    script = (
        "import os, resource, sys\n"
        "os.environ['GLOSSATOR_READER_EXPANSION'] = '10000000'\n"
        "from glossator.service.documents.decoding.lines import LineStream\n"
        "resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))\n"
        "print([line.error.code for line in LineStream(sys.argv[1], codec='.zst')])\n"
    )
    path = tmp_path / "bomb.txt.zst"
    with open(path, "wb") as file, compression.open_compressed(file, ".zst") as stream:  # 2 GiB of one line
        for _ in range(2048):
            stream.write(b"a" * (1 << 20))
    assert path.stat().st_size < 1 << 20
    root = Path(__file__).resolve().parents[3]
    ran = subprocess.run([sys.executable, "-c", script, path], cwd=root, capture_output=True, text=True)
    assert ran.stdout == "['unreadable-row']\n", ran.stderr
