"""The objective of question answering: cross-entropy over a window's tokens for the first and last token of the answer.

In windows without the answer the target is the first token of the window (Devlin et al. 2019, section 4.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.metrics.question_answering import score_answers
from glossator.evaluation.metrics.task_metrics import predict_rows
from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.bundle.task import QuestionAnswering, Task
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.encoded import Alignment, EncodedText
from glossator.service.tasks.question_answering import Extraction
from glossator.training.batches import Example
from glossator.training.compute.device import Device
from glossator.training.corpus.finding import Finding
from glossator.training.objectives.objective import forward, weights_of

_NO_ANSWER = (0, 0)


class AnswerObjective:
    """Answers to questions, as spans of their contexts."""

    metric = "f1"

    def __init__(self, task: QuestionAnswering) -> None:
        self._task = task

    def examples(self, encoded: Sequence[EncodedText], rows: LabelledRows) -> tuple[list[Example], list[Finding]]:
        """Every window with the positions of the first and the last token of the answer, `(2,)`.

        Of several accepted answers the first is used.
        """
        assert rows.spans is not None
        made = []
        for row, (text, spans) in enumerate(zip(encoded, rows.spans, strict=True)):
            for window, alignment in zip(text.windows, text.alignment, strict=True):
                positions = locate_answer(alignment, spans[0]) if spans else _NO_ANSWER
                made.append(Example(window, row, 1.0 / len(text.windows), np.array(positions, dtype=np.int64)))
        return made, []

    def loss(self, model: Any, batch: Sequence[Example], device: Device) -> Any:
        """The mean of the losses of start and end, weighted over the windows of the batch."""
        import torch
        from torch.nn import functional

        outputs = forward(model, self._task, [example.window for example in batch], device)  # (batch, seq) each
        gold = torch.from_numpy(np.stack([example.target for example in batch])).to(device.name)  # (batch, 2)
        lengths = torch.tensor([len(example.window) for example in batch], device=device.name)
        padding = torch.arange(outputs[0].shape[1], device=device.name)[None] >= lengths[:, None]  # (batch, seq)
        losses = sum(
            functional.cross_entropy(logits.masked_fill(padding, -1e4), gold[:, side], reduction="none")
            for side, logits in enumerate(outputs)
        )
        weights = weights_of(batch, device)
        return (losses * weights).sum() / weights.sum() / 2

    def validate(self, pipeline: Pipeline, rows: LabelledRows) -> float:
        """SQuAD's F1."""
        answers = _extractions(pipeline, rows)
        if not all(math.isfinite(each.no_answer_score) for each in answers):
            return math.nan
        return float(score_answers(rows, answers)[0].mean())

    def calibrate(self, pipeline: Pipeline, rows: LabelledRows) -> Task:
        """The task with the no-answer threshold that has the highest F1; unchanged if every question has an answer."""
        assert rows.spans is not None
        if all(rows.spans):
            return self._task
        answers = _extractions(pipeline, rows)
        found = [each.candidates[0] if each.candidates else None for each in answers]
        as_answered = [Extraction(span, each.candidates, 0.0, 0.0) for span, each in zip(found, answers, strict=True)]
        answered = score_answers(rows, as_answered)[0]
        absent = np.array([float(not spans) for spans in rows.spans])
        margins = np.array([each.margin for each in answers])
        order = np.argsort(margins)
        # With the threshold after the i-th margin, the first i questions are answered and the others are not.
        totals = np.concatenate([[0.0], np.cumsum(answered[order])]) + np.concatenate(
            [np.cumsum(absent[order][::-1])[::-1], [0.0]]
        )
        best = int(totals.argmax())
        edges = np.concatenate([[margins[order[0]] - 1.0], margins[order], [margins[order[-1]] + 1.0]])
        threshold = float((edges[best] + edges[best + 1]) / 2)
        return self._task.model_copy(update={"null_threshold": round(threshold, 4)})

    def confidence(self, pipeline: Pipeline, rows: LabelledRows) -> NDArray[np.float64]:
        """The probability of the best span."""
        answers = _extractions(pipeline, rows)
        return np.array([each.candidates[0].score if each.candidates else 0.0 for each in answers])


def locate_answer(alignment: Alignment, span: GoldSpan) -> tuple[int, int]:
    """The positions of the first and the last token of a span in a window; (0, 0) if the window lacks a part of it."""
    inside = alignment.inside
    offsets = alignment.offsets[inside]
    if not len(inside) or offsets[0, 0] > span.start or offsets[-1, 1] < span.end:
        return _NO_ANSWER
    covered = np.flatnonzero((offsets[:, 1] > span.start) & (offsets[:, 0] < span.end))
    if not len(covered):
        return _NO_ANSWER
    return int(inside[covered[0]]), int(inside[covered[-1]])


def _extractions(pipeline: Pipeline, rows: LabelledRows) -> list[Extraction]:
    answers = predict_rows(pipeline, rows)
    return [each for each in answers if isinstance(each, Extraction)]
