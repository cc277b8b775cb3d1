"""A file labelled into a file: what is asked for, what it is known by, and how it goes on where it was broken off."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from glossator.service.documents.multi_file import files_of, is_many
from glossator.service.documents.open_source import open_source
from glossator.service.documents.row_formats import Layout, sink_of
from glossator.service.documents.source import Source
from glossator.service.errors import ConfigError, InputError, OutputError
from glossator.service.files.hashing import hash_file
from glossator.service.files.paths import STANDARD_STREAM, is_regular_file, refuse_same_file
from glossator.service.inference.batch_planning import Cost
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.labelling.answer_cells import LABEL, LABELS, answer_columns
from glossator.service.labelling.chunks import CHUNK_ROWS
from glossator.service.labelling.column_plan import Columns, plan_columns
from glossator.service.labelling.destination import Kept, Streamed
from glossator.service.labelling.estimate import Estimate, estimate
from glossator.service.labelling.ledger import Ledger, is_begun
from glossator.service.labelling.outputs.output_formats import layout_of, output_kind
from glossator.service.labelling.row_labelling import WHOLE, Part, Start, label
from glossator.service.labelling.summary import LabelSummary
from glossator.service.tasks.encoded import Text
from glossator.service.tasks.options import Asked

LARGE_BYTES = 4 << 20
"""Labelling a file above this takes so long that two seconds of measuring pay."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the input is read; None where it is to be found out."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    whole: bool = False
    """Whether a text file or a PDF is one text."""


@dataclass(frozen=True, slots=True)
class ZeroShot:
    """Labels that a model was not trained on."""

    labels: tuple[str, ...]
    hypothesis: str | None = None
    multi_label: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is labelled, how, and into what. `source` and `output` are paths, or `-` for the standard streams."""

    source: str
    output: str
    reading: Reading = Reading()
    text_column: str | None = None
    second_column: str | None = None
    asked: Asked = field(default_factory=Asked)
    zero_shot: ZeroShot | None = None
    prefix: str = ""
    output_format: str | None = None
    formula_safe: bool = True
    part: Part = WHOLE
    chunk_rows: int = CHUNK_ROWS
    max_error_rate: float | None = None


def check_output(job: Job, *, overwrite: bool, fresh: bool = False) -> None:
    """Raises ConfigError where the output is the input or has no format, OutputError where there is such a file, unless
    it belongs to a labelling that was broken off as it ended."""
    refuse_same_file(job.output, [str(file) for file in _files(job.source)] or [job.source])
    output_kind(job.output, job.output_format)
    there = os.path.isfile(job.output)
    if there and not overwrite and (fresh or not is_begun(job.output)):
        raise OutputError(
            "the output file exists already", found=job.output, hint="Choose another, or pass --overwrite."
        )


def open_input(job: Job) -> Source:
    """The rows of the input."""
    return open_source(
        job.source, format=job.reading.format, encoding=job.reading.encoding, delimiter=job.reading.delimiter,
        header=job.reading.header, whole=job.reading.whole,
    )  # fmt: skip


def dry_run(job: Job, model: Model, *, cost_an_hour: float | None = None) -> Estimate:
    """What the job would take; nothing is written."""
    with open_input(job) as source:
        return estimate(
            source, start_of(job, model), columns=columns_of(job, source, model), part=job.part,
            cost_an_hour=cost_an_hour,
        )  # fmt: skip


def run(
    job: Job,
    model: Model,
    *,
    overwrite: bool = False,
    fresh: bool = False,
    told: Callable[[str], None] = lambda _: None,
    progress: Callable[[LabelSummary], None] | None = None,
    elsewhere: Elsewhere | None = None,
) -> LabelSummary:
    """Labels the source. A file appears whole or not at all; a run that was broken off goes on after the chunks that
    were done, where its command is given again, and the output is then the same to the byte. `fresh` forgets what was
    done. `told` hears what was found out. `elsewhere` is what answers in the model's place.

    Raises what `check_output` and `label` raise, ConfigError where another job's ledger stands beside the output,
    InputError where the source cannot be read or changed meanwhile.
    """
    check_output(job, overwrite=overwrite, fresh=fresh)
    with opened(job, model, told) as work:
        layout, codec, files = work.layout, work.codec, _files(job.source)
        label_into = partial(work.label_into, progress=progress)
        start = work.start
        if elsewhere is not None:
            start, ahead = elsewhere(work.job)
            label_into = partial(label_into, ahead=ahead)
        if not _is_file_to_be(job.output):
            _calibrate(files, model, told)
            with sink_of(job.output, layout, codec=codec) as sink:
                return label_into(Streamed(sink), start)
        if fresh or not is_begun(job.output):
            _calibrate(files, model, told)
        with Ledger(
            job.output, identity(job, model, work.columns, layout, files), plan_of(model), fresh=fresh or not files
        ) as ledger:
            use_plan(model, ledger.settings)
            if ledger.done:
                told(f"going on after {_rows(ledger):,} rows that are done")
            before = _state(files)
            try:
                summary = label_into(Kept(ledger, layout), start)
                changed = _state(files) != before
                if not changed:
                    ledger.finish(layout, codec=codec, overwrite=overwrite)
            except BaseException:
                ledger.close()  # what is being written is written first
                if not files or not (ledger.done or ledger.resumed):
                    ledger.discard()  # what came from a pipe cannot be read again
                elif ledger.done:
                    told(f"{_rows(ledger):,} labelled rows are kept: the same command goes on after them")
                raise
            if changed:
                ledger.discard()
                raise InputError(
                    f"{job.source} was changed while it was labelled", expected="a file that stays as it is",
                    hint="Label it again.",
                )  # fmt: skip
            return summary


Elsewhere = Callable[[Job], tuple[Start, int]]
"""What answers a job, and how many chunks may wait for it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A job whose input is open and whose options are understood."""

    job: Job
    """With the options that its input brings."""
    source: Source
    columns: Columns
    layout: Layout
    codec: str | None
    """The ending of the output's compression."""
    start: Start
    label_into: Callable[..., LabelSummary]
    """`label` of the rest: wants a destination and a start."""


