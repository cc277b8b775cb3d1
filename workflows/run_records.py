"""Records of runs: what was done, with which options and data, and the results; one folder with `run.json` per run.

A number in a report or a model card names its run by id. A file of test rows is frozen by the first run that measures
on it: its SHA-256 is in the record, and later runs refuse a file of that name with other content.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from glossator.service.errors import ConfigError, CorpusError, FileMissing, GlossatorError, InputError, OutputError
from glossator.service.files.durable import write_atomically
from glossator.service.files.hashing import hash_file
from glossator.service.files.locks import lock_descriptor
from glossator.service.files.printable_json import printable_json
from glossator.workflows.reporter import Reporter

RECORD = "run.json"
_PACKAGES = ("glossator", "torch", "transformers", "onnxruntime", "tokenizers", "scikit-learn", "numpy")

Status = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Data:
    """A source of rows: its path relative to the parent of the runs folder, the SHA-256 of a file, and, if they were
    read, the number of rows and their fingerprint."""

    path: str
    sha256: str | None = None
    rows: int | None = None
    fingerprint: str | None = None


@dataclass(slots=True, kw_only=True)
class Run:
    """One run. `metrics` are plain numbers by name, `data` are sources by their use: train, validation, test."""

    id: str
    command: str
    arguments: list[str]
    started: str
    """ISO 8601, UTC."""
    status: Status = "running"
    seconds: float | None = None
    error: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    reading: dict[str, Any] = field(default_factory=dict)
    """How the rows were read and split, as far as it was given; with the data, this gives the same rows again."""
    data: dict[str, Data] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    """Files and folders that were written, by kind, and the digest of a bundle."""
    versions: dict[str, str] = field(default_factory=dict)
    format_version: Literal[1] = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON-ready fields."""
        return asdict(self)


class RunStore:
    """The runs in a folder, which is created with the first run.

    Args:
        folder: Where the runs are.
        arguments: The command line that new runs note.
    """

    def __init__(self, folder: Path, arguments: Sequence[str] = ()) -> None:
        self.folder = folder
        self._arguments = list(arguments)

    @contextmanager
    def record(self, command: str, reporter: Reporter) -> Iterator[Recording]:
        """Record what happens in the block, however it ends. A command that is refused because of its options or its
        input is no run: nothing was done. A record that cannot be written is reported, and changes nothing else."""
        try:
            recording = self.begin(command)
        except OutputError as error:
            reporter.stage(f"{error.message}: continuing without a record")
            yield _unrecorded(command)
            return
        try:
            yield recording
        except (ConfigError, InputError, CorpusError):
            recording.discard()
            raise
        except GlossatorError as error:
            _end(recording, reporter, "failed", error.message)
            raise
        except (KeyboardInterrupt, SystemExit):
            _end(recording, reporter, "interrupted", "it was stopped")
            raise
        except BaseException as error:
            _end(recording, reporter, "failed", f"{type(error).__name__}: {error}")
            raise
        _end(recording, reporter, "done")

    def begin(self, command: str) -> Recording:
        """Start a run and record it as running. Raises OutputError if the folder cannot be written."""
        started = datetime.now(UTC)
        run = Run(
            id=f"{started:%Y%m%d-%H%M%S}-{command}-{secrets.token_hex(2)}",
            command=command,
            arguments=self._arguments,
            started=started.isoformat(timespec="microseconds"),
            versions=_versions(),
        )
        recording = Recording(self.folder / run.id, run)
        recording.save()
        return recording

    def runs(self) -> list[Run]:
        """Return all runs, the oldest first; unreadable records are left out."""
        found = []
        for path in sorted(self.folder.glob(f"*/{RECORD}")):
            try:
                found.append(_read(path))
            except CorpusError:
                continue
        return sorted(found, key=lambda run: (run.started, run.id))

    def get(self, name: str) -> Run:
        """Return the run with this id, or the only one whose id begins with it. Raises FileMissing, or ConfigError if
        several begin with it."""
        names = sorted(path.parent.name for path in self.folder.glob(f"*/{RECORD}"))
        found = [each for each in names if each == name] or [each for each in names if each.startswith(name)]
        if not found:
            raise FileMissing(
                "there is no such run",
                found=name,
                expected=f"a run in {self.folder}",
                hint="List them: glossator runs.",
            )
        if len(found) > 1:
            raise ConfigError(
                "several runs have an id that begins with this", found=name, expected=", ".join(found[:10])
            )
        return _read(self.folder / found[0] / RECORD)

    def data(self, source: str, *, rows: int | None = None, fingerprint: str | None = None) -> Data:
        """Return the description of a source for a record."""
        path = Path(source)
        digest = hash_file(path) if path.is_file() else None
        return Data(self._relative(source), digest, rows, fingerprint)

    def check_frozen(self, source: str, *, accept: bool = False) -> None:
        """Raise ConfigError if an earlier run measured on a file of this name with other content, unless `accept`:
        the figures would not be comparable."""
        data = self.data(source)
        if data.sha256 is None or accept:
            return
        for run in reversed(self.runs()):
            earlier = run.data.get("test")
            if earlier is None or earlier.path != data.path or earlier.sha256 is None:
                continue
            if earlier.sha256 != data.sha256:
                raise ConfigError(
                    "the test file has changed since an earlier run measured on it",
                    found=f"{source} with SHA-256 {data.sha256[:12]}…",
                    expected=f"{earlier.sha256[:12]}… as in run {run.id}",
                    hint="Undo the change, rename the file, or pass --accept-changed-test.",
                )
            return

    def _relative(self, source: str) -> str:
        """Return a path relative to the parent of the runs folder, so that a project can be moved; other names are
        unchanged."""
        if not Path(source).exists():
            return source
        return Path(os.path.relpath(Path(source).resolve(), self.folder.resolve().parent)).as_posix()


