"""What Prometheus may ask: base units, and labels of which there are only so many."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from glossator.service.api.replicas.replica_metrics import ReplicaMetrics
from glossator.service.errors import InputError
from glossator.service.inference.batching import BatchFuture, Totals
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer, Pending

logger = logging.getLogger("glossator.service.api")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STAGES = ("encode", "queue", "run", "rest")
_TOTALS: Mapping[str, tuple[str, Callable[[Totals], float]]] = {
    "glossator_batches": ("Batches that ran.", lambda each: each.batches),
    "glossator_batch_windows": ("Windows in these batches.", lambda each: each.windows),
    "glossator_batch_tokens": ("Tokens in these batches, special tokens included.", lambda each: each.tokens),
    "glossator_batch_padding_tokens": (
        "Padding in these batches: divided by itself and the tokens, the share of padding.",
        lambda each: each.padded - each.tokens,
    ),
    "glossator_batch_seconds": ("Seconds in which these batches ran, of all workers.", lambda each: each.seconds),
    "glossator_refused": ("Calls refused since too much waited.", lambda each: each.refused),
    "glossator_late": ("Calls dropped since their deadline had passed.", lambda each: each.late),
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
"""Ours under the names of text-embeddings-inference; of the stages, one each."""

Models = Callable[[], Iterable[tuple[str, Model]]]


class Metrics:
    """Counts of one app, in a registry of its own: two apps in one process do not meet."""

    def __init__(self, models: Models, version: str) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "glossator_request_seconds",
            "Seconds from the request's headers to the end of its answer.",
            ("method", "route", "status"),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._inference = Histogram(
            "glossator_inference_seconds",
            "Seconds in which the texts of one request were encoded, run and decoded.",
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
        self._model_requests = Counter(
            "glossator_model_requests", "Requests that a model answered.", ("model",), registry=self._registry
        )
        self._texts = Counter("glossator_texts", "Texts received.", ("model",), registry=self._registry)
        self._tokens = Counter("glossator_tokens", "Tokens that a model saw.", ("model",), registry=self._registry)
        self._errors = Counter(
            "glossator_errors", "Problems answered, and texts without an answer.", ("code",), registry=self._registry
        )
        build = Gauge("glossator_build_info", "The version of Glossator.", ("version",), registry=self._registry)
        build.labels(version).set(1)
        self._of_model: dict[str, _OfModel] = {}
        for name, _ in models():
            self._labelled(name)  # a rate needs the zero before the first request
        self._registry.register(_Queues(models))
        ProcessCollector(registry=self._registry)
        self._siblings: ReplicaMetrics | None = None

    def share(self, folder: Path, number: int) -> None:
        """Tells also what the other replicas count that share a folder; this one is `number`. Where no socket can be
        made there, each tells its own."""
        try:
            self._siblings = ReplicaMetrics(folder, number, self._registry)
        except OSError as error:
            logger.warning("replicas tell their metrics apart: %s has no socket: %s", folder, error)

    def close(self) -> None:
        """Shares no more."""
        if self._siblings is not None:
            self._siblings.close()
            self._siblings = None

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request; `route` is its template, never its path."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, f"{status // 100}xx").observe(seconds)

    def inference(self, model: str, pending: Pending, answers: Sequence[Answer | InputError], seconds: float) -> None:
        """Counts the texts of one request, and the time of each stage. `model` is a name that is served."""
        name = model.partition("@")[0]  # versions are asked for in many ways
        counts = self._of_model.get(name) or self._labelled(name)
        ticket = pending.future
        waited, ran = (ticket.waited, ticket.ran) if isinstance(ticket, BatchFuture) else (0.0, 0.0)
        counts.inference.observe(seconds)
        rest = max(0.0, seconds - pending.encode_seconds - waited - ran)
        for stage, took in zip(counts.stages, (pending.encode_seconds, waited, ran, rest), strict=True):
            stage.observe(took)
        counts.requests.inc()
        counts.texts.inc(len(answers))
        counts.tokens.inc(sum(answer.tokens for answer in answers if isinstance(answer, Answer)))

    def error(self, code: str) -> None:
        """Counts an error by its code."""
        self._errors.labels(code).inc()

    def exposition(self) -> bytes:
        """Everything counted, in the text format of Prometheus."""
        return generate_latest(self._source)

    def tei_exposition(self, model: str) -> bytes:
        """What is counted of one model under the names of text-embeddings-inference."""
        return generate_latest(_Renamed(self._source, model))

    @property
    def _source(self) -> Collector:
        return self._siblings or self._registry

    def _labelled(self, model: str) -> _OfModel:
        self._of_model[model] = made = _OfModel(
            self._inference.labels(model),
            [self._stage.labels(model, stage) for stage in STAGES],
            self._model_requests.labels(model),
            self._texts.labels(model),
            self._tokens.labels(model),
        )
        return made


class _OfModel:
    """The counts of one model: requests need no look-up."""

    def __init__(
        self, inference: Histogram, stages: list[Histogram], requests: Counter, texts: Counter, tokens: Counter
    ) -> None:
        self.inference, self.stages, self.requests = inference, stages, requests
        self.texts, self.tokens = texts, tokens


class _Queues(Collector):
    """What the queues of the models that are served say of themselves when they are asked."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        served = list(self._models())
        info = GaugeMetricFamily("glossator_model_info", "The models served.", labels=["model", "version"])
        size = GaugeMetricFamily("glossator_model_bytes", "Bytes of the graphs that are loaded.", labels=["model"])
        wait = GaugeMetricFamily(
            "glossator_queue_wait_seconds", "Seconds until a worker would come to a request.", labels=["model", "lane"]
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


class _Renamed:
    """The metrics of one model under other names."""

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
