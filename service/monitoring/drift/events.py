"""What is reported when an alarm of drift begins or ends, and what is known of each summary at any time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from glossator.service.statistics.drift import Alarm, Verdict
from glossator.service.statistics.drift_events import LABELS
from glossator.service.statistics.recent_distance import Distance


class Example(NamedTuple):
    """A logged answer that shows the change. The log has its text if texts are logged."""

    request: str
    place: int
    value: float | str
    """The value of the summary, or the label."""


@dataclass(frozen=True, slots=True)
class DriftEvent:
    """An alarm of one version of a model has begun or ended."""

    model: str
    digest: str
    began: bool
    time: float
    alarm: Alarm
    distance: Distance | None
    tolerance: float
    false_alarms: float
    """How many may be expected in a million texts."""
    examples: tuple[Example, ...] = ()

    @property
    def id(self) -> str:
        """The same for every report of this event."""
        version = f"{self.model}.{self.digest[:12]}"
        return f"{self.type}.{version}.{self.alarm.summary}.{int(self.alarm.raised_time * 1e3)}"

    @property
    def type(self) -> str:
        """The type of the message."""
        return "drift.began" if self.began else "drift.ended"

    def sentence(self) -> str:
        """Return the event in one sentence."""
        version = f"{self.model}@{self.digest[:12]}"
        if not self.began:
            return f"{version}: {self.alarm.summary} is within the tolerance of {self.tolerance:g} again"
        return f"{version}: {describe(self.alarm, self.tolerance)}"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {
            "model": self.model,
            "digest": self.digest,
            "message": self.sentence(),
            "tolerance": self.tolerance,
            "false_alarms_per_million_texts": self.false_alarms,
            "distance": None if self.distance is None else asdict(self.distance),
            "alarm": alarm_to_dict(self.alarm),
            "examples": [each._asdict() for each in self.examples],
        }


@dataclass(frozen=True, slots=True)
class LiveDrift:
    """What is known of one summary of one version of a model, over all processes of a server."""

    summary: str
    texts: int
    alarm: Alarm | None
    distance: Distance | None
    """Of the process that saw the largest one."""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {
            "summary": self.summary,
            "drifted": self.alarm is not None,
            "texts": self.texts,
            "distance": None if self.distance is None else asdict(self.distance),
            "alarm": None if self.alarm is None else alarm_to_dict(self.alarm),
        }


def describe(alarm: Alarm, tolerance: float) -> str:
    """Return an alarm in one sentence.

    >>> print(describe(Alarm("tokens", 64, 0.0, 96, 9.0, "tokens of at most 12", "fewer", 12.0, (), 0.61, 0.2), 0.1))
    tokens has drifted by more than 0.1: 20.0 % of recent texts have tokens of at most 12, 61.0 % in the reference; ...
    """
    subject = "the mix of labels" if alarm.summary == LABELS else alarm.summary
    event = f"the label {alarm.event}" if len(alarm.labels) == 1 else alarm.event
    return (
        f"{subject} has drifted by more than {tolerance:g}: {100 * alarm.recent:.1f} % of recent texts have {event}, "
        f"{100 * alarm.reference:.1f} % in the reference; since {_time(alarm.since_time)}"
    )


def alarm_to_dict(alarm: Alarm) -> dict[str, Any]:
    """Return JSON-ready fields, with times in ISO 8601."""
    fields = asdict(alarm)
    fields["labels"] = list(alarm.labels)
    fields["since_time"], fields["raised_time"] = _time(alarm.since_time), _time(alarm.raised_time)
    return fields


def merge(verdicts: list[Verdict]) -> LiveDrift:
    """Return what the verdicts of several processes on one summary say together.

    An alarm of one is an alarm. No correction is needed: false alarms are counted for each text of all processes.
    """
    alarms = [each.alarm for each in verdicts if each.alarm is not None]
    distances = [each.distance for each in verdicts if each.distance is not None]
    return LiveDrift(
        summary=verdicts[0].summary,
        texts=sum(each.texts for each in verdicts),
        alarm=min(alarms, key=lambda each: each.since_time, default=None),
        distance=max(distances, key=lambda each: each.value, default=None),
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