@contextmanager
def opened(job: Job, model: Model, told: Callable[[str], None] = lambda _: None) -> Iterator[Opened]:
    """The job, ready to run. Raises ConfigError for options that do not fit the model or one another, InputError where
    the source cannot be read, UnknownColumn where it has no text."""
    with open_input(job) as source:
        if source.asked:
            given = {name: value for name, value in job.asked.items() if value not in (None, False)}
            merged: Any = {**source.asked, **given}
            job = replace(job, asked=merged)
            told(f"with the options of the first request: {', '.join(source.asked)}")
        columns = columns_of(job, source, model)
        beside = "" if columns.second is None else f", second {columns.second!r}"
        told(source.described())
        told(f"text column {columns.text!r} ({columns.chosen}){beside}, model {model.version}")
        layout, codec = layout_of(job.output, job.output_format, columns, model.task, formula_safe=job.formula_safe)
        label_into = partial(
            label, source, columns=columns, model=model.version, part=job.part, chunk_rows=job.chunk_rows,
            max_error_rate=job.max_error_rate,
        )  # fmt: skip
        yield Opened(job, source, columns, layout, codec, start_of(job, model), label_into)


def plan_of(model: Model) -> dict[str, object]:
    """By what batches are cut. They decide the last digits of an answer where the graph computes in floating point."""
    costs: dict[str, object] = {"cost": asdict(model.batcher.cost)}
    return costs if model.fast is None else costs | {"fast_cost": asdict(model.fast.batcher.cost)}


def use_plan(model: Model, kept: Mapping[str, Any]) -> None:
    """Cuts batches as they were cut when the ledger was begun, whatever this machine would now choose."""
    model.batcher.cost = Cost(**kept["cost"])
    if model.fast is not None:
        model.fast.batcher.cost = Cost(**kept["fast_cost"])


def _rows(ledger: Ledger) -> int:
    return sum(counts.rows for counts in ledger.done.values())


