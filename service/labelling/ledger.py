"""The ledger of a labelling: the list of finished chunks, next to the output until it is complete.

`OUTPUT.unfinished` holds `ledger.jsonl` and one file per chunk. A chunk is written under a temporary name, flushed,
renamed, and its folder is flushed; only then is it entered into the ledger with its SHA-256, and the ledger is flushed
last. So after a kill at any moment, a chunk in the ledger is on disk, and any other chunk is computed again. At the end
the parts are joined under a temporary name and flushed, the SHA-256 of the complete file is entered, and the file is
renamed to the output. The ledger is removed last.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from glossator.service.documents.row_formats import RowFormat
from glossator.service.errors import ConfigError, Fault, JobError, OutputError, shorten
from glossator.service.files.append_lines import append_to, split_lines
from glossator.service.files.atomic_file import AtomicFile, write_error_hint
from glossator.service.files.durable import sync_folder, write_atomically
from glossator.service.files.hashing import hash_file
from glossator.service.files.locks import lock_descriptor
from glossator.service.files.paths import UNFINISHED_SUFFIX
from glossator.service.labelling.summary import RowCounts

FORMAT = 2
_LEDGER, _COMPLETE = "ledger.jsonl", "complete"
_RESUME_HINT = "Give the same command again: it resumes after the finished chunks."


def has_ledger(output: str | Path) -> bool:
    """Return whether there is a ledger of this output."""
    return (ledger_folder(output) / _LEDGER).is_file()


def ledger_folder(output: str | Path) -> Path:
    """Return the folder of an output's ledger; symbolic links are followed."""
    target = Path(os.path.realpath(output))
    return target.with_name(target.name + UNFINISHED_SUFFIX)


