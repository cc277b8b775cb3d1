"""Metrics for Prometheus, in base units. The values of every label come from a fixed set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from glossator.service.api.monitoring.drift_metrics import DriftCollector
from glossator.service.api.replicas.replica_metrics import ReplicaMetrics
from glossator.service.api.security.key_reloading import KeyFileStatus
from glossator.service.errors import InputError
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer, PendingAnswers
from glossator.service.inference.queue.batching import Totals
from glossator.service.inference.queue.calls import BatchFuture
from glossator.service.monitoring.drift.detector import Key
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.monitoring.shadow.shadow import Shadow
from glossator.service.statistics.drift import Verdict

logger = logging.getLogger("glossator.service.api")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STAGES = ("encode", "queue", "run", "rest")
_TOTALS: Mapping[str, tuple[str, Callable[[Totals], float]]] = {
    "glossator_batches": ("Batches that ran.", lambda each: each.batches),
    "glossator_batch_windows": ("Windows in these batches.", lambda each: each.windows),
    "glossator_batch_tokens": ("Tokens in these batches, special tokens included.", lambda each: each.tokens),
    "glossator_batch_padding_tokens": (
        "Padding tokens in these batches. Padding / (padding + tokens) is the share of padding.",
        lambda each: each.padded - each.tokens,
    ),
    "glossator_batch_seconds": (
        "Seconds in which these batches ran, summed over all workers.",
        lambda each: each.seconds,
    ),
    "glossator_refused": ("Calls refused because the queue was full.", lambda each: each.refused),
    "glossator_late": ("Calls dropped because their deadline passed.", lambda each: each.late),
}
_TEI: Mapping[str, tuple[str, str | None]] = {
    "glossator_model_requests": ("te_request_count", None),
    "glossator_inference_seconds": ("te_request_duration", None),
    "glossator_stage_seconds": ("te_request_tokenization_duration", "encode"),
    "glossator_stage_seconds:queue": ("te_request_queue_duration", "queue"),
    "glossator_stage_seconds:run": ("te_request_inference_duration", "run"),
    "glossator_batches": ("te_batch_count", None),
    "glossator_batch_tokens": ("te_batch_tokens", None),
}
"""Our metric (with a suffix if it occurs twice) to the name in text-embeddings-inference and the stage it selects."""

Models = Callable[[], Iterable[tuple[str, Model]]]


class Metrics:
    """The metrics of one app, in a registry of its own, so that several apps can run in one process."""

    def __init__(self, models: Models, version: str) -> None:
        self._registry = CollectorRegistry()
        self._models = models
        self._requests = Histogram(
            "glossator_request_seconds",
            "Seconds from the headers of a request to the end of its response.",
            ("method", "route", "status"),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._inference = Histogram(
            "glossator_inference_seconds",
            "Seconds to encode, run and decode the texts of one request.",
            ("model",),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._stage = Histogram(
            "glossator_stage_seconds",
            "Seconds of one request in each stage: encode, queue (waiting), run (its share of its batches), rest.",
            ("model", "stage"),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._version_seconds = Histogram(
            "glossator_version_seconds",
            "Seconds of the requests for a model that has a canary, by the version that answered.",
            ("model", "version"),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._model_requests = Counter(
            "glossator_model_requests", "Requests that a model answered.", ("model",), registry=self._registry
        )
        self._texts = Counter("glossator_texts", "Texts received.", ("model",), registry=self._registry)
        self._tokens = Counter("glossator_tokens", "Tokens that a model read.", ("model",), registry=self._registry)
        self._errors = Counter(
            "glossator_errors", "Problems returned, and texts without an answer.", ("code",), registry=self._registry
        )
        build = Gauge("glossator_build_info", "The version of Glossator.", ("version",), registry=self._registry)
        build.labels(version).set(1)
        self._by_model: dict[str, _ModelMetrics] = {}
        for name, _ in models():
            self._add_model(name)  # a rate needs the value 0 before the first request
        self._registry.register(_QueueCollector(models))
        ProcessCollector(registry=self._registry)
        self._replicas: ReplicaMetrics | None = None

    def watch_key_file(self, status: Callable[[], KeyFileStatus]) -> None:
        """Report whether the key file can be read."""
        gauge = Gauge(
            "glossator_key_file_unreadable_seconds",
            "Seconds for which the key file could not be read; 0 if it can.",
            registry=self._registry,
        )
        gauge.set_function(lambda: status().unreadable_seconds)

    def watch_log(self, log: PredictionLog) -> None:
        """Report what the prediction log has written and dropped, and whether it can write."""
        self._registry.register(_LogCollector(log))

    def watch_shadow(self, shadow: Shadow) -> None:
        """Report what the shadows have answered and dropped."""
        self._registry.register(_ShadowCollector(shadow))

    def watch_drift(self, verdicts: Callable[[], dict[Key, list[Verdict]]]) -> None:
        """Report how far the answers of live models are from their references."""
        self._registry.register(DriftCollector(self._models, verdicts))

    def share(self, folder: Path, number: int) -> None:
        """Report the metrics of all replicas that share a folder; this one is `number`.

        If no socket can be created there, each replica reports only its own metrics.
        """
        try:
            self._replicas = ReplicaMetrics(folder, number, self._registry)
        except OSError as error:
            logger.warning(
                "each replica reports only its own metrics: no socket can be created in %s: %s", folder, error
            )

    def close(self) -> None:
        """Stop to share metrics with other replicas."""
        if self._replicas is not None:
            self._replicas.close()
            self._replicas = None

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is the template of its path, never the path itself."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, f"{status // 100}xx").observe(seconds)

    def inference(self, model: str, answers: Sequence[Answer | InputError], seconds: float) -> None:
        """Count the texts of one request and its time. `model` is `NAME` or `NAME@VERSION`."""
        metrics = self._of_model(model)
        metrics.inference.observe(seconds)
        metrics.requests.inc()
        metrics.texts.inc(len(answers))
        metrics.tokens.inc(sum(answer.tokens for answer in answers if isinstance(answer, Answer)))

    def stages(self, model: str, pending: PendingAnswers, seconds: float) -> None:
        """Count the time of each stage of one request; of several heads, with the name of their backbone."""
        metrics = self._of_model(model)
        future = pending.future
        waited, ran = (future.waited, future.ran) if isinstance(future, BatchFuture) else (0.0, 0.0)
        rest = max(0.0, seconds - pending.encode_seconds - waited - ran)
        for stage, stage_seconds in zip(metrics.stages, (pending.encode_seconds, waited, ran, rest), strict=True):
            stage.observe(stage_seconds)

    def version(self, model: str, digest: str, seconds: float) -> None:
        """Count a request for a model that has a canary. The versions are those of the registry."""
        self._version_seconds.labels(model, digest).observe(seconds)

    def error(self, code: str) -> None:
        """Count an error by its code."""
        self._errors.labels(code).inc()

    def error_counts(self) -> dict[str, int]:
        """The errors of this process so far, by code."""
        samples = [each for metric in self._errors.collect() for each in metric.samples]
        return {each.labels["code"]: int(each.value) for each in samples if each.name.endswith("_total")}

    def exposition(self) -> bytes:
        """All metrics, in the text format of Prometheus."""
        return generate_latest(self._source)

    def tei_exposition(self, model: str) -> bytes:
        """The metrics of one model, under the names of text-embeddings-inference."""
        return generate_latest(_TeiMetrics(self._source, model))

    @property
    def _source(self) -> Collector:
        return self._replicas or self._registry

    def _of_model(self, model: str) -> _ModelMetrics:
        name = model.partition("@")[0]  # no version: clients can write one in many ways
        return self._by_model.get(name) or self._add_model(name)

    def _add_model(self, model: str) -> _ModelMetrics:
        self._by_model[model] = metrics = _ModelMetrics(
            self._inference.labels(model),
            [self._stage.labels(model, stage) for stage in STAGES],
            self._model_requests.labels(model),
            self._texts.labels(model),
            self._tokens.labels(model),
        )
        return metrics


class _ModelMetrics:
    """The metrics of one model, looked up once instead of for every request."""

    def __init__(
        self, inference: Histogram, stages: list[Histogram], requests: Counter, texts: Counter, tokens: Counter
    ) -> None:
        self.inference, self.stages, self.requests = inference, stages, requests
        self.texts, self.tokens = texts, tokens


class _QueueCollector(Collector):
    """Collects the state of the served models and their queues at the time of the request."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        served = list(self._models())
        info = GaugeMetricFamily("glossator_model_info", "The models served.", labels=["model", "version"])
        size = GaugeMetricFamily("glossator_model_bytes", "Bytes of the loaded graphs.", labels=["model"])
        wait = GaugeMetricFamily(
            "glossator_queue_wait_seconds", "Expected wait of a new request, in seconds.", labels=["model", "lane"]
        )
        for name, model in served:
            info.add_metric([name, model.digest], 1)
            size.add_metric([name], model.bytes)
            wait.add_metric([name, "interactive"], max(each.wait("interactive") for each in model.batchers))
            wait.add_metric([name, "bulk"], max(each.wait("bulk") for each in model.batchers))
        yield from (info, size, wait)
        for metric, (what, value) in _TOTALS.items():
            family = CounterMetricFamily(metric, what, labels=["model"])
            for name, model in served:
                family.add_metric([name], sum(value(each.totals) for each in model.batchers))
            yield family


