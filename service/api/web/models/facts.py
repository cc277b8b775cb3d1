"""What a bundle says about itself, as the pages of models show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from glossator.service.bundle.manifest import EvaluationRecord, Manifest
from glossator.service.bundle.metric_names import METRIC_NAMES
from glossator.service.bundle.task import Classifier, Task

_PERCENT = "\N{NO-BREAK SPACE}%"
_NO_SHARES = ("pearson", "spearman", "mean_absolute_error", "mean_reciprocal_rank")
_KINDS = {
    "single_label_classification": "one label for each text",
    "multi_label_classification": "any number of labels",
    "regression": "a score",
}
_TASKS = {
    "text-classification": "Text classification",
    "text-pair": "Text pairs",
    "token-classification": "Entities",
    "question-answering": "Question answering",
    "text-embedding": "Text embeddings",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its interval, on the rows of a split."""

    name: str
    value: float
    low: float
    high: float
    rows: int
    split: str
    is_share: bool

    @property
    def text(self) -> str:
        """The value, such as `94.2 %`."""
        return write_share(self.value) if self.is_share else f"{self.value:.3f}"

    @property
    def interval(self) -> str:
        """The 95 % interval, such as `92.1 to 96.0 %`."""
        return write_interval(self.low, self.high) if self.is_share else f"{self.low:.3f} to {self.high:.3f}"


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one version."""

    task: str
    kind: str
    """What an answer is, such as `one label for each text`; empty if the task says it."""
    headline: Metric | None
    """None if the model was not measured on labelled rows."""
    metrics: Sequence[Metric]
    speed: float | None
    """Texts a second."""
    threads: int
    machine: str
    bytes: int
    labels: Sequence[str]
    precision: str
    has_cascade: bool
    max_length: int
    algorithm: str
    base_model: str
    training_rows: int
    trained: str
    licence: str | None

    @property
    def size(self) -> str:
        """The size on disk, such as `22.7 MB`."""
        return write_bytes(self.bytes)


def facts_of(manifest: Manifest, licence: str | None = None) -> Facts:
    """The facts in a manifest; `licence` is in the model card."""
    task, speed = manifest.task, manifest.speed
    record = _record(manifest)
    metrics = () if record is None else _metrics(record)
    provenance = task.provenance
    return Facts(
        task=_TASKS.get(task.task, task.task),
        kind=_kind(task),
        headline=metrics[0] if metrics and manifest.verification.measured else None,
        metrics=metrics,
        speed=None if speed is None else speed.texts_per_second,
        threads=0 if speed is None else speed.threads,
        machine="" if speed is None else speed.machine,
        bytes=sum(entry.size for entry in manifest.files.values()),
        labels=task.labels,
        precision=manifest.served.precision,
        has_cascade=manifest.cascade is not None,
        max_length=task.encoding.max_length,
        algorithm=provenance.algorithm,
        base_model=provenance.base_model,
        training_rows=provenance.corpus_rows,
        trained=_write_time(provenance.created),
        licence=licence,
    )


def write_share(share: float) -> str:
    """A share as per cent, such as `94.2 %`."""
    return f"{100 * share:.1f}{_PERCENT}"


def write_interval(low: float, high: float) -> str:
    """An interval of shares, such as `92.1 to 96.0 %`."""
    return f"{100 * low:.1f} to {write_share(high)}"


def write_bytes(count: int) -> str:
    """A number of bytes for people."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _write_time(text: str) -> str:
    """A time in ISO 8601 for people; unchanged if it is not one."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return text


def _kind(task: Task) -> str:
    return _KINDS[task.problem_type] if isinstance(task, Classifier) else ""


def _record(manifest: Manifest) -> EvaluationRecord | None:
    """The evaluation to show: of the served graph, on the test split if there is one."""
    found = [each for each in manifest.evaluation if each.precision == manifest.served.precision]
    found = found or list(manifest.evaluation)
    return next((each for each in found if each.split == "test"), found[-1] if found else None)


def _metrics(record: EvaluationRecord) -> list[Metric]:
    return [
        Metric(
            METRIC_NAMES.get(name, name),
            each.value,
            each.low,
            each.high,
            record.rows,
            record.split,
            name not in _NO_SHARES,
        )
        for name, each in record.metrics.items()
    ]
