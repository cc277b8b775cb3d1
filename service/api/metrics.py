"""What Prometheus may ask: base units, and labels of which there are only so many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from service.errors import InputError
from service.inference.model import Model
from service.inference.pipeline import Answer

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts of one app, in a registry of its own: two apps in one process do not meet."""

    def __init__(self, models: Iterable[tuple[str, Model]], version: str) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "glossator_request_seconds",
            "Seconds from the request's headers to the end of its answer.",
            ("method", "route", "status"),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        inference = Histogram(
            "glossator_inference_seconds",
            "Seconds in which the texts of one request were encoded, run and decoded.",
            ("model",),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        texts = Counter("glossator_texts", "Texts received.", ("model",), registry=self._registry)
        tokens = Counter("glossator_tokens", "Tokens that a model saw.", ("model",), registry=self._registry)
        self._errors = Counter(
            "glossator_errors", "Problems answered, and texts without an answer.", ("code",), registry=self._registry
        )
        build = Gauge("glossator_build_info", "The version of Glossator.", ("version",), registry=self._registry)
        build.labels(version).set(1)
        served = Gauge("glossator_model_info", "The models served.", ("model", "version"), registry=self._registry)
        self._of_model: dict[str, tuple[Histogram, Counter, Counter]] = {}
        for name, model in models:
            served.labels(name, model.digest).set(1)
            # Made before they are used: a rate needs the zero before the first request, and requests need no look-up.
            self._of_model[name] = (inference.labels(name), texts.labels(name), tokens.labels(name))
        ProcessCollector(registry=self._registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request; `route` is its template, never its path."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, f"{status // 100}xx").observe(seconds)

    def inference(self, model: str, answers: Sequence[Answer | InputError], seconds: float) -> None:
        """Counts the texts of one request."""
        inference, texts, tokens = self._of_model[model]
        inference.observe(seconds)
        texts.inc(len(answers))
        tokens.inc(sum(answer.tokens for answer in answers if isinstance(answer, Answer)))

    def error(self, code: str) -> None:
        """Counts an error by its code."""
        self._errors.labels(code).inc()

    def exposition(self) -> bytes:
        """Everything counted, in the text format of Prometheus."""
        return generate_latest(self._registry)
