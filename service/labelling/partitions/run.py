"""Labels an input in parts: plans them, has them labelled by an executor, and keeps the manifest."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from glossator.service.documents.sources.remote import is_remote
from glossator.service.errors import ConfigError, Fault, GlossatorError, JobError
from glossator.service.inference.model import Model
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.identity import batch_costs
from glossator.service.labelling.outputs.output_formats import find_output_format
from glossator.service.labelling.partitions.manifest import Manifest, PartRecord
from glossator.service.labelling.partitions.part import Part
from glossator.service.labelling.partitions.part_worker import PartsJob
from glossator.service.labelling.partitions.planning import PART_BYTES, choose_columns, plan_parts
from glossator.service.labelling.partitions.storage import Storage
from glossator.service.labelling.row_labelling import ALL_ROWS

_SHOWN_FAULTS = 10


class Executor(Protocol):
    """Labels parts somewhere, each at least once; repeating a part gives the same bytes."""

    def run(self, job: PartsJob, parts: Sequence[Part]) -> Iterator[tuple[Part, PartRecord | GlossatorError]]:
        """Label the parts; yield each with its record, or with its error, as they end."""


@dataclass(frozen=True, slots=True)
class PartsSummary:
    """Counts of a labelling in parts."""

    parts: int
    finished: int
    resumed: int
    """Parts that were complete before; part of `finished`."""
    rows: int
    labelled: int
    failed: int
    errors: dict[str, int]
    tokens: int
    seconds: float

    def describe(self) -> str:
        """Return the counts in one line."""
        rows = f"{self.rows:,} rows: {self.labelled:,} labelled, {self.failed:,} with an error"
        return f"{self.finished:,} of {self.parts:,} parts ({self.resumed:,} done before); {rows}; {self.seconds:.1f} s"


def label_parts(
    labelling: FileLabelling,
    model: Model,
    executor: Executor,
    *,
    suffix: str = ".jsonl",
    part_bytes: int = PART_BYTES,
    fresh: bool = False,
    report: Callable[[str], None] = lambda _: None,
    progress: Callable[[PartsSummary], None] | None = None,
) -> PartsSummary:
    """Label the source in parts and return the counts. The same call resumes after the complete parts.

    The output of a part is that of `label_file` for a file with the rows of this part.

    Args:
        labelling: `source` is a file, a folder or a pattern, `output` a folder; both are local or URLs.
        model: The model, with which options and columns are checked; the executor loads its own.
        executor: Where the parts are labelled.
        suffix: Of the outputs.
        part_bytes: The size of a part; 0: every file is one part.
        fresh: Start again instead of resuming.
        report: Called with sentences about the parts.
        progress: Called with the counts after each part.

    Raises:
        ConfigError: Options contradict one another, or the output folder belongs to another labelling.
        InputError: The input cannot be read.
        OutputError: The output folder has other files, or cannot be written.
        JobError: Parts failed; the others are complete.
    """
    started = time.perf_counter()
    if labelling.selection != ALL_ROWS:
        raise ConfigError("a labelling in parts takes all rows", hint="Leave out --limit and --sample.")
    find_output_format(f"part{suffix}", None)
    labelling = replace(labelling, source=_absolute(labelling.source), output=_absolute(labelling.output))
    source, folder = Storage(labelling.source), Storage(labelling.output)
    parts, options = plan_parts(source, labelling.input_options, part_bytes=part_bytes, report=report)
    labelling = choose_columns(source, parts[0], replace(labelling, input_options=options), model)
    report(f"text column '{labelling.text_column}', model {model.version}")
    manifest = Manifest(folder, _identity(labelling, model, parts, suffix), batch_costs(model), parts, fresh=fresh)
    job = PartsJob(labelling.source, labelling.output, suffix, labelling, manifest.batch_costs)
    total = _RunningSummary(len(manifest.parts), manifest.done.values(), started=started)
    if manifest.done:
        report(f"resuming after {len(manifest.done):,} complete parts")
    faults: list[Fault] = []
    todo = [part for part in manifest.parts if part.index not in manifest.done]
    if todo:
        for part, outcome in executor.run(job, todo):
            if isinstance(outcome, PartRecord):
                manifest.done[part.index] = outcome
                total.add(outcome)
            else:
                faults.append(Fault(outcome.code, outcome.message, f"{part.name} ({part.file.url})"))
            if progress is not None:
                progress(total.summary())
    if faults:
        raise JobError(
            f"{len(faults):,} of {len(manifest.parts):,} parts failed",
            faults=faults[:_SHOWN_FAULTS],
            hint="The other parts are complete: fix the cause, then give the same command again.",
        )
    manifest.finish()
    return total.summary()


def _absolute(path: str) -> str:
    """Return a path that means the same to workers in other folders."""
    return path if is_remote(path) else os.path.abspath(path)


def _identity(labelling: FileLabelling, model: Model, parts: Sequence[Part], suffix: str) -> dict[str, object]:
    """Return everything that decides the bytes of the outputs, by names that a message can use."""
    files = dict.fromkeys((part.file.url, part.file.size, part.file.version) for part in parts)
    return {
        "input": list(files),
        "model": f"{model.name}@{model.digest}",
        "device": model.device,
        "parts": [(part.unit, part.start, part.stop) for part in parts],
        "input options": asdict(labelling.input_options),
        "text column": labelling.text_column,
        "second column": labelling.second_column,
        "options": labelling.given_options(),
        "zero-shot": None if labelling.zero_shot is None else asdict(labelling.zero_shot),
        "prefix": labelling.prefix,
        "formula-safe": labelling.formula_safe,
        "output format": suffix,
    }


class _RunningSummary:
    """Adds up the records of complete parts. Each record is read once, so the cost is linear in the parts.

    Args:
        parts: How many parts there are.
        done: The records of parts that were complete before.
        started: The time at which the labelling started, of `time.perf_counter`.
    """

    def __init__(self, parts: int, done: Iterable[PartRecord], *, started: float) -> None:
        self._started = started
        self._parts = parts
        self._finished = self._rows = self._tokens = 0
        self._errors: Counter[str] = Counter()
        for record in done:
            self.add(record)
        self._resumed = self._finished

    def add(self, record: PartRecord) -> None:
        """Add a part that is complete now."""
        counts = record.counts
        self._finished += 1
        self._rows += counts.rows
        self._tokens += counts.tokens
        self._errors.update(counts.errors)

    def summary(self) -> PartsSummary:
        """Return the counts so far."""
        failed = self._errors.total()
        return PartsSummary(
            parts=self._parts,
            finished=self._finished,
            resumed=self._resumed,
            rows=self._rows,
            labelled=self._rows - failed,
            failed=failed,
            errors=dict(self._errors.most_common()),
            tokens=self._tokens,
            seconds=time.perf_counter() - self._started,
        )
