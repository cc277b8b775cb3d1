"""A registry and a prediction log with a past: two versions, a promotion, answers of some days."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sampled_bundle import sampled_bundle

from glossator.service.registry import AUDIT, Registry

NAME = "tickets"
HOSTILE = [
    '<img src=x onerror="alert(1)">',
    "\"quoted\" & 'single'",
    "العربية 🙂 عكس",
    "label " + "long " * 99,
]


def registry_with_past(root: Path, *, days: float) -> tuple[Path, str, str]:
    """Create a registry whose second version was promoted after two thirds of some days. Return it and both digests."""
    registry = Registry(root / "registry")
    old = registry.add(sampled_bundle(root / "old", texts=900), name=NAME, why="first version").digest
    new = registry.add(sampled_bundle(root / "new", texts=1_000), name=NAME, why="more training rows").digest
    registry.alias(NAME, new, why="better on 120 reviewed disagreements")
    now = datetime.now(UTC)
    ages = (days, days / 2, days / 3)
    lines = []
    for line, age in zip((registry.root / AUDIT).read_text().splitlines(), ages, strict=True):
        entry = json.loads(line) | {"time": (now - timedelta(days=age)).isoformat(timespec="milliseconds"), "by": "ann"}
        lines.append(json.dumps(entry) + "\n")
    (registry.root / AUDIT).write_text("".join(lines))
    return registry.root, old, new


def write_past(
    log: Path,
    versions: Sequence[tuple[str, float, float]],
    *,
    labels: Sequence[str],
    per_hour: int = 12,
    model: str = NAME,
) -> int:
    """Log answers of versions (digest, age in days of the first and of the last answer). Return how many."""
    log.mkdir(parents=True, exist_ok=True)
    chance, now, count = random.Random(3), datetime.now(UTC), 0
    weights = [1.0 / (place + 1) for place in range(len(labels))]
    for digest, begin, end in versions:
        lines: dict[str, list[str]] = {}
        moment = now - timedelta(days=begin)
        while moment < now - timedelta(days=end):
            busy = 1.2 + math.sin(2 * math.pi * (moment.hour - 8) / 24)
            moment += timedelta(seconds=chance.expovariate(per_hour * busy / 3_600))
            count += 1
            lines.setdefault(f"{moment:%Y-%m-%dT%H}", []).append(
                json.dumps(_record(count, digest, moment, chance, labels, weights) | {"model": model})
            )
        for hour, found in lines.items():
            (log / f"{hour}0000.000000Z-1-{model}-{digest[:8]}.jsonl").write_text("\n".join(found) + "\n")
    return count


def _record(
    number: int, digest: str, moment: datetime, chance: random.Random, labels: Sequence[str], weights: Sequence[float]
) -> dict[str, Any]:
    confidence = min(1.0, max(0.2, chance.gauss(0.82, 0.08)))
    tokens = chance.randint(3, 10)
    return {
        "time": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "request": f"past-{number}", "model": NAME, "version": None,
        "digest": digest, "route": "/v1/models/{name}/predict", "key": "local",
        "seconds": round(chance.lognormvariate(-5.2, 0.5), 6), "place": 0, "sha256": f"{number:064x}",
        "labels": chance.choices(labels, weights), "scores": [], "confidence": confidence, "tokens": tokens,
        "windows": 1, "truncated": chance.random() < 0.03, "tier": None,
        "summaries": {"tokens": float(tokens), "confidence": confidence, "unknown_words": chance.random() * 0.1},
    }  # fmt: skip
