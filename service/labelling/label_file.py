"""Labels a file into a file, and resumes after an interruption."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from glossator.service.documents.row_writer import create_row_writer
from glossator.service.errors import InputError, OutputError
from glossator.service.files.paths import STANDARD_STREAM, refuse_same_file
from glossator.service.inference.model import Model
from glossator.service.labelling.destination import LedgerDestination, StreamDestination
from glossator.service.labelling.estimate import LabellingEstimate, estimate_labelling
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.identity import (
    batch_costs,
    file_states,
    input_files,
    labelling_identity,
    use_batch_costs,
)
from glossator.service.labelling.ledger import Ledger, has_ledger
from glossator.service.labelling.outputs.output_formats import find_output_format
from glossator.service.labelling.prepared_labelling import create_start, open_input, plan_output_columns, prepare
from glossator.service.labelling.row_labelling import StartAnswers
from glossator.service.labelling.summary import LabelSummary

LARGE_BYTES = 4 << 20
"""For larger inputs, measuring the batch cost for two seconds saves time."""

RemoteStart = Callable[[FileLabelling], tuple[StartAnswers, int]]
"""Returns the function that answers instead of the local model, and how many chunks may wait for it."""


def check_output(labelling: FileLabelling, *, overwrite: bool, fresh: bool = False) -> None:
    """Check the output before anything is read.

    Raises:
        ConfigError: The output is the input, or has no known format.
        OutputError: The file exists. A file with a ledger is no error: its labelling was interrupted at its very end.
    """
    refuse_same_file(labelling.output, [str(file) for file in input_files(labelling.source)] or [labelling.source])
    find_output_format(labelling.output, labelling.output_format)
    if os.path.isfile(labelling.output) and not overwrite and (fresh or not has_ledger(labelling.output)):
        raise OutputError(
            "the output file exists already", found=labelling.output, hint="Choose another one, or pass --overwrite."
        )


def estimate_file(labelling: FileLabelling, model: Model, *, cost_per_hour: float | None = None) -> LabellingEstimate:
    """Return an estimate of the labelling's time and cost; writes nothing."""
    with open_input(labelling) as source:
        return estimate_labelling(
            source,
            create_start(labelling, model),
            columns=plan_output_columns(labelling, source, model),
            selection=labelling.selection,
            cost_per_hour=cost_per_hour,
        )


def label_file(
    labelling: FileLabelling,
    model: Model,
    *,
    overwrite: bool = False,
    fresh: bool = False,
    report: Callable[[str], None] = lambda _: None,
    progress: Callable[[LabelSummary], None] | None = None,
    remote_start: RemoteStart | None = None,
    heads: Sequence[Model] = (),
) -> LabelSummary:
    """Label the source and return the counts. The output appears whole or not at all.

    If the labelling is interrupted, the same call resumes it after the finished chunks, and the output is the same to
    the byte.

    Args:
        labelling: What to label, how, and into what.
        model: The model that answers.
        overwrite: Replace an existing output.
        fresh: Discard what an interrupted labelling finished.
        report: Called with sentences about what was detected.
        progress: Called with the counts after each chunk.
        remote_start: Answers instead of the model.
        heads: Further heads of the backbone of `model`, which answer too: each text is encoded and read once.

    Raises:
        ConfigError: As `check_output` and `prepare`; or the ledger next to the output belongs to another labelling.
        OutputError: The output exists or cannot be written.
        InputError: The source cannot be read, or changed during the labelling.
        JobError: Too many rows carry an error, or another process writes this output.
    """
    check_output(labelling, overwrite=overwrite, fresh=fresh)
    with prepare(labelling, model, report, heads=heads) as prepared:
        row_format, codec, files = prepared.row_format, prepared.codec, input_files(labelling.source)
        label_into = partial(prepared.label_into, progress=progress)
        start = prepared.start
        if remote_start is not None:
            start, ahead = remote_start(prepared.labelling)
            label_into = partial(label_into, ahead=ahead)
        if not _can_be_renamed_to(labelling.output):
            _measure_batch_cost(files, model, report)
            with create_row_writer(labelling.output, row_format, codec=codec) as writer:
                return label_into(StreamDestination(writer), start)
        if fresh or not has_ledger(labelling.output):
            _measure_batch_cost(files, model, report)
        identity = labelling_identity(labelling, model, prepared.columns, row_format, files, heads)
        with Ledger(labelling.output, identity, batch_costs(model), fresh=fresh or not files) as ledger:
            use_batch_costs(model, ledger.batch_costs)
            if ledger.done:
                report(f"resuming after {_finished_rows(ledger):,} finished rows")
            before = file_states(files)
            try:
                summary = label_into(LedgerDestination(ledger, row_format), start)
                changed = file_states(files) != before
                if not changed:
                    ledger.finish(row_format, codec=codec, overwrite=overwrite)
            except BaseException:
                ledger.close()  # waits for the chunk that is being written
                if not files or not (ledger.done or ledger.resumed):
                    ledger.discard()  # input from a pipe cannot be read again
                    report("nothing is kept: no chunk of rows was finished" if files else "nothing is kept of a stream")
                elif ledger.done:
                    report(f"{_finished_rows(ledger):,} labelled rows are kept: the same command resumes after them")
                raise
            if changed:
                ledger.discard()
                raise InputError(
                    f"{labelling.source} was changed while it was labelled",
                    expected="a file that does not change",
                    hint="Label it again.",
                )
            return summary


def _finished_rows(ledger: Ledger) -> int:
    return sum(counts.rows for counts in ledger.done.values())


def _can_be_renamed_to(output: str) -> bool:
    """Return whether the output can be a renamed file: not a stream, not a device."""
    if output == STANDARD_STREAM:
        return False
    return os.path.isfile(output) or not os.path.exists(output)


def _measure_batch_cost(files: Sequence[Path], model: Model, report: Callable[[str], None]) -> None:
    if not model.batch_cost_measured and sum(os.path.getsize(file) for file in files) > LARGE_BYTES:
        report("measuring the batch cost of this machine, once (2 s)")
        model.measure_batch_cost()
