"""Suspicious rows as a queue for people: tasks of Label Studio (.json) or of Prodigy (.jsonl)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from training.corpus.suspects import Suspect


def label_studio(suspects: Sequence[Suspect]) -> str:
    """Tasks to import into a Label Studio project with `<Text name="text" value="$text"/>` and `<Choices name="label"
    toName="text">`: the likelier label is the prediction, the given one stands in the data."""
    tasks = [
        {
            "data": {"text": each.text, "line": each.line, "label": each.label},
            "predictions": [
                {
                    "model_version": "glossator",
                    "score": each.suggestion_probability,
                    "result": [
                        {
                            "from_name": "label",
                            "to_name": "text",
                            "type": "choices",
                            "value": {"choices": [each.suggestion]},
                        }
                    ],
                }
            ],
        }
        for each in suspects
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def prodigy(suspects: Sequence[Suspect]) -> str:
    """Examples of Prodigy's `choice` interface: the given label and the likelier one, which is accepted beforehand."""
    lines = []
    for each in suspects:
        options = [{"id": name, "text": name} for name in dict.fromkeys([each.suggestion, each.label])]
        meta = {"line": each.line, "label": each.label, "probability": round(each.probability, 4)}
        example = {"text": each.text, "options": options, "accept": [each.suggestion], "meta": meta}
        lines.append(json.dumps(example, ensure_ascii=False) + "\n")
    return "".join(lines)
