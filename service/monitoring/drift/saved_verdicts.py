"""What the drift tests of a server last found, read from the state files in its prediction log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glossator.service.monitoring.drift.events import LiveDrift, merge
from glossator.service.monitoring.drift.state import FOLDER, read_state
from glossator.service.statistics.drift import Verdict, alarm_from_dict
from glossator.service.statistics.recent_distance import Distance


def last_drift(log: Path, digest: str) -> list[LiveDrift]:
    """Return what is known of each summary of one version of a model, over all processes that wrote to the log."""
    found: dict[str, list[Verdict]] = {}
    for path in sorted((log / FOLDER).glob("[0-9]*.json")):
        tests = (read_state(path) or {}).get("tests")
        for saved in tests if isinstance(tests, list) else ():
            if isinstance(saved, Mapping) and saved.get("digest") == digest:
                for verdict in saved_verdicts(saved):
                    found.setdefault(verdict.summary, []).append(verdict)
    return [merge(verdicts) for verdicts in found.values()]


def saved_verdicts(saved: Mapping[str, Any] | None) -> list[Verdict]:
    """Return the verdicts in the saved state of a version; none if they are damaged."""
    if saved is None:
        return []
    try:
        return [
            Verdict(
                summary=str(each["summary"]),
                texts=int(each["texts"]),
                alarm=None if each["alarm"] is None else alarm_from_dict(each["alarm"]),
                distance=None if each["distance"] is None else Distance(**each["distance"]),
                evidence=float(each["evidence"]),
            )
            for each in saved["verdicts"]
        ]
    except (ValueError, KeyError, TypeError):
        return []
