"""Runs on record: what was done, with what, and what came of it, one folder a run with `run.json` in it.

A number in a report or a card leads back to a run by its id. A file of test rows is frozen by the first run that
measures on it: its SHA-256 stands in the record, and later runs refuse a file of that name with other content.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from glossator.service.bundle.folder import sha256
from glossator.service.errors import ConfigError, CorpusError, FileMissing, OutputError

RECORD = "run.json"
_PACKAGES = ("glossator", "torch", "transformers", "onnxruntime", "tokenizers", "scikit-learn", "numpy")

Status = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Data:
    """A source of rows: its place from the folder that holds the runs, its SHA-256 where it is a file, its rows and
    their fingerprint where they were read."""

    path: str
    sha256: str | None = None
    rows: int | None = None
    fingerprint: str | None = None


@dataclass(slots=True, kw_only=True)
class Run:
    """One run. `metrics` are plain numbers by name, `data` sources by what they served for: train, validation, test."""

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
    data: dict[str, Data] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    """What was written: files and folders by what they are, and the digest of a bundle."""
    versions: dict[str, str] = field(default_factory=dict)
    format_version: Literal[1] = 1

    def to_dict(self) -> dict[str, Any]:
        """The run as plain fields."""
        return asdict(self)


class RunStore:
    """The runs in a folder, which is made with the first of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, command: str, arguments: Sequence[str]) -> Recording:
        """A new run, on record at once as running. Raises OutputError where the folder refuses."""
        started = datetime.now(UTC)
        run = Run(
            id=f"{started:%Y%m%d-%H%M%S}-{command}-{secrets.token_hex(2)}",
            command=command,
            arguments=list(arguments),
            started=started.isoformat(timespec="microseconds"),
            versions=_versions(),
        )
        recording = Recording(self.folder / run.id, run)
        recording.save()
        return recording

    def runs(self) -> list[Run]:
        """All runs, the oldest first; records that cannot be read are left out."""
        found = []
        for path in sorted(self.folder.glob(f"*/{RECORD}")):
            try:
                found.append(_read(path))
            except CorpusError:
                continue
        return sorted(found, key=lambda run: (run.started, run.id))

    def get(self, name: str) -> Run:
        """The run of an id, or of what begins only one; raises FileMissing, ConfigError where several begin so."""
        names = sorted(path.parent.name for path in self.folder.glob(f"*/{RECORD}"))
        found = [each for each in names if each == name] or [each for each in names if each.startswith(name)]
        if not found:
            raise FileMissing(
                "there is no such run",
                found=name,
                expected=f"one of those that `glossator runs` lists in {self.folder}",
            )
        if len(found) > 1:
            raise ConfigError("several runs begin so", found=name, expected=", ".join(found[:10]))
        return _read(self.folder / found[0] / RECORD)

    def data(self, source: str, *, rows: int | None = None, fingerprint: str | None = None) -> Data:
        """A source as a record holds it."""
        path = Path(source)
        digest = sha256(path) if path.is_file() else None
        return Data(self._place(source), digest, rows, fingerprint)

    def check_frozen(self, source: str, *, accept: bool = False) -> None:
        """Raises ConfigError where an earlier run measured on a file of this name that had other content, unless
        `accept`: figures before and after would not be comparable."""
        data = self.data(source)
        if data.sha256 is None or accept:
            return
        for run in reversed(self.runs()):
            earlier = run.data.get("test")
            if earlier is None or earlier.path != data.path or earlier.sha256 is None:
                continue
            if earlier.sha256 != data.sha256:
                raise ConfigError(
                    "the test rows have changed since they were measured on",
                    found=f"{source} with SHA-256 {data.sha256[:12]}…",
                    expected=f"{earlier.sha256[:12]}… as in run {run.id}",
                    hint="Take back the change or give the file another name; to go on: --accept-changed-test.",
                )
            return

    def _place(self, source: str) -> str:
        """A path as seen from beside the folder of runs, so that a project can be moved; other names as they are."""
        if not Path(source).exists():
            return source
        return Path(os.path.relpath(Path(source).resolve(), self.folder.resolve().parent)).as_posix()


class Recording:
    """A run that is going on; `save` puts on record what is known so far, and nothing where there is no folder."""

    def __init__(self, folder: Path | None, run: Run) -> None:
        self.folder = folder
        self.run = run
        self._begin = time.monotonic()

    def end(self, status: Status, error: str | None = None) -> None:
        """Puts on record how the run ended."""
        self.run.status, self.run.error = status, error
        self.run.seconds = round(time.monotonic() - self._begin, 3)
        self.save()

    def save(self) -> None:
        """Writes the record, aside and renamed; raises OutputError."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            aside = self.folder / f".{RECORD}.part"
            aside.write_text(json.dumps(self.run.to_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            aside.replace(self.folder / RECORD)
        except OSError as error:
            raise OutputError(
                f"the run cannot be put on record: {error.strerror or error}",
                found=self.folder,
                hint="Name another folder with --runs.",
            ) from error


def _read(path: Path) -> Run:
    try:
        fields = json.loads(path.read_bytes())
        data = {name: Data(**each) for name, each in fields.pop("data").items()}
        return Run(**fields, data=data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorpusError(f"the record {path} cannot be read", found=error) from error


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
