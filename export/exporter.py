"""From a checkpoint to a bundle: convert, compare with PyTorch, quantise, choose, measure, write, verify."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from glossator.export.cascade import check_fast_bundle
from glossator.export.other_tools import write_for_other_tools
from glossator.export.search_cache import load_search, search_key, store_search
from glossator.export.session import ExportSession
from glossator.export.stage_clock import StageClock
from glossator.modeling.checkpoint_reader import read_task
from glossator.modeling.labelled_rows import LabelledRows, read_out_of_scope, read_rows
from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Evidence, Manifest, Precision
from glossator.service.bundle.names import check_model_name
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.training_texts import read_training_texts
from glossator.service.errors import BundleInvalid
from glossator.service.files.atomic_folder import atomic_folder
from glossator.service.inference.golden_replay import replay_golden_rows
from glossator.service.inference.model import load_unverified

MAX_FLIPS = 0.005
"""The share of decisions that int8 may change on rows without labels, unless another is given."""
_COPIED_SUFFIXES = frozenset({".json", ".txt", ".model"})
_NOT_COPIED = frozenset({file_names.TASK, file_names.HISTORY})


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A finished export: the manifest of the bundle, and the duration of each stage in seconds."""

    output: Path
    manifest: Manifest
    seconds: dict[str, float]


def export(
    checkpoint: str | Path,
    output: str | Path,
    *,
    name: str | None = None,
    test: LabelledRows | None = None,
    precision: Precision | None = None,
    fast: str | Path | None = None,
    max_loss: float | None = None,
    evidence: Evidence | None = None,
    max_flips: float = MAX_FLIPS,
    token_vectors: bool = False,
    training_hashes: bool = True,
    licence: str | None = None,
    overwrite: bool = False,
    stage: Callable[[str], None] = lambda _: None,
) -> ExportResult:
    """Write a bundle from a checkpoint. After an error nothing is left behind.

    Args:
        checkpoint: The folder that training wrote.
        output: The bundle's folder.
        name: The model's name. Default: the name of the output folder.
        test: Rows on which the served graph is measured, once. Default: the test rows in the checkpoint.
        precision: `fp32`, or `int8` for the fastest int8 graph however good it is. Default: the fastest int8 graph that
            is shown to be non-inferior to PyTorch fp32 on the validation rows, or that loses little on rows that are
            too few to show it; else fp32.
        fast: A bundle that answers first, where it is confident. Makes a cascade.
        max_loss: How much lower the metric may be in int8, as a share; it must be shown. Default: half a point, and
            with too few rows to show it the reason in the manifest says so.
        evidence: What the validation rows are if they have no labels: `texts` of the user, or the `sample` that
            Glossator has. Then nothing is calibrated, and int8 is judged by the decisions that it changes.
        max_flips: The largest share of decisions that an int8 graph may change on rows without labels; it must be
            shown.
        token_vectors: Let a graph of vectors also give the vector of each token, which heads for entities read.
        training_hashes: Add hashes of the training texts, so that evaluations find rows that the model has seen.
        licence: The licence on the model card, by its identifier on the hub, such as `apache-2.0`.
        overwrite: Replace an existing bundle.
        stage: Called with the name of each stage when it starts, and with details.

    Returns:
        The manifest of the bundle, and the duration of each stage.

    Raises:
        ConfigError: The graph does not compute what the checkpoint computes, the fast bundle does not fit, or the graph
            cannot give the vectors of tokens.
        OutputError: The folder cannot be written.
    """
    checkpoint, output = Path(checkpoint), Path(output).absolute()  # graphs are opened by absolute paths
    name = check_model_name(
        output.resolve().name if name is None else name,
        hint="Pass another --name; without one, the model has the name of the output folder.",
    )
    task = read_task(checkpoint)
    validation = read_rows(checkpoint / file_names.VALIDATION)
    held_out = test is None
    if test is None and (checkpoint / file_names.TEST).is_file():
        test = read_rows(checkpoint / file_names.TEST)
    if fast is not None:
        check_fast_bundle(read_bundle(fast), task, checkpoint / file_names.TOKENIZER)

    clock = StageClock(stage)
    with atomic_folder(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS) as folder:
        _copy_model_files(checkpoint, folder)
        if training_hashes and (checkpoint / file_names.TRAINING_TEXTS).is_file():
            shutil.copyfile(checkpoint / file_names.TRAINING_TEXTS, folder / file_names.TRAINING_TEXTS)

        clock.start("converting to ONNX")
        session = ExportSession(
            checkpoint,
            folder,
            task=task,
            validation=validation,
            test=test,
            max_loss=max_loss,
            evidence=evidence,
            max_flips=max_flips,
            report=stage,
            token_vectors=token_vectors,
        )
        if not training_hashes:
            session.drop_word_hashes()
        session.write_fp32_graph()

        key = search_key(checkpoint, folder / file_names.GRAPH_FP32, precision, max_loss, max_flips)
        known = load_search(key)
        if known is not None and session.reuse_search(known):
            stage("reused the int8 search of an earlier export of this checkpoint")
        else:
            clock.start(f"comparing with {session.reference} on {len(validation):,} validation rows and edge cases")
            session.compare_fp32_graph()
            if precision != "fp32":
                clock.start("quantising to int8")
                session.write_int8_graph(accept_any=precision == "int8")
            store_search(key, session.search_result)
        served = session.choose_graph(precision)

        clock.start("measuring the served graph")
        outputs = session.validation_outputs(served)
        session.calibrate(outputs)
        if fast is not None:
            clock.start(f"fitting the gate of the fast model {fast}")
            session.add_fast_model(Path(fast), served, outputs)
            clock.start("measuring the cascade")
        measured = session.measure(
            served,
            read_training_texts(checkpoint),
            held_out=held_out,
            out_of_scope=read_out_of_scope(checkpoint),
        )

        clock.start("writing the bundle")
        write_for_other_tools(folder, session.task)
        manifest = session.write_bundle(name, served, measured, licence)

        clock.start("verifying")
        verify_folder(folder)
    clock.stop()
    return ExportResult(output, manifest, clock.seconds)


def _copy_model_files(checkpoint: Path, folder: Path) -> None:
    """Copy configuration and tokenizer, and make the folder of the graphs."""
    (folder / file_names.GRAPH_FP32).parent.mkdir()
    for source in sorted(checkpoint.iterdir()):
        if source.suffix in _COPIED_SUFFIXES and source.name not in _NOT_COPIED:
            (folder / source.name).write_bytes(source.read_bytes())


def verify_folder(folder: Path, *, backbone: str | Path | None = None) -> None:
    """Load the bundle like the service does, and replay its golden rows; `backbone` is that of a head."""
    faults = replay_golden_rows(load_unverified(read_bundle(folder), backbone=backbone))
    if faults:
        raise BundleInvalid(
            "the bundle does not reproduce its own golden rows", faults=faults, hint="Report this as a bug."
        )
