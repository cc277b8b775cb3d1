"""Compares the texts of a file, or the answers of a prediction log, with the reference in a bundle."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.reader import Bundle, read_bundle
from glossator.service.bundle.reference import Reference
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import ConfigError, InputError
from glossator.service.monitoring.drift.comparison import DriftComparison, TextSample, compare_with_reference
from glossator.service.monitoring.drift.references import recorded_labels, require_samples
from glossator.service.monitoring.drift.summaries import label_probabilities, predicted_labels, summaries_of
from glossator.service.tasks.text_classification import Classification
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.service.inference.model import Model
    from glossator.service.inference.pipeline import Answer
    from glossator.service.labelling.file_labelling import InputOptions
    from glossator.service.tasks.encoded import Text

TOLERANCE = 0.1
"""The largest distance that nobody cares about."""
ALPHA = 0.05
_PREFIX = "drift-"
"""Names no column of a file: nothing is added to it."""
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """`tolerance`: the largest distance that nobody cares about. `alpha`: the error of all intervals together."""

    tolerance: float = TOLERANCE
    alpha: float = ALPHA


@dataclass(frozen=True, slots=True, repr=False)
class DriftResult:
    """The comparison, the model (`name@digest12`), and where the texts are from."""

    model: str
    digest: str
    labels: list[str]
    """The labels of the model, in their order."""
    source: str
    comparison: DriftComparison
    unusable: int
    """Rows that could not be answered, or answers in the log without summaries."""
    reference: Reference
    sample: TextSample

    def __repr__(self) -> str:
        compared = self.comparison
        drifted = ", ".join(compared.drifted) or "nothing"
        return (
            f"DriftResult({self.model}: {compared.texts:,} texts of {self.source}, drifted by more than "
            f"{compared.tolerance:g}: {drifted})"
        )

    def __str__(self) -> str:
        from glossator.workflows.loop.drift_report import report_lines

        return "\n".join(report_lines(self))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields, as `glossator drift --json` prints them."""
        from glossator.workflows.loop.drift_report import drift_to_dict

        return drift_to_dict(self)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each summary, those that differ most first. Needs pandas."""
        from glossator.service.optional_packages import import_optional

        pandas = import_optional("pandas", "to_pandas", extra=None)
        rows = [
            {"summary": each.summary, "verdict": each.verdict, **asdict(each.distance), "texts": each.texts}
            for each in self.comparison.summaries
        ]
        return pandas.DataFrame(rows).set_index("summary")


def find_bundle(model: str, registry: Path | None = None, *, folder_first: bool = False) -> Path:
    """Return the folder of a bundle: a path, or with a registry `NAME` or `NAME@VERSION` (by default the champion).

    `folder_first`: also with a registry, a folder of this name is the bundle.
    """
    if registry is None or (folder_first and Path(model).is_dir()):
        return Path(model)
    from glossator.service.registry import CHAMPION, Registry

    found = Registry(registry)
    name, _, version = model.partition("@")
    return found.folder(name, found.resolve_version(name, version or CHAMPION))


def drift_of_file(
    source: str,
    bundle: Path,
    reporter: Reporter,
    *,
    options: DriftOptions = DriftOptions(),
    input_options: InputOptions | None = None,
    text_column: str | None = None,
    second_column: str | None = None,
    limit: int | None = None,
    share: float | None = None,
    seed: int = 13,
    threads: int | None = None,
) -> DriftResult:
    """Answer the texts of a file and compare them with the reference of the model.

    Args:
        source: The file, in any format that is read.
        bundle: The folder of the model's bundle.
        reporter: Receives progress.
        options: What counts as drift.
        input_options: How to read the file.
        text_column: The column of the text; default: detected.
        second_column: That of the second text.
        limit: Only the first rows.
        share: A random share of the rows.
        seed: Of the share.
        threads: CPU threads.

    Raises:
        ConfigError: The bundle has no samples.
        InputError: The file cannot be read, or no row could be answered.
        BundleError: The bundle cannot be read.
    """
    from glossator.service.inference.model import load

    reference = require_samples(read_bundle(bundle))
    model = load(bundle, threads=threads)
    answered = _answers(source, model, reporter, input_options, text_column, second_column, limit, share, seed)
    return _compare(answered, source, model, reference, reporter, options)


def drift_of_texts(
    texts: Sequence[Text],
    bundle: Path,
    reporter: Reporter,
    *,
    options: DriftOptions = DriftOptions(),
    threads: int | None = None,
) -> DriftResult:
    """Do the same as `drift_of_file` for texts in memory."""
    from glossator.service.inference.model import load

    reference = require_samples(read_bundle(bundle))
    model = load(bundle, threads=threads)
    answered = zip(range(1, len(texts) + 1), texts, model.predict(texts), strict=True)
    return _compare(answered, "texts", model, reference, reporter, options)


def _compare(
    answered: Iterable[tuple[int, Text | InputError, Answer | InputError]],
    source: str,
    model: Model,
    reference: Reference,
    reporter: Reporter,
    options: DriftOptions,
) -> DriftResult:
    """Summarise texts with their numbers and answers, and compare them. Raises InputError if no text has an answer."""
    sample, failed = TextSample(), 0
    for number, text, answer in answered:
        if isinstance(answer, InputError) or isinstance(text, InputError):
            failed += 1
            continue
        prediction = answer.prediction
        sample.add(
            summaries_of(answer, text, model.task, reference.profile),
            predicted_labels(answer, model.task),
            label_probabilities(prediction) if isinstance(prediction, Classification) else None,
            name=f"row {number:,}",
        )
    if not sample.texts:
        raise InputError("no text could be answered", found=f"{failed:,} rows", hint="Check --text-column.")
    reporter.stage(f"comparing {sample.texts:,} texts with {reference.texts:,} of the reference")
    return _result(model.bundle, source, reference, sample, failed, options)


def drift_of_log(
    folder: Path,
    bundle: Path,
    reporter: Reporter,
    *,
    options: DriftOptions = DriftOptions(),
    since: str | None = None,
    until: str | None = None,
) -> DriftResult:
    """Compare the logged answers of a bundle with its reference. Texts are not needed: the summaries are in the log.

    Args:
        folder: The prediction log.
        bundle: The folder of the bundle; only answers with its digest count.
        reporter: Receives progress.
        options: What counts as drift.
        since: Answers from this time on, in the form of the log's records.
        until: Answers before this time.

    Raises:
        ConfigError: The bundle has no samples, or the log no answer of it.
        FileMissing: There is no log.
        BundleError: The bundle cannot be read.
    """
    from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader

    read = read_bundle(bundle)
    reference = require_samples(read)
    reporter.stage(f"reading {folder}")
    sample, without = TextSample(), 0
    for record in LogReader(folder, LogFilter(digest=read.digest, since=since, until=until)):
        numbers = record.get("summaries")
        if not isinstance(numbers, dict):
            without += 1
            continue
        sample.add(
            numbers, recorded_labels(record, read.task), recorded_probabilities(record, read.task), _place(record)
        )
    if not sample.texts:
        raise ConfigError(
            "the log has no answers of this bundle with summaries",
            found=f"{without:,} answers without summaries" if without else "no answer of it in this time",
            expected=f"answers of {read.name}@{read.digest[:12]}",
            hint="Give the bundle that is served, and other times. Summaries are logged by servers of this version.",
        )
    reporter.stage(f"comparing {sample.texts:,} answers with {reference.texts:,} of the reference")
    return _result(read, str(folder), reference, sample, without, options)


def _result(
    bundle: Bundle, source: str, reference: Reference, sample: TextSample, unusable: int, options: DriftOptions
) -> DriftResult:
    found = compare_with_reference(reference, sample, bundle.task, tolerance=options.tolerance, alpha=options.alpha)
    version = f"{bundle.name}@{bundle.digest[:12]}"
    return DriftResult(version, bundle.digest, list(bundle.task.labels), source, found, unusable, reference, sample)


def _answers(
    source: str,
    model: Model,
    reporter: Reporter,
    input_options: InputOptions | None,
    text_column: str | None,
    second_column: str | None,
    limit: int | None,
    share: float | None,
    seed: int,
) -> Iterator[tuple[int, Text | InputError, Answer | InputError]]:
    """Yield each text of the file with its number from 1 and its answer, in order.

    A few chunks are answered while the next one is read.
    """
    from glossator.service.inference.pipeline import PendingAnswers
    from glossator.service.labelling.chunks import select_rows, split_into_chunks
    from glossator.service.labelling.file_labelling import FileLabelling, InputOptions
    from glossator.service.labelling.prepared_labelling import open_input, plan_output_columns
    from glossator.service.labelling.row_mapping import RowMapper

    labelling = FileLabelling(
        source=source,
        output="-",
        input_options=input_options or InputOptions(),
        text_column=text_column,
        second_column=second_column,
        prefix=_PREFIX,
    )
    with open_input(labelling) as rows:
        columns = plan_output_columns(labelling, rows, model)
        reporter.stage(rows.describe())
        for decision in rows.all_decisions():
            reporter.detail(decision.message)
        reporter.stage(f"text column '{columns.text}' ({columns.text_reason}), model {model.version}")
        mapper = RowMapper(columns, nested=True, model=model.version)
        waiting: deque[tuple[Sequence[int], Sequence[Text | InputError], PendingAnswers]] = deque()
        for chunk in split_into_chunks(select_rows(rows.records(), limit=limit, share=share, seed=seed)):
            texts = [mapper.read_text(record) for record in chunk.records]
            waiting.append(([row + 1 for row in chunk.row_ids], texts, model.start(texts, lane="bulk")))
            if len(waiting) > _AHEAD:
                yield from _finished(waiting)
        while waiting:
            yield from _finished(waiting)


def _finished(waiting: deque[Any]) -> Iterator[tuple[int, Text | InputError, Answer | InputError]]:
    numbers, texts, pending = waiting.popleft()
    yield from zip(numbers, texts, pending.result(), strict=True)


def _place(record: Mapping[str, Any]) -> str:
    """Return how an answer is found in the log."""
    return f"request {record.get('request')}, text {record.get('place')}"


def recorded_probabilities(record: Mapping[str, Any], task: Task) -> NDArray[np.float64] | None:
    """Return the probability of each label, in label order. The log has the highest; the others share the rest."""
    scores = record.get("scores")
    if not isinstance(task, Classifier) or task.problem_type != "single_label_classification" or not scores:
        return None
    places = {label: place for place, label in enumerate(task.labels)}
    known = {places[each["label"]]: float(each["score"]) for each in scores if each["label"] in places}
    others = len(task.labels) - len(known)
    rest = max(0.0, 1.0 - sum(known.values()))
    found = np.full(len(task.labels), rest / others if others else 0.0)
    for place, score in known.items():
        found[place] = score
    return found
