"""How often the answers of shadows differ from those that callers got."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path

from glossator.service.monitoring.prediction_log.decisions import decision_of
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader, Record
from glossator.service.statistics.share_interval import share_interval


@dataclass(slots=True)
class ShadowComparison:
    """The answers of one version of a model to texts that another version had answered for callers."""

    model: str
    digest: str
    """The version that callers got."""
    challenger: str
    """The version of the shadow."""
    compared: int = 0
    """Texts that both answered with a decision."""
    disagreements: int = 0
    _texts: dict[str, int] = field(default_factory=dict)
    """How often each text was compared, by its SHA-256."""

    @property
    def share(self) -> float | None:
        """The share of disagreements among the compared answers; None without any."""
        return self.disagreements / self.compared if self.compared else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of that share for all answers of this version, for one look.

        Equal texts are in the shadow's share together, and both versions decide equally on them: the sample is one of
        texts, so its effective size is (sum of the counts)^2 / (sum of the squared counts).
        """
        squares = sum(count**2 for count in self._texts.values())
        return share_interval(self.share or 0.0, self.compared**2 / squares if squares else 0.0)

    def add(self, text: str, *, differs: bool) -> None:
        """Count a text, given by its SHA-256."""
        self.compared += 1
        self.disagreements += differs
        self._texts[text] = self._texts.get(text, 0) + 1


_Key = tuple[str, str, int, str]
"""Model, request, place and SHA-256. Clients choose the ids of requests, so these may repeat."""


def compare_shadows(folder: Path, wanted: LogFilter | None = None) -> list[ShadowComparison]:
    """Compare what shadows answered with what callers got. The digest of `wanted` is that of the callers' version."""
    wanted = wanted or LogFilter()
    shadows: dict[_Key, dict[str, Hashable]] = {}
    for record in LogReader(folder, replace(wanted, role="shadow", digest=None)):
        if (decision := decision_of(record)) is not None:
            shadows.setdefault(_key(record), {})[str(record.get("digest"))] = decision
    found: dict[tuple[str, str, str], ShadowComparison] = {}
    if not shadows:
        return []
    for record in LogReader(folder, replace(wanted, role="served")):
        ours = decision_of(record)
        for challenger, theirs in shadows.get(_key(record), {}).items():
            if ours is None:
                continue
            names = (str(record.get("model")), str(record.get("digest")), challenger)
            comparison = found.setdefault(names, ShadowComparison(*names))
            comparison.add(str(record.get("sha256")), differs=ours != theirs)
    return list(found.values())


def _key(record: Record) -> _Key:
    model, request, place = record.get("model"), record.get("request"), record.get("place")
    return str(model), str(request), int(place or 0), str(record.get("sha256"))
