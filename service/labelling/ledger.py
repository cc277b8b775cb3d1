"""The ledger of a labelling: which chunks of an output are done, kept beside it until it is whole.

`OUTPUT.unfinished` holds `ledger.jsonl` and a file for each chunk. A chunk is written under another name, flushed,
renamed, its folder flushed, and only then entered into the ledger with its SHA-256; the ledger is flushed last.
Whatever is killed, and when: what the ledger names is on disk, and what it does not name is done again. At the end the
parts are joined under another name and flushed, the SHA-256 of the whole is entered, and it is renamed to the output;
the ledger goes last.
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

from glossator.service.documents.row_formats import Layout
from glossator.service.errors import ConfigError, Fault, JobError, OutputError, shorten
from glossator.service.files.atomic_file import AtomicFile, write_error_hint
from glossator.service.files.durable import sync_folder, write_all, write_atomically
from glossator.service.files.hashing import hash_file
from glossator.service.labelling.summary import Counts

SUFFIX = ".unfinished"
FORMAT = 1
_LEDGER, _WHOLE = "ledger.jsonl", "whole"
_SAME = "Give the same command again: it goes on after the chunks that are done."


def is_begun(output: str | Path) -> bool:
    """Whether a ledger of this output is there."""
    return (folder_of(output) / _LEDGER).is_file()


def folder_of(output: str | Path) -> Path:
    """Where the ledger of an output stands; links are followed."""
    target = Path(os.path.realpath(output))
    return target.with_name(target.name + SUFFIX)


class Ledger:
    """The chunks of one output. A context manager that lets go of the lock; `finish` makes the output.

    `job` says what is labelled and how: a ledger that was begun for another job is refused, field by field. `settings`
    are kept with a new ledger, and those of an old one stand: what decides how the same answers are computed.
    """

    def __init__(
        self, output: str | Path, job: Mapping[str, object], settings: Mapping[str, object], *, fresh: bool = False
    ) -> None:
        self.name = str(output)
        self.output = Path(os.path.realpath(output))
        self.folder = folder_of(output)
        self.done: dict[int, Counts] = {}
        """What came of the chunks that are there, by their index."""
        self.resumed = False
        """Whether the ledger was there before."""
        self.settings: dict[str, Any] = dict(settings)
        self._writer: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._finished = False
        with self._ours():
            self.folder.mkdir(exist_ok=True)
            self._file = os.open(self.folder / _LEDGER, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            new = False
            try:
                self._lock()
                new = os.fstat(self._file).st_size == 0
                if fresh:
                    os.ftruncate(self._file, 0)
                self._read(json.loads(json.dumps(job)))
            except BaseException:
                os.close(self._file)
                if new:
                    shutil.rmtree(self.folder, ignore_errors=True)
                raise
        self._writer = ThreadPoolExecutor(1, "ledger")

    def put(self, index: int, data: bytes, counts: Counts) -> None:
        """Enters a chunk. Its bytes are written while the next ones are answered; an error of an earlier chunk is
        raised here or by `finish`."""
        assert self._writer is not None
        self._settle()
        self._writing = self._writer.submit(self._keep, index, data, counts)

    def finish(self, layout: Layout, *, codec: str | None = None, overwrite: bool = False) -> None:
        """Joins the parts to the output and removes the ledger. Raises OutputError where another file has taken the
        output's name; the ledger then stays."""
        self._settle()
        if self._finished:
            self._remove()
            return
        missing = sorted(set(range(len(self.done))) - set(self.done))
        if missing:
            raise JobError("chunks are missing", found=missing[:10], hint=_SAME)
        whole = self.folder / _WHOLE
        aside = AtomicFile(str(self.output), codec=codec, temporary=whole)
        try:
            layout.join([self._part(index) for index in range(len(self.done))], aside.write)
            aside.close()
            if self.output.exists() and not overwrite:
                raise OutputError(
                    "the output file exists already",
                    found=self.name,
                    hint=f"Pass --overwrite, or move it away. The labelled rows stand in {self.folder}.",
                )
            self._append({"finished": hash_file(whole)})
            aside.commit()
        except OSError as error:  # a part that cannot be read back, a ledger that cannot be written
            raise self._failed(error) from error
        finally:
            aside.discard()
        self._remove()

    def discard(self) -> None:
        """Forgets what was done."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Lets other processes have the ledger; what is being written is written first."""
        if self._writer is not None:
            self._writer.shutdown()
            self._writer = None
            os.close(self._file)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settle(self) -> None:
        """Waits for the chunk that is being written, and raises its error."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _remove(self) -> None:
        with self._ours():
            for file in self.folder.iterdir():
                if file.name != _LEDGER:
                    file.unlink()
            (self.folder / _LEDGER).unlink()  # last: until then it says that the output is whole
            self.folder.rmdir()
            sync_folder(self.folder.parent)

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # not on this system
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JobError(
                "another process is writing this output", found=self.name, hint="Wait for it, or end it."
            ) from None

    def _read(self, job: Mapping[str, Any]) -> None:
        """Takes up what is there: whole lines of the ledger whose parts are as they were written."""
        data = b"".join(iter(lambda: os.read(self._file, 1 << 20), b""))
        kept = 0
        lines: list[dict[str, Any]] = []
        for line in data.splitlines(keepends=True):
            entry = _parsed(line)
            if entry is None:  # cut off when the machine went down; nothing can stand after it
                break
            lines.append(entry)
            kept += len(line)
        if kept < len(data):
            os.ftruncate(self._file, kept)
        if lines:
            self._check(lines[0], job)
            self.settings, self.resumed = lines[0]["settings"], True
            chunks = [entry for entry in lines[1:] if "chunk" in entry]
            ends = [entry["finished"] for entry in lines[1:] if "finished" in entry]
            self._finished = bool(ends) and self.output.is_file() and hash_file(self.output) == ends[-1]
            for entry in chunks:
                if self._finished or self._is_whole(entry):
                    self.done[entry["chunk"]] = Counts(**entry["counts"])
        else:
            self._append({"format": FORMAT, "job": job, "settings": self.settings})
            sync_folder(self.folder)
            sync_folder(self.folder.parent)
        named = {_LEDGER, *(self._part(index).name for index in self.done)}
        for file in self.folder.iterdir():
            if file.name not in named:
                file.unlink()

    def _check(self, header: Mapping[str, Any], job: Mapping[str, Any]) -> None:
        if header.get("format") != FORMAT:
            raise ConfigError(
                "an unfinished labelling stands here that another version began",
                found=self.folder,
                hint="Finish it with that version, or pass --fresh to begin again.",
            )
        then = header["job"]
        faults = [
            Fault("differs", f"then {_told(then.get(name))}, now {_told(job.get(name))}", name)
            for name in dict.fromkeys([*then, *job])
            if then.get(name) != job.get(name)
        ]
        if faults:
            raise ConfigError(
                f"an unfinished labelling of another kind stands here: {self.folder}",
                faults=faults,
                hint="Give the command as it was given then, name another output, or pass --fresh to begin again.",
            )

    def _is_whole(self, entry: Mapping[str, Any]) -> bool:
        try:
            return bool(hash_file(self._part(entry["chunk"])) == entry["sha256"])
        except FileNotFoundError:
            return False

    def _keep(self, index: int, data: bytes, counts: Counts) -> None:
        with self._ours():
            write_atomically(self._part(index), data, temporary=self._part(index).with_suffix(".tmp"))
            self._append(
                {"chunk": index, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                 "counts": asdict(counts)}
            )  # fmt: skip
        self.done[index] = counts

    def _append(self, line: Mapping[str, object]) -> None:
        end = os.fstat(self._file).st_size
        try:
            write_all(self._file, json.dumps(line).encode() + b"\n")
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, end)  # half a line would hide those after it
            raise

    def _part(self, index: int) -> Path:
        return self.folder / f"{index:08d}.part"

    @contextlib.contextmanager
    def _ours(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputError:
        kept = f"{len(self.done):,} chunks are kept. {_SAME}" if self.done else "Nothing was labelled yet."
        return OutputError(
            f"the output cannot be written: {self.name}",
            found=error.strerror or error,
            expected="room and permission to write",
            hint=write_error_hint(error, kept),
        )


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _told(value: object) -> str:
    return "nothing" if value is None else shorten(value if isinstance(value, str) else json.dumps(value), 80)
