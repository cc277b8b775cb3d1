"""How much a file may become: rows and their bytes against the bytes of the input, members against their archive.

Each check adds up a total, because a hostile file stays below any limit on one part: an archive of many members that
each expand to just below the limit, a small file that becomes millions of empty rows.
"""

from __future__ import annotations

from glossator.service.errors import InputError, UndecodableFile
from glossator.service.files.compression import ALWAYS_ALLOWED_BYTES, EXPANSION, max_ratio

ALWAYS_ALLOWED_ROWS = 200_000
"""Any file may have this many rows."""
ROWS_SHARE = 10
"""A larger file may have one row for each byte, times `compression.max_ratio() / ROWS_SHARE`."""
MAX_IN_MEMORY = 256 << 20
"""Most bytes of a document, or characters of a JSON value, that is read into memory."""
MAX_MEMBERS = 100_000
"""Most members of an archive."""


class RowBudget:
    """Rows of a source, and their bytes as JSON, against the size of its files.

    Args:
        name: The source in the error.
        size: Bytes of its files; None if unknown, as for standard input: nothing is limited.
    """

    def __init__(self, name: str, size: int | None) -> None:
        ratio = max_ratio()
        self._name = name
        self._size = size
        self._max_bytes = max(ALWAYS_ALLOWED_BYTES, ratio * (size or 0))
        self._max_rows = max(ALWAYS_ALLOWED_ROWS, ratio * (size or 0) // ROWS_SHARE)
        self._rows = self._bytes = 0

    def add(self, rows: int, size: int) -> None:
        """Count rows. Raises UndecodableFile above the budget."""
        self._rows += rows
        self._bytes += size
        if self._size is None:
            return
        if self._rows > self._max_rows:
            raise self._error(f"more than {self._max_rows:,} rows")
        if self._bytes > self._max_bytes:
            raise self._error(f"rows of more than {self._max_bytes:,} bytes")

    def _error(self, found: str) -> UndecodableFile:
        return UndecodableFile(
            f"{self._name} expands too far while it is read",
            found=f"{self._size:,} bytes that become {found}",
            expected="no more than the limit on expansion",
            hint=f"If you trust the file, raise {EXPANSION}.",
        )


class ArchiveBudget:
    """The members of an archive against its size."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._max_bytes = max(ALWAYS_ALLOWED_BYTES, max_ratio() * size)
        self._members = self._bytes = 0

    def add(self, member: str, size: int) -> InputError | None:
        """Count a member; return the error if the archive, with it, expands too far. Such a member is not counted."""
        self._members += 1
        if self._bytes + size <= self._max_bytes and self._members <= MAX_MEMBERS:
            self._bytes += size
            return None
        many = self._members > MAX_MEMBERS
        return UndecodableFile(
            f"{member} is not read: the members of {self._name} expand too far",
            found=f"more than {MAX_MEMBERS:,} members" if many else f"{self._bytes + size:,} bytes in {self._size:,}",
            expected=f"at most {MAX_MEMBERS:,} members" if many else f"at most {self._max_bytes:,} bytes",
            hint=f"Unpack it yourself if you trust it{'' if many else f', or raise {EXPANSION}'}.",
        )
