"""The drift of the live models, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from glossator.service.inference.model import Model
from glossator.service.monitoring.drift.detector import Key
from glossator.service.statistics.drift import Verdict


class DriftCollector(Collector):
    """Collects what is known of the summaries of live models at the time of the request."""

    def __init__(
        self, models: Callable[[], Iterable[tuple[str, Model]]], verdicts: Callable[[], dict[Key, list[Verdict]]]
    ) -> None:
        self._models = models
        self._verdicts = verdicts

    def collect(self) -> Iterator[Metric]:
        labels = ["model", "summary"]
        distance = GaugeMetricFamily(
            "glossator_drift_distance", "Distance of the newest answers from the reference, 0 to 1.", labels=labels
        )
        alarm = GaugeMetricFamily(
            "glossator_drift_alarm", "1 while a summary is shown to be beyond the tolerance.", labels=labels
        )
        known = self._verdicts()
        for name, model in self._models():
            for verdict in known.get((name, model.digest), ()):
                alarm.add_metric([name, verdict.summary], float(verdict.alarm is not None))
                if verdict.distance is not None:
                    distance.add_metric([name, verdict.summary], verdict.distance.value)
        yield from (distance, alarm)