class Ledger:
    """The finished chunks of one output. A context manager that releases the lock; `finish` writes the output.

    Args:
        output: The path of the output.
        identity: What the output depends on. A ledger with another identity is refused, with a fault per difference.
        batch_costs: Stored with a new ledger; an existing ledger keeps its own. See `identity.batch_costs`.
        fresh: Discard an existing ledger.

    Raises:
        ConfigError: The existing ledger has another identity or was written by another version.
        JobError: Another process writes this output.
        OutputError: The ledger cannot be written.
    """

    def __init__(
        self,
        output: str | Path,
        identity: Mapping[str, object],
        batch_costs: Mapping[str, object],
        *,
        fresh: bool = False,
    ) -> None:
        self.name = str(output)
        self.output = Path(os.path.realpath(output))
        self.folder = ledger_folder(output)
        self.done: dict[int, RowCounts] = {}
        """Counts of the finished chunks by index."""
        self.resumed = False
        """Whether the ledger existed before."""
        self.batch_costs: dict[str, Any] = dict(batch_costs)
        self._writer: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._finished = False
        with self._output_errors():
            self.folder.mkdir(exist_ok=True)
            self._file = os.open(self.folder / _LEDGER, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            new = False
            try:
                self._lock()
                new = os.fstat(self._file).st_size == 0
                if fresh:
                    os.ftruncate(self._file, 0)
                self._read(json.loads(json.dumps(identity)))
            except BaseException:
                os.close(self._file)
                if new:
                    shutil.rmtree(self.folder, ignore_errors=True)
                raise
        self._writer = ThreadPoolExecutor(1, "ledger")

    def put(self, index: int, data: bytes, counts: RowCounts) -> None:
        """Write a chunk and enter it, while the caller computes the next one.

        The error of an earlier chunk is raised here or by `finish`.
        """
        assert self._writer is not None
        self._wait_for_writer()
        self._writing = self._writer.submit(self._write_chunk, index, data, counts)

    def finish(self, row_format: RowFormat, *, codec: str | None = None, overwrite: bool = False) -> None:
        """Join the parts to the output and remove the ledger.

        Raises:
            OutputError: The output exists, or cannot be written; the ledger stays.
        """
        self._wait_for_writer()
        if self._finished:
            self._remove()
            return
        missing = sorted(set(range(len(self.done))) - set(self.done))
        if missing:
            raise JobError("chunks are missing", found=missing[:10], hint=_RESUME_HINT)
        complete = self.folder / _COMPLETE
        file = AtomicFile(str(self.output), codec=codec, temporary=complete)
        try:
            row_format.join([self._part(index) for index in range(len(self.done))], file.write)
            file.close()
            if self.output.exists() and not overwrite:
                raise OutputError(
                    "the output file exists already",
                    found=self.name,
                    hint=f"Pass --overwrite, or move it. The labelled rows are in {self.folder}.",
                )
            self._append({"finished": hash_file(complete)})
            file.commit()
        except OSError as error:  # a part cannot be read, or the ledger cannot be written
            raise self._output_error(error) from error
        finally:
            file.discard()
        self._remove()

    def discard(self) -> None:
        """Delete the ledger and all chunks."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Wait for the chunk that is being written, and release the lock."""
        if self._writer is not None:
            self._writer.shutdown()
            self._writer = None
            os.close(self._file)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait_for_writer(self) -> None:
        """Wait for the chunk that is being written, and raise its error."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _remove(self) -> None:
        with self._output_errors():
            for file in self.folder.iterdir():
                if file.name != _LEDGER:
                    file.unlink()
            (self.folder / _LEDGER).unlink()  # last: until then it says that the output is complete
            self.folder.rmdir()
            sync_folder(self.folder.parent)

    def _lock(self) -> None:
        if not lock_descriptor(self._file):
            raise JobError("another process is writing this output", found=self.name, hint="Wait for it, or stop it.")

    def _read(self, identity: Mapping[str, Any]) -> None:
        """Read the ledger: its complete lines, and those chunks whose files have not changed since."""
        data = b"".join(iter(lambda: os.read(self._file, 1 << 20), b""))
        valid_bytes = 0
        lines: list[dict[str, Any]] = []
        for line in split_lines(data).complete:
            entry = _parse_line(line)
            if entry is None:  # damaged when the machine stopped; nothing follows it
                break
            lines.append(entry)
            valid_bytes += len(line) + 1
        if valid_bytes < len(data):
            os.ftruncate(self._file, valid_bytes)
        if lines:
            self._check(lines[0], identity)
            self.batch_costs, self.resumed = lines[0]["batch_costs"], True
            chunks = [entry for entry in lines[1:] if "chunk" in entry]
            ends = [entry["finished"] for entry in lines[1:] if "finished" in entry]
            self._finished = bool(ends) and self.output.is_file() and hash_file(self.output) == ends[-1]
            for entry in chunks:
                if self._finished or self._is_unchanged(entry):
                    self.done[entry["chunk"]] = RowCounts(**entry["counts"])
        else:
            self._append({"format": FORMAT, "identity": identity, "batch_costs": self.batch_costs})
            sync_folder(self.folder)
            sync_folder(self.folder.parent)
        known = {_LEDGER, *(self._part(index).name for index in self.done)}
        for file in self.folder.iterdir():
            if file.name not in known:
                file.unlink()

    def _check(self, header: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
        if header.get("format") != FORMAT:
            raise ConfigError(
                "another version of Glossator started the unfinished labelling of this output",
                found=self.folder,
                hint="Finish it with that version, or pass --fresh to start again.",
            )
        faults = differences(header["identity"], identity)
        if faults:
            raise ConfigError(
                f"this output has an unfinished labelling with other options: {self.folder}",
                faults=faults,
                hint="Give the earlier command again, name another output, or pass --fresh to start again.",
            )

    def _is_unchanged(self, entry: Mapping[str, Any]) -> bool:
        try:
            return bool(hash_file(self._part(entry["chunk"])) == entry["sha256"])
        except FileNotFoundError:
            return False

    def _write_chunk(self, index: int, data: bytes, counts: RowCounts) -> None:
        part = self._part(index)
        with self._output_errors():
            write_atomically(part, data, temporary=part.with_suffix(".tmp"))
            self._append(
                {
                    "chunk": index,
                    "bytes": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "counts": asdict(counts),
                }
            )
        self.done[index] = counts

    def _append(self, line: Mapping[str, object]) -> None:
        append_to(self._file, json.dumps(line).encode())

    def _part(self, index: int) -> Path:
        return self.folder / f"{index:08d}.part"

    @contextlib.contextmanager
    def _output_errors(self) -> Iterator[None]:
        """Turn an OSError into an OutputError with a hint."""
        try:
            yield
        except OSError as error:
            raise self._output_error(error) from error

    def _output_error(self, error: OSError) -> OutputError:
        kept = f"{len(self.done):,} chunks are kept. {_RESUME_HINT}" if self.done else "Nothing was labelled yet."
        return OutputError(
            f"the output cannot be written: {self.name}",
            found=error.strerror or error,
            expected="free space and permission to write",
            hint=write_error_hint(error, kept),
        )


def _parse_line(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Fault]:
    """Return what differs between the identity of an unfinished labelling and this one, a fault for each name."""
    return [
        Fault("differs", f"then {_show(then.get(name))}, now {_show(now.get(name))}", name)
        for name in dict.fromkeys([*then, *now])
        if then.get(name) != now.get(name)
    ]


def _show(value: object) -> str:
    return "nothing" if value is None else shorten(value if isinstance(value, str) else json.dumps(value), 80)
