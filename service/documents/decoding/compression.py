"""Compressed streams: gzip, bzip2, xz and zstd, told by the ending of a name. What is read is bounded block by block,
whatever a stream expands to."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from glossator.service.errors import UndecodableFile
from glossator.service.optional_packages import library

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
NAMES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
FAULTS = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What reading a damaged stream, or one that is cut off, raises."""
MAX_RATIO = 100
"""What packed data may expand to, as a multiple of their size; small ones may reach SMALL."""
SMALL = 32 << 20
_BLOCK = 1 << 20
_ZSTD_BLOCK = 1 << 10
"""Compressed bytes that are taken at a time: zstd may make of four bytes 128 KiB."""


class Stream(Protocol):
    """Bytes that come as they are there."""

    def read1(self, size: int = -1, /) -> bytes: ...


def parted(name: str) -> tuple[str, str | None]:
    """A name without the ending of its compression, and that ending; None where it has none.

    >>> parted("notes.csv.gz")
    ('notes.csv', '.gz')
    """
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], suffix
    return name, None


def unpacked(raw: BinaryIO, codec: str) -> Stream:
    """What the compressed bytes of `raw` hold. Reading it raises one of FAULTS where they are damaged or cut off."""
    if codec == ".gz":
        return gzip.GzipFile(fileobj=raw)
    if codec == ".bz2":
        return bz2.BZ2File(raw)
    if codec == ".xz":
        return lzma.LZMAFile(raw)
    return io.BufferedReader(_Zstd(raw), 1 << 18)


def bomb(name: str, size: int, expands: int) -> UndecodableFile | None:
    """The error of data of `size` bytes that expand to more than they should."""
    if expands <= max(SMALL, MAX_RATIO * size):
        return None
    return UndecodableFile(
        f"{name} expands to {expands:,} bytes or more", found=f"{size:,} bytes",
        expected=f"at most {MAX_RATIO} times as many", hint="Unpack it yourself if you trust it.",
    )  # fmt: skip


def refuse_bomb(path: Path) -> None:
    """Unpacks a file that its name says is compressed, and keeps nothing; raises UndecodableFile as soon as it is known
    to expand to more than it should. Damage is left to its reader."""
    codec = parted(path.name)[1]
    if codec is None:
        return
    size, expands = path.stat().st_size, 0
    with path.open("rb") as raw:
        stream = unpacked(raw, codec)
        try:
            while block := stream.read1(_BLOCK):
                expands += len(block)
                if (error := bomb(path.name, size, expands)) is not None:
                    raise error
        except FAULTS:
            return


def packed(raw: BinaryIO, codec: str) -> BinaryIO:
    """A stream that compresses into `raw`; closing it ends the data, and leaves `raw` open. The same bytes always give
    the same bytes: no time and no name is kept."""
    if codec == ".gz":
        return cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
    if codec == ".bz2":
        return cast(BinaryIO, bz2.BZ2File(raw, "wb"))
    if codec == ".xz":
        return cast(BinaryIO, lzma.LZMAFile(raw, "wb"))
    return cast(BinaryIO, library("zstandard", "zstd").ZstdCompressor().stream_writer(raw, closefd=False))


class _Zstd(io.RawIOBase):
    """One frame after another. The library's own reader takes a frame that is cut off for one that has ended."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._library = library("zstandard", "zstd")
        self._frame: Any = None
        self._waiting = b""
        """Bytes not yet given to a frame."""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            block = self._waiting or self._raw.read(_ZSTD_BLOCK)
            self._waiting = b""
            if not block:
                if self._frame is not None:
                    raise EOFError("the last frame is cut off")
                return 0
            if self._frame is None:
                self._frame = self._library.ZstdDecompressor().decompressobj()
            try:
                self._ready = memoryview(self._frame.decompress(block))
            except self._library.ZstdError as error:
                raise OSError(str(error)) from None
            if self._frame.eof:
                self._waiting, self._frame = self._frame.unused_data, None
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
