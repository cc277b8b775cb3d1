"""Exports the checkpoint of a head: calibrates and measures it on its backbone, and writes its bundle."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from glossator.evaluation.calibration.task_calibration import calibrate_task
from glossator.export.exporter import ExportResult, verify_folder
from glossator.export.measurements import evaluation_record, measure_graph
from glossator.export.model_card import write_card
from glossator.export.session import TOLERANCES
from glossator.export.stage_clock import StageClock
from glossator.modeling.checkpoint_reader import read_task
from glossator.modeling.head_checkpoint import read_backbone
from glossator.modeling.labelled_rows import LabelledRows, indicator, inputs_of, read_out_of_scope, read_rows
from glossator.modeling.reference_distributions import profile_and_sample
from glossator.service.bundle import file_names
from glossator.service.bundle.checks import HEAD_TASKS
from glossator.service.bundle.golden import dump_golden
from glossator.service.bundle.linear_layer import parse_layer
from glossator.service.bundle.manifest import Manifest, Served, Verification
from glossator.service.bundle.names import check_model_name
from glossator.service.bundle.reference import parse_reference
from glossator.service.bundle.task import TextClassification
from glossator.service.bundle.text_profile import TextProfile
from glossator.service.bundle.training_texts import read_training_texts
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.errors import ConfigError
from glossator.service.files.atomic_folder import atomic_folder
from glossator.service.inference.model import head_logits, head_pipeline, load
from glossator.service.inference.pipeline import Pipeline

_COPIED = (file_names.CONFIG, file_names.REFERENCE, file_names.HEAD)


def export_head(
    checkpoint: str | Path,
    output: str | Path,
    backbone: str | Path,
    *,
    name: str | None = None,
    test: LabelledRows | None = None,
    training_hashes: bool = True,
    licence: str | None = None,
    overwrite: bool = False,
    stage: Callable[[str], None] = lambda _: None,
) -> ExportResult:
    """Write the bundle of a head. After an error nothing is left behind.

    Args:
        checkpoint: The folder that training wrote.
        output: The bundle's folder.
        backbone: The folder of the bundle that the head was trained on.
        name: The model's name. Default: the name of the output folder.
        test: Rows on which the head is measured, once. Default: the test rows in the checkpoint.
        training_hashes: Add hashes of the training texts, so that evaluations find rows that the model has seen.
        licence: The licence on the model card, by its identifier on the hub, such as `apache-2.0`.
        overwrite: Replace an existing bundle.
        stage: Called with the name of each stage when it starts.

    Raises:
        BundleError: The backbone does not verify, or is another version than the head was trained on.
        ConfigError: The checkpoint cannot be read.
        OutputError: The folder cannot be written.
    """
    checkpoint, output = Path(checkpoint), Path(output).absolute()
    name = check_model_name(
        output.resolve().name if name is None else name,
        hint="Pass another --name; without one, the model has the name of the output folder.",
    )
    record, task = read_backbone(checkpoint), read_task(checkpoint)
    if task.task not in HEAD_TASKS:
        raise ConfigError(f"only {' and '.join(HEAD_TASKS)} can be a head", found=task.task)
    validation = read_rows(checkpoint / file_names.VALIDATION)
    held_out = test is None
    if test is None and (checkpoint / file_names.TEST).is_file():
        test = read_rows(checkpoint / file_names.TEST)
    clock = StageClock(stage)
    clock.start(f"loading the backbone {backbone}")
    body = load(backbone, digest=record.digest, share=True)
    with atomic_folder(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS) as folder:
        for each in _COPIED:
            shutil.copyfile(checkpoint / each, folder / each)
        if training_hashes and (checkpoint / file_names.TRAINING_TEXTS).is_file():
            shutil.copyfile(checkpoint / file_names.TRAINING_TEXTS, folder / file_names.TRAINING_TEXTS)

        clock.start("measuring the head")
        logits = head_logits(body, parse_layer((checkpoint / file_names.HEAD).read_bytes()), task)
        if isinstance(task, TextClassification):
            task = _calibrated(task, head_pipeline(body, logits, task), validation)
        pipeline = head_pipeline(body, logits, task)
        measured = measure_graph(
            pipeline,
            body.batcher.cost,
            validation,
            test,
            read_training_texts(checkpoint),
            held_out=held_out,
            out_of_scope=read_out_of_scope(checkpoint),
        )
        if measured.leakage is not None and measured.leakage.seen:
            stage(measured.leakage.summary)
        _sample_reference(folder, pipeline, validation, words=training_hashes)

        clock.start("writing the bundle")
        (folder / file_names.GOLDEN).write_bytes(dump_golden(measured.golden))
        manifest = Manifest(
            name=name,
            task=task,
            served=Served(
                graph=file_names.HEAD,
                precision="fp32",
                scheme="fp32",
                reason=f"a linear layer on the vectors of {body.version}, "
                f"which is served in {body.bundle.manifest.served.precision}",
            ),
            files={},
            evaluation=[evaluation_record(split, each, "fp32") for split, each in measured.evaluations.items()],
            verification=Verification(
                parity=[],
                golden_rows=len(measured.golden),
                tolerance=TOLERANCES[body.bundle.manifest.served.precision],
                batch_difference=measured.batch_difference,
            ),
            speed=measured.speed,
            backbone=record,
        )
        write_card(folder, manifest, measured.evaluations, measured.entity_pages, measured.leakage, licence)
        manifest = write_manifest(folder, manifest.model_copy(update={"files": list_files(folder)}))

        clock.start("verifying")
        verify_folder(folder, backbone=backbone)
    clock.stop()
    return ExportResult(output, manifest, clock.seconds)


def _calibrated(task: TextClassification, pipeline: Pipeline, validation: LabelledRows) -> TextClassification:
    """Return the task with temperature and thresholds fitted on the vectors of the backbone."""
    logits = pipeline.logits(inputs_of(validation, task))
    calibrated = calibrate_task(task, indicator(validation.labels, task.labels), logits)
    assert isinstance(calibrated, TextClassification)
    return calibrated


def _sample_reference(folder: Path, pipeline: Pipeline, validation: LabelledRows, *, words: bool) -> None:
    """Add samples that drift is measured against; without `words`, remove the hashes of words."""
    file = folder / file_names.REFERENCE
    reference = parse_reference(file.read_bytes())
    if not words and reference.profile is not None:
        profile = TextProfile(pairs=reference.profile.pairs)
        reference = reference.model_copy(update={"profile": profile})
    inputs = inputs_of(validation, pipeline.task)
    file.write_bytes(profile_and_sample(reference, inputs, pipeline.predict, pipeline.task, words=words).to_bytes())
