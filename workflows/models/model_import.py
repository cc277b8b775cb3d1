"""Imports a model that was trained elsewhere: recognise, load, prove with what the user has, write a bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.bundle import file_names
from glossator.service.files.atomic_folder import check_destination
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.export.exporter import ExportResult
    from glossator.service.bundle.manifest import Precision
    from glossator.workflows.models.proving_rows import Proof
    from glossator.workflows.run_records import RunStore


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A finished import: how the model was recognised, its bundle, and how many labelled rows could not be used."""

    evidence: list[str]
    exported: ExportResult
    rejected_rows: int


def import_model(
    model: str,
    output: Path,
    store: RunStore,
    reporter: Reporter,
    *,
    proof: Proof | None = None,
    options: ReadingOptions | None = None,
    revision: str | None = None,
    base: str | None = None,
    onnx: str | None = None,
    onnx_int8: str | None = None,
    prompt: str | None = None,
    layers: Sequence[int] = (),
    token_vectors: bool = False,
    max_length: int | None = None,
    stride: int | None = None,
    name: str | None = None,
    precision: Precision | None = None,
    max_loss: float | None = None,
    max_flips: float | None = None,
    licence: str | None = None,
    overwrite: bool = False,
) -> ImportedModel:
    """Make a bundle of a model that was trained elsewhere.

    Args:
        model: A local folder, or the name of a model on the Hugging Face hub.
        output: The bundle's folder.
        store: Where the run is recorded.
        reporter: Receives the progress, and how the model was recognised.
        proof: The rows or texts that prove the bundle; None takes texts that Glossator has.
        options: How to read labelled rows. If given, `task` and `label_names` replace what the files of the model say:
            what it does, and the names of its labels in the order of the logits.
        revision: A branch, a tag or a commit on the hub; None takes the newest version.
        base: The base model of an adapter of peft; None takes the one that the adapter names.
        onnx: The fp32 ONNX graph to import, as a path inside the model's folder. None takes its weights, or its only
            graph if it has no weights.
        onnx_int8: The model's own int8 graph, which is compared and served in place of one that Glossator makes. Its
            answers may depend on the other texts of a batch; if decisions do, it is refused unless `precision` is int8.
        prompt: The name of a prompt of sentence-transformers that is put before each text; empty for none. None takes
            the default of the model.
        layers: The layers of an encoder whose vectors are concatenated, for heads; none: what the folder says.
        token_vectors: Let an encoder also give the vector of each token, for heads that find entities.
        max_length: The longest window in tokens; None takes what the files of the model set.
        stride: Tokens that neighbouring windows share; None takes an eighth of a window.
        name: The model's name; None takes the name of the folder.
        precision: None chooses int8 if the rows or texts show that little is lost, else fp32.
        max_loss: With labelled rows, how much lower the metric may be in int8, as a share.
        max_flips: With texts, the largest share of decisions that int8 may change; None is half a percent.
        licence: The licence on the model card, by its identifier on the hub; None takes that of the model's own card.
        overwrite: Replace an existing bundle.
    """
    require_extra("export")
    from glossator.export.exporter import MAX_FLIPS, export
    from glossator.export.importing.adapter_merge import merge_adapter
    from glossator.export.importing.imported_checkpoint import open_foreign_model, write_imported_checkpoint
    from glossator.export.importing.model_source import find_model
    from glossator.export.importing.onnx_folder import OnnxChoice
    from glossator.export.importing.recognition import recognise
    from glossator.service.bundle.licence import check_licence, read_licence
    from glossator.workflows.models.proving_rows import Proof, find_proving_rows

    proof, options = proof or Proof(), options or ReadingOptions()
    proof.check()
    licence = None if licence is None else check_licence(licence)
    check_destination(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS)
    source = find_model(model, revision=revision, onnx=OnnxChoice(onnx, onnx_int8))
    with tempfile.TemporaryDirectory(prefix="glossator-import-") as folder:
        scratch = Path(folder)
        source, merged = merge_adapter(source, scratch, base=base, task=options.task)
        recognised = recognise(source.folder, task=options.task, label_names=options.label_names or (), prompt=prompt)
        with store.record("import", reporter) as record:
            foreign = open_foreign_model(
                source, recognised, scratch, max_length=max_length, stride=stride, layers=layers
            )
            found = [*merged, *foreign.evidence]
            for line in found:
                reporter.stage(line)
            proving = find_proving_rows(proof, foreign, options, reporter)
            checkpoint = scratch / "checkpoint"
            write_imported_checkpoint(foreign, checkpoint, proving.rows, proving.test)
            del foreign
            exported = export(
                checkpoint,
                output,
                name=name,
                precision=precision,
                max_loss=max_loss,
                evidence=proving.evidence,
                max_flips=MAX_FLIPS if max_flips is None else max_flips,
                token_vectors=token_vectors,
                training_hashes=False,
                licence=licence or read_licence(source.folder),
                overwrite=overwrite,
                stage=reporter.stage,
            )
            record.run.config = {"model": source.name, "revision": source.revision, "task": recognised.task}
            record.run.outputs = {"bundle": str(output), "digest": exported.manifest.digest}
            record.run.metrics = {
                f"{each.split} {metric}": estimate.value
                for each in exported.manifest.evaluation
                for metric, estimate in each.metrics.items()
            }
    return ImportedModel(found, exported, proving.rejected)
