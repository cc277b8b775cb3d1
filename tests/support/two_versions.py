"""A prediction log in which a champion answered texts, and a challenger answered them as its shadow."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

CHAMPION, CHALLENGER = "a" * 64, "b" * 64
LABELS = ("billing", "login", "delivery", "refund")


def write_two_versions(
    folder: Path,
    texts: int,
    *,
    better: float = 0.06,
    worse: float = 0.02,
    both_wrong: float = 0.02,
    champion: str = CHAMPION,
    challenger: str = CHALLENGER,
    day: int = 1,
    seed: int = 1,
    log_texts: bool = True,
) -> dict[str, str]:
    """Write the log of one day. Return the right label of each text, by its SHA-256.

    `better`, `worse`, `both_wrong`: the shares of texts in which only the challenger is right, only the champion, or
    neither although they disagree. They agree on the rest, on the right label.
    """
    random = np.random.default_rng([seed, day])
    kinds = random.choice(
        ["better", "worse", "wrong", "agree"],
        size=texts,
        p=[better, worse, both_wrong, 1 - better - worse - both_wrong],
    )
    gold: dict[str, str] = {}
    records: list[dict[str, Any]] = []
    for number, kind in enumerate(kinds):
        right, first, second = (str(each) for each in random.permutation(LABELS)[:3])
        served, shadow = {
            "better": (first, right),
            "worse": (right, first),
            "wrong": (first, second),
            "agree": (right, right),
        }[str(kind)]
        text = f"ticket {number} of day {day}"
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        gold[sha256] = right
        common = {
            "time": f"2026-01-{day:02d}T03:{number // 60 % 60:02d}:{number % 60:02d}.{number // 3600:06d}Z",
            "request": f"day{day}-{number // 4}",
            "model": "tickets",
            "version": None,
            "route": "/v1/classify",
            "key": "local",
            "place": number % 4,
            "sha256": sha256,
            **({"text": text} if log_texts else {}),
        }
        records.append(common | {"digest": champion, "labels": [served], "confidence": 0.9})
        records.append(common | {"digest": challenger, "labels": [shadow], "confidence": 0.8, "role": "shadow"})
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(each) + "\n" for each in records)
    (folder / f"2026-01-{day:02d}T030405Z-1-a.jsonl").write_text(lines)
    return gold


def reviewed(task: dict[str, Any], gold: dict[str, str]) -> dict[str, Any]:
    """What a reviewer says who knows the right label."""
    right = [gold[task["sha256"]]]
    found = [name for name in ("a", "b") if task[name]["labels"] == right]
    return task | {"right": found[0] if found else "neither"}
