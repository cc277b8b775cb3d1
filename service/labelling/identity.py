"""What an output depends on. A labelling is resumed only if all of it is unchanged."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from glossator.service.documents.many_files.file_lists import list_files, names_many_files
from glossator.service.documents.row_formats import RowFormat
from glossator.service.files.hashing import hash_file
from glossator.service.files.paths import is_regular_file
from glossator.service.inference.model import Model
from glossator.service.inference.queue.batch_planning import Cost
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.labelling.file_labelling import FileLabelling


def labelling_identity(
    labelling: FileLabelling,
    model: Model,
    columns: ColumnPlan,
    row_format: RowFormat,
    files: Sequence[Path],
    heads: Sequence[Model] = (),
) -> dict[str, object]:
    """Return everything that decides the bytes of the output, by names that a message can use."""
    further: dict[str, object] = {"heads": [f"{head.name}@{head.digest}" for head in heads]} if heads else {}
    return further | {
        "input": hash_input(files, labelling.source),
        "model": f"{model.name}@{model.digest}",
        "device": model.device,
        "input options": asdict(labelling.input_options),
        "text column": columns.text,
        "second column": columns.second,
        "columns": list(columns.all),
        "options": labelling.given_options(),
        "zero-shot": None if labelling.zero_shot is None else asdict(labelling.zero_shot),
        "output format": row_format.format,
        "formula-safe": labelling.formula_safe,
        "rows": asdict(labelling.selection),
        "chunk": labelling.chunk_rows,
    }


def batch_costs(model: Model) -> dict[str, object]:
    """Return the batch costs by which the model forms batches.

    They are part of the identity because batches decide the last digits of an answer where a graph computes in floating
    point.
    """
    costs: dict[str, object] = {"cost": asdict(model.batcher.cost)}
    return costs if model.fast is None else costs | {"fast_cost": asdict(model.fast.batcher.cost)}


def use_batch_costs(model: Model, costs: Mapping[str, Any]) -> None:
    """Make the model form batches as when the labelling started, whatever it measured on this machine since."""
    model.batcher.cost = Cost(**costs["cost"])
    if model.fast is not None:
        model.fast.batcher.cost = Cost(**costs["fast_cost"])


def input_files(source: str) -> list[Path]:
    """Return the files of the input; none for a stream."""
    if names_many_files(source):
        return list_files(source)
    return [Path(source)] if is_regular_file(source) else []


def hash_input(files: Sequence[Path], source: str) -> str:
    """Return the hash of an input: of the bytes of its file, or of the names and bytes of its files."""
    if not files:
        return "a stream"
    if len(files) == 1:
        return f"sha256 {hash_file(files[0])}"
    in_folder = os.path.isdir(source)
    names = [os.path.relpath(file, source) if in_folder else str(file) for file in files]
    listed = "".join(f"{name}\0{hash_file(file)}\n" for name, file in zip(names, files, strict=True))
    return f"sha256 {hashlib.sha256(listed.encode('utf-8', 'surrogateescape')).hexdigest()}"


def file_states(files: Sequence[Path]) -> list[tuple[int, int]]:
    """Return size and modification time of each file: they show whether the input changed during the labelling."""
    return [(found.st_size, found.st_mtime_ns) for found in map(os.stat, files)]