class Recording:
    """A run in progress. Without a folder nothing is saved.

    Its folder is locked until it ends: a run whose folder is not locked is not in progress any more.
    """

    def __init__(self, folder: Path | None, run: Run) -> None:
        self.folder = folder
        self.run = run
        self._begin = time.monotonic()
        self._lock = -1

    def end(self, status: Status, error: str | None = None) -> None:
        """Record how the run ended. Raises OutputError."""
        self.run.status, self.run.error = status, error
        self.run.seconds = round(time.monotonic() - self._begin, 3)
        try:
            self.save()
        finally:
            self._unlock()

    def discard(self) -> None:
        """Remove the record."""
        self._unlock()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                self.folder.parent.rmdir()  # unless it holds other runs

    def save(self) -> None:
        """Write what is known so far. Raises OutputError."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._lock < 0 and self.run.status == "running":
                self._lock = os.open(self.folder, os.O_RDONLY)
                lock_descriptor(self._lock)
            content = printable_json(self.run.to_dict(), indent=2) + "\n"
            write_atomically(self.folder / RECORD, content.encode())
        except OSError as error:
            raise OutputError(
                f"the run cannot be recorded: {error.strerror or error}",
                found=self.folder,
                hint="Name another folder with --runs.",
            ) from error

    def _unlock(self) -> None:
        descriptor, self._lock = self._lock, -1
        if descriptor >= 0:
            os.close(descriptor)


def _end(recording: Recording, reporter: Reporter, status: Status, error: str | None = None) -> None:
    """Record the end of a run. An error of the record does not hide how the run ended."""
    try:
        recording.end(status, error)
    except OutputError as unrecorded:
        reporter.stage(f"{unrecorded.message}: the record in {recording.folder} is incomplete")


def _read(path: Path) -> Run:
    try:
        fields = json.loads(path.read_bytes())
        data = {name: Data(**each) for name, each in fields.pop("data").items()}
        run = Run(**fields, data=data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorpusError(f"the run record {path} cannot be read", found=error) from error
    if run.status == "running" and not _is_locked(path.parent):
        run.status, run.error = "interrupted", "its process ended without recording a result"
    return run


def _is_locked(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return not lock_descriptor(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _unrecorded(command: str) -> Recording:
    return Recording(None, Run(id="unrecorded", command=command, arguments=[], started=""))


class NoRecords(RunStore):
    """Keeps no records. Functions that Python programs call write no files that they were not asked for."""

    def __init__(self) -> None:
        super().__init__(Path())

    def runs(self) -> list[Run]:
        """Return no runs."""
        return []

    @contextmanager
    def record(self, command: str, reporter: Reporter) -> Iterator[Recording]:
        """Yield a run that is not recorded."""
        yield _unrecorded(command)