def columns_of(job: Job, source: Source, model: Model) -> Columns:
    """The columns that are read and written."""
    if job.zero_shot is not None:
        answers: Sequence[str] = LABELS if job.zero_shot.multi_label else LABEL
    else:
        answers = answer_columns(
            model.task,
            sets=job.asked.get("coverage") is not None,
            tiers=model.bundle.manifest.cascade is not None,
        )
    return plan_columns(
        source.columns,
        text_column=job.text_column,
        second_column=job.second_column,
        answers=answers,
        pairs=reads_pairs(model.task) and job.zero_shot is None,
        prefix=job.prefix,
    )


def start_of(job: Job, model: Model) -> Start:
    """What begins to answer texts; raises ConfigError for options that do not go together."""
    if job.zero_shot is None:
        return partial(model.start, lane="bulk", **job.asked)
    given = [(name, value) for name, value in job.asked.items() if value not in (None, False)]
    if given:
        name, value = given[0]
        raise ConfigError(f"{name} does not apply to --zero-shot", found=value, hint="Leave it out.")
    fit: Any = partial(model.zero_shot, **asdict(job.zero_shot), lane="bulk")
    return partial(_Done, fit)


def layout_from(job: Job, model: Model, folder: Path) -> Layout:
    """The format of the output of a job whose source is named as seen from `folder`; its input is opened for it."""
    with opened(replace(job, source=str(folder / job.source)), model) as work:
        return work.layout


def check_options(job: Job, model: Model) -> None:
    """Raises ConfigError for what can be told to be wrong before the input is read: options that do not fit the model,
    a format that is not written."""
    output_kind(job.output, job.output_format)
    if reads_pairs(model.task) is False and job.second_column is not None:
        raise ConfigError("this model reads one text a row", found=f"second column {job.second_column}")
    start_of(job, model)([])


def identity(job: Job, model: Model, columns: Columns, layout: Layout, files: Sequence[Path]) -> dict[str, object]:
    """What the output depends on, by the names that a message uses."""
    return {
        "input": _digest(files, job.source),
        "model": f"{model.name}@{model.digest}",
        "device": model.device,
        "reading": asdict(job.reading),
        "text column": columns.text,
        "second column": columns.second,
        "columns": list(columns.all),
        "options": {name: value for name, value in job.asked.items() if value not in (None, False)},
        "zero-shot": None if job.zero_shot is None else asdict(job.zero_shot),
        "output format": layout.format,
        "formula-safe": job.formula_safe,
        "rows": asdict(job.part),
        "chunk": job.chunk_rows,
    }


class _Done:
    """Answers that are there as soon as they are asked for."""

    def __init__(
        self, answer: Callable[[Sequence[Any]], list[Answer | InputError]], texts: Sequence[Text | InputError]
    ) -> None:
        self._answers = answer(texts)

    def result(self) -> list[Answer | InputError]:
        return self._answers


def _is_file_to_be(output: str) -> bool:
    """Whether the output is a file that can be renamed into place: not a stream, not a device."""
    if output == STANDARD_STREAM:
        return False
    return os.path.isfile(output) or not os.path.exists(output)


def _calibrate(files: Sequence[Path], model: Model, told: Callable[[str], None]) -> None:
    if not model.calibrated and sum(os.path.getsize(file) for file in files) > LARGE_BYTES:
        told("measuring which batches suit this machine, once: 2 s")
        model.calibrate()


def _files(source: str) -> list[Path]:
    """The files that are read; none where a stream is."""
    if is_many(source):
        return files_of(source)
    return [Path(source)] if is_regular_file(source) else []


def _digest(files: Sequence[Path], source: str) -> str:
    """What the input is known by: the bytes of its file, or of many files the names and the bytes."""
    if not files:
        return "a stream"
    if len(files) == 1:
        return f"sha256 {hash_file(files[0])}"
    inside = os.path.isdir(source)
    names = [os.path.relpath(file, source) if inside else str(file) for file in files]
    listed = "".join(f"{name}\0{hash_file(file)}\n" for name, file in zip(names, files, strict=True))
    return f"sha256 {hashlib.sha256(listed.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _state(files: Sequence[Path]) -> list[tuple[int, int]]:
    return [(found.st_size, found.st_mtime_ns) for found in map(os.stat, files)]
