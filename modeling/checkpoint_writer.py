"""Writes a checkpoint: a `save_pretrained` folder with `task.json` and the rows that export validates on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from glossator.modeling.labelled_rows import LabelledRows, write_rows
from glossator.service.bundle import file_names
from glossator.service.bundle.reference import Reference
from glossator.service.bundle.task import Task
from glossator.service.files.atomic_folder import atomic_folder

PACKAGES = ("glossator", "torch", "transformers", "tokenizers", "numpy")
"""The packages whose versions a checkpoint records."""


def write_checkpoint(
    output: Path,
    *,
    model: Any,
    tokenizer_folder: Path,
    task: Task,
    reference: Reference,
    validation: LabelledRows,
    test: LabelledRows,
    history: list[dict[str, float]],
    overwrite: bool,
) -> None:
    """Write the checkpoint folder `output` atomically."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with atomic_folder(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS) as folder:
        model.save_pretrained(folder)
        for file in sorted(tokenizer_folder.iterdir()):
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / file_names.TASK).write_text(task.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / file_names.REFERENCE).write_text(reference.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / file_names.HISTORY).write_text(json.dumps(history, indent=2) + "\n", encoding="utf-8")
        write_rows(folder / file_names.VALIDATION, validation)
        if len(test):
            write_rows(folder / file_names.TEST, test)


def package_versions() -> dict[str, str]:
    """Return the installed version of each of PACKAGES."""
    return {name: metadata.version(name) for name in PACKAGES}


def now() -> str:
    """Return the current time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
