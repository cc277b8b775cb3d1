"""Compressed streams: gzip, bzip2, xz and zstd, recognised by the suffix of a file name.

Data are decompressed block by block, so that memory stays bounded however far a stream expands.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from glossator.service.errors import UndecodableFile
from glossator.service.files.limit_settings import limit_from_environment
from glossator.service.optional_packages import import_optional

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
"""A codec is named by its suffix."""
CODEC_NAMES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What reading a damaged or truncated stream raises."""
EXPANSION = "GLOSSATOR_READER_EXPANSION"
"""The environment variable that replaces MAX_RATIO."""
MAX_RATIO = 100
"""Largest expanded size as a multiple of the compressed size; see ALWAYS_ALLOWED_BYTES for small files."""
ALWAYS_ALLOWED_BYTES = 32 << 20
"""Any file may expand to this size."""
_BLOCK_BYTES = 1 << 20
_ZSTD_BLOCK_BYTES = 1 << 10
"""Compressed bytes decompressed at a time: zstd can expand 4 bytes to 128 KiB."""


class ByteStream(Protocol):
    """Bytes, read in the sizes in which they arrive."""

    def read1(self, size: int = -1, /) -> bytes: ...


def split_suffix(name: str) -> tuple[str, str | None]:
    """Return a file name without its compression suffix, and the suffix or None.

    >>> split_suffix("notes.csv.gz")
    ('notes.csv', '.gz')
    """
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], suffix
    return name, None


def max_ratio() -> int:
    """Return the largest expanded size as a multiple of the compressed size. Raises ConfigError for a wrong setting."""
    return limit_from_environment(EXPANSION, MAX_RATIO)


def open_decompressed(raw: BinaryIO, codec: str) -> ByteStream:
    """Return the decompressed content of `raw`.

    Reading damaged or truncated data raises one of READ_ERRORS; data that expand too far raise UndecodableFile.
    """
    counted = _CountedBytes(raw)
    return _LimitedBytes(_decompressor(cast(BinaryIO, counted), codec), counted)


def _decompressor(raw: BinaryIO, codec: str) -> ByteStream:
    if codec == ".gz":
        return gzip.GzipFile(fileobj=raw)
    if codec == ".bz2":
        return bz2.BZ2File(raw)
    if codec == ".xz":
        return lzma.LZMAFile(raw)
    return io.BufferedReader(_ZstdReader(raw), 1 << 18)


def expansion_error(name: str, size: int, expanded: int) -> UndecodableFile | None:
    """Return the error if `size` compressed bytes expand to more than is allowed (a decompression bomb), else None."""
    ratio = max_ratio()
    if expanded <= max(ALWAYS_ALLOWED_BYTES, ratio * size):
        return None
    return UndecodableFile(
        f"{name} expands to {expanded:,} bytes or more",
        found=f"{size:,} bytes",
        expected=f"at most {ratio} times as many",
        hint=f"Decompress it yourself if you trust it, or raise {EXPANSION}.",
    )


def check_expansion(path: Path) -> None:
    """Decompress a file and discard the result; raise UndecodableFile as soon as it expands to more than is allowed.

    Does nothing for names without a compression suffix. Damaged data raise no error here: the reader reports them.
    """
    codec = split_suffix(path.name)[1]
    if codec is None:
        return
    size, expanded = path.stat().st_size, 0
    with path.open("rb") as raw:
        stream = open_decompressed(raw, codec)
        try:
            while block := stream.read1(_BLOCK_BYTES):
                expanded += len(block)
                if (error := expansion_error(path.name, size, expanded)) is not None:
                    raise error
        except READ_ERRORS:
            return


def open_compressed(raw: BinaryIO, codec: str) -> BinaryIO:
    """Return a stream that compresses into `raw`. Closing it ends the data and leaves `raw` open.

    The output depends on the content alone: no time and no file name is stored.
    """
    if codec == ".gz":
        return cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
    if codec == ".bz2":
        return cast(BinaryIO, bz2.BZ2File(raw, "wb"))
    if codec == ".xz":
        return cast(BinaryIO, lzma.LZMAFile(raw, "wb"))
    return cast(BinaryIO, import_optional("zstandard", "zstd").ZstdCompressor().stream_writer(raw, closefd=False))


class _CountedBytes:
    """Counts the compressed bytes that are read."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.name = str(getattr(raw, "name", "the data"))
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        block = self._raw.read(size)
        self.count += len(block)
        return block

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


class _LimitedBytes:
    """Decompressed bytes, which must not become many more than the compressed bytes read so far."""

    def __init__(self, stream: ByteStream, counted: _CountedBytes) -> None:
        self._stream = stream
        self._counted = counted
        self._expanded = 0

    def read1(self, size: int = -1, /) -> bytes:
        block = self._stream.read1(size)
        self._expanded += len(block)
        error = expansion_error(self._counted.name, self._counted.count, self._expanded)
        if error is not None:
            raise error
        return block


class _ZstdReader(io.RawIOBase):
    """Reads one zstd frame after another. The reader of the `zstandard` package accepts a truncated frame silently."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._zstandard = import_optional("zstandard", "zstd")
        self._frame: Any = None
        self._input = b""
        """Compressed bytes that belong to the next frame."""
        self._output = memoryview(b"")
        """Decompressed bytes that were not read yet."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._output:
            block = self._input or self._raw.read(_ZSTD_BLOCK_BYTES)
            self._input = b""
            if not block:
                if self._frame is not None:
                    raise EOFError("the last frame is truncated")
                return 0
            if self._frame is None:
                self._frame = self._zstandard.ZstdDecompressor().decompressobj()
            try:
                self._output = memoryview(self._frame.decompress(block))
            except self._zstandard.ZstdError as error:
                raise OSError(str(error)) from None
            if self._frame.eof:
                self._input, self._frame = self._frame.unused_data, None
        count = min(len(buffer), len(self._output))
        buffer[:count] = self._output[:count]
        self._output = self._output[count:]
        return count