class _LogCollector(Collector):
    """Collects the state of the prediction log at the time of the request."""

    def __init__(self, log: PredictionLog) -> None:
        self._log = log

    def collect(self) -> Iterator[Metric]:
        status = self._log.status
        yield CounterMetricFamily("glossator_log_records", "Answers in the prediction log.", value=status.written)
        yield CounterMetricFamily(
            "glossator_log_dropped", "Answers that were not logged: the log was full or failing.", value=status.dropped
        )
        yield GaugeMetricFamily(
            "glossator_log_failing",
            "1 while the prediction log cannot be written.",
            value=float(status.failure is not None),
        )


class _ShadowCollector(Collector):
    """Collects what the shadows have done at the time of the request."""

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow

    def collect(self) -> Iterator[Metric]:
        labels = ["model", "challenger"]
        answers = CounterMetricFamily("glossator_shadow_answers", "Texts that a shadow answered.", labels=labels)
        seconds = CounterMetricFamily("glossator_shadow_seconds", "Seconds that these answers took.", labels=labels)
        disagreements = CounterMetricFamily(
            "glossator_shadow_disagreements", "Texts on which a shadow decided differently.", labels=labels
        )
        dropped = CounterMetricFamily(
            "glossator_shadow_dropped", "Texts of a share that its shadow did not answer.", labels=[*labels, "reason"]
        )
        failing = GaugeMetricFamily(
            "glossator_shadow_failing", "1 while the version of a shadow cannot be used.", labels=labels
        )
        for target, counts in zip(self._shadow.targets, self._shadow.counts, strict=True):
            names = [target.share.model, target.share.version]
            answers.add_metric(names, counts.answers)
            seconds.add_metric(names, counts.seconds)
            disagreements.add_metric(names, counts.disagreements)
            failing.add_metric(names, float(target.problem is not None))
            for reason, texts in counts.dropped.items():
                dropped.add_metric([*names, reason], texts)
        yield from (answers, seconds, disagreements, dropped, failing)


class _TeiMetrics:
    """The metrics of one model, under the names of text-embeddings-inference."""

    def __init__(self, source: Collector, model: str) -> None:
        self._source = source
        self._model = model

    def collect(self) -> Iterator[Metric]:
        found: dict[str, Any] = {metric.name: metric for metric in self._source.collect()}
        for key, (name, stage) in _TEI.items():
            ours = key.partition(":")[0]
            metric = Metric(name, found[ours].documentation, found[ours].type)
            for sample in found[ours].samples:
                labels = dict(sample.labels)
                if labels.pop("model") == self._model and labels.pop("stage", None) == stage:
                    metric.samples.append(
                        Sample(name + sample.name.removeprefix(ours), labels, sample.value, sample.timestamp)
                    )
            yield metric
