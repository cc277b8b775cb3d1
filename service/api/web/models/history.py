"""The audit of a model as a list of events, the newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glossator.service.errors import shorten
from glossator.service.files.printable_json import printable_json
from glossator.service.promotion.champion_changes import is_forced
from glossator.service.registry import CHAMPION, AuditEntry

_DIGITS = 12
_SHOWN_CHARACTERS = 1_000
"""Of a reason. It may contain anything; the audit has all of it."""
_EVIDENCE_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the audit in words. `kind`: good, warn, bad, info or off, for its sign."""

    kind: str
    title: str
    digest: str
    why: str
    by: str
    time: str
    facts: Sequence[str]
    """What the evidence says, in sentences."""
    evidence: str
    """All of it, as JSON; empty without any."""


def events_of(history: Sequence[AuditEntry], *, most: int | None = None) -> list[Event]:
    """The last lines of the audit, the newest first."""
    chosen = history if most is None else history[-most:]
    return [_event(each) for each in reversed(chosen)]


def _event(entry: AuditEntry) -> Event:
    kind, title = _title(entry)
    evidence = entry.evidence or {}
    return Event(
        kind=kind,
        title=title,
        digest=entry.digest[:_DIGITS],
        why=shorten(entry.why, _SHOWN_CHARACTERS),
        by=shorten(entry.by),
        time=entry.time,
        facts=[shorten(each, _SHOWN_CHARACTERS) for each in _facts(evidence)],
        evidence=printable_json(evidence, indent=2)[:_EVIDENCE_CHARACTERS] if evidence else "",
    )


def _title(entry: AuditEntry) -> tuple[str, str]:
    if entry.action == "add":
        return "info", f"Added as {entry.alias}" if entry.alias else "Added"
    if entry.action == "remove":
        return "off", "Removed"
    if entry.action == "note":
        return "warn", "Note"
    forced = is_forced(entry)
    if entry.alias != CHAMPION:
        return "info", f"Became {entry.alias}"
    if entry.action == "rollback":
        return "bad", "Rolled back to this version"
    return ("warn", "Promoted without enough evidence") if forced else ("good", "Promoted")


def _facts(evidence: Mapping[str, Any]) -> list[str]:
    facts = []
    if evidence.get("against"):
        facts += [f"Against it: {each}" for each in evidence["against"] if isinstance(each, str)]
    reviewed, disagreements, texts = (evidence.get(name) for name in ("reviewed", "disagreements", "texts"))
    if isinstance(reviewed, int) and isinstance(disagreements, int) and isinstance(texts, int):
        facts.append(f"{reviewed:,} of {disagreements:,} disagreements reviewed, among {texts:,} texts")
    low, high = evidence.get("difference_low"), evidence.get("difference_high")
    if reviewed and isinstance(low, float) and isinstance(high, float):
        facts.append(f"Difference of the accuracies: {100 * low:+.2f} to {100 * high:+.2f} points")
    gates = evidence.get("gates")
    if isinstance(gates, Mapping):
        facts += [f"{name}: {each.get('sentence', '')}" for name, each in gates.items() if isinstance(each, Mapping)]
    return facts
