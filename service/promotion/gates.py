"""What else a challenger must pass: its golden rows, and a budget of time and memory."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.errors import BundleError

if TYPE_CHECKING:
    from glossator.service.inference.model import Model

LATENCY_RATIO = 1.5
MEMORY_RATIO = 2.0
_ROUNDS = 7
_FEWEST_ROUNDS = 3
_MOST_TEXTS = 50
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition of a promotion. `passed` is None if it was not checked."""

    name: str
    passed: bool | None
    sentence: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {"passed": self.passed, "sentence": self.sentence, **self.numbers}


def check_versions(
    champion: Path,
    challenger: Path,
    *,
    latency_ratio: float = LATENCY_RATIO,
    memory_ratio: float = MEMORY_RATIO,
) -> tuple[list[Gate], str | None]:
    """Verify the challenger, and compare its time and memory with the champion's.

    Args:
        champion: The folder of the champion's bundle.
        challenger: The folder of the challenger's bundle.
        latency_ratio: How many times as long an answer may take.
        memory_ratio: How many times as large its graphs may be.

    Returns:
        The gates, and a sentence about labels that only one of them has; None if both have the same.
    """
    from glossator.service.inference.model import load

    try:
        new = load(challenger)
    except BundleError as error:
        unknown = "not measured: the challenger cannot be loaded"
        return [
            Gate("golden rows", False, f"the challenger does not verify: {error.message}"),
            Gate("latency", None, unknown),
            Gate("memory", None, unknown),
        ], None
    old = load(champion)
    try:
        golden = len(new.bundle.golden)
        verified = Gate("golden rows", True, f"{golden} golden rows are as at export", {"rows": golden})
        return [verified, _latency(old, new, latency_ratio), _memory(old, new, memory_ratio)], _labels(old, new)
    finally:
        for model in (old, new):
            for batcher in model.batchers:
                batcher.close()


def _latency(old: Model, new: Model, most: float) -> Gate:
    """Answer the golden rows of the champion one by one, both versions in turns."""
    texts = [row.input for row in old.bundle.golden if row.error is None][:_MOST_TEXTS]
    if not texts:
        return Gate("latency", None, "not measured: the champion has no golden rows")
    begun = time.perf_counter()
    shortest = [[math.inf] * len(texts) for _ in range(2)]
    for number in range(_ROUNDS + 1):
        for place, text in enumerate(texts):
            for which in (0, 1) if number % 2 else (1, 0):
                took = _seconds((old, new)[which], text)
                if number:  # the first round warms up
                    shortest[which][place] = min(shortest[which][place], took)
        if number >= _FEWEST_ROUNDS and time.perf_counter() - begun > _SECONDS:
            break
    # The shortest time of each text: what else runs on the machine only makes some longer.
    per_text = [1_000.0 * sum(each) / len(texts) for each in shortest]
    ratio = per_text[1] / per_text[0]
    return Gate(
        "latency",
        ratio <= most,
        f"an answer takes {per_text[1]:.2f} ms, {ratio:.2f} times as long as the champion's (at most {most:g})",
        {"ratio": ratio, "milliseconds": per_text[1], "champion_milliseconds": per_text[0], "texts": len(texts)},
    )


def _seconds(model: Model, text: object) -> float:
    begun = time.perf_counter()
    model.predict([text])
    return time.perf_counter() - begun


def _memory(old: Model, new: Model, most: float) -> Gate:
    ratio = new.bytes / max(1, old.bytes)
    return Gate(
        "memory",
        ratio <= most,
        f"its graphs have {new.bytes / 1e6:.1f} MB, {ratio:.2f} times as much as the champion's (at most {most:g})",
        {"ratio": ratio, "bytes": new.bytes, "champion_bytes": old.bytes},
    )


def _labels(old: Model, new: Model) -> str | None:
    before, after = (list(getattr(model.task, "labels", None) or ()) for model in (old, new))
    added, removed = [each for each in after if each not in before], [each for each in before if each not in after]
    if not added and not removed:
        return None
    common = len(set(before) & set(after))
    parts = [
        f"only the {name} has {', '.join(labels[:5])}{', ...' if len(labels) > 5 else ''}"
        for name, labels in (("challenger", added), ("champion", removed))
        if labels
    ]
    return f"{common} labels in common; {'; '.join(parts)}: an answer with such a label counts as it is, right or wrong"
