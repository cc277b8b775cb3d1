"""An evaluation as files: its JSON, its report in words, its pictures."""

from __future__ import annotations

import json

from evaluation.classification import Evaluation
from evaluation.plots import class_f1_svg, confusion_svg, reliability_svg


def pictures(evaluation: Evaluation) -> dict[str, str]:
    """SVG pictures by name: `per-class`, `reliability`, and for single-label `confusion`."""
    drawn = {"per-class": class_f1_svg(evaluation), "reliability": reliability_svg(evaluation)}
    if evaluation.confusion is not None:
        drawn["confusion"] = confusion_svg(evaluation)
    return drawn


def to_json(evaluation: Evaluation) -> str:
    """The evaluation as a JSON document."""
    return json.dumps(evaluation.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
