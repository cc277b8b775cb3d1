"""Watches the answers that a process gives for drift: one test for each version of a model.

The thread of the prediction log shows the detector what it logs, if the bundle has reference samples. The detector
saves its state in the folder of the log from time to time, and goes on from there when the server starts again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from glossator.service.bundle.reader import Bundle
from glossator.service.bundle.reference import Reference
from glossator.service.bundle.task import Classifier, Task
from glossator.service.monitoring.drift.events import DriftEvent, Example, LiveDrift, merge
from glossator.service.monitoring.drift.references import References, recorded_labels
from glossator.service.monitoring.drift.saved_verdicts import saved_verdicts
from glossator.service.monitoring.drift.state import DriftState
from glossator.service.monitoring.prediction_log.records import Served
from glossator.service.statistics.drift import (
    BLOCK,
    Alarm,
    Change,
    DriftSettings,
    DriftTest,
    Verdict,
)
from glossator.service.statistics.drift_events import LABELS, OTHER

MOST_TESTS = 32
"""Versions that are watched; of more, those without traffic for the longest time are forgotten."""
KEEP_SECONDS = 30 * 86_400.0
"""The state of a version without traffic for this long is not restored."""
EXAMPLES = 5
_KEPT_TEXTS = 512
"""The newest texts among which examples are looked for."""
_KEPT_FIELDS = ("request", "place", "summaries", "labels", "scores")
"""What is kept of their records: not the texts, which may be long, or erased meanwhile."""

logger = logging.getLogger("glossator.service.monitoring")

Announce = Callable[[DriftEvent], None]
"""Gets every event in the thread of the log: it must be quick."""
Key = tuple[str, str]
"""Name and digest."""


class _Watched:
    """One version of a model: its test, and the newest texts."""

    def __init__(self, task: Task, reference: Reference, settings: DriftSettings, last: float) -> None:
        single = isinstance(task, Classifier) and task.problem_type == "single_label_classification"
        self.task = task
        self.fingerprint = _fingerprint(reference, single, settings)
        self.test = DriftTest(
            reference.samples,
            reference.predicted_counts,
            texts=reference.texts,
            single_label=single,
            settings=settings,
        )
        self.newest: deque[Mapping[str, Any]] = deque(maxlen=_KEPT_TEXTS)
        self.last = last


class DriftDetector:
    """The tests of one process. `observe` is called by the thread of the log, everything else by any.

    Args:
        settings: What counts as drift.
        state: Where the state is saved; None: nowhere.
        announce: Gets the events.
    """

    def __init__(
        self, settings: DriftSettings, state: DriftState | None = None, announce: Announce = lambda _: None
    ) -> None:
        self.settings = settings
        self._state = state
        self._announce = announce
        self._references = References()
        self._lock = threading.Lock()
        self._watched: dict[Key, _Watched] = {}
        self._saved: dict[Key, Mapping[str, Any]] = {}
        """Saved states of versions that have had no traffic since the start."""
        self._is_saved = True
        if state is not None:
            self._saved = _recent(state.read().get("tests"))

    def observe(self, served: Served, records: Sequence[Mapping[str, Any]]) -> None:
        """Add the answers to one request, see `PredictionLog.observe`."""
        if served.bundle is None or not records or "summaries" not in records[0]:
            return
        with self._lock:
            watched = self._find(served.model, served.bundle, served.time)
            if watched is None:
                return
            watched.last = served.time
            self._is_saved = False
            for record in records:
                watched.newest.append({name: record[name] for name in _KEPT_FIELDS if name in record})
                labels = recorded_labels(record, watched.task)
                for change in watched.test.add(record["summaries"], labels, served.time):
                    self._announce(self._event((served.model, served.digest), watched, change, served.time))

    def verdicts(self, model: str, digest: str) -> list[LiveDrift]:
        """Return what is known of each summary, with what other processes have saved. Reads files."""
        key = (model, digest)
        found: dict[str, list[Verdict]] = {}
        for verdict in self._own_verdicts(key):
            found.setdefault(verdict.summary, []).append(verdict)
        if self._state is not None:
            for other in self._state.others():
                for verdict in saved_verdicts(_recent(other.get("tests")).get(key)):
                    found.setdefault(verdict.summary, []).append(verdict)
        return [merge(each) for each in found.values()]

    def own_verdicts(self) -> dict[Key, list[Verdict]]:
        """Return what this process knows of each version that it watches or has watched before it was restarted."""
        with self._lock:
            saved = {key: saved_verdicts(each) for key, each in self._saved.items()}
            return {**saved, **{key: watched.test.verdicts() for key, watched in self._watched.items()}}

    def is_known_elsewhere(self, event: DriftEvent) -> bool:
        """Return whether another process has saved the same alarm. Reads files."""
        if self._state is None or not event.began:
            return False
        saved = [_recent(other.get("tests")).get((event.model, event.digest)) for other in self._state.others()]
        return any(
            verdict.alarm is not None and verdict.summary == event.alarm.summary
            for each in saved
            for verdict in saved_verdicts(each)
        )

    def save(self) -> None:
        """Save the state if it has changed. Raises OSError."""
        if self._state is None or self._is_saved:
            return
        with self._lock:
            tests = {**self._saved, **{key: _content(watched) for key, watched in self._watched.items()}}
            self._is_saved = True
        newest = sorted(tests, key=lambda key: float(tests[key]["last"]))[-MOST_TESTS:]
        try:
            self._state.write({"tests": [{"model": key[0], "digest": key[1], **tests[key]} for key in newest]})
        except BaseException:
            self._is_saved = False
            raise

    def close(self) -> None:
        """Save the state, and let another process go on with it. Raises OSError."""
        if self._state is None:
            return
        try:
            self.save()
        finally:
            self._state.close()
            self._state = None

    def _find(self, model: str, bundle: Bundle, now: float) -> _Watched | None:
        """Return the test of a version, which is made for its first answer; None without a reference.

        The caller holds the lock.
        """
        key = (model, bundle.digest)
        watched = self._watched.get(key)
        if watched is not None:
            return watched
        reference = self._references.of(bundle)
        if reference is None:
            return None
        watched = _Watched(bundle.task, reference, self.settings, now)
        saved = self._saved.pop(key, None)
        if saved is not None and saved.get("fingerprint") == watched.fingerprint:
            try:
                watched.test.restore(saved["state"])
            except (ValueError, KeyError, TypeError) as error:
                logger.warning("drift of %s@%s: the saved state cannot be used: %s", model, bundle.digest[:12], error)
                watched = _Watched(bundle.task, reference, self.settings, now)
        self._watched[key] = watched
        while len(self._watched) > MOST_TESTS:
            oldest = min((each for each in self._watched if each != key), key=lambda each: self._watched[each].last)
            del self._watched[oldest]
        return watched

    def _own_verdicts(self, key: Key) -> list[Verdict]:
        with self._lock:
            watched = self._watched.get(key)
            if watched is not None:
                return watched.test.verdicts()
            return saved_verdicts(self._saved.get(key))

    def _event(self, key: Key, watched: _Watched, change: Change, now: float) -> DriftEvent:
        return DriftEvent(
            model=key[0],
            digest=key[1],
            began=change.began,
            time=now,
            alarm=change.alarm,
            distance=watched.test.recent.distances.get(change.alarm.summary),
            tolerance=self.settings.tolerance,
            false_alarms=self.settings.false_alarms,
            examples=_examples(change.alarm, watched) if change.began else (),
        )


def _examples(alarm: Alarm, watched: _Watched) -> tuple[Example, ...]:
    """Return the newest texts that show an alarm, the most extreme ones first."""
    recent = max(BLOCK, watched.test.texts - alarm.since)
    newest = list(watched.newest)[-recent:]
    if alarm.summary == LABELS:
        if alarm.direction == "fewer":
            return ()
        return tuple(
            Example(record["request"], record["place"], label)
            for record in reversed(newest)
            for label in recorded_labels(record, watched.task)[:1]
            if label in alarm.labels or OTHER in alarm.labels
        )[:EXAMPLES]
    assert alarm.at is not None
    is_low = alarm.direction == "more"
    values = [(float(each["summaries"][alarm.summary]), each) for each in newest if alarm.summary in each["summaries"]]
    values = [each for each in values if (each[0] <= alarm.at) == is_low]
    values.reverse()
    values.sort(key=lambda each: each[0] if is_low else -each[0])
    return tuple(Example(record["request"], record["place"], value) for value, record in values[:EXAMPLES])


def _content(watched: _Watched) -> dict[str, Any]:
    return {
        "fingerprint": watched.fingerprint,
        "last": watched.last,
        "verdicts": [asdict(each) for each in watched.test.verdicts()],
        "state": _copied(watched.test.to_state()),
    }


def _copied(tree: Any) -> Any:
    """Return a tree with copies of its arrays: the test goes on while the copy is written."""
    if isinstance(tree, dict):
        return {name: _copied(each) for name, each in tree.items()}
    return tree.copy() if hasattr(tree, "copy") else tree


def _recent(tests: object) -> dict[Key, Mapping[str, Any]]:
    """Return the saved states of versions that had traffic lately, by name and digest."""
    found: dict[Key, Mapping[str, Any]] = {}
    oldest = time.time() - KEEP_SECONDS
    for each in tests if isinstance(tests, Iterable) else ():
        try:
            if float(each["last"]) >= oldest:
                found[str(each["model"]), str(each["digest"])] = each
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _fingerprint(reference: Reference, single: bool, settings: DriftSettings) -> str:
    """Return a hash of everything that a state depends on."""
    content = [reference.samples, reference.predicted_counts, reference.texts, single, asdict(settings)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
