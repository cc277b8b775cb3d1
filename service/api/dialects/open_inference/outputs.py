"""The output tensors of every task, and the classification extension of Triton."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.service.api.dialects.open_inference.tensors import Tensor
from glossator.service.api.inference.answer_budget import NUMBER_BYTES, names_bytes, scores_bytes
from glossator.service.api.problems import InvalidRequest
from glossator.service.bundle.task import Classifier, Task, TextEmbedding
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.text_classification import Scores

PLATFORM = "onnxruntime_onnx"
"""What Triton calls a server of ONNX graphs."""


def outputs_of(task: Task) -> list[tuple[str, str, list[int]]]:
    """Return name, type and shape per text of each output."""
    if isinstance(task, TextEmbedding):
        return [("embedding", "FP32", [task.dimension])]
    if task.task == "token-classification":
        return [("entities", "BYTES", [])]
    if task.task == "question-answering":
        return [("answer", "BYTES", []), ("start", "INT64", []), ("end", "INT64", []), ("score", "FP64", [])]
    if isinstance(task, Classifier) and task.problem_type == "regression":
        return [("score", "FP64", [])]
    return [
        ("label", "BYTES", []),
        ("score", "FP64", []),
        ("labels", "BYTES", []),
        ("probabilities", "FP64", [len(task.labels)]),
    ]


def output_bytes(name: str, classes: int | None, task: Task) -> int:
    """About how many bytes an output of one text has."""
    if name == "embedding":
        assert isinstance(task, TextEmbedding)
        return task.dimension * NUMBER_BYTES
    if name == "probabilities":
        if classes is not None:
            return scores_bytes(task.labels, classes)
        return len(task.labels) * NUMBER_BYTES
    if name in ("label", "labels"):
        return NUMBER_BYTES + names_bytes(task.labels, 1 if name == "label" else len(task.labels))
    return NUMBER_BYTES


def output_tensors(task: Task, answers: Sequence[Answer]) -> list[Tensor]:
    """Return the outputs. `labels` and `entities` contain JSON; `probabilities` are in the order of the labels."""
    if isinstance(task, TextEmbedding):
        columns: list[Any] = [np.concatenate([answer.vector for answer in answers] or [np.empty(0, dtype=np.float32)])]
    elif task.task == "token-classification":
        columns = [[json.dumps([asdict(each) for each in answer.entities]) for answer in answers]]
    elif task.task == "question-answering":
        columns = _spans(answers)
    elif isinstance(task, Classifier) and task.problem_type == "regression":
        columns = [np.array([answer.score for answer in answers])]
    else:
        columns = [
            [answer.label or "" for answer in answers],
            np.array([answer.score for answer in answers]),
            [json.dumps(answer.labels) for answer in answers],
            _probabilities(task.labels, answers).ravel(),
        ]
    return [
        Tensor(name, kind, (len(answers), *further), values)
        for (name, kind, further), values in zip(outputs_of(task), columns, strict=True)
    ]


def _probabilities(labels: Sequence[str], answers: Sequence[Answer]) -> NDArray[np.float64]:
    """Return the probabilities `(texts, labels)` in the order of the labels."""
    rows = np.zeros((len(answers), len(labels)))
    for row, answer in zip(rows, answers, strict=True):
        scores = answer.prediction.scores  # type: ignore[union-attr]
        assert isinstance(scores, Scores)
        row[scores.indices] = scores.values
    return rows


def _spans(answers: Sequence[Answer]) -> list[Any]:
    """Return texts, starts, ends and scores; "no answer" is an empty text from 0 to 0."""
    rows = []
    for answer in answers:
        prediction = answer.prediction
        assert isinstance(prediction, Extraction)
        best = prediction.answer
        rows.append((best.text, best.start, best.end, best.score) if best else ("", 0, 0, prediction.no_answer_score))
    texts, starts, ends, scores = zip(*rows, strict=True) if rows else ((), (), (), ())
    return [list(texts), np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64), np.array(scores)]


def parse_classes(count: object) -> int | None:
    """The number of classes that a `classification` parameter asks for; None for none. Raises InvalidRequest."""
    if count is None or (count == 0 and not isinstance(count, bool)):
        return None
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InvalidRequest("classification is not a number of classes", found=count, expected="1 or more")
    return count


def top_classes(tensor: Tensor, count: int, labels: Sequence[str]) -> Tensor:
    """The highest numbers of each row as `SCORE:INDEX:LABEL`, as Triton's classification extension defines it.

    Numbers without labels become `SCORE:INDEX`. Raises InvalidRequest for an output without rows of numbers.
    """
    if len(tensor.shape) != 2 or not isinstance(tensor.values, np.ndarray):
        raise InvalidRequest(
            "classification does not apply to this output",
            found=tensor.name,
            expected="an output with a row of numbers per text",
            hint="Request probabilities.",
        )
    rows = tensor.values.reshape(tensor.shape)
    names = [f":{label}" for label in labels] or [""] * rows.shape[1]
    most = min(count, rows.shape[1])
    texts = (
        f"{row[place]}:{place}{names[place]}" for row in rows for place in (-row).argsort(kind="stable")[:most].tolist()
    )
    return Tensor(tensor.name, "BYTES", (len(rows), most), texts)
