"""The settings of `glossator loop`: a TOML file with one table, `[closed-loop]`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from glossator.service.errors import ConfigError, Fault, FileMissing, shorten

Percent = Annotated[float, Field(ge=0.0, le=100.0)]
_TABLE = "closed-loop"
"""Not `loop`: that table of a file holds the options of the command."""


class LoopSettings(BaseModel):
    """What a loop does, how often, and from when on. Paths are relative to the folder of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """The name of the model in the registry and in the log."""
    log: Path
    registry: Path
    output: Path = Path("retrainings")
    """Where retrainings have their folders."""
    runs: Path = Path("runs")
    """The recorded runs, also that of the champion's training."""

    period_hours: Annotated[float, Field(gt=0.0)] = 168.0
    """How long a period is."""
    labels: Annotated[int, Field(ge=1)] = 200
    """How many answers of a period are drawn for review."""
    tasks: Path | None = None
    """A folder: what waits for review is written to it, `review.jsonl` and `disagreements.jsonl`."""
    answers: Path | None = None
    """A folder: reviews are read from its JSON Lines files."""
    reviewer: str = "reviewer"
    """Who reviewed, for rows that do not say it."""

    min_accuracy: Percent | None = None
    """An alarm if the accuracy of a period is shown to be lower."""
    tolerance: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """An alarm if a summary is shown to be further from the reference."""
    alarm_alpha: Annotated[float, Field(gt=0.0, lt=50.0)] = 1.0
    """The probability, in percent, of a false alarm of each kind about a period."""

    fewest: Annotated[int, Field(ge=1)] = 50
    """This number of new or changed rows starts a retraining."""
    fewest_after_alarm: Annotated[int, Field(ge=1)] = 10
    """The same after an alarm about the champion."""
    new_labels: bool = False
    keep_old: bool = False
    select: bool = False
    corpus: Annotated[tuple[str, ...], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)] = ()
    """Labelled sources of the champion's rows, instead of the recorded one."""
    test: str | None = None
    """Labelled test rows, for retraining and for promotion."""

    promote: bool = True
    """Promote and roll back when the evidence is in; False only says so."""
    margin: Percent = 0.5
    """By how many points the challenger may be worse."""
    disagreements: Annotated[int, Field(ge=1)] = 100
    """How many disagreements are written for review."""
    max_latency_ratio: Annotated[float, Field(gt=0.0)] = 1.5
    max_memory_ratio: Annotated[float, Field(gt=0.0)] = 2.0

    every_minutes: Annotated[float, Field(gt=0.0)] = 60.0
    """How long to wait between two cycles, without `--once`."""


def read_settings(path: Path) -> LoopSettings:
    """Return the settings in a file.

    Raises FileMissing, or ConfigError with every unknown, missing or invalid setting.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileMissing("there is no file with the settings of the loop", found=path) from None
    except OSError as error:
        raise ConfigError(f"the settings cannot be read: {error.strerror}", found=path) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the settings are not TOML: {error}", found=path, expected="a table [closed-loop]") from None
    table = content.get(_TABLE)
    if set(content) != {_TABLE} or not isinstance(table, dict):
        raise ConfigError(
            "the settings need one table",
            found=", ".join(content) or "an empty file",
            expected="[closed-loop] with model, log and registry",
            hint="See docs/loop.md.",
        )
    return parse_settings({name.replace("-", "_"): value for name, value in table.items()}, path.resolve().parent)


def parse_settings(fields: dict[str, Any], folder: Path) -> LoopSettings:
    """Return the settings in the fields of a table; relative paths start at `folder`. Raises ConfigError."""
    try:
        settings = LoopSettings.model_validate(fields)
    except ValidationError as error:
        faults = [
            Fault(
                each["type"].replace("_", "-"),
                each["msg"] if each["type"] == "missing" else f"{each['msg']}, found {shorten(each['input'])}",
                ".".join(map(str, each["loc"])),
            )
            for each in error.errors(include_url=False)
        ]
        raise ConfigError("invalid settings of the loop", faults=faults, hint="See docs/loop.md.") from None
    paths = ("log", "registry", "output", "runs", "tasks", "answers")
    resolved = {name: folder / value for name in paths if (value := getattr(settings, name)) is not None}
    files = {"corpus": tuple(str(folder / each) for each in settings.corpus)}
    files |= {} if settings.test is None else {"test": str(folder / settings.test)}  # type: ignore[dict-item]
    return settings.model_copy(update=resolved | files)
