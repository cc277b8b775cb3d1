"""Exports a checkpoint to a bundle, on further test rows if given, and records the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from glossator.service.errors import ConfigError
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.models.evaluation import Rows, read_rows_for
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.export.exporter import ExportResult
    from glossator.workflows.run_records import RunStore


@dataclass(frozen=True, slots=True)
class ExportedBundle:
    """A finished export and how many of the given test rows could not be used."""

    exported: ExportResult
    rejected_rows: int


def export_checkpoint(
    checkpoint: Path,
    output: Path,
    store: RunStore,
    reporter: Reporter,
    *,
    test: Rows | None = None,
    options: ReadingOptions | None = None,
    name: str | None = None,
    precision: Literal["int8", "fp32"] | None = None,
    fast: Path | None = None,
    backbone: Path | None = None,
    max_loss: float | None = None,
    token_vectors: bool = False,
    training_hashes: bool = True,
    licence: str | None = None,
    overwrite: bool = False,
    accept_changed_test: bool = False,
) -> ExportedBundle:
    """Convert a checkpoint to a bundle.

    Args:
        checkpoint: The folder that training wrote.
        output: The bundle's folder.
        store: Where the run is recorded.
        reporter: Receives the progress.
        test: Labelled rows to measure the bundle on, or where they are; None takes the test rows in the checkpoint.
        options: How to read `test`.
        name: The model's name; None takes the name of the folder.
        precision: None chooses int8 if the validation rows do not speak against it, else fp32.
        fast: A bundle that answers first, where it is confident: makes a cascade.
        backbone: The bundle that a head was trained on; None finds it next to `output`.
        max_loss: How much lower the metric may be in int8, as a share; the validation rows must show it.
        token_vectors: Let a model of vectors also give the vector of each token, for heads that find entities.
        training_hashes: Add hashes of the training texts, so that evaluations find rows that the model has seen.
        licence: The licence on the model card, by its identifier on the hub, such as `apache-2.0`.
        overwrite: Replace an existing bundle.
        accept_changed_test: Measure even if the test file changed since an earlier run.
    """
    require_extra("export")
    from glossator.export.exporter import export
    from glossator.export.head_exporter import export_head
    from glossator.modeling.checkpoint_reader import read_task
    from glossator.modeling.head_checkpoint import is_head, read_backbone
    from glossator.service.bundle import file_names
    from glossator.service.bundle.backbones import find_backbone
    from glossator.service.bundle.licence import check_licence
    from glossator.service.files.atomic_folder import check_destination, claim_folder

    licence = None if licence is None else check_licence(licence)
    task = read_task(checkpoint)
    if is_head(checkpoint):
        if precision is not None or fast is not None or max_loss is not None or token_vectors:
            raise ConfigError(
                "the graph of a head is that of its backbone",
                found="--precision, --fast, --max-loss or --token-vectors",
                hint="Leave them out.",
            )
        backbone = backbone or find_backbone(output, read_backbone(checkpoint))
    elif backbone is not None:
        raise ConfigError("this checkpoint is not a head", found=f"--backbone {backbone}", hint="Leave --backbone out.")
    rows, rejected = None, 0
    if test is not None:
        store.check_frozen(str(test), accept=accept_changed_test)
        reading = (options or ReadingOptions()).for_evaluation()
        rows, rejected = read_rows_for(task, test, reading, reporter)
    check_destination(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS)
    with claim_folder(output), store.record("export", reporter) as record:
        shared: dict[str, Any] = {
            "name": name,
            "test": rows,
            "training_hashes": training_hashes,
            "licence": licence,
            "overwrite": overwrite,
            "stage": reporter.stage,
        }
        if backbone is not None:
            exported = export_head(checkpoint, output, backbone, **shared)
        else:
            exported = export(
                checkpoint,
                output,
                precision=precision,
                fast=fast,
                max_loss=max_loss,
                token_vectors=token_vectors,
                **shared,
            )
        record.run.config = {"checkpoint": str(checkpoint), "training_run": task.provenance.run}
        record.run.data = {} if test is None or rows is None else {"test": store.data(str(test), rows=len(rows))}
        record.run.outputs = {"bundle": str(output), "digest": exported.manifest.digest}
        record.run.metrics = {
            f"{each.split} {metric}": estimate.value
            for each in exported.manifest.evaluation
            for metric, estimate in each.metrics.items()
        }
    return ExportedBundle(exported, rejected)
