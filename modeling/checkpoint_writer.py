"""Writes a checkpoint: a `save_pretrained` folder with `task.json` and the rows that export validates on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from glossator.modeling.labelled_rows import LabelledRows, write_rows
from glossator.modeling.training_texts import record_texts
from glossator.service.bundle import file_names
from glossator.service.bundle.reference import Reference
from glossator.service.bundle.task import Classifier, Task, TokenClassification
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
    out_of_scope: Sequence[str] = (),
    history: list[dict[str, float]],
    seen_texts: Sequence[str] | None,
    overwrite: bool,
) -> None:
    """Write the checkpoint folder `output` atomically.

    `seen_texts`: the inputs that the model was trained, validated or calibrated on, as `row_keys` returns them; None if
    they are not known.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    with atomic_folder(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS) as folder:
        model.save_pretrained(folder)
        if isinstance(task, Classifier | TokenClassification):
            _write_labels(folder / file_names.CONFIG, task.labels)
        for file in sorted(tokenizer_folder.iterdir()):
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / file_names.TASK).write_text(task.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / file_names.REFERENCE).write_bytes(reference.to_bytes())
        (folder / file_names.HISTORY).write_text(json.dumps(history, indent=2) + "\n", encoding="utf-8")
        if seen_texts is not None:
            (folder / file_names.TRAINING_TEXTS).write_bytes(record_texts(seen_texts).to_bytes())
        write_rows(folder / file_names.VALIDATION, validation)
        if len(test):
            write_rows(folder / file_names.TEST, test)
        if out_of_scope:
            rows = LabelledRows(list(out_of_scope), [()] * len(out_of_scope))
            write_rows(folder / file_names.OUT_OF_SCOPE, rows)


def _write_labels(file: Path, labels: Sequence[str]) -> None:
    """Add the labels to `config.json` if they are missing: transformers leaves out `LABEL_0` and `LABEL_1`."""
    config = json.loads(file.read_text(encoding="utf-8"))
    if "id2label" not in config:
        names = {"id2label": dict(enumerate(labels)), "label2id": {label: row for row, label in enumerate(labels)}}
        file.write_text(json.dumps(config | names, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def package_versions() -> dict[str, str]:
    """Return the installed version of each of PACKAGES."""
    return {name: metadata.version(name) for name in PACKAGES}


def now() -> str:
    """Return the current time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
